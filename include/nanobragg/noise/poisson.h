/* Poisson deviates in vector lanes: by inversion of few photons, and by an expansion of the quantile of many. */
#ifndef NANOBRAGG_NOISE_POISSON_H
#define NANOBRAGG_NOISE_POISSON_H

#include "normal.h"

namespace nb::NB_ISA {

constexpr double MANY_PHOTONS = 12.0; /* from this mean on by the quantile: inversion takes as many steps as photons */
#if defined(NB_DEVICE)
constexpr int NOISE_LANES = 1; /* pixels whose photons are counted together: that of a thread */
#else
constexpr int NOISE_LANES = 64; /* pixels whose photons are counted together */
#endif
constexpr int STEPS = 4; /* between two looks at whether all of them have been counted */
constexpr int MOST_FEW = 64; /* photons; beyond lies 1e-25 of a mean of 12 */

/* Numbers of pixels in the image: consecutive ones, or those at some places. */
struct Consecutive {
    uint64_t first;

    NB_MEMBER uint64_t operator()(int i) const { return first + (uint64_t)i; }
    NB_MEMBER Consecutive from(int i) const { return {first + (uint64_t)i}; }
};

struct Scattered {
    uint64_t first;
    const int *place;

    NB_MEMBER uint64_t operator()(int i) const { return first + (uint64_t)place[i]; }
    NB_MEMBER Scattered from(int i) const { return {first, place + i}; }
};

struct Reciprocals {
    double of[MOST_FEW + 1];

    constexpr Reciprocals() : of{}
    {
        for (int i = 1; i <= MOST_FEW; i++)
            of[i] = 1.0 / i;
    }
};

/* Inversion: the number of cumulative probabilities that a uniform number reaches. */
template <class Pixels>
static void count_few(const double *mean, const Pixels pixels, int n, const Stream stream, double *count)
{
    static constexpr Reciprocals reciprocal;
    double uniform[NOISE_LANES], probability[NOISE_LANES], cumulative[NOISE_LANES], above = 0.0;
    NB_SIMD_SUM(above) for (int i = 0; i < n; i++)
    {
        uniform[i] = uniforms_of(pixels(i), stream).u;
        cumulative[i] = probability[i] = bounded_exp(-mean[i]);
        count[i] = uniform[i] >= cumulative[i] ? 1.0 : 0.0;
        above += count[i];
    }
    for (int photons = 1; photons <= MOST_FEW && above > 0.0; photons += STEPS) {
        above = 0.0;
        NB_SIMD_SUM(above) for (int i = 0; i < n; i++)
        {
            double more = 0.0;
            for (int step = photons; step < photons + STEPS; step++) {
                probability[i] *= mean[i] * reciprocal.of[step];
                cumulative[i] += probability[i];
                more += uniform[i] >= cumulative[i] ? 1.0 : 0.0;
            }
            count[i] += more;
            above += more;
        }
    }
}

template <class Pixels>
static void draw_few(const double *mean, const Pixels pixels, int n, const Stream stream, double *count)
{
    for (int first = 0; first < n; first += NOISE_LANES)
        count_few(mean + first, pixels.from(first), smaller(n - first, NOISE_LANES), stream, count + first);
}

/* The integer part of the quantile of a mean m >= 12 at z standard deviations of a normal distribution,
 * m r(s) + c(s) + d(s)/m with s = z/sqrt(m), where r ln r - r + 1 = s^2/2 and c = ln(s sqrt(r)/(r - 1))/ln r:
 * M. Giles, Algorithm 955, ACM Trans. Math. Softw. 42, 7 (2016). The polynomials were fitted to r, c and, in d, to the
 * rest. Cumulative probabilities are off by 3e-6 at most for a mean of 12, and by less for greater ones. */
NB_INLINE double quantile_of_many(double mean, double z)
{
    const double per_mean = 1.0 / mean, deviation = z * sqrt(per_mean), s = deviation > -1.38 ? deviation : -1.38;
    double r = 0.00012597131;
    r = r * s - 0.00030399305;
    r = r * s + 7.4016437e-05;
    r = r * s + 6.3532074e-05;
    r = r * s + 0.00051440933;
    r = r * s - 0.0014375526;
    r = r * s + 0.0037267881;
    r = r * s - 1.0 / 72.0;
    r = r * s + 1.0 / 6.0;
    double c = -0.00095413404;
    c = c * s + 0.0014944634;
    c = c * s - 0.00024150532;
    c = c * s + 0.00085850984;
    c = c * s - 0.0036366117;
    c = c * s + 0.0087611984;
    c = c * s - 1.0 / 36.0;
    c = c * s + 1.0 / 3.0;
    double d = 0.017858875;
    d = d * s - 0.01790291;
    d = d * s + 0.015981654;
    d = d * s - 8.0 / 405.0;
    const double x = mean + mean * s * (1.0 + s * r) + c + d * per_mean;
    const double whole = x < 0x1p50 ? branchless_floor(x) : x; /* from 2^52 on, every number is whole */
    return whole > 0.0 ? whole : 0.0;
}

template <class Pixels>
static void draw_many(const double *mean, const Pixels pixels, int n, const Stream stream, double *count)
{
    NB_SIMD for (int i = 0; i < n; i++)
        count[i] = quantile_of_many(mean[i], normal_deviate(uniforms_of(pixels(i), stream)));
}

} // namespace nb::NB_ISA

#endif
