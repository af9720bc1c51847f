/* The image on a GPU: the walk of walk.h, with a few pixels a thread and the orientations in shared memory.
 * Macros say what for (rendering/cuda/render.py, scene_defines). */
#ifndef NANOBRAGG_DEVICE_IMAGE_H
#define NANOBRAGG_DEVICE_IMAGE_H

#include "../intensity.h"
#include "../walk.h"
#include "pixels.h"
#include "templates.h"
#include "terms_of.h"

namespace nb::NB_ISA {

/* The sink of a thread, which knows what orientations the block has in shared memory. */
struct BlockIntensity : Intensity {
    int staged = -1; /* the first of them */

    /* Threads that add terms together enter the same barriers. */
    NB_MEMBER bool any_of_team(bool here) const { return __syncthreads_or(here); }
};

/* Add the terms of consecutive orientations of one chunk, which the block first copies into shared memory. */
template <class Real, class Shape, class Lookup>
static void accumulate_staged(const Scene &s, int table_number, const double *cells, const Orientations list,
                              const Lanes &lanes, int n, BlockIntensity &sink)
{
    __shared__ double shared_cells[9 * CHUNK];
    const int first = list.first / CHUNK * CHUNK, left = s.n_cells - first, count = left < CHUNK ? left : CHUNK;
    if (sink.staged != first) {
        __syncthreads(); /* all threads are done with what is there */
        for (int i = threadIdx.x; i < 9 * count; i += blockDim.x)
            shared_cells[i] = cells[9 * (size_t)first + i];
        __syncthreads();
        sink.staged = first;
    }
    add_terms<Real, Shape, Lookup>(s, table_number, shared_cells, {nullptr, list.first - first, list.count}, lanes, n,
                                   sink);
}

extern "C" __global__ void __launch_bounds__(NB_THREADS)
    image(const Parameters parameters, const DeviceArrays arrays, const Job job, const long long *places,
          const long long *spans, NB_PIXEL *out)
{
    const Scene s = scene_of(parameters, arrays);
    const ThreadPixels pixels = pixels_of_thread(job, places, spans);
    BlockIntensity sink;
    double photons[SPAN_PIXELS];
    walk<BlockIntensity>(s, s.panels[pixels.panel], pixels.slow, pixels.fast, SPAN_PIXELS, all_of(s),
                         accumulate_staged<NB_REAL, ShapeAt<NB_SHAPE, Shapes>::type, NB_LOOKUP<NB_ENTRY>>, StopFlag{},
                         sink, photons);
    NB_SIMD for (int i = 0; i < SPAN_PIXELS; ++i)
    {
        if (i < pixels.n) {
            NB_PIXEL *const target = out + pixels.target[i];
            *target = (NB_PIXEL)(job.add ? *target + photons[i] : photons[i]);
        }
    }
}

} // namespace nb::NB_ISA

#endif
