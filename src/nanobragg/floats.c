/* A kernel's terms once more, with a table of floats: the same source, options and instruction set as kernel.c. */
#define NB_FLOAT_TABLE
#include "nanobragg/names.h"
#define NB_CELLS NB_OF_ISA(nb_floats_)
#include "nanobragg/cells.h"
