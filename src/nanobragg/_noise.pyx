# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Arrays of the C program's random deviates (include/nanobragg/random.h), and loops that scale images."""

from libc.stdint cimport int64_t

import numpy as np


cdef extern from "nanobragg/random.h" nogil:
    ctypedef struct nb_ran1:
        int64_t state
    ctypedef struct nb_gauss:
        pass
    ctypedef struct nb_poisson:
        nb_gauss gauss
    int64_t nb_ran1_reduced(int64_t seed)
    nb_ran1 nb_ran1_seeded(int64_t seed)
    nb_poisson nb_poisson_fresh()
    float nb_ran1_next(nb_ran1 *r)
    float nb_gauss_next(nb_gauss *g, nb_ran1 *r)
    float nb_poisson_next(nb_poisson *p, nb_ran1 *r, float mean)
    float nb_gammln(float x)
    void nb_mosaic_rotation(nb_ran1 *r, float spread_rad, double *u)
    void nb_misset_of_rotation(const double *u, double *misset_rad)


cdef class CRandom:
    """A stream of the C program's random deviates.

    Parameters
    ----------
    seed : int
        Value of its ``-seed``, 0 … 2147483647; 0 gives the same stream as 1, and a greater seed that of its remainder
        modulo 2147483647. A negative seed, which its generator does
        not take for a new one, continues the shuffle of `before`, and without it gives the stream of 1.
    before : CRandom, optional
        The stream that was drawn from before.
    """

    cdef nb_ran1 uniform
    cdef nb_poisson state

    def __init__(self, int64_t seed, CRandom before=None):
        self.uniform = nb_ran1_seeded(seed)
        if before is not None and seed < 0:
            self.uniform = before.uniform
            self.uniform.state = -nb_ran1_reduced(seed)
        self.state = nb_poisson_fresh()

    def ran1(self, Py_ssize_t n):
        """Return n uniform deviates on (0, 1), float32."""
        out = np.empty(n, np.float32)
        cdef float[::1] deviates = out
        cdef Py_ssize_t i
        with nogil:
            for i in range(n):
                deviates[i] = nb_ran1_next(&self.uniform)
        return out

    def gauss(self, Py_ssize_t n):
        """Return n normal deviates of mean 0 and variance 1, float32."""
        out = np.empty(n, np.float32)
        cdef float[::1] deviates = out
        cdef Py_ssize_t i
        with nogil:
            for i in range(n):
                deviates[i] = nb_gauss_next(&self.state.gauss, &self.uniform)
        return out

    def poisson(self, means):
        """Return a Poisson deviate, float32, for each of an array's finite means, drawn in row-major order."""
        out = np.array(means, np.float32, order="C")
        cdef float[::1] deviates = out.reshape(-1)
        cdef Py_ssize_t i
        with nogil:
            for i in range(deviates.shape[0]):
                deviates[i] = nb_poisson_next(&self.state, &self.uniform, deviates[i])
        return out


def gammln(float x):
    """Return ln Gamma(x) of x > 0, rounded to float32."""
    return nb_gammln(x)


def ordered_sum(values):
    """Return the sum of float32 values, added in order in double precision as in the C program."""
    cdef const float[::1] terms = np.ravel(values)
    cdef double total = 0.0
    cdef Py_ssize_t i
    with nogil:
        for i in range(terms.shape[0]):
            total += terms[i]
    return total


def mosaic_rotations(double spread_rad, Py_ssize_t n, int64_t seed, CRandom before=None):
    """Return the rotations of n mosaic domains, shape (n, 3, 3), by up to spread_rad about random axes.

    Domain 0 draws three deviates too, but is the identity. `seed` and `before` are those of CRandom.
    """
    cdef CRandom draw = CRandom(seed, before)
    out = np.empty((n, 9))
    cdef double[:, ::1] rotations = out
    cdef Py_ssize_t i
    with nogil:
        for i in range(n):
            nb_mosaic_rotation(&draw.uniform, <float>spread_rad, &rotations[i, 0])
    out[:1] = np.eye(3).reshape(9)
    return out.reshape(n, 3, 3)


def random_misset_c(int64_t seed):
    """Return the angles (radians, about x, y, z) of the C program's ``-misset random`` (docs/quirks.md row 8)."""
    cdef nb_ran1 uniform = nb_ran1_seeded(seed)
    cdef double[9] rotation
    cdef double[3] misset
    nb_mosaic_rotation(&uniform, 90.0, rotation)
    nb_misset_of_rotation(rotation, misset)
    return np.array([misset[0], misset[1], misset[2]])


def umat_to_misset(umat):
    """Return the angles (radians) about x, then y, then z, of a rotation matrix of shape (3, 3)."""
    cdef const double[::1] rotation = np.array(umat, np.float64).reshape(9)
    out = np.empty(3)
    cdef double[::1] misset = out
    nb_misset_of_rotation(&rotation[0], &misset[0])
    return out


cdef inline double _between(double x, double highest) noexcept nogil:
    """Clip x to [0, highest]; NaN becomes 0."""
    x = x if x > 0.0 else 0.0
    return x if x < highest else highest


def scale_to_integers(const float[:, :] window, double scale, double offset, unsigned short[:, :] out):
    """Set out to floor(float32(clip(window·scale + offset, 0, 65535) + ½)); return whether every pixel is finite.

    The rows of both arrays must be contiguous.
    """
    cdef Py_ssize_t i, j
    cdef const float *pixel
    cdef unsigned short *whole
    cdef int odd = 0
    with nogil:
        for i in range(window.shape[0]):
            pixel, whole = &window[i, 0], &out[i, 0]
            for j in range(window.shape[1]):
                odd |= pixel[j] - pixel[j] != 0.0
                whole[j] = <unsigned short> <int> <float> (_between(pixel[j] * scale + offset, 65535.0) + 0.5)
    return not odd


def scale_to_greys(const float[:, :] window, double scale, unsigned char[:, :] out):
    """Set out to floor(clip(window·scale, 0, 255)); rows and return value as in scale_to_integers."""
    cdef Py_ssize_t i, j
    cdef const float *pixel
    cdef unsigned char *grey
    cdef int odd = 0
    with nogil:
        for i in range(window.shape[0]):
            pixel, grey = &window[i, 0], &out[i, 0]
            for j in range(window.shape[1]):
                odd |= pixel[j] - pixel[j] != 0.0
                grey[j] = <unsigned char> <int> _between(pixel[j] * scale, 255.0)
    return not odd
