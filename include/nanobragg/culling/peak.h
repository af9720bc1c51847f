/* Where an image is probably brightest (docs/culling.md, The brightest pixel). */
#ifndef NANOBRAGG_CULLING_PEAK_H
#define NANOBRAGG_CULLING_PEAK_H

#include "region.h"

namespace nb::NB_ISA {

constexpr int SQUARES = REGION / BRIGHT_EDGE; /* along each side of a region */
constexpr int PEAK_ORIENTATIONS = 8;      /* that are looked at, about */

/* Pixel of a region, along each axis, that a ray along v meets: least squares on the patch's first order. */
static inline void find_pixel(const Region &region, const Patch &patch, const double *v, int *fast, int *slow)
{
    const double size = length(v);
    double rest[3];
    for (int i = 0; i < 3; ++i)
        rest[i] = v[i] / size - patch.d[i];
    const double uu = dot(patch.u, patch.u), vv = dot(patch.v, patch.v), uv = dot(patch.u, patch.v);
    const double ru = dot(rest, patch.u), rv = dot(rest, patch.v), det = uu * vv - uv * uv;
    const double x = det > 0.0 ? (ru * vv - rv * uv) / det : 0.0, y = det > 0.0 ? (rv * uu - ru * uv) / det : 0.0;
    *fast = (int)floor((larger(-2.0, smaller(2.0, x)) + 1.0) * 0.5 * (region.n_fast - 1) + 0.5);
    *slow = (int)floor((larger(-2.0, smaller(2.0, y)) + 1.0) * 0.5 * (region.n_slow - 1) + 0.5);
}

/* The region's square with the largest sum of |F|^2 over reflections within a squared reach, if any. */
static Bright find_brightest(const Scene &s, const Panel &p, const Plan &plan, const Region &region, double reach,
                             char *block, const volatile int *stop)
{
    RegionMemory memory;
    const double reach_sqr = smaller(reach, farthest_sqr(s.crystal));
    double score[SQUARES * SQUARES] = {};
    const Patch patch = patch_of(s, p, region);
    const int groups = PEAK_ORIENTATIONS / 2;
    const int group_step = (plan.n_groups + groups - 1) / groups;
    const int step = plan.n_groups >= groups
                       ? (plan.groups[0].count + 1) / 2
                       : (plan.groups[0].count * plan.n_groups + PEAK_ORIENTATIONS - 1) / PEAK_ORIENTATIONS;
    if (!(patch.spread < WIDEST))
        return {region.fast, region.slow, 0.0};
    carve(s, plan, block, memory);
    for (int b = 0; b < plan.n_beams; ++b) {
        const View view = view_of(plan, b, patch);
        const double band = view.high - view.low;
        const auto see = [&](int, const Spot &spot) {
            double v[3];
            int fast, slow;
            const double kappa = 0.5 * (spot.kappa[0] + spot.kappa[1]);
            const double used = band > 0.0 ? (spot.kappa[1] - spot.kappa[0]) / band : 1.0;
            for (int i = 0; i < 3; ++i)
                v[i] = spot.g[i] + kappa * view.s[i];
            find_pixel(region, patch, v, &fast, &slow);
            if (fast >= 0 && fast < region.n_fast && slow >= 0 && slow < region.n_slow
                && region.wanted[REGION * slow + fast])
                score[SQUARES * (slow / BRIGHT_EDGE) + fast / BRIGHT_EDGE] += spot.square * used;
        };
        SmearedReach smeared;
        if (s.smear && !find_reach(*s.smear, view, exp(-0.5 * smaller(reach, SMEAR_REACH_SQR)), smeared))
            continue;
        for (int g = 0; g < plan.n_groups; g += group_step)
            if (s.smear)
                visit_smeared_spots(s, plan, plan.groups[g], step, view, smeared, stop, see);
            else
                visit_spots(
                    s, plan, plan.groups[g], step, view, reach_sqr, stop, *memory.candidates,
                    [=](double) { return reach_sqr; }, see);
    }
    int best = 0;
    for (int i = 1; i < SQUARES * SQUARES; ++i)
        if (score[i] > score[best])
            best = i;
    const double unit = photons_per_unit(s, patch, plan.sources[0]) * photons_at_most(s, plan) / PEAK_ORIENTATIONS;
    return {region.fast + BRIGHT_EDGE * (best % SQUARES), region.slow + BRIGHT_EDGE * (best / SQUARES),
            unit * score[best]};
}

} // namespace nb::NB_ISA

#endif
