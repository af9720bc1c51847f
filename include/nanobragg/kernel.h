/* The entry points of one instruction set's kernel, and the list of those that were compiled. */
#ifndef NANOBRAGG_KERNEL_H
#define NANOBRAGG_KERNEL_H

#include "coefficient.h"
#include "culling/plan.h"
#include "gradient_task.h"
#include "noise_kernel.h"
#include "scene.h"
#include "trace_record.h"

#include <stddef.h>
#include <stdint.h>

namespace nb {

/* How the terms are computed; the walk that leads to them is in double precision always. */
enum Precision {
    IN_DOUBLE,
    IN_DOUBLE_FROM_FLOATS, /* with a table of floats */
    IN_SINGLE,             /* and single precision behind the reduction of the index */
    PRECISIONS
};

/* State of the original's walk between pixels. */
struct COrder {
    bool first;         /* no term has been evaluated yet (row 1) */
    bool interpolating; /* no point has left the table yet (row 6) */
};

/* Whether pixels must still come one by one, in the image's order. */
static inline bool depends_on_order(const CScene &s, const COrder &order)
{
    return (order.first && s.first_cells) || (s.rules.interpolation_ends && order.interpolating);
}

/* Each function is for n pixels of row `slow` at the columns `fast`, n <= SPAN_PIXELS, or for one pixel. A stop flag is
 * set by another thread: give up. */
struct Kernel {
    void (*render)(const Scene &s, const Panel &p, int slow, const int *fast, int n, int precision,
                   const volatile int *stop, double *photons);
    void (*render_c)(const CScene &s, const Panel &p, int slow, const int *fast, int n, COrder *order,
                     const volatile int *stop, double *photons);
    void (*trace)(const Scene &s, const Panel &p, int slow, int fast, TraceTotals *totals);
    void (*trace_c)(const CScene &s, const Panel &p, int slow, int fast, COrder *order, TraceTotals *totals);
    double (*solid_angle)(const Scene &s, const Panel &p, int slow, int fast);
    double (*solid_angle_c)(const CScene &s, const Panel &p, int slow, int fast);
    double (*multiply_adds)(int64_t n); /* roofline.h */
    /* With terms left out (culling/): the photons of a region's wanted pixels, by rows of REGION, none missing more
     * than `epsilon`; a region's tile that is probably the brightest; and the bytes of memory that either needs. */
    void (*render_region)(const Scene &s, const Panel &p, const Plan &plan, double epsilon, const Region &region,
                          int precision, char *memory, const volatile int *stop, double *photons, Tally *tally);
    Bright (*find_brightest)(const Scene &s, const Panel &p, const Plan &plan, const Region &region, double reach_sqr,
                             char *memory, const volatile int *stop);
    size_t (*region_bytes)(const Scene &s, const Plan &plan);
};

/* Derivatives (gradient_kernel.cpp). */
struct GradientKernel {
    /* A task on the pixels of one panel from number `first` to `end` of its list, added to its sums; and the bytes of
     * memory that it needs, at a multiple of 64. */
    void (*run)(const Scene &s, const Motions &motions, const GradientTask &task, int64_t first, int64_t end,
                char *memory, double *sums);
    size_t (*task_bytes)(const GradientTask &task);
    /* The same on the task's pixels in a region, with terms left out so that none misses more than `epsilon` photons
     * (culling/); `motions` of the sources in every order. */
    void (*run_region)(const Scene &s, const Motions *motions, const Plan &plan, double epsilon,
                       const GradientTask &task, int panel, int fast, int slow, char *memory, double *sums,
                       Tally *tally);
    size_t (*region_task_bytes)(const Scene &s, const Plan &plan, const GradientTask &task);
    /* The primitives of one term alone, in double precision. */
    void (*of_term)(const Scene &s, const Motions &motions, const TermAt &at, int precision, double *primitives);
    void (*coefficients)(const Scene &s, const Panel &p, int slow, const int *fast, int n, int precision,
                         const volatile int *stop, PushCoefficient *push, void *list); /* coefficients.h */
};

namespace baseline {
extern const Kernel kernel;
extern const GradientKernel gradient_kernel;
extern const NoiseKernel noise_kernel;
} // namespace baseline
namespace v2 {
extern const Kernel kernel;
extern const GradientKernel gradient_kernel;
extern const NoiseKernel noise_kernel;
} // namespace v2
namespace v3 {
extern const Kernel kernel;
extern const GradientKernel gradient_kernel;
extern const NoiseKernel noise_kernel;
} // namespace v3
namespace v4 {
extern const Kernel kernel;
extern const GradientKernel gradient_kernel;
extern const NoiseKernel noise_kernel;
} // namespace v4

struct NamedKernel {
    const char *name;
    const Kernel *kernel;
    const GradientKernel *gradient;
    const NoiseKernel *noise;
};

/* Compiled kernels that this processor can run, slowest first; returns how many. */
static inline int kernels(NamedKernel *list)
{
    int n = 0;
    list[n++] = {"baseline", &baseline::kernel, &baseline::gradient_kernel, &baseline::noise_kernel};
#if defined(NB_HAVE_V2)
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"))
        list[n++] = {"v2", &v2::kernel, &v2::gradient_kernel, &v2::noise_kernel};
#endif
#if defined(NB_HAVE_V3)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        list[n++] = {"v3", &v3::kernel, &v3::gradient_kernel, &v3::noise_kernel};
#endif
#if defined(NB_HAVE_V4)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vl"))
        list[n++] = {"v4", &v4::kernel, &v4::gradient_kernel, &v4::noise_kernel};
#endif
    return n;
}

} // namespace nb

#endif
