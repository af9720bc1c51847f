/* A kernel's terms once more, in single precision: the same source, options and instruction set as kernel.c. */
#define NB_SINGLE
#include "nanobragg/names.h"
#define NB_CELLS NB_OF_ISA(nb_single_)
#include "nanobragg/cells.h"
