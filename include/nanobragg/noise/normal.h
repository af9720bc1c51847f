/* Logarithm and normal deviates without branches, so that a loop over them vectorises. */
#ifndef NANOBRAGG_NOISE_NORMAL_H
#define NANOBRAGG_NOISE_NORMAL_H

#include "../maths.h"
#include "threefry.h"

namespace nb::NB_ISA {

/* ln x for positive normal x, relative error 3e-16 away from 1: ln x = e ln 2 + 2 artanh f, f = (m - 1)/(m + 1),
 * with m between 1/sqrt(2) and sqrt(2), and the series of artanh. */
NB_INLINE double natural_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint64_t shifted = bits - UINT64_C(0x3fe6a09e667f3bcd); /* of 1/sqrt(2) */
    const uint64_t exponent = (shifted >> 52) & 0xfff;              /* in two's complement of 12 bits */
    const uint64_t mantissa = bits - (shifted & UINT64_C(0xfff0000000000000));
    const uint64_t whole = UINT64_C(0x4330000000000000) | (exponent ^ 0x800); /* 2^52 + 2048 + e */
    double m, e;
    memcpy(&m, &mantissa, sizeof m);
    memcpy(&e, &whole, sizeof e);
    e -= 0x1p52 + 2048.0;
    const double f = (m - 1.0) / (m + 1.0), g = f * f;
    double p = 1.0 / 23.0;
    p = p * g + 1.0 / 21.0;
    p = p * g + 1.0 / 19.0;
    p = p * g + 1.0 / 17.0;
    p = p * g + 1.0 / 15.0;
    p = p * g + 1.0 / 13.0;
    p = p * g + 1.0 / 11.0;
    p = p * g + 1.0 / 9.0;
    p = p * g + 1.0 / 7.0;
    p = p * g + 1.0 / 5.0;
    p = p * g + 1.0 / 3.0;
    return e * 0.693147180559945309417 + (2.0 * f + 2.0 * f * g * p);
}

/* A normal deviate of mean 0 and variance 1: sqrt(-2 ln u) cos(2 pi v) (Box & Muller, Ann. Math. Stat. 29, 610, 1958).
 */
NB_INLINE double normal_deviate(Uniforms of)
{
    const double x = of.v - 0.5, cosine = 2.0 * sinpi_sqr(x * x) - 1.0;
    const double radius = -2.0 * natural_log(of.u);
    return sqrt(radius > 0.0 ? radius : 0.0) * cosine;
}

} // namespace nb::NB_ISA

#endif
