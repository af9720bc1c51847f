/* Flat spots, cut off where a Gaussian one has fallen to half: F_latt = N_a N_b N_c within
 * fudge sum (N delta)^2 < 0.3969, and 0 beyond. Its derivative is zero everywhere but on the edge. */
#ifndef NANOBRAGG_SHAPES_TOPHAT_H
#define NANOBRAGG_SHAPES_TOPHAT_H

#include "radial.h"

namespace nb::NB_ISA {

struct Tophat : Radial<Tophat> {
    static constexpr const char *name = "tophat";
    static constexpr bool compact = true;
    static constexpr bool few_constants = true;
    static constexpr double edge = 0.3969; /* 0.63^2 */
    static constexpr double reach = 0.63;
    static constexpr double integral = 1.0473944243362225; /* 4/3 pi edge^(3/2) */

    NB_INLINE double value(double peak, double rr) { return rr < edge ? peak : 0.0; }

    NB_INLINE double derivative(double peak, double rr)
    {
        (void)peak, (void)rr;
        return 0.0;
    }

    NB_INLINE float envelope_at(float rr) { return rr * 0.99999f < (float)edge ? 1.0f : 0.0f; }

    static double reach_sqr(double ratio) { return ratio < 1.0 ? edge : -1.0; }

    static double section(double rr) { return NB_PI * (rr < edge ? edge - rr : 0.0); }
};

} // namespace nb::NB_ISA

#endif
