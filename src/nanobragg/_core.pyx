# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Scene → photons: holds a resolved scene for the kernel, and loops over spans of pixels."""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uintptr_t
from libc.string cimport memset

from ._scene cimport CRules, CScene, Crystal, Panel, Parameters, Scene, Smear, Source, SPAN_PIXELS

from collections import namedtuple

import numpy as np


cdef extern from "nanobragg/trace_record.h" namespace "nb" nogil:
    ctypedef struct TraceRecord:
        double rank, ordinal, layer
        double[2] at
        double[3] position
        double r
        double[3] d
        double obliquity, rho, omega, capture, source, live
        double[3] q
        double cos_2theta, along_e, along_b, polar, weight, part, orientation
        double[3][3] cell
        double[3] h, nearest, numerator, denominator
        double radius_sqr, lattice_sqr, interpolated, amplitude, running
    ctypedef struct CTotals "nb::TraceTotals":
        TraceRecord last
        TraceRecord *kept
        int capacity, n_kept
        long long n_terms, n_skipped
        double water, total, omega, polar, capture, photons

cdef extern from "nanobragg/kernel.h" namespace "nb" nogil:
    ctypedef struct COrder:
        bint first
        bint interpolating
    bint depends_on_order(const CScene &scene, const COrder &order)
    ctypedef struct Kernel:
        void (*render)(const CScene &, const Panel &, int, const int *, int, int, const int *,
                       double *) noexcept nogil
        void (*render_c)(const CScene &, const Panel &, int, const int *, int, COrder *, const int *,
                         double *) noexcept nogil
        void (*trace)(const CScene &, const Panel &, int, int, CTotals *) noexcept nogil
        void (*trace_c)(const CScene &, const Panel &, int, int, COrder *, CTotals *) noexcept nogil
        double (*solid_angle)(const CScene &, const Panel &, int, int) noexcept nogil
        double (*solid_angle_c)(const CScene &, const Panel &, int, int) noexcept nogil
        double (*multiply_adds)(int64_t) noexcept nogil
    ctypedef struct GradientKernel:
        pass
    ctypedef struct NoiseKernel:
        pass
    ctypedef struct NamedKernel:
        const char *name
        const Kernel *kernel
        const GradientKernel *gradient
        const NoiseKernel *noise
    int kernels(NamedKernel *list)

cdef extern from *:
    """
    #if defined(_OPENMP)
    #define NB_OPENMP 1
    #else
    #define NB_OPENMP 0
    #endif
    """
    int NB_OPENMP

cdef extern from "nanobragg/count.h" namespace "nb" nogil:
    void count(int64_t *counter, int64_t n) noexcept

ctypedef fused photons_t:
    float
    double


cdef Panel panel_example
cdef Source source_example
cdef Parameters parameters_example
cdef CRules rules_example
cdef Smear smear_example
cdef Crystal crystal_example
cdef TraceRecord record_example

PANEL = np.asarray(<Panel[:1]> &panel_example).dtype
SOURCE = np.asarray(<Source[:1]> &source_example).dtype
PARAMETERS = np.asarray(<Parameters[:1]> &parameters_example).dtype
SMEAR = np.asarray(<Smear[:1]> &smear_example).dtype
CRYSTAL = np.asarray(<Crystal[:1]> &crystal_example).dtype
C_RULES = np.asarray(<CRules[:1]> &rules_example).dtype
TRACE_RECORD = np.asarray(<TraceRecord[:1]> &record_example).dtype
LOOKUPS = ("constant", "nearest", "tricubic", "phased")
PRECISIONS = ("double", "double from floats", "single")  # of terms, and of the table: see kernel.h
HAS_OPENMP = bool(NB_OPENMP)

TraceTotals = namedtuple(
    "TraceTotals", ["n_kept", "n_terms", "n_skipped", "water", "total", "omega", "polar", "capture", "photons"])

cdef NamedKernel[8] kernel_list
cdef int kernel_count = kernels(kernel_list)
cdef NamedKernel chosen = kernel_list[kernel_count - 1]


def instruction_sets():
    """Names of the compiled kernels that this processor runs, slowest first."""
    return tuple(kernel_list[i].name.decode() for i in range(kernel_count))


def use_instruction_set(name):
    """Render with this kernel from now on; returns its name."""
    global chosen
    for i in range(kernel_count):
        if kernel_list[i].name.decode() == name:
            chosen = kernel_list[i]
            return name
    raise ValueError(f"instruction set {name!r}: this machine has {', '.join(instruction_sets())}")


def instruction_set():
    """Name of the kernel in use."""
    return chosen.name.decode()


def kernel_address():
    """Address of the kernel in use, for `_culling`."""
    return <uintptr_t> chosen.kernel


def noise_kernel():
    """Address of the noise of the instruction set in use, for `_photons`."""
    return <uintptr_t> chosen.noise


def gradient_kernel():
    """Address of the gradient kernel of the instruction set in use, for `_gradient`."""
    return <uintptr_t> chosen.gradient


def multiply_adds(int64_t n):
    """Do n independent multiply-adds in double precision with the instructions of the kernel in use; nothing else.

    The time that this takes on one core is what benchmarks compare rendering with.
    """
    with nogil:
        chosen.kernel.multiply_adds(n)


cdef class CoreScene:
    """A resolved scene in the kernel's form, which scene/kernel_input.py builds.

    Parameters
    ----------
    panels, sources : ndarray of PANEL, of SOURCE
    parameters : ndarray of PARAMETERS, shape (1,)
    cells : ndarray, shape (n, 3, 3)
        Vectors a, b, c (rows, metres) of every orientation.
    shares : ndarray, shape (n,), or None
        Share of every orientation in the crystal, 1 on average; None: all are equal.
    mask : ndarray of uint8, shape (panels, slow, fast), or None
    tables : ndarray, shape (m, h, k, l), or None
        Structure factors: doubles for the first of PRECISIONS, floats for the others.
    amorphous : ndarray, or None
    precision
        One of PRECISIONS.
    c_rules : ndarray of C_RULES, shape (1,), or None
        Render as the original program does; else None.
    first_cells : ndarray, shape (n, 3, 3), or None
        What the first term of all sees in place of `cells`; only with `c_rules`.
    smear : ndarray of SMEAR, shape (1,) or (2,), or None
        How domains and wavelengths smear the spots; None: not at all. Behind it its derivative, for that of an image.
    rest : CoreScene or None
        What the crystal scatters besides, with the same orientations; it may have a `rest` of its own.
    crystal_slope : ndarray of CRYSTAL, shape (1,), or None
        Derivative of the crystal's metric and cells, for that of an image.
    """

    cdef CScene scene
    cdef object keep
    cdef object mask
    cdef readonly int n_panels
    cdef readonly bint like_c
    cdef readonly CoreScene rest
    cdef object crystal_slope
    cdef int precision_number

    def __cinit__(self, const Panel[::1] panels, const Source[::1] sources, const Parameters[::1] parameters,
                  const double[:, :, ::1] cells, const double[::1] shares, mask, tables,
                  const double[::1] amorphous, str precision,
                  const CRules[::1] c_rules=None, const double[:, :, ::1] first_cells=None,
                  const Smear[::1] smear=None, CoreScene rest=None, const Crystal[::1] crystal_slope=None):
        memset(&self.scene, 0, sizeof(CScene))
        (<Parameters *> &self.scene)[0] = parameters[0]
        self.scene.panels = &panels[0]
        self.scene.sources = &sources[0]
        self.scene.n_sources = <int> sources.shape[0]
        self.scene.cells = &cells[0, 0, 0]
        self.scene.n_cells = <int> cells.shape[0]
        if shares is not None:
            self.scene.shares = &shares[0]
        self.n_panels = <int> panels.shape[0]
        self.precision_number = PRECISIONS.index(precision)
        self.mask = mask
        if tables is not None:
            self.keep_tables(tables)
        if amorphous is not None:
            self.scene.amorphous = &amorphous[0]
            self.scene.n_amorphous = <int> amorphous.shape[0]
        self.like_c = c_rules is not None
        if self.like_c:
            self.scene.rules = c_rules[0]
        if first_cells is not None:
            self.scene.first_cells = &first_cells[0, 0, 0]
        if smear is not None:
            self.scene.smear = &smear[0]
            if smear.shape[0] > 1:
                self.scene.smear_slope = &smear[1]
        if rest is not None:
            self.scene.rest = <const Scene *> &rest.scene
        if crystal_slope is not None:
            self.scene.crystal_slope = &crystal_slope[0]
        self.rest = rest
        self.crystal_slope = crystal_slope
        self.keep = (panels, sources, parameters, cells, shares, tables, amorphous, c_rules, first_cells, smear)

    cdef keep_tables(self, tables):
        cdef const double[:, :, :, ::1] doubles
        cdef const float[:, :, :, ::1] floats
        if self.precision == "double":
            doubles = tables
            self.scene.tables = &doubles[0, 0, 0, 0]
        else:
            floats = tables
            self.scene.tables = &floats[0, 0, 0, 0]
        self.scene.table_bytes = tables[0].nbytes

    def probe(self, int orientations, int sources):
        """The first orientations and sources of this scene, with one sub-pixel, to measure the speed of the kernel."""
        panels, every_source, parameters, cells, shares, tables, amorphous, c_rules, _, smear = self.keep
        rest = None if self.rest is None else self.rest.probe(orientations, sources)
        coarse = np.array(parameters)
        coarse["oversample"] = 1
        return CoreScene(panels, every_source[:sources], coarse, cells[:orientations],
                         None if shares is None else shares[:orientations], None, tables, amorphous, self.precision,
                         c_rules, smear=smear, rest=rest)

    @property
    def nbytes(self):
        """Bytes of all arrays."""
        own = sum(np.asarray(array).nbytes for array in (*self.keep, self.mask) if array is not None)
        return own + (0 if self.rest is None else self.rest.nbytes)

    @property
    def precision(self):
        """One of PRECISIONS."""
        return PRECISIONS[self.precision_number]

    @property
    def panels(self):
        """Panels as an array of PANEL."""
        return np.asarray(self.keep[0])

    @property
    def sources(self):
        """Sources as an array of SOURCE."""
        return np.asarray(self.keep[1])

    @property
    def parameters(self):
        """An array of PARAMETERS, shape (1,)."""
        return np.asarray(self.keep[2])

    @property
    def cells(self):
        """Vectors a, b, c (rows, metres) of every orientation."""
        return np.asarray(self.keep[3])

    @property
    def shares(self):
        """Share of every orientation in the crystal, or None."""
        return None if self.keep[4] is None else np.asarray(self.keep[4])

    @property
    def tables(self):
        """Structure factors, or None."""
        return self.keep[5]

    @property
    def lookup(self):
        """One of LOOKUPS."""
        return LOOKUPS[(<Parameters *> &self.scene).lookup]

    @property
    def amorphous(self):
        """Squared amplitudes of what surrounds the crystal, or None."""
        return None if self.keep[6] is None else np.asarray(self.keep[6])

    @property
    def smear(self):
        """How the spots are smeared, an array of SMEAR, or None."""
        return None if self.keep[9] is None else np.asarray(self.keep[9])

    @property
    def has_amorphous(self):
        """Whether the background depends on the scattering vector, and so on the wavelength."""
        return self.scene.amorphous != NULL

    @property
    def address(self):
        """Address of the kernel's scene, for `_culling` and `_gradient`; valid while this object lives."""
        return <uintptr_t> &self.scene


def render(CoreScene core, photons_t[:, :, ::1] out, roi, const unsigned char[:, :, ::1] mask, bint add, int threads,
           int[::1] stop, int64_t[::1] done):
    """Render into `out` of shape (panels, slow, fast).

    Parameters
    ----------
    roi : (x0, x1, y0, y1), inclusive
    mask : ndarray of uint8, shape (panels, slow, fast), or None
        0: not rendered; in place of the mask of `core`.
    add
        Add to `out` in place of setting its pixels; pixels outside the ROI and masked ones are not touched.
    stop
        One number; another thread sets it to give up.
    done
        One number; grows with the pixels that are finished.
    """
    cdef int x0 = roi[0], x1 = roi[1], y0 = roi[2], y1 = roi[3]
    cdef int width = unit_width(mask, x0, x1, y0, y1)
    cdef int64_t rows = y1 - y0 + 1, blocks = (x1 - x0) // width + 1
    cdef int64_t units = core.n_panels * rows * blocks, unit, begun = 0
    cdef int chunk = max(1, min(16, units // (8 * threads)))
    cdef const Kernel *kernel = chosen.kernel
    cdef COrder order = first_pixel()
    with nogil:
        while core.like_c and depends_on_order(core.scene, order) and begun < core.n_panels * rows and not stop[0]:
            render_row_in_order(kernel, core, out, <int> (begun // rows), y0 + <int> (begun % rows), x0, x1, mask, add,
                                &order, &stop[0])
            done[0] += x1 - x0 + 1
            begun += 1
        for unit in prange(begun * blocks, units, schedule="dynamic", chunksize=chunk, num_threads=threads):
            if not stop[0]:
                render_unit(kernel, core, out, <int> (unit // blocks // rows), y0 + <int> (unit // blocks % rows),
                            x0 + <int> (unit % blocks) * width, min(x1, x0 + <int> (unit % blocks + 1) * width - 1),
                            mask, add, order, &stop[0])
                count(&done[0], min(width, x1 - x0 + 1 - <int> (unit % blocks) * width))


cdef int unit_width(mask, int x0, int x1, int y0, int y1):
    """Columns of a unit of work that has about a span of rendered pixels: more where most are masked."""
    if mask is None:
        return SPAN_PIXELS
    part = np.asarray(mask)[:, y0:y1 + 1, x0:x1 + 1]
    return min(x1 - x0 + 1, SPAN_PIXELS * max(1, part.size // max(1, np.count_nonzero(part))))


cdef inline COrder first_pixel() noexcept nogil:
    cdef COrder order
    order.first = True
    order.interpolating = True
    return order


cdef inline void store(photons_t *target, double photons, bint add) noexcept nogil:
    if add:
        target[0] = <photons_t> (target[0] + photons)
    else:
        target[0] = <photons_t> photons


cdef void render_row_in_order(const Kernel *kernel, CoreScene core, photons_t[:, :, ::1] out, int panel, int slow,
                              int x0, int x1, const unsigned char[:, :, ::1] mask, bint add, COrder *order,
                              const int *stop) noexcept nogil:
    """Render pixel by pixel: each leaves a state in `order` that the next depends on."""
    cdef const Panel *p = &core.scene.panels[panel]
    cdef double photons
    cdef int fast
    for fast in range(x0, x1 + 1):
        if mask is None or mask[panel, slow, fast] != 0:
            kernel.render_c(core.scene, p[0], slow, &fast, 1, order, stop, &photons)
            store(&out[panel, slow, fast], photons, add)


cdef void render_unit(const Kernel *kernel, CoreScene core, photons_t[:, :, ::1] out, int panel, int slow, int first,
                      int last, const unsigned char[:, :, ::1] mask, bint add, COrder order,
                      const int *stop) noexcept nogil:
    """Render the columns from `first` to `last` of a row, a span of unmasked pixels at a time."""
    cdef int[SPAN_PIXELS] fast
    cdef int n = 0, i
    for i in range(first, last + 1):
        if mask is None or mask[panel, slow, i] != 0:
            fast[n] = i
            n += 1
        if n == SPAN_PIXELS or (i == last and n > 0):
            render_span(kernel, core, out, panel, slow, fast, n, add, order, stop)
            n = 0


cdef void render_span(const Kernel *kernel, CoreScene core, photons_t[:, :, ::1] out, int panel, int slow,
                      const int *fast, int n, bint add, COrder order, const int *stop) noexcept nogil:
    cdef double[SPAN_PIXELS] photons
    cdef int i
    if core.like_c:
        kernel.render_c(core.scene, core.scene.panels[panel], slow, fast, n, &order, stop, photons)
    else:
        kernel.render(core.scene, core.scene.panels[panel], slow, fast, n, core.precision_number, stop, photons)
    for i in range(0 if stop[0] else n):
        store(&out[panel, slow, fast[i]], photons[i], add)


def solid_angle(CoreScene core, roi, const unsigned char[:, :, ::1] mask):
    """Solid angle (sr) of the rendered pixels, summed over sub-pixels (and layers, as the C program counts)."""
    cdef int x0 = roi[0], x1 = roi[1], y0 = roi[2], y1 = roi[3], panel, slow, fast
    cdef double total = 0.0
    cdef const Kernel *kernel = chosen.kernel
    with nogil:
        for panel in range(core.n_panels):
            for slow in range(y0, y1 + 1):
                with gil:
                    PyErr_CheckSignals()
                for fast in range(x0, x1 + 1):
                    if mask is not None and mask[panel, slow, fast] == 0:
                        continue
                    if core.like_c:
                        total += kernel.solid_angle_c(core.scene, core.scene.panels[panel], slow, fast)
                    else:
                        total += kernel.solid_angle(core.scene, core.scene.panels[panel], slow, fast)
    return total


def trace(CoreScene core, roi, int panel, int slow, int fast, TraceRecord[::1] kept):
    """Render one pixel as an image of `roi` has it, and record its terms.

    `kept`, shape (n + 1,), receives the n strongest terms in no order, and in its last row what the last place, source
    and term left behind. The mask must let the pixel through.
    """
    cdef CTotals totals
    cdef COrder order = first_pixel()
    memset(&totals, 0, sizeof(CTotals))
    totals.kept = &kept[0]
    totals.capacity = <int> kept.shape[0] - 1
    if core.like_c:
        approach(core, &order, roi, panel, slow, fast)
        chosen.kernel.trace_c(core.scene, core.scene.panels[panel], slow, fast, &order, &totals)
    else:
        chosen.kernel.trace(core.scene, core.scene.panels[panel], slow, fast, &totals)
    kept[kept.shape[0] - 1] = totals.last
    return TraceTotals(totals.n_kept, totals.n_terms, totals.n_skipped, totals.water, totals.total, totals.omega,
                       totals.polar, totals.capture, totals.photons)


cdef approach(CoreScene core, COrder *order, roi, int panel, int slow, int fast):
    """Bring `order` to where it is when an image of `roi` comes to this pixel."""
    cdef int x0 = roi[0], x1 = roi[1], y0 = roi[2], y1 = roi[3], p, s, f, never = 0
    cdef const unsigned char[:, :, ::1] mask = core.mask
    cdef double photons
    for p in range(panel + 1):
        for s in range(y0, (slow if p == panel else y1) + 1):
            PyErr_CheckSignals()
            for f in range(x0, fast if p == panel and s == slow else x1 + 1):
                if not depends_on_order(core.scene, order[0]):
                    return
                if mask is None or mask[p, s, f] != 0:
                    chosen.kernel.render_c(core.scene, core.scene.panels[p], s, &f, 1, order, &never, &photons)
