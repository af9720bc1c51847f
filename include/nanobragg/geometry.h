/* Position on the detector to direction, solid angle and absorbed fraction (docs/geometry.md, Pixel positions). */
#ifndef NANOBRAGG_GEOMETRY_H
#define NANOBRAGG_GEOMETRY_H

#include "maths.h"
#include "scene.h"
#include "vec3.h"

namespace nb::NB_ISA {

/* One row of a panel in one lab coordinate; a struct by value, so that its parts stay in registers. */
struct Row {
    double fast, slow, deep, corner;
};

/* Coordinate x of the row at `slow` along the slow axis and `depth` below the surface. */
NB_INLINE Row row_at(const Panel &p, int x, double slow, double depth)
{
    return {p.fast[x], slow * p.slow[x], depth * p.normal[x], p.pix0[x]};
}

/* Lab coordinate (m) of its point `fast` along the fast axis; summed in the C program's order. */
NB_INLINE double coordinate(const Row row, double fast)
{
    return fast * row.fast + row.slow + row.deep + row.corner;
}

/* Move a point of the panel's plane to where the curved panel has it, at `distance` from the sample. */
NB_INLINE void bend(const Panel &p, double *position)
{
    double straight[3], turned[3];
    const double first = (dot(p.along[0], position) - p.start[0]) / p.distance;
    const double second = (dot(p.along[1], position) - p.start[1]) / p.distance;
    for (int i = 0; i < 3; ++i)
        straight[i] = p.distance * p.beam[i];
    rotate_about(straight, p.axis[0], first, turned);
    rotate_about(turned, p.axis[1], second, position);
}

/* Solid angle of a pixel at distance r: its area seen at the obliquity close_distance/r, as area * per_r^3 with
 * area = pixel^2 close_distance; a point pixel (area 0): 1/r^2. */
NB_INLINE double solid_angle(double area, double per_r)
{
    return (area != 0.0 ? area * per_r : 1.0) * per_r * per_r;
}

NB_INLINE double area_of(const Scene &s, const Panel &p)
{
    return s.point_pixel ? 0.0 : p.pixel * p.pixel * p.close_distance;
}

/* Fraction of the photons that sensor layer `layer` absorbs, entering at a cosine `rho` to the normal. */
NB_INLINE double absorbed_fraction(const Scene &s, int layer, double rho)
{
    const double depth = s.layer * s.mu / rho;
    return bounded_exp(-layer * depth) - bounded_exp(-(layer + 1) * depth);
}

/* Share of the photons along a ray, a unit vector, that the beamstop lets through. */
NB_INLINE double passed_fraction(const Scene &s, double x, double y, double z)
{
    const double cosine = x * s.beamstop[0] + y * s.beamstop[1] + z * s.beamstop[2];
    return cosine >= s.beamstop_cosine ? s.beamstop_passes : 1.0;
}

/* The ray from the sample to a place, the solid angle of a pixel there, and the inverse of the distance. */
struct Ray {
    double x, y, z, omega, per_r;
};

/* `exact`: quotients rounded as divisions are. */
template <bool exact> NB_INLINE Ray ray_to(double area, double x, double y, double z)
{
    const double r = sqrt(x * x + y * y + z * z), per_r = 1.0 / r, omega = solid_angle(area, per_r);
    return {divide<exact>(x, r, per_r), divide<exact>(y, r, per_r), divide<exact>(z, r, per_r), omega, per_r};
}

/* A row of a panel in all three coordinates. */
struct PanelRow {
    Row x, y, z;
};

NB_INLINE PanelRow panel_row_at(const Panel &p, double slow, double depth)
{
    return {row_at(p, 0, slow, depth), row_at(p, 1, slow, depth), row_at(p, 2, slow, depth)};
}

/* Lab position (m) of the point `fast` along a row. */
NB_INLINE void find_position(const Scene &s, const Panel &p, const PanelRow &row, double fast, double *position)
{
    position[0] = coordinate(row.x, fast);
    position[1] = coordinate(row.y, fast);
    position[2] = coordinate(row.z, fast);
    if (s.curved)
        bend(p, position);
}

/* Distance (m) along an axis of the middle of sub-pixel `part` of a pixel. */
NB_INLINE double sub_pixel_at(const Scene &s, const Panel &p, int pixel, int part)
{
    const double step = p.pixel / s.oversample;
    return step * (pixel * s.oversample + part) + step / 2.0;
}

} // namespace nb::NB_ISA

#endif
