/* Gaussian spots with nothing between them: F_latt = N_a N_b N_c exp(-fudge sum (N delta)^2 / 0.63). */
#ifndef NANOBRAGG_SHAPES_GAUSS_H
#define NANOBRAGG_SHAPES_GAUSS_H

#include "radial.h"

namespace nb::NB_ISA {

struct Gauss : Radial<Gauss> {
    static constexpr const char *name = "gauss";
    static constexpr bool compact = true;
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

    static double section(double rr) { return NB_PI * width / 2.0 * bounded_exp(-2.0 * rr / width); }
};

} // namespace nb::NB_ISA

#endif
