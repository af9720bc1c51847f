/* The reflections that a patch of a panel can see (docs/culling.md, Spots). */
#ifndef NANOBRAGG_CULLING_REFLECTIONS_H
#define NANOBRAGG_CULLING_REFLECTIONS_H

#include "../smear.h"
#include "bounds.h"

namespace nb::NB_ISA {

constexpr double SLACK = 1e-9; /* for rounding, relative */
constexpr int CANDIDATES = 1024;

/* Reflections near the spheres for a group of orientations. */
struct Candidates {
    int n;
    int near[CANDIDATES]; /* of those, numbers of the ones near the spheres for one orientation */
    double h[CANDIDATES], k[CANDIDATES], l[CANDIDATES];
    double reach_sqr[CANDIDATES]; /* how far from it its terms count, by the crystal's quadratic form */
    double square[CANDIDATES];    /* upper bound of |F|^2, as a share of the largest */
};

/* A beam, and the rays to a patch. */
struct View {
    const Patch *patch;
    const double *s; /* direction of the beam */
    double low, high; /* 1/wavelength, 1/A */
    int beam;
};

static inline View view_of(const Plan &plan, int beam, const Patch &patch)
{
    const Beam &b = plan.beams[beam];
    return {&patch, plan.sources[b.first].direction, plan.kappa[b.first] * PER_METRE,
            plan.kappa[b.first + b.count - 1] * PER_METRE, beam};
}

/* The longest scattering vector, 1/A. */
static inline double longest_q(const View &view)
{
    double chord[3];
    for (int i = 0; i < 3; ++i)
        chord[i] = view.patch->d[i] - view.s[i];
    return view.high * (length(chord) + view.patch->spread);
}

/* a Q b with the symmetric matrix Q as a quadratic form (hh kk ll, 2kl 2hl 2hk). */
NB_INLINE double bilinear(const double *q, const double *a, const double *b)
{
    return q[0] * a[0] * b[0] + q[1] * a[1] * b[1] + q[2] * a[2] * b[2]
         + 0.5
               * (q[3] * (a[1] * b[2] + a[2] * b[1]) + q[4] * (a[0] * b[2] + a[2] * b[0])
                  + q[5] * (a[0] * b[1] + a[1] * b[0]));
}

/* The indices that matter for a patch, one beam and a group of orientations: within `half` of `middle` along each axis,
 * and near a plane, the tangent plane of the Ewald sphere: |normal.h - at| <= thickness. */
struct Slab {
    double middle[3], half[3], normal[3], at, thickness;
};

/* `half`: how far from an index a reflection can be, along each axis; across(normal): and along the normal. */
template <class Across>
static Slab slab_of(const Scene &s, const Plan &plan, int orientation, const double *spread, const View &view,
                    const double *half, Across across)
{
    Slab slab;
    const Patch &patch = *view.patch;
    const double *cell = s.cells + 9 * (size_t)orientation, *reciprocal = plan.reciprocal + 9 * (size_t)orientation;
    const double middle = 0.5 * (view.low + view.high), half_band = 0.5 * (view.high - view.low);
    double chord[3];
    for (int i = 0; i < 3; ++i)
        chord[i] = patch.d[i] - view.s[i];
    const double longest = longest_q(view); /* |q| */
    slab.thickness = SLACK;
    for (int i = 0; i < 3; ++i) {
        const double *vertex = cell + 3 * i; /* m */
        const double along = dot(vertex, chord) * 1e10;
        const double blur = spread[i] * longest;
        slab.middle[i] = along * middle;
        slab.half[i] = fabs(along) * half_band + half[i] + blur + SLACK
                     + view.high * 1e10
                           * (fabs(dot(vertex, patch.u)) + fabs(dot(vertex, patch.v)) + length(vertex) * patch.rest);
        slab.normal[i] = dot(reciprocal + 3 * i, patch.d);
        slab.thickness += fabs(slab.normal[i]) * (blur + SLACK * fabs(slab.middle[i]));
    }
    /* d.(d' - s) for a ray d' at most `spread` from d lies between 1 - spread^2/2 - d.s and 1 - d.s. */
    const double rise = dot(patch.d, chord), sag = 0.25 * view.high * patch.spread * patch.spread;
    slab.at = rise * middle - sag;
    slab.thickness += fabs(rise) * half_band + sag + across(slab.normal);
    return slab;
}

/* `reach_sqr`: by the crystal's quadratic form. No reflection is farther than half an index along each axis, since
 * another one is nearer then. */
static inline Slab slab_of(const Scene &s, const Plan &plan, const OrientationGroup &group, const View &view,
                           double reach_sqr)
{
    double half[3];
    for (int i = 0; i < 3; ++i)
        half[i] = smaller(sqrt(larger(reach_sqr, 0.0) * plan.inverse_metric[i]), 0.5);
    return slab_of(s, plan, group.first, group.spread, view, half, [&](const double *normal) {
        const double by_ellipsoid = sqrt(larger(reach_sqr * bilinear(plan.inverse_metric, normal, normal), 0.0));
        return smaller(by_ellipsoid, 0.5 * (fabs(normal[0]) + fabs(normal[1]) + fabs(normal[2])));
    });
}

/* visit(h, k, l) for every whole-numbered index of the slab. */
template <class Visit> static void visit_reflections(const Slab &slab, Visit visit)
{
    int across = 0; /* the axis that is solved for */
    for (int i = 1; i < 3; ++i)
        if (fabs(slab.normal[i]) * slab.half[i] > fabs(slab.normal[across]) * slab.half[across])
            across = i;
    const int first = (across + 1) % 3, second = (across + 2) % 3;
    double index[3];
    const double n = slab.normal[across];
    for (index[first] = ceil(slab.middle[first] - slab.half[first]);
         index[first] <= slab.middle[first] + slab.half[first]; ++index[first])
        for (index[second] = ceil(slab.middle[second] - slab.half[second]);
             index[second] <= slab.middle[second] + slab.half[second]; ++index[second]) {
            const double at = slab.at - slab.normal[first] * index[first] - slab.normal[second] * index[second];
            double low = slab.middle[across] - slab.half[across], high = slab.middle[across] + slab.half[across];
            if (fabs(n) > 1e-12) {
                const double here = at / n, half = fabs(slab.thickness / n);
                low = larger(low, here - half);
                high = smaller(high, here + half);
            }
            for (index[across] = ceil(low); index[across] <= high; ++index[across])
                visit(index[0], index[1], index[2]);
        }
}

/* Mark the candidates that are near the Ewald spheres of one orientation (a*, b*, c* in 1/A). A point within sigma of a
 * reflection G lies on the sphere of radius kappa only if |G|^2 - 2 kappa g, with g = -G.s, is at most
 * sigma (2 kappa + sigma). `girth_sqr`: sigma^2 over the squared reach. */
static inline void find_near(const double *reciprocal, double girth_sqr, const View &view, Candidates &c)
{
    const double *a = reciprocal, *b = reciprocal + 3, *r = reciprocal + 6;
    const double middle = view.low + view.high, half = view.high - view.low; /* both twice */
    const double sx = view.s[0], sy = view.s[1], sz = view.s[2];
    int near[CANDIDATES];
    NB_SIMD for (int i = 0; i < c.n; ++i)
    {
        const double h = c.h[i], k = c.k[i], l = c.l[i];
        const double x = h * a[0] + k * b[0] + l * r[0], y = h * a[1] + k * b[1] + l * r[1];
        const double z = h * a[2] + k * b[2] + l * r[2];
        const double g = -(x * sx + y * sy + z * sz), sqr = x * x + y * y + z * z;
        const double sigma = sqrt(c.reach_sqr[i] * girth_sqr);
        near[i] = fabs(sqr - middle * g) <= half * fabs(g) + sigma * (2.0 * view.high + sigma) + SLACK * (sqr + 1.0);
    }
    int n = 0;
    for (int i = 0; i < c.n; ++i) {
        c.near[n] = i;
        n += near[i];
    }
    c.near[n] = -1;
}

/* A reflection of one orientation as the centre of an ellipsoid of scattering vectors. */
struct Spot {
    const double *reciprocal, *inverse_metric;
    double h[3], g[3]; /* index; vector, 1/A */
    double reach_sqr, square;
    double kappa[2]; /* 1/wavelengths for which the ellipsoid meets the sphere, 1/A */
    double term_reach_sqr; /* largest squared radius of a term that counts; that of the ellipsoid unless smeared */
    const SmearedSpot *smeared; /* NULL: the spot is not smeared */
};

/* Whether the wavelengths of a spot differ. */
NB_INLINE bool has_band(const Spot &spot)
{
    return spot.kappa[0] < spot.kappa[1];
}

/* Components of a vector along a*, b*, c*. */
NB_INLINE void components(const Spot &spot, const double *n, double *c)
{
    for (int i = 0; i < 3; ++i)
        c[i] = dot(spot.reciprocal + 3 * i, n);
}

/* Half the width of the ellipsoid along a vector, times the vector's length. */
static inline double half_width(const Spot &spot, const double *n)
{
    double c[3];
    components(spot, n, c);
    return sqrt(larger(spot.reach_sqr * bilinear(spot.inverse_metric, c, c), 0.0));
}

/* Half the width along G + kappa s. */
static inline double half_width_at(const Spot &spot, const double *s, double kappa)
{
    double n[3];
    for (int i = 0; i < 3; ++i)
        n[i] = spot.g[i] + kappa * s[i];
    return half_width(spot, n);
}

/* Narrow kappa to where the ellipsoid meets the sphere: for a point G + e on it, |G|^2 - 2 kappa g equals
 * -2 e.(G + kappa s) - |e|^2. The width along G + kappa s is convex in kappa, so that it is largest at an end. */
static inline bool narrow_band(Spot &spot, const double *s, double girth_sqr)
{
    const double g = -dot(spot.g, s), sqr = dot(spot.g, spot.g), around = spot.reach_sqr * girth_sqr;
    const int passes = has_band(spot) ? 2 : 1;
    for (int pass = 0; pass < passes; ++pass) {
        double *const kappa = spot.kappa;
        double widest = half_width_at(spot, s, kappa[0]);
        if (has_band(spot))
            widest = larger(widest, half_width_at(spot, s, kappa[1]));
        const double excess = 2.0 * widest + around + SLACK * (sqr + 1e-9);
        if (g > 0.0) {
            kappa[0] = larger(kappa[0], (sqr - excess) / (2.0 * g) * (1.0 - SLACK));
            kappa[1] = smaller(kappa[1], (sqr + excess) / (2.0 * g) * (1.0 + SLACK));
        } else if (sqr - 2.0 * kappa[0] * g > excess) {
            return false;
        }
        if (kappa[0] > kappa[1])
            return false;
    }
    return true;
}

/* Trace of an ellipsoid's matrix in reciprocal space, for a reach of 1. */
static inline double girth_sqr_of(const double *reciprocal, const double *inverse_metric)
{
    double girth_sqr = 0.0;
    for (int i = 0; i < 3; ++i) {
        const double axis[3] = {reciprocal[i], reciprocal[3 + i], reciprocal[6 + i]};
        girth_sqr += bilinear(inverse_metric, axis, axis);
    }
    return girth_sqr;
}

/* A spot without its ellipsoid. */
static inline Spot spot_at(const double *reciprocal, const double *h, const View &view, double square,
                           double term_reach_sqr)
{
    Spot spot = {};
    spot.reciprocal = reciprocal;
    for (int i = 0; i < 3; ++i) {
        spot.h[i] = h[i];
        spot.g[i] = h[0] * reciprocal[i] + h[1] * reciprocal[3 + i] + h[2] * reciprocal[6 + i];
    }
    spot.square = square;
    spot.kappa[0] = view.low;
    spot.kappa[1] = view.high;
    spot.term_reach_sqr = term_reach_sqr;
    return spot;
}

/* visit(orientation, spot) for every reflection of every orientation of a group that a patch may see.
 * reach_sqr_of(square): how far from a reflection its terms count; at most `farthest`; negative: not at all. */
template <class Reach, class Visit>
static void visit_spots(const Scene &s, const Plan &plan, const OrientationGroup &group, int step, const View &view,
                        double farthest, const volatile int *stop, Candidates &c, Reach reach_sqr_of, Visit visit)
{
    const Table<float> squares = squares_of(plan);
    const auto see = [&]() {
        for (int o = group.first; o < group.first + group.count && c.n && !*stop; o += step) {
            const double *reciprocal = plan.reciprocal + 9 * (size_t)o;
            const double girth_sqr = girth_sqr_of(reciprocal, plan.inverse_metric);
            find_near(reciprocal, girth_sqr, view, c);
            for (const int *near = c.near; *near >= 0; ++near) {
                const double index[3] = {c.h[*near], c.k[*near], c.l[*near]}, reach_sqr = c.reach_sqr[*near];
                Spot spot = spot_at(reciprocal, index, view, c.square[*near], reach_sqr);
                spot.inverse_metric = plan.inverse_metric;
                spot.reach_sqr = reach_sqr;
                if (narrow_band(spot, view.s, girth_sqr))
                    visit(o, spot);
            }
        }
        c.n = 0;
    };
    c.n = 0;
    visit_reflections(slab_of(s, plan, group, view, farthest), [&](double h, double k, double l) {
        const float square = squares.values[2 * closest_place(squares, (int)h, (int)k, (int)l)];
        const double reach_sqr = square > 0.0f ? reach_sqr_of(square) : -1.0;
        if (reach_sqr < 0.0)
            return;
        if (c.n == CANDIDATES - 1)
            see();
        c.h[c.n] = h;
        c.k[c.n] = k;
        c.l[c.n] = l;
        c.reach_sqr[c.n] = reach_sqr;
        c.square[c.n++] = square;
    });
    see();
}

} // namespace nb::NB_ISA

#endif
