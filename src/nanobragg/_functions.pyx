# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Single functions of the kernel (include/nanobragg/*.h) as arrays, to set beside those of the C program.

Arguments are contiguous float64 arrays of one length n, vectors of shape (n, 3).
"""

from libc.math cimport sqrt

import numpy as np


cdef extern from "nanobragg/lattice.h" nogil:
    void nb_grating(double d, double n, double *above, double *below)
    double nb_nearest(double x)
    double nb_sphere_sqr(double r)

cdef extern from "nanobragg/polarization.h" nogil:
    double nb_polarization(double kahn, double cos_2theta, double along_e, double along_b)

cdef extern from "nanobragg/vec3.h" nogil:
    double nb_dot(const double *a, const double *b)
    void nb_rotate_about(const double *v, const double *axis, double angle, double *out)

cdef extern from "nanobragg/amplitude.h" nogil:
    ctypedef struct nb_table:
        const void *values
        int[3] low
        int[3] high
        int stride_h
        int stride_k
        double constant
    ctypedef struct nb_cubic:
        pass
    nb_cubic nb_cubic_weights(double t)
    double nb_cubic_sum(const double *row, nb_cubic c)
    ctypedef struct nb_neighbours:
        pass
    nb_neighbours nb_find_neighbours(const nb_table *t, double h, double k, double l, int nh, int nk, int nl)
    double nb_amplitude_tricubic(const nb_table *t, nb_neighbours n)


def grating_sqr(const double[::1] index, const double[::1] n):
    """sin²(πNh)/sin²(πh) of Miller indices h and whole numbers of cells N."""
    out = np.empty(index.shape[0])
    cdef double[::1] values = out
    cdef double above, below
    cdef Py_ssize_t i
    with nogil:
        for i in range(index.shape[0]):
            nb_grating(index[i] - nb_nearest(index[i]), n[i], &above, &below)
            values[i] = above / below
    return out


def sphere_sqr(const double[::1] radius):
    """[3 (sin x/x - cos x)/x²]² at x = π·radius."""
    out = np.empty(radius.shape[0])
    cdef double[::1] values = out
    cdef Py_ssize_t i
    with nogil:
        for i in range(radius.shape[0]):
            values[i] = nb_sphere_sqr(radius[i])
    return out


cdef inline void cross(const double *a, const double *b, double *out) noexcept nogil:
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


cdef inline void normalise(double *v) noexcept nogil:
    cdef double length = sqrt(nb_dot(v, v))
    cdef int i
    for i in range(3):
        v[i] /= length


def polarization(
    const double[::1] kahn, const double[:, ::1] incident, const double[:, ::1] diffracted, const double[:, ::1] axis
):
    """Polarization factor of rays of any length, for an E-vector as close to `axis` as the beam allows."""
    out = np.empty(kahn.shape[0])
    cdef double[::1] values = out
    cdef double[3] beam
    cdef double[3] ray
    cdef double[3] e
    cdef double[3] b
    cdef Py_ssize_t i
    cdef int j
    with nogil:
        for i in range(kahn.shape[0]):
            for j in range(3):
                beam[j] = incident[i, j]
                ray[j] = diffracted[i, j]
            normalise(beam)
            normalise(ray)
            cross(&axis[i, 0], beam, b)
            normalise(b)
            cross(beam, b, e)
            values[i] = nb_polarization(kahn[i], nb_dot(beam, ray), nb_dot(ray, e), nb_dot(ray, b))
    return out


def rotate_about(const double[:, ::1] vector, const double[:, ::1] axis, const double[::1] angle):
    """Vectors rotated about unit axes by angles (radians)."""
    out = np.empty((vector.shape[0], 3))
    cdef double[:, ::1] turned = out
    cdef Py_ssize_t i
    with nogil:
        for i in range(vector.shape[0]):
            nb_rotate_about(&vector[i, 0], &axis[i, 0], angle[i], &turned[i, 0])
    return out


def cubic(const double[:, ::1] values, const double[::1] t):
    """The cubic through values (n, 4) at -1, 0, 1, 2, at t in [0, 1]."""
    out = np.empty(t.shape[0])
    cdef double[::1] found = out
    cdef Py_ssize_t i
    with nogil:
        for i in range(t.shape[0]):
            found[i] = nb_cubic_sum(&values[i, 0], nb_cubic_weights(t[i]))
    return out


def tricubic(values, const double[:, ::1] at):
    """The tricubic through cubes of values (n, 4, 4, 4) at -1, 0, 1, 2 along each axis, at points (n, 3) in [0, 1)."""
    bordered = np.ascontiguousarray(np.pad(np.asarray(values, np.float64), [(0, 0), (2, 2), (2, 2), (2, 2)]))
    cdef const double[:, :, :, ::1] cubes = bordered
    out = np.empty(at.shape[0])
    cdef double[::1] found = out
    cdef nb_table table
    cdef Py_ssize_t i
    cdef int j
    with nogil:
        for j in range(3):
            table.low[j] = -3
            table.high[j] = 4
        table.stride_h, table.stride_k, table.constant = 64, 8, 0.0
        for i in range(at.shape[0]):
            table.values = &cubes[i, 0, 0, 0]
            found[i] = nb_amplitude_tricubic(&table, nb_find_neighbours(&table, at[i, 0], at[i, 1], at[i, 2], 0, 0, 0))
    return out
