/* The kernel once more, in single precision: the same source, options and instruction set as kernel.c. */
#define NB_SINGLE
#include "nanobragg/names.h"
#include "nanobragg/span.h"

nb_span_fn NB_OF_ISA(nb_single_);

void NB_OF_ISA(nb_single_)(const nb_scene *s, const nb_panel *p, int slow, const int *fast, int n, nb_state *state,
                           double *photons)
{
    nb_span(s, p, slow, fast, n, state, photons);
}
