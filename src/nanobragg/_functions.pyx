# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Functions of the kernel (include/nanobragg/) as arrays: shapes, geometry, and what is compared with the C program.

Arguments are contiguous float64 arrays of one length n, vectors of shape (n, 3).
"""

from libc.math cimport fabs, sqrt
from libcpp.vector cimport vector as growing

from ._scene cimport Crystal, Smear

from collections import namedtuple

import numpy as np


cdef extern from "nanobragg/shapes/by_number.h" namespace "nb::NB_ISA" nogil:
    ctypedef struct Slopes "nb::NB_ISA::Slopes<double>":
        double[3] offset
        double[3] n
    ctypedef struct ShapeFacts:
        const char *name
        bint separable
        bint single_precision
        bint follows_cell
        double reach
        double integral
    ShapeFacts shape_facts(int shape)
    void c_metric "nb::NB_ISA::shape_metric"(int, const double *, double, const double *, double *)
    double c_value "nb::NB_ISA::shape_value"(int, const Crystal &, const double *)
    Slopes c_slopes "nb::NB_ISA::shape_slopes"(int, const Crystal &, const double *)
    double c_envelope "nb::NB_ISA::shape_envelope"(int, const Crystal &, const double *)
    double c_section "nb::NB_ISA::shape_section"(int, double)
    double sphere "nb::NB_ISA::sphere_sqr"(double r)
    double round_half_down(double x)

cdef extern from "nanobragg/shapes/by_number.h" namespace "nb::NB_ISA::Square" nogil:
    void grating(double d, double n, double *numerator, double *denominator)

cdef extern from "nanobragg/block.h" namespace "nb::NB_ISA" nogil:
    void set_block(Crystal &crystal, const double *n)

cdef extern from "nanobragg/smear.h" namespace "nb::NB_ISA" nogil:
    double SMEAR_REACH_SQR
    ctypedef struct SmearBounds:
        double longest
    bint bound_spots(const Smear &smear, double longest, double reach, SmearBounds &bounds)

cdef extern from "nanobragg/polarization.h" namespace "nb::NB_ISA" nogil:
    double kahn_polarization "nb::NB_ISA::polarization"(double, double, double, double)

cdef extern from "nanobragg/vec3.h" namespace "nb::NB_ISA" nogil:
    double dot(const double *a, const double *b)
    void rotate "nb::NB_ISA::rotate_about"(const double *v, const double *axis, double angle, double *out)

cdef extern from "nanobragg/amplitude.h" namespace "nb::NB_ISA" nogil:
    cppclass Table[Entry]:
        const Entry *values
        int[3] low
        int[3] high
        int stride_h
        int stride_k
        double constant, steps
    cppclass Cubic[Entry]:
        pass
    cppclass Neighbours[Entry]:
        pass
    cppclass Term[Real]:
        double[3] h
        int[3] nearest
    Cubic[double] cubic_weights(double t)
    double cubic_sum(const double *row, Cubic[double] c)
    Neighbours[double] find_neighbours(const Table[double] &t, const Term[double] &term)
    double sum_neighbours(const Table[double] &t, const Neighbours[double] &n)

Shape = namedtuple("Shape", ["number", "separable", "single_precision", "follows_cell", "reach", "integral"])


cdef dict listed_shapes():
    shapes = {}
    cdef ShapeFacts facts = shape_facts(0)
    while facts.name != NULL:
        shapes[facts.name.decode()] = Shape(
            len(shapes), facts.separable, facts.single_precision, facts.follows_cell, facts.reach,
            facts.integral)
        facts = shape_facts(len(shapes))
    return shapes


SHAPES = listed_shapes()
HALO = len(SHAPES)  # number of the halos' shape, behind those of crystals

ctypedef double (*crystal_function)(int, const Crystal &, const double *) noexcept nogil


cdef all_six(n):
    """Three numbers of cells, or the six of a symmetric matrix (include/nanobragg/block.h), as six."""
    return [*n, 0.0, 0.0, 0.0][:6]


cdef Crystal crystal_of(n, metric) except *:
    cdef Crystal crystal
    cdef double[6] block
    block[:] = all_six(n)
    set_block(crystal, block)
    for i in range(6):
        crystal.metric[i] = metric[i]
    return crystal


def block_of(n):
    """The number of cells of a block, and the inverse of its matrix as six numbers (include/nanobragg/block.h)."""
    cdef Crystal crystal = crystal_of(n, [0.0] * 6)
    return crystal.cells, np.array(crystal.inverse_n)


def shape_metric(str shape, n, double fudge, const double[:, ::1] reciprocal):
    """Squared radius of an offset from a reflection as a quadratic form: hh kk ll, 2kl 2hl 2hk.

    `n` are the numbers of cells, three or six; `reciprocal` has the rows a*, b*, c* (1/Å).
    """
    out = np.empty(6)
    cdef double[::1] metric = out
    cdef double[6] block
    block[:] = all_six(n)
    c_metric(SHAPES[shape].number, block, fudge, &reciprocal[0, 0], &metric[0])
    return out


cdef evaluate(crystal_function function, str shape, n, metric, const double[:, ::1] offset):
    out = np.empty(offset.shape[0])
    cdef double[::1] values = out
    cdef Crystal crystal = crystal_of(n, metric)
    cdef int number = SHAPES[shape].number
    cdef Py_ssize_t i
    with nogil:
        for i in range(offset.shape[0]):
            values[i] = function(number, crystal, &offset[i, 0])
    return out


def shape_value(str shape, n, metric, const double[:, ::1] offset):
    """F_latt² at offsets (Δh, Δk, Δl) from the nearest reflection."""
    return evaluate(c_value, shape, n, metric, offset)


def shape_envelope(str shape, n, metric, const double[:, ::1] offset):
    """Upper bounds of F_latt² at all offsets that are at least as far out: along each axis, or in radius."""
    return evaluate(c_envelope, shape, n, metric, offset)


def shape_slopes(str shape, n, metric, const double[:, ::1] offset):
    """Derivatives of F_latt² with respect to the offsets, and to the numbers of cells; each of shape (n, 3)."""
    by_offset, by_n = np.empty((2, offset.shape[0], 3))
    cdef double[:, ::1] offsets = by_offset
    cdef double[:, ::1] cells = by_n
    cdef Crystal crystal = crystal_of(n, metric)
    cdef int number = SHAPES[shape].number, j
    cdef Slopes slopes
    cdef Py_ssize_t i
    with nogil:
        for i in range(offset.shape[0]):
            slopes = c_slopes(number, crystal, &offset[i, 0])
            for j in range(3):
                offsets[i, j] = slopes.offset[j]
                cells[i, j] = slopes.n[j]
    return by_offset, by_n


def shape_section(str shape, const double[::1] radius):
    """F_latt² integrated over a plane at a radius, for a peak of 1; NaN for a separable shape."""
    out = np.empty(radius.shape[0])
    cdef double[::1] areas = out
    cdef int number = SHAPES[shape].number
    cdef Py_ssize_t i
    with nogil:
        for i in range(radius.shape[0]):
            areas[i] = c_section(number, radius[i] * radius[i])
    return out


def smear_reach(const Smear[::1] smear, double longest):
    """Length (1/Å) of the longest reflection seen along a scattering vector of some length, or None (smear.h)."""
    cdef SmearBounds bounds
    return bounds.longest if bound_spots(smear[0], longest, sqrt(SMEAR_REACH_SQR), bounds) else None


def grating_sqr(const double[::1] index, const double[::1] n):
    """sin²(πNh)/sin²(πh) of Miller indices h and whole numbers of cells N."""
    out = np.empty(index.shape[0])
    cdef double[::1] values = out
    cdef double numerator, denominator
    cdef Py_ssize_t i
    with nogil:
        for i in range(index.shape[0]):
            grating(index[i] - round_half_down(index[i]), n[i], &numerator, &denominator)
            values[i] = numerator / denominator
    return out


def sphere_sqr(const double[::1] radius):
    """[3 (sin x/x - cos x)/x²]² at x = π·radius."""
    out = np.empty(radius.shape[0])
    cdef double[::1] values = out
    cdef Py_ssize_t i
    with nogil:
        for i in range(radius.shape[0]):
            values[i] = sphere(radius[i])
    return out


cdef inline void cross(const double *a, const double *b, double *out) noexcept nogil:
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


cdef inline void normalise(double *v) noexcept nogil:
    cdef double length = sqrt(dot(v, v))
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
            values[i] = kahn_polarization(kahn[i], dot(beam, ray), dot(ray, e), dot(ray, b))
    return out


def rotate_about(const double[:, ::1] vector, const double[:, ::1] axis, const double[::1] angle):
    """Vectors rotated about unit axes by angles (radians)."""
    out = np.empty((vector.shape[0], 3))
    cdef double[:, ::1] turned = out
    cdef Py_ssize_t i
    with nogil:
        for i in range(vector.shape[0]):
            rotate(&vector[i, 0], &axis[i, 0], angle[i], &turned[i, 0])
    return out


def cubic(const double[:, ::1] values, const double[::1] t):
    """The cubic through values (n, 4) at -1, 0, 1, 2, at t in [0, 1]."""
    out = np.empty(t.shape[0])
    cdef double[::1] found = out
    cdef Py_ssize_t i
    with nogil:
        for i in range(t.shape[0]):
            found[i] = cubic_sum(&values[i, 0], cubic_weights(t[i]))
    return out


def tricubic(values, const double[:, ::1] at):
    """The tricubic through cubes of values (n, 4, 4, 4) at -1, 0, 1, 2 along each axis, at points (n, 3) in [0, 1)."""
    bordered = np.ascontiguousarray(np.pad(np.asarray(values, np.float64), [(0, 0), (2, 2), (2, 2), (2, 2)]))
    cdef const double[:, :, :, ::1] cubes = bordered
    out = np.empty(at.shape[0])
    cdef double[::1] found = out
    cdef Table[double] table
    cdef Term[double] term
    cdef Py_ssize_t i
    cdef int j
    with nogil:
        for j in range(3):
            term.nearest[j] = 0
            table.low[j] = -3
            table.high[j] = 4
        table.stride_h, table.stride_k, table.constant, table.steps = 64, 8, 0.0, 1.0
        for i in range(at.shape[0]):
            table.values = &cubes[i, 0, 0, 0]
            for j in range(3):
                term.h[j] = at[i, j]
            found[i] = sum_neighbours(table, find_neighbours(table, term))
    return out


def terms_in_reach(
    const double[:, ::1] hkl, const long long[::1] first, const long long[::1] last, const double[:, :, ::1] stars,
    Py_ssize_t domains, const double[:, ::1] waves, const double[::1] radii, double reach,
):
    """Row, orientation and source of the terms of reflections that are within `reach` of the Ewald sphere.

    Reflection i has the φ steps first[i] to last[i], each with `domains` orientations, whose a*, b*, c* are the rows of
    `stars`. The sphere of a source passes through the origin, about minus its wave vector.
    """
    cdef growing[long long] found
    cdef double[3] q
    cdef double[3] out
    cdef const double *star
    cdef Py_ssize_t i, j, orientation, source
    with nogil:
        for i in range(hkl.shape[0]):
            for orientation in range(first[i] * domains, (last[i] + 1) * domains):
                star = &stars[orientation, 0, 0]
                for j in range(3):
                    q[j] = hkl[i, 0] * star[j] + hkl[i, 1] * star[3 + j] + hkl[i, 2] * star[6 + j]
                for source in range(waves.shape[0]):
                    for j in range(3):
                        out[j] = q[j] + waves[source, j]
                    if fabs(radii[source] - sqrt(dot(out, out))) <= reach:
                        found.push_back(i)
                        found.push_back(orientation)
                        found.push_back(source)
    numbers = np.empty((found.size() // 3, 3), np.int64)
    cdef long long[:, ::1] rows = numbers
    for i in range(rows.shape[0]):
        for j in range(3):
            rows[i, j] = found[3 * i + j]
    return numbers.T.copy()


def scattered(
    const double[:, ::1] hkl, const long long[::1] orientation, const long long[::1] source,
    const double[:, :, ::1] stars, const double[:, ::1] waves,
):
    """Unit vectors along the scattered waves of terms, the waves' lengths, and a*, b*, c* along them."""
    count = hkl.shape[0]
    rays, lengths, slopes = np.empty((count, 3)), np.empty(count), np.empty((count, 3))
    cdef double[:, ::1] out = rays
    cdef double[::1] length = lengths
    cdef double[:, ::1] slope = slopes
    cdef const double *star
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(hkl.shape[0]):
            star = &stars[orientation[i], 0, 0]
            for j in range(3):
                out[i, j] = hkl[i, 0] * star[j] + hkl[i, 1] * star[3 + j] + hkl[i, 2] * star[6 + j]
                out[i, j] += waves[source[i], j]
            length[i] = sqrt(dot(&out[i, 0], &out[i, 0]))
            for j in range(3):
                out[i, j] /= length[i]
            for j in range(3):
                slope[i, j] = dot(star + 3 * j, &out[i, 0])
    return rays, lengths, slopes
