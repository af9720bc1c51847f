/* Sections of spots by planes: the squared shape transform of a crystal integrated over a plane n.dq = distance. */
#ifndef NANOBRAGG_SECTION_H
#define NANOBRAGG_SECTION_H

#include "shapes/by_number.h"
#include "vec3.h"

namespace nb::NB_ISA {

/* The blocks of a crystal; lengths in metres. */
struct Blocks {
    int shape;
    bool separable;    /* a product over the axes, no function of the radius */
    double n[3];       /* unit cells along a, b, c */
    double peak;       /* N^2 times the reciprocal volume of a unit cube in radius */
    double inverse[9]; /* of M in radius^2 = delta M delta, delta = (dh, dk, dl) */
    double middle;     /* section through the middle of a spot, for a peak of 1; NaN of a separable shape */
};

struct Section {
    double area;      /* the integral over the plane */
    double largest;   /* that over the parallel plane through the reflection, of a spot that is not smeared */
    double offset[3]; /* mean dh, dk, dl over the plane, weighted with F_latt^2 */
};

/* Nodes and weights of Gauss and Legendre's quadrature from 0 to 1. */
static constexpr double NODES[6] = {0.03376524289842398696, 0.16939530676686774317, 0.38069040695840154568,
                                    0.61930959304159845432, 0.83060469323313225683, 0.96623475710157601304};
static constexpr double WEIGHTS[6] = {0.085662246189585172520, 0.18038078652406930378, 0.23395696728634552369,
                                      0.23395696728634552369,  0.18038078652406930378, 0.085662246189585172520};

/* The integral of (c0 + c1 t + c2 t^2 + c3 t^3) cos(angle t) from 0 to 1, for a cubic that is 0 at t = 1. */
static inline double cosine_transform(const double *c, double angle)
{
    const double a = fabs(angle), cosine = cos(a), sine = sin(a);
    if (a >= 1.0)
        return ((c[1] + 2.0 * c[2] + 3.0 * c[3]) * cosine - c[1] - (2.0 * c[2] + 6.0 * c[3]) * sine / a
                - 6.0 * c[3] * (cosine - 1.0) / (a * a))
             / (a * a);
    double sum = 0.0; /* the closed form loses digits */
    for (int i = 0; i < 6; ++i) {
        const double t = NODES[i];
        sum += WEIGHTS[i] * (c[0] + t * (c[1] + t * (c[2] + t * c[3]))) * cos(a * t);
    }
    return sum;
}

/* The integral of (1 + c1 t + c2 t^2) sin(angle t) from 0 to 1. */
static inline double sine_transform(double c1, double c2, double angle)
{
    const double a = fabs(angle), cosine = cos(a), sine = sin(a);
    double sum = 0.0;
    if (a >= 1.0)
        sum = (1.0 - (1.0 + c1 + c2) * cosine + ((c1 + 2.0 * c2) * sine + 2.0 * c2 * (cosine - 1.0) / a) / a) / a;
    else
        for (int i = 0; i < 6; ++i) {
            const double t = NODES[i];
            sum += WEIGHTS[i] * (1.0 + t * (c1 + t * c2)) * sin(a * t);
        }
    return copysign(sum, angle);
}

/* Of a product of sinc^2. As a function of distance, the section is the cosine transform of the autocorrelation of the
 * crystal along the plane's normal: (1 - u g_a)(1 - u g_b)(1 - u g_c) at a shift u, g = |n.a*|/N. The mean offset along
 * an axis is the sine transform of the product of the two other factors. */
static inline Section section_of_parallelepiped(const Blocks &blocks, const double *slope, double distance)
{
    double x[3], most = 0.0;
    for (int i = 0; i < 3; ++i) {
        x[i] = fabs(slope[i]) / blocks.n[i];
        most = larger(x[i], most);
    }
    const double end = 1.0 / most, angle = 2.0 * NB_PI * distance * end, scale = 2.0 * end * blocks.peak;
    for (int i = 0; i < 3; ++i)
        x[i] *= end; /* (1 - x_a t)(1 - x_b t)(1 - x_c t), t = 0 ... 1, is 0 at 1 */
    const double pairs[3] = {x[1] * x[2], x[0] * x[2], x[0] * x[1]};
    const double cubic[4] = {1.0, -(x[0] + x[1] + x[2]), pairs[0] + pairs[1] + pairs[2], -(x[0] * pairs[0])};
    const double area = larger(cosine_transform(cubic, angle), 0.0);
    const double middle = 1.0 + cubic[1] / 2.0 + cubic[2] / 3.0 + cubic[3] / 4.0;
    const double some = larger(area, 1e-9 * middle);
    Section section = {scale * area, scale * middle, {}};
    for (int i = 0; i < 3; ++i) {
        const double moment = sine_transform(cubic[1] + x[i], pairs[i], angle);
        const double offset = moment / (2.0 * NB_PI * blocks.n[i] * some);
        section.offset[i] = smaller(larger(slope[i] < 0.0 ? -offset : offset, -0.5), 0.5);
    }
    return section;
}

/* `slope` is n.a*, n.b*, n.c* of the plane's unit normal n. `inverse` is that of the spot, which is `blocks.inverse`
 * or, of a spot that is smeared, larger; its photons are the same. */
static inline Section plane_section(const Blocks &blocks, const double *inverse, const double *slope, double distance)
{
    if (blocks.separable)
        return section_of_parallelepiped(blocks, slope, distance);
    double against[3];
    for (int i = 0; i < 3; ++i)
        against[i] = dot(inverse + 3 * i, slope);
    const double scale = 1.0 / dot(slope, against), ratio = distance * scale, height = blocks.peak * sqrt(scale);
    double largest = height * blocks.middle;
    if (inverse != blocks.inverse) {
        double block[3];
        for (int i = 0; i < 3; ++i)
            block[i] = dot(blocks.inverse + 3 * i, slope);
        largest = blocks.peak / sqrt(dot(slope, block)) * blocks.middle;
    }
    return {height * shape_section(blocks.shape, distance * ratio),
            largest,
            {against[0] * ratio, against[1] * ratio, against[2] * ratio}};
}

} // namespace nb::NB_ISA

#endif
