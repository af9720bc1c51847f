/* Base of the shapes whose F_latt^2 is a function of a squared radius, a quadratic form of the offsets from the nearest
 * reflection. A shape defines
 *
 *     value(peak, rr), derivative(peak, rr)   F_latt^2 and its derivative with respect to the squared radius
 *     envelope_at(rr)                         upper bound of F_latt^2 at this radius and beyond, for a peak of 1
 *     section(rr)                             integral over the plane at the radius, for a peak of 1
 *     reach, integral                         radius that holds a spot's photons; integral over space, for a peak of 1
 *
 * and metric and radius_by_n where the radius is not the index-space one, fudge * sum (N delta)^2. */
#ifndef NANOBRAGG_SHAPES_RADIAL_H
#define NANOBRAGG_SHAPES_RADIAL_H

#include "../extent.h"
#include "../scene.h"
#include "../term.h"

namespace nb::NB_ISA {

template <class Shape> struct Radial {
    static constexpr bool separable = false;
    static constexpr bool compact = false; /* whether it has a reach_sqr: spots with nothing between them */
    static constexpr bool single_precision = false; /* as fast in double precision (docs/performance.md) */

    NB_INLINE double radius_sqr(const double *metric, double dh, double dk, double dl)
    {
        return metric[0] * dh * dh + metric[1] * dk * dk + metric[2] * dl * dl
             + (metric[3] * dk * dl + metric[4] * dh * dl + metric[5] * dh * dk);
    }

    NB_INLINE double peak(const Crystal &crystal)
    {
        const double cells = crystal.n[0] * crystal.n[1] * crystal.n[2];
        return cells * cells;
    }

    template <class Real> NB_INLINE void evaluate(const Crystal &crystal, Term<Real> &t)
    {
        t.radius_sqr = radius_sqr(crystal.metric, t.offset[0], t.offset[1], t.offset[2]);
        t.lattice_sqr = (Real)Shape::value(peak(crystal), t.radius_sqr);
    }

    /* The quadratic form; `reciprocal` has the rows a*, b*, c* (1/A). */
    static void metric(const double *n, double fudge, const double *reciprocal, double *m)
    {
        (void)reciprocal;
        for (int i = 0; i < 3; ++i) {
            m[i] = fudge * (n[i] * n[i]);
            m[3 + i] = 0.0;
        }
    }

    /* Derivative of the squared radius rr with respect to a number of cells. */
    static double radius_by_n(const Crystal &crystal, const double *offset, double rr, int axis)
    {
        (void)rr;
        return 2.0 * crystal.metric[axis] * offset[axis] * offset[axis] / crystal.n[axis];
    }

    static Slopes slopes(const Crystal &crystal, const double *offset)
    {
        const double *m = crystal.metric, dh = offset[0], dk = offset[1], dl = offset[2];
        const double rr = radius_sqr(m, dh, dk, dl), top = peak(crystal);
        const double value = Shape::value(top, rr), by_rr = Shape::derivative(top, rr);
        Slopes all = {{by_rr * (2.0 * m[0] * dh + m[4] * dl + m[5] * dk),
                       by_rr * (2.0 * m[1] * dk + m[3] * dl + m[5] * dh),
                       by_rr * (2.0 * m[2] * dl + m[3] * dk + m[4] * dh)},
                      {}};
        for (int i = 0; i < 3; ++i)
            all.n[i] = 2.0 * value / crystal.n[i] + by_rr * Shape::radius_by_n(crystal, offset, rr, i);
        return all;
    }

    NB_INLINE float envelope(const Extent e, float dh, float dk, float dl)
    {
        return Shape::envelope_at(e.metric[0] * dh * dh + e.metric[1] * dk * dk + e.metric[2] * dl * dl);
    }
};

} // namespace nb::NB_ISA

#endif
