"""Point-spread functions of detectors."""

import math
from collections.abc import Iterator

import numpy as np

from ..config.noise import Psf
from ..geometry import FloatArray
from ..rendering.threads import share

COLUMNS_PER_CHUNK = 64
GAUSSIAN_REACH = 3.0  # half-width of the kernel in FWHM; 2e-12 of the signal lies beyond


def blur(photons: FloatArray, psf: Psf, fwhm_px: float, threads: int) -> FloatArray:
    """Convolve photons with the point-spread function, integrated over each pixel.

    Signal that spreads beyond the edge of the image is lost.

    Parameters
    ----------
    photons : array of shape (slow, fast)
    psf : {"none", "gaussian", "fiber"}
        "fiber" is the function of detectors that couple a phosphor to a chip by a fibre-optic taper,
        ``g / (2π (g² + r²)^(3/2))`` with ``g = fwhm / (2 √(2^(2/3) - 1))``: Holton, Nielsen & Frankel,
        J. Synchrotron Rad. 19, 1006 (2012), https://doi.org/10.1107/S0909049512035571.
    fwhm_px : float
        Full width at half maximum in pixels.
    threads : int
        Number of threads, which does not affect the result.

    Returns
    -------
    array of shape (slow, fast)
    """
    blurred = convolve(photons, psf, fwhm_px, threads)
    return photons if blurred is photons else np.maximum(blurred, 0.0)  # rounding errors must not give negative photons


def convolve(image: FloatArray, psf: Psf, fwhm_px: float, threads: int) -> FloatArray:
    """Return the convolution of any numbers, as `blur` of photons: a symmetric linear map."""
    if psf == "none":
        return image
    n_slow, n_fast = image.shape
    reach = math.ceil(GAUSSIAN_REACH * fwhm_px) if psf == "gaussian" else max(n_slow, n_fast)
    quadrant = _quadrant(psf, fwhm_px, min(reach, n_slow - 1), min(reach, n_fast - 1))
    length_slow = _fast_length(n_slow + quadrant.shape[0])
    length_fast = _fast_length(n_fast + quadrant.shape[1])
    # An even kernel has a real transform. The padding is as wide as the kernel, so that nothing wraps into the image.
    kernel = np.fft.rfft(_mirrored(quadrant, length_fast, axis=1), axis=1).real
    spectrum = np.fft.rfft(image, length_fast, axis=1)

    def convolve(chunks: Iterator[int]) -> None:
        for chunk in chunks:
            columns = slice(chunk * COLUMNS_PER_CHUNK, (chunk + 1) * COLUMNS_PER_CHUNK)
            factor = np.fft.fft(_mirrored(kernel[:, columns], length_slow, axis=0), axis=0).real
            product = np.fft.fft(spectrum[:, columns], length_slow, axis=0) * factor
            spectrum[:, columns] = np.fft.ifft(product, axis=0)[:n_slow]

    share(convolve, math.ceil(spectrum.shape[1] / COLUMNS_PER_CHUNK), threads)
    return np.fft.irfft(spectrum, length_fast, axis=1)[:, :n_fast]


def _quadrant(psf: Psf, fwhm_px: float, reach_slow: int, reach_fast: int) -> FloatArray:
    """Return the fraction of the signal in the pixels 0…reach to one side of the photon's pixel."""
    slow = np.arange(-0.5, reach_slow + 1.0)
    fast = np.arange(-0.5, reach_fast + 1.0)
    corners = (_gaussian_integral if psf == "gaussian" else _fiber_integral)(fwhm_px, slow, fast)
    return np.diff(np.diff(corners, axis=0), axis=1)


def _gaussian_integral(fwhm_px: float, slow: FloatArray, fast: FloatArray) -> FloatArray:
    """Return the integral of the normalised Gaussian from the origin to every corner (slow, fast)."""
    reduced = 2.0 * math.sqrt(math.log(2.0)) / fwhm_px
    along_slow = np.array([math.erf(reduced * x) / 2.0 for x in slow])
    along_fast = np.array([math.erf(reduced * x) / 2.0 for x in fast])
    return np.outer(along_slow, along_fast)


def _fiber_integral(fwhm_px: float, slow: FloatArray, fast: FloatArray) -> FloatArray:
    """Return the integral of ``g / (2π (g² + r²)^(3/2))`` from the origin to every corner: a solid angle over 2π."""
    g = fwhm_px / (2.0 * math.sqrt(2.0 ** (2.0 / 3.0) - 1.0))
    s, f = slow[:, np.newaxis], fast[np.newaxis, :]
    corners: FloatArray = np.arctan(s * f / (g * np.sqrt(g * g + s * s + f * f))) / (2.0 * math.pi)
    return corners


def _mirrored(half: FloatArray, length: int, axis: int) -> FloatArray:
    """Extend values at offsets 0, 1, … to an even periodic array of the given length."""
    shape = list(half.shape)
    shape[axis] = length
    periodic = np.zeros(shape)
    target, values = np.moveaxis(periodic, axis, 0), np.moveaxis(half, axis, 0)
    target[: len(values)] = values
    target[length - len(values) + 1 :] = values[:0:-1]
    return periodic


def _fast_length(at_least: int) -> int:
    """Return the smallest product of 2, 3 and 5 that is at least `at_least`, for a fast Fourier transform."""
    length = at_least
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
