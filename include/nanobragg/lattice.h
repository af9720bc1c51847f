/* The squared transform of a finite crystal, F_latt^2, for the four shapes (spec section 5).
 * Arguments are offsets from the nearest reflection: only they matter, because the numbers of cells are whole. */
#ifndef NANOBRAGG_LATTICE_H
#define NANOBRAGG_LATTICE_H

#include "maths.h"

enum nb_shape { NB_SQUARE, NB_ROUND, NB_GAUSS, NB_TOPHAT, NB_SHAPES };

#define NB_SPHERE_TO_CUBE 0.723601254558268 /* sphere and cube of one peak: square root of their volumes' ratio */
#define NB_GAUSS_WIDTH 0.63
#define NB_GAUSS_GONE 745.1332191019412 /* exp(-x) of a larger x rounds to 0: the C program skips such terms */
#define NB_TOPHAT_EDGE 0.3969

/* Added to squared offsets: the quotient is n^2 at 0, and the product of three denominators does not underflow. */
#define NB_TINY ((nb_real)(sizeof(nb_real) == sizeof(float) ? 1e-13 : 1e-60))

/* sin^2(pi n d) / sin^2(pi d) as numerator and denominator, so that three axes share one division. */
NB_INLINE void nb_grating(nb_offset d, double n, nb_real *above, nb_real *below)
{
    const nb_real x = nb_offset_real(d), y = nb_offset_real(nb_times(d, n));
    *above = nb_sinpi_sqr(y * y + (nb_real)(n * n) * NB_TINY);
    *below = nb_sinpi_sqr(x * x + NB_TINY);
}

/* Quadratic form of the offsets: xx yy zz, then yz xz xy already doubled. */
NB_INLINE double nb_radius_sqr(const double *metric, double dh, double dk, double dl)
{
    return metric[0] * dh * dh + metric[1] * dk * dk + metric[2] * dl * dl
         + (metric[3] * dk * dl + metric[4] * dh * dl + metric[5] * dh * dk);
}

/* [3 (sin x/x - cos x)/x^2]^2 with x = pi r. The sign that whole turns of pi give drops out of the square;
 * below r = 1/4 the series, where the difference would lose digits. */
NB_INLINE double nb_sphere_sqr(double r)
{
    const double x = NB_PI * r, f = r - nb_nearest(r), g = 0.5 - fabs(f);
    const double sine = f * nb_sinpi_over_x(f * f), cosine = g * nb_sinpi_over_x(g * g);
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
    return r < 0.25 ? near * near : far_off * far_off;
}

/* Radial shapes from the squared radius (fudge included), for a crystal of `cells` cells in all. */
NB_INLINE double nb_radial_sqr(enum nb_shape shape, double rr, double cells)
{
    const double peak = cells * cells;
    switch (shape) {
    case NB_ROUND:
        return peak * (NB_SPHERE_TO_CUBE * NB_SPHERE_TO_CUBE) * nb_sphere_sqr(sqrt(rr));
    case NB_GAUSS:
        return rr > NB_GAUSS_WIDTH * NB_GAUSS_GONE ? 0.0 : peak * nb_exp(-2.0 * rr / NB_GAUSS_WIDTH);
    default:
        return rr < NB_TOPHAT_EDGE ? peak : 0.0;
    }
}

#endif
