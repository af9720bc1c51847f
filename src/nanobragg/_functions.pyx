# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Functions of the core (include/nanobragg/) as arrays: shapes, geometry, predicted spots, and for comparisons.

Arguments are contiguous arrays, of float64 and one length n unless stated otherwise; vectors have the shape (n, 3).
Lengths are not checked.
"""

from libc.math cimport ceil, fabs, floor, sqrt
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
        double longest, reflections
    bint bound_spots(const Smear &smear, double longest, double reach, SmearBounds &bounds)

cdef extern from "nanobragg/section.h" namespace "nb::NB_ISA" nogil:
    ctypedef struct Blocks:
        int shape
        bint separable
        double[3] n
        double peak
        double[9] inverse
        double middle
    ctypedef struct Section:
        double area, largest
        double[3] offset
    Section plane_section(const Blocks &blocks, const double *inverse, const double *slope, double distance)

cdef extern from "nanobragg/polarization.h" namespace "nb::NB_ISA" nogil:
    double kahn_polarization "nb::NB_ISA::polarization"(double, double, double, double)

cdef extern from "nanobragg/maths.h" namespace "nb::NB_ISA" nogil:
    double larger "nb::NB_ISA::larger<double>"(double x, double y)
    double smaller "nb::NB_ISA::smaller<double>"(double x, double y)

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

cdef double SLACK = 1e-6  # of an index, for rounding
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
    """Length (1/Å) of the longest reflection seen along a scattering vector of some length, and the most reflections
    that a point is within reach of; or None (smear.h)."""
    cdef SmearBounds bounds
    if not bound_spots(smear[0], longest, sqrt(SMEAR_REACH_SQR), bounds):
        return None
    return bounds.longest, bounds.reflections


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
    const double[::1] kahn, const double[:, ::1] incident, const double[:, ::1] diffracted, const double[:, ::1] axis,
    const long long[::1] wave=None,
):
    """Polarization factor of rays of any length, for an E-vector as close to `axis` as the beam allows.

    Ray i belongs to the incident wave `wave[i]`, with its factor and its axis; by default to wave i.
    """
    out, frames = np.empty(diffracted.shape[0]), np.empty((kahn.shape[0], 3, 3))
    cdef double[::1] values = out
    cdef double[:, :, ::1] frame = frames  # beam, E and B of every wave
    cdef double[3] ray
    cdef double *beam
    cdef Py_ssize_t i, at
    cdef int j
    with nogil:
        for i in range(kahn.shape[0]):
            beam = &frame[i, 0, 0]
            for j in range(3):
                beam[j] = incident[i, j]
            normalise(beam)
            cross(&axis[i, 0], beam, beam + 6)
            normalise(beam + 6)
            cross(beam, beam + 6, beam + 3)
        for i in range(diffracted.shape[0]):
            at = i if wave is None else wave[i]
            beam = &frame[at, 0, 0]
            for j in range(3):
                ray[j] = diffracted[i, j]
            normalise(ray)
            values[i] = kahn_polarization(kahn[at], dot(beam, ray), dot(ray, beam + 3), dot(ray, beam + 6))
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


def near_sphere(
    const double[:, ::1] star, const double[::1] centre, double margin, const int[::1] low, const int[::1] high
):
    """h k l from `low` to `high` with | |q|² + 2 q·k | ≤ margin (1/m²), and perhaps others next to them.

    `star` has the rows a*, b*, c* (1/m); the sphere is about -k, `centre` is k. Along a line of constant h and k the
    expression is a parabola of l, so that l lies in two ranges, or in one where the line touches the sphere.
    """
    cdef growing[int] found
    cdef double[3] foot
    cdef double half, least, vertex, outer, inner, scale = 1.0 / dot(&star[2, 0], &star[2, 0])
    cdef double below, above
    cdef int h, k, j
    cdef Py_ssize_t i
    with nogil:
        for h in range(low[0], high[0] + 1):
            for k in range(low[1], high[1] + 1):
                for j in range(3):
                    foot[j] = h * star[0, j] + k * star[1, j]
                half = dot(foot, &star[2, 0]) + dot(&centre[0], &star[2, 0])
                least = dot(foot, foot) + 2.0 * dot(foot, &centre[0]) - half * half * scale  # at the vertex
                if least > margin:
                    continue
                vertex = -half * scale
                outer = sqrt((margin - least) * scale) + SLACK
                inner = sqrt(larger(-margin - least, 0.0) * scale) - SLACK
                below = floor(vertex - inner)
                above = larger(ceil(vertex + inner), below + 1.0)
                add_line(found, h, k, larger(ceil(vertex - outer), low[2]), smaller(below, high[2]))
                add_line(found, h, k, larger(above, low[2]), smaller(floor(vertex + outer), high[2]))
    indices = np.empty((found.size() // 3, 3), np.int32)
    cdef int[:, ::1] rows = indices
    for i in range(rows.shape[0]):
        for j in range(3):
            rows[i, j] = found[3 * i + j]
    return indices


cdef inline void add_line(growing[int] &found, int h, int k, double first, double last) noexcept nogil:
    while first <= last:
        found.push_back(h)
        found.push_back(k)
        found.push_back(<int>first)
        first += 1.0


cdef Blocks blocks_of(str shape, const double[::1] n, double peak, const double[:, ::1] inverse) except *:
    cdef Blocks blocks
    cdef int i, j
    blocks.shape, blocks.separable, blocks.peak = SHAPES[shape].number, SHAPES[shape].separable, peak
    blocks.middle = c_section(blocks.shape, 0.0)
    for i in range(3):
        blocks.n[i] = n[i]
        for j in range(3):
            blocks.inverse[3 * i + j] = inverse[i, j]
    return blocks


def plane_sections(
    str shape, const double[::1] n, double peak, const double[:, ::1] inverse, const double[:, ::1] slope,
    const double[::1] distance,
):
    """Sections of spots by planes (include/nanobragg/section.h): areas, largest areas, and mean offsets (n, 3)."""
    cdef Blocks blocks = blocks_of(shape, n, peak, inverse)
    count = slope.shape[0]
    areas, most, offsets = np.empty(count), np.empty(count), np.empty((count, 3))
    cdef double[::1] area = areas
    cdef double[::1] largest = most
    cdef double[:, ::1] offset = offsets
    cdef Section section
    cdef Py_ssize_t i
    cdef int j
    with nogil:
        for i in range(slope.shape[0]):
            section = plane_section(blocks, blocks.inverse, &slope[i, 0], distance[i])
            area[i], largest[i] = section.area, section.largest
            for j in range(3):
                offset[i, j] = section.offset[j]
    return areas, most, offsets


cdef struct Meeting:  # of a reflection, an orientation and a source
    int row, orientation, source
    double length
    double[3] out  # the scattered wave, 1/m


cdef inline void scattered(const double *h, const double *star, const double *wave, double *out) noexcept nogil:
    cdef int j
    for j in range(3):
        out[j] = h[0] * star[j] + h[1] * star[3 + j] + h[2] * star[6 + j] + wave[j]


def spot_terms(
    str shape, const double[::1] n, double peak, const double[:, ::1] inverse, const double[:, :, ::1] spots,
    const double[:, ::1] hkl, const long long[::1] first, const long long[::1] last, const double[:, :, ::1] stars,
    Py_ssize_t domains, const double[:, ::1] waves, const double[::1] radii, double reach,
):
    """Terms of reflections that are within `reach` of the Ewald sphere, with the sections of their spots by it.

    Reflection i has the φ steps first[i] to last[i], each with `domains` orientations, whose a*, b*, c* are the rows of
    `stars`. The sphere of a source passes through the origin, about minus its wave vector, and has its `radii`; it is
    taken for a plane. `spots` are the inverse metrics of the spots, or None: that of the blocks.

    Returns row, orientation and source of every term (3, n), the unit vector along the mean of its scattered waves
    (n, 3), the area of the section, and the largest.
    """
    cdef Blocks blocks = blocks_of(shape, n, peak, inverse)
    cdef growing[Meeting] found
    cdef Meeting at
    cdef Section section
    cdef double[3] slope
    cdef double per_length
    cdef const double *star
    cdef const double *metric = blocks.inverse
    cdef Py_ssize_t i
    cdef int j
    with nogil:
        for at.row in range(hkl.shape[0]):
            for at.orientation in range(first[at.row] * domains, (last[at.row] + 1) * domains):
                for at.source in range(waves.shape[0]):
                    scattered(&hkl[at.row, 0], &stars[at.orientation, 0, 0], &waves[at.source, 0], at.out)
                    at.length = sqrt(dot(at.out, at.out))
                    if fabs(radii[at.source] - at.length) <= reach:
                        found.push_back(at)
    count = found.size()
    numbers, rays, areas, most = np.empty((3, count), np.int64), np.empty((count, 3)), np.empty(count), np.empty(count)
    cdef long long[:, ::1] number = numbers
    cdef double[:, ::1] ray = rays
    cdef double[::1] area = areas
    cdef double[::1] largest = most
    with nogil:
        for i in range(area.shape[0]):
            at = found[i]
            number[0, i], number[1, i], number[2, i] = at.row, at.orientation, at.source
            star = &stars[at.orientation, 0, 0]
            per_length = 1.0 / at.length
            for j in range(3):
                slope[j] = dot(star + 3 * j, at.out) * per_length
            if spots is not None:
                metric = &spots[at.row, 0, 0]
            section = plane_section(blocks, metric, slope, radii[at.source] - at.length)
            scattered(section.offset, star, at.out, &ray[i, 0])  # from the middle of the spot on the sphere
            per_length = 1.0 / sqrt(dot(&ray[i, 0], &ray[i, 0]))
            for j in range(3):
                ray[i, j] *= per_length
            area[i], largest[i] = section.area, section.largest
    return numbers, rays, areas, most
