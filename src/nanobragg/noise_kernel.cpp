/* Noise with one instruction set: compiled once for each, like kernel.cpp, but without contraction to FMA, so that all
 * of them draw the same numbers. */
#include "nanobragg/noise/poisson.h"
#include "nanobragg/noise_kernel.h"

namespace nb::NB_ISA {

/* Sort the pixels of a chunk by method. */
static void sort(const double *mean, int n, uint64_t first_pixel, Draws &few, Draws &some, Draws &many)
{
    few.n = some.n = many.n = 0;
    double lowest = mean[0], highest = mean[0];
    for (int i = 1; i < n; i++) {
        lowest = smaller(lowest, mean[i]);
        highest = larger(highest, mean[i]);
    }
    if (highest < SOME_PHOTONS)
        return few.take(mean, n, first_pixel);
    if (lowest >= MANY_PHOTONS)
        return many.take(mean, n, first_pixel);
    if (lowest >= SOME_PHOTONS && highest < MANY_PHOTONS)
        return some.take(mean, n, first_pixel);
    for (int i = 0; i < n; i++) {
        Draws &draws = mean[i] < SOME_PHOTONS ? few : mean[i] < MANY_PHOTONS ? some : many;
        draws.add(mean[i], first_pixel + (uint64_t)i, i);
    }
}

static void scatter(const Draws &d, double *out)
{
    for (int i = 0; i < d.n; i++)
        out[d.place[i]] = d.count[i];
}

static void poisson(const double *mean, size_t n, uint64_t first_pixel, uint32_t purpose, uint32_t low, uint32_t high,
                    double *out)
{
    const Key key = {low, high};
    static thread_local Draws few, some, many;
    for (size_t start = 0; start < n; start += NOISE_CHUNK) {
        sort(mean + start, (int)smaller<size_t>(n - start, NOISE_CHUNK), first_pixel + start, few, some, many);
        if (few.n) {
            few.fill_lanes();
            draw_few(few, purpose, key);
            scatter(few, out + start);
        }
        if (some.n) {
            some.fill_lanes();
            draw_some(some, purpose, key, out + start);
        }
        if (many.n) {
            draw_many(many, purpose, key);
            scatter(many, out + start);
        }
    }
}

static void normals(size_t n, uint64_t first_pixel, uint32_t purpose, uint32_t low, uint32_t high, double *out)
{
    const Key key = {low, high};
    NB_SIMD for (size_t i = 0; i < n; i++) out[i] = normal_deviate(philox(first_pixel + i, 0, purpose, key));
}

extern const NoiseKernel noise_kernel = {poisson, normals};

} // namespace nb::NB_ISA
