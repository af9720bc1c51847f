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

/* Where a spot can be on a plane, in sub-pixels: an interval along each axis, and one across its track, along `across`.
 */
struct Outline {
    Interval fast, slow, side;
    double across[2];
};

/* Widen an interval of a.v/n.v to hold all v in the ellipsoid around u; false if it is not all in front of the plane
 * n.v = 0. With t the distance from the value at u, and w = a - (a.u/n.u) n, such a v exists where
 * |t| u.n <= half_width(w - t n): between the roots of a quadratic. */
static inline bool widen(const Spot &spot, const double *u, const double *a, const double *n, Interval &interval)
{
    const double un = dot(u, n), middle = dot(u, a) / un;
    double w[3], cw[3], cn[3];
    for (int i = 0; i < 3; ++i)
        w[i] = a[i] - middle * n[i];
    components(spot, w, cw);
    components(spot, n, cn);
    const double nn = spot.reach_sqr * bilinear(spot.inverse_metric, cn, cn);
    const double wn = spot.reach_sqr * bilinear(spot.inverse_metric, cw, cn);
    const double ww = spot.reach_sqr * bilinear(spot.inverse_metric, cw, cw);
    const double lead = un * un - nn;
    if (!(un > 0.0 && lead > 1e-3 * un * un))
        return false;
    const double root = sqrt(larger(wn * wn + lead * ww, 0.0)), rounding = 1e-12 * (fabs(middle) + 1.0);
    interval.low = smaller(interval.low, middle + (-wn - root) / lead * (1.0 + SLACK) - rounding);
    interval.high = larger(interval.high, middle + (-wn + root) / lead * (1.0 + SLACK) + rounding);
    return true;
}

/* The convex hull of the ellipsoid at both ends of its band holds it in between, and so does the hull's image, since
 * lines stay lines in projection. `step`: of the sub-pixels, m. */
static inline bool find_outline(const Spot &spot, const double *s, const Plane &plane, double step, Outline &outline)
{
    const double per_step = plane.distance / step;
    double u[2][3], track[2] = {0.0, 0.0}, mixed[3];
    outline.fast = outline.slow = outline.side = {INFINITY, -INFINITY};
    for (int end = 0; end < 2; ++end) {
        for (int i = 0; i < 3; ++i)
            u[end][i] = spot.g[i] + spot.kappa[end] * s[i];
        if (!widen(spot, u[end], plane.fast, plane.normal, outline.fast)
            || !widen(spot, u[end], plane.slow, plane.normal, outline.slow))
            return false;
        const double sign = end ? 1.0 : -1.0, un = dot(u[end], plane.normal);
        track[0] += sign * dot(u[end], plane.fast) / un;
        track[1] += sign * dot(u[end], plane.slow) / un;
    }
    const double along = sqrt(track[0] * track[0] + track[1] * track[1]);
    outline.across[0] = along > 0.0 ? -track[1] / along : 0.0;
    outline.across[1] = along > 0.0 ? track[0] / along : 1.0;
    for (int i = 0; i < 3; ++i)
        mixed[i] = outline.across[0] * plane.fast[i] + outline.across[1] * plane.slow[i];
    for (int end = 0; end < 2; ++end)
        if (!widen(spot, u[end], mixed, plane.normal, outline.side))
            return false;
    const double start[3] = {plane.start[0], plane.start[1],
                             outline.across[0] * plane.start[0] + outline.across[1] * plane.start[1]};
    Interval *const intervals[3] = {&outline.fast, &outline.slow, &outline.side};
    for (int i = 0; i < 3; ++i) {
        const double blur = 1e-6 + SLACK * fabs(start[i] / step);
        intervals[i]->low = intervals[i]->low * per_step - start[i] / step - blur;
        intervals[i]->high = intervals[i]->high * per_step - start[i] / step + blur;
    }
    return true;
}

/* Numbers of the sub-pixels, of those from `first` to `last`, whose middles are in an interval. */
struct Range {
    int first, last;
};

NB_INLINE Range clip(const Interval x, int first, int last)
{
    const double low = larger(ceil(x.low - 0.5), (double)first), high = smaller(floor(x.high - 0.5), (double)last);
    return low > high ? Range{1, 0} : Range{(int)low, (int)high};
}

/* Columns of one row that the outline holds. */
static inline Range columns_of(const Outline &outline, int row, int first, int last)
{
    const double x = outline.across[0], rest = outline.across[1] * (row + 0.5);
    Interval columns = outline.fast;
    if (fabs(x) > 1e-9) {
        const double one = (outline.side.low - rest) / x, other = (outline.side.high - rest) / x;
        columns = {larger(columns.low, smaller(one, other)), smaller(columns.high, larger(one, other))};
    } else if (rest + 1e-3 < outline.side.low || rest - 1e-3 > outline.side.high) {
        return {1, 0};
    }
    return clip(columns, first, last);
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

/* Adds the spots of a region to its photons. */
class Spots {
public:
    Spots(const Scene &s, const Panel &p, const Plan &plan, const Region &region, SumSources *sum, double *photons)
        : s(s), p(p), plan(plan), region(region), sum(sum), photons(photons), step(p.pixel / s.oversample),
          surface(plane_of(p, 0.0))
    {
    }

    /* Nanoseconds, roughly, that `add` takes. */
    double estimate(const Spot &spot, const View &view)
    {
        double cost = 150.0;
        for (int layer = 0; layer < s.n_layers; ++layer) {
            Outline outline = outline_of(spot, view, layer);
            const Range rows = clip(outline.slow, first_row(), last_row());
            for (int y = rows.first; y <= rows.last; ++y) {
                const Range columns = columns_of(outline, y, first_column(), last_column());
                cost += 5.0 + 40.0 * (columns.last - columns.first + 1);
            }
        }
        return cost;
    }

    void add(int orientation, const Spot &spot, const View &view)
    {
        const Beam &beam = plan.beams[view.beam];
        const int from = source_from(plan.kappa, beam.first, beam.first + beam.count,
                                     spot.kappa[0] / PER_METRE * (1.0 - SLACK));
        const int to = source_from(plan.kappa, from, beam.first + beam.count,
                                   spot.kappa[1] / PER_METRE * (1.0 + SLACK));
        for (int layer = 0; layer < s.n_layers && from < to; ++layer) {
            const Outline outline = outline_of(spot, view, layer);
            const Range rows = clip(outline.slow, first_row(), last_row());
            for (int y = rows.first; y <= rows.last; ++y)
                add_row(orientation, spot, view, layer, y, columns_of(outline, y, first_column(), last_column()), from,
                        to);
        }
    }

    long long evaluated = 0; /* terms */

private:
    int first_row() const { return region.slow * s.oversample; }
    int last_row() const { return (region.slow + region.n_slow) * s.oversample - 1; }
    int first_column() const { return region.fast * s.oversample; }
    int last_column() const { return (region.fast + region.n_fast) * s.oversample - 1; }

    /* A spot that is not all in front of the panel can be anywhere. */
    Outline outline_of(const Spot &spot, const View &view, int layer) const
    {
        Outline outline;
        if (!find_outline(spot, view.s, layer ? plane_of(p, layer * s.layer) : surface, step, outline))
            outline = {{-INFINITY, INFINITY}, {-INFINITY, INFINITY}, {-INFINITY, INFINITY}, {0.0, 1.0}};
        return outline;
    }

    void add_row(int orientation, const Spot &spot, const View &view, int layer, int row, const Range columns, int from,
                 int to)
    {
        const PanelRow line = panel_row_at(p, step * row + step / 2.0, layer * s.layer);
        const int slow = row / s.oversample - region.slow;
        for (int x = columns.first; x <= columns.last; ++x) {
            const int pixel = REGION * slow + x / s.oversample - region.fast;
            if (region.wanted[pixel])
                photons[pixel] += add_place(orientation, spot, view, layer, line, step * x + step / 2.0, from, to);
        }
    }

    /* Photons of one sub-pixel of a layer. */
    double add_place(int orientation, const Spot &spot, const View &view, int layer, const PanelRow &line, double fast,
                     int from, int to)
    {
        const double *cell = s.cells + 9 * (size_t)orientation;
        const double place[3] = {coordinate(line.x, fast), coordinate(line.y, fast), coordinate(line.z, fast)};
        const Ray ray = ray_to<false>(area_of(s, p), place[0], place[1], place[2]);
        const double chord[3] = {ray.x - view.s[0], ray.y - view.s[1], ray.z - view.s[2]};
        find_sources(spot, cell, chord, from, to);
        if (from == to)
            return 0.0;
        const Target target = {chord[0],       chord[1],       chord[2],      (int)spot.h[0],
                               (int)spot.h[1], (int)spot.h[2], spot.reach_sqr};
        evaluated += to - from;
        const double crystal = sum(s, plan, cell, target, from, to);
        return crystal == 0.0 ? 0.0 : factors(view, layer, ray) * share_of(s, orientation) * crystal;
    }

    /* Narrow the sources to those for which the squared radius, a quadratic in kappa, is within reach. */
    void find_sources(const Spot &spot, const double *cell, const double *chord, int &from, int &to) const
    {
        const bool single = to - from == 1;
        const double middle = single ? plan.kappa[from] * PER_METRE : 0.5 * (spot.kappa[0] + spot.kappa[1]);
        double along[3], offset[3];
        for (int i = 0; i < 3; ++i) {
            along[i] = dot(cell + 3 * i, chord) * 1e10;
            offset[i] = along[i] * middle - spot.h[i];
        }
        const double *m = s.crystal.metric;
        const double excess = bilinear(m, offset, offset) - spot.reach_sqr * (1.0 + 1e-6);
        if (single) {
            from += excess > 0.0;
            return;
        }
        const double a = bilinear(m, along, along), b = bilinear(m, along, offset), root_sqr = b * b - a * excess;
        if (root_sqr < 0.0) {
            from = to;
        } else if (a > 0.0) {
            const double root = sqrt(root_sqr);
            from = source_from(plan.kappa, from, to, (middle + (-b - root) / a) / PER_METRE * (1.0 - SLACK));
            to = source_from(plan.kappa, from, to, (middle + (-b + root) / a) / PER_METRE * (1.0 + SLACK));
        }
    }

    double factors(const View &view, int layer, const Ray &ray) const
    {
        const Source &source = plan.sources[plan.beams[view.beam].first];
        const double d[3] = {ray.x, ray.y, ray.z};
        const double polar = s.polarized
                               ? polarization(s.kahn, dot(source.direction, d), dot(source.e, d), dot(source.b, d))
                               : 1.0;
        const double capture = s.has_sensor ? absorbed_fraction(s, layer, dot(d, p.normal)) : 1.0;
        const double passed = s.has_beamstop ? passed_fraction(s, ray.x, ray.y, ray.z) : 1.0;
        return s.scale * ray.omega * polar * capture * passed / s.n_cells;
    }

    const Scene &s;
    const Panel &p;
    const Plan &plan;
    const Region &region;
    SumSources *sum;
    double *photons;
    const double step;
    const Plane surface;
};

} // namespace nb::NB_ISA

#endif
