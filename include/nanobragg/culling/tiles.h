/* Tiles of 4 x 4 sub-pixels: which orientations and sources matter there, and the sum of their terms
 * (docs/culling.md, Tiles). */
#ifndef NANOBRAGG_CULLING_TILES_H
#define NANOBRAGG_CULLING_TILES_H

#include "../intensity.h"
#include "../walk.h"
#include "bounds.h"

namespace nb::NB_ISA {

constexpr int TILE = 4; /* edge of a tile, sub-pixels */
constexpr int TILE_LANES = TILE * TILE;
constexpr float FIRST_SHARE = 0.3f; /* of what may be left out, for orientations as a whole */

/* A tile by its first sub-pixel along the axes, and how many it has. */
struct Tile {
    int fast, slow, n_fast, n_slow;
};

/* The terms of a tile that are evaluated: of run i those of the orientations which[first[i]] to which[first[i + 1] -
 * 1].
 */
struct Kept {
    int *first, *which;
    double missing; /* upper bound of the rest, as a share of what may be left out */
    long long terms; /* per sub-pixel and layer */
};

/* Memory for the bounds of one tile. */
struct TileMemory {
    float *middle[3], *width[3];   /* of every beam and orientation: index times wavelength, and half its range */
    float *kept_middle[3], *kept_width[3];
    float *by_orientation, *by_run;
    int *orientation; /* the kept ones, beam by beam */
    Kept kept;
};

NB_INLINE int whole_vectors(int n)
{
    return (n + VECTOR - 1) / VECTOR * VECTOR;
}

/* The largest of a series of thresholds for which everything below it adds up to at most `limit`; the sum so found. */
static inline float find_threshold(const float *bounds, int n, float limit, float *sum)
{
    const float inflation = 1.0f + 1e-7f * n; /* rounding of the sum */
    for (float threshold = limit;; threshold *= 0.5f) {
        float below = 0.0f;
        _Pragma("omp simd reduction(+:below)") for (int i = 0; i < n; ++i) below += bounds[i] < threshold ? bounds[i]
                                                                                                          : 0.0f;
        if (below * inflation <= limit) {
            *sum = below * inflation;
            return threshold;
        }
    }
}

/* How a beam is scattered into a tile: the chords d - s, and their bounds in single precision. */
struct Chords {
    float d[3], u[3], v[3], rest;
};

static inline Chords chords_of(const Patch &patch, const Source &source)
{
    Chords c;
    double chord[3];
    for (int i = 0; i < 3; ++i) {
        chord[i] = patch.d[i] - source.direction[i];
        c.d[i] = (float)chord[i];
        c.u[i] = (float)patch.u[i];
        c.v[i] = (float)patch.v[i];
    }
    c.rest = (float)(patch.rest * 1.00001 + ROUNDING * length(chord));
    return c;
}

/* Index times wavelength of every orientation along one axis, and half its range in the tile. */
static void find_middles(const Plan &plan, int axis, const Chords c, float *middle, float *width)
{
    const float *x = plan.cells + 3 * axis * (size_t)plan.padded, *y = x + plan.padded, *z = y + plan.padded;
    const float blur = (float)plan.length[axis] * 1.00001f * c.rest;
    NB_SIMD for (int i = 0; i < plan.padded; ++i)
    {
        middle[i] = x[i] * c.d[0] + y[i] * c.d[1] + z[i] * c.d[2];
        width[i] = 1.00001f
                     * (fabsf(x[i] * c.u[0] + y[i] * c.u[1] + z[i] * c.u[2])
                        + fabsf(x[i] * c.v[0] + y[i] * c.v[1] + z[i] * c.v[2]))
                 + blur;
    }
}

struct Band {
    float middle, half, high; /* of 1/wavelength, 1/A */
};

static inline Band band_between(double low, double high)
{
    const float middle = (float)(0.5 * (low + high));
    return {middle, (float)(0.5 * (high - low) * 1.00001) + ROUNDING * middle, (float)(high * 1.00001)};
}

/* Bounds for n orientations and a band of wavelengths; `unit`: of a term that is as large as one can be. */
template <class Shape>
static void find_bounds(const Grid grid, const Extent extent, const Band band, float unit, float *const *middle,
                        float *const *width, int n, float *bounds)
{
    const float *h = middle[0], *k = middle[1], *l = middle[2], *dh = width[0], *dk = width[1], *dl = width[2];
    NB_SIMD for (int i = 0; i < n; ++i)
    {
        bounds[i] = unit
                  * bound_in_box<Shape>(grid, extent,
                                        side_of(h[i] * band.middle, fabsf(h[i]) * band.half + dh[i] * band.high),
                                        side_of(k[i] * band.middle, fabsf(k[i]) * band.half + dk[i] * band.high),
                                        side_of(l[i] * band.middle, fabsf(l[i]) * band.half + dl[i] * band.high));
    }
}

using FindBounds = void(const Grid grid, const Extent extent, const Band band, float unit, float *const *middle,
                        float *const *width, int n, float *bounds);

static FindBounds *bounds_of(int shape)
{
    return Shapes::visit<FindBounds *>(shape, [](auto s) -> FindBounds * { return find_bounds<decltype(s)>; });
}

static inline Patch patch_of(const Scene &s, const Panel &p, const Tile &tile)
{
    const double step = p.pixel / s.oversample;
    const double low[2] = {step * (tile.fast + 0.5), step * (tile.slow + 0.5)};
    const double high[2] = {low[0] + step * (tile.n_fast - 1), low[1] + step * (tile.n_slow - 1)};
    return patch_between(s, p, low, high);
}

/* Decides what a tile keeps, first for orientations as a whole, then for runs of sources. */
class Selection {
public:
    Selection(const Scene &s, const Plan &plan, double photons, TileMemory &memory)
        : s(s), plan(plan), photons(photons), memory(memory), grid(grid_of(plan)), extent(extent_of(s.crystal)),
          find(bounds_of(s.shape))
    {
    }

    /* Keep enough of the tile's terms that no pixel of it misses more than the photons that it may. */
    void select(const Patch &patch)
    {
        const double most = photons_at_most(s, plan) / photons / s.n_cells;
        float first_sum, sum = 0.0f;
        for (int b = 0; b < plan.n_beams; ++b)
            bound_orientations(b, patch, photons_per_unit(s, patch, plan.sources[plan.beams[b].first]) * most);
        const int all = plan.n_beams * plan.padded;
        const bool single = plan.n_runs == plan.n_beams;
        const float threshold = find_threshold(memory.by_orientation, all, single ? LIMIT : FIRST_SHARE, &first_sum);
        if (single)
            keep_beams(threshold);
        else
            sum = keep_runs(patch, threshold, LIMIT - first_sum, most);
        memory.kept.missing = first_sum + sum;
    }

private:
    static constexpr float LIMIT = 0.9999f;

    void bound_orientations(int b, const Patch &patch, double unit)
    {
        const Beam &beam = plan.beams[b];
        const size_t at = (size_t)b * plan.padded;
        const Chords chords = chords_of(patch, plan.sources[beam.first]);
        float *middle[3], *width[3], *bounds = memory.by_orientation + at;
        double weight = 0.0;
        for (int axis = 0; axis < 3; ++axis) {
            middle[axis] = memory.middle[axis] + at;
            width[axis] = memory.width[axis] + at;
            find_middles(plan, axis, chords, middle[axis], width[axis]);
        }
        for (int i = 0; i < beam.count; ++i)
            weight += plan.sources[beam.first + i].weight;
        const double low = plan.kappa[beam.first] * PER_METRE,
                     high = plan.kappa[beam.first + beam.count - 1] * PER_METRE;
        find(grid, extent, band_between(low, high), (float)(unit * weight * 1.00001), middle, width, plan.padded,
             bounds);
        for (int i = s.n_cells; i < plan.padded; ++i)
            bounds[i] = 0.0f;
    }

    /* Every beam is one run. */
    void keep_beams(float threshold)
    {
        Kept &kept = memory.kept;
        int n = 0;
        kept.terms = 0;
        for (int b = 0; b < plan.n_beams; ++b) {
            const float *bounds = memory.by_orientation + (size_t)b * plan.padded;
            kept.first[b] = n;
            for (int i = 0; i < s.n_cells; ++i) {
                kept.which[n] = i;
                n += !(bounds[i] < threshold);
            }
            kept.terms += (long long)(n - kept.first[b]) * plan.beams[b].count;
        }
        kept.first[plan.n_beams] = n;
    }

    /* Bound the runs of the orientations at or above the threshold, and keep as many as `limit` demands. */
    float keep_runs(const Patch &patch, float threshold, float limit, double most)
    {
        float sum;
        size_t n = 0;
        for (int b = 0, run = 0; b < plan.n_beams; ++b) {
            const int count = gather_orientations(b, threshold), padded = whole_vectors(count);
            const double unit = photons_per_unit(s, patch, plan.sources[plan.beams[b].first]) * most;
            for (; run < plan.n_runs && plan.runs[run].beam == b; ++run, n += padded) {
                const Run &r = plan.runs[run];
                find(grid, extent, band_between(r.kappa_low, r.kappa_high), (float)(unit * r.weight * 1.00001),
                     memory.kept_middle, memory.kept_width, padded, memory.by_run + n);
                for (int i = count; i < padded; ++i)
                    memory.by_run[n + i] = 0.0f;
            }
        }
        const float lowest = find_threshold(memory.by_run, (int)n, limit, &sum);
        list_runs(threshold, lowest);
        return sum;
    }

    /* Put the beam's orientations at or above the threshold side by side; returns how many. */
    int gather_orientations(int b, float threshold)
    {
        const size_t at = (size_t)b * plan.padded;
        const float *bounds = memory.by_orientation + at;
        int n = 0;
        for (int i = 0; i < s.n_cells; ++i) {
            memory.orientation[n] = i;
            n += !(bounds[i] < threshold);
        }
        for (int i = 0; i < whole_vectors(n); ++i) {
            const int from = memory.orientation[i < n ? i : 0];
            for (int axis = 0; axis < 3; ++axis) {
                memory.kept_middle[axis][i] = memory.middle[axis][at + from];
                memory.kept_width[axis][i] = memory.width[axis][at + from];
            }
        }
        return n;
    }

    void list_runs(float threshold, float lowest)
    {
        Kept &kept = memory.kept;
        const float *bounds = memory.by_run;
        int n = 0;
        kept.terms = 0;
        for (int b = 0, run = 0; b < plan.n_beams; ++b) {
            const int count = gather_orientations(b, threshold);
            for (; run < plan.n_runs && plan.runs[run].beam == b; ++run, bounds += whole_vectors(count)) {
                kept.first[run] = n;
                for (int i = 0; i < count; ++i) {
                    kept.which[n] = memory.orientation[i];
                    n += !(bounds[i] < lowest);
                }
                kept.terms += (long long)(n - kept.first[run]) * plan.runs[run].count;
            }
        }
        kept.first[plan.n_runs] = n;
    }

    const Scene &s;
    const Plan &plan;
    const double photons; /* that a pixel may miss */
    TileMemory &memory;
    const Grid grid;
    const Extent extent;
    FindBounds *find;
};

/* The tile's sub-pixels as lanes: rows of TILE, the last one of each repeated. */
static inline void find_tile_rays(const Scene &s, const Panel &p, int layer, const Tile &tile, Lanes &lanes)
{
    const double step = p.pixel / s.oversample;
    double at[TILE_LANES];
    for (int i = 0; i < TILE_LANES; ++i) {
        const int x = i % TILE;
        at[i] = step * (tile.fast + (x < tile.n_fast ? x : tile.n_fast - 1)) + step / 2.0;
    }
    for (int y = 0; y < TILE; ++y) {
        const double row = step * (tile.slow + (y < tile.n_slow ? y : tile.n_slow - 1)) + step / 2.0;
        find_rays<false, Latest, false>(s, p, layer, row, at, false, false, TILE * y, TILE * y + TILE, lanes);
    }
}

/* Sum of the kept terms of every sub-pixel, in sink.total; `crystal` is the scene without what surrounds the crystal,
 * and with the plan's sources. */
template <class Sink>
static void add_tile(const Scene &crystal, const Panel &p, const Plan &plan, const Tile &tile, const Kept &kept,
                     Accumulate<Sink> *add, const volatile int *stop, Sink &sink)
{
    Lanes lanes;
    reset(crystal, TILE_LANES, lanes);
    fill(sink.total, 0.0, TILE_LANES);
    for (int layer = 0; layer < crystal.n_layers && kept.terms; ++layer) {
        int beam = -1;
        find_tile_rays(crystal, p, layer, tile, lanes);
        for (int run = 0; run < plan.n_runs && !*stop; ++run) {
            const Run &r = plan.runs[run];
            const Orientations list = {kept.which, kept.first[run], kept.first[run + 1] - kept.first[run]};
            for (int i = r.first; i < r.first + r.count && list.count; ++i) {
                add_source(crystal, i, list, r.beam != beam, add, stop, TILE_LANES, lanes, sink);
                beam = r.beam;
            }
        }
    }
}

} // namespace nb::NB_ISA

#endif
