/* Gaussian spots that are round in reciprocal space: F_latt = N_a N_b N_c exp(-1.9 fudge |dq|^2 L^2), with
 * dq = dh a* + dk b* + dl c* and L = (N_a N_b N_c V)^(1/3), V the volume of the cell. Reflections that symmetry relates
 * are equally bright in hexagonal and centred cells too (after cctbx_project, pull request 985). */
#ifndef NANOBRAGG_SHAPES_GAUSS_STAR_H
#define NANOBRAGG_SHAPES_GAUSS_STAR_H

#include "radial.h"
#include "../vec3.h"

namespace nb::NB_ISA {

struct GaussStar : Radial<GaussStar> {
    static constexpr const char *name = "gauss_star";
    static constexpr bool follows_cell = true;
    static constexpr bool compact = true;
    static constexpr double decay = 3.8; /* of the square */
    static constexpr double reach = 2.0;
    static constexpr double integral = 0.7517084186919767; /* (pi/decay)^(3/2) */

    NB_INLINE double value(double peak, double rr) { return peak * bounded_exp(-decay * rr); }

    NB_INLINE double derivative(double peak, double rr) { return -decay * value(peak, rr); }
    NB_INLINE float envelope_at(float rr) { return exp_from_above((float)decay * rr); }
    static double reach_sqr(double ratio)
    {
        return -log(ratio) < SMALLEST_EXPONENT ? -log(ratio) / decay : 1e300; /* everywhere */
    }
    static double section(double rr) { return NB_PI / decay * bounded_exp(-decay * rr); }

    /* fudge |dq|^2 L^2 */
    static void metric(const double *n, double fudge, const double *reciprocal, double *m)
    {
        const double *a = reciprocal, *b = reciprocal + 3, *c = reciprocal + 6;
        double across[3];
        cross(b, c, across);
        const double volume = 1.0 / fabs(dot(a, across)), length = cbrt(n[0] * n[1] * n[2] * volume);
        const double scale = fudge * length * length;
        m[0] = scale * dot(a, a);
        m[1] = scale * dot(b, b);
        m[2] = scale * dot(c, c);
        m[3] = 2.0 * scale * dot(b, c);
        m[4] = 2.0 * scale * dot(a, c);
        m[5] = 2.0 * scale * dot(a, b);
    }

    NB_INLINE double radius_by_volume(double rr) { return 2.0 / 3.0 * rr; }

    NB_INLINE void radius_by_n(const Crystal &crystal, const double *, const double *, double rr, double *by_n)
    {
        for (int i = 0; i < 3; ++i)
            by_n[i] = 2.0 / 3.0 * rr * crystal.inverse_n[i];
    }
};

} // namespace nb::NB_ISA

#endif
