/* Pieces of panels that a block of threads renders together, with terms left out (docs/gpu.md, Terms left out). */
#ifndef NANOBRAGG_DEVICE_PATCHES_H
#define NANOBRAGG_DEVICE_PATCHES_H

#include "../culling/selection.h"
#include "pixels.h"

namespace nb::NB_ISA {

constexpr int SQUARE_EDGE = 16; /* pixels: of what is looked at first */
constexpr int PIECE_EDGE = NB_PIECE_EDGE; /* of what a warp renders: 4, 2 or 1 */
constexpr int PIECES = (SQUARE_EDGE / PIECE_EDGE) * (SQUARE_EDGE / PIECE_EDGE); /* of a square */

/* The arrays of a plan (culling/plan.h) that patches need, in the device's memory. */
struct DevicePlan {
    const Source *sources, *around;
    const Beam *beams;
    const Run *runs;
    const float *squares, *cells;
    int n_beams, n_runs, n_around, padded;
};

NB_INLINE Plan plan_of(const CullingParameters &parameters, const DevicePlan &arrays)
{
    Plan plan = {};
    (CullingParameters &)plan = parameters;
    plan.sources = arrays.sources;
    plan.around = arrays.around;
    plan.n_around = arrays.n_around;
    plan.beams = arrays.beams;
    plan.n_beams = arrays.n_beams;
    plan.runs = arrays.runs;
    plan.n_runs = arrays.n_runs;
    plan.squares = arrays.squares;
    plan.cells = arrays.cells;
    plan.padded = arrays.padded;
    return plan;
}

/* A square of pixels, or as much of it as is on its panel. */
struct PatchPlace {
    int panel, fast, slow, n_fast, n_slow;
};

NB_INLINE PatchPlace patch_at(const Job &job, int panel, int fast, int slow, int edge)
{
    return {panel, fast, slow, smaller(edge, job.columns - fast), smaller(edge, job.rows - slow)};
}

/* Square `number` of those that the rectangle touches, counted row by row on all panels. They are aligned to the panel,
 * whatever the rectangle is. */
NB_INLINE PatchPlace square_of(const Job &job, long long number)
{
    const int left = job.fast / SQUARE_EDGE, top = job.slow / SQUARE_EDGE;
    const int across = (job.fast + job.width - 1) / SQUARE_EDGE - left + 1;
    const int down = (job.slow + job.height - 1) / SQUARE_EDGE - top + 1;
    return patch_at(job, (int)(number / across / down), (left + (int)(number % across)) * SQUARE_EDGE,
                    (top + (int)(number / across % down)) * SQUARE_EDGE, SQUARE_EDGE);
}

/* Piece `number` of a square; beyond the panel it has no pixels. */
NB_INLINE PatchPlace piece_of(const Job &job, const PatchPlace &square, int number)
{
    constexpr int across = SQUARE_EDGE / PIECE_EDGE;
    return patch_at(job, square.panel, square.fast + number % across * PIECE_EDGE,
                    square.slow + number / across * PIECE_EDGE, PIECE_EDGE);
}

NB_INLINE Patch rays_of(const Scene &s, const Panel &p, const PatchPlace &place)
{
    const int n = s.oversample;
    const Tile tile = {place.fast * n, place.slow * n, place.n_fast * n, place.n_slow * n};
    return patch_of(s, p, tile);
}

} // namespace nb::NB_ISA

#endif
