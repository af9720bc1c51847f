# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Random deviates of pixels from a counter (include/nanobragg/noise), with the instruction set in use."""

from libc.stdint cimport uint64_t, uintptr_t

from ._core import noise_kernel


cdef extern from "nanobragg/noise_kernel.h" namespace "nb" nogil:
    ctypedef struct NoiseKernel:
        void (*poisson)(const double *mean, size_t n, uint64_t first_pixel, uint64_t purpose, uint64_t key,
                        double *out) noexcept nogil
        void (*normals)(size_t n, uint64_t first_pixel, uint64_t purpose, uint64_t key, double *out) noexcept nogil


def poisson_deviates(const double[::1] means, uint64_t first_pixel, uint64_t purpose, uint64_t key, double[::1] out):
    """Set out to Poisson deviates of finite means >= 0, for pixels that are numbered from first_pixel on."""
    cdef const NoiseKernel *kernel = <const NoiseKernel *> <uintptr_t> noise_kernel()
    if means.shape[0] and means.shape[0] == out.shape[0]:
        with nogil:
            kernel.poisson(&means[0], means.shape[0], first_pixel, purpose, key, &out[0])


def normal_deviates(uint64_t first_pixel, uint64_t purpose, uint64_t key, double[::1] out):
    """Set out to normal deviates of mean 0 and variance 1, for pixels that are numbered from first_pixel on."""
    cdef const NoiseKernel *kernel = <const NoiseKernel *> <uintptr_t> noise_kernel()
    if out.shape[0]:
        with nogil:
            kernel.normals(out.shape[0], first_pixel, purpose, key, &out[0])
