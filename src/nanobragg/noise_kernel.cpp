/* Noise with one instruction set: compiled once for each, like kernel.cpp, but without contraction to FMA, so that all
 * of them draw the same numbers. */
#include "nanobragg/noise/poisson.h"
#include "nanobragg/noise_kernel.h"

namespace nb::NB_ISA {

constexpr int NOISE_CHUNK = 512; /* pixels that are sorted by method together */

static int number_of_few(const double *mean, int n)
{
    int few = 0;
    NB_SIMD_SUM(few) for (int i = 0; i < n; i++) few += mean[i] < MANY_PHOTONS;
    return few;
}

/* The photons of those pixels of a chunk whose mean is that of few, or of many. */
template <bool few>
static void draw_some(const double *mean, uint64_t first_pixel, int n, const Stream stream, double *out)
{
    int place[NOISE_CHUNK], found = 0;
    double means[NOISE_CHUNK], count[NOISE_CHUNK];
    for (int i = 0; i < n; i++) {
        place[found] = i;
        found += (mean[i] < MANY_PHOTONS) == few;
    }
    for (int i = 0; i < found; i++)
        means[i] = mean[place[i]];
    (few ? draw_few<Scattered> : draw_many<Scattered>)(means, {first_pixel, place}, found, stream, count);
    for (int i = 0; i < found; i++)
        out[place[i]] = count[i];
}

static void draw(const double *mean, uint64_t first_pixel, int n, const Stream stream, double *out)
{
    const int few = number_of_few(mean, n);
    if (few == n)
        return draw_few(mean, Consecutive{first_pixel}, n, stream, out);
    if (few == 0)
        return draw_many(mean, Consecutive{first_pixel}, n, stream, out);
    draw_some<true>(mean, first_pixel, n, stream, out);
    draw_some<false>(mean, first_pixel, n, stream, out);
}

static void poisson(const double *mean, size_t n, uint64_t first_pixel, uint64_t purpose, uint64_t key, double *out)
{
    for (size_t start = 0; start < n; start += NOISE_CHUNK)
        draw(mean + start, first_pixel + start, (int)smaller<size_t>(n - start, NOISE_CHUNK), {key, purpose},
             out + start);
}

static void normals(size_t n, uint64_t first_pixel, uint64_t purpose, uint64_t key, double *out)
{
    const Stream stream = {key, purpose};
    NB_SIMD for (size_t i = 0; i < n; i++) out[i] = normal_deviate(uniforms_of(first_pixel + i, stream));
}

extern const NoiseKernel noise_kernel = {poisson, normals};

} // namespace nb::NB_ISA
