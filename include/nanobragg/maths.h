/* Elementary functions without branches, so that a loop over them vectorises.
 * Polynomials are minimax fits (Remez, computed for this file); their relative errors are given. */
#ifndef NANOBRAGG_MATHS_H
#define NANOBRAGG_MATHS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define NB_PI 3.14159265358979323846
#define NB_ROUNDER 6755399441055744.0 /* 1.5 * 2^52: adding it rounds a double to a whole number */

/* Smallest whole number that is not below x; |x| < 2^51 where the machine has no instruction for it. */
static inline double nb_ceil(double x)
{
#if defined(__SSE4_1__) || !(defined(__x86_64__) || defined(__i386__))
    return ceil(x);
#else
    const double near = (x + NB_ROUNDER) - NB_ROUNDER;
    return near + (near < x ? 1.0 : 0.0);
#endif
}

static inline double nb_floor(double x)
{
    return -nb_ceil(-x);
}

/* The nearest whole number, halves downwards, as the C program rounds Miller indices. */
static inline double nb_nearest(double x)
{
    return nb_ceil(x - 0.5);
}

static inline double nb_clamp(double x, double low, double high)
{
    const double above = x > low ? x : low; /* NaN becomes `low`: an index stays inside its table */
    return above < high ? above : high;
}

/* sin(pi x)/x for |x| <= 1/2, from x squared; relative error 1.4e-16. */
static inline double nb_sinpi_over_x(double xx)
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

/* exp(x) for x <= 0, relative error 3e-16; below -708 it stays at exp(-708). */
static inline double nb_exp_negative(double x)
{
    const double clamped = x > -708.0 ? x : -708.0;
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
