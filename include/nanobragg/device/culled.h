/* The image on a GPU with terms left out. Squares of 16 x 16 pixels are looked at first: terms of an orientation and a
 * run of wavelengths are bounded, and as many of the smallest are left out as make a part of what a pixel may miss.
 * What is left is looked at again for smaller patches, and the warp of each copies the orientations that matter into
 * shared memory for the walk of walk.h (docs/gpu.md, Terms left out). */
#ifndef NANOBRAGG_DEVICE_CULLED_H
#define NANOBRAGG_DEVICE_CULLED_H

#include "../intensity.h"
#include "../walk.h"
#include "patches.h"
#include "templates.h"

namespace nb::NB_ISA {

constexpr int WARP = 32; /* threads of a block */
constexpr int SLICES = WARP / (PART_EDGE * PART_EDGE); /* threads of a pixel */
constexpr int STAGED = 2 * WARP; /* orientations in shared memory, at most */
constexpr int CLASSES = 64; /* of bounds: half octaves below what a pixel may miss; the last has all smaller ones */
constexpr double FIXED = 1099511627776.0; /* 2^40: bounds are added up as whole numbers, in whatever order */

/* Class of a bound, as a share of what a pixel may miss; class 0: at least half an octave below it, or not a number. */
NB_INLINE int class_of(float bound)
{
    int bits;
    memcpy(&bits, &bound, sizeof bits);
    return clamp((0x3f800000 - bits) >> 22, 0, CLASSES - 1); /* two classes for each step of the exponent */
}

/* Bounds of the terms that a patch sees. */
template <class Shape> class PatchBounds {
public:
    /* `photons`: what a pixel may miss. */
    NB_MEMBER PatchBounds(const Scene &s, const Plan &plan, const Patch &patch, const Extent &extent, double photons)
        : plan(plan), s(s), patch(patch), squares(squares_of(plan)), extent(extent),
          most(photons_at_most(s, plan) / photons / s.n_cells * plan.largest_share), is_narrow(patch.spread < WIDEST)
    {
    }

    /* visit(number, run) for every run of wavelengths. */
    template <class Visit> NB_MEMBER void visit_runs(Visit visit)
    {
        for (int i = 0, beam = -1; i < plan.n_runs; ++i) {
            const Run run = plan.runs[i];
            if (run.beam != beam)
                turn_to(run.beam);
            beam = run.beam;
            band = band_between(run.kappa_low, run.kappa_high);
            unit = beam_unit * (float)(run.weight * 1.00001);
            visit(i, run);
        }
    }

    /* Bound of an orientation's terms in the run that is visited, as a share of what a pixel may miss. */
    NB_MEMBER float of(int orientation) const
    {
        Side side[3];
        for (int axis = 0; axis < 3; ++axis) {
            const float *x = plan.cells + 3 * axis * (size_t)plan.padded + orientation;
            side[axis] = side_in_band(range_along(x[0], x[plan.padded], x[2 * plan.padded], chords, blur[axis]), band);
        }
        const float share = bound_in_box<Shape>(squares, extent, side[0], side[1], side[2]);
        return !is_narrow ? INFINITY : share > 0.0f ? unit * share : 0.0f; /* the unit may be infinite */
    }

    const Plan &plan;

private:
    NB_MEMBER void turn_to(int beam)
    {
        const Source &source = plan.sources[plan.beams[beam].first];
        chords = chords_of(patch, source);
        beam_unit = (float)(most * photons_per_unit(s, patch, source) * 1.00001);
        for (int axis = 0; axis < 3; ++axis)
            blur[axis] = blur_of(plan.length[axis], chords);
    }

    const Scene &s;
    const Patch &patch;
    const Table<float> squares;
    const Extent &extent;
    const double most;
    const bool is_narrow;
    Chords chords; /* of the beam */
    Band band; /* of the run */
    float blur[3], beam_unit, unit; /* of a term that is as large as one can be */
};

/* Which orientations of a run matter, a bit each. */
struct Chosen {
    const unsigned *words; /* NULL: all */
    int n_cells, n_words;

    NB_MEMBER unsigned word(int run, int number) const
    {
        const int left = n_cells - WARP * number;
        return words ? words[run * (long long)n_words + number] : left < WARP ? (1u << left) - 1 : 0xffffffffu;
    }
};

NB_INLINE Chosen all_orientations(const Scene &s)
{
    return {nullptr, s.n_cells, (s.n_cells + WARP - 1) / WARP};
}

NB_INLINE bool has_bit_of_thread(unsigned word)
{
    return word >> threadIdx.x & 1;
}

/* The first class of bounds that is left out: it and all later ones add up to at most `limit`, and to `missing`. */
template <class Shape>
NB_INLINE int first_class_left_out(PatchBounds<Shape> &bounds, const Chosen chosen, float limit, float *missing)
{
    __shared__ unsigned long long sums[CLASSES];
    for (int i = threadIdx.x; i < CLASSES; i += WARP)
        sums[i] = 0;
    __syncthreads();
    bounds.visit_runs([&](int run, const Run &) {
        for (int i = 0; i < chosen.n_words; ++i)
            if (has_bit_of_thread(chosen.word(run, i))) {
                const float bound = bounds.of(WARP * i + (int)threadIdx.x);
                const int number = class_of(bound);
                if (number > 0)
                    atomicAdd(&sums[number], (unsigned long long)(bound * FIXED) + 1);
            }
    });
    __syncthreads();
    const unsigned long long most = (unsigned long long)(limit * FIXED);
    unsigned long long sum = 0;
    int left_out = CLASSES;
    while (left_out > 1 && sum + sums[left_out - 1] <= most)
        sum += sums[--left_out];
    *missing = (float)(sum / FIXED * 1.00001);
    return left_out;
}

/* The bits of those of 32 orientations whose bounds are in a class below `left_out`; one a thread. */
template <class Shape>
NB_INLINE unsigned kept_of(const PatchBounds<Shape> &bounds, unsigned word, int number, int left_out)
{
    return __ballot_sync(0xffffffffu,
                         has_bit_of_thread(word) && class_of(bounds.of(WARP * number + (int)threadIdx.x)) < left_out);
}

/* Renders what a patch keeps, a pixel a thread, or a share of a pixel's sources or orientations. */
template <class Real, class Shape, class Lookup> class PatchRenderer {
public:
    NB_MEMBER PatchRenderer(const Scene &s, const Plan &plan, const PatchPlace &place)
        : slice((int)threadIdx.x / (PART_EDGE * PART_EDGE)), column((int)threadIdx.x % PART_EDGE),
          row((int)threadIdx.x / PART_EDGE % PART_EDGE), s(s), panel(s.panels[place.panel]), plan(plan),
          fast(place.fast + smaller(column, place.n_fast - 1)), slow(place.slow + smaller(row, place.n_slow - 1))
    {
    }

    /* Add the chosen orientations whose bounds are in a class below `left_out`; returns the number of terms. */
    NB_MEMBER long long add_kept(PatchBounds<Shape> &bounds, const Chosen chosen, int left_out)
    {
        __shared__ double staged[9 * STAGED], shares[STAGED];
        long long kept = 0;
        bounds.visit_runs([&](int number, const Run &run) {
            int n = 0;
            for (int i = 0; i < chosen.n_words; ++i) {
                const unsigned word = chosen.word(number, i), bits = word ? kept_of(bounds, word, i, left_out) : 0;
                if (has_bit_of_thread(bits)) {
                    const int place = n + __popc(bits & ((1u << threadIdx.x) - 1));
                    const int orientation = WARP * i + (int)threadIdx.x;
                    for (int j = 0; j < 9; ++j)
                        staged[9 * place + j] = s.cells[9 * (size_t)orientation + j];
                    shares[place] = share_of(s, orientation);
                }
                n += __popc(bits);
                if (n > STAGED - WARP || (n && i == chosen.n_words - 1)) {
                    kept += (long long)n * run.count;
                    __syncthreads();
                    add_staged(staged, shares, n, run);
                    __syncthreads();
                    n = 0;
                }
            }
        });
        return kept * s.oversample * s.oversample * s.n_layers;
    }

    /* Add water and amorphous material. */
    NB_MEMBER void add_surroundings()
    {
        Scene around = s;
        around.sources = plan.around;
        around.n_sources = slice == 0 ? plan.n_around : 0;
        add(around, {nullptr, 0, 0});
    }

    /* The photons of a pixel, for its first thread. */
    NB_MEMBER double sum_of_slices() const
    {
        __shared__ double parts[WARP];
        double sum = 0.0;
        parts[threadIdx.x] = photons;
        __syncthreads();
        for (int i = threadIdx.x; i < WARP; i += PART_EDGE * PART_EDGE)
            sum += parts[i];
        return sum;
    }

    const int slice, column, row;

private:
    /* The threads of a pixel share the run's sources, or its orientations if they are more. */
    NB_MEMBER void add_staged(const double *staged, const double *shares, int n, const Run &run)
    {
        const bool by_source = run.count >= n;
        const int all = by_source ? run.count : n, each = (all + SLICES - 1) / SLICES;
        const int first = smaller(slice * each, all), count = smaller(each, all - first);
        Scene crystal = s;
        crystal.sources = plan.sources + run.first + (by_source ? first : 0);
        crystal.n_sources = by_source ? count : run.count;
        crystal.cells = staged;
        crystal.shares = s.shares ? shares : nullptr;
        crystal.water = 0.0;
        crystal.amorphous = nullptr;
        add(crystal, {nullptr, by_source ? 0 : first, by_source ? n : count});
    }

    NB_MEMBER void add(const Scene &part, const Orientations list)
    {
        Intensity sink;
        double more;
        walk<Intensity>(part, panel, slow, &fast, 1, list, accumulate<Real, Shape, Lookup, Intensity>, StopFlag{}, sink,
                        &more);
        photons += more;
    }

    const Scene &s;
    const Panel &panel;
    const Plan &plan;
    const int fast, slow;
    double photons = 0.0;
};

/* Rays of all parts of n squares, one a thread; and the crystal's extent. */
extern "C" __global__ void part_rays(const Parameters parameters, const DeviceArrays arrays, const Job job,
                                     const long long *squares, long long n, Patch *rays, Extent *extent)
{
    const Scene s = scene_of(parameters, arrays);
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i == 0)
        *extent = extent_of(s.crystal);
    if (i < n * PARTS) {
        const PatchPlace place = part_of(job, square_of(job, squares[i / PARTS]), (int)(i % PARTS));
        if (place.n_fast > 0 && place.n_slow > 0)
            rays[i] = rays_of(s, s.panels[place.panel], place);
    }
}

/* What a square keeps, a bit for each orientation of each run; and what it leaves out, as a share of what it may. */
extern "C" __global__ void __launch_bounds__(WARP)
    screen(const Parameters parameters, const DeviceArrays arrays, const CullingParameters culling,
           const DevicePlan plan_arrays, const Job job, const long long *squares, const Extent *extent, double epsilon,
           unsigned *words, float *missing)
{
    using Shape = ShapeAt<NB_SHAPE, Shapes>::type;
    const Scene s = scene_of(parameters, arrays);
    const Plan plan = plan_of(culling, plan_arrays);
    const PatchPlace place = square_of(job, squares[blockIdx.x]);
    const Patch patch = rays_of(s, s.panels[place.panel], place);
    const Extent e = *extent;
    PatchBounds<Shape> bounds(s, plan, patch, e, epsilon);
    const Chosen all = all_orientations(s);
    float sum;
    const int left_out = first_class_left_out(bounds, all, LIMIT * BLOCK_SHARE, &sum);
    unsigned *const mine = words + blockIdx.x * (long long)plan.n_runs * all.n_words;
    bounds.visit_runs([&](int run, const Run &) {
        for (int i = 0; i < all.n_words; ++i) {
            const unsigned kept = kept_of(bounds, all.word(run, i), i, left_out);
            if (threadIdx.x == 0)
                mine[run * (long long)all.n_words + i] = kept;
        }
    });
    if (threadIdx.x == 0)
        missing[blockIdx.x] = sum;
}

/* What was done: terms that were evaluated, and the largest bound of what a pixel misses, as a share of what it may. */
struct DeviceTally {
    unsigned long long evaluated;
    int missing; /* the bits of a float, which is not negative */
};

NB_INLINE void count(DeviceTally *tally, long long evaluated, float missing)
{
    int bits;
    memcpy(&bits, &missing, sizeof bits);
    atomicAdd(&tally->evaluated, (unsigned long long)evaluated);
    atomicMax(&tally->missing, bits);
}

/* A part of a square a block. `job.first_row` is the first row of the rectangle, counted through all panels, that is in
 * `out`; `mask`, of the same shape, has the pixels that are wanted (NULL: all). */
extern "C" __global__ void __launch_bounds__(WARP)
    culled(const Parameters parameters, const DeviceArrays arrays, const CullingParameters culling,
           const DevicePlan plan_arrays, const Job job, const long long *squares, const Patch *rays,
           const Extent *extent, const unsigned *words, const float *missing_of_square, double epsilon,
           const unsigned char *mask, NB_PIXEL *out, DeviceTally *tally)
{
    using Shape = ShapeAt<NB_SHAPE, Shapes>::type;
    const Scene s = scene_of(parameters, arrays);
    const Plan plan = plan_of(culling, plan_arrays);
    const int square = (int)(blockIdx.x / PARTS);
    const PatchPlace place = part_of(job, square_of(job, squares[square]), (int)(blockIdx.x % PARTS));
    if (place.n_fast <= 0 || place.n_slow <= 0)
        return;
    PatchRenderer<NB_REAL, Shape, NB_LOOKUP<NB_ENTRY>> renderer(s, plan, place);
    const int x = place.fast + renderer.column - job.fast, y = place.slow + renderer.row - job.slow;
    const bool inside = renderer.column < place.n_fast && renderer.row < place.n_slow && x >= 0 && x < job.width
                     && y >= 0 && y < job.height;
    const long long at = ((long long)place.panel * job.height + y - job.first_row) * job.width + x;
    const bool wanted = inside && renderer.slice == 0 && (!mask || mask[at]);
    const int n_wanted = __popc(__ballot_sync(0xffffffffu, wanted));
    if (n_wanted == 0)
        return;
    const Patch patch = rays[blockIdx.x];
    const Extent e = *extent;
    PatchBounds<Shape> bounds(s, plan, patch, e, epsilon);
    Chosen chosen = all_orientations(s);
    chosen.words = words + square * (long long)plan.n_runs * chosen.n_words;
    float missing;
    const float before = missing_of_square[square];
    const int left_out = first_class_left_out(bounds, chosen, LIMIT - before, &missing);
    const long long kept = renderer.add_kept(bounds, chosen, left_out);
    if (s.water > 0.0 || s.amorphous)
        renderer.add_surroundings();
    const double photons = renderer.sum_of_slices();
    if (wanted)
        out[at] = (NB_PIXEL)(job.add ? out[at] + photons : photons);
    if (threadIdx.x == 0)
        count(tally, kept * n_wanted, before + missing);
}

} // namespace nb::NB_ISA

#endif
