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
    static constexpr bool single_precision = true; /* has a kernel in single precision (docs/performance.md) */
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
        t.lattice_sqr = t.numerator[0] * t.numerator[1] * t.numerator[2]
                      / (t.denominator[0] * t.denominator[1] * t.denominator[2]);
    }

    static void metric(const double *n, double fudge, const double *, double *m)
    {
        (void)fudge; /* the C program's fudge factor is for the other shapes */
        for (int i = 0; i < 3; ++i) {
            m[i] = n[i] * n[i];
            m[3 + i] = 0.0;
        }
    }

    struct Slope {
        double value, by_offset, by_n;
    };

    /* s^2/S^2, s = sin(pi N d), S = sin(pi d), and its derivatives. The derivative with respect to d is
     * 2 pi s (N c S - s C)/S^3; the bracket is formed without cancellation at small d. */
    static Slope axis_slope(double offset, double n)
    {
        const double d = offset + 1e-60, e = multiply_mod_1(d, n), k = round_to_nearest(n * d - e);
        const double P = sinpi_over_x(e * e) / NB_PI, Q = sinpi_over_x(d * d) / NB_PI; /* sin(pi e)/(pi e), … */
        const double ee = NB_PI * NB_PI * e * e, xx = NB_PI * NB_PI * d * d;
        const double s = NB_PI * e * P, S = NB_PI * d * Q;
        const double u = ee * sine_less_cosine(ee), v = xx * sine_less_cosine(xx);
        const double bracket = NB_PI * k * P * Q - n * NB_PI * d * Q * u + NB_PI * e * P * v;
        return {s * s / (S * S), 2.0 * NB_PI * s * bracket / (S * S * S), 2.0 * NB_PI * d * s * (P - u) / (S * S)};
    }

    static Slopes slopes(const Crystal &crystal, const double *offset)
    {
        Slope axis[3];
        Slopes all;
        for (int i = 0; i < 3; ++i)
            axis[i] = axis_slope(offset[i], crystal.n[i]);
        for (int i = 0; i < 3; ++i) {
            const double others = axis[(i + 1) % 3].value * axis[(i + 2) % 3].value;
            all.offset[i] = axis[i].by_offset * others;
            all.n[i] = axis[i].by_n * others;
        }
        return all;
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
