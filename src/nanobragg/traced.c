/* The kernel once more, with a recorder: the same source, options and instruction set as kernel.c. */
#define NB_TRACE
#include "nanobragg/span.h"

#define NB_PASTE(a, b) a##b
#define NB_NAME(a, b) NB_PASTE(a, b)

nb_span_fn NB_NAME(nb_traced_, NB_ISA);

void NB_NAME(nb_traced_, NB_ISA)(const nb_scene *s, const nb_panel *p, int slow, const int *fast, int n,
                                 nb_state *state, double *photons)
{
    nb_span(s, p, slow, fast, n, state, photons);
}
