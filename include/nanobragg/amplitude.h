/* Structure factor at an index: a constant, the nearest reflection, or tricubic between reflections. */
#ifndef NANOBRAGG_AMPLITUDE_H
#define NANOBRAGG_AMPLITUDE_H

#include "maths.h"

enum nb_lookup { NB_CONSTANT, NB_NEAREST, NB_TRICUBIC, NB_LOOKUPS };

/* Dense amplitudes with a border one reflection wide that holds the default. */
typedef struct {
    const void *values;  /* of nb_real */
    int low[3], high[3]; /* indices of the border planes */
    int stride_h, stride_k;
    double constant; /* the default, used without a table */
} nb_table;

static inline int nb_table_place(const nb_table *t, int h, int k, int l)
{
    return (h - t->low[0]) * t->stride_h + (k - t->low[1]) * t->stride_k + (l - t->low[2]);
}

/* Anything outside the table meets the border. */
static inline nb_real nb_amplitude_nearest(const nb_table *t, const int *hkl)
{
    const nb_real *values = (const nb_real *)t->values;
    return values[nb_table_place(t, nb_clamp(hkl[0], t->low[0], t->high[0]), nb_clamp(hkl[1], t->low[1], t->high[1]),
                                 nb_clamp(hkl[2], t->low[2], t->high[2]))];
}

/* Whether the four reflections around h along each axis are all in the table (its border is one wider). */
static inline int nb_can_interpolate(const nb_table *t, const double *h)
{
    return !((h[0] < t->low[0] + 3) | (h[0] > t->high[0] - 3) | (h[1] < t->low[1] + 3) | (h[1] > t->high[1] - 3)
             | (h[2] < t->low[2] + 3) | (h[2] > t->high[2] - 3));
}

/* Weights of the points -1, 0, 1, 2 in the cubic through them, at t in [0, 1] (Lagrange). */
static inline void nb_cubic_weights(nb_real t, nb_real *w)
{
    const nb_real down = t - 1, further = t - 2, up = t + 1;
    w[0] = t * down * further * (nb_real)(-1.0 / 6.0);
    w[1] = up * down * further * (nb_real)0.5;
    w[2] = up * t * further * (nb_real)-0.5;
    w[3] = up * t * down * (nb_real)(1.0 / 6.0);
}

/* Only where nb_can_interpolate holds is the value meant; elsewhere it is read from inside the table all the same. */
static inline nb_real nb_amplitude_tricubic(const nb_table *t, const double *h)
{
    nb_real w[3][4], value = 0;
    int base[3];
    for (int x = 0; x < 3; ++x) {
        base[x] = nb_clamp((int)nb_floor(h[x]), t->low[x] + 1, t->high[x] - 2);
        nb_cubic_weights((nb_real)(h[x] - base[x]), w[x]);
    }
    const nb_real *corner = (const nb_real *)t->values + nb_table_place(t, base[0] - 1, base[1] - 1, base[2] - 1);
    for (int i = 0; i < 4; ++i) {
        nb_real plane = 0;
        for (int j = 0; j < 4; ++j) {
            const nb_real *row = corner + i * t->stride_h + j * t->stride_k;
            plane += w[1][j] * (row[0] * w[2][0] + row[1] * w[2][1] + row[2] * w[2][2] + row[3] * w[2][3]);
        }
        value += w[0][i] * plane;
    }
    return value;
}

#endif
