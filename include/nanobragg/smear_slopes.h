/* Derivatives of smeared spots (docs/derivatives.md, Smeared spots): of the logarithm of F_latt^2, by the index and
 * along a change of the smear. */
#ifndef NANOBRAGG_SMEAR_SLOPES_H
#define NANOBRAGG_SMEAR_SLOPES_H

#include "smear.h"

namespace nb::NB_ISA {

/* Sum of the products of the elements: the trace of the product. */
NB_INLINE double inner(const Symmetric a, const Symmetric b)
{
    return a.hh * b.hh + a.kk * b.kk + a.ll * b.ll + 2.0 * (a.kl * b.kl + a.hl * b.hl + a.hk * b.hk);
}

/* What both derivatives need: for the inverse K of the covariance with the bandwidth, K times the index; and the
 * derivative of the sag, `z` by the index and `p` by what is across. */
struct SmearedSlopes {
    SmearForm form;
    SmearedSpot spot;
    SmearedOffset o;
    Triple index, k_index, full, across; /* K (d + sag reflection); K d - along K reflection */
    Triple metric_x, z;
    double pull; /* full.reflection */
};

NB_INLINE SmearedSlopes slopes_of(const SmearForm form, const SmearedSpot spot, const Triple index,
                                  const SmearedOffset o)
{
    const Triple u = spot.inverse * index;
    const double left = 1.0 / (1.0 + form.band * dot(index, u));
    const Triple metric_x = spot.per_length_sqr * (form.metric * o.x), p = spot.domains * metric_x;
    const Triple kp = spot.inverse * p - form.band * left * dot(u, p) * u;
    const double turn = spot.per_length_sqr > 0.0 ? dot(p, o.g) / o.kk : 0.0;
    const Triple full = o.y + o.sag * o.g;
    return {form, spot, o, index, left * u, full, o.y - o.along * o.g, metric_x, kp - turn * o.g, dot(full, spot.h)};
}

NB_INLINE Triple by_index(const SmearedSlopes s)
{
    const Triple band = dot(s.full, s.index) * s.full - s.k_index
                      + s.pull * (dot(s.index, s.across) * s.z + dot(s.z, s.index) * s.across);
    return s.form.band * band - s.full - s.pull * s.z;
}

/* How the covariances of a spot change. */
struct SmearChange {
    Symmetric block, domains, metric;
    double band;
    double log_block; /* of the determinant of the block's */
};

static inline SmearChange change_of(const Smear &m, const Smear &slope, const SmearedSpot &spot)
{
    const SmearForm form = form_of(slope);
    const Triple h = spot.h;
    const double pairs[6] = {h.x * h.x, h.y * h.y, h.z * h.z, h.y * h.z, h.x * h.z, h.x * h.y};
    double domains[6] = {};
    for (int i = 0; i < 6; ++i)
        for (int j = 0; j < 6; ++j)
            domains[i] += slope.by_index[i][j] * pairs[j];
    return {form.block, symmetric(domains), form.metric, form.band, inner(inverse(symmetric(m.block)), form.block)};
}

NB_INLINE double quadratic(const Triple a, const Symmetric m, const Triple b)
{
    return dot(a, m * b);
}

NB_INLINE double along_change(const SmearedSlopes s, const SmearChange c)
{
    const Triple h = s.spot.h;
    const Symmetric b = c.block, d = c.domains, i = square(s.index);
    const Symmetric whole = {b.hh + d.hh + c.band * i.hh, b.kk + d.kk + c.band * i.kk, b.ll + d.ll + c.band * i.ll,
                             b.kl + d.kl + c.band * i.kl, b.hl + d.hl + c.band * i.hl, b.hk + d.hk + c.band * i.hk};
    const double trace = inner(s.spot.inverse, whole)
                       - s.form.band * (1.0 + s.form.band * dot(s.index, s.spot.inverse * s.index))
                             * quadratic(s.k_index, whole, s.k_index);
    const double sag = quadratic(s.metric_x, d, s.across) - quadratic(s.z, whole, s.across)
                     + s.spot.per_length_sqr
                           * (0.5 * quadratic(s.o.x, c.metric, s.o.x) - s.o.sag * quadratic(h, c.metric, h));
    return 0.5 * (c.log_block - trace + quadratic(s.full, whole, s.full)) - s.pull * sag;
}

} // namespace nb::NB_ISA

#endif
