/* The image of a region with what cannot be seen left out: by spots, by tiles, or all of it (docs/culling.md, Regions).
 * What is decided here depends on the region alone: not on which of its pixels are wanted, nor on other regions. */
#ifndef NANOBRAGG_CULLING_REGION_H
#define NANOBRAGG_CULLING_REGION_H

#include "photons.h"
#include "smeared_spots.h"
#include "tiles.h"

namespace nb::NB_ISA {

constexpr double TERM_NS = 3.0; /* rough time of a term of the exact engine, */
constexpr double BOUND_NS = 3.0; /* of a bound, */
constexpr double ORIENTATION_NS = 80.0; /* and of the search for one orientation's spots in a region */
constexpr int SAMPLES = 4; /* tiles, or groups of orientations, that a decision is based on */

/* Whether a scene is rendered from its reflections, not tile by tile. */
static inline bool by_spots(const Scene &s)
{
    return s.smear || (is_compact(s.shape) && !s.curved);
}

/* Memory for one region at a time. */
struct RegionMemory {
    SelectionMemory selection;
    ItemMemory items;
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

static inline void carve_lists(const Plan &plan, Carver &carver, SelectionMemory &memory)
{
    const size_t padded = plan.padded;
    Seen *lists[3];
    for (Seen *&list : lists)
        list = carver.take<Seen>(plan.n_beams);
    memory = {lists[0],
              lists[1],
              lists[2],
              carver.take<float>(9 * plan.n_beams * padded),
              carver.take<float>(plan.n_runs * padded),
              {}};
    memory.kept.first = carver.take<int>(plan.n_runs + 1);
    memory.kept.which = carver.take<int>(plan.n_runs * padded + 1);
    for (Seen *list : lists) {
        float *bounds = carver.take<float>(plan.n_beams * padded);
        for (int b = 0; b < plan.n_beams; ++b) {
            Seen seen = {0, carver.take<int>(padded + 1), nullptr, {}, {}, nullptr};
            for (int axis = 0; axis < 3; ++axis) {
                seen.middle[axis] = carver.take<float>(padded);
                seen.width[axis] = carver.take<float>(padded);
            }
            if (bounds) {
                seen.bounds = bounds + b * padded;
                list[b] = seen;
            }
        }
    }
}

/* Returns the bytes that a scene needs. */
static inline size_t carve(const Scene &s, const Plan &plan, char *block, RegionMemory &memory)
{
    Carver carver(block);
    memory.candidates = carver.take<Candidates>(1);
    if (!by_spots(s)) {
        carve_lists(plan, carver, memory.selection);
        memory.items = {carver.take<float>((size_t)MOST_ITEMS * TILE_LANES), carver.take<Item>(MOST_ITEMS),
                        carver.take<Item>(MOST_ITEMS + 1)};
    }
    return carver.taken;
}

static inline size_t region_bytes(const Scene &s, const Plan &plan)
{
    RegionMemory memory;
    size_t bytes = 0;
    const Plan *of_part = &plan;
    for (const Scene *part = &s; part; part = part->rest, of_part = of_part->rest)
        bytes = larger(bytes, carve(*part, *of_part, nullptr, memory));
    return bytes;
}

/* The crystal without what surrounds it, with the plan's sources; and what surrounds it alone. */
static inline Scene crystal_of(const Scene &s, const Plan &plan)
{
    Scene crystal = s;
    crystal.sources = plan.sources;
    crystal.water = 0.0;
    crystal.amorphous = nullptr;
    return crystal;
}

static inline Scene around_of(const Scene &s, const Plan &plan)
{
    Scene around = s;
    around.sources = plan.around;
    around.n_sources = plan.n_around;
    return around;
}

static inline Patch patch_of(const Scene &s, const Panel &p, const Region &region)
{
    const double low[2] = {sub_pixel_at(s, p, region.fast, 0), sub_pixel_at(s, p, region.slow, 0)};
    const double high[2] = {sub_pixel_at(s, p, region.fast + region.n_fast - 1, s.oversample - 1),
                            sub_pixel_at(s, p, region.slow + region.n_slow - 1, s.oversample - 1)};
    return patch_between(s, p, low, high);
}

/* A scene without what its crystal scatters besides. */
static inline Scene alone(const Scene &s)
{
    Scene part = s;
    part.rest = nullptr;
    return part;
}

/* visit(scene, plan, epsilon, tally) for every part of a scene alone, each of which may miss its share of `epsilon`. */
template <class Visit>
static void visit_parts(const Scene &s, const Plan &plan, double epsilon, Tally &tally, Visit visit)
{
    const Plan *of_part = &plan;
    double parts = 0.0, bound = 0.0;
    for (const Scene *part = &s; part; part = part->rest)
        ++parts;
    for (const Scene *part = &s; part; part = part->rest, of_part = of_part->rest) {
        Tally found = {0.0, 0};
        visit(alone(*part), *of_part, epsilon / parts, found);
        bound += found.bound;
        tally.evaluated += found.evaluated;
    }
    tally.bound = larger(tally.bound, bound);
}

/* Renders a region of a panel into a picture so that no pixel misses more than `epsilon` photons. A picture has
 *
 *     Sink, add                          what a walk adds terms to, and how
 *     walk_row                           as in photons.h
 *     add_spot_row, evaluated            likewise
 *     begin_tile(scene), add_lane        a sink for the sub-pixels of a tile, and one of them added to its pixel */
template <class Picture> class RegionRenderer {
public:
    RegionRenderer(const Scene &s, const Panel &p, const Plan &plan, double epsilon, const Region &region,
                   Picture &picture, SumItems *sum_run, char *block, const volatile int *stop)
        : s(s), p(p), plan(plan), epsilon(epsilon), region(region), picture(picture), sum_run(sum_run), stop(stop),
          crystal(crystal_of(s, plan)), around(around_of(s, plan))
    {
        carve(s, plan, block, memory);
    }

    /* Add the region to the picture. */
    void render(Tally &tally)
    {
        const Patch patch = patch_of(s, p, region);
        const bool from_reflections = by_spots(s);
        if (!(patch.spread < WIDEST) || (from_reflections ? !spots_pay(patch) : !tiles_pay())) {
            add_rows(s, all_of(s));
            tally.evaluated += terms_of_wanted();
            return;
        }
        if (s.water > 0.0 || s.amorphous)
            add_rows(around, {nullptr, 0, 0});
        if (from_reflections)
            add_spots(patch, tally);
        else
            add_tiles(tally);
    }

private:
    long long sub_pixels() const
    {
        return (long long)region.n_fast * region.n_slow * s.oversample * s.oversample * s.n_layers;
    }

    long long terms_of() const { return sub_pixels() * s.n_sources * s.n_cells * halos_of_point(s.crystal); }

    long long terms_of_wanted() const
    {
        long long n = 0;
        for (int i = 0; i < REGION * REGION; ++i)
            n += region.wanted[i] != 0;
        return n * s.oversample * s.oversample * s.n_layers * s.n_sources * s.n_cells * halos_of_point(s.crystal);
    }

    /* Every wanted pixel of a scene for some of its orientations, by the exact engine's walk. */
    void add_rows(const Scene &scene, const Orientations list)
    {
        for (int y = 0; y < region.n_slow && !*stop; ++y) {
            int fast[REGION], n = 0;
            for (int x = 0; x < region.n_fast; ++x) {
                fast[n] = region.fast + x;
                n += region.wanted[REGION * y + x];
            }
            if (n)
                picture.walk_row(scene, list, y, fast, n, stop);
        }
    }

    /* Visits the spots that the region sees: of every orientation, or of some. Returns the most photons that a pixel
     * misses without the rest. */
    template <class Visit>
    double visit_region(const Patch &patch, int group_step, int step, const volatile int *stop, Visit visit)
    {
        double missing = 0.0;
        for (int b = 0; b < plan.n_beams; ++b) {
            const View view = view_of(plan, b, patch);
            const double unit = photons_per_unit(s, patch, plan.sources[plan.beams[b].first])
                              * photons_at_most(s, plan);
            if (s.smear) {
                missing += visit_smeared(view, epsilon / unit, group_step, step, stop, visit) * unit
                         * plan.beams[b].weight;
                continue;
            }
            double share = 0.0;
            const Reach reach = {s.shape, epsilon / unit, farthest_sqr(s.crystal), &share};
            for (int g = 0; g < plan.n_groups && !*stop; g += group_step)
                visit_spots(s, plan, plan.groups[g], step, view, reach(1.0), stop, *memory.candidates, reach,
                            [&](int orientation, const Spot &spot) { visit(orientation, spot, view); });
            missing += share * unit * plan.beams[b].weight;
        }
        return missing;
    }

    /* The same for smeared spots of one beam. Returns the largest share that a pixel misses. */
    template <class Visit>
    double visit_smeared(const View &view, double limit, int group_step, int step, const volatile int *stop,
                         Visit visit)
    {
        SmearedReach reach;
        find_reach(*s.smear, view, limit, reach); /* see smear_is_bounded */
        for (int g = 0; g < plan.n_groups && !*stop; g += group_step)
            visit_smeared_spots(s, plan, plan.groups[g], step, view, reach, stop,
                                [&](int orientation, const Spot &spot) { visit(orientation, spot, view); });
        return limit;
    }

    /* Whether smeared spots are bounded in a patch, for every beam: searching for them always pays then. */
    bool smear_is_bounded(const Patch &patch) const
    {
        SmearedReach reach;
        for (int b = 0; b < plan.n_beams; ++b)
            if (!find_reach(*s.smear, view_of(plan, b, patch), 0.0, reach))
                return false;
        return !s.curved;
    }

    bool spots_pay(const Patch &patch)
    {
        if (s.smear)
            return smear_is_bounded(patch);

        const int group_step = (plan.n_groups + SAMPLES - 1) / SAMPLES, step = (plan.groups[0].count + 1) / 2;
        const double exact = TERM_NS * terms_of();
        double sampled = 0.0, cost = 0.0;
        for (int g = 0; g < plan.n_groups; g += group_step)
            sampled += (plan.groups[g].count + step - 1) / step;
        const double share = sampled / s.n_cells, limit = plan.worthwhile * share * exact;
        int enough = 0;
        const Spots spots(s, p, plan, region);
        visit_region(patch, group_step, step, &enough, [&](int, const Spot &spot, const View &view) {
            cost += spots.estimate(spot, view);
            enough = cost > limit;
        });
        return cost + ORIENTATION_NS * plan.n_beams * sampled < limit;
    }

    void add_spots(const Patch &patch, Tally &tally)
    {
        const Spots spots(s, p, plan, region);
        const double missing = visit_region(
            patch, 1, 1, stop, [&](int orientation, const Spot &spot, const View &view) {
                spots.visit_rows(spot, view, [&](int layer, int row, const Range columns, int from, int to) {
                    picture.add_spot_row(orientation, spot, view, layer, row, columns, from, to);
                });
            });
        tally.evaluated += picture.evaluated;
        tally.bound = larger(tally.bound, smaller(missing, epsilon));
    }

    /* The `size` x `size` sub-pixels, or as many as there are, from (fast, slow) on in a part of the panel. */
    static Tile cut(const Tile &part, int fast, int slow, int size)
    {
        return {part.fast + fast, part.slow + slow, smaller(size, part.n_fast - fast),
                smaller(size, part.n_slow - slow)};
    }

    /* visit(tile) for all such tiles of the part. */
    template <class Visit> void visit_tiles(const Tile &part, int size, Visit visit)
    {
        for (int y = 0; y < part.n_slow && !*stop; y += size)
            for (int x = 0; x < part.n_fast && !*stop; x += size)
                visit(cut(part, x, y, size));
    }

    Tile whole_tile() const
    {
        return {region.fast * s.oversample, region.slow * s.oversample, region.n_fast * s.oversample,
                region.n_slow * s.oversample};
    }

    /* Whether a tile near the middle of each quarter of the region takes less time so. */
    bool tiles_pay()
    {
        const bool single = SinglePixels::serves(s, plan, sum_run);
        const double term = TERM_NS * halos_of_point(s.crystal);
        const Tile whole = whole_tile();
        Selection selection(s, plan, epsilon, single, memory.selection);
        double exact = 0.0, cost = 0.0;
        for (int quarter = 0; quarter < 4; ++quarter) {
            const int size = TILE * BLOCK;
            const int fast = whole.n_fast * (1 + 2 * (quarter % 2)) / 4 / size * size;
            const int slow = whole.n_slow * (1 + 2 * (quarter / 2)) / 4 / size * size;
            const Tile block = cut(whole, fast, slow, size), tile = cut(block, 0, 0, TILE);
            exact += term * TILE_LANES * s.n_layers * s.n_sources * s.n_cells;
            cost += BOUND_NS * s.n_cells * plan.n_beams / (BLOCK * BLOCK);
            if (selection.begin_block(patch_of(s, p, block)))
                cost += cost_of(selection.select(patch_of(s, p, tile)), single);
        }
        return cost < plan.worthwhile * exact;
    }

    /* Nanoseconds, roughly. */
    double cost_of(const Kept &kept, bool single) const
    {
        double bounds = 0.0;
        for (int b = 0; b < plan.n_beams; ++b)
            bounds += memory.selection.block[b].n + memory.selection.tile[b].n * (double)plan.n_runs / plan.n_beams;
        const double places = TILE_LANES * (double)s.n_layers,
                     terms = TERM_NS * halos_of_point(s.crystal) * places * kept.terms;
        return BOUND_NS * bounds + (single ? 0.5 * terms + BOUND_NS * places * kept.first[plan.n_runs] : 1.05 * terms);
    }

    void add_tiles(Tally &tally)
    {
        const bool single = SinglePixels::serves(s, plan, sum_run);
        Selection selection(s, plan, epsilon, single, memory.selection);
        SinglePixels pixels(crystal, plan, selection.most, sum_run, memory.items);
        visit_tiles(whole_tile(), TILE * BLOCK, [&](const Tile &block) {
            if (!is_wanted(block))
                return;
            if (!selection.begin_block(patch_of(s, p, block))) {
                tally.bound = larger(tally.bound, selection.missing_in_block() * epsilon);
                return;
            }
            visit_tiles(block, TILE, [&](const Tile &tile) {
                if (is_wanted(tile))
                    add_tile_of(tile, selection, single ? &pixels : nullptr, tally);
            });
        });
    }

    void add_tile_of(const Tile &tile, Selection &selection, SinglePixels *pixels, Tally &tally)
    {
        const Kept &kept = selection.select(patch_of(s, p, tile));
        float missing = kept.missing;
        if (kept.terms == 0) {
            tally.bound = larger(tally.bound, missing * epsilon);
            return;
        }
        typename Picture::Sink &sink = picture.begin_tile(crystal);
        bool wanted[TILE_LANES] = {};
        const int n_wanted = mark_wanted(tile, wanted);
        if (pixels && kept.first[plan.n_runs] <= MOST_ITEMS) {
            fill(sink.total, 0.0, TILE_LANES);
            missing += pixels->add(p, tile, kept, LIMIT - missing, wanted, sink.total, tally.evaluated);
        } else {
            add_tile(crystal, p, plan, tile, kept, picture.add, stop, sink);
            tally.evaluated += kept.terms * n_wanted * s.n_layers * halos_of_point(s.crystal);
        }
        for (int y = 0; y < tile.n_slow; ++y)
            for (int x = 0; x < tile.n_fast; ++x)
                picture.add_lane(TILE * y + x, pixel_of(tile, x, y));
        tally.bound = larger(tally.bound, missing * epsilon);
    }

    int pixel_of(const Tile &tile, int x, int y) const
    {
        return REGION * ((tile.slow + y) / s.oversample - region.slow) + (tile.fast + x) / s.oversample - region.fast;
    }

    /* Mark the lanes of a tile whose pixels are wanted; returns how many. */
    int mark_wanted(const Tile &tile, bool *wanted) const
    {
        int n = 0;
        for (int y = 0; y < tile.n_slow; ++y)
            for (int x = 0; x < tile.n_fast; ++x)
                n += wanted[TILE * y + x] = region.wanted[pixel_of(tile, x, y)] != 0;
        return n;
    }

    bool is_wanted(const Tile &tile) const
    {
        for (int y = 0; y < tile.n_slow; ++y)
            for (int x = 0; x < tile.n_fast; ++x)
                if (region.wanted[pixel_of(tile, x, y)])
                    return true;
        return false;
    }

    const Scene &s;
    const Panel &p;
    const Plan &plan;
    const double epsilon;
    const Region &region;
    Picture &picture;
    SumItems *const sum_run;
    const volatile int *const stop;
    const Scene crystal, around;
    RegionMemory memory;
};

} // namespace nb::NB_ISA

#endif
