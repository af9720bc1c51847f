/* From a place on the detector to a direction, and what the place does to a photon (spec section 2). */
#ifndef NANOBRAGG_GEOMETRY_H
#define NANOBRAGG_GEOMETRY_H

#include "maths.h"
#include "scene.h"
#include "vec3.h"

/* One row of a panel in one lab coordinate; a struct by value, so that its parts stay in registers. */
typedef struct {
    double fast, slow, deep, corner;
} nb_row;

/* Coordinate x of the row at `slow` along the slow axis and `depth` below the surface. */
NB_INLINE nb_row nb_row_at(const nb_panel *p, int x, double slow, double depth)
{
    const nb_row row = {p->fast[x], slow * p->slow[x], depth * p->normal[x], p->pix0[x]};
    return row;
}

/* Lab coordinate (m) of its point `fast` along the fast axis; summed in the C program's order. */
NB_INLINE double nb_coordinate(nb_row row, double fast)
{
    return fast * row.fast + row.slow + row.deep + row.corner;
}

/* The same on a detector that is bent so that all of it is at one distance. */
NB_INLINE void nb_bend(const nb_panel *p, double *position)
{
    double straight[3], turned[3];
    const double first = (nb_dot(p->along[0], position) - p->start[0]) / p->distance;
    const double second = (nb_dot(p->along[1], position) - p->start[1]) / p->distance;
    for (int i = 0; i < 3; ++i)
        straight[i] = p->distance * p->beam[i];
    nb_rotate_about(straight, p->axis[0], first, turned);
    nb_rotate_about(turned, p->axis[1], second, position);
}

/* Solid angle of a pixel at distance r: its area seen at the obliquity close_distance/r, as area * per_r^3 with
 * area = pixel^2 close_distance; a point pixel (area 0): 1/r^2. */
NB_INLINE double nb_solid_angle(double area, double per_r)
{
    return (area != 0.0 ? area * per_r : 1.0) * per_r * per_r;
}

/* Share of the photons that sensor layer `layer` absorbs, entering at a cosine `rho` to the normal. */
NB_INLINE double nb_capture(const nb_scene *s, int layer, double rho)
{
    const double depth = s->layer * s->mu / rho;
    return nb_exp(-layer * depth) - nb_exp(-(layer + 1) * depth);
}

#endif
