/* Upper bounds of the terms that a box of fractional indices can hold (docs/culling.md, The sum and its bounds). */
#ifndef NANOBRAGG_CULLING_BOUNDS_H
#define NANOBRAGG_CULLING_BOUNDS_H

#include "../amplitude.h"
#include "../extent.h"
#include "patch.h"
#include "plan.h"

namespace nb::NB_ISA {

constexpr double PER_METRE = 1e-10; /* 1/m in 1/A */
constexpr float ROUNDING = 1e-6f;   /* relative error of an index that was computed in single precision */

/* Upper bounds of |F|^2/largest, two for every reflection: its own, and that of it and its neighbours. */
static inline Table<float> squares_of(const Plan &plan)
{
    return {plan.squares,
            {plan.low[0], plan.low[1], plan.low[2]},
            {plan.high[0], plan.high[1], plan.high[2]},
            plan.stride_h,
            plan.stride_k,
            0.0,
            1.0};
}

/* One axis of a box: its middle is `offset` from the reflection `nearest`, and it reaches `width` to both sides. */
struct Side {
    float nearest, offset, width;
};

NB_INLINE Side side_of(float middle, float width)
{
    const float nearest = round_to_nearest(middle);
    return {nearest, fabsf(middle - nearest), width};
}

/* The distance from a whole number changes no faster than the index. */
NB_INLINE float least_offset(const Side s)
{
    return s.offset > s.width ? s.offset - s.width : 0.0f;
}

/* Upper bound of |F|^2 F_latt^2 in a box, as a share of the largest |F|^2 times the peak of F_latt^2. */
template <class Shape>
NB_INLINE float bound_in_box(const Table<float> squares, const Extent e, const Side h, const Side k, const Side l)
{
    const float widest = larger(larger(h.width, k.width), l.width);
    const float farthest = larger(larger(h.offset + h.width, k.offset + k.width), l.offset + l.width);
    const int place = closest_place(squares, (int)h.nearest, (int)k.nearest, (int)l.nearest);
    const int neighbours = farthest > 0.4999f;
    const float square = squares.values[2 * place + neighbours];
    const float share = Shape::envelope(e, least_offset(h), least_offset(k), least_offset(l));
    return above(share * (widest < 0.999f ? square : 1.0f));
}

/* No term has a larger squared radius: an offset from the nearest reflection is at most 1/2 along each axis. */
static inline double farthest_sqr(const Crystal &crystal)
{
    double sum = 0.0;
    for (int i = 0; i < 6; ++i)
        sum += fabs(crystal.metric[i]);
    return 0.25 * sum * (1.0 + 1e-9);
}

/* Photons of a pixel if all its terms were as large as one can be. */
static inline double photons_at_most(const Scene &s, const Plan &plan)
{
    return plan.largest * s.crystal.cells * s.crystal.cells;
}

} // namespace nb::NB_ISA

#endif
