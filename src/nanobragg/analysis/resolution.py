"""Scattering angle and resolution of pixels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..calls import public
from ..config.config import Config
from ..errors import ShapeError
from ..geometry import FloatArray
from ..scene.scene import Scene


class Resolution(NamedTuple):
    """Scattering angle and resolution at pixel centres for the mean beam; arrays of the image's shape.

    Attributes
    ----------
    two_theta_deg : ndarray
        Scattering angle, degrees.
    d_A : ndarray
        Resolution λ/(2 sin θ), Å; infinite in the direct beam.
    q_per_A : ndarray
        4π sin θ/λ, Å⁻¹.
    """

    two_theta_deg: FloatArray
    d_A: FloatArray
    q_per_A: FloatArray


@public
def resolution(experiment: Config | Scene) -> Resolution:
    """Return scattering angle, resolution and momentum transfer at the centre of every pixel.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it. For several sources the weighted means of direction and wavelength are
        used.

    Returns
    -------
    Resolution
        `two_theta_deg`, `d_A` and `q_per_A` (4π sin θ/λ): arrays of shape (slow, fast), or (panels, slow, fast) for
        several panels.
    """
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    angle = scattering_angle(scene)
    return Resolution(np.degrees(angle), *resolution_from_angle(angle, mean_wavelength_A(scene)))


def resolution_from_angle(angle: FloatArray, wavelength_A: float) -> tuple[FloatArray, FloatArray]:
    """Return d (Å) and 4π sin θ/λ (Å⁻¹) at scattering angles 2θ (radians)."""
    sine = np.sin(angle / 2.0)
    with np.errstate(divide="ignore"):
        return np.asarray(wavelength_A / 2.0 / sine), np.asarray(4.0 * np.pi / wavelength_A * sine)


def mean_wavelength_A(scene: Scene) -> float:
    """Return the weighted mean wavelength of the sources, Å."""
    return float(scene.sources.weights @ scene.sources.wavelengths) * 1e10


def mean_direction(scene: Scene) -> FloatArray:
    """Return the weighted mean direction of the sources, a unit vector."""
    mean = scene.sources.weights @ scene.sources.directions
    return np.asarray(mean / np.linalg.norm(mean))


def scattering_angle(scene: Scene) -> FloatArray:
    """Return 2θ (radians) at the centre of every pixel, an array of the image's shape."""
    beam, geometry = mean_direction(scene), scene.geometry
    slow, fast = (np.arange(count) + 0.5 for count in geometry.size)
    angles = [geometry.two_theta(slow[:, np.newaxis], fast, panel, beam=beam) for panel in range(len(geometry))]
    return np.array(angles).reshape(scene.shape)


def reshape_to_scene(image: npt.ArrayLike, scene: Scene) -> npt.NDArray[Any]:
    """Return an image with the scene's shape, its panels unstacked; raises `ShapeError` if the shape is another one."""
    array = np.asarray(image)
    stacked = scene.config.detector.stacked_shape
    if array.shape not in (scene.shape, stacked):
        raise ShapeError(
            f"image of shape {array.shape}: the Config's is {scene.shape}, or {stacked} with panels stacked"
        )
    return array.reshape(scene.shape)
