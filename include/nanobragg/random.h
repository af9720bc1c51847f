/* Random deviates of the C program, bit for bit: uniform, Gaussian, Poisson, and the rotations made of them.
 *
 * The stream is Park & Miller's minimal standard generator (Commun. ACM 31, 1192, 1988) behind a Bays-Durham
 * shuffle. float and double are as the C program has them, for an image must agree in every byte: build with
 * -ffp-contract=off, and change no type.
 */
#ifndef NANOBRAGG_RANDOM_H
#define NANOBRAGG_RANDOM_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define NB_RAN1_MODULUS INT64_C(2147483647)
#define NB_RAN1_SLOTS 32
#define NB_RANDOM_PI 3.14159265358979323846

/* Uniform deviates. A state of 0 or below (or an empty shuffle) starts a new sequence. */
typedef struct {
    int64_t state;
    int64_t last; /* the number handed out last; it selects the slot of the next one */
    int64_t slot[NB_RAN1_SLOTS];
} nb_ran1;

/* Gaussian deviates come in pairs: the second waits here. */
typedef struct {
    bool has_spare;
    float spare;
} nb_gauss;

/* Constants of the mean that was asked for last, shared by the two methods that need any. */
typedef struct {
    float mean;
    float limit;     /* exp(-mean) of the direct method, log of the peak's density of the rejection method */
    float width;     /* sqrt(2 mean) */
    float log_mean;
    nb_gauss gauss;
} nb_poisson;

/* A seed of the same sequence and sign that a step can multiply; those up to the modulus stay as they are. */
static inline int64_t nb_ran1_reduced(int64_t seed)
{
    const int64_t sign = (seed > 0) - (seed < 0);
    return (seed - sign) % NB_RAN1_MODULUS + sign;
}

static inline nb_ran1 nb_ran1_seeded(int64_t seed)
{
    return (nb_ran1){.state = -nb_ran1_reduced(seed)};
}

static inline nb_poisson nb_poisson_fresh(void)
{
    return (nb_poisson){.mean = -1.0f};
}

static inline int64_t nb_ran1_step(nb_ran1 *r)
{
    r->state = r->state * 16807 % NB_RAN1_MODULUS;
    return r->state;
}

static inline void nb_ran1_start(nb_ran1 *r)
{
    r->state = r->state < 0 ? -r->state : 1;
    for (int warm = 0; warm < 8; warm++)
        nb_ran1_step(r);
    for (int i = NB_RAN1_SLOTS - 1; i >= 0; i--)
        r->slot[i] = nb_ran1_step(r);
    r->last = r->slot[0];
}

/* Uniform on (0, 1 - 1.2e-7]. */
static inline float nb_ran1_next(nb_ran1 *r)
{
    if (r->state <= 0 || r->last == 0)
        nb_ran1_start(r);
    const int64_t fresh = nb_ran1_step(r);
    int64_t *slot = &r->slot[r->last >> 26]; /* 2^31 / NB_RAN1_SLOTS */
    r->last = *slot;
    *slot = fresh;
    const double top = 1.0 - 1.2e-7;
    const float u = (float)((1.0 / (double)NB_RAN1_MODULUS) * (double)r->last);
    return u > top ? (float)top : u;
}

/* Mean 0, variance 1: polar Box-Muller (Marsaglia & Bray, SIAM Rev. 6, 260, 1964). */
static inline float nb_gauss_next(nb_gauss *g, nb_ran1 *r)
{
    if (g->has_spare) {
        g->has_spare = false;
        return g->spare;
    }
    float x, y, square;
    do {
        x = (float)(2.0 * nb_ran1_next(r) - 1.0);
        y = (float)(2.0 * nb_ran1_next(r) - 1.0);
        square = x * x + y * y;
    } while (square >= 1.0f || square == 0.0f);
    const float scale = (float)sqrt(-2.0 * log(square) / square);
    g->spare = x * scale;
    g->has_spare = true;
    return y * scale;
}

/* ln Gamma(x), x > 0, to 2e-10 before it is rounded to float (Lanczos, SIAM J. Numer. Anal. 1, 86, 1964). */
static inline float nb_gammln(float x_single)
{
    static const double coefficient[6] = {76.18009172947146,  -86.50532032941677,    24.01409824083091,
                                          -1.231739572450155, 0.1208650973866179e-2, -0.5395239384953e-5};
    const double x = x_single, shifted = x + 5.5;
    const double exponent = shifted - (x + 0.5) * log(shifted);
    double series = 1.000000000190015, pole = x;
    for (int i = 0; i < 6; i++) {
        pole += 1.0;
        series += coefficient[i] / pole;
    }
    return (float)(-exponent + log(2.5066282746310005 * series / x));
}

/* Counts how many uniform deviates can be multiplied before the product falls to exp(-mean). */
static inline float nb_poisson_direct(nb_poisson *p, nb_ran1 *r, float mean)
{
    if (mean != p->mean) {
        p->mean = mean;
        p->limit = (float)exp(-mean);
    }
    float count = 0.0f, product = nb_ran1_next(r);
    for (; product > p->limit; count += 1.0f)
        product *= nb_ran1_next(r);
    return count;
}

/* Rejection under a Lorentzian of the same width; 0.9 keeps the ratio of the densities below 1. */
static inline float nb_poisson_rejection(nb_poisson *p, nb_ran1 *r, float mean)
{
    if (mean != p->mean) {
        p->mean = mean;
        p->width = (float)sqrt(2.0 * mean);
        p->log_mean = (float)log(mean);
        p->limit = mean * p->log_mean - nb_gammln((float)(mean + 1.0));
    }
    float count, ratio;
    do {
        float tangent;
        do {
            tangent = (float)tan(NB_RANDOM_PI * nb_ran1_next(r));
            count = p->width * tangent + mean;
        } while (count < 0.0f);
        count = floorf(count);
        const float log_density = count * p->log_mean - nb_gammln((float)(count + 1.0)) - p->limit;
        ratio = (float)(0.9 * (1.0 + tangent * tangent) * exp(log_density));
    } while (nb_ran1_next(r) > ratio);
    return count;
}

/* Poisson deviate of a finite mean >= 0; above 1e6 a Gaussian one, not rounded to an integer. */
static inline float nb_poisson_next(nb_poisson *p, nb_ran1 *r, float mean)
{
    if (mean > 1.0e6f)
        return (float)(mean + sqrt(mean) * nb_gauss_next(&p->gauss, r));
    return mean < 12.0f ? nb_poisson_direct(p, r, mean) : nb_poisson_rejection(p, r, mean);
}

/* Rotation of a mosaic domain, row-major: up to spread_rad (radians) about an axis uniform on the sphere. */
static inline void nb_mosaic_rotation(nb_ran1 *r, float spread_rad, double u[9])
{
    const double r1 = 2.0 * nb_ran1_next(r) - 1.0;
    const double r2 = 2.0 * nb_ran1_next(r) - 1.0;
    const double r3 = 2.0 * nb_ran1_next(r) - 1.0;
    const double angle = spread_rad * powf((float)(1.0 - r3 * r3), (float)(1.0 / 3.0));
    const double ring = sqrt(1.0 - r2 * r2);
    const double v[3] = {ring * sin(NB_RANDOM_PI * r1), ring * cos(NB_RANDOM_PI * r1), r2};
    const double c = cos(angle), s = sin(angle);
    /* Rodrigues: c I + (1 - c) v v^T + s [v]x */
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        const double symmetric = (1.0 - c) * v[i] * v[j];
        u[4 * i] = c + (1.0 - c) * (v[i] * v[i]);
        u[3 * i + j] = symmetric - s * v[k];
        u[3 * j + i] = symmetric + s * v[k];
    }
}

/* Angles (radians) about lab x, then y, then z, of a rotation matrix.
 * Where y turns by 90 degrees, only the sum of the other two is defined, and the C program answers
 * (pi, pi/2, z) whatever the sign. */
static inline void nb_misset_of_rotation(const double u[9], double misset_rad[3])
{
    double row[3][3];
    for (int i = 0; i < 3; i++) {
        const double *from = u + 3 * i;
        const double length = sqrt(from[0] * from[0] + from[1] * from[1] + from[2] * from[2]);
        for (int j = 0; j < 3; j++)
            row[i][j] = from[j] / length;
    }
    if (row[2][0] * row[2][0] < 1.0) {
        misset_rad[0] = atan2(row[2][1], row[2][2]);
        misset_rad[1] = atan2(-row[2][0], sqrt(row[2][1] * row[2][1] + row[2][2] * row[2][2]));
        misset_rad[2] = atan2(row[1][0], row[0][0]);
    } else {
        misset_rad[0] = NB_RANDOM_PI;
        misset_rad[1] = NB_RANDOM_PI / 2.0;
        misset_rad[2] = atan2(row[0][1], -row[1][1]);
    }
}

#endif
