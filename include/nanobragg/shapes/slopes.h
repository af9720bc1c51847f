/* Derivatives of F_latt^2 with respect to the offsets from the nearest reflection and the numbers of cells. */
#ifndef NANOBRAGG_SHAPES_SLOPES_H
#define NANOBRAGG_SHAPES_SLOPES_H

#include "../compiler.h"

namespace nb::NB_ISA {

struct Slopes {
    double offset[3], n[3];
};

/* The same of one factor of a separable shape, with its value. */
struct Slope {
    double value, by_offset, by_n;
};

} // namespace nb::NB_ISA

#endif
