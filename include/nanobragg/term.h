/* One term of a pixel, step by step: one orientation of the lattice seen along one scattering vector.
 * Real is the precision behind the reduction of the index. */
#ifndef NANOBRAGG_TERM_H
#define NANOBRAGG_TERM_H

#include "index.h"

namespace nb::NB_ISA {

template <class Real> struct Term {
    double h[3];                       /* fractional index */
    int nearest[3];                    /* the reflection next to it */
    Offset<Real> offset[3];            /* from there */
    Real numerator[3], denominator[3]; /* square: sin^2(pi N delta), sin^2(pi delta) */
    double radius_sqr;                 /* other shapes */
    Real lattice_sqr;                  /* F_latt^2 */
    int interpolated;                  /* whether F_cell lies between reflections */
    Real amplitude;                    /* F_cell */
};

/* Index along q (1/m) for one set of cell vectors a, b, c (m). */
template <class Real> NB_INLINE void find_index(const double *cell, double qx, double qy, double qz, Term<Real> &term)
{
    for (int i = 0; i < 3; ++i) {
        term.h[i] = cell[3 * i] * qx + cell[3 * i + 1] * qy + cell[3 * i + 2] * qz;
        split(term.h[i], &term.nearest[i], &term.offset[i]);
    }
}

/* F_latt^2, and its derivatives by the offsets, by the numbers of cells and, where the radius of an offset follows the
 * cell, by the logarithm of the cell's volume. */
template <class Real> struct Slopes {
    Real value, offset[3], n[3], volume;
};

template <class Real> NB_INLINE void scale(Slopes<Real> &slopes, Real factor)
{
    slopes.value *= factor;
    slopes.volume *= factor;
    for (int i = 0; i < 3; ++i) {
        slopes.offset[i] *= factor;
        slopes.n[i] *= factor;
    }
}

/* F_cell^2 F_latt^2, a term of the sum over orientations. */
template <class Real> NB_INLINE Real intensity(const Term<Real> &term)
{
    return term.amplitude * term.amplitude * term.lattice_sqr;
}

} // namespace nb::NB_ISA

#endif
