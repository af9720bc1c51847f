/* Elementary functions without branches, so that a loop over them vectorises.
 * Polynomials are minimax fits (Remez, computed for this file); their relative errors are given. */
#ifndef NANOBRAGG_MATHS_H
#define NANOBRAGG_MATHS_H

#include "inline.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* With NB_SINGLE, what follows the reduction of an index is in single precision (docs/performance.md; the square shape
 * only): offsets from
 * the nearest reflection are whole multiples of 2^-32, so that N times an offset wraps as a 32-bit number does. */
#if defined(NB_SINGLE)
typedef float nb_real;
typedef int32_t nb_offset;
#else
typedef double nb_real;
typedef double nb_offset;
#endif

#define NB_PI 3.14159265358979323846
#define NB_ROUNDER 6755399441055744.0 /* 1.5 * 2^52: adding it rounds a double to a whole number */

/* Smallest whole number that is not below x; |x| < 2^51 where the machine has no instruction for it. */
NB_INLINE double nb_ceil(double x)
{
#if defined(__SSE4_1__) || !(defined(__x86_64__) || defined(__i386__))
    return ceil(x);
#else
    const double near = (x + NB_ROUNDER) - NB_ROUNDER;
    return near + (near < x ? 1.0 : 0.0);
#endif
}

NB_INLINE double nb_floor(double x)
{
    return -nb_ceil(-x);
}

/* The nearest whole number, halves downwards, as the C program rounds Miller indices. */
NB_INLINE double nb_nearest(double x)
{
    return nb_ceil(x - 0.5);
}

/* x / y from per_y = 1 / y; if `exact`, rounded as the division is (where the machine fuses multiply and add). */
NB_INLINE double nb_divide(int exact, double x, double y, double per_y)
{
    const double near = x * per_y;
    return exact ? near + (x - near * y) * per_y : near;
}

/* A nearest whole number; which one, for halves, does not matter. */
NB_INLINE double nb_round(double x)
{
#if defined(__SSE4_1__) || !(defined(__x86_64__) || defined(__i386__))
    return rint(x);
#else
    return (x + NB_ROUNDER) - NB_ROUNDER;
#endif
}

NB_INLINE int nb_clamp(int x, int low, int high)
{
    const int above = x > low ? x : low;
    return above < high ? above : high;
}

/* The reflection nearest to index h, and the offset h - nearest. Single: |h| < 2^19, offset to 2^-33. */
NB_INLINE void nb_split(double h, int *nearest, nb_offset *offset)
{
#if defined(NB_SINGLE)
    const double shifted = 0x1.8p20 - h; /* its last bit is 2^-32; of -h, so that halves go downwards */
    int64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    *offset = (int32_t)bits;
    *nearest = 0x41380000 - (int)(bits >> 32) - (int)((uint32_t)*offset >> 31); /* upper half of 0x1.8p20 */
#else
    const double whole = nb_nearest(h);
    *nearest = (int)whole;
    *offset = h - whole;
#endif
}

/* n times an offset, without its whole part. */
NB_INLINE nb_offset nb_times(nb_offset offset, double n)
{
#if defined(NB_SINGLE)
    return (int32_t)((uint32_t)offset * (uint32_t)(int)n);
#else
    return n * offset - nb_round(n * offset);
#endif
}

/* An offset as a number in [-1/2, 1/2], up to its sign: for squares. */
NB_INLINE nb_real nb_offset_real(nb_offset offset)
{
#if defined(NB_SINGLE)
    return (float)offset * 0x1p-32f;
#else
    return offset;
#endif
}

/* sin(pi x)/x for |x| <= 1/2, from x squared; relative error 1.4e-16. */
NB_INLINE double nb_sinpi_over_x(double xx)
{
    double p = -0.000021122952927771243582;
    p = p * xx + 0.00046597761697805214953;
    p = p * xx - 0.0073703610716681788881;
    p = p * xx + 0.082145878256550089741;
    p = p * xx - 0.59926452877570948715;
    p = p * xx + 2.5501640398597762522;
    p = p * xx - 5.1677127800497525666;
    return p * xx + 3.1415926535897927919;
}

/* sin^2(pi x) for |x| <= 1/2, from x squared; relative error 1.1e-8 in single precision, 3e-16 in double. */
NB_INLINE nb_real nb_sinpi_sqr(nb_real xx)
{
#if defined(NB_SINGLE)
    float p = 0.077560386790797222249f;
    p = p * xx - 0.5982421263420936507f;
    p = p * xx + 2.5500697263299960901f;
    p = p * xx - 5.167709684799476654f;
    p = p * xx + 3.1415926368954115438f;
#else
    const double p = nb_sinpi_over_x(xx);
#endif
    return p * p * xx;
}

/* exp(x), relative error 3e-16; x beyond -708 and 709 counts as these. */
NB_INLINE double nb_exp(double x)
{
    const double above = x > -708.0 ? x : -708.0, clamped = above < 709.0 ? above : 709.0;
    const double shifted = clamped * 1.44269504088896340736 + NB_ROUNDER;
    const double n = shifted - NB_ROUNDER;
    const double r = (clamped - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    int64_t bits;
    double power, p = 2.4994314816236954106e-8;
    p = p * r + 2.7632293229705629081e-7;
    p = p * r + 2.7557622499311845433e-6;
    p = p * r + 0.000024801486521580922491;
    p = p * r + 0.0001984126943271529734;
    p = p * r + 0.0013888888951223825122;
    p = p * r + 0.0083333333335592534604;
    p = p * r + 0.041666666666492767992;
    p = p * r + 0.16666666666666168701;
    p = p * r + 0.50000000000000176855;
    p = p * r + 1.0;
    p = p * r + 1.0;
    memcpy(&bits, &shifted, sizeof bits); /* the low bits of the rounded sum are n in two's complement */
    bits = (int64_t)((uint64_t)(bits + 1023) << 52);
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

#endif
