/* The kernel for one instruction set: compiled several times with different NB_ISA and -march. */
#include "nanobragg/names.h"
#include "nanobragg/roofline.h"
#include "nanobragg/span.h"

nb_span_fn NB_OF_ISA(nb_single_); /* single.c */
nb_span_fn NB_OF_ISA(nb_traced_); /* traced.c */

const nb_kernel NB_OF_ISA(nb_kernel_) = {NB_TEXT(NB_ISA), nb_span, NB_OF_ISA(nb_single_), NB_OF_ISA(nb_traced_),
                                         nb_pixel_omega, nb_multiply_adds};
