/* How a pixel's photons change when its panel moves (docs/derivatives.md, How they are computed). */
#ifndef NANOBRAGG_PANEL_MOTION_H
#define NANOBRAGG_PANEL_MOTION_H

#include "geometry.h"

namespace nb::NB_ISA {

/* Sub-pixels of one layer: places of every lane along the axes, m. */
struct Place {
    int layer;
    double depth;
    const double *slow, *fast;
};

/* Derivatives by a shift of the panel, by a rotation about its corner, and by the distance of a curved detector;
 * without that of the solid angle by the panel's distance along its normal, which is the same for all pixels. */
struct Moved {
    Triple shift, turn;
    double bend;
};

/* Moves one panel at one place. */
class PanelMotion {
public:
    PanelMotion(const Scene &s, const Panel &p, const Place &place)
        : s(s), p(p), place(place), corner(triple(p.pix0)), normal(triple(p.normal)),
          fall_off(s.point_pixel ? 2.0 : 3.0)
    {
    }

    /* From the position, inverse distance and direction of the lane's ray, the derivative g by that direction, and the
     * pixel's total. */
    template <bool curved, bool sensor>
    NB_MEMBER Moved derivatives(int i, const Triple at, double per_r, const Triple d, const Triple g,
                                double total) const
    {
        const double by_rho = sensor ? total * log_capture_slope(dot(d, normal)) : 0.0;
        const Triple gd = sensor ? g + by_rho * normal : g;
        const double radial = dot(gd, d) + fall_off * total;
        const Triple force = per_r * (gd - radial * d);
        Moved moved = curved ? bent(i, at, force) : Moved{force, cross(at - corner, force), 0.0};
        if (sensor)
            moved.turn = moved.turn + by_rho * cross(normal, d);
        return moved;
    }

private:
    /* Derivative of the logarithm of the absorbed fraction by the cosine rho; 0 where nothing is absorbed. */
    NB_MEMBER double log_capture_slope(double rho) const
    {
        const double depth = s.layer * s.mu / rho, above = bounded_exp(-place.layer * depth),
                     below = bounded_exp(-(place.layer + 1) * depth), absorbed = above - below;
        const double slope = (place.layer * above - (place.layer + 1) * below) * depth / rho;
        return absorbed != 0.0 ? slope / absorbed : 0.0;
    }

    /* A point of a curved panel moves as its two angles and the axes of bending do. */
    Moved bent(int i, const Triple at, const Triple force) const
    {
        double flat[3], straight[3], half[3], angle[2], second[3], back[3];
        for (int x = 0; x < 3; ++x) {
            flat[x] = coordinate(row_at(p, x, place.slow[i], place.depth), place.fast[i]);
            straight[x] = p.distance * p.beam[x];
        }
        for (int k = 0; k < 2; ++k)
            angle[k] = (dot(p.along[k], flat) - p.start[k]) / p.distance;
        const double pulled[3] = {force.x, force.y, force.z};
        rotate_about(straight, p.axis[0], angle[0], half);
        rotate_about(p.axis[0], p.axis[1], angle[1], second); /* the first axis, where the second rotation takes it */
        rotate_about(pulled, p.axis[1], -angle[1], back);     /* the force before the second rotation */
        const Triple torque = cross(at, force);
        const double by_angle[2] = {dot(triple(second), torque), dot(triple(p.axis[1]), torque)};
        const Triple by_axis[2] = {by_rotation_axis(triple(straight), triple(p.axis[0]), angle[0], triple(back)),
                                   by_rotation_axis(triple(half), triple(p.axis[1]), angle[1], force)};
        Moved moved{{}, {}, dot(force, at) / p.distance};
        for (int k = 0; k < 2; ++k) {
            const Triple along = triple(p.along[k]), from = corner - p.distance * triple(p.beam);
            moved.shift = moved.shift + by_angle[k] / p.distance * along;
            moved.turn = moved.turn + by_angle[k] / p.distance * cross(along, from)
                       + axis_torque(along, triple(p.axis[k]), by_axis[k]);
            moved.bend -= by_angle[k] * dot(along, triple(flat)) / (p.distance * p.distance);
        }
        return moved;
    }

    /* Derivative of `force . rotate_about(v, axis, angle)` by the axis. */
    static Triple by_rotation_axis(const Triple v, const Triple axis, double angle, const Triple force)
    {
        const double versine = 1.0 - cos(angle);
        return versine * (dot(axis, v) * force + dot(axis, force) * v) + sin(angle) * cross(v, force);
    }

    /* From the derivative by the bending axis, unit(beam x along), to that by a rotation of `along`. */
    Triple axis_torque(const Triple along, const Triple axis, const Triple by_axis) const
    {
        const Triple beam = triple(p.beam), crossed = cross(beam, along);
        const double length = sqrt(dot(crossed, crossed));
        if (length == 0.0)
            return {};
        const Triple within = 1.0 / length * (by_axis - dot(by_axis, axis) * axis);
        return cross(along, cross(within, beam)); /* within . (beam x change) is change . (within x beam) */
    }

    const Scene &s;
    const Panel &p;
    const Place &place;
    const Triple corner, normal;
    const double fall_off;
};

} // namespace nb::NB_ISA

#endif
