/* The image of a region with what cannot be seen left out: by spots, by tiles, or all of it (docs/culling.md, Regions).
 * What is decided here depends on the region alone: not on which of its pixels are wanted, nor on other regions. */
#ifndef NANOBRAGG_CULLING_REGION_H
#define NANOBRAGG_CULLING_REGION_H

#include "spots.h"
#include "tiles.h"

namespace nb::NB_ISA {

constexpr double TERM_NS = 3.0; /* rough time of a term of the exact engine, */
constexpr double BOUND_NS = 3.0; /* of a bound, */
constexpr double ORIENTATION_NS = 80.0; /* and of the search for one orientation's spots in a region */
constexpr double WORTHWHILE = 0.8; /* share of the exact engine's time below which terms are left out */
constexpr int SAMPLES = 4; /* tiles, or groups of orientations, that a decision is based on */

/* Memory for one region at a time. */
struct RegionMemory {
    TileMemory tile;
    Candidates *candidates;
};

/* Hands out parts of a block of memory; with NULL it only counts. */
class Carver {
public:
    explicit Carver(char *block) : block(block) {}

    template <class Entry> Entry *take(size_t n)
    {
        const size_t bytes = (n * sizeof(Entry) + 63) / 64 * 64;
        Entry *part = block ? (Entry *)(block + taken) : nullptr;
        taken += bytes;
        return part;
    }

    size_t taken = 0;

private:
    char *block;
};

/* Returns the bytes that it needs. */
static inline size_t carve(const Plan &plan, char *block, RegionMemory &memory)
{
    Carver carver(block);
    TileMemory &t = memory.tile;
    const size_t beams = (size_t)plan.n_beams * plan.padded, runs = (size_t)plan.n_runs * plan.padded;
    for (int axis = 0; axis < 3; ++axis) {
        t.middle[axis] = carver.take<float>(beams);
        t.width[axis] = carver.take<float>(beams);
        t.kept_middle[axis] = carver.take<float>(plan.padded);
        t.kept_width[axis] = carver.take<float>(plan.padded);
    }
    t.by_orientation = carver.take<float>(beams);
    t.by_run = carver.take<float>(runs);
    t.orientation = carver.take<int>(plan.padded + 1);
    t.kept.first = carver.take<int>(plan.n_runs + 1);
    t.kept.which = carver.take<int>(runs + 1);
    memory.candidates = carver.take<Candidates>(1);
    return carver.taken;
}

static inline size_t region_bytes(const Plan &plan)
{
    RegionMemory memory;
    return carve(plan, nullptr, memory);
}

static inline Patch patch_of(const Scene &s, const Panel &p, const Region &region)
{
    const double low[2] = {sub_pixel_at(s, p, region.fast, 0), sub_pixel_at(s, p, region.slow, 0)};
    const double high[2] = {sub_pixel_at(s, p, region.fast + region.n_fast - 1, s.oversample - 1),
                            sub_pixel_at(s, p, region.slow + region.n_slow - 1, s.oversample - 1)};
    return patch_between(s, p, low, high);
}

/* Renders regions of one panel so that no pixel misses more than `epsilon` photons. */
class RegionRenderer {
public:
    RegionRenderer(const Scene &s, const Panel &p, const Plan &plan, double epsilon, Accumulate<Intensity> *add,
                   SumSources *sum, char *block, const volatile int *stop)
        : s(s), p(p), plan(plan), epsilon(epsilon), add(add), sum(sum), stop(stop), crystal(s), around(s)
    {
        carve(plan, block, memory);
        crystal.sources = plan.sources;
        crystal.water = 0.0;
        crystal.amorphous = nullptr;
        around.sources = plan.around;
        around.n_sources = plan.n_around;
    }

    /* Photons of the wanted pixels, by rows of REGION. */
    void render(const Region &region, double *photons, Tally &tally)
    {
        const Patch patch = patch_of(s, p, region);
        const bool by_spots = is_compact(s.shape) && !s.curved;
        if (by_spots ? !spots_pay(region, patch) : !tiles_pay(region)) {
            add_rows(s, all_of(s), region, photons);
            tally.evaluated += terms_of(region);
            return;
        }
        if (s.water > 0.0 || s.amorphous)
            add_rows(around, {nullptr, 0, 0}, region, photons);
        else
            memset(photons, 0, REGION * REGION * sizeof *photons);
        if (by_spots)
            add_spots(region, patch, photons, tally);
        else
            add_tiles(region, photons, tally);
    }

private:
    long long sub_pixels(const Region &region) const
    {
        return (long long)region.n_fast * region.n_slow * s.oversample * s.oversample * s.n_layers;
    }

    long long terms_of(const Region &region) const { return sub_pixels(region) * s.n_sources * s.n_cells; }

    /* Photons of every wanted pixel of a scene for some of its orientations, by the exact engine's walk. */
    void add_rows(const Scene &scene, const Orientations list, const Region &region, double *photons)
    {
        for (int y = 0; y < region.n_slow && !*stop; ++y) {
            int fast[REGION], n = 0;
            double row[REGION];
            Intensity sink;
            for (int x = 0; x < region.n_fast; ++x) {
                fast[n] = region.fast + x;
                n += region.wanted[REGION * y + x];
            }
            if (n == 0)
                continue;
            walk(scene, p, region.slow + y, fast, n, list, add, stop, sink, row);
            for (int i = 0; i < n; ++i)
                photons[REGION * y + fast[i] - region.fast] = row[i];
        }
    }

    /* Visits the spots that the region sees: of every orientation, or of some. */
    template <class Visit>
    void visit_region(const Patch &patch, int group_step, int step, const volatile int *stop, Visit visit)
    {
        for (int b = 0; b < plan.n_beams; ++b) {
            const View view = view_of(plan, b, patch);
            const double unit = photons_per_unit(s, patch, plan.sources[plan.beams[b].first])
                              * photons_at_most(s, plan);
            const Reach reach = {s.shape, epsilon / unit};
            for (int g = 0; g < plan.n_groups && !*stop; g += group_step)
                visit_spots(s, plan, plan.groups[g], step, view, reach(1.0), stop, *memory.candidates, reach,
                            [&](int orientation, const Spot &spot) { visit(orientation, spot, view); });
        }
    }

    bool spots_pay(const Region &region, const Patch &patch)
    {
        const int group_step = (plan.n_groups + SAMPLES - 1) / SAMPLES, step = (plan.groups[0].count + 1) / 2;
        const double exact = TERM_NS * terms_of(region);
        double sampled = 0.0, cost = 0.0;
        for (int g = 0; g < plan.n_groups; g += group_step)
            sampled += (plan.groups[g].count + step - 1) / step;
        const double share = sampled / s.n_cells, limit = WORTHWHILE * share * exact;
        int enough = 0;
        Spots spots(s, p, plan, region, sum, nullptr);
        visit_region(patch, group_step, step, &enough, [&](int, const Spot &spot, const View &view) {
            cost += spots.estimate(spot, view);
            enough = cost > limit;
        });
        return cost + ORIENTATION_NS * plan.n_beams * sampled < limit;
    }

    void add_spots(const Region &region, const Patch &patch, double *photons, Tally &tally)
    {
        Spots spots(s, p, plan, region, sum, photons);
        visit_region(patch, 1, 1, stop,
                     [&](int orientation, const Spot &spot, const View &view) { spots.add(orientation, spot, view); });
        tally.evaluated += spots.evaluated;
        if (reach_sqr_of(s.shape, 0.0) > reach_sqr_of(s.shape, 0.9)) /* the reach depends on what may be left out */
            tally.bound = fmax(tally.bound, epsilon);
    }

    /* visit(tile) for tiles of a region, every `step`-th along both axes. */
    template <class Visit> void visit_tiles(const Region &region, int first, int step, Visit visit)
    {
        const int columns = region.n_fast * s.oversample, rows = region.n_slow * s.oversample;
        for (int y = TILE * first; y < rows && !*stop; y += TILE * step)
            for (int x = TILE * first; x < columns && !*stop; x += TILE * step) {
                const int width = columns - x < TILE ? columns - x : TILE, height = rows - y < TILE ? rows - y : TILE;
                visit(Tile{region.fast * s.oversample + x, region.slow * s.oversample + y, width, height});
            }
    }

    const Kept &select(const Tile &tile)
    {
        Selection(s, plan, epsilon, memory.tile).select(patch_of(s, p, tile));
        return memory.tile.kept;
    }

    bool tiles_pay(const Region &region)
    {
        const int tiles = (region.n_fast < region.n_slow ? region.n_fast : region.n_slow) * s.oversample / TILE;
        const int step = tiles / 2 > 0 ? tiles / 2 : 1;
        const double bounds = BOUND_NS * s.n_cells * (plan.n_beams + plan.n_runs);
        double exact = 0.0, cost = 0.0;
        visit_tiles(region, step / 2, step, [&](const Tile &tile) {
            const double place = TERM_NS * TILE_LANES * s.n_layers;
            exact += place * s.n_sources * s.n_cells;
            cost += bounds + place * select(tile).terms;
        });
        return exact > 0.0 && cost < WORTHWHILE * exact;
    }

    void add_tiles(const Region &region, double *photons, Tally &tally)
    {
        visit_tiles(region, 0, 1, [&](const Tile &tile) {
            if (!is_wanted(region, tile))
                return;
            Intensity sink;
            const Kept &kept = select(tile);
            add_tile(crystal, p, plan, tile, kept, add, stop, sink);
            for (int y = 0; y < tile.n_slow; ++y)
                for (int x = 0; x < tile.n_fast; ++x)
                    photons[pixel_of(region, tile, x, y)] += s.scale * sink.total[TILE * y + x];
            tally.evaluated += kept.terms * tile.n_fast * tile.n_slow * s.n_layers;
            tally.bound = fmax(tally.bound, kept.missing * epsilon);
        });
    }

    int pixel_of(const Region &region, const Tile &tile, int x, int y) const
    {
        return REGION * ((tile.slow + y) / s.oversample - region.slow) + (tile.fast + x) / s.oversample - region.fast;
    }

    bool is_wanted(const Region &region, const Tile &tile) const
    {
        for (int y = 0; y < tile.n_slow; ++y)
            for (int x = 0; x < tile.n_fast; ++x)
                if (region.wanted[pixel_of(region, tile, x, y)])
                    return true;
        return false;
    }

    const Scene &s;
    const Panel &p;
    const Plan &plan;
    const double epsilon;
    Accumulate<Intensity> *const add;
    SumSources *const sum;
    const volatile int *const stop;
    Scene crystal, around; /* without what surrounds it; that alone */
    RegionMemory memory;
};

} // namespace nb::NB_ISA

#endif
