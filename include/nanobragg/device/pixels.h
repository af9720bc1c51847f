/* A scene as device code receives it, and the pixels of a thread. */
#ifndef NANOBRAGG_DEVICE_PIXELS_H
#define NANOBRAGG_DEVICE_PIXELS_H

#include "../geometry.h"
#include "../scene.h"

namespace nb::NB_ISA {

constexpr int NO_LIST = -1;

/* The arrays of a scene, in the device's memory. */
struct DeviceArrays {
    const Panel *panels;
    const Source *sources;
    const double *cells, *shares;
    const void *tables;
    const double *amorphous;
    const Smear *smear;
    long long table_bytes;
    int n_sources, n_cells, n_amorphous;
};

NB_INLINE Scene scene_of(const Parameters &parameters, const DeviceArrays &arrays)
{
    Scene s = {};
    (Parameters &)s = parameters;
    s.curved = NB_CURVED; /* what the scene has not is not compiled */
    s.has_beamstop = NB_BEAMSTOP;
    s.panels = arrays.panels;
    s.sources = arrays.sources;
    s.n_sources = arrays.n_sources;
    s.cells = arrays.cells;
    s.n_cells = arrays.n_cells;
    s.shares = NB_SHARES ? arrays.shares : nullptr;
    s.tables = arrays.tables;
    s.table_bytes = arrays.table_bytes;
    s.amorphous = arrays.amorphous;
    s.smear = NB_SMEARED ? arrays.smear : nullptr;
    s.n_amorphous = arrays.n_amorphous;
    return s;
}

/* The pixels of one launch: some rows of a rectangle on all panels, counted from the first row of the first panel; or a
 * list of places in the image, in spans of at most SPAN_PIXELS of one row (rendering/cuda/job.py). */
struct Job {
    long long first_row;           /* of the rectangle */
    long long n_spans;             /* of the list; NO_LIST: a rectangle */
    int fast, width, slow, height; /* the rectangle */
    int rows, columns;             /* of a panel */
    int add;                       /* to what is in the target */
};

/* Neighbouring pixels of one row; beyond `n` the last one is repeated, so that threads stay together. */
struct ThreadPixels {
    int n, panel, slow, fast[SPAN_PIXELS];
    long long target[SPAN_PIXELS]; /* the place in the result: row by row, or as the list has it */
};

NB_INLINE ThreadPixels pixels_of_rectangle(const Job &job)
{
    ThreadPixels pixels;
    const int per_block = (int)blockDim.x * SPAN_PIXELS, blocks = (job.width + per_block - 1) / per_block;
    const long long row = blockIdx.x / blocks, from_top = job.first_row + row;
    const int first = (int)(blockIdx.x % blocks) * per_block + (int)threadIdx.x;
    pixels.n = 0;
    pixels.panel = (int)(from_top / job.height);
    pixels.slow = job.slow + (int)(from_top % job.height);
    NB_SIMD for (int i = 0; i < SPAN_PIXELS; ++i)
    {
        const int fast = first + i * (int)blockDim.x;
        pixels.n += fast < job.width;
        pixels.fast[i] = job.fast + (fast < job.width ? fast : job.width - 1);
        pixels.target[i] = row * job.width + fast;
    }
    return pixels;
}

NB_INLINE ThreadPixels pixels_of_list(const Job &job, const long long *places, const long long *spans)
{
    ThreadPixels pixels;
    const long long wanted = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const bool inside = wanted < job.n_spans;
    const long long span = inside ? wanted : job.n_spans - 1, first = spans[span];
    const int n = (int)(spans[span + 1] - first);
    const long long row = places[first] / job.columns;
    pixels.n = inside ? n : 0;
    pixels.panel = (int)(row / job.rows);
    pixels.slow = (int)(row % job.rows);
    NB_SIMD for (int i = 0; i < SPAN_PIXELS; ++i)
    {
        pixels.target[i] = first + (i < n ? i : n - 1);
        pixels.fast[i] = (int)(places[pixels.target[i]] - row * job.columns);
    }
    return pixels;
}

NB_INLINE ThreadPixels pixels_of_thread(const Job &job, const long long *places, const long long *spans)
{
    return job.n_spans == NO_LIST ? pixels_of_rectangle(job) : pixels_of_list(job, places, spans);
}

} // namespace nb::NB_ISA

#endif
