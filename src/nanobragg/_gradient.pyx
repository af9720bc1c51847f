# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Scene → derivatives: images of them, and sums over the pixels, from the primitives of each pixel (primitives.h)."""

from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t, uintptr_t
from libc.string cimport memset
from libcpp.vector cimport vector

from ._scene cimport Panel, Scene, SPAN_PIXELS

import numpy as np


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
        const double *moves
    ctypedef struct TermAt:
        int panel, slow, fast, layer, sub_slow, sub_fast, source, orientation
        int[3] reflection
    enum:
        SOURCE_ORDERS

cdef extern from "nanobragg/gradient_task.h" namespace "nb" nogil:
    enum:
        IMAGES
        PRODUCTS
        LOSS
        EQUATIONS
        POISSON
        NORMAL
        WEIGHTED
    ctypedef struct Noise:
        int kind
        double sigma, robust
    ctypedef struct Likeliness:
        double loss, slope, weight, deviation
    ctypedef struct GradientTask:
        int aim, precision, slow, fast
        const int64_t *pixels
        int64_t n_pixels
        const int *stop
        const double *extra
        int n_extra
        const double *factors
        int n_images, single
        void *images
        int64_t image_stride
        const double *vector
        Noise noise
        const double *data
        const double *weights
        const double *background
        double *slopes
        const int *used
        int n_used
    int64_t sums_of(const GradientTask &)
    Likeliness likeliness "nb::NB_ISA::likeliness"(const Noise &, double, double, double)

cdef extern from "nanobragg/culling/plan.h" namespace "nb" nogil:
    enum:
        REGION
    ctypedef struct Plan:
        pass
    ctypedef struct Tally:
        double bound
        long long evaluated

cdef extern from "nanobragg/coefficient.h" namespace "nb" nogil:
    ctypedef void PushCoefficient(void *, int, long long, double) noexcept nogil

cdef extern from "nanobragg/kernel.h" namespace "nb" nogil:
    ctypedef struct GradientKernel:
        void (*run)(const Scene &, const Motions &, const GradientTask &, int64_t, int64_t, char *,
                    double *) noexcept nogil
        size_t (*task_bytes)(const GradientTask &) noexcept nogil
        void (*run_region)(const Scene &, const Motions *, const Plan &, double, const GradientTask &, int, int, int,
                           char *, double *, Tally *) noexcept nogil
        size_t (*region_task_bytes)(const Scene &, const Plan &, const GradientTask &) noexcept nogil
        void (*of_term)(const Scene &, const Motions &, const TermAt &, int, double *) noexcept nogil
        void (*coefficients)(const Scene &, const Panel &, int, const int *, int, int, const int *, PushCoefficient *,
                             void *) noexcept nogil

ctypedef struct Coefficient:
    int64_t pixel, entry
    double value


cdef SourceMotion motion_example
cdef TermAt term_example

SOURCE_MOTION = np.asarray(<SourceMotion[:1]> &motion_example).dtype
TERM_AT = np.asarray(<TermAt[:1]> &term_example).dtype
SPAN = SPAN_PIXELS
PLACES = {
    "total": TOTAL, "surroundings": SURROUNDINGS, "strain": STRAIN, "cells": CELLS, "spread": SPREAD, "wave": WAVE,
    "wave_slope": WAVE_SLOPE, "turn": TURN, "kahn": KAHN, "force": FORCE, "torque": TORQUE, "bend": BEND,
}
COUNT = PRIMITIVES
NOISE_KINDS = {"poisson": POISSON, "normal": NORMAL, "weighted": WEIGHTED}


cdef class Task:
    """A computation with the primitives of chosen pixels (gradient_task.h).

    Parameters
    ----------
    precision
        Number of the precision of the terms.
    shape : (slow, fast)
        Of a panel.
    pixels
        Places in the flat image, rising.
    extra : ndarray, shape (n, pixels), optional
        Rows behind the primitives.
    """

    cdef GradientTask task
    cdef readonly int rows
    cdef object keep

    def __cinit__(self, int precision, shape, const int64_t[::1] pixels, const double[:, ::1] extra=None):
        memset(&self.task, 0, sizeof(GradientTask))
        self.task.precision = precision
        self.task.slow, self.task.fast = shape
        self.task.pixels = &pixels[0]
        self.task.n_pixels = pixels.shape[0]
        self.rows = PRIMITIVES
        self.keep = [pixels, extra]
        if extra is not None and extra.shape[0]:
            self.task.extra = &extra[0, 0]
            self.task.n_extra = <int> extra.shape[0]
            self.rows += self.task.n_extra

    def fill_images(self, const double[:, :, ::1] factors, images):
        """Make images, shape (n, pixels of the image), with factors of all rows, shape (panels, n, rows)."""
        self.task.aim = IMAGES
        self.task.factors = &factors[0, 0, 0]
        self.task.n_images = <int> factors.shape[1]
        self.task.single = images.dtype == np.float32
        self.task.images = <void *> <uintptr_t> images.ctypes.data
        self.task.image_stride = images.shape[1]
        self.keep += [factors, images]
        return self

    def add_products(self, const double[::1] numbers):
        """Sum every row over the pixels, times a number for each pixel."""
        self.task.aim = PRODUCTS
        self.task.vector = &numbers[0]
        self.keep.append(numbers)
        return self

    def compare(self, int kind, double sigma, double robust, const double[::1] data, const double[::1] weights=None,
                const double[::1] background=None, double[::1] slopes=None, const int[::1] used=None):
        """Sum the loss and every row times its slope and, for the rows `used`, their weighted products.

        `weights` are for the kind "weighted"; `background` is added to the expected photons; `slopes` is filled with
        the slope in every pixel.
        """
        self.task.aim = LOSS if used is None else EQUATIONS
        self.task.noise = Noise(kind, sigma, robust)
        self.task.data = &data[0]
        self.keep += [data, weights, background, slopes, used]
        if weights is not None:
            self.task.weights = &weights[0]
        if background is not None:
            self.task.background = &background[0]
        if slopes is not None:
            self.task.slopes = &slopes[0]
        if used is not None:
            self.task.used = &used[0]
            self.task.n_used = <int> used.shape[0]
        return self


def run(uintptr_t kernel_address, uintptr_t scene_address, const SourceMotion[::1] sources,
        const double[:, ::1] moves, Task task, const int64_t[::1] chunks, int threads, int[::1] stop):
    """Carry out a task.

    Parameters
    ----------
    kernel_address, scene_address
        From `_core`.
    sources, moves
        How sources move and, per unit of a parameter, cells: rotation vectors (rad) of the mosaic domains, shape
        (domains, 3), or derivatives of the cell vectors (m) of every orientation, shape (n, 9); None: they do not.
    chunks
        Where parts of the task's pixels begin, and their end, each on one panel.
    stop
        One number; another thread sets it to give up.

    Returns
    -------
    ndarray, shape (chunks, sums)
        What every part adds up (`sums_of` in gradient_task.h).
    """
    cdef const GradientKernel *kernel = <const GradientKernel *> kernel_address
    cdef const Scene *scene = <const Scene *> scene_address
    cdef Motions motions = motions_of(sources, moves)
    cdef int64_t chunk, n = chunks.shape[0] - 1
    cdef Memory memory = Memory(kernel.task_bytes(task.task), threads)
    found = np.zeros((n, max(sums_of(task.task), 1)))
    cdef double[:, ::1] sums = found
    task.task.stop = &stop[0]
    with nogil:
        for chunk in prange(n, schedule="dynamic", chunksize=1, num_threads=threads):
            if not stop[0]:
                kernel.run(scene[0], motions, task.task, chunks[chunk], chunks[chunk + 1], memory.of(threadid()),
                           &sums[chunk, 0])
    return found


def run_regions(uintptr_t kernel_address, uintptr_t scene_address, uintptr_t plan_address, double epsilon, sources,
                const double[:, ::1] moves, Task task, int panels, int threads, int[::1] stop):
    """Carry out a task with terms left out, so that no pixel misses more than `epsilon` photons.

    Parameters are those of `run`, with `sources` in every order (primitives.h), and the address of a plan.

    Returns
    -------
    sums : ndarray, shape (regions, sums)
    panel : ndarray, shape (regions,)
        Of every region.
    bound, evaluated : float, int
        The most that a pixel misses, and the number of terms that were evaluated.
    """
    cdef const GradientKernel *kernel = <const GradientKernel *> kernel_address
    cdef const Scene *scene = <const Scene *> scene_address
    cdef const Plan *plan = <const Plan *> plan_address
    cdef Motions[SOURCE_ORDERS] motions
    cdef int rows = task.task.slow, columns = task.task.fast, order, thread
    cdef int across = (columns - 1) // REGION + 1, down = (rows - 1) // REGION + 1
    cdef int64_t region, n = <int64_t> panels * across * down
    cdef Memory memory = Memory(kernel.region_task_bytes(scene[0], plan[0], task.task), threads)
    cdef vector[Tally] tallies
    found = np.zeros((n, max(sums_of(task.task), 1)))
    cdef double[:, ::1] sums = found
    for order in range(SOURCE_ORDERS):
        motions[order] = motions_of(sources[order], moves)
    tallies.resize(threads)
    task.task.stop = &stop[0]
    with nogil:
        for region in prange(n, schedule="dynamic", chunksize=1, num_threads=threads):
            if not stop[0]:
                kernel.run_region(
                    scene[0], motions, plan[0], epsilon, task.task, <int> (region // (across * down)),
                    <int> (region % across) * REGION, <int> (region // across % down) * REGION,
                    memory.of(threadid()), &sums[region, 0], &tallies[threadid()])
    return (found, np.arange(n) // (across * down), max(tallies[thread].bound for thread in range(threads)),
            sum(tallies[thread].evaluated for thread in range(threads)))


def of_terms(uintptr_t kernel_address, uintptr_t scene_address, const SourceMotion[::1] sources,
             const double[:, ::1] moves, int precision, const TermAt[::1] terms):
    """Return the primitives of single terms, shape (primitives, terms); parameters as in `run`."""
    cdef const GradientKernel *kernel = <const GradientKernel *> kernel_address
    cdef Motions motions = motions_of(sources, moves)
    cdef Py_ssize_t i
    found = np.empty((terms.shape[0], PRIMITIVES))
    cdef double[:, ::1] primitives = found
    for i in range(terms.shape[0]):
        kernel.of_term((<const Scene *> scene_address)[0], motions, terms[i], precision, &primitives[i, 0])
    return found.T


cdef Motions motions_of(const SourceMotion[::1] sources, const double[:, ::1] moves):
    cdef Motions motions
    motions.sources = &sources[0]
    motions.spins = motions.moves = NULL
    motions.n_domains = 1
    if moves is not None and moves.shape[1] == 9:
        motions.moves = &moves[0, 0]
    elif moves is not None:
        motions.spins = &moves[0, 0]
        motions.n_domains = <int> moves.shape[0]
    return motions


cdef class Memory:
    """Memory of every thread, at multiples of 64."""

    cdef char *start
    cdef size_t stride
    cdef object block

    def __cinit__(self, size_t bytes, int threads):
        cdef uintptr_t address
        self.stride = bytes + 64 + -bytes % 64
        self.block = np.empty((threads + 1) * self.stride, np.uint8)
        address = self.block.ctypes.data
        self.start = <char *> (address + (64 - address % 64))

    cdef char *of(self, int thread) noexcept nogil:
        return self.start + thread * self.stride


def likelihood_terms(int kind, double sigma, double robust, const double[::1] data, const double[::1] model,
                     const double[::1] weights=None):
    """Loss, slope, weight and squared deviation of every pixel, shape (4, pixels) (likelihood.h)."""
    cdef Noise noise = Noise(kind, sigma, robust)
    cdef int64_t i
    cdef Likeliness pixel
    found = np.empty((4, data.shape[0]))
    cdef double[:, ::1] out = found
    with nogil:
        for i in range(data.shape[0]):
            pixel = likeliness(noise, data[i], model[i], 0.0 if weights is None else weights[i])
            out[0, i], out[1, i], out[2, i], out[3, i] = pixel.loss, pixel.slope, pixel.weight, pixel.deviation
    return found


def coefficients(uintptr_t kernel, uintptr_t scene, int precision, shape, const int64_t[::1] pixels,
                 const int64_t[::1] spans, int threads, int[::1] stop):
    """Coefficients of the entries of the tables of structure factors in the pixels (coefficients.h).

    Parameters
    ----------
    kernel, scene
        Addresses, from `_core`.
    shape : (slow, fast)
        Of a panel.
    pixels
        Places in the flat image, rising.
    spans
        Where spans of pixels begin, and their end: each of at most SPAN pixels of one row of one panel.
    stop
        One number; another thread sets it to give up.

    Returns three arrays: numbers of pixels in `pixels`, rising; entries, counted
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
