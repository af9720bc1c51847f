/* Which terms of a patch matter, found by a warp: bounds of the terms of an orientation and a run of wavelengths, and
 * the smallest of them that may be left out together (docs/gpu.md, Terms left out). */
#ifndef NANOBRAGG_DEVICE_PATCH_BOUNDS_H
#define NANOBRAGG_DEVICE_PATCH_BOUNDS_H

#include "patches.h"

namespace nb::NB_ISA {

constexpr int WARP = 32; /* threads of a block */
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

} // namespace nb::NB_ISA

#endif
