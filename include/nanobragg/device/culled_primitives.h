/* Derivatives on a GPU with terms left out: the primitives of chosen pixels, as culled.h renders an image. */
#ifndef NANOBRAGG_DEVICE_CULLED_PRIMITIVES_H
#define NANOBRAGG_DEVICE_CULLED_PRIMITIVES_H

#include "patch_renderer.h"
#include "slopes_of.h"

namespace nb::NB_ISA {

/* How everything moves: the sources in the plan's orders, and the domains (primitives.h). */
struct PlannedMotions {
    const SourceMotion *planned, *around;
    const double *spins; /* NULL: none */
    int n_domains;
};

/* Of the orientations in shared memory: 3 numbers each. */
NB_INLINE double *staged_spins()
{
    __shared__ double spins[3 * STAGED];
    return spins;
}

/* The primitives that a thread adds up. */
template <class Real, class Shape, class Lookup> class PatchPrimitives {
public:
    NB_MEMBER explicit PatchPrimitives(const PlannedMotions &of)
        : of(of), now{nullptr, of.spins ? staged_spins() : nullptr, STAGED}, sink(now)
    {
    }

    NB_MEMBER void stage(int place, int orientation)
    {
        if (of.spins)
            for (int x = 0; x < 3; ++x)
                staged_spins()[3 * place + x] = of.spins[3 * (orientation % of.n_domains) + x];
    }

    NB_MEMBER void add(const Scene &s, const Panel &panel, int slow, int fast, const Orientations list,
                       SourceOrder order, int first)
    {
        now.sources = (order == PLANNED ? of.planned : of.around) + first;
        if (s.n_sources > 0) /* the sink begins a place with its first source */
            visit_terms<Gradient<Real>>(s, panel, slow, &fast, 1, list, add_slopes<Real, Shape, Lookup>, StopFlag{},
                                        sink);
    }

    NB_MEMBER double operator[](int k) const { return sink.primitives[k][0]; }

private:
    const PlannedMotions &of;
    Motions now; /* of the sources and orientations that are added */
    Gradient<Real> sink;
};

/* A piece of a square a block; `columns` has the column of every pixel of the rectangle in `out`, or -1 where it is not
 * wanted; planes of `out` are `stride` numbers apart. */
extern "C" __global__ void __launch_bounds__(WARP)
    culled_primitives(const Parameters parameters, const DeviceArrays arrays, const CullingParameters culling,
                      const DevicePlan plan_arrays, const Job job, const Screened screened,
                      const PlannedMotions motions, const int *columns, double *out, long long stride,
                      DeviceTally *tally)
{
    const Scene s = scene_of(parameters, arrays);
    const Plan plan = plan_of(culling, plan_arrays);
    PatchPrimitives<NB_REAL, ShapeAt<NB_SHAPE, Shapes>::type, NB_LOOKUP<NB_ENTRY>> sums(motions);
    render_piece(
        s, plan, job, screened, sums, [&](long long at) { return columns[at] >= 0; },
        [&](long long at, bool wanted) {
            for (int k = 0; k < PRIMITIVES; ++k) {
                const double sum = sum_of_slices(sums[k]);
                if (wanted)
                    out[k * stride + columns[at]] = s.scale * sum;
            }
        },
        tally);
}

} // namespace nb::NB_ISA

#endif
