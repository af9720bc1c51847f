# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Scene → photons with terms left out: holds the kernel's plan, and loops over regions of pixels."""

from cython.parallel cimport prange, threadid
from libc.stdint cimport int64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memset

from ._scene cimport Panel, Scene, Source, VECTOR

import numpy as np


cdef extern from "nanobragg/culling/plan.h" namespace "nb" nogil:
    enum:
        REGION
        BRIGHT_EDGE
    ctypedef struct Beam:
        int first, count
        double weight
    ctypedef struct Run:
        int beam, first, count
        double kappa_low, kappa_high, weight
    ctypedef struct OrientationGroup:
        int first, count
        double[3] spread
    ctypedef struct CullingParameters:
        int[3] low, high
        int stride_h, stride_k, one_table
        double largest
        double largest_share
        double[3] length
        double worthwhile
        double[6] inverse_metric
    ctypedef struct CPlan "nb::Plan":
        const Source *sources
        const double *kappa
        const double *weights
        const Beam *beams
        int n_beams
        const Run *runs
        int n_runs
        const OrientationGroup *groups
        int n_groups
        const Source *around
        int n_around
        const float *squares
        const float *cells
        int padded
        const double *reciprocal
        const CPlan *rest
    ctypedef struct Tally:
        double bound
        long long evaluated
    ctypedef struct Region:
        int fast, slow, n_fast, n_slow
        const unsigned char *wanted
    ctypedef struct Bright:
        int fast, slow
        double photons

cdef extern from "nanobragg/kernel.h" namespace "nb" nogil:
    ctypedef struct Kernel:
        void (*render_region)(const Scene &, const Panel &, const CPlan &, double, const Region &, int, char *,
                              const int *, double *, Tally *) noexcept nogil
        Bright (*find_brightest)(const Scene &, const Panel &, const CPlan &, const Region &, double, char *,
                                 const int *) noexcept nogil
        size_t (*region_bytes)(const Scene &, const CPlan &) noexcept nogil

cdef extern from "nanobragg/count.h" namespace "nb" nogil:
    void count(int64_t *counter, int64_t n) noexcept

ctypedef fused photons_t:
    float
    double


cdef Beam beam_example
cdef Run run_example
cdef OrientationGroup group_example
cdef CullingParameters parameters_example
cdef Bright bright_example

BEAM = np.asarray(<Beam[:1]> &beam_example).dtype
RUN = np.asarray(<Run[:1]> &run_example).dtype
ORIENTATION_GROUP = np.asarray(<OrientationGroup[:1]> &group_example).dtype
CULLING_PARAMETERS = np.asarray(<CullingParameters[:1]> &parameters_example).dtype
BRIGHT = np.asarray(<Bright[:1]> &bright_example).dtype
REGION_PIXELS = REGION
BRIGHT_PIXELS = BRIGHT_EDGE
VECTOR_LANES = VECTOR


cdef class CullingPlan:
    """The kernel's input for leaving terms out of an image; scene/culling_plan.py builds it.

    Parameters
    ----------
    sources, around : ndarray of SOURCE
    kappa, weights : ndarray
        1/wavelength (1/m) and weight of every source, and VECTOR_LANES more entries.
    beams, runs, groups, parameters : ndarray of BEAM, RUN, ORIENTATION_GROUP, CULLING_PARAMETERS
    squares : ndarray of float32, shape (h, k, l, 2)
    cells : ndarray of float32, shape (9, n)
    reciprocal : ndarray, shape (orientations, 3, 3)
    rest : CullingPlan or None
        That of what the crystal scatters besides.
    """

    cdef CPlan plan
    cdef object keep
    cdef readonly CullingPlan rest
    cdef readonly object sources, around, runs

    def __cinit__(self, sources, around, const double[::1] kappa, const double[::1] weights, const Beam[::1] beams,
                  const Run[::1] runs, const OrientationGroup[::1] groups, const CullingParameters[::1] parameters,
                  const float[:, :, :, ::1] squares, const float[:, ::1] cells, const double[:, :, ::1] reciprocal,
                  CullingPlan rest=None):
        memset(&self.plan, 0, sizeof(CPlan))
        (<CullingParameters *> &self.plan)[0] = parameters[0]
        self.plan.sources = <const Source *> <uintptr_t> sources.ctypes.data
        self.plan.around = <const Source *> <uintptr_t> around.ctypes.data
        self.plan.n_around = <int> len(around)
        self.plan.kappa = &kappa[0]
        self.plan.weights = &weights[0]
        self.plan.beams = &beams[0]
        self.plan.n_beams = <int> beams.shape[0]
        self.plan.runs = &runs[0]
        self.plan.n_runs = <int> runs.shape[0]
        self.plan.groups = &groups[0]
        self.plan.n_groups = <int> groups.shape[0]
        self.plan.squares = &squares[0, 0, 0, 0]
        self.plan.cells = &cells[0, 0]
        self.plan.padded = <int> cells.shape[1]
        self.plan.reciprocal = &reciprocal[0, 0, 0]
        if rest is not None:
            self.plan.rest = &rest.plan
        self.rest = rest
        self.sources, self.around, self.runs = sources, around, np.asarray(runs)
        self.keep = (sources, around, kappa, weights, beams, runs, groups, parameters, squares, cells, reciprocal)

    @property
    def arrays(self):
        """The parameters by name."""
        names = ("sources", "around", "kappa", "weights", "beams", "runs", "groups", "parameters", "squares", "cells",
                 "reciprocal")
        return {name: np.asarray(array) for name, array in zip(names, self.keep)}

    @property
    def address(self):
        """Address of the kernel's plan, for `_gradient`; valid while this object lives."""
        return <uintptr_t> &self.plan


cdef class Work:
    """Memory of every thread: what the kernel asks for, a region's photons, and which of its pixels are wanted."""

    cdef char *block
    cdef size_t stride
    cdef Tally *tallies
    cdef int threads

    def __cinit__(self, size_t bytes, int threads):
        self.stride = bytes + REGION * REGION * (sizeof(double) + 1) + 64
        self.stride += -self.stride % 64
        self.threads = threads
        self.block = <char *> calloc(threads + 1, self.stride)
        self.tallies = <Tally *> calloc(threads, sizeof(Tally))
        if self.block == NULL or self.tallies == NULL:
            raise MemoryError(f"{threads} threads need {(threads + 1) * self.stride} bytes")

    def __dealloc__(self):
        free(self.block)
        free(self.tallies)

    cdef inline double *photons(self, int thread) noexcept nogil:
        cdef uintptr_t start = <uintptr_t> self.block
        return <double *> (self.block + (64 - start % 64) + thread * self.stride)

    cdef inline unsigned char *wanted(self, int thread) noexcept nogil:
        return <unsigned char *> (self.photons(thread) + REGION * REGION)

    cdef inline char *memory(self, int thread) noexcept nogil:
        return <char *> (self.wanted(thread) + REGION * REGION)


cdef Region clip_region(int panel, int fast, int slow, int rows, int columns, int x0, int x1, int y0, int y1,
                        const unsigned char[:, :, ::1] mask, unsigned char *wanted) noexcept nogil:
    """Return the region at a pixel, with the pixels marked that are in the ROI and in the mask."""
    cdef Region region
    cdef int x, y
    region.fast = fast
    region.slow = slow
    region.n_fast = min(REGION, columns - fast)
    region.n_slow = min(REGION, rows - slow)
    region.wanted = wanted
    memset(wanted, 0, REGION * REGION)
    for y in range(max(y0 - slow, 0), min(y1 - slow + 1, region.n_slow)):
        for x in range(max(x0 - fast, 0), min(x1 - fast + 1, region.n_fast)):
            wanted[REGION * y + x] = mask is None or mask[panel, slow + y, fast + x] != 0
    return region


cdef void store_region(photons_t[:, :, ::1] out, int panel, const Region &region, const double *photons,
                       bint add) noexcept nogil:
    cdef int x, y
    cdef photons_t *row
    cdef const double *found
    cdef const unsigned char *wanted
    for y in range(region.n_slow):
        row = &out[panel, region.slow + y, region.fast]
        found, wanted = photons + REGION * y, region.wanted + REGION * y
        if not add and memchr(wanted, 0, region.n_fast) == NULL:
            for x in range(region.n_fast):
                row[x] = <photons_t> found[x]
            continue
        for x in range(region.n_fast):
            if wanted[x]:
                row[x] = <photons_t> (row[x] + found[x]) if add else <photons_t> found[x]


def memory_per_thread(uintptr_t kernel_address, uintptr_t scene_address, CullingPlan plan):
    """Bytes that a thread needs to render regions."""
    return (<const Kernel *> kernel_address).region_bytes((<const Scene *> scene_address)[0], plan.plan)


def render(uintptr_t kernel_address, uintptr_t scene_address, CullingPlan plan, double epsilon, int precision,
           photons_t[:, :, ::1] out, roi, const unsigned char[:, :, ::1] mask, bint add, int threads, int[::1] stop,
           int64_t[::1] done):
    """Render as `_core.render` does, each pixel at most `epsilon` photons too low.

    Returns
    -------
    bound, evaluated : float, int
        The most that a pixel misses, and the number of terms that were evaluated.
    """
    cdef const Kernel *kernel = <const Kernel *> kernel_address
    cdef const Scene *scene = <const Scene *> scene_address
    cdef int x0 = roi[0], x1 = roi[1], y0 = roi[2], y1 = roi[3]
    cdef int rows = <int> out.shape[1], columns = <int> out.shape[2], panels = <int> out.shape[0]
    cdef int across = x1 // REGION - x0 // REGION + 1, down = y1 // REGION - y0 // REGION + 1
    cdef int64_t units = <int64_t> panels * across * down, unit
    cdef Work work = Work(kernel.region_bytes(scene[0], plan.plan), threads)
    cdef int thread, panel
    cdef Region region
    with nogil:
        for unit in prange(units, schedule="dynamic", chunksize=1, num_threads=threads):
            if not stop[0]:
                thread = threadid()
                panel = <int> (unit // (across * down))
                region = clip_region(
                    panel, (x0 // REGION + <int> (unit % across)) * REGION,
                    (y0 // REGION + <int> (unit // across % down)) * REGION, rows, columns, x0, x1, y0, y1, mask,
                    work.wanted(thread))
                kernel.render_region(scene[0], scene.panels[panel], plan.plan, epsilon, region, precision,
                                     work.memory(thread), &stop[0], work.photons(thread), &work.tallies[thread])
                if not stop[0]:
                    store_region(out, panel, region, work.photons(thread), add)
                count(&done[0], region.n_fast * region.n_slow)
    return (max(work.tallies[thread].bound for thread in range(threads)),
            sum(work.tallies[thread].evaluated for thread in range(threads)))


def try_region(uintptr_t kernel_address, uintptr_t scene_address, CullingPlan plan, double epsilon, int precision,
               int panel, int rows, int columns, roi, const unsigned char[:, :, ::1] mask, int[::1] stop):
    """Render the part of a region that is in a ROI, and keep nothing of it.

    Returns
    -------
    largest, evaluated : float, int
        The photons of its brightest pixel, at most `epsilon` too few, and the number of terms that were evaluated.
    """
    cdef const Kernel *kernel = <const Kernel *> kernel_address
    cdef const Scene *scene = <const Scene *> scene_address
    cdef int x0 = roi[0], x1 = roi[1], y0 = roi[2], y1 = roi[3], i
    cdef Work work = Work(kernel.region_bytes(scene[0], plan.plan), 1)
    cdef Region region
    cdef double largest = 0.0
    with nogil:
        region = clip_region(panel, x0 // REGION * REGION, y0 // REGION * REGION, rows, columns, x0, x1, y0, y1, mask,
                             work.wanted(0))
        kernel.render_region(scene[0], scene.panels[panel], plan.plan, epsilon, region, precision, work.memory(0),
                             &stop[0], work.photons(0), &work.tallies[0])
        for i in range(REGION * REGION):
            if region.wanted[i]:
                largest = max(largest, work.photons(0)[i])
    return largest, work.tallies[0].evaluated


def find_brightest(uintptr_t kernel_address, uintptr_t scene_address, CullingPlan plan, double reach_sqr, int panels,
                   int rows, int columns, const unsigned char[:, :, ::1] mask, int threads, int[::1] stop):
    """Return the tile of every region that is probably its brightest.

    Returns
    -------
    panel : ndarray of int, shape (regions,)
    tiles : ndarray of BRIGHT, shape (regions,)
    """
    cdef const Kernel *kernel = <const Kernel *> kernel_address
    cdef const Scene *scene = <const Scene *> scene_address
    cdef int across = (columns - 1) // REGION + 1, down = (rows - 1) // REGION + 1, thread, panel
    cdef int64_t units = <int64_t> panels * across * down, unit
    cdef Work work = Work(kernel.region_bytes(scene[0], plan.plan), threads)
    cdef Region region
    tiles = np.zeros(units, BRIGHT)
    cdef Bright[::1] found = tiles
    with nogil:
        for unit in prange(units, schedule="dynamic", chunksize=1, num_threads=threads):
            if not stop[0]:
                thread = threadid()
                panel = <int> (unit // (across * down))
                region = clip_region(panel, <int> (unit % across) * REGION, <int> (unit // across % down) * REGION,
                                     rows, columns, 0, columns - 1, 0, rows - 1, mask, work.wanted(thread))
                found[unit] = kernel.find_brightest(scene[0], scene.panels[panel], plan.plan, region, reach_sqr,
                                                    work.memory(thread), &stop[0])
    return np.arange(units) // (across * down), tiles
