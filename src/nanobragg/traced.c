/* The kernel once more, with a recorder: the same source, options and instruction set as kernel.c. */
#define NB_TRACE
#include "nanobragg/names.h"
#define NB_CELLS NB_OF_ISA(nb_traced_cells_)
#include "nanobragg/span.h"

nb_span_fn NB_OF_ISA(nb_traced_);

void NB_OF_ISA(nb_traced_)(const nb_scene *s, const nb_panel *p, int slow, const int *fast, int n, nb_state *state,
                           double *photons)
{
    state->cells = &NB_CELLS;
    nb_span(s, p, slow, fast, n, state, photons);
}
