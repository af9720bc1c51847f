/* An ellipsoid with the axes N_a a, N_b b, N_c c: the transform of a sphere,
 * F_latt = N_a N_b N_c 0.7236 * 3 (sin x/x - cos x)/x^2, x = pi sqrt(fudge sum (N delta)^2). */
#ifndef NANOBRAGG_SHAPES_ROUND_H
#define NANOBRAGG_SHAPES_ROUND_H

#include "radial.h"

namespace nb::NB_ISA {

/* G = 3 (sin x/x - cos x)/x^2 with x = pi r, up to its sign, and its derivative with respect to x^2. The sign that
 * whole turns of pi give drops out of G^2 and of its derivative; below r = 1/4 the series, where the differences would
 * lose digits. */
struct Sphere {
    double g, slope;
};

NB_INLINE Sphere sphere(double r)
{
    const double x = NB_PI * r, f = r - round_half_down(r), g = 0.5 - fabs(f);
    const double sine = f * sinpi_over_x(f * f), cosine = g * sinpi_over_x(g * g);
    const double safe = x > 1e-3 ? x : 1e-3, xx = x * x;
    const double far_off = 3.0 * (sine / safe - cosine) / (safe * safe);
    double near = 48.0 / 355687428096000.0;
    near = 42.0 / 1307674368000.0 - xx * near;
    near = 36.0 / 6227020800.0 - xx * near;
    near = 30.0 / 39916800.0 - xx * near;
    near = 24.0 / 362880.0 - xx * near;
    near = 18.0 / 5040.0 - xx * near;
    near = 12.0 / 120.0 - xx * near;
    near = 1.0 - xx * near;
    const double far_slope = 1.5 * (sine / safe - far_off) / (safe * safe);
    double slope = 7.0 * 48.0 / 355687428096000.0;
    slope = 6.0 * 42.0 / 1307674368000.0 - xx * slope;
    slope = 5.0 * 36.0 / 6227020800.0 - xx * slope;
    slope = 4.0 * 30.0 / 39916800.0 - xx * slope;
    slope = 3.0 * 24.0 / 362880.0 - xx * slope;
    slope = 2.0 * 18.0 / 5040.0 - xx * slope;
    slope = xx * slope - 12.0 / 120.0;
    return {r < 0.25 ? near : far_off, r < 0.25 ? slope : far_slope};
}

NB_INLINE double sphere_sqr(double r)
{
    const double g = sphere(r).g;
    return g * g;
}

struct Round : Radial<Round> {
    static constexpr const char *name = "round";
    static constexpr double scale =
        0.723601254558268; /* sphere and cube of one peak: square root of their volumes' ratio */
    static constexpr double reach = 6.0;
    static constexpr double integral = scale * scale * 6.0 / NB_PI; /* Parseval: 1/volume of a ball of diameter 1 */

    NB_INLINE double value(double peak, double rr) { return peak * (scale * scale) * sphere_sqr(sqrt(rr)); }

    NB_INLINE double derivative(double peak, double rr)
    {
        const Sphere ball = sphere(sqrt(rr));
        return peak * (scale * scale) * 2.0 * ball.g * ball.slope * (NB_PI * NB_PI);
    }

    /* |sin x/x - cos x|^2 <= 1 + 1/x^2 */
    NB_INLINE float envelope_at(float rr)
    {
        const float xx = (float)(NB_PI * NB_PI) * rr, decay = 9.0f * (1.0f + xx) / (xx * xx * xx + 1e-30f);
        return (float)(scale * scale) * (decay < 1.0f ? decay : 1.0f);
    }

    /* The transform, along the plane's normal, of the overlap of two balls of diameter 1 that are t apart:
     * 2 integral of (1 - 3t/2 + t^3/2) cos(a t) from 0 to 1, over the volume of one. */
    static double section(double rr)
    {
        const double aa = 4.0 * NB_PI * NB_PI * rr, a = sqrt(aa);
        double sum = 0.0;
        if (a < 1.0) {
            double power = 1.0;
            for (int k = 0; k < 9; ++k) {
                sum += power * (1.0 / (2 * k + 1) - 1.5 / (2 * k + 2) + 0.5 / (2 * k + 4));
                power *= -aa / ((2 * k + 1) * (2 * k + 2));
            }
        } else {
            sum = (1.5 - 3.0 * sin(a) / a + 3.0 * (1.0 - cos(a)) / aa) / aa;
        }
        return scale * scale * 2.0 * (6.0 / NB_PI) * sum;
    }
};

} // namespace nb::NB_ISA

#endif
