/* Which orientations and sources matter in a tile of 4 x 4 sub-pixels: decided for blocks of tiles, for the tile, and
 * for runs of sources in it (docs/culling.md, Tiles). */
#ifndef NANOBRAGG_CULLING_SELECTION_H
#define NANOBRAGG_CULLING_SELECTION_H

#include "../lanes.h"
#include "../shapes/shapes.h"
#include "bounds.h"

namespace nb::NB_ISA {

constexpr int TILE = 4;             /* edge of a tile, sub-pixels */
constexpr int BLOCK = 4;            /* edge of a block, tiles */
constexpr float LADDER = 0.7f;      /* ratio of one threshold to the one before */
constexpr float LIMIT = 0.9999f;    /* of what a pixel may miss, */
constexpr float BLOCK_SHARE = 0.1f; /* what is left out of blocks, */
constexpr float TILE_SHARE = 0.15f;  /* and of the rest, of tiles, */
constexpr float RUN_SHARE = 0.25f; /* and of the rest, of runs of sources, if single sub-pixels are looked at after */

/* Sub-pixels by the first one along the axes, and how many there are. */
struct Tile {
    int fast, slow, n_fast, n_slow;
};

static inline Patch patch_of(const Scene &s, const Panel &p, const Tile &tile)
{
    const double step = p.pixel / s.oversample;
    const double low[2] = {step * (tile.fast + 0.5), step * (tile.slow + 0.5)};
    const double high[2] = {low[0] + step * (tile.n_fast - 1), low[1] + step * (tile.n_slow - 1)};
    return patch_between(s, p, low, high);
}

/* The terms of a tile that are evaluated: of run i those of the orientations which[first[i]] to
 * which[first[i + 1] - 1]. */
struct Kept {
    int *first, *which;
    float missing; /* upper bound of the rest, as a share of what may be left out */
    long long terms; /* per sub-pixel and layer */
};

/* Orientations in whole vectors, as one beam sees them. */
struct Seen {
    int n;
    int *which; /* their numbers */
    const float *cells;          /* a, b, c by component, A */
    float *middle[3], *width[3]; /* index times wavelength, and half its range */
    float *bounds; /* of their terms, as a share of what may be left out */
};

struct SelectionMemory {
    Seen *all, *block, *tile; /* of every beam */
    float *cells; /* of the block */
    float *by_run;
    Kept kept;
};

/* The largest of a series of thresholds for which everything below it adds up to at most `limit`; the sum so found. */
static inline float find_threshold(const float *bounds, size_t n, float limit, float *sum)
{
    const float inflation = 1.0f + 1e-7f * n; /* rounding of the sum */
    for (float threshold = limit;; threshold *= LADDER) {
        float below = 0.0f;
        _Pragma("omp simd reduction(+:below)") for (size_t i = 0; i < n; ++i)
        {
            below += bounds[i] < threshold ? bounds[i] : 0.0f;
        }
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

struct Band {
    float middle, half, high; /* of 1/wavelength, 1/A */
};

static inline Band band_between(double low, double high)
{
    const float middle = (float)(0.5 * (low + high));
    return {middle, (float)(0.5 * (high - low) * 1.00001) + ROUNDING * middle, (float)(high * 1.00001)};
}

/* The products of a vertex (x, y, z), A, with the chords: their middle, and half their range. */
struct ChordRange {
    float middle, width;
};

NB_INLINE ChordRange range_along(float x, float y, float z, const Chords &c, float blur)
{
    const float along_u = x * c.u[0] + y * c.u[1] + z * c.u[2];
    const float along_v = x * c.v[0] + y * c.v[1] + z * c.v[2];
    return {x * c.d[0] + y * c.d[1] + z * c.d[2], 1.00001f * (fabsf(along_u) + fabsf(along_v)) + blur};
}

/* What rounding adds to the range; `length`: of the vertex, or of a longer one. */
NB_INLINE float blur_of(double length, const Chords &c)
{
    return (float)length * 1.00001f * c.rest;
}

/* That range times a band of 1/wavelength, as an axis of a box of indices. */
NB_INLINE Side side_in_band(const ChordRange range, const Band band)
{
    return side_of(range.middle * band.middle, fabsf(range.middle) * band.half + range.width * band.high);
}

/* Bounds for n orientations and a band of wavelengths; `unit`: of a term that is as large as one can be. */
template <class Shape>
static void find_bounds(const Table<float> squares, const Extent extent, const Band band, float unit, const Seen &seen,
                        int n, float *bounds)
{
    const float *h = seen.middle[0], *k = seen.middle[1], *l = seen.middle[2];
    const float *dh = seen.width[0], *dk = seen.width[1], *dl = seen.width[2];
    NB_SIMD for (int i = 0; i < n; ++i)
    {
        bounds[i] = unit
                  * bound_in_box<Shape>(squares, extent, side_in_band({h[i], dh[i]}, band),
                                        side_in_band({k[i], dk[i]}, band), side_in_band({l[i], dl[i]}, band));
    }
}

using FindBounds = void(const Table<float> squares, const Extent extent, const Band band, float unit, const Seen &seen,
                        int n, float *bounds);

static FindBounds *bounds_of(int shape)
{
    return Shapes::visit<FindBounds *>(shape, [](auto s) -> FindBounds * { return find_bounds<decltype(s)>; });
}

/* Decides what blocks and their tiles keep, so that no pixel misses more than the photons that it may. */
class Selection {
public:
    /* `single`: sub-pixels are looked at one by one after. */
    Selection(const Scene &s, const Plan &plan, double photons, bool single, SelectionMemory &memory)
        : most(photons_at_most(s, plan) / photons / s.n_cells * plan.largest_share), s(s), plan(plan), memory(memory),
          squares(squares_of(plan)), extent(extent_of(s.crystal)), find(bounds_of(s.shape)),
          share(single ? RUN_SHARE : 1.0f)
    {
        for (int b = 0; b < plan.n_beams; ++b) {
            memory.all[b].n = s.n_cells;
            memory.all[b].cells = plan.cells;
            memory.block[b].cells = memory.cells + 9 * b * (size_t)plan.padded;
        }
    }

    /* Bound of all of a beam's terms in a pixel, if they are as large as one can be and the beam has all the weight. */
    double unit(const Patch &patch, int beam) const
    {
        return most * photons_per_unit(s, patch, plan.sources[plan.beams[beam].first]);
    }

    /* Look at the orientations as a whole for all tiles of a block; returns whether any is left. */
    bool begin_block(const Patch &patch)
    {
        float sum;
        int left = 0;
        bound_beams(memory.all, patch);
        const float threshold = find_threshold(memory.all[0].bounds, (size_t)plan.n_beams * plan.padded,
                                               LIMIT * BLOCK_SHARE, &sum);
        for (int b = 0; b < plan.n_beams; ++b) {
            pick(memory.all[b], threshold, memory.block[b]);
            copy_cells(memory.all[b], memory.block[b], memory.cells + 9 * b * (size_t)plan.padded);
            left += memory.block[b].n;
        }
        block_sum = sum;
        return left > 0;
    }

    /* Upper bound of what the block leaves out, as a share of what may be left out. */
    double missing_in_block() const { return block_sum; }

    /* What a tile of the block keeps. */
    const Kept &select(const Patch &patch)
    {
        const bool runs = plan.n_runs > plan.n_beams;
        const float rest = LIMIT - block_sum;
        float sum;
        bound_beams(memory.block, patch);
        pack_bounds();
        const float threshold = find_threshold(memory.by_run, packed, runs ? TILE_SHARE * rest : share * rest, &sum);
        for (int b = 0; b < plan.n_beams; ++b) {
            pick(memory.block[b], threshold, memory.tile[b]);
            copy_ranges(memory.block[b], memory.tile[b]);
        }
        memory.kept.missing = block_sum + sum;
        if (runs)
            memory.kept.missing += list_runs(patch, share * (rest - sum));
        else
            list_beams();
        return memory.kept;
    }

    const double most; /* photons of a pixel per unit (patch.h) if all terms are as large as one can be, over those that
                        * it may miss */

private:
    /* Bounds of the orientations of a list for every beam as a whole. */
    void bound_beams(Seen *lists, const Patch &patch)
    {
        for (int b = 0; b < plan.n_beams; ++b) {
            const Beam &beam = plan.beams[b];
            Seen &seen = lists[b];
            const Chords chords = chords_of(patch, plan.sources[beam.first]);
            const int n = whole_vectors(seen.n);
            for (int axis = 0; axis < 3; ++axis)
                find_ranges(seen, axis, chords, n);
            const double low = plan.kappa[beam.first], high = plan.kappa[beam.first + beam.count - 1];
            find(squares, extent, band_between(low * PER_METRE, high * PER_METRE),
                 (float)(unit(patch, b) * beam.weight * 1.00001), seen, n, seen.bounds);
            for (int i = seen.n; i < n; ++i)
                seen.bounds[i] = 0.0f;
        }
    }

    void find_ranges(Seen &seen, int axis, const Chords c, int n)
    {
        const float *x = seen.cells + 3 * axis * (size_t)plan.padded, *y = x + plan.padded, *z = y + plan.padded;
        float *middle = seen.middle[axis], *width = seen.width[axis];
        const float blur = blur_of(plan.length[axis], c);
        NB_SIMD for (int i = 0; i < n; ++i)
        {
            const ChordRange range = range_along(x[i], y[i], z[i], c, blur);
            middle[i] = range.middle;
            width[i] = range.width;
        }
    }

    /* Places, then numbers of those that are not below the threshold. */
    void pick(const Seen &from, float threshold, Seen &to)
    {
        int n = 0;
        for (int i = 0; i < from.n; ++i) {
            to.which[n] = i;
            n += !(from.bounds[i] < threshold);
        }
        to.n = n;
    }

    void copy_cells(const Seen &from, const Seen &to, float *cells)
    {
        const int n = whole_vectors(to.n);
        for (int component = 0; component < 9; ++component) {
            const float *source = from.cells + component * (size_t)plan.padded;
            float *target = cells + component * (size_t)plan.padded;
            for (int i = 0; i < n; ++i)
                target[i] = source[to.which[i < to.n ? i : 0]];
        }
    }

    void copy_ranges(const Seen &from, Seen &to)
    {
        const int n = whole_vectors(to.n);
        for (int axis = 0; axis < 3; ++axis)
            for (int i = 0; i < n; ++i) {
                const int place = to.which[i < to.n ? i : 0];
                to.middle[axis][i] = from.middle[axis][place];
                to.width[axis][i] = from.width[axis][place];
            }
        for (int i = 0; i < to.n; ++i)
            to.which[i] = from.which[to.which[i]];
    }

    /* Put the bounds of the block's orientations side by side. */
    void pack_bounds()
    {
        packed = 0;
        for (int b = 0; b < plan.n_beams; ++b) {
            const int n = whole_vectors(memory.block[b].n);
            memcpy(memory.by_run + packed, memory.block[b].bounds, n * sizeof(float));
            packed += n;
        }
    }

    /* Every beam is one run. */
    void list_beams()
    {
        Kept &kept = memory.kept;
        int n = 0;
        kept.terms = 0;
        for (int b = 0; b < plan.n_beams; ++b) {
            const Seen &seen = memory.tile[b];
            kept.first[b] = n;
            memcpy(kept.which + n, seen.which, seen.n * sizeof(int));
            n += seen.n;
            kept.terms += (long long)seen.n * plan.beams[b].count;
        }
        kept.first[plan.n_beams] = n;
    }

    /* Bound the runs of the tile's orientations, and leave out what adds up to at most `limit`; returns the sum. */
    float list_runs(const Patch &patch, float limit)
    {
        float sum;
        size_t end = 0;
        double beam_unit = 0.0;
        for (int i = 0; i < plan.n_runs; ++i) {
            const Run &run = plan.runs[i];
            if (i == 0 || run.beam != plan.runs[i - 1].beam)
                beam_unit = unit(patch, run.beam);
            const Seen &seen = memory.tile[run.beam];
            const int n = whole_vectors(seen.n);
            find(squares, extent, band_between(run.kappa_low, run.kappa_high),
                 (float)(beam_unit * run.weight * 1.00001), seen, n, memory.by_run + end);
            for (int j = seen.n; j < n; ++j)
                memory.by_run[end + j] = 0.0f;
            end += n;
        }
        const float threshold = find_threshold(memory.by_run, end, limit, &sum);
        Kept &kept = memory.kept;
        const float *bounds = memory.by_run;
        int n = 0;
        kept.terms = 0;
        for (int i = 0; i < plan.n_runs; ++i) {
            const Seen &seen = memory.tile[plan.runs[i].beam];
            kept.first[i] = n;
            for (int j = 0; j < seen.n; ++j) {
                kept.which[n] = seen.which[j];
                n += !(bounds[j] < threshold);
            }
            kept.terms += (long long)(n - kept.first[i]) * plan.runs[i].count;
            bounds += whole_vectors(seen.n);
        }
        kept.first[plan.n_runs] = n;
        return sum;
    }

    const Scene &s;
    const Plan &plan;
    SelectionMemory &memory;
    const Table<float> squares;
    const Extent extent;
    FindBounds *const find;
    const float share;
    float block_sum = 0.0f;
    size_t packed = 0;
};

} // namespace nb::NB_ISA

#endif
