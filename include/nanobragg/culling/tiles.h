/* The sum of the terms that a tile keeps: with its sub-pixels in the lanes, or, where sources have many wavelengths,
 * for one sub-pixel after the other with wavelengths in the lanes (docs/culling.md, Tiles). */
#ifndef NANOBRAGG_CULLING_TILES_H
#define NANOBRAGG_CULLING_TILES_H

#include "../intensity.h"
#include "../walk.h"
#include "selection.h"
#include "sources.h"

namespace nb::NB_ISA {

constexpr int TILE_LANES = TILE * TILE;
constexpr int MOST_ITEMS = 1 << 14; /* orientations of runs that are looked at for every sub-pixel of a tile */
constexpr int LONG_RUNS = 5;        /* sources in a run, on average, from which wavelengths fill the lanes */

/* The tile's sub-pixels as lanes: rows of TILE, the last one of each repeated; and their places along the axes, m. */
template <bool places>
static void find_tile_rays(const Scene &s, const Panel &p, int layer, const Tile &tile, Lanes &lanes, double *rows,
                           double *at)
{
    const double step = p.pixel / s.oversample;
    for (int i = 0; i < TILE_LANES; ++i) {
        const int x = i % TILE;
        at[i] = step * (tile.fast + (x < tile.n_fast ? x : tile.n_fast - 1)) + step / 2.0;
    }
    for (int y = 0; y < TILE; ++y) {
        const double row = step * (tile.slow + (y < tile.n_slow ? y : tile.n_slow - 1)) + step / 2.0;
        fill(rows + TILE * y, row, TILE);
        find_rays<false, Latest, places>(s, p, layer, row, at, false, false, TILE * y, TILE * y + TILE, lanes);
    }
}

/* Sum of the kept terms of every sub-pixel, in sink.total; `crystal` is the scene with the plan's sources and without
 * what surrounds the crystal. */
template <class Sink>
static void add_tile(const Scene &crystal, const Panel &p, const Plan &plan, const Tile &tile, const Kept &kept,
                     Accumulate<Sink> *add, const volatile int *stop, Sink &sink)
{
    Lanes lanes;
    double rows[TILE_LANES], at[TILE_LANES];
    reset(crystal, TILE_LANES, lanes);
    if constexpr (Sink::has_total)
        fill(sink.total, 0.0, TILE_LANES);
    for (int layer = 0; layer < crystal.n_layers && kept.terms; ++layer) {
        int beam = -1;
        find_tile_rays<Sink::needs_places>(crystal, p, layer, tile, lanes, rows, at);
        sink.at_place(crystal, p, layer, rows, at, lanes);
        for (int run = 0; run < plan.n_runs && !*stop; ++run) {
            const Run &r = plan.runs[run];
            const Orientations list = {kept.which, kept.first[run], kept.first[run + 1] - kept.first[run]};
            for (int i = r.first; i < r.first + r.count && list.count; ++i) {
                add_source<Sink>(crystal, i, list, r.beam != beam, add, stop, TILE_LANES, lanes, sink);
                beam = r.beam;
            }
        }
        if (beam >= 0)
            sink.leave_place(crystal, p, TILE_LANES, lanes);
    }
}

/* The chords of a tile's sub-pixels, and the bound of all their terms if they are as large as one can be. */
struct alignas(64) TileChords {
    float x[TILE_LANES], y[TILE_LANES], z[TILE_LANES], length[TILE_LANES], unit[TILE_LANES];
};

/* Bounds of one orientation's terms in a run, for every sub-pixel. */
template <class Shape>
static void find_bounds_of_item(const Plan &plan, const Table<float> squares, const Extent extent, const Band band,
                                float weight, int orientation, const TileChords &chords, float *bounds)
{
    float cell[9], blur[3];
    for (int i = 0; i < 9; ++i)
        cell[i] = plan.cells[i * (size_t)plan.padded + orientation];
    for (int axis = 0; axis < 3; ++axis)
        blur[axis] = (float)plan.length[axis] * ROUNDING * band.high;
    NB_SIMD for (int i = 0; i < TILE_LANES; ++i)
    {
        const float x = chords.x[i], y = chords.y[i], z = chords.z[i], far = chords.length[i];
        const float h = cell[0] * x + cell[1] * y + cell[2] * z, k = cell[3] * x + cell[4] * y + cell[5] * z;
        const float l = cell[6] * x + cell[7] * y + cell[8] * z;
        bounds[i] = chords.unit[i] * weight
                  * bound_in_box<Shape>(squares, extent, side_of(h * band.middle, fabsf(h) * band.half + blur[0] * far),
                                        side_of(k * band.middle, fabsf(k) * band.half + blur[1] * far),
                                        side_of(l * band.middle, fabsf(l) * band.half + blur[2] * far));
    }
}

using FindBoundsOfItem = void(const Plan &plan, const Table<float> squares, const Extent extent, const Band band,
                              float weight, int orientation, const TileChords &chords, float *bounds);

/* Lane by lane, the largest of a series of thresholds for which everything below it adds up to at most `limit`; returns
 * the largest of the sums. */
static inline float find_thresholds(const float *bounds, int n, float limit, float *thresholds)
{
    const float inflation = 1.0f + 1e-7f * n;
    float largest;
    for (int i = 0; i < TILE_LANES; ++i)
        thresholds[i] = limit;
    for (bool again = true; again;) {
        alignas(64) float below[TILE_LANES] = {};
        for (int item = 0; item < n; ++item)
            NB_SIMD for (int i = 0; i < TILE_LANES; ++i)
            {
                const float bound = bounds[TILE_LANES * item + i];
                below[i] += bound < thresholds[i] ? bound : 0.0f;
            }
        again = false;
        largest = 0.0f;
        for (int i = 0; i < TILE_LANES; ++i) {
            const float sum = below[i] * inflation;
            largest = sum > largest ? sum : largest;
            if (!(sum <= limit)) {
                thresholds[i] *= LADDER;
                again = true;
            }
        }
    }
    return largest;
}

struct ItemMemory {
    float *bounds; /* of every item, for every sub-pixel */
    Item *items, *chosen;
};

/* Adds what a tile keeps, one sub-pixel after the other. */
class SinglePixels {
public:
    SinglePixels(const Scene &crystal, const Plan &plan, double most, SumItems *sum, const ItemMemory &memory)
        : crystal(crystal), plan(plan), most(most), sum(sum), bounds(memory.bounds), items(memory.items),
          chosen(memory.chosen), squares(squares_of(plan)), extent(extent_of(crystal.crystal)),
          find(Shapes::visit<FindBoundsOfItem *>(
              crystal.shape, [](auto s) -> FindBoundsOfItem * { return find_bounds_of_item<decltype(s)>; }))
    {
    }

    static bool serves(const Scene &s, const Plan &plan, SumItems *sum)
    {
        return sum && s.n_layers == 1 && s.n_sources >= LONG_RUNS * plan.n_runs;
    }

    /* Add the tile's terms to the `total` of the lanes in question; `limit`: what may still be left out. Returns what
     * is, at most. */
    float add(const Panel &p, const Tile &tile, const Kept &kept, float limit, const bool *wanted, double *total,
              long long &evaluated)
    {
        Lanes lanes;
        float thresholds[TILE_LANES];
        double rows[TILE_LANES], at[TILE_LANES];
        reset(crystal, TILE_LANES, lanes);
        find_tile_rays<false>(crystal, p, 0, tile, lanes, rows, at);
        find_all_bounds(kept, lanes);
        const float missing = find_thresholds(bounds, kept.first[plan.n_runs], limit, thresholds);
        for (int run = 0, end; run < plan.n_runs; run = end) {
            const int beam = plan.runs[run].beam;
            for (end = run + 1; end < plan.n_runs && plan.runs[end].beam == beam;)
                ++end;
            if (kept.first[run] < kept.first[end])
                add_beam(beam, kept.first[run], kept.first[end], thresholds, lanes, wanted, total, evaluated);
        }
        return missing;
    }

private:
    void find_all_bounds(const Kept &kept, Lanes &lanes)
    {
        for (int run = 0, beam = -1; run < plan.n_runs; ++run) {
            const Run &r = plan.runs[run];
            if (r.beam != beam)
                turn_to(r.beam, lanes);
            beam = r.beam;
            const Band band = band_between(r.kappa_low, r.kappa_high);
            for (int item = kept.first[run]; item < kept.first[run + 1]; ++item) {
                items[item] = {kept.which[item], r.first, r.count, plan.sources[r.first].table};
                find(plan, squares, extent, band, (float)(r.weight * 1.00001), kept.which[item], chords,
                     bounds + TILE_LANES * (size_t)item);
            }
        }
    }

    void polarize(int beam, Lanes &lanes)
    {
        const Source &source = plan.sources[plan.beams[beam].first];
        for (int i = 0; i < TILE_LANES && crystal.polarized; ++i)
            lanes.polar[i] = polarization_in_lane(crystal.kahn, source, lanes, i);
    }

    void turn_to(int beam, Lanes &lanes)
    {
        polarize(beam, lanes);
        const Source &source = plan.sources[plan.beams[beam].first];
        const double unit = most * crystal.scale * crystal.oversample * crystal.oversample * 1.0001;
        for (int i = 0; i < TILE_LANES; ++i) {
            const double x = lanes.d[0][i] - source.direction[0], y = lanes.d[1][i] - source.direction[1];
            const double z = lanes.d[2][i] - source.direction[2];
            chords.x[i] = (float)x;
            chords.y[i] = (float)y;
            chords.z[i] = (float)z;
            chords.length[i] = (float)(sqrt(x * x + y * y + z * z) * 1.0001);
            chords.unit[i] = (float)(unit * fabs(lanes.omega[i] * lanes.polar[i] * lanes.capture[i]));
        }
    }

    /* Add the items of one beam from `first` to `end` to every sub-pixel that they matter for. */
    void add_beam(int beam, int first, int end, const float *thresholds, Lanes &lanes, const bool *wanted,
                  double *total, long long &evaluated)
    {
        const double *direction = plan.sources[plan.beams[beam].first].direction;
        polarize(beam, lanes);
        for (int i = 0; i < TILE_LANES; ++i) {
            int n = 0;
            if (!wanted[i])
                continue;
            for (int item = first; item < end; ++item) {
                chosen[n] = items[item];
                if (!(bounds[TILE_LANES * (size_t)item + i] < thresholds[i])) {
                    evaluated += items[item].count;
                    ++n;
                }
            }
            const double factors = lanes.omega[i] * lanes.polar[i] * lanes.capture[i] / crystal.n_cells;
            total[i] += factors
                      * sum(crystal, plan, chosen, n, lanes.d[0][i] - direction[0], lanes.d[1][i] - direction[1],
                            lanes.d[2][i] - direction[2]);
        }
    }

    const Scene &crystal;
    const Plan &plan;
    const double most;
    SumItems *const sum;
    float *const bounds;
    Item *const items, *const chosen;
    const Table<float> squares;
    const Extent extent;
    FindBoundsOfItem *const find;
    TileChords chords;
};

} // namespace nb::NB_ISA

#endif
