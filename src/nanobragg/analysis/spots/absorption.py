"""Absorption of diffracted rays by beamstop and sensor: fractions, mean position, and solid angle of the pixel."""

import numpy as np

from ...geometry import FloatArray, dots
from ...scene.panel_geometry import PanelIndex
from ...scene.scene import Scene


def mean_position(scene: Scene, ray: FloatArray, panel: PanelIndex) -> FloatArray:
    """Return the mean slow and fast position (pixels, shape (n, 2)) at which the sensor absorbs rays.

    NaN where a ray does not meet the plane of its panel.
    """
    depth = 0.0 if scene.sensor.count == 1 else mean_absorption_depth(scene, _across(scene, ray, panel))
    return scene.geometry.pixels(ray, panel, depth)


def mean_absorption_depth(scene: Scene, across: FloatArray) -> FloatArray:
    """Return the mean depth (m) of the absorbing layers, for cosines `across` of the angle to the normal.

    Layer t, at depth t·Δ, absorbs a fraction proportional to x^t, x = exp(-Δµ/across).
    """
    layers = scene.sensor.count
    if layers == 1:
        return np.zeros_like(across)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        loss = scene.sensor.step * scene.attenuation / across
        mean = 1.0 / np.expm1(loss) - layers / np.expm1(layers * loss)
    return np.asarray(scene.sensor.step * np.where(loss < 1e-6, (layers - 1) / 2.0, mean))


def absorbed_fraction(scene: Scene, ray: FloatArray, panel: PanelIndex) -> FloatArray:
    """Return the fraction of the photons along unit vectors that all sensor layers absorb."""
    if scene.sensor.range <= 0:
        return np.ones(len(ray))
    with np.errstate(divide="ignore", over="ignore"):
        depth = scene.sensor.count * scene.sensor.step * scene.attenuation / _across(scene, ray, panel)
        return np.asarray(-np.expm1(-depth))


def passed_fraction(scene: Scene, ray: FloatArray) -> FloatArray | float:
    """Return the fraction of the photons along unit vectors that the beamstop lets through."""
    stop = scene.config.detector.beamstop
    return 1.0 if stop is None else np.where(ray @ scene.beam_direction >= stop.cosine, stop.transmission, 1.0)


def solid_angle_ratio(scene: Scene, panel: PanelIndex, place: FloatArray) -> FloatArray:
    """Return the ratio of the solid angle used for pixels at positions `place` to the one that they span.

    It differs from 1 for point pixels, curved panels, and panels whose axes are not perpendicular.
    """
    geometry, (slow, fast) = scene.geometry, place.T
    if geometry.curved or geometry.point_pixel:
        return geometry.solid_angles(slow, fast, panel) / geometry.spanned_solid_angles(slow, fast, panel)
    return np.asarray(geometry.solid_angle_ratios[panel])


def _across(scene: Scene, ray: FloatArray, panel: PanelIndex) -> FloatArray:
    """Return the cosines of the angles to the panels' normals."""
    return dots(ray, scene.geometry.normal[panel])
