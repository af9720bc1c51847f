/* Structure factor at an index: a constant, the nearest reflection, or tricubic between reflections. */
#ifndef NANOBRAGG_AMPLITUDE_H
#define NANOBRAGG_AMPLITUDE_H

#include "maths.h"

enum nb_lookup { NB_CONSTANT, NB_NEAREST, NB_TRICUBIC, NB_LOOKUPS };

/* Of the table, and what is computed from several. */
#if defined(NB_SINGLE) || defined(NB_FLOAT_TABLE)
typedef float nb_entry;
#else
typedef double nb_entry;
#endif

/* Dense amplitudes with a border one reflection wide that holds the default. */
typedef struct {
    const void *values;  /* of nb_entry */
    int low[3], high[3]; /* indices of the border planes */
    int stride_h, stride_k;
    double constant; /* the default, used without a table */
} nb_table;

NB_INLINE int nb_table_place(const nb_table *t, int h, int k, int l)
{
    return (h - t->low[0]) * t->stride_h + (k - t->low[1]) * t->stride_k + (l - t->low[2]);
}

/* Anything outside the table meets the border. */
NB_INLINE int nb_closest_place(const nb_table *t, int h, int k, int l)
{
    return nb_table_place(t, nb_clamp(h, t->low[0], t->high[0]), nb_clamp(k, t->low[1], t->high[1]),
                          nb_clamp(l, t->low[2], t->high[2]));
}

/* Whether the four reflections around h along each axis are all in the table (its border is one wider). */
NB_INLINE int nb_can_interpolate(const nb_table *t, double h, double k, double l)
{
    return !((h < t->low[0] + 3) | (h > t->high[0] - 3) | (k < t->low[1] + 3) | (k > t->high[1] - 3)
             | (l < t->low[2] + 3) | (l > t->high[2] - 3));
}

/* Weights of the points -1, 0, 1, 2 in the cubic through them, at t in [0, 1] (Lagrange). */
typedef struct {
    nb_entry w0, w1, w2, w3;
} nb_cubic;

NB_INLINE nb_cubic nb_cubic_weights(nb_entry t)
{
    const nb_entry down = t - 1, further = t - 2, up = t + 1;
    const nb_cubic c = {t * down * further * (nb_entry)(-1.0 / 6.0), up * down * further * (nb_entry)0.5,
                        up * t * further * (nb_entry)-0.5, up * t * down * (nb_entry)(1.0 / 6.0)};
    return c;
}

NB_INLINE nb_entry nb_cubic_sum(const nb_entry *row, nb_cubic c)
{
    return row[0] * c.w0 + row[1] * c.w1 + row[2] * c.w2 + row[3] * c.w3;
}

/* Adds w times the four neighbours along l, which lie side by side. */
NB_INLINE void nb_cubic_add(nb_entry *sums, nb_entry w, const nb_entry *row)
{
    _Pragma("omp simd") for (int i = 0; i < 4; ++i)
    {
        sums[i] += w * row[i];
    }
}

NB_INLINE void nb_cubic_add_plane(nb_entry *sums, nb_entry w, const nb_entry *corner, int stride, nb_cubic k)
{
    nb_cubic_add(sums, w * k.w0, corner);
    nb_cubic_add(sums, w * k.w1, corner + stride);
    nb_cubic_add(sums, w * k.w2, corner + 2 * stride);
    nb_cubic_add(sums, w * k.w3, corner + 3 * stride);
}

/* The reflections that an amplitude is made of: where in the table, and their weights along each axis. */
typedef struct {
    int inside; /* whether 64 of them, from `place` on; else the one at `place` alone */
    int place;
    nb_cubic h, k, l;
} nb_neighbours;

/* Those of the index h, k, l, whose nearest reflection is nh, nk, nl. */
NB_INLINE nb_neighbours nb_find_neighbours(const nb_table *t, double h, double k, double l, int nh, int nk, int nl)
{
    const double h0 = nb_floor(h), k0 = nb_floor(k), l0 = nb_floor(l);
    const int alone = nb_closest_place(t, nh, nk, nl);
    const int corner = nb_closest_place(t, (int)h0 - 1, (int)k0 - 1, (int)l0 - 1);
    const int inside = nb_can_interpolate(t, h, k, l);
    const nb_neighbours n = {inside, inside ? corner : alone, nb_cubic_weights((nb_entry)(h - h0)),
                             nb_cubic_weights((nb_entry)(k - k0)), nb_cubic_weights((nb_entry)(l - l0))};
    return n;
}

NB_INLINE nb_entry nb_amplitude_tricubic(const nb_table *t, nb_neighbours n)
{
    const nb_entry *corner = (const nb_entry *)t->values + n.place;
    nb_entry sums[4] = {0, 0, 0, 0};
    if (!n.inside)
        return corner[0];
    nb_cubic_add_plane(sums, n.h.w0, corner, t->stride_k, n.k);
    nb_cubic_add_plane(sums, n.h.w1, corner + t->stride_h, t->stride_k, n.k);
    nb_cubic_add_plane(sums, n.h.w2, corner + 2 * t->stride_h, t->stride_k, n.k);
    nb_cubic_add_plane(sums, n.h.w3, corner + 3 * t->stride_h, t->stride_k, n.k);
    return nb_cubic_sum(sums, n.l);
}

#endif
