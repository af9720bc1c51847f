/* Structure factor at an index: a constant, the nearest reflection, or tricubic between reflections. */
#ifndef NANOBRAGG_AMPLITUDE_H
#define NANOBRAGG_AMPLITUDE_H

#include "maths.h"

enum nb_lookup { NB_CONSTANT, NB_NEAREST, NB_TRICUBIC, NB_LOOKUPS };

/* Dense amplitudes with a border one reflection wide that holds the default. */
typedef struct {
    const double *values;
    double low[3], high[3]; /* indices of the border planes */
    double stride_h, stride_k;
    double constant; /* the default, used without a table */
} nb_table;

static inline double nb_table_at(const nb_table *t, double h, double k, double l)
{
    return t->values[(int)((h - t->low[0]) * t->stride_h + (k - t->low[1]) * t->stride_k + (l - t->low[2]))];
}

/* h0 k0 l0 whole; anything outside the table meets the border. */
static inline double nb_amplitude_nearest(const nb_table *t, double h0, double k0, double l0)
{
    return nb_table_at(t, nb_clamp(h0, t->low[0], t->high[0]), nb_clamp(k0, t->low[1], t->high[1]),
                       nb_clamp(l0, t->low[2], t->high[2]));
}

/* Whether the four reflections around h along each axis are all in the table (its border is one wider). */
static inline int nb_can_interpolate(const nb_table *t, double h, double k, double l)
{
    return !((h < t->low[0] + 3.0) | (h > t->high[0] - 3.0) | (k < t->low[1] + 3.0) | (k > t->high[1] - 3.0)
             | (l < t->low[2] + 3.0) | (l > t->high[2] - 3.0));
}

/* Weights of the points -1, 0, 1, 2 in the cubic through them, at t in [0, 1] (Lagrange). */
static inline void nb_cubic_weights(double t, double *w)
{
    w[0] = t * (t - 1.0) * (t - 2.0) / -6.0;
    w[1] = (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0;
    w[2] = (t + 1.0) * t * (t - 2.0) / -2.0;
    w[3] = (t + 1.0) * t * (t - 1.0) / 6.0;
}

/* Only where nb_can_interpolate holds is the value meant; elsewhere it is read from inside the table all the same. */
static inline double nb_amplitude_tricubic(const nb_table *t, double h, double k, double l)
{
    const double h1 = nb_clamp(nb_floor(h), t->low[0] + 1.0, t->high[0] - 2.0);
    const double k1 = nb_clamp(nb_floor(k), t->low[1] + 1.0, t->high[1] - 2.0);
    const double l1 = nb_clamp(nb_floor(l), t->low[2] + 1.0, t->high[2] - 2.0);
    const double *corner = t->values
                         + (int)((h1 - 1.0 - t->low[0]) * t->stride_h + (k1 - 1.0 - t->low[1]) * t->stride_k
                                 + (l1 - 1.0 - t->low[2]));
    const int step_h = (int)t->stride_h, step_k = (int)t->stride_k;
    double wh[4], wk[4], wl[4], value = 0.0;
    nb_cubic_weights(h - h1, wh);
    nb_cubic_weights(k - k1, wk);
    nb_cubic_weights(l - l1, wl);
    for (int i = 0; i < 4; ++i) {
        double plane = 0.0;
        for (int j = 0; j < 4; ++j) {
            const double *row = corner + i * step_h + j * step_k;
            plane += wk[j] * (row[0] * wl[0] + row[1] * wl[1] + row[2] * wl[2] + row[3] * wl[3]);
        }
        value += wh[i] * plane;
    }
    return value;
}

#endif
