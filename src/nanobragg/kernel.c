/* The kernel for one instruction set: compiled several times with different NB_ISA and -march. */
#include "nanobragg/names.h"
#define NB_CELLS NB_OF_ISA(nb_double_)
#include "nanobragg/roofline.h"
#include "nanobragg/span.h"

extern nb_cells_table NB_OF_ISA(nb_floats_), NB_OF_ISA(nb_single_); /* floats.c, single.c */
nb_span_fn NB_OF_ISA(nb_traced_);                                   /* traced.c */

const nb_kernel NB_OF_ISA(nb_kernel_) = {
    .name = NB_TEXT(NB_ISA),
    .span = nb_span,
    .traced = NB_OF_ISA(nb_traced_),
    .cells = {&NB_CELLS, &NB_OF_ISA(nb_floats_), &NB_OF_ISA(nb_single_)},
    .omega = nb_pixel_omega,
    .multiply_adds = nb_multiply_adds,
};
