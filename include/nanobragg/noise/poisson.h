/* Poisson deviates in vector lanes: by inversion of few photons, rejection of some, and the quantile of many. */
#ifndef NANOBRAGG_NOISE_POISSON_H
#define NANOBRAGG_NOISE_POISSON_H

#include "normal.h"

namespace nb::NB_ISA {

constexpr int NOISE_LANES = 64;            /* pixels that are drawn together */
constexpr int NOISE_CHUNK = 512;           /* pixels that are sorted by method together */
constexpr double SOME_PHOTONS = 16.0; /* from this mean on by rejection: inversion takes as many steps as photons */
constexpr double MANY_PHOTONS = 1000.0; /* from this mean on by the expansion of the quantile */
constexpr int MOST_FEW = 128; /* photons; beyond lies less than 1e-60 of a mean of 16 */

/* Pixels of one method: their means and numbers in the image, and the deviates. Lanes beyond `n` repeat the last. */
struct Draws {
    double mean[NOISE_CHUNK + NOISE_LANES], count[NOISE_CHUNK + NOISE_LANES];
    uint64_t pixel[NOISE_CHUNK + NOISE_LANES];
    int place[NOISE_CHUNK];
    int n = 0;

    NB_MEMBER void add(double photons, uint64_t number, int at)
    {
        mean[n] = photons;
        pixel[n] = number;
        place[n++] = at;
    }

    /* All pixels of a chunk, which are of one method. */
    NB_MEMBER void take(const double *means, int length, uint64_t first_pixel)
    {
        n = length;
        memcpy(mean, means, (size_t)n * sizeof *means);
        NB_SIMD for (int i = 0; i < length; i++)
        {
            pixel[i] = first_pixel + (uint64_t)i;
            place[i] = i;
        }
    }

    NB_MEMBER void fill_lanes()
    {
        for (int i = n; i < n + NOISE_LANES; i++) {
            mean[i] = mean[n - 1];
            pixel[i] = pixel[n - 1];
        }
    }
};

/* Inversion: the smallest count whose cumulative probability exceeds a uniform number. */
NB_INLINE void draw_few(Draws &d, uint32_t purpose, Key key)
{
    for (int first = 0; first < d.n; first += NOISE_LANES) {
        const double *mean = d.mean + first;
        double *count = d.count + first;
        double rest[NOISE_LANES], probability[NOISE_LANES];
        NB_SIMD for (int i = 0; i < NOISE_LANES; i++)
        {
            rest[i] = philox(d.pixel[first + i], 0, purpose, key).u;
            probability[i] = bounded_exp(-mean[i]);
            count[i] = 0.0;
        }
        for (int photons = 1; photons < MOST_FEW; photons++) {
            const double per_photon = 1.0 / photons;
            double above = 0.0;
            NB_SIMD for (int i = 0; i < NOISE_LANES; i++)
            {
                const double more = rest[i] >= probability[i] ? 1.0 : 0.0;
                rest[i] -= more * probability[i];
                count[i] += more;
                probability[i] = more * (probability[i] * mean[i] * per_photon) + (1.0 - more) * 2.0;
            }
            NB_SIMD_SUM(above) for (int i = 0; i < NOISE_LANES; i++) above += probability[i] < 2.0 ? 1.0 : 0.0;
            if (above == 0.0)
                break;
        }
    }
}

/* Whether a proposal of transformed rejection (PTRS) is accepted, and its count.
 * W. Hörmann, Insurance: Mathematics and Economics 12, 39 (1993). */
struct Proposal {
    double count, accepted;
};

NB_INLINE Proposal propose(double mean, Uniforms of)
{
    const double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
    const double x = of.u - 0.5, away = 0.5 - (x > 0.0 ? x : -x), per_away = 1.0 / away;
    const double count = branchless_floor((2.0 * a * per_away + b) * x + mean + 0.43);
    const double k = count > 1.0 ? count : 1.0, per_k = 1.0 / k, per_kk = per_k * per_k;
    /* ln of the probability times sqrt(2 pi k), with Stirling's series, whose error at k = 1, 6e-4, hardly occurs */
    const double series = per_k * (1.0 / 12.0 - per_kk * (1.0 / 360.0 - per_kk * (1.0 / 1260.0)));
    const double exponent = k * natural_log(mean * per_k) + (k - mean) - series;
    const double scale = 1.1239 * (b - 3.4) + 1.1328; /* times b - 3.4 */
    const double left = of.v * scale / ((a * per_away * per_away + b) * (b - 3.4)) * sqrt(2.0 * NB_PI * k);
    const bool never = (count < 0.0) | ((away < 0.013) & (of.v > away));
    const bool below = left <= bounded_exp(exponent);
    return {count, !never & below ? 1.0 : 0.0};
}

NB_INLINE void draw_some(Draws &d, uint32_t purpose, Key key, double *out)
{
    for (uint32_t attempt = 0; d.n > 0; attempt++) {
        double accepted[NOISE_CHUNK + NOISE_LANES];
        for (int first = 0; first < d.n; first += NOISE_LANES) {
            NB_SIMD for (int i = first; i < first + NOISE_LANES; i++)
            {
                const Proposal proposal = propose(d.mean[i], philox(d.pixel[i], attempt, purpose, key));
                d.count[i] = proposal.count;
                accepted[i] = proposal.accepted;
            }
        }
        int left = 0;
        for (int i = 0; i < d.n; i++) {
            if (accepted[i] != 0.0) {
                out[d.place[i]] = d.count[i];
                continue;
            }
            d.mean[left] = d.mean[i];
            d.pixel[left] = d.pixel[i];
            d.place[left++] = d.place[i];
        }
        d.n = left;
        if (left)
            d.fill_lanes();
    }
}

/* The integer part of the Cornish-Fisher expansion of the quantile, of which the next term is below 1e-4:
 * M. Giles, Algorithm 955, ACM Trans. Math. Softw. 42, 7 (2016). */
NB_INLINE double quantile_of_many(double mean, double z)
{
    const double root = sqrt(mean), zz = z * z;
    const double x = mean + root * z + (1.0 / 3.0 + zz / 6.0) - z * (1.0 / 36.0 + zz / 72.0) / root
                   + (zz * (zz / 270.0 + 7.0 / 810.0) - 8.0 / 405.0) / mean;
    return x < 0x1p50 ? branchless_floor(x) : x; /* from 2^52 on, every number is whole */
}

NB_INLINE void draw_many(Draws &d, uint32_t purpose, Key key)
{
    NB_SIMD for (int i = 0; i < d.n; i++)
        d.count[i] = quantile_of_many(d.mean[i], normal_deviate(philox(d.pixel[i], 0, purpose, key)));
}

} // namespace nb::NB_ISA

#endif
