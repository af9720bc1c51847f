"""Radial averages: photons against scattering angle."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..bounds import whole
from ..calls import public
from ..config.config import Config
from ..errors import ConfigError
from ..geometry import FloatArray
from ..io.check_image import cast_to_doubles
from ..scene.scene import Scene
from .resolution import mean_wavelength_A, reshape_to_scene, resolution_from_angle, scattering_angle

MOST_BINS = 100_000


class RadialAverage(NamedTuple):
    """The radial average of an image; arrays of shape (bins,).

    Attributes
    ----------
    two_theta_deg, d_A, q_per_A : ndarray
        2θ (degrees), λ/(2 sin θ) (Å) and 4π sin θ/λ (Å⁻¹) at the centre of each bin.
    value : ndarray
        Mean or median of the pixels in the bin; NaN in an empty one.
    deviation : ndarray
        Standard deviation of the pixels about their mean.
    pixels : ndarray of int
        Number of pixels.
    """

    two_theta_deg: FloatArray
    d_A: FloatArray
    q_per_A: FloatArray
    value: FloatArray
    deviation: FloatArray
    pixels: npt.NDArray[np.int64]


@public
def radial_average(
    image: npt.ArrayLike, experiment: Config | Scene, *, bins: int = 200, statistic: Literal["mean", "median"] = "mean"
) -> RadialAverage:
    """Average an image over rings of the same scattering angle, evenly spaced in 2θ.

    Parameters
    ----------
    image : array_like
        Image of the scene's shape, or with panels stacked along the slow axis. Pixels that are not finite, masked, or
        outside the ROI are ignored.
    experiment
        A `Config`, or a `Scene` made from it.
    bins
        Number of rings between the smallest and the largest 2θ of a pixel.
    statistic
        "mean", or "median", which is robust against spots and follows the background.

    Returns
    -------
    RadialAverage
        Arrays of shape (bins,): `two_theta_deg`, `d_A`, `q_per_A`, `value`, `deviation`, `pixels`.

    Raises
    ------
    ConfigError, ShapeError
        An invalid number of bins or statistic, or an image of another shape.
    """
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    bins = whole("bins", bins, 1, MOST_BINS)
    if statistic not in ("mean", "median"):
        raise ConfigError(f"statistic = {statistic!r}: must be 'mean' or 'median'")
    values, angle = _counted(reshape_to_scene(image, scene), scene)
    first, last = (float(angle.min()), float(angle.max())) if angle.size else (0.0, 1.0)
    width = (last - first) / bins or 1.0
    ring = np.minimum(((angle - first) / width).astype(np.int64), bins - 1)
    pixels = np.bincount(ring, minlength=bins)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean = np.bincount(ring, values, bins) / pixels
        deviation = np.sqrt(np.bincount(ring, (values - mean[ring]) ** 2, bins) / pixels)
    middle = first + width * (np.arange(bins) + 0.5)
    value = mean if statistic == "mean" else _medians(ring, values, pixels)
    d, q = resolution_from_angle(np.asarray(middle, np.float64), mean_wavelength_A(scene))
    return RadialAverage(np.degrees(middle), d, q, value, deviation, pixels)


def _counted(image: npt.NDArray[np.generic], scene: Scene) -> tuple[FloatArray, FloatArray]:
    """Return values and scattering angles of the valid pixels."""
    x0, x1, y0, y1 = scene.limits
    window = (..., slice(y0, y1 + 1), slice(x0, x1 + 1))
    values = cast_to_doubles(image[window])
    counted = scene.rendered[window] & np.isfinite(values)
    return values[counted], scattering_angle(scene)[window][counted]


def _medians(ring: npt.NDArray[np.int64], values: FloatArray, pixels: npt.NDArray[np.int64]) -> FloatArray:
    """Return the median of each ring; NaN in an empty one."""
    ranked = values[np.lexsort((values, ring))]
    end = np.cumsum(pixels)
    start, some = end - pixels, pixels > 0
    medians = np.full(len(pixels), np.nan)
    low, high = start + (pixels - 1) // 2, start + pixels // 2
    medians[some] = (ranked[low[some]] + ranked[high[some]]) / 2.0
    return medians
