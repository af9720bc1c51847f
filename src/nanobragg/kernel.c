/* The kernel for one instruction set: compiled several times with different NB_ISA and -march. */
#include "nanobragg/roofline.h"
#include "nanobragg/span.h"

#define NB_PASTE(a, b) a##b
#define NB_NAME(a, b) NB_PASTE(a, b)
#define NB_TEXT(a) #a
#define NB_STRING(a) NB_TEXT(a)

nb_span_fn NB_NAME(nb_single_, NB_ISA); /* single.c */
nb_span_fn NB_NAME(nb_traced_, NB_ISA); /* traced.c */

const nb_kernel NB_NAME(nb_kernel_, NB_ISA) = {NB_STRING(NB_ISA),           nb_span,        NB_NAME(nb_single_, NB_ISA),
                                               NB_NAME(nb_traced_, NB_ISA), nb_pixel_omega, nb_multiply_adds};
