/* Gaussian spots with nothing between them: F_latt = det N exp(-fudge |N delta|^2 / 0.63), N a symmetric matrix that
 * has the numbers of cells on its diagonal (block.h). */
#ifndef NANOBRAGG_SHAPES_GAUSS_H
#define NANOBRAGG_SHAPES_GAUSS_H

#include "radial.h"

namespace nb::NB_ISA {

struct Gauss : Radial<Gauss> {
    static constexpr const char *name = "gauss";
    static constexpr bool compact = true;
    static constexpr bool general = true;
    static constexpr double width = 0.63;
    static constexpr double gone = 745.1332191019412; /* exp(-x) of a larger x rounds to 0: C skips such terms */
    static constexpr double reach = 2.2;
    static constexpr double integral = 0.98444314621763; /* (pi width/2)^(3/2) */

    NB_INLINE double value(double peak, double rr)
    {
        return rr > width * gone ? 0.0 : peak * bounded_exp(-2.0 * rr / width);
    }

    NB_INLINE double derivative(double peak, double rr) { return -2.0 / width * value(peak, rr); }
    NB_INLINE float envelope_at(float rr) { return exp_from_above((float)(2.0 / width) * rr); }

    /* Squared radius beyond which F_latt^2 is below `ratio` of its peak. */
    static double reach_sqr(double ratio)
    {
        return -log(ratio) < SMALLEST_EXPONENT ? width / 2.0 * -log(ratio) : width * gone;
    }

    /* fudge N^2 */
    static void metric(const double *n, double fudge, const double *reciprocal, double *m)
    {
        const double a = n[0], b = n[1], c = n[2], d = n[3], e = n[4], f = n[5];
        (void)reciprocal;
        m[0] = fudge * (a * a + d * d + f * f);
        m[1] = fudge * (b * b + d * d + e * e);
        m[2] = fudge * (c * c + e * e + f * f);
        m[3] = 2.0 * fudge * (d * f + b * e + c * e);
        m[4] = 2.0 * fudge * (a * f + d * e + c * f);
        m[5] = 2.0 * fudge * (a * d + b * d + e * f);
    }

    static double section(double rr) { return NB_PI * width / 2.0 * bounded_exp(-2.0 * rr / width); }
};

} // namespace nb::NB_ISA

#endif
