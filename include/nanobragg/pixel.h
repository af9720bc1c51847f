/* One term of a pixel: one orientation of the lattice seen along one scattering vector (spec section 5).
 * Everything that renders or explains a pixel calls nb_term. */
#ifndef NANOBRAGG_PIXEL_H
#define NANOBRAGG_PIXEL_H

#include "amplitude.h"
#include "lattice.h"
#include "scene.h"

typedef struct {
    double h[3];                /* fractional index */
    int nearest[3];             /* the reflection next to it */
    nb_offset offset[3];        /* from there */
    nb_real above[3], below[3]; /* square: sin^2(pi N delta), sin^2(pi delta) */
    double radius_sqr;          /* other shapes */
    nb_real lattice_sqr;        /* F_latt^2 */
    int interpolated;           /* whether F_cell lies between reflections */
    nb_real amplitude;          /* F_cell */
} nb_term_values;

/* Index along q (1/m) for one set of cell vectors a, b, c (m). */
NB_INLINE void nb_term_index(const double *cell, double qx, double qy, double qz, nb_term_values *v)
{
    for (int i = 0; i < 3; ++i) {
        v->h[i] = cell[3 * i] * qx + cell[3 * i + 1] * qy + cell[3 * i + 2] * qz;
        nb_split(v->h[i], &v->nearest[i], &v->offset[i]);
    }
}

NB_INLINE void nb_term_lattice(const nb_scene *s, enum nb_shape shape, nb_term_values *v)
{
    if (shape == NB_SQUARE) {
        for (int i = 0; i < 3; ++i)
            nb_grating(v->offset[i], s->n[i], &v->above[i], &v->below[i]);
        v->lattice_sqr = v->above[0] * v->above[1] * v->above[2] / (v->below[0] * v->below[1] * v->below[2]);
    } else {
        v->radius_sqr = nb_radius_sqr(s->metric, v->offset[0], v->offset[1], v->offset[2]);
        v->lattice_sqr = (nb_real)nb_radial_sqr(shape, v->radius_sqr, s->n[0] * s->n[1] * s->n[2]);
    }
}

NB_INLINE void nb_term_amplitude(const nb_table *t, enum nb_lookup lookup, nb_term_values *v)
{
    v->interpolated = 0;
    if (lookup == NB_CONSTANT) {
        v->amplitude = (nb_real)t->constant;
    } else if (lookup == NB_NEAREST) {
        const int place = nb_closest_place(t, v->nearest[0], v->nearest[1], v->nearest[2]);
        v->amplitude = ((const nb_entry *)t->values)[place];
    } else {
        const nb_neighbours around = nb_find_neighbours(t, v->h[0], v->h[1], v->h[2], v->nearest[0], v->nearest[1],
                                                        v->nearest[2]);
        v->interpolated = around.inside;
        v->amplitude = nb_amplitude_tricubic(t, around);
    }
}

/* F_cell^2 F_latt^2, with the steps to it in `v`. */
NB_INLINE nb_real nb_term(const nb_scene *s, const nb_table *t, enum nb_shape shape, enum nb_lookup lookup,
                          const double *cell, double qx, double qy, double qz, nb_term_values *v)
{
    nb_term_index(cell, qx, qy, qz, v);
    nb_term_lattice(s, shape, v);
    nb_term_amplitude(t, lookup, v);
    return v->amplitude * v->amplitude * v->lattice_sqr;
}

#endif
