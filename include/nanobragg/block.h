/* The numbers of cells of a block as a symmetric matrix N, rows and columns a, b, c. Six numbers: aa bb cc, ab bc ac.
 */
#ifndef NANOBRAGG_BLOCK_H
#define NANOBRAGG_BLOCK_H

#include "scene.h"
#include "compiler.h"

namespace nb::NB_ISA {

/* V = N d */
NB_INLINE void multiply_symmetric(const double *n, const double *d, double *v)
{
    v[0] = n[0] * d[0] + n[3] * d[1] + n[5] * d[2];
    v[1] = n[3] * d[0] + n[1] * d[1] + n[4] * d[2];
    v[2] = n[5] * d[0] + n[4] * d[1] + n[2] * d[2];
}

/* Set everything but the metric of a crystal. */
static inline void set_block(Crystal &crystal, const double *n)
{
    const double a = n[0], b = n[1], c = n[2], d = n[3], e = n[4], f = n[5];
    const double cells = a * b * c + 2.0 * d * e * f - a * e * e - b * f * f - c * d * d;
    const double minors[6] = {b * c - e * e, a * c - f * f, a * b - d * d, e * f - d * c, d * f - a * e, d * e - b * f};
    for (int i = 0; i < 3; ++i)
        crystal.n[i] = n[i];
    for (int i = 0; i < 6; ++i)
        crystal.inverse_n[i] = minors[i] / cells;
    crystal.cells = cells;
}

} // namespace nb::NB_ISA

#endif
