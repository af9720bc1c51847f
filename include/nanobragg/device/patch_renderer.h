/* Rendering of small patches, a warp each, with terms left out: images (culled.h) and derivatives
 * (culled_primitives.h).
 */
#ifndef NANOBRAGG_DEVICE_PATCH_RENDERER_H
#define NANOBRAGG_DEVICE_PATCH_RENDERER_H

#include "../primitives.h"
#include "../walk.h"
#include "patch_bounds.h"
#include "templates.h"

namespace nb::NB_ISA {

constexpr int SLICES = WARP / (PIECE_EDGE * PIECE_EDGE); /* threads of a pixel */
constexpr int STAGED = 2 * WARP; /* orientations in shared memory, at most */

/* Evaluates what a patch keeps, a pixel a thread, or a share of a pixel's sources or orientations. `Sum` has
 * stage(place, orientation), before an orientation's terms are added from a place in shared memory, and
 * add(scene, panel, slow, fast, list, order, first source of the order). */
template <class Shape, class Sum> class PatchRenderer {
public:
    NB_MEMBER PatchRenderer(const Scene &s, const Plan &plan, const PatchPlace &place, Sum &sum)
        : slice((int)threadIdx.x / (PIECE_EDGE * PIECE_EDGE)), column((int)threadIdx.x % PIECE_EDGE),
          row((int)threadIdx.x / PIECE_EDGE % PIECE_EDGE), s(s), panel(s.panels[place.panel]), plan(plan), sum(sum),
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
                    sum.stage(place, orientation);
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
        return kept * halos_of_point(s.crystal) * s.oversample * s.oversample * s.n_layers;
    }

    /* Add water and amorphous material. */
    NB_MEMBER void add_surroundings()
    {
        Scene around = s;
        around.sources = plan.around;
        around.n_sources = slice == 0 ? plan.n_around : 0;
        sum.add(around, panel, slow, fast, {nullptr, 0, 0}, AROUND, 0);
    }

    const int slice, column, row;

private:
    /* The threads of a pixel share the run's sources, or its orientations if they are more. */
    NB_MEMBER void add_staged(const double *staged, const double *shares, int n, const Run &run)
    {
        const bool by_source = run.count >= n;
        const int all = by_source ? run.count : n, each = (all + SLICES - 1) / SLICES;
        const int first = smaller(slice * each, all), count = smaller(each, all - first);
        const int source = run.first + (by_source ? first : 0);
        Scene crystal = s;
        crystal.sources = plan.sources + source;
        crystal.n_sources = by_source ? count : run.count;
        crystal.cells = staged;
        crystal.shares = s.shares ? shares : nullptr;
        crystal.water = 0.0;
        crystal.amorphous = nullptr;
        sum.add(crystal, panel, slow, fast, {nullptr, by_source ? 0 : first, by_source ? n : count}, PLANNED, source);
    }

    const Scene &s;
    const Panel &panel;
    const Plan &plan;
    Sum &sum;
    const int fast, slow;
};

/* The sum of a number over the threads of a pixel, for its first thread. */
NB_INLINE double sum_of_slices(double number)
{
    __shared__ double all[WARP];
    double sum = 0.0;
    __syncthreads(); /* all threads are done with what is there */
    all[threadIdx.x] = number;
    __syncthreads();
    for (int i = threadIdx.x; i < WARP; i += PIECE_EDGE * PIECE_EDGE)
        sum += all[i];
    return sum;
}

/* Rays of all pieces of n squares, one a thread; and the crystal's extent. */
extern "C" __global__ void piece_rays(const Parameters parameters, const DeviceArrays arrays, const Job job,
                                      const long long *squares, long long n, Patch *rays, Extent *extent)
{
    const Scene s = scene_of(parameters, arrays);
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i == 0)
        *extent = extent_of(s.crystal);
    if (i < n * PIECES) {
        const PatchPlace place = piece_of(job, square_of(job, squares[i / PIECES]), (int)(i % PIECES));
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

/* What a piece of a square is rendered from: what its square keeps and leaves out, and its rays. */
struct Screened {
    const long long *squares;
    const Patch *rays;
    const Extent *extent;
    const unsigned *words;
    const float *missing;
    double epsilon; /* photons that a pixel may miss */
};

/* Evaluate what the piece of a square that is this block's keeps, if any of its pixels is wanted: is_wanted(place) of a
 * pixel's place in the rectangle, whose first row, counted through all panels, is `job.first_row`; then
 * store(place, wanted) in every thread. */
template <class Sum, class IsWanted, class Store>
static void render_piece(const Scene &s, const Plan &plan, const Job &job, const Screened &of, Sum &sum,
                         IsWanted is_wanted, Store store, DeviceTally *tally)
{
    using Shape = ShapeAt<NB_SHAPE, Shapes>::type;
    const int square = (int)(blockIdx.x / PIECES);
    const PatchPlace place = piece_of(job, square_of(job, of.squares[square]), (int)(blockIdx.x % PIECES));
    if (place.n_fast <= 0 || place.n_slow <= 0)
        return;
    PatchRenderer<Shape, Sum> renderer(s, plan, place, sum);
    const int x = place.fast + renderer.column - job.fast, y = place.slow + renderer.row - job.slow;
    const bool inside = renderer.column < place.n_fast && renderer.row < place.n_slow && x >= 0 && x < job.width
                     && y >= 0 && y < job.height;
    const long long at = ((long long)place.panel * job.height + y - job.first_row) * job.width + x;
    const bool wanted = inside && renderer.slice == 0 && is_wanted(at);
    const int n_wanted = __popc(__ballot_sync(0xffffffffu, wanted));
    if (n_wanted == 0)
        return;
    const Patch patch = of.rays[blockIdx.x];
    const Extent e = *of.extent;
    PatchBounds<Shape> bounds(s, plan, patch, e, of.epsilon);
    Chosen chosen = all_orientations(s);
    chosen.words = of.words + square * (long long)plan.n_runs * chosen.n_words;
    float missing;
    const float before = of.missing[square];
    const int left_out = first_class_left_out(bounds, chosen, LIMIT - before, &missing);
    const long long kept = renderer.add_kept(bounds, chosen, left_out);
    if (s.water > 0.0 || s.amorphous)
        renderer.add_surroundings();
    store(at, wanted);
    if (threadIdx.x == 0)
        count(tally, kept * n_wanted, before + missing);
}

} // namespace nb::NB_ISA

#endif
