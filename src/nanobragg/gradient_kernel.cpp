/* The derivatives of one instruction set's kernel: compiled once for each, like kernel.cpp. */
#include "nanobragg/accumulate_slopes.h"
#include "nanobragg/coefficients.h"
#include "nanobragg/consume.h"
#include "nanobragg/kernel.h"
#include "nanobragg/walk.h"

namespace nb::NB_ISA {

static constexpr SlopesTable<double, double> in_double;
static constexpr SlopesTable<double, float> in_double_from_floats;
static constexpr SlopesTable<float, float> in_single;

/* Pixels of one row, of numbers from `first` on in the task's list; at most SPAN_PIXELS. */
static int span_at(const GradientTask &task, int64_t first, int64_t end, int *columns)
{
    const int64_t row = task.pixels[first] / task.fast;
    int n = 0;
    while (n < SPAN_PIXELS && first + n < end && task.pixels[first + n] / task.fast == row) {
        columns[n] = (int)(task.pixels[first + n] - row * task.fast);
        ++n;
    }
    return n;
}

template <class Real>
static void consume_pixels(const Scene &s, const Motions &motions, const GradientTask &task, int64_t first, int64_t end,
                           Accumulate<Gradient<Real>> *add, Consumer &consumer)
{
    int columns[SPAN_PIXELS];
    while (first < end && !*task.stop) {
        const int64_t row = task.pixels[first] / task.fast;
        const int panel = (int)(row / task.slow), n = span_at(task, first, end, columns);
        Gradient<Real> sink(motions);
        visit_terms(s, s.panels[panel], (int)(row % task.slow), columns, n, all_of(s), add, task.stop, sink);
        sink.store(s.scale, n, consumer.primitives(), SPAN_ROW);
        consumer.take(panel, first, n);
        first += n;
    }
}

static void run(const Scene &s, const Motions &motions, const GradientTask &task, int64_t first, int64_t end,
                char *memory, double *sums)
{
    Consumer consumer(task, memory, sums);
    switch (task.precision) {
    case IN_SINGLE:
        consume_pixels(s, motions, task, first, end, in_single.function[s.shape][s.lookup], consumer);
        break;
    case IN_DOUBLE_FROM_FLOATS:
        consume_pixels(s, motions, task, first, end, in_double_from_floats.function[s.shape][s.lookup], consumer);
        break;
    default:
        consume_pixels(s, motions, task, first, end, in_double.function[s.shape][s.lookup], consumer);
    }
    consumer.finish();
}

static size_t task_bytes(const GradientTask &task)
{
    return Consumer::bytes(task);
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

extern const GradientKernel gradient_kernel = {run, task_bytes, coefficients};

} // namespace nb::NB_ISA
