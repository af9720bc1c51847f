/* Derivatives on a GPU: the primitives of a pixel a thread, by the walk of walk.h (rendering/cuda/source.py). */
#ifndef NANOBRAGG_DEVICE_DERIVATIVES_H
#define NANOBRAGG_DEVICE_DERIVATIVES_H

#include "../accumulate_slopes.h"
#include "../walk.h"
#include "pixels.h"
#include "templates.h"

namespace nb::NB_ISA {

template <class Real, class Shape, class Lookup> struct SlopesOf {
    static constexpr auto function = accumulate_slopes<Real, Shape, Lookup>;
};
template <class Real, class Shape, class Entry> struct SlopesOf<Real, Shape, Tricubic<Entry>> {
    static constexpr auto function = accumulate_interpolated_slopes<Real, Shape, Tricubic<Entry>>;
};

/* Into planes that are `stride` numbers apart. */
extern "C" __global__ void __launch_bounds__(NB_THREADS)
    primitives(const Parameters parameters, const DeviceArrays arrays, const Job job, const long long *places,
               const long long *spans, const SourceMotion *sources, const double *spins, int n_domains, double *out,
               long long stride)
{
    const Scene s = scene_of(parameters, arrays);
    const ThreadPixels pixels = pixels_of_thread(job, places, spans);
    const Motions motions = {sources, spins, n_domains};
    Gradient<NB_REAL> sink(motions);
    visit_terms(s, s.panels[pixels.panel], pixels.slow, pixels.fast, SPAN_PIXELS, all_of(s),
                SlopesOf<NB_REAL, ShapeAt<NB_SHAPE, Shapes>::type, NB_LOOKUP<NB_ENTRY>>::function, StopFlag{}, sink);
    if (pixels.n)
        sink.store(s.scale, pixels.n, out + pixels.target[0], stride);
}

} // namespace nb::NB_ISA

#endif
