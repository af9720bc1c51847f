"""Conversion of float images to the integers of image files: 16-bit SMV and 8-bit PGM."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._noise import scale_to_greys, scale_to_integers
from ..bounds import number
from ..calls import public
from ..errors import ConfigError
from ..rendering.cuda.devices import is_on_gpu


@public
def to_integers(
    image: ArrayLike,
    scale: float | None = None,
    adc_offset: float = 40.0,
    roi: tuple[slice, slice] | None = None,
    mask: ArrayLike | None = None,
) -> tuple[NDArray[np.uint16], float]:
    """Scale an image to 16-bit integers as the C program does.

    ``floor(float32(y + 1/2))`` with ``y = image·scale + adc_offset`` in double, clipped to [0, 65535].

    Parameters
    ----------
    image : array of shape (slow, fast)
        Photons (or any other finite intensity); taken as float32.
    scale : float, optional
        Units of the integer image per unit of `image`. Default: 55000 / the largest pixel, 1 if that is 0.
    adc_offset : float
        Added to every pixel of the region of interest, in units of the integer image.
    roi : two slices (slow, fast), optional
        Pixels outside are 0.
    mask : array of shape (slow, fast), optional
        Pixels with mask 0 are set to the ADC offset.

    Returns
    -------
    integers : array of shape (slow, fast), uint16
    scale : float
        The scale used.

    Raises
    ------
    ConfigError
        A pixel is not finite, the scale is not positive, or the shapes of image and mask differ.
    """
    pixels = _single(image)
    where = roi or (slice(None), slice(None))
    window = pixels[where]
    if mask is not None:
        window = np.where(_checked_mask(mask, pixels.shape)[where] != 0, window, np.float32(0))
    scale = _default_scale(window) if scale is None else _checked_scale(scale)
    integers = np.zeros(pixels.shape, np.uint16)
    if not scale_to_integers(window, scale, adc_offset, integers[where]):
        checked_image(pixels)
    return integers, scale


def to_pgm(
    image: ArrayLike,
    scale: float | None = None,
    rmsd: float | None = None,
    integer_scale: float | None = None,
    roi: tuple[slice, slice] | None = None,
) -> tuple[NDArray[np.uint8], float]:
    """Return the 8-bit greys of a PGM image, ``floor(min(255, image·scale))`` of an image (slow, fast), and the scale.

    The default scale (grey levels per unit of `image`) is 250 / (5·rmsd), or `integer_scale` if the rmsd is 0. `rmsd`
    is by default computed over the region of interest, `integer_scale` that of `to_integers`. Pixels outside `roi`,
    two slices (slow, fast), are 0. Raises `ConfigError` if a pixel is not finite or the scale not positive.
    """
    pixels = _single(image)
    where = roi or (slice(None), slice(None))
    window = pixels[where]
    if scale is None:
        deviation = _rmsd(window) if rmsd is None else rmsd
        if deviation > 0.0:
            scale = 250.0 / (5.0 * deviation)
        else:
            scale = _default_scale(window) if integer_scale is None else integer_scale
    else:
        scale = _checked_scale(scale)
    greys = np.zeros(pixels.shape, np.uint8)
    if not scale_to_greys(window, scale, greys[where]):
        checked_image(pixels)
    return greys, scale


def checked_image(image: ArrayLike, lowest: float = -np.inf, panels: bool = False) -> NDArray[np.floating]:
    """Return the image as a floating array (slow, fast) after checking that pixels are finite and at least `lowest`.

    With `panels`, the shape (panels, slow, fast) is accepted too. An array of CuPy stays one. The `ConfigError` names
    the first bad pixel.
    """
    pixels = _floating(image, (2, 3) if panels else (2,))
    # NaN if any pixel is NaN, so that the comparisons are false
    smallest, largest = pixels.min().item(), pixels.max().item()
    if not (smallest >= lowest and smallest > -np.inf and largest < np.inf):
        first = tuple(np.argwhere(~(np.isfinite(pixels) & (pixels >= lowest)))[0].tolist())
        axes = ("panel", "slow", "fast")[-len(first) :]
        position = ", ".join(f"{axis} {index}" for axis, index in zip(axes, first, strict=True))
        expected = "finite" if lowest == -np.inf else f"finite and at least {lowest:g}"
        raise ConfigError(f"image: pixel ({position}) is {pixels[first]}; it must be {expected}")
    return pixels


def _floating(image: ArrayLike, dimensions: tuple[int, ...] = (2,)) -> NDArray[np.floating]:
    try:
        pixels: Any = image if is_on_gpu(image) else np.asarray(image)
        if pixels.dtype.kind not in "buif":
            pixels = np.array(pixels.tolist(), np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError("image: must be an array of real numbers") from None
    if pixels.ndim not in dimensions or pixels.size == 0:
        raise ConfigError(f"image: shape {pixels.shape} is not (slow, fast) with at least one pixel")
    floating: NDArray[np.floating] = pixels if pixels.dtype.kind == "f" else pixels.astype(np.float64)
    return floating


def _single(image: ArrayLike) -> NDArray[np.float32]:
    """Return the image as float32, without a check of its pixels."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(_floating(image), np.float32)


def _checked_mask(mask: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.generic]:
    array = np.asarray(mask)
    if array.shape != shape:
        raise ConfigError(f"mask: shape {array.shape} is not the image's shape {shape}; give one value per pixel")
    return array


def _checked_scale(scale: float) -> float:
    if not number("scale", scale) > 0.0:
        raise ConfigError(f"scale = {scale} is not valid; give a positive number, or None for the default")
    return scale


def _default_scale(window: NDArray[np.float32]) -> float:
    brightest = float(window.max(initial=0.0))
    return 55000.0 / brightest if brightest > 0.0 else 1.0


def _rmsd(window: NDArray[np.float32]) -> float:
    with np.errstate(invalid="ignore"):  # the scaling loop finds infinities
        return float(window.std(ddof=1, dtype=np.float64)) if window.size > 1 else 0.0
