/* The image on a GPU with terms left out. Squares of 16 x 16 pixels are looked at first: terms of an orientation and a
 * run of wavelengths are bounded, and as many of the smallest are left out as make a share of what a pixel may miss.
 * What is left is looked at again for smaller patches, and the warp of each copies the orientations that matter into
 * shared memory for the walk of walk.h (docs/gpu.md, Terms left out). */
#ifndef NANOBRAGG_DEVICE_CULLED_H
#define NANOBRAGG_DEVICE_CULLED_H

#include "../intensity.h"
#include "patch_renderer.h"
#include "terms_of.h"

namespace nb::NB_ISA {

/* The photons that a thread adds up. */
template <class Real, class Shape, class Lookup> class PatchPhotons {
public:
    NB_MEMBER void stage(int, int) {}

    NB_MEMBER void add(const Scene &s, const Panel &panel, int slow, int fast, const Orientations list, SourceOrder,
                       int)
    {
        Intensity sink;
        double more;
        walk<Intensity>(s, panel, slow, &fast, 1, list, add_terms<Real, Shape, Lookup, Intensity>, StopFlag{}, sink,
                        &more);
        photons += more;
    }

    double photons = 0.0;
};

/* A piece of a square a block; `mask`, of the shape of `out`, has the pixels that are wanted (NULL: all). */
extern "C" __global__ void __launch_bounds__(WARP)
    culled(const Parameters parameters, const DeviceArrays arrays, const CullingParameters culling,
           const DevicePlan plan_arrays, const Job job, const Screened screened, const unsigned char *mask,
           NB_PIXEL *out, DeviceTally *tally)
{
    const Scene s = scene_of(parameters, arrays);
    const Plan plan = plan_of(culling, plan_arrays);
    PatchPhotons<NB_REAL, ShapeAt<NB_SHAPE, Shapes>::type, NB_LOOKUP<NB_ENTRY>> sum;
    render_piece(
        s, plan, job, screened, sum, [&](long long at) { return !mask || mask[at]; },
        [&](long long at, bool wanted) {
            const double photons = sum_of_slices(sum.photons);
            if (wanted)
                out[at] = (NB_PIXEL)(job.add ? out[at] + photons : photons);
        },
        tally);
}

} // namespace nb::NB_ISA

#endif
