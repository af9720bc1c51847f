"""The scattering angle and resolution that every pixel sees."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _functions
from ..config.config import Config
from ..config.detector import counted_origin
from ..config.panel import Panel
from ..errors import ShapeError
from ..geometry import FloatArray
from ..scene.kernel_input import panel_numbers
from ..scene.scene import Scene


class Resolution(NamedTuple):
    """What each pixel's centre sees, from the mean beam; arrays like the image.

    Attributes
    ----------
    two_theta_deg : ndarray
        Scattering angle, degrees.
    d_A : ndarray
        Resolution λ/(2 sin θ), Å; infinite in the beam.
    q_per_A : ndarray
        4π sin θ/λ, Å⁻¹.
    """

    two_theta_deg: FloatArray
    d_A: FloatArray
    q_per_A: FloatArray


def resolution(what: Config | Scene) -> Resolution:
    """Scattering angle, resolution and momentum transfer at the centre of every pixel.

    Parameters
    ----------
    what
        A `Config`, or a `Scene` made from it. Of several sources the weighted means of direction and wavelength
        count.

    Returns
    -------
    Resolution
        `two_theta_deg`, `d_A` and `q_per_A` (4π sin θ/λ): arrays of shape (slow, fast), or (panels, slow, fast) if
        there are several panels.
    """
    scene = what if isinstance(what, Scene) else Scene(what)
    angle = scattering_angle(scene)
    return Resolution(np.degrees(angle), *resolution_at(angle, mean_wavelength_A(scene)))


def resolution_at(angle: FloatArray, wavelength_A: float) -> tuple[FloatArray, FloatArray]:
    """d (Å) and 4π sin θ/λ (Å⁻¹) at scattering angles 2θ (radians)."""
    sine = np.sin(angle / 2.0)
    with np.errstate(divide="ignore"):
        return np.asarray(wavelength_A / 2.0 / sine), np.asarray(4.0 * np.pi / wavelength_A * sine)


def mean_wavelength_A(scene: Scene) -> float:
    """Mean wavelength of the sources, each with its weight, Å."""
    return float(scene.sources.weights @ scene.sources.wavelengths) * 1e10


def mean_direction(scene: Scene) -> FloatArray:
    """Mean direction of the sources, each with its weight; of length 1."""
    mean = scene.sources.weights @ scene.sources.directions
    return np.asarray(mean / np.linalg.norm(mean))


def scattering_angle(scene: Scene) -> FloatArray:
    """2θ of every pixel's centre, radians, like the image."""
    beam = mean_direction(scene)
    cosines = [_cosine(scene, panel, beam) for panel in scene.config.detector.panels]
    angle = np.arccos(np.clip(np.array(cosines), -1.0, 1.0))
    return np.asarray(angle.reshape(scene.shape))


def _cosine(scene: Scene, panel: Panel, beam: FloatArray) -> FloatArray:
    """cos 2θ at the centres of a panel's pixels."""
    f, s, _ = panel.axes()
    origin = counted_origin(scene.config.detector, panel) * 1000.0
    fast = (np.arange(panel.pixels[1]) + 0.5) * panel.pixel_mm
    slow = ((np.arange(panel.pixels[0]) + 0.5) * panel.pixel_mm)[:, np.newaxis]
    if scene.config.detector.curved:
        return directions(scene, panel, origin + slow[..., np.newaxis] * s + fast[:, np.newaxis] * f) @ beam
    along = origin @ beam + fast * (f @ beam) + slow * (s @ beam)
    across = slow**2 + 2.0 * slow * (origin @ s) + fast**2 + 2.0 * fast * (origin @ f)
    return np.asarray(along / np.sqrt(across + 2.0 * slow * fast * (f @ s) + origin @ origin))


def directions(scene: Scene, panel: Panel, place_mm: FloatArray) -> FloatArray:
    """Unit vectors to places of a panel, which may be bent so that all of it is at one distance."""
    if not scene.config.detector.curved:
        return np.asarray(place_mm / np.linalg.norm(place_mm, axis=-1, keepdims=True))
    like_c, pix0 = scene.config.compat == "c", counted_origin(scene.config.detector, panel)
    numbers = panel_numbers(panel, pix0, scene.beam_direction, scene.distance, like_c)
    flat = place_mm.reshape(-1, 3) / 1000.0
    ray = np.tile(np.asarray(numbers["beam"]), (len(flat), 1))
    for axis, along, start in zip(numbers["axis"], numbers["along"], numbers["start"], strict=True):
        angle = (flat @ along - start) / numbers["distance"]
        ray = np.asarray(_functions.rotate_about(ray, np.tile(axis, (len(flat), 1)), angle))
    return ray.reshape(place_mm.shape)


def like_scene(image: npt.ArrayLike, scene: Scene) -> npt.NDArray[Any]:
    """An image with the scene's shape, panels unstacked.

    Raises
    ------
    ShapeError
        It has neither the scene's shape nor that of its panels stacked along the slow axis.
    """
    array = np.asarray(image)
    stacked = (int(np.prod(scene.shape[:-1])), scene.shape[-1])
    if array.shape not in (scene.shape, stacked):
        raise ShapeError(
            f"image of shape {array.shape}: the Config's is {scene.shape}, or {stacked} with panels stacked"
        )
    return array.reshape(scene.shape)
