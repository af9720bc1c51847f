"""Point-spread functions of detectors."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from ..config.noise import Psf
from ..geometry import FloatArray
from ..rendering.threads import share

CHUNK = 64  # rows or columns that a thread transforms at a time
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
    if psf == "none":
        return photons
    n_slow, n_fast = photons.shape
    reach = math.ceil(GAUSSIAN_REACH * fwhm_px) if psf == "gaussian" else max(n_slow, n_fast)
    reach_slow, reach_fast = min(reach, n_slow - 1), min(reach, n_fast - 1)
    length_slow, length_fast = _fast_length(n_slow + reach_slow + 1), _fast_length(n_fast + reach_fast + 1)
    # An even kernel has a real transform. The padding is as wide as the kernel, so that nothing wraps into the image.
    kernel = np.empty((reach_slow + 1, length_fast // 2 + 1))
    spectrum = np.empty((n_slow, length_fast // 2 + 1), np.complex128)
    blurred = np.empty(photons.shape)

    def transform_kernel(rows: slice) -> None:
        quadrant = _quadrant(psf, fwhm_px, rows, reach_fast)
        kernel[rows] = np.fft.rfft(_mirrored(quadrant, length_fast, axis=1), axis=1).real

    def transform(rows: slice) -> None:
        spectrum[rows] = np.fft.rfft(photons[rows], length_fast, axis=1)

    def convolve(columns: slice) -> None:
        half = np.fft.rfft(_mirrored(kernel[:, columns], length_slow, axis=0), axis=0).real
        factor = np.concatenate([half, half[(length_slow - 1) // 2 : 0 : -1]])
        product = np.fft.fft(spectrum[:, columns], length_slow, axis=0)
        product *= factor
        spectrum[:, columns] = np.fft.ifft(product, axis=0)[:n_slow]

    def transform_back(rows: slice) -> None:
        lines = np.fft.irfft(spectrum[rows], length_fast, axis=1)[:, :n_fast]
        np.maximum(lines, 0.0, out=blurred[rows])  # rounding errors must not give negative photons

    _in_chunks(transform_kernel, reach_slow + 1, threads)
    _in_chunks(transform, n_slow, threads)
    _in_chunks(convolve, spectrum.shape[1], threads)
    _in_chunks(transform_back, n_slow, threads)
    return blurred


def _in_chunks(work: Callable[[slice], None], count: int, threads: int) -> None:
    """Call `work` with slices of `count` rows or columns, in threads; NumPy releases the GIL inside."""

    def some(chunks: Iterator[int]) -> None:
        for chunk in chunks:
            work(slice(chunk * CHUNK, min((chunk + 1) * CHUNK, count)))

    share(some, math.ceil(count / CHUNK), threads)


def _quadrant(psf: Psf, fwhm_px: float, rows: slice, reach_fast: int) -> FloatArray:
    """Return the fraction of the signal in some rows of the pixels 0…reach to one side of the photon's pixel."""
    slow = np.arange(rows.start, rows.stop + 1) - 0.5
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
