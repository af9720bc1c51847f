/* What is to be made of the primitives of some pixels. */
#ifndef NANOBRAGG_GRADIENT_TASK_H
#define NANOBRAGG_GRADIENT_TASK_H

#include "likelihood.h"
#include "primitives.h"

namespace nb {

enum Aim {
    IMAGES,   /* sums of rows with given factors, for every pixel */
    PRODUCTS, /* sums of every row over the pixels, each with its number in `vector` */
    LOSS,     /* the loss, and every row's sum with the slopes of the loss */
    EQUATIONS /* the same with the matrix of the rows' products, weighted by the Fisher information */
};

/* Rows are the primitives and, behind them, `n_extra` given ones. */
struct GradientTask {
    int aim, precision;
    int slow, fast;        /* pixels of a panel */
    const int64_t *pixels; /* their places in the flat image, rising */
    int64_t n_pixels;
    const volatile int *stop;
    const double *extra; /* every given row, with a number for each pixel */
    int n_extra;

    const double *factors; /* IMAGES: of all rows, for each panel and image */
    int n_images, single; /* `single`: floats */
    void *images;
    int64_t image_stride;

    const double *vector; /* PRODUCTS */

    Noise noise;          /* LOSS, EQUATIONS */
    const double *data, *weights,
        *background; /* of every pixel; NULL: no weights, nothing added to the expected photons */
    double *slopes; /* of every pixel; NULL: not wanted */
    const int *used; /* EQUATIONS: numbers of the rows that matter */
    int n_used;
};

/* Numbers that a task adds up: PRODUCTS, one for each row; LOSS, loss, chi squared, then one for each row; EQUATIONS,
 * these, then the lower triangle of the matrix of the used rows, by whole rows. */
static inline int64_t sums_of(const GradientTask &task)
{
    const int rows = PRIMITIVES + task.n_extra;
    return task.aim == IMAGES   ? 0
         : task.aim == PRODUCTS ? rows
         : task.aim == LOSS     ? 2 + rows
                                : 2 + rows + (int64_t)task.n_used * task.n_used;
}

} // namespace nb

#endif
