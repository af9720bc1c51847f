/* From reflections to pixels, for shapes with nothing between their spots (docs/culling.md, Spots). */
#ifndef NANOBRAGG_CULLING_SPOTS_H
#define NANOBRAGG_CULLING_SPOTS_H

#include "reflections.h"
#include "sources.h"

namespace nb::NB_ISA {

/* A flat panel's plane at one depth: the ray along v meets it at the distances along the axes
 * distance (v.fast)/(v.normal) - start[0] and distance (v.slow)/(v.normal) - start[1]. */
struct Plane {
    double fast[3], slow[3], normal[3], distance, start[2];
};

static inline Plane plane_of(const Panel &p, double depth)
{
    Plane plane;
    double corner[3], normal[3], fast[3], slow[3];
    for (int i = 0; i < 3; ++i)
        corner[i] = p.pix0[i] + depth * p.normal[i];
    cross(p.fast, p.slow, normal);
    cross(p.slow, normal, fast); /* in the plane, and across the other axis */
    cross(normal, p.fast, slow);
    const double sign = dot(normal, corner) < 0.0 ? -1.0 : 1.0, size = sign / length(normal);
    for (int i = 0; i < 3; ++i) {
        plane.normal[i] = size * normal[i];
        plane.fast[i] = fast[i] / dot(fast, p.fast);
        plane.slow[i] = slow[i] / dot(slow, p.slow);
    }
    plane.distance = dot(plane.normal, corner);
    plane.start[0] = dot(plane.fast, corner);
    plane.start[1] = dot(plane.slow, corner);
    return plane;
}

struct Interval {
    double low, high;
};

/* Numbers of the sub-pixels, of those from `first` to `last`, whose middles are in an interval. */
struct Range {
    int first, last;
};

constexpr Range NONE = {1, 0};

NB_INLINE bool is_empty(const Range &range)
{
    return range.first > range.last;
}

NB_INLINE Range clip(const Interval x, const Range &all)
{
    const double low = larger(ceil(x.low - 0.5), (double)all.first);
    const double high = smaller(floor(x.high - 0.5), (double)all.last);
    return low > high ? NONE : Range{(int)low, (int)high};
}

/* Where a spot can be on a plane, in sub-pixels: an interval along each axis, and one across its track, along `across`.
 */
struct Outline {
    Interval fast, slow, side;
    double across[2];
    Range rows; /* those of a window that it may reach; if there is none, the rest is not known */
};

/* Rows and columns of sub-pixels. */
struct Window {
    Range rows, columns;
};

/* An end of a spot's band: the vector to the middle of its ellipsoid there, and what does not depend on the axis. */
struct BandEnd {
    double u[3], un, lead;
    double components[3]; /* of the plane's normal */
};

/* False if the ellipsoid is not all in front of the plane. */
static inline bool find_end(const Spot &spot, const double *s, double kappa, const Plane &plane, BandEnd &end)
{
    for (int i = 0; i < 3; ++i)
        end.u[i] = spot.g[i] + kappa * s[i];
    components(spot, plane.normal, end.components);
    end.un = dot(end.u, plane.normal);
    end.lead = end.un * end.un - spot.reach_sqr * bilinear(spot.inverse_metric, end.components, end.components);
    return end.un > 0.0 && end.lead > 1e-3 * end.un * end.un;
}

/* Widen an interval of a.v/n.v to hold all v in the ellipsoid around u. With t the distance from the value at u, and
 * w = a - (a.u/n.u) n, such a v exists where |t| u.n <= half_width(w - t n): between the roots of a quadratic. */
static inline void widen(const Spot &spot, const BandEnd &end, const double *a, const double *n, Interval &interval)
{
    const double middle = dot(end.u, a) / end.un;
    double w[3], cw[3];
    for (int i = 0; i < 3; ++i)
        w[i] = a[i] - middle * n[i];
    components(spot, w, cw);
    const double wn = spot.reach_sqr * bilinear(spot.inverse_metric, cw, end.components);
    const double ww = spot.reach_sqr * bilinear(spot.inverse_metric, cw, cw);
    const double root = sqrt(larger(wn * wn + end.lead * ww, 0.0)), rounding = 1e-12 * (fabs(middle) + 1.0);
    interval.low = smaller(interval.low, middle + (-wn - root) / end.lead * (1.0 + SLACK) - rounding);
    interval.high = larger(interval.high, middle + (-wn + root) / end.lead * (1.0 + SLACK) + rounding);
}

/* The interval of all ends along an axis, in sub-pixels from `start`. The convex hull of the ellipsoid at both ends of
 * its band holds it in between, and so does the hull's image, since lines stay lines in projection. */
static inline Interval along(const Spot &spot, const BandEnd *ends, int n_ends, const double *axis, double start,
                             const Plane &plane, double step)
{
    Interval interval = {INFINITY, -INFINITY};
    for (int end = 0; end < n_ends; ++end)
        widen(spot, ends[end], axis, plane.normal, interval);
    const double per_step = plane.distance / step, blur = 1e-6 + SLACK * fabs(start / step);
    return {interval.low * per_step - start / step - blur, interval.high * per_step - start / step + blur};
}

/* A spot that is not all in front of the panel can be anywhere. `step`: of the sub-pixels, m. */
static inline Outline find_outline(const Spot &spot, const double *s, const Plane &plane, double step,
                                   const Window &window)
{
    constexpr Interval anywhere = {-INFINITY, INFINITY};
    Outline outline = {anywhere, anywhere, anywhere, {0.0, 1.0}, window.rows};
    BandEnd ends[2];
    const int n_ends = has_band(spot) ? 2 : 1;
    for (int end = 0; end < n_ends; ++end)
        if (!find_end(spot, s, spot.kappa[end], plane, ends[end]))
            return outline;
    outline.slow = along(spot, ends, n_ends, plane.slow, plane.start[1], plane, step);
    outline.rows = clip(outline.slow, window.rows);
    if (is_empty(outline.rows))
        return outline;
    outline.fast = along(spot, ends, n_ends, plane.fast, plane.start[0], plane, step);
    if (is_empty(clip(outline.fast, window.columns))) {
        outline.rows = NONE;
        return outline;
    }
    if (n_ends == 1)
        return outline;
    double track[2], mixed[3];
    track[0] = dot(ends[1].u, plane.fast) / ends[1].un - dot(ends[0].u, plane.fast) / ends[0].un;
    track[1] = dot(ends[1].u, plane.slow) / ends[1].un - dot(ends[0].u, plane.slow) / ends[0].un;
    const double length = sqrt(track[0] * track[0] + track[1] * track[1]);
    outline.across[0] = length > 0.0 ? -track[1] / length : 0.0;
    outline.across[1] = length > 0.0 ? track[0] / length : 1.0;
    for (int i = 0; i < 3; ++i)
        mixed[i] = outline.across[0] * plane.fast[i] + outline.across[1] * plane.slow[i];
    const double start = outline.across[0] * plane.start[0] + outline.across[1] * plane.start[1];
    outline.side = along(spot, ends, n_ends, mixed, start, plane, step);
    return outline;
}

/* Columns of one row that the outline holds. */
static inline Range columns_of(const Outline &outline, int row, const Range &all)
{
    const double x = outline.across[0], rest = outline.across[1] * (row + 0.5);
    Interval columns = outline.fast;
    if (fabs(x) > 1e-9) {
        const double one = (outline.side.low - rest) / x, other = (outline.side.high - rest) / x;
        columns = {larger(columns.low, smaller(one, other)), smaller(columns.high, larger(one, other))};
    } else if (rest + 1e-3 < outline.side.low || rest - 1e-3 > outline.side.high) {
        return NONE;
    }
    return clip(columns, all);
}

/* Squared radius beyond which F_latt^2 is below a share of its peak. */
static inline double reach_sqr_of(int shape, double share)
{
    return Shapes::visit<double>(shape, [=](auto s) {
        if constexpr (s.compact)
            return s.reach_sqr(share);
        else
            return (double)INFINITY;
    });
}

static inline bool is_compact(int shape)
{
    return Shapes::visit<bool>(shape, [](auto s) { return s.compact; });
}

/* How far from a reflection terms count in a patch: `limit` is what a pixel may miss, as a share of what it would have
 * if all its terms were as large as one can be. Since the weights of a pixel's terms add up to one, it does not miss
 * more than the largest term that is left out. */
struct Reach {
    int shape;
    double limit, farthest;
    double *missing; /* the largest share that is left out */

    double operator()(double square) const
    {
        const double reach_sqr = limit < square ? reach_sqr_of(shape, limit / square) * (1.0 + SLACK) : -1.0;
        *missing = larger(*missing, reach_sqr < 0.0 ? square : is_edge(reach_sqr) ? 0.0 : limit);
        return smaller(reach_sqr, farthest);
    }

    /* Whether F_latt is 0 beyond: the reach does not depend on what may be left out. */
    bool is_edge(double reach_sqr) const { return reach_sqr_of(shape, 0.0) <= reach_sqr; }
};

/* Where the spots of a region are. */
class Spots {
public:
    Spots(const Scene &s, const Panel &p, const Plan &plan, const Region &region)
        : s(s), p(p), plan(plan), step(p.pixel / s.oversample), surface(plane_of(p, 0.0)),
          window({{region.slow * s.oversample, (region.slow + region.n_slow) * s.oversample - 1},
                  {region.fast * s.oversample, (region.fast + region.n_fast) * s.oversample - 1}})
    {
    }

    /* Nanoseconds, roughly, that the terms of a spot take. */
    double estimate(const Spot &spot, const View &view) const
    {
        double cost = 150.0;
        for (int layer = 0; layer < s.n_layers; ++layer)
            visit_layer(spot, view, layer,
                        [&](int, const Range columns) { cost += 5.0 + 40.0 * (columns.last - columns.first + 1); });
        return cost;
    }

    /* visit(layer, row, columns, from, to) for every row of sub-pixels that a spot reaches, with the sources that it
     * may have there: from number `from` to before `to`. */
    template <class Visit> void visit_rows(const Spot &spot, const View &view, Visit visit) const
    {
        const Beam &beam = plan.beams[view.beam];
        const int from = source_from(plan.kappa, beam.first, beam.first + beam.count,
                                     spot.kappa[0] / PER_METRE * (1.0 - SLACK));
        const int to = source_from(plan.kappa, from, beam.first + beam.count,
                                   spot.kappa[1] / PER_METRE * (1.0 + SLACK));
        for (int layer = 0; layer < s.n_layers && from < to; ++layer)
            visit_layer(spot, view, layer, [&](int row, const Range columns) { visit(layer, row, columns, from, to); });
    }

private:
    /* visit(row, columns) for every row of one layer. */
    template <class Visit> void visit_layer(const Spot &spot, const View &view, int layer, Visit visit) const
    {
        const Outline outline = find_outline(spot, view.s, layer ? plane_of(p, layer * s.layer) : surface, step,
                                             window);
        for (int y = outline.rows.first; y <= outline.rows.last; ++y)
            visit(y, columns_of(outline, y, window.columns));
    }

    const Scene &s;
    const Panel &p;
    const Plan &plan;
    const double step;
    const Plane surface;
    const Window window;
};

} // namespace nb::NB_ISA

#endif
