/* Spots of Gaussian blocks whose domains and wavelengths are normally distributed: the sum over them in closed form
 * (docs/theory.md, Smeared spots). */
#ifndef NANOBRAGG_SMEAR_H
#define NANOBRAGG_SMEAR_H

#include "maths.h"
#include "scene.h"
#include "vec3.h"

namespace nb::NB_ISA {

constexpr double SMEAR_REACH_SQR = 74.0; /* of a spot, beyond which it is 10^-16 of its peak and counts as nothing */

/* A symmetric matrix, by value as Triple is. */
struct Symmetric {
    double hh, kk, ll, kl, hl, hk;
};

NB_INLINE Symmetric symmetric(const double *m)
{
    return {m[0], m[1], m[2], m[3], m[4], m[5]};
}

NB_INLINE Triple operator*(const Symmetric m, const Triple v)
{
    return {m.hh * v.x + m.hk * v.y + m.hl * v.z, m.hk * v.x + m.kk * v.y + m.kl * v.z,
            m.hl * v.x + m.kl * v.y + m.ll * v.z};
}

NB_INLINE Symmetric square(const Triple v)
{
    return {v.x * v.x, v.y * v.y, v.z * v.z, v.y * v.z, v.x * v.z, v.x * v.y};
}

/* A positive definite matrix as L D L^T, with a unit triangular L. Where one width is 10^3 times another, cofactors
 * would lose all digits; this loses 6. */
struct Factored {
    double d[3], kh, lh, lk;
};

NB_INLINE Factored factored(const Symmetric m)
{
    const double kh = m.hk / m.hh, lh = m.hl / m.hh, kk = m.kk - kh * m.hk, kl = m.kl - kh * m.hl, lk = kl / kk;
    return {{m.hh, kk, m.ll - lh * m.hl - lk * kl}, kh, lh, lk};
}

NB_INLINE double determinant(const Symmetric m)
{
    const Factored f = factored(m);
    return f.d[0] * f.d[1] * f.d[2];
}

NB_INLINE Symmetric inverse(const Symmetric m)
{
    const Factored f = factored(m);
    const double h = 1.0 / f.d[0], k = 1.0 / f.d[1], l = 1.0 / f.d[2], hl = f.kh * f.lk - f.lh; /* of L^-1 */
    return {h + k * f.kh * f.kh + l * hl * hl, k + l * f.lk * f.lk, l, -l * f.lk, l * hl, -k * f.kh - l * hl * f.lk};
}

/* What all spots have in common. */
struct SmearForm {
    Symmetric block, metric; /* covariance of a block's spot; a* a*, b* b*, ... */
    double band;
};

NB_INLINE SmearForm form_of(const Smear &m)
{
    const double *metric = m.metric;
    return {symmetric(m.block),
            {metric[0], metric[1], metric[2], 0.5 * metric[3], 0.5 * metric[4], 0.5 * metric[5]},
            m.band};
}

/* The spot of a reflection, but for the bandwidth. */
struct SmearedSpot {
    Triple h;
    Symmetric domains;     /* covariance that the domains add */
    Symmetric inverse;     /* of the covariance */
    double share;          /* of the peak that a block alone would have */
    double per_length_sqr; /* 1/|h a* + k b* + l c*|^2, A^2; 0 for the direct beam, which nothing smears */
};

static inline SmearedSpot spot_of(const Smear &m, double h, double k, double l)
{
    const double pairs[6] = {h * h, k * k, l * l, k * l, h * l, h * k};
    double domains[6], covariance[6], length_sqr = 0.0;
    for (int i = 0; i < 6; ++i) {
        domains[i] = 0.0;
        for (int j = 0; j < 6; ++j)
            domains[i] += m.by_index[i][j] * pairs[j];
        covariance[i] = m.block[i] + domains[i];
        length_sqr += m.metric[i] * pairs[i];
    }
    return {{h, k, l},
            symmetric(domains),
            inverse(symmetric(covariance)),
            sqrt(determinant(symmetric(m.block)) / determinant(symmetric(covariance))),
            length_sqr > 0.0 ? 1.0 / length_sqr : 0.0};
}

/* What an index sees of a spot. With the bandwidth, which moves the index along itself, the spot's covariance is C; K
 * is its inverse. The offset d splits into `along` times the reflection, and what is across in the sense of C. Domains
 * that bring the spot there are rotated, so that it comes closer to the origin by `sag` times the reflection. */
struct SmearedOffset {
    Triple y, g; /* K d, K reflection */
    Triple x;    /* how far the domains have brought the spot across */
    double kk;   /* reflection K reflection */
    double along, sag;
    double share;      /* of the peak that the bandwidth leaves */
    double radius_sqr; /* (d + sag reflection) K (d + sag reflection) */
};

NB_INLINE SmearedOffset offset_of(const SmearForm form, const SmearedSpot spot, const Triple index)
{
    const Triple d = index - spot.h, u = spot.inverse * index;
    const double left = 1.0 / (1.0 + form.band * dot(index, u)), taken = form.band * left;
    const Triple y = spot.inverse * d - taken * dot(u, d) * u, g = spot.inverse * spot.h - taken * dot(u, spot.h) * u;
    const double kk = dot(spot.h, g), along = spot.per_length_sqr > 0.0 ? dot(spot.h, y) / kk : 0.0;
    const Triple x = spot.domains * (y - along * g);
    const double sag = 0.5 * spot.per_length_sqr * dot(x, form.metric * x);
    return {y, g, x, kk, along, sag, sqrt(left), dot(d, y) + kk * sag * (2.0 * along + sag)};
}

/* F_latt^2 as a share of its peak for a block alone. */
NB_INLINE double smeared_share(const SmearedSpot spot, const SmearedOffset o)
{
    const double share = spot.share * o.share * bounded_exp(-0.5 * o.radius_sqr);
    return o.radius_sqr <= SMEAR_REACH_SQR ? share : 0.0;
}

/* Bounds of all spots that can be seen along a scattering vector no longer than some length, within a reach: with C as
 * above but without the bandwidth, the offsets of a spot are within an ellipsoid with the covariance `inflate` times C
 * plus `stretch` times the square of the reflection, then shifted along the reflection by at most `sag` of it. */
struct SmearBounds {
    double reach, sag, inflate, stretch;
    double longest;     /* reflection, 1/A */
    double half[3];     /* half-widths of a box of indices that holds the offsets */
    double reflections; /* that a point can be within reach of, at most */
};

/* False where the spots are too wide. The proof is in docs/culling.md. */
static inline bool bound_spots(const Smear &m, double longest, double reach, SmearBounds &b)
{
    const double block = sqrt(m.widest_block), band = sqrt(m.band), most = 4.0 * (longest + reach * block);
    b.reach = reach;
    b.sag = 0.5 * m.widest * reach * reach;
    double farthest = reach + b.sag * sqrt(m.sharpest_block) * most;
    if (band > 0.0 && b.sag < 0.5)
        farthest = smaller(farthest, (reach + b.sag / band) / (1.0 - b.sag));
    const double t = band * farthest, rest = 1.0 - t - t * t;
    if (!(rest > 0.1))
        return false;
    b.inflate = 1.0 / rest;
    b.stretch = (1.0 + t) * m.band / rest;
    const double widest = sqrt(m.widest * b.inflate + b.stretch), room = 1.0 - reach * widest - b.sag;
    b.longest = (longest + reach * block * sqrt(b.inflate)) / room;
    if (!(room > 0.0 && b.longest <= most))
        return false;
    b.reflections = 1.0;
    for (int i = 0; i < 3; ++i) {
        const double smear = m.edges[i] * widest * b.longest;
        b.half[i] = reach * sqrt(b.inflate * m.block[i] + smear * smear) + b.sag * m.edges[i] * b.longest;
        b.reflections *= 2.0 * b.half[i] + 1.0;
    }
    return true;
}

} // namespace nb::NB_ISA

#endif
