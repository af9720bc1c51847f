/* The functions of a shape by its number, for callers that do not know the shape when they are compiled. */
#ifndef NANOBRAGG_SHAPES_BY_NUMBER_H
#define NANOBRAGG_SHAPES_BY_NUMBER_H

#include "shapes.h"

namespace nb::NB_ISA {

struct ShapeFacts {
    const char *name; /* NULL: no shape has this number */
    bool separable, single_precision, follows_cell;
    double reach, integral;
};

static inline ShapeFacts shape_facts(int shape)
{
    return Shapes::visit<ShapeFacts>(shape, [](auto s) {
        return ShapeFacts{s.name, s.separable, s.single_precision, s.follows_cell, s.reach, s.integral};
    });
}

static inline void shape_metric(int shape, const double *n, double fudge, const double *reciprocal, double *metric)
{
    Shapes::visit<int>(shape, [=](auto s) { return s.metric(n, fudge, reciprocal, metric), 0; });
}

NB_INLINE Term<double> term_at(const double *offset)
{
    Term<double> term = {};
    for (int i = 0; i < 3; ++i)
        term.offset[i] = offset[i];
    return term;
}

/* F_latt^2 at an offset from the nearest reflection. */
static inline double shape_value(int shape, const Crystal &crystal, const double *offset)
{
    Term<double> term = term_at(offset);
    Shapes::visit<int>(shape, [&](auto s) { return s.evaluate(crystal, term), 0; });
    return term.lattice_sqr;
}

static inline Slopes<double> shape_slopes(int shape, const Crystal &crystal, const double *offset)
{
    const Term<double> term = term_at(offset);
    return Shapes::visit<Slopes<double>>(shape, [&](auto s) { return s.slopes(crystal, term, 1.0); });
}

/* An upper bound of F_latt^2 at this offset and everywhere farther out: along each axis, or by radius. */
static inline double shape_envelope(int shape, const Crystal &crystal, const double *offset)
{
    const Extent extent = extent_of(crystal);
    return crystal.cells * crystal.cells * Shapes::visit<double>(shape, [&](auto s) {
               return (double)above(
                   s.envelope(extent, (float)fabs(offset[0]), (float)fabs(offset[1]), (float)fabs(offset[2])));
           });
}

/* Integral over the plane at a squared radius, for a peak of 1; of a separable shape it depends on the direction: NaN.
 */
static inline double shape_section(int shape, double radius_sqr)
{
    return Shapes::visit<double>(shape, [=](auto s) {
        if constexpr (s.separable)
            return (double)NAN;
        else
            return s.section(radius_sqr);
    });
}

} // namespace nb::NB_ISA

#endif
