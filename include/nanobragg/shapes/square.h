/* A parallelepiped of N_a N_b N_c cells: F_latt = product over the axes of sin(pi N h)/sin(pi h).
 * It is periodic for integer cell counts, so that only the offset from the nearest reflection counts. */
#ifndef NANOBRAGG_SHAPES_SQUARE_H
#define NANOBRAGG_SHAPES_SQUARE_H

#include "../extent.h"
#include "../scene.h"
#include "../term.h"

namespace nb::NB_ISA {

struct Square {
    static constexpr const char *name = "square";
    static constexpr bool separable = true;        /* a product over the axes, no function of the radius */
    static constexpr bool compact = false;
    static constexpr bool few_constants = false;
    static constexpr bool general = false;         /* whether a block may have off-diagonal numbers of cells */
    static constexpr bool is_halo = false;         /* whether a point has several terms (halos.h) */
    static constexpr bool single_precision = true; /* has a kernel in single precision (docs/performance.md) */
    static constexpr bool follows_cell = false;    /* the radius of an offset does not depend on the cell */
    static constexpr double reach = 12.0;          /* radius within which 97 % of a crossing spot's photons are */
    static constexpr double integral = 1.0;        /* of F_latt^2 over the radius, for a peak of 1 */

    /* Added to squared offsets: the quotient is N^2 at 0, and the product of denominators does not underflow. */
    template <class Real> static constexpr Real tiny = (Real)(sizeof(Real) == sizeof(float) ? 1e-13 : 1e-60);

    /* sin^2(pi N d) and sin^2(pi d) apart, so that three axes share one division. */
    template <class Real> NB_INLINE void grating(Offset<Real> d, double n, Real *numerator, Real *denominator)
    {
        const Real x = unsigned_offset(d), y = unsigned_offset(multiply_mod_1(d, n));
        *numerator = sinpi_sqr(y * y + (Real)(n * n) * tiny<Real>);
        *denominator = sinpi_sqr(x * x + tiny<Real>);
    }

    template <class Real> NB_INLINE void evaluate(const Crystal &crystal, Term<Real> &t)
    {
        for (int i = 0; i < 3; ++i)
            grating(t.offset[i], crystal.n[i], &t.numerator[i], &t.denominator[i]);
        t.lattice_sqr = quotient(t.numerator[0] * t.numerator[1] * t.numerator[2],
                                 t.denominator[0] * t.denominator[1] * t.denominator[2]);
    }

    static void metric(const double *n, double fudge, const double *, double *m)
    {
        (void)fudge; /* the C program's fudge factor is for the other shapes */
        for (int i = 0; i < 3; ++i) {
            m[i] = n[i] * n[i];
            m[3 + i] = 0.0;
        }
    }

    /* Added to offsets, so that sines are not 0. */
    template <class Real> static constexpr Real nudge = (Real)(sizeof(Real) == sizeof(float) ? 1e-12 : 1e-60);

    /* Along one axis: s = sin(pi N d) and S = sin(pi d); S^2 times the derivative of s/S with respect to d, and S times
     * that with respect to N. */
    template <class Real> struct Axis {
        Real s, S, by_offset, by_n;
    };

    /* With k the whole number nearest to N d and e = N d - k, the derivative of s/S is pi (N c S - s C)/S^2, c and C
     * the cosines; the bracket is formed without cancellation at small d. */
    template <class Real> NB_INLINE Axis<Real> along(Offset<Real> offset, double n)
    {
        const Real cells = (Real)n;
        Real turns, e;
        const Real d = split_turns(offset, n, nudge<Real>, &turns, &e), dd = d * d, ee = e * e;
        const Real P = sinpi_over_x(ee), Q = sinpi_over_x(dd), s = e * P, S = d * Q;
        const Real u = sine_less_cosine(ee), v = sine_less_cosine(dd);
        return {s, S, turns * P * Q - cells * S * u + s * v, d * (P - u)};
    }

    /* All of them times `factor`. */
    template <class Real> NB_INLINE Slopes<Real> slopes(const Crystal &crystal, const Term<Real> &t, Real factor)
    {
        const Axis<Real> a = along<Real>(t.offset[0], crystal.n[0]), b = along<Real>(t.offset[1], crystal.n[1]),
                         c = along<Real>(t.offset[2], crystal.n[2]);
        const Real bc = b.S * c.S, per_all = 1 / (a.S * bc), a_per_all = a.S * per_all;
        const Real per_a = per_all * bc, per_b = c.S * a_per_all, per_c = b.S * a_per_all;
        const Real ra = a.s * per_a, rb = b.s * per_b, rc = c.s * per_c, rbc = rb * rc;
        const Real root = factor * (ra * rbc), twice = 2 * root, twice_ra = twice * ra;
        const Real by_a = twice * rbc * per_a, by_b = twice_ra * rc * per_b, by_c = twice_ra * rb * per_c;
        return {root * (ra * rbc),
                {by_a * (a.by_offset * per_a), by_b * (b.by_offset * per_b), by_c * (c.by_offset * per_c)},
                {by_a * a.by_n, by_b * b.by_n, by_c * c.by_n},
                0};
    }

    /* Each axis contributes at most N^2 (also for an N >= 1 that is not whole: the sine is concave) and at most
     * 1/sin^2(pi delta). */
    NB_INLINE float envelope(const Extent e, float dh, float dk, float dl)
    {
        return 1.0f / (fall(e.n[0], dh) * fall(e.n[1], dk) * fall(e.n[2], dl));
    }

private:
    /* max(1, N^2 sin^2(pi d)) */
    NB_INLINE float fall(float n, float d)
    {
        const float ratio = n * n * sinpi_sqr(d * d);
        return ratio > 1.0f ? ratio : 1.0f;
    }
};

} // namespace nb::NB_ISA

#endif
