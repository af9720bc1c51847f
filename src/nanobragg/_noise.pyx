# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The C program's random deviates (include/nanobragg/random.h) as arrays."""

from libc.math cimport exp
from libc.stdint cimport int64_t

import numpy as np


cdef extern from "nanobragg/random.h" nogil:
    ctypedef struct nb_ran1:
        pass
    ctypedef struct nb_gauss:
        pass
    ctypedef struct nb_poisson:
        nb_gauss gauss
    nb_ran1 nb_ran1_seeded(int64_t seed)
    nb_poisson nb_poisson_fresh()
    float nb_ran1_next(nb_ran1 *r)
    float nb_gauss_next(nb_gauss *g, nb_ran1 *r)
    float nb_poisson_next(nb_poisson *p, nb_ran1 *r, float mean)
    float nb_gammln(float x)
    void nb_mosaic_rotation(nb_ran1 *r, float spread_rad, double *u)
    void nb_misset_of_rotation(const double *u, double *misset_rad)


cdef class CRandom:
    """One stream of the C program's deviates.

    Parameters
    ----------
    seed : int
        What its ``-seed`` takes, 0 … 2147483647; 0 gives the stream of 1.
    """

    cdef nb_ran1 uniform
    cdef nb_poisson state

    def __init__(self, int64_t seed):
        self.uniform = nb_ran1_seeded(seed)
        self.state = nb_poisson_fresh()

    def ran1(self, Py_ssize_t n):
        """n uniform deviates on (0, 1), float32."""
        out = np.empty(n, np.float32)
        cdef float[::1] deviates = out
        cdef Py_ssize_t i
        with nogil:
            for i in range(n):
                deviates[i] = nb_ran1_next(&self.uniform)
        return out

    def gauss(self, Py_ssize_t n):
        """n deviates of mean 0 and variance 1, float32."""
        out = np.empty(n, np.float32)
        cdef float[::1] deviates = out
        cdef Py_ssize_t i
        with nogil:
            for i in range(n):
                deviates[i] = nb_gauss_next(&self.state.gauss, &self.uniform)
        return out

    def poisson(self, means):
        """One Poisson deviate, float32, for each of an array's finite means, in its row-major order."""
        out = np.array(means, np.float32, order="C")
        cdef float[::1] deviates = out.reshape(-1)
        cdef Py_ssize_t i
        with nogil:
            for i in range(deviates.shape[0]):
                deviates[i] = nb_poisson_next(&self.state, &self.uniform, deviates[i])
        return out


cdef inline double _poisson_quantile(double mean, double u) noexcept nogil:
    """Smallest count whose cumulative probability exceeds u in [0, 1)."""
    cdef double count = 0.0, probability
    if u < 1.0 - mean:  # exp(-mean) is no less
        return count
    probability = exp(-mean)
    # rounding may leave u a little above the sum of all probabilities
    while u >= probability and probability > 1e-17:
        u -= probability
        count += 1.0
        probability *= mean / count
    return count


def poisson_quantiles(means, uniforms):
    """Replace uniform deviates on [0, 1), float64, by the Poisson deviates of small means at these quantiles.

    Takes about one step per photon.
    """
    cdef const double[::1] mean = means.reshape(-1)
    cdef double[::1] deviates = uniforms.reshape(-1)
    cdef Py_ssize_t i
    with nogil:
        for i in range(deviates.shape[0]):
            deviates[i] = _poisson_quantile(mean[i], deviates[i])


def gammln(float x):
    """ln Gamma(x) of x > 0, rounded to float32."""
    return nb_gammln(x)


def ordered_sum(values):
    """Sum of float32 values in double, one after the other: the C program's rounding."""
    cdef const float[::1] terms = np.ravel(values)
    cdef double total = 0.0
    cdef Py_ssize_t i
    with nogil:
        for i in range(terms.shape[0]):
            total += terms[i]
    return total


def mosaic_rotations(double spread_rad, Py_ssize_t n, int64_t seed):
    """Rotations of n mosaic domains, shape (n, 3, 3), by up to spread_rad about any axis.

    Domain 0 draws its deviates too and is then the identity.
    """
    out = np.empty((n, 9))
    cdef double[:, ::1] rotations = out
    cdef nb_ran1 uniform = nb_ran1_seeded(seed)
    cdef Py_ssize_t i
    with nogil:
        for i in range(n):
            nb_mosaic_rotation(&uniform, <float>spread_rad, &rotations[i, 0])
    out[:1] = np.eye(3).reshape(9)
    return out.reshape(n, 3, 3)


def random_misset_c(int64_t seed):
    """Angles (radians, about x, y, z) of the C program's ``-misset random``, which takes 90 for radians."""
    cdef nb_ran1 uniform = nb_ran1_seeded(seed)
    cdef double[9] rotation
    cdef double[3] misset
    nb_mosaic_rotation(&uniform, 90.0, rotation)
    nb_misset_of_rotation(rotation, misset)
    return np.array([misset[0], misset[1], misset[2]])


def umat_to_misset(umat):
    """Angles (radians) about x, then y, then z, of a rotation matrix of shape (3, 3)."""
    cdef const double[::1] rotation = np.array(umat, np.float64).reshape(9)
    out = np.empty(3)
    cdef double[::1] misset = out
    nb_misset_of_rotation(&rotation[0], &misset[0])
    return out


cdef inline double _between(double x, double highest) noexcept nogil:
    """x in [0, highest]; what is no number becomes 0."""
    x = x if x > 0.0 else 0.0
    return x if x < highest else highest


def scale_to_integers(const float[:, :] window, double scale, double offset, unsigned short[:, :] out):
    """out = floor(float32(window·scale + offset + ½)), the sum clipped to [0, 65535] before the half.

    The rows of both are contiguous. Returns whether every pixel is finite.
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
    """out = floor(window·scale), clipped to [0, 255]; rows and result as of scale_to_integers."""
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
