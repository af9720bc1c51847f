/* Bounds of all rays to a part of a panel (docs/culling.md, The sum and its bounds). */
#ifndef NANOBRAGG_CULLING_PATCH_H
#define NANOBRAGG_CULLING_PATCH_H

#include "../geometry.h"
#include "../polarization.h"

namespace nb::NB_ISA {

/* Every ray to the patch, in any sensor layer, has a direction d + x u + y v + r with |x|, |y| <= 1 and |r| <= rest. */
struct Patch {
    double d[3], u[3], v[3], rest;
    double spread; /* no direction is farther than this from d */
    double omega;  /* no sub-pixel's solid angle is larger */
};

static inline void direction_at(const Scene &s, const Panel &p, double fast, double slow, double depth, double *d,
                                double *distance)
{
    double place[3];
    find_position(s, p, panel_row_at(p, slow, depth), fast, place);
    *distance = length(place);
    for (int i = 0; i < 3; ++i)
        d[i] = place[i] / *distance;
}

/* Half the difference between the directions on two sides of the centre. */
static inline void half_difference(const Scene &s, const Panel &p, const double *low, const double *high, double depth,
                                   double *half)
{
    double from[3], to[3], distance;
    direction_at(s, p, low[0], low[1], depth, from, &distance);
    direction_at(s, p, high[0], high[1], depth, to, &distance);
    for (int i = 0; i < 3; ++i)
        half[i] = 0.5 * (to[i] - from[i]);
}

constexpr double WIDEST = 0.5; /* largest spread of a patch that is looked at as a whole */

/* Between the points `low` and `high` along the axes (m). */
static inline Patch patch_between(const Scene &s, const Panel &p, const double *low, const double *high)
{
    Patch patch;
    double distance;
    const double centre[2] = {0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1])};
    const double deep = 0.5 * (s.n_layers - 1) * s.layer;
    const double left[2] = {low[0], centre[1]}, right[2] = {high[0], centre[1]};
    const double below[2] = {centre[0], low[1]}, over[2] = {centre[0], high[1]};
    direction_at(s, p, centre[0], centre[1], deep, patch.d, &distance);
    half_difference(s, p, left, right, deep, patch.u);
    half_difference(s, p, below, over, deep, patch.v);
    const double width = 0.5 * (high[0] - low[0]) * length(p.fast), height = 0.5 * (high[1] - low[1]) * length(p.slow);
    const double half_depth = fabs(deep) * length(p.normal), reach = width + height + half_depth;
    double bend, nearest = distance - reach, by_depth;
    if (s.curved) {
        const double turn = (length(p.along[0]) + length(p.along[1])) / p.distance;
        bend = turn * turn;
        by_depth = half_depth * turn;
        nearest = distance;
    } else {
        bend = nearest > 0.0 ? 1.1548 / (nearest * nearest) : INFINITY; /* 2/sqrt(3) */
        by_depth = half_depth / nearest;
    }
    const double area = area_of(s, p);
    patch.rest = 0.5 * bend * ((width + height) * (width + height) + width * width + height * height) + by_depth
               + 1e-14;
    patch.spread = length(patch.u) + length(patch.v) + patch.rest;
    patch.omega = nearest > 0.0 ? fabs(solid_angle(area, 1.0 / nearest)) * (1.0 + 1e-12) : INFINITY;
    return patch;
}

/* Upper bound of a pixel's photons from one source of weight 1, if F_cell^2 F_latt^2 is 1 in all of its terms. */
static inline double photons_per_unit(const Scene &s, const Patch &patch, const Source &source)
{
    double polar = 1.0;
    if (s.polarized) { /* its gradient with respect to the direction is at most max(1, |kahn|) */
        const double steep = larger(1.0, fabs(s.kahn));
        const double here = polarization(s.kahn, dot(source.direction, patch.d), dot(source.e, patch.d),
                                         dot(source.b, patch.d));
        polar = smaller(here + steep * patch.spread, 0.5 * (1.0 + steep));
    }
    const double sub_pixels = (double)s.oversample * s.oversample, layers = s.has_sensor ? 1.0 : s.n_layers;
    return s.scale * sub_pixels * layers * patch.omega * polar * (1.0 + 1e-12);
}

} // namespace nb::NB_ISA

#endif
