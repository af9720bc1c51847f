"""The structs of include/nanobragg/scene.h, for the compiled modules."""

cdef extern from "nanobragg/scene.h" namespace "nb" nogil:
    enum:
        SPAN_PIXELS
        VECTOR
    ctypedef struct Panel:
        double[3] pix0, fast, slow, normal
        double pixel, close_distance, distance
        double[3] beam
        double[2][3] axis, along
        double[2] start
    ctypedef struct Source:
        double[3] direction
        double wavelength, weight
        double[3] e, b
        int table
    ctypedef struct Crystal:
        double[3] n
        double[6] inverse_n
        double cells
        double[6] metric
        double around
    ctypedef struct Parameters:
        Crystal crystal
        int shape, lookup
        double default_F
        int[3] table_low, table_high
        int table_stride_h, table_stride_k, table_steps, oversample, n_layers, has_sensor
        double layer, mu
        int point_pixel, curved, polarized, has_beamstop
        double kahn
        double[3] beamstop
        double beamstop_cosine, beamstop_passes, d_min, water, amorphous_step, scale
    ctypedef struct Smear:
        double[6] block
        double[6][6] by_index
        double[6] metric
        double band
        double[3] edges
        double widest, widest_block, sharpest_block
    ctypedef struct CRules:
        int every_omega, every_polar, every_capture, interpolation_ends
    ctypedef struct Scene:
        const Panel *panels
    ctypedef struct CScene:
        const Panel *panels
        const Source *sources
        int n_sources
        const double *cells
        int n_cells
        const double *shares
        const Smear *smear
        const Smear *smear_slope
        const void *tables
        long long table_bytes
        const double *amorphous
        int n_amorphous
        const Scene *rest
        const Crystal *crystal_slope
        CRules rules
        const double *first_cells
