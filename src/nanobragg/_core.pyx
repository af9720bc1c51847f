# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Scene → photons: owns the resolved scene's memory, and the loop over spans of pixels."""

from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset


cdef extern from "nanobragg/kernel.h" nogil:
    enum:
        NB_SPAN_PIXELS
        NB_NEAREST
        NB_IN_DOUBLE
        NB_PRECISIONS
    ctypedef struct nb_panel:
        double pix0[3]
        double fast[3]
        double slow[3]
        double normal[3]
        double pixel
        double close_distance
        double distance
        double beam[3]
        double axis[2][3]
        double along[2][3]
        double start[2]
    ctypedef struct nb_source:
        double direction[3]
        double wavelength
        double weight
        double e[3]
        double b[3]
        const void *amplitudes
    ctypedef struct nb_table:
        const void *values
        int low[3]
        int high[3]
        int stride_h
        int stride_k
        double constant
    ctypedef struct nb_scene:
        const nb_panel *panels
        const nb_source *sources
        int n_sources
        const double *cells
        const double *first_cells
        int n_cells
        double n[3]
        double metric[6]
        int shape
        int lookup
        nb_table table
        int oversample
        int n_layers
        int has_sensor
        double layer
        double mu
        int point_pixel
        int curved
        int polarized
        double kahn
        double d_min
        double water
        const double *amorphous
        int n_amorphous
        double amorphous_step
        double scale
        int c_factors
        int every_omega
        int every_polar
        int every_capture
        int interpolation_ends
    ctypedef struct nb_recorder
    ctypedef struct nb_cells_table:
        pass
    ctypedef struct nb_state:
        int in_order
        int first
        int interpolating
        int *stop
        nb_cells_table *cells
        nb_recorder *recorder
    ctypedef void nb_span_fn(const nb_scene *, const nb_panel *, int, const int *, int, nb_state *,
                             double *) noexcept nogil
    ctypedef struct nb_kernel:
        const char *name
        nb_span_fn *span
        nb_span_fn *traced
        nb_cells_table *cells[NB_PRECISIONS]
        double (*omega)(const nb_scene *, const nb_panel *, int, int) noexcept nogil
        double (*multiply_adds)(int64_t) noexcept nogil
    int nb_kernels(const nb_kernel **)

cdef extern from "nanobragg/record.h" nogil:
    ctypedef struct nb_record:
        pass
    ctypedef struct nb_recorder "struct nb_recorder":
        nb_record now
        nb_record *kept
        double capacity
        double n_kept
        double n_terms
        double n_skipped
        double water
        const double *amorphous
        int n_amorphous
        double amorphous_step
        double total
        double omega
        double polar
        double capture
        double photons

cdef extern from *:
    """
    #if defined(_OPENMP)
    #define NB_OPENMP 1
    #else
    #define NB_OPENMP 0
    #endif
    """
    int NB_OPENMP

ctypedef fused photons_t:
    float
    double

SHAPES = ("square", "round", "gauss", "tophat")
LOOKUPS = ("constant", "nearest", "tricubic")
PRECISIONS = ("double", "double from floats", "single")  # of terms, and of the table: see kernel.h
HAS_OPENMP = bool(NB_OPENMP)
RECORD_DOUBLES = sizeof(nb_record) // sizeof(double)

cdef const nb_kernel *kernel_list[8]
cdef int kernel_count = nb_kernels(kernel_list)
cdef const nb_kernel *kernel = kernel_list[kernel_count - 1]


def instruction_sets():
    """Names of the compiled kernels that this processor runs, slowest first."""
    return tuple(kernel_list[i].name.decode() for i in range(kernel_count))


def use_instruction_set(name):
    """Render with this kernel from now on; returns its name."""
    global kernel
    for i in range(kernel_count):
        if kernel_list[i].name.decode() == name:
            kernel = kernel_list[i]
            return name
    raise ValueError(f"instruction set {name!r}: this machine has {', '.join(instruction_sets())}")


def instruction_set():
    """Name of the kernel in use."""
    return kernel.name.decode()


def multiply_adds(int64_t n):
    """Do n independent multiply-adds in double precision with the instructions of the kernel in use; nothing else.

    The time that this takes on one core is what benchmarks compare rendering with.
    """
    with nogil:
        kernel.multiply_adds(n)


cdef void put(double *target, numbers) except *:
    cdef Py_ssize_t i
    for i, number in enumerate(numbers):
        target[i] = number


cdef void put_panel(nb_panel *panel, dict numbers) except *:
    put(panel.pix0, numbers["pix0"])
    put(panel.fast, numbers["fast"])
    put(panel.slow, numbers["slow"])
    put(panel.normal, numbers["normal"])
    put(panel.beam, numbers["beam"])
    put(panel.start, numbers["start"])
    for i in range(2):
        put(panel.axis[i], numbers["axis"][i])
        put(panel.along[i], numbers["along"][i])
    panel.pixel = numbers["pixel"]
    panel.close_distance = numbers["close_distance"]
    panel.distance = numbers["distance"]


cdef void put_source(nb_source *source, dict numbers) except *:
    put(source.direction, numbers["direction"])
    put(source.e, numbers["e"])
    put(source.b, numbers["b"])
    source.wavelength = numbers["wavelength"]
    source.weight = numbers["weight"]


cdef void put_scene(nb_scene *scene, dict numbers) except *:
    put(scene.n, numbers["n"])
    put(scene.metric, numbers["metric"])
    for i in range(3):
        scene.table.low[i] = numbers["table_low"][i]
        scene.table.high[i] = numbers["table_high"][i]
    scene.table.stride_h, scene.table.stride_k = numbers["table_strides"]
    scene.table.constant = numbers["default_F"]
    scene.shape = numbers["shape"]
    scene.lookup = numbers["lookup"]
    scene.oversample = numbers["oversample"]
    scene.n_layers = numbers["n_layers"]
    scene.has_sensor = numbers["has_sensor"]
    scene.layer = numbers["layer"]
    scene.mu = numbers["mu"]
    scene.point_pixel = numbers["point_pixel"]
    scene.curved = numbers["curved"]
    scene.polarized = numbers["polarized"]
    scene.kahn = numbers["kahn"]
    scene.d_min = numbers["d_min"]
    scene.water = numbers["water"]
    scene.amorphous_step = numbers["amorphous_step"]
    scene.scale = numbers["scale"]
    scene.c_factors = numbers["c_factors"]
    scene.every_omega = numbers["every_omega"]
    scene.every_polar = numbers["every_polar"]
    scene.every_capture = numbers["every_capture"]
    scene.interpolation_ends = numbers["interpolation_ends"]


cdef class CoreScene:
    """A resolved scene in the kernel's form. Built from plain arrays and numbers by scene.py.

    `panels`, `sources` and `numbers` name the fields of the C structs in include/nanobragg/scene.h;
    `cells` has shape (n, 3, 3), metres; `mask` and `tables` may be None. `tables` has shape (m, h, k, l), and each
    source the number of its own. `precision` is one of PRECISIONS; tables are of doubles for the first and of floats
    for the others.
    """

    cdef nb_scene scene
    cdef nb_panel *panels
    cdef nb_source *sources
    cdef object keep
    cdef object tables
    cdef object mask
    cdef readonly int n_panels
    cdef int precision_number

    def __cinit__(self, list panels, list sources, cells, first_cells, mask, tables, amorphous, str precision,
                  dict numbers):
        self.n_panels = len(panels)
        self.panels = <nb_panel *> calloc(len(panels), sizeof(nb_panel))
        self.sources = <nb_source *> calloc(len(sources), sizeof(nb_source))
        if self.panels == NULL or self.sources == NULL:
            raise MemoryError()
        for i, panel in enumerate(panels):
            put_panel(&self.panels[i], panel)
        for i, source in enumerate(sources):
            put_source(&self.sources[i], source)
        put_scene(&self.scene, numbers)
        self.scene.panels = self.panels
        self.scene.sources = self.sources
        self.scene.n_sources = len(sources)
        self.mask = mask
        self.precision_number = PRECISIONS.index(precision)
        self.keep_arrays(cells, first_cells, tables, amorphous)
        for i, source in enumerate(sources):
            self.choose_table(&self.sources[i], source["table"])

    cdef keep_arrays(self, cells, first_cells, tables, amorphous):
        cdef const double[:, :, ::1] view = cells
        cdef const double[::1] curve
        self.scene.cells = &view[0, 0, 0]
        self.scene.n_cells = view.shape[0]
        if first_cells is not None:
            view = first_cells
            self.scene.first_cells = &view[0, 0, 0]
        if amorphous is not None:
            curve = amorphous
            self.scene.amorphous = &curve[0]
            self.scene.n_amorphous = curve.shape[0]
        self.tables = tables
        self.keep = (cells, first_cells, amorphous)

    cdef choose_table(self, nb_source *source, Py_ssize_t number):
        cdef const double[:, :, :, ::1] doubles
        cdef const float[:, :, :, ::1] floats
        if self.tables is None:
            return
        if self.precision_number == NB_IN_DOUBLE:
            doubles = self.tables[number:number + 1]
            source.amplitudes = &doubles[0, 0, 0, 0]
        else:
            floats = self.tables[number:number + 1]
            source.amplitudes = &floats[0, 0, 0, 0]

    def __dealloc__(self):
        free(self.panels)
        free(self.sources)

    @property
    def precision(self):
        """One of PRECISIONS."""
        return PRECISIONS[self.precision_number]

    @property
    def needs_order(self):
        """Whether some first pixels must be rendered one by one, in the image's order (compat="c")."""
        return self.scene.first_cells != NULL or bool(self.scene.interpolation_ends)


cdef nb_state begin(CoreScene core, int *stop):
    """The state before the first pixel of an image."""
    cdef nb_state state
    memset(&state, 0, sizeof(nb_state))
    state.in_order = core.needs_order
    state.first = 1
    state.interpolating = 1
    state.stop = stop
    state.cells = kernel.cells[core.precision_number]
    return state


cdef void settle(nb_scene *scene, nb_state *state) noexcept nogil:
    """Give up the pixels' order once nothing depends on it any more."""
    if not state.first and not (scene.interpolation_ends and state.interpolating):
        state.in_order = 0
        if scene.interpolation_ends:
            scene.interpolation_ends = 0
            scene.lookup = NB_NEAREST


def render(CoreScene core, photons_t[:, :, ::1] out, roi, bint add, int threads, int[::1] stop, int64_t[::1] done):
    """Render into `out` of shape (panels, slow, fast).

    Parameters
    ----------
    roi : (x0, x1, y0, y1), inclusive
    add
        Add to `out` in place of setting its pixels; pixels outside the ROI and masked ones are not touched.
    stop
        One number; another thread sets it to give up.
    done
        One number; grows with the pixels that are finished.
    """
    cdef int x0 = roi[0], x1 = roi[1], y0 = roi[2], y1 = roi[3]
    cdef const unsigned char[:, :, ::1] mask
    cdef bint masked = core.mask is not None
    if masked:
        mask = core.mask
    cdef nb_state start = begin(core, &stop[0])
    cdef int64_t rows = y1 - y0 + 1, blocks = (x1 - x0) // NB_SPAN_PIXELS + 1
    cdef int64_t units = core.n_panels * rows * blocks, unit, begun = 0
    cdef int chunk = max(1, min(16, units // (8 * threads)))
    cdef int panel, slow
    cdef nb_scene scene = core.scene
    cdef nb_span_fn *span = kernel.span
    with nogil:
        # Pixel by pixel until nothing depends on their order any more.
        while start.in_order and begun < core.n_panels * rows and not stop[0]:
            panel = <int> (begun // rows)
            slow = y0 + <int> (begun % rows)
            render_row_in_order(&scene, out, panel, slow, x0, x1, mask, masked, add, &start)
            done[0] += x1 - x0 + 1
            begun += 1
            settle(&scene, &start)
        for unit in prange(begun * blocks, units, schedule="dynamic", chunksize=chunk, num_threads=threads):
            if not stop[0]:
                render_unit(span, &scene, out, <int> (unit // blocks // rows), y0 + <int> (unit // blocks % rows),
                            x0 + <int> (unit % blocks) * NB_SPAN_PIXELS, x1, mask, masked, add, start)
                count(&done[0], min(NB_SPAN_PIXELS, x1 - x0 + 1 - <int> (unit % blocks) * NB_SPAN_PIXELS))


cdef extern from *:
    """
    #if defined(__GNUC__)
    static inline void nb_count(int64_t *counter, int64_t n) { __atomic_fetch_add(counter, n, __ATOMIC_RELAXED); }
    #else
    static inline void nb_count(int64_t *counter, int64_t n) { *counter += n; }
    #endif
    """
    void count "nb_count"(int64_t *counter, int64_t n) noexcept nogil


cdef inline void store(photons_t *target, double photons, bint add) noexcept nogil:
    if add:
        target[0] = <photons_t> (target[0] + photons)
    else:
        target[0] = <photons_t> photons


cdef void render_row_in_order(const nb_scene *scene, photons_t[:, :, ::1] out, int panel, int slow, int x0, int x1,
                              const unsigned char[:, :, ::1] mask, bint masked, bint add,
                              nb_state *state) noexcept nogil:
    cdef double photons
    cdef int fast
    for fast in range(x0, x1 + 1):
        if masked and mask[panel, slow, fast] == 0:
            continue
        kernel.span(scene, &scene.panels[panel], slow, &fast, 1, state, &photons)
        store(&out[panel, slow, fast], photons, add)


cdef void render_unit(nb_span_fn *span, const nb_scene *scene, photons_t[:, :, ::1] out, int panel, int slow,
                      int begin, int x1, const unsigned char[:, :, ::1] mask, bint masked, bint add,
                      nb_state state) noexcept nogil:
    cdef int[NB_SPAN_PIXELS] fast
    cdef double[NB_SPAN_PIXELS] photons
    cdef int n = 0, i
    for i in range(begin, min(begin + NB_SPAN_PIXELS, x1 + 1)):
        if not masked or mask[panel, slow, i] != 0:
            fast[n] = i
            n += 1
    if n == 0:
        return
    state.first = 0
    span(scene, &scene.panels[panel], slow, fast, n, &state, photons)
    if state.stop[0]:
        return
    for i in range(n):
        store(&out[panel, slow, fast[i]], photons[i], add)


def solid_angle(CoreScene core, roi):
    """Solid angle (sr) of the rendered pixels, summed over sub-pixels (and layers, as the C program counts)."""
    cdef int x0 = roi[0], x1 = roi[1], y0 = roi[2], y1 = roi[3], panel, slow, fast
    cdef const unsigned char[:, :, ::1] mask
    cdef bint masked = core.mask is not None
    cdef double total = 0.0
    if masked:
        mask = core.mask
    with nogil:
        for panel in range(core.n_panels):
            for slow in range(y0, y1 + 1):
                for fast in range(x0, x1 + 1):
                    if not masked or mask[panel, slow, fast] != 0:
                        total += kernel.omega(&core.scene, &core.panels[panel], slow, fast)
    return total


def trace(CoreScene core, roi, int panel, int slow, int fast, double[:, ::1] kept):
    """Render one pixel as an image of `roi` has it, and record its terms.

    `kept`, shape (n + 1, RECORD_DOUBLES), receives the n strongest terms in no order, and in its last row what the last
    place, source and term left behind. Returns the recorder's other numbers. Needs a pixel that the mask lets through.
    """
    cdef nb_scene scene = core.scene
    cdef nb_recorder recorder
    cdef int stop = 0
    cdef nb_state state = begin(core, &stop)
    cdef double photons
    memset(&recorder, 0, sizeof(nb_recorder))
    recorder.kept = <nb_record *> &kept[0, 0]
    recorder.capacity = kept.shape[0] - 1
    approach(core, &scene, &state, roi, panel, slow, fast)
    state.recorder = &recorder
    state.in_order = 1  # no lanes beyond the pixel's own
    with nogil:
        kernel.traced(&scene, &scene.panels[panel], slow, &fast, 1, &state, &photons)
    memcpy(&kept[kept.shape[0] - 1, 0], &recorder.now, sizeof(nb_record))
    return {
        "n_kept": int(recorder.n_kept),
        "n_terms": int(recorder.n_terms),
        "n_skipped": int(recorder.n_skipped),
        "lookup": scene.lookup,
        "water": recorder.water,
        "total": recorder.total,
        "omega": recorder.omega,
        "polar": recorder.polar,
        "capture": recorder.capture,
        "photons": recorder.photons,
    }


cdef approach(CoreScene core, nb_scene *scene, nb_state *state, roi, int panel, int slow, int fast):
    """Bring `state` to where it is when an image of `roi` comes to this pixel."""
    cdef int x0 = roi[0], x1 = roi[1], y0 = roi[2], y1 = roi[3], p, s, f
    cdef const unsigned char[:, :, ::1] mask
    cdef bint masked = core.mask is not None
    cdef double photons
    if masked:
        mask = core.mask
    for p in range(panel + 1):
        for s in range(y0, (slow if p == panel else y1) + 1):
            PyErr_CheckSignals()
            for f in range(x0, fast if p == panel and s == slow else x1 + 1):
                if not state.in_order:
                    return
                if not masked or mask[p, s, f] != 0:
                    kernel.span(scene, &scene.panels[p], s, &f, 1, state, &photons)
                    settle(scene, state)
