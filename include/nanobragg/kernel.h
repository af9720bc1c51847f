/* The entry points of one instruction set's kernel, and the list of those that were compiled. */
#ifndef NANOBRAGG_KERNEL_H
#define NANOBRAGG_KERNEL_H

#include "scene.h"

#include <stdint.h>

enum { NB_SPAN_PIXELS = 64 };

/* How the terms are computed; the walk that leads to them is in double precision always. */
enum nb_precision {
    NB_IN_DOUBLE,
    NB_IN_DOUBLE_FROM_FLOATS, /* with a table of floats */
    NB_IN_SINGLE,             /* and single precision behind the reduction of the index */
    NB_PRECISIONS
};

/* photons in n pixels of row `slow` at the columns `fast`, n <= NB_SPAN_PIXELS */
typedef void nb_span_fn(const nb_scene *s, const nb_panel *p, int slow, const int *fast, int n, nb_state *state,
                        double *photons);

typedef struct {
    const char *name;
    nb_span_fn *span;
    nb_span_fn *traced; /* the same for one pixel (n = 1), with state->recorder; in double precision */
    nb_cells_table *cells[NB_PRECISIONS]; /* for state->cells */
    /* solid angle of one pixel, summed over its sub-pixels (and layers under c_factors) as the image counts it */
    double (*omega)(const nb_scene *s, const nb_panel *p, int slow, int fast);
    double (*multiply_adds)(int64_t n); /* roofline.h */
} nb_kernel;

extern const nb_kernel nb_kernel_baseline, nb_kernel_v2, nb_kernel_v3, nb_kernel_v4;

/* Compiled kernels that this processor can run, slowest first; returns how many. */
static inline int nb_kernels(const nb_kernel **list)
{
    int n = 0;
    list[n++] = &nb_kernel_baseline;
#if defined(NB_HAVE_V2)
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"))
        list[n++] = &nb_kernel_v2;
#endif
#if defined(NB_HAVE_V3)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        list[n++] = &nb_kernel_v3;
#endif
#if defined(NB_HAVE_V4)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vl"))
        list[n++] = &nb_kernel_v4;
#endif
    return n;
}

#endif
