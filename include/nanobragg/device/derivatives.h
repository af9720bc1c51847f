/* Derivatives on a GPU: the primitives of a pixel a thread, by the walk of walk.h (rendering/cuda/source.py). */
#ifndef NANOBRAGG_DEVICE_DERIVATIVES_H
#define NANOBRAGG_DEVICE_DERIVATIVES_H

#include "../walk.h"
#include "pixels.h"
#include "slopes_of.h"
#include "templates.h"

namespace nb::NB_ISA {

/* Into planes that are `stride` numbers apart. */
extern "C" __global__ void __launch_bounds__(NB_THREADS)
    primitives(const Parameters parameters, const DeviceArrays arrays, const Job job, const long long *places,
               const long long *spans, const Motions motions, double *out, long long stride)
{
    const Scene s = scene_of(parameters, arrays);
    const ThreadPixels pixels = pixels_of_thread(job, places, spans);
    Gradient<NB_REAL> sink(motions);
    visit_terms<Gradient<NB_REAL>>(s, s.panels[pixels.panel], pixels.slow, pixels.fast, SPAN_PIXELS, all_of(s),
                                   add_slopes<NB_REAL, ShapeAt<NB_SHAPE, Shapes>::type, NB_LOOKUP<NB_ENTRY>>,
                                   StopFlag{}, sink);
    if (pixels.n)
        sink.store(s.scale, pixels.n, out + pixels.target[0], stride);
}

} // namespace nb::NB_ISA

#endif
