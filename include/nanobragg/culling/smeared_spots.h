/* The smeared spots that a patch of a panel can see (docs/culling.md, Smeared spots). */
#ifndef NANOBRAGG_CULLING_SMEARED_SPOTS_H
#define NANOBRAGG_CULLING_SMEARED_SPOTS_H

#include "reflections.h"

namespace nb::NB_ISA {

/* How far from a spot terms count where a pixel may miss `limit`, as a share of what it would have if all its terms
 * were as large as one can be. A pixel is within reach of several spots, so that each may miss its part of it. */
struct SmearedReach {
    double limit; /* of one spot */
    SmearBounds bounds;

    /* Negative: nowhere. `peak`: of the spot, as such a share. */
    double operator()(double peak) const
    {
        return peak > limit ? smaller(2.0 * log(peak / limit), bounds.reach * bounds.reach) : -1.0;
    }
};

/* False where the spots are too wide for bounds. */
static inline bool find_reach(const Smear &smear, const View &view, double limit, SmearedReach &reach)
{
    const double longest = longest_q(view);
    if (!bound_spots(smear, longest, sqrt(SMEAR_REACH_SQR), reach.bounds))
        return false;
    reach.limit = limit / reach.bounds.reflections;
    const double farthest_sqr = larger(2.0 * log(1.0 / reach.limit), 1.0);
    return farthest_sqr >= SMEAR_REACH_SQR || bound_spots(smear, longest, sqrt(farthest_sqr), reach.bounds);
}

/* The ellipsoid that holds a spot's terms within its reach: that of the covariance, and what the sag adds to it. */
static inline void find_ellipsoid(const SmearBounds &b, const Smear &smear, Spot &spot, double *form)
{
    const SmearedSpot &smeared = *spot.smeared;
    const Symmetric d = smeared.domains, p = square(smeared.h);
    const double domains[6] = {d.hh, d.kk, d.ll, d.kl, d.hl, d.hk}, pairs[6] = {p.hh, p.kk, p.ll, p.kl, p.hl, p.hk};
    const double sag = b.sag * spot.term_reach_sqr / (b.reach * b.reach);
    const double across = sag * sqrt(dot(smeared.h, smeared.inverse * smeared.h) / spot.term_reach_sqr);
    const double part = smaller(across, 0.25), shift = part > 0.0 ? (1.0 + 1.0 / part) * sag * sag : 0.0;
    const double wide = (1.0 + part) * spot.term_reach_sqr * (1.0 + SLACK);
    for (int i = 0; i < 6; ++i) {
        const double covariance = b.inflate * (smear.block[i] + domains[i]) + b.stretch * pairs[i];
        form[i] = (i < 3 ? 1.0 : 2.0) * (wide * covariance + shift * pairs[i]);
    }
    spot.inverse_metric = form;
    spot.reach_sqr = 1.0;
}

static inline Slab slab_of(const Scene &s, const Plan &plan, int orientation, const View &view, const SmearBounds &b)
{
    constexpr double still[3] = {0.0, 0.0, 0.0};
    const Smear &smear = *s.smear;
    return slab_of(s, plan, orientation, still, view, b.half, [&](const double *normal) {
        const double block = dot(triple(normal), symmetric(smear.block) * triple(normal));
        const double widest = (b.inflate * smear.widest + b.stretch) * b.longest * b.longest;
        return b.reach * sqrt(b.inflate * block + widest) + b.sag * b.longest;
    });
}

/* visit(orientation, spot) for every reflection of every `step`th orientation of a group that a patch may see. */
template <class Visit>
static void visit_smeared_spots(const Scene &s, const Plan &plan, const OrientationGroup &group, int step,
                                const View &view, const SmearedReach &reach, const volatile int *stop, Visit visit)
{
    const Table<float> squares = squares_of(plan);
    for (int o = group.first; o < group.first + group.count && !*stop; o += step) {
        const double *reciprocal = plan.reciprocal + 9 * (size_t)o;
        visit_reflections(slab_of(s, plan, o, view, reach.bounds), [&](double h, double k, double l) {
            const float square = squares.values[2 * closest_place(squares, (int)h, (int)k, (int)l)];
            const SmearedSpot smeared = spot_of(*s.smear, h, k, l);
            const double index[3] = {h, k, l};
            double form[6];
            const double reach_sqr = reach(square * smeared.share);
            if (reach_sqr < 0.0)
                return;
            Spot spot = spot_at(reciprocal, index, view, square * smeared.share, reach_sqr);
            spot.smeared = &smeared;
            find_ellipsoid(reach.bounds, *s.smear, spot, form);
            if (narrow_band(spot, view.s, girth_sqr_of(reciprocal, form)))
                visit(o, spot);
        });
    }
}

} // namespace nb::NB_ISA

#endif
