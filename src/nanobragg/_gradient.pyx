# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Scene → derivatives: the primitives of a list of pixels, from which all derivatives follow (primitives.h)."""

from cython.parallel cimport prange
from libc.stdint cimport int64_t, uintptr_t
from libcpp.vector cimport vector

import numpy as np


cdef extern from "nanobragg/scene.h" namespace "nb" nogil:
    enum:
        SPAN_PIXELS
    ctypedef struct Panel:
        pass
    ctypedef struct Scene:
        const Panel *panels

cdef extern from "nanobragg/primitives.h" namespace "nb" nogil:
    enum:
        TOTAL
        SURROUNDINGS
        STRAIN
        CELLS
        SPREAD
        WAVE
        WAVE_SLOPE
        TURN
        KAHN
        FORCE
        TORQUE
        BEND
        PRIMITIVES
    ctypedef struct SourceMotion:
        double[2][3] direction
        double[3] e, b
        double[2] to_e, to_b, twist
        double slope
    ctypedef struct Motions:
        const SourceMotion *sources
        const double *spins
        int n_domains

cdef extern from "nanobragg/coefficient.h" namespace "nb" nogil:
    ctypedef void PushCoefficient(void *, int, long long, double) noexcept nogil

cdef extern from "nanobragg/kernel.h" namespace "nb" nogil:
    ctypedef struct GradientKernel:
        void (*primitives)(const Scene &, const Motions &, const Panel &, int, const int *, int, int, const int *,
                           double *, size_t) noexcept nogil
        void (*coefficients)(const Scene &, const Panel &, int, const int *, int, int, const int *, PushCoefficient *,
                             void *) noexcept nogil

cdef extern from "nanobragg/count.h" namespace "nb" nogil:
    void count(int64_t *counter, int64_t n) noexcept

ctypedef struct Coefficient:
    int64_t pixel, entry
    double value


cdef SourceMotion motion_example

SOURCE_MOTION = np.asarray(<SourceMotion[:1]> &motion_example).dtype
SPAN = SPAN_PIXELS
PLACES = {
    "total": TOTAL, "surroundings": SURROUNDINGS, "strain": STRAIN, "cells": CELLS, "spread": SPREAD, "wave": WAVE,
    "wave_slope": WAVE_SLOPE, "turn": TURN, "kahn": KAHN, "force": FORCE, "torque": TORQUE, "bend": BEND,
}
COUNT = PRIMITIVES


def primitives(uintptr_t kernel, uintptr_t scene, int precision, const SourceMotion[::1] sources,
               const double[:, ::1] spins, shape, const int64_t[::1] pixels, const int64_t[::1] spans,
               double[:, ::1] out, int threads, int[::1] stop, int64_t[::1] done):
    """Fill `out`, shape (COUNT, pixels), with the primitives of the pixels.

    Parameters
    ----------
    kernel, scene
        Addresses, from `_core`.
    shape : (slow, fast)
        Of a panel.
    pixels
        Places in the flat image, rising.
    spins
        Rotation vectors of all mosaic domains per degree of spread, rad; None: they do not move.
    spans
        Where spans of pixels begin, and their end: each of at most SPAN pixels of one row of one panel.
    stop
        One number; another thread sets it to give up.
    done
        One number; grows with the pixels that are finished.
    """
    cdef Motions motions
    cdef int slow = shape[0], fast = shape[1]
    cdef int64_t span, n = spans.shape[0] - 1
    motions.sources = &sources[0]
    motions.spins = NULL
    motions.n_domains = 1
    if spins is not None:
        motions.spins = &spins[0, 0]
        motions.n_domains = <int> spins.shape[0]
    with nogil:
        for span in prange(n, schedule="dynamic", chunksize=4, num_threads=threads):
            if not stop[0]:
                fill_span(<const GradientKernel *> kernel, <const Scene *> scene, motions, precision, slow, fast,
                          &pixels[spans[span]], <int> (spans[span + 1] - spans[span]), &stop[0],
                          &out[0, spans[span]], out.shape[1])
                count(&done[0], spans[span + 1] - spans[span])


cdef void fill_span(const GradientKernel *kernel, const Scene *scene, const Motions &motions, int precision, int slow,
                    int fast, const int64_t *pixels, int n, const int *stop, double *out, size_t stride) noexcept nogil:
    cdef int[SPAN_PIXELS] columns
    cdef int64_t row = pixels[0] // fast
    cdef int i
    for i in range(n):
        columns[i] = <int> (pixels[i] - row * fast)
    kernel.primitives(scene[0], motions, scene.panels[row // slow], <int> (row % slow), columns, n, precision, stop,
                      out, stride)


def coefficients(uintptr_t kernel, uintptr_t scene, int precision, shape, const int64_t[::1] pixels,
                 const int64_t[::1] spans, int threads, int[::1] stop):
    """Coefficients of the entries of the tables of structure factors in the pixels (coefficients.h).

    Parameters are those of `primitives`. Returns three arrays: numbers of pixels in `pixels`, rising; entries, counted
    through all tables; values in photons. An entry may occur more than once in a pixel.
    """
    cdef int64_t span, n = spans.shape[0] - 1
    cdef int slow = shape[0], fast = shape[1]
    cdef vector[vector[Coefficient]] lists
    lists.resize(n)
    with nogil:
        for span in prange(n, schedule="dynamic", chunksize=4, num_threads=threads):
            if not stop[0]:
                gather_span(<const GradientKernel *> kernel, <const Scene *> scene, precision, slow, fast,
                            &pixels[spans[span]], <int> (spans[span + 1] - spans[span]), &stop[0], &lists[span])
    return joined(lists, spans)


cdef void push(void *list, int lane, long long entry, double value) noexcept nogil:
    cdef Coefficient coefficient
    coefficient.pixel, coefficient.entry, coefficient.value = lane, entry, value
    (<vector[Coefficient] *> list).push_back(coefficient)


cdef void gather_span(const GradientKernel *kernel, const Scene *scene, int precision, int slow, int fast,
                      const int64_t *pixels, int n, const int *stop, vector[Coefficient] *list) noexcept nogil:
    cdef int[SPAN_PIXELS] columns
    cdef int64_t row = pixels[0] // fast
    cdef int i
    for i in range(n):
        columns[i] = <int> (pixels[i] - row * fast)
    kernel.coefficients(scene[0], scene.panels[row // slow], <int> (row % slow), columns, n, precision, stop, push,
                        <void *> list)


cdef joined(vector[vector[Coefficient]] &lists, const int64_t[::1] spans):
    cdef size_t total = 0, span, i, at = 0
    for span in range(lists.size()):
        total += lists[span].size()
    pixel, entry, value = np.empty(total, np.int64), np.empty(total, np.int64), np.empty(total)
    cdef int64_t[::1] pixels = pixel, entries = entry
    cdef double[::1] values = value
    for span in range(lists.size()):
        for i in range(lists[span].size()):
            pixels[at] = spans[span] + lists[span][i].pixel
            entries[at] = lists[span][i].entry
            values[at] = lists[span][i].value
            at += 1
    return pixel, entry, value
