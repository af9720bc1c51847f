/* A fractional Miller index as the nearest reflection and the offset from it.
 *
 * In double precision an offset is a double. In single precision it is a whole multiple of 2^-32, so that N times an
 * offset wraps as a 32-bit integer does, and nothing is lost to whole turns (docs/performance.md). */
#ifndef NANOBRAGG_INDEX_H
#define NANOBRAGG_INDEX_H

#include "maths.h"

namespace nb::NB_ISA {

template <class Real> struct OffsetOf;
template <> struct OffsetOf<double> {
    using type = double;
};
template <> struct OffsetOf<float> {
    using type = int32_t;
};
template <class Real> using Offset = typename OffsetOf<Real>::type;

/* The reflection nearest to index h, halves downwards, and the offset h - nearest. */
NB_INLINE void split(double h, int *nearest, double *offset)
{
    const double whole = round_half_down(h);
    *nearest = (int)whole;
    *offset = h - whole;
}

/* In single precision, for |h| < 2^19: the offset of -h, to 2^-33. */
NB_INLINE void split(double h, int *nearest, int32_t *offset)
{
    const double shifted = 0x1.8p20 - h; /* its last bit is 2^-32; of -h, so that halves go downwards */
    int64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    *offset = (int32_t)bits;
    *nearest = 0x41380000 - (int)(bits >> 32) - (int)((uint32_t)*offset >> 31); /* upper half of 0x1.8p20 */
}

/* n times an offset, less a whole number of turns; in single precision n is a whole number. */
NB_INLINE double multiply_mod_1(double offset, double n)
{
    return n * offset - round_to_nearest(n * offset);
}

NB_INLINE int32_t multiply_mod_1(int32_t offset, double n)
{
    return (int32_t)((uint32_t)offset * (uint32_t)(int)n);
}

/* n times an offset as whole turns and the rest, with `nudge` added to the offset; returns the offset. */
NB_INLINE double split_turns(double offset, double n, double nudge, double *turns, double *rest)
{
    const double d = offset + nudge;
    *turns = round_to_nearest(n * d);
    *rest = n * d - *turns;
    return d;
}

NB_INLINE float split_turns(int32_t offset, double n, float nudge, float *turns, float *rest)
{
    const float cells = (float)n, d = (float)offset * -0x1p-32f + nudge;
    *rest = (float)multiply_mod_1(offset, n) * -0x1p-32f + cells * nudge;
    *turns = round_to_nearest(cells * d - *rest);
    return d;
}

/* An offset as a number in [-1/2, 1/2], up to its sign: for squares. */
NB_INLINE double unsigned_offset(double offset)
{
    return offset;
}

NB_INLINE float unsigned_offset(int32_t offset)
{
    return (float)offset * 0x1p-32f;
}

/* An offset as a number in [-1/2, 1/2], with its sign. */
NB_INLINE double signed_offset(double offset)
{
    return offset;
}

NB_INLINE float signed_offset(int32_t offset)
{
    return (float)offset * -0x1p-32f;
}

} // namespace nb::NB_ISA

#endif
