/* Three-vectors as plain arrays of three doubles, and the few operations the physics needs. */
#ifndef NANOBRAGG_VEC3_H
#define NANOBRAGG_VEC3_H

#include "compiler.h"

namespace nb::NB_ISA {

NB_INLINE double dot(const double *a, const double *b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

NB_INLINE double length(const double *a)
{
    return sqrt(dot(a, a));
}

NB_INLINE void cross(const double *a, const double *b, double *c)
{
    c[0] = a[1] * b[2] - a[2] * b[1];
    c[1] = a[2] * b[0] - a[0] * b[2];
    c[2] = a[0] * b[1] - a[1] * b[0];
}

/* Rotate v about the unit vector `axis` by `angle` (rad), right-handed (Rodrigues). */
NB_INLINE void rotate_about(const double *v, const double *axis, double angle, double *out)
{
    const double c = cos(angle), s = sin(angle), along = dot(axis, v) * (1.0 - c);
    const double x = axis[0] * along + v[0] * c + (axis[1] * v[2] - axis[2] * v[1]) * s;
    const double y = axis[1] * along + v[1] * c + (axis[2] * v[0] - axis[0] * v[2]) * s;
    const double z = axis[2] * along + v[2] * c + (axis[0] * v[1] - axis[1] * v[0]) * s;
    out[0] = x;
    out[1] = y;
    out[2] = z;
}

/* The same by value, for loops over vector lanes: its parts stay in registers. */
struct Triple {
    double x, y, z;
};

NB_INLINE Triple triple(const double *v)
{
    return {v[0], v[1], v[2]};
}

NB_INLINE Triple operator+(const Triple a, const Triple b)
{
    return {a.x + b.x, a.y + b.y, a.z + b.z};
}

NB_INLINE Triple operator-(const Triple a, const Triple b)
{
    return {a.x - b.x, a.y - b.y, a.z - b.z};
}

NB_INLINE Triple operator*(double factor, const Triple v)
{
    return {factor * v.x, factor * v.y, factor * v.z};
}

NB_INLINE double dot(const Triple a, const Triple b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

NB_INLINE Triple cross(const Triple a, const Triple b)
{
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

} // namespace nb::NB_ISA

#endif
