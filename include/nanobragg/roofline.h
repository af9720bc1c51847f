/* The arithmetic peak of the processor: independent multiply-adds in double precision. For benchmarks. */
#ifndef NANOBRAGG_ROOFLINE_H
#define NANOBRAGG_ROOFLINE_H

#include "compiler.h"

namespace nb::NB_ISA {

#if !defined(__GNUC__)
using Vector = double;
#elif defined(__AVX512F__)
typedef double Vector __attribute__((vector_size(64)));
#elif defined(__AVX__)
typedef double Vector __attribute__((vector_size(32)));
#else
typedef double Vector __attribute__((vector_size(16)));
#endif

/* Twelve sums at a time: more than a multiply-add's latency in flight, fewer than there are registers. */
enum { SUMS = 12, ROUND_OF_SUMS = SUMS * (int)(sizeof(Vector) / sizeof(double)) };

/* Do n multiply-adds, rounded up to whole rounds; returns their sum, so that the compiler keeps them. */
static double multiply_adds(int64_t n)
{
    volatile double factor_now = 0.999999, summand_now = 1e-6; /* not known to the compiler */
    const Vector zero = {}, f = zero + factor_now, s = zero + summand_now;
    Vector a0 = f, a1 = f + 1., a2 = f + 2., a3 = f + 3., a4 = f + 4., a5 = f + 5., a6 = f + 6., a7 = f + 7.,
           a8 = f + 8., a9 = f + 9., a10 = f + 10., a11 = f + 11.;
    double lanes[sizeof(Vector) / sizeof(double)], sum = 0.0;
    for (int64_t i = 0; i < n; i += ROUND_OF_SUMS) {
        a0 = a0 * f + s, a1 = a1 * f + s, a2 = a2 * f + s, a3 = a3 * f + s;
        a4 = a4 * f + s, a5 = a5 * f + s, a6 = a6 * f + s, a7 = a7 * f + s;
        a8 = a8 * f + s, a9 = a9 * f + s, a10 = a10 * f + s, a11 = a11 * f + s;
    }
    a0 += a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11;
    memcpy(lanes, &a0, sizeof lanes);
    for (size_t i = 0; i < sizeof(Vector) / sizeof(double); ++i)
        sum += lanes[i];
    return sum;
}

} // namespace nb::NB_ISA

#endif
