/* The terms of a span of pixels, one a lane, for a set of orientations: a function for each shape and lookup.
 * kernel.c compiles them in double precision, floats.c once more for a table of floats, single.c in single precision;
 * each says how its table is called, NB_CELLS. */
#ifndef NANOBRAGG_CELLS_H
#define NANOBRAGG_CELLS_H

#include "kernel.h"
#include "pixel.h"
#include "record.h"

#define NB_LANES NB_SPAN_PIXELS
#define NB_PADDING 16     /* lanes come in whole vectors: a pixel's bits do not depend on its neighbours' number */

struct nb_lanes {
    double d[3][NB_LANES];                     /* direction of the scattered ray */
    double q[3][NB_LANES];                     /* scattering vector, 1/m */
    double omega[NB_LANES], polar[NB_LANES], capture[NB_LANES];
    double live[NB_LANES];                     /* 0 where d_min leaves the term out, else 1 */
    double around[NB_LANES];                   /* water and amorphous material */
    double sum[NB_LANES], total[NB_LANES];     /* over orientations; over everything */
    nb_recorder *recorder;                     /* of a trace, which has one lane */
};

#define NB_DEFINE_CELLS(name, shape, lookup)                                                                          \
    static void name(const nb_scene *s, const nb_table *table, const double *cells, int n_cells,                      \
                     const nb_lanes *lanes, double *sum, int n)                                                       \
    {                                                                                                                 \
        for (int c = 0; c < n_cells; ++c) {                                                                           \
            double cell[9];                                                                                           \
            memcpy(cell, cells + 9 * c, sizeof cell);                                                                 \
            NB_SIMD for (int i = 0; i < n; ++i)                                                                       \
            {                                                                                                         \
                nb_term_values v = {0};                                                                               \
                sum[i] += nb_term(s, table, shape, lookup, cell, lanes->q[0][i], lanes->q[1][i], lanes->q[2][i], &v); \
                NB_RECORD(nb_record_added(lanes->recorder, cells + 9 * c, &v, sum[i]))                                \
            }                                                                                                         \
        }                                                                                                             \
    }

/* nb_neighbours of every lane. */
typedef struct {
    int inside[NB_LANES], place[NB_LANES];
    nb_entry h[4][NB_LANES], k[4][NB_LANES], l[4][NB_LANES];
} nb_neighbourhoods;

NB_INLINE void nb_keep_weights(nb_entry (*weights)[NB_LANES], nb_cubic c, int i)
{
    weights[0][i] = c.w0;
    weights[1][i] = c.w1;
    weights[2][i] = c.w2;
    weights[3][i] = c.w3;
}

NB_INLINE void nb_keep_neighbours(nb_neighbourhoods *all, nb_neighbours n, int i)
{
    all->inside[i] = n.inside;
    all->place[i] = n.place;
    nb_keep_weights(all->h, n.h, i);
    nb_keep_weights(all->k, n.k, i);
    nb_keep_weights(all->l, n.l, i);
}

NB_INLINE nb_cubic nb_kept_weights(nb_entry (*weights)[NB_LANES], int i)
{
    const nb_cubic c = {weights[0][i], weights[1][i], weights[2][i], weights[3][i]};
    return c;
}

NB_INLINE nb_neighbours nb_kept_neighbours(nb_neighbourhoods *all, int i)
{
    const nb_neighbours n = {all->inside[i], all->place[i], nb_kept_weights(all->h, i), nb_kept_weights(all->k, i),
                             nb_kept_weights(all->l, i)};
    return n;
}

/* The same in two passes: 64 look-ups a term keep the amplitude out of the vector lanes. */
#define NB_DEFINE_TRICUBIC_CELLS(name, shape)                                                                        \
    static void name(const nb_scene *s, const nb_table *table, const double *cells, int n_cells,                     \
                     const nb_lanes *lanes, double *sum, int n)                                                      \
    {                                                                                                                \
        nb_real lattice[NB_LANES];                                                                                   \
        nb_neighbourhoods around;                                                                                    \
        for (int c = 0; c < n_cells; ++c) {                                                                          \
            double cell[9];                                                                                          \
            memcpy(cell, cells + 9 * c, sizeof cell);                                                                \
            NB_SIMD for (int i = 0; i < n; ++i)                                                                      \
            {                                                                                                        \
                nb_term_values v = {0};                                                                              \
                nb_term_index(cell, lanes->q[0][i], lanes->q[1][i], lanes->q[2][i], &v);                             \
                nb_term_lattice(s, shape, &v);                                                                       \
                lattice[i] = v.lattice_sqr;                                                                          \
                nb_keep_neighbours(                                                                                  \
                    &around,                                                                                         \
                    nb_find_neighbours(table, v.h[0], v.h[1], v.h[2], v.nearest[0], v.nearest[1], v.nearest[2]), i); \
            }                                                                                                        \
            for (int i = 0; i < n; ++i) {                                                                            \
                const nb_real amplitude = nb_amplitude_tricubic(table, nb_kept_neighbours(&around, i));              \
                sum[i] += amplitude * amplitude * lattice[i];                                                        \
                NB_RECORD(nb_term_values v = {0}; nb_term(s, table, shape, NB_TRICUBIC, cell, lanes->q[0][i],        \
                                                          lanes->q[1][i], lanes->q[2][i], &v);                       \
                          nb_record_added(lanes->recorder, cells + 9 * c, &v, sum[i]))                               \
            }                                                                                                        \
        }                                                                                                            \
    }

NB_DEFINE_CELLS(nb_cells_square_constant, NB_SQUARE, NB_CONSTANT)
NB_DEFINE_CELLS(nb_cells_square_nearest, NB_SQUARE, NB_NEAREST)
NB_DEFINE_TRICUBIC_CELLS(nb_cells_square_tricubic, NB_SQUARE)

extern nb_cells_table NB_CELLS;

#if defined(NB_SINGLE) /* the others are as fast in double precision (docs/performance.md) */

nb_cells_table NB_CELLS = {{nb_cells_square_constant, nb_cells_square_nearest, nb_cells_square_tricubic}};

#else

NB_DEFINE_CELLS(nb_cells_round_constant, NB_ROUND, NB_CONSTANT)
NB_DEFINE_CELLS(nb_cells_round_nearest, NB_ROUND, NB_NEAREST)
NB_DEFINE_TRICUBIC_CELLS(nb_cells_round_tricubic, NB_ROUND)
NB_DEFINE_CELLS(nb_cells_gauss_constant, NB_GAUSS, NB_CONSTANT)
NB_DEFINE_CELLS(nb_cells_gauss_nearest, NB_GAUSS, NB_NEAREST)
NB_DEFINE_TRICUBIC_CELLS(nb_cells_gauss_tricubic, NB_GAUSS)
NB_DEFINE_CELLS(nb_cells_tophat_constant, NB_TOPHAT, NB_CONSTANT)
NB_DEFINE_CELLS(nb_cells_tophat_nearest, NB_TOPHAT, NB_NEAREST)
NB_DEFINE_TRICUBIC_CELLS(nb_cells_tophat_tricubic, NB_TOPHAT)

nb_cells_table NB_CELLS = {
    {nb_cells_square_constant, nb_cells_square_nearest, nb_cells_square_tricubic},
    {nb_cells_round_constant, nb_cells_round_nearest, nb_cells_round_tricubic},
    {nb_cells_gauss_constant, nb_cells_gauss_nearest, nb_cells_gauss_tricubic},
    {nb_cells_tophat_constant, nb_cells_tophat_nearest, nb_cells_tophat_tricubic},
};

#endif

#endif
