/* Elementary functions without branches, so that a loop over them vectorises.
 * Polynomials are minimax fits (Remez, computed for this file); their relative errors are given. */
#ifndef NANOBRAGG_MATHS_H
#define NANOBRAGG_MATHS_H

#include "compiler.h"

#define NB_PI 3.14159265358979323846
#define NB_ROUNDER 6755399441055744.0 /* 1.5 * 2^52: adding it rounds a double to a whole number */

namespace nb::NB_ISA {

/* Smallest whole number that is not below x; |x| < 2^51 where the machine has no instruction for it. */
NB_INLINE double branchless_ceil(double x)
{
#if defined(__SSE4_1__) || !(defined(__x86_64__) || defined(__i386__))
    return ceil(x);
#else
    const double near = (x + NB_ROUNDER) - NB_ROUNDER;
    return near + (near < x ? 1.0 : 0.0);
#endif
}

NB_INLINE double branchless_floor(double x)
{
    return -branchless_ceil(-x);
}

/* The nearest whole number, halves downwards, as the C program rounds Miller indices. */
NB_INLINE double round_half_down(double x)
{
    return branchless_ceil(x - 0.5);
}

/* A nearest whole number; which one, for halves, does not matter. */
NB_INLINE double round_to_nearest(double x)
{
#if defined(__SSE4_1__) || !(defined(__x86_64__) || defined(__i386__))
    return rint(x);
#else
    return (x + NB_ROUNDER) - NB_ROUNDER;
#endif
}

NB_INLINE float round_to_nearest(float x)
{
#if defined(__SSE4_1__) || !(defined(__x86_64__) || defined(__i386__))
    return rintf(x);
#else
    return (x + 12582912.0f) - 12582912.0f; /* 1.5 * 2^23 */
#endif
}

/* x / y from per_y = 1 / y; if `exact`, rounded as the division is (where the machine fuses multiply and add). */
template <bool exact> NB_INLINE double divide(double x, double y, double per_y)
{
    const double near = x * per_y;
    return exact ? near + (x - near * y) * per_y : near;
}

/* x / y. */
NB_INLINE double quotient(double x, double y)
{
    return x / y;
}

/* On a GPU from the approximate reciprocal, with one correction; |y| from 2^-126 to 2^126. */
NB_INLINE float quotient(float x, float y)
{
#if defined(NB_DEVICE)
    const float per_y = __fdividef(1.0f, y), near = x * per_y;
    return near + fmaf(-near, y, x) * per_y;
#else
    return x / y;
#endif
}

/* Of two numbers; unlike fmax and fmin, without a call. If x is NaN, y. */
template <class Real> NB_INLINE Real larger(Real x, Real y)
{
    return x > y ? x : y;
}

template <class Real> NB_INLINE Real smaller(Real x, Real y)
{
    return x < y ? x : y;
}

NB_INLINE int clamp(int x, int low, int high)
{
    const int above = x > low ? x : low;
    return above < high ? above : high;
}

/* sin(pi x)/x for |x| <= 1/2, from x squared; relative error 1.4e-16. */
NB_INLINE double sinpi_over_x(double xx)
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

/* sin^2(pi x) for |x| <= 1/2, from x squared; relative error 3e-16. */
NB_INLINE double sinpi_sqr(double xx)
{
    const double p = sinpi_over_x(xx);
    return p * p * xx;
}

/* The same in single precision; relative error 1.1e-8. */
NB_INLINE float sinpi_over_x(float xx)
{
    float p = 0.077560386790797222249f;
    p = p * xx - 0.5982421263420936507f;
    p = p * xx + 2.5500697263299960901f;
    p = p * xx - 5.167709684799476654f;
    return p * xx + 3.1415926368954115438f;
}

NB_INLINE float sinpi_sqr(float xx)
{
    const float p = sinpi_over_x(xx);
    return p * p * xx;
}

/* sin(pi x)/x - pi cos(pi x) for |x| <= 1/2, from x squared; relative error 3e-16. */
NB_INLINE double sine_less_cosine(double xx)
{
    double p = -0.000012313428179141392485;
    p = p * xx + 0.00030664780742240078977;
    p = p * xx - 0.0055955980308807133507;
    p = p * xx + 0.073704305235057280007;
    p = p * xx - 0.65716709261659102182;
    p = p * xx + 3.5955871759160887698;
    p = p * xx - 10.200656159509276323;
    p = p * xx + 10.335425560099939847;
    return p * xx;
}

/* The same in single precision; relative error 1e-8. */
NB_INLINE float sine_less_cosine(float xx)
{
    float p = 0.070243212030387410694f;
    p = p * xx - 0.65640372774666624139f;
    p = p * xx + 3.5955178300004312697f;
    p = p * xx - 10.200653932628443132f;
    p = p * xx + 10.335425548477403275f;
    return p * xx;
}

constexpr double SMALLEST_EXPONENT = 708.0;

/* exp(x), relative error 3e-16; x beyond -708 and 709 counts as these. */
NB_INLINE double bounded_exp(double x)
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

/* An upper bound of exp(-x) for x >= 0, at most 7 % above it for x < 69, and never 0: the chord of 2^-y between whole
 * numbers y. */
NB_INLINE float exp_from_above(float x)
{
    const float turns = x * 1.442695f, y = turns < 100.0f ? turns : 100.0f;
    const int whole = (int)y, bits = (127 - whole) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power * (1.0f - 0.5f * (y - (float)whole));
}

} // namespace nb::NB_ISA

#endif
