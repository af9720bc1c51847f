/* The derivatives of one instruction set's kernel: compiled once for each, like kernel.cpp. */
#include "nanobragg/accumulate_slopes.h"
#include "nanobragg/coefficients.h"
#include "nanobragg/kernel.h"
#include "nanobragg/walk.h"

namespace nb::NB_ISA {

static constexpr SlopesTable<double, double> in_double;
static constexpr SlopesTable<double, float> in_double_from_floats;
static constexpr SlopesTable<float, float> in_single;

template <class Real>
static void sum_primitives(const Scene &s, const Motions &motions, const Panel &p, int slow, const int *fast, int n,
                           Accumulate<Gradient<Real>> *add, const volatile int *stop, double *out, size_t stride)
{
    Gradient<Real> sink(motions);
    visit_terms(s, p, slow, fast, n, all_of(s), add, stop, sink);
    sink.store(s.scale, n, out, stride);
}

static void primitives(const Scene &s, const Motions &motions, const Panel &p, int slow, const int *fast, int n,
                       int precision, const volatile int *stop, double *out, size_t stride)
{
    switch (precision) {
    case IN_SINGLE:
        return sum_primitives(s, motions, p, slow, fast, n, in_single.function[s.shape][s.lookup], stop, out, stride);
    case IN_DOUBLE_FROM_FLOATS:
        return sum_primitives(s, motions, p, slow, fast, n, in_double_from_floats.function[s.shape][s.lookup], stop,
                              out, stride);
    default:
        return sum_primitives(s, motions, p, slow, fast, n, in_double.function[s.shape][s.lookup], stop, out, stride);
    }
}

static constexpr CoefficientsTable<double> of_doubles;
static constexpr CoefficientsTable<float> of_floats;

static void coefficients(const Scene &s, const Panel &p, int slow, const int *fast, int n, int precision,
                         const volatile int *stop, PushCoefficient *push, void *list)
{
    Coefficients sink(push, list, n, s.scale);
    double photons[LANES];
    walk(s, p, slow, fast, n, all_of(s),
         (precision == IN_DOUBLE ? of_doubles.function : of_floats.function)[s.shape][s.lookup], stop, sink, photons);
    sink.finish_lanes();
}

extern const GradientKernel gradient_kernel = {primitives, coefficients};

} // namespace nb::NB_ISA
