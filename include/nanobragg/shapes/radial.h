/* Base of the shapes whose F_latt^2 is a function of a squared radius, a quadratic form of the offsets from the nearest
 * reflection. A shape defines
 *
 *     value(peak, rr), derivative(peak, rr)   F_latt^2 and its derivative with respect to the squared radius
 *     envelope_at(rr)                         upper bound of F_latt^2 at this radius and beyond, for a peak of 1
 *     section(rr)                             integral over the plane at the radius, for a peak of 1
 *     reach, integral                         radius that holds a spot's photons; integral over space, for a peak of 1
 *
 * and metric and radius_by_n where the radius is not the index-space one, fudge * sum (N delta)^2; follows_cell and
 * radius_by_volume (the derivative of the squared radius with respect to the logarithm of the cell's volume) where it
 * is a multiple, which depends on that volume, of a squared length in reciprocal space. */
#ifndef NANOBRAGG_SHAPES_RADIAL_H
#define NANOBRAGG_SHAPES_RADIAL_H

#include "../block.h"
#include "../extent.h"
#include "../scene.h"
#include "../term.h"

namespace nb::NB_ISA {

template <class Shape> struct Radial {
    static constexpr bool separable = false;
    static constexpr bool compact = false; /* whether it has a reach_sqr: spots with nothing between them */
    static constexpr bool few_constants = false; /* whether registers are left for the crystal (accumulate.h) */
    static constexpr bool single_precision = false; /* as fast in double precision (docs/performance.md) */
    static constexpr bool follows_cell = false; /* whether the radius of an offset depends on the cell */
    static constexpr bool general = false; /* whether a block may have the off-diagonal numbers of cells of block.h */
    static constexpr bool is_halo = false; /* whether a point has several terms (halos.h) */
    static constexpr double power = 2.0; /* of the number of cells, in the peak */

    NB_INLINE double radius_sqr(const double *metric, double dh, double dk, double dl)
    {
        return metric[0] * dh * dh + metric[1] * dk * dk + metric[2] * dl * dl
             + (metric[3] * dk * dl + metric[4] * dh * dl + metric[5] * dh * dk);
    }

    NB_INLINE double peak(const Crystal &crystal) { return crystal.cells * crystal.cells; }

    template <class Real> NB_INLINE void evaluate(const Crystal &crystal, Term<Real> &t)
    {
        t.radius_sqr = radius_sqr(crystal.metric, t.offset[0], t.offset[1], t.offset[2]);
        t.lattice_sqr = (Real)Shape::value(peak(crystal), t.radius_sqr);
    }

    /* The quadratic form; `n` are the six numbers of block.h; `reciprocal` has the rows a*, b*, c* (1/A). */
    static void metric(const double *n, double fudge, const double *reciprocal, double *m)
    {
        (void)reciprocal;
        for (int i = 0; i < 3; ++i) {
            m[i] = fudge * (n[i] * n[i]);
            m[3 + i] = 0.0;
        }
    }

    /* Derivatives of the squared radius rr with respect to the numbers of cells. With rr = fudge |N d|^2 these are
     * 2 fudge (N d)_i d_i, and `by_offset`, the derivative with respect to the offset d, is 2 fudge N N d. */
    NB_INLINE void radius_by_n(const Crystal &crystal, const double *offset, const double *by_offset, double rr,
                               double *by_n)
    {
        (void)rr;
        multiply_symmetric(crystal.inverse_n, by_offset, by_n);
        for (int i = 0; i < 3; ++i)
            by_n[i] *= offset[i];
    }

    /* ... and with respect to the logarithm of the cell's volume. */
    NB_INLINE double radius_by_volume(double) { return 0.0; }

    /* All slopes times `factor`. */
    template <class Real> NB_INLINE Slopes<Real> slopes(const Crystal &crystal, const Term<Real> &t, Real factor)
    {
        const double *m = crystal.metric, dh = t.offset[0], dk = t.offset[1], dl = t.offset[2];
        const double rr = radius_sqr(m, dh, dk, dl), top = peak(crystal) * factor;
        const double value = Shape::value(top, rr), by_rr = Shape::derivative(top, rr);
        const double by_offset[3] = {2.0 * m[0] * dh + m[4] * dl + m[5] * dk, 2.0 * m[1] * dk + m[3] * dl + m[5] * dh,
                                     2.0 * m[2] * dl + m[3] * dk + m[4] * dh}; /* of the squared radius */
        const double offset[3] = {dh, dk, dl};
        double by_n[3];
        Shape::radius_by_n(crystal, offset, by_offset, rr, by_n);
        return {value,
                {by_rr * by_offset[0], by_rr * by_offset[1], by_rr * by_offset[2]},
                {Shape::power * value * crystal.inverse_n[0] + by_rr * by_n[0],
                 Shape::power * value * crystal.inverse_n[1] + by_rr * by_n[1],
                 Shape::power * value * crystal.inverse_n[2] + by_rr * by_n[2]},
                by_rr * Shape::radius_by_volume(rr)};
    }

    NB_INLINE float envelope(const Extent e, float dh, float dk, float dl)
    {
        return Shape::envelope_at(e.metric[0] * dh * dh + e.metric[1] * dk * dk + e.metric[2] * dl * dl);
    }
};

} // namespace nb::NB_ISA

#endif
