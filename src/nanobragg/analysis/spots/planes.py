"""Rays and panels: which panel a ray meets, and where; the way back from the kernel's pixel to ray."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...config.detector import counted_origin
from ...geometry import FloatArray
from ...scene.scene import Scene
from .bends import Bends, PanelNumbers, bends_of, directions_of_a_pixel, unbend


class Planes(NamedTuple):
    """All panels of a detector, vectors of shape (panels, 3), lengths in metres.

    Attributes
    ----------
    origin, normal
        Corner of the first pixel; unit normal away from the sample.
    along
        Two vectors a panel, shape (panels, 2, 3), whose products with a place on the panel, seen from its corner,
        are its fast and slow position in pixels.
    pixel
        Edges of the pixels, shape (panels,).
    size
        Pixels (fast, slow), shape (panels, 2).
    bends
        How they are bent; None: they are flat.
    """

    origin: FloatArray
    normal: FloatArray
    along: FloatArray
    pixel: FloatArray
    size: FloatArray
    bends: Bends | None


def planes_of(scene: Scene) -> Planes:
    """The panels of a scene."""
    detector, panels = scene.config.detector, scene.config.detector.panels
    origin = np.array([counted_origin(detector, panel) for panel in panels])
    axes = np.array([panel.axes() for panel in panels])
    pixel = np.array([panel.pixel_mm for panel in panels]) / 1000.0
    along = np.linalg.inv(axes.swapaxes(1, 2))[:, :2] / pixel[:, np.newaxis, np.newaxis]
    size = np.array([panel.pixels[::-1] for panel in panels], float)
    return Planes(origin, axes[:, 2], along, pixel, size, bends_of(scene) if detector.curved else None)


def facing_panel(planes: Planes, heading: FloatArray) -> PanelNumbers:
    """The panel that each ray (any length) meets first, or -1."""
    if planes.bends is not None:
        return _facing_bent(planes, planes.bends, heading)
    nearest, found = np.full(len(heading), np.inf), np.full(len(heading), -1, np.int32)
    for i in range(len(planes.pixel)):
        with np.errstate(divide="ignore", invalid="ignore"):
            far = planes.origin[i] @ planes.normal[i] / (heading @ planes.normal[i])
            place = (far[:, None] * heading - planes.origin[i]) @ planes.along[i].T
        hit = ((place >= 0) & (place <= planes.size[i])).all(axis=1) & (far > 0) & (far < nearest)
        nearest[hit], found[hit] = far[hit], i
    return found


def _facing_bent(planes: Planes, bends: Bends, heading: FloatArray) -> PanelNumbers:
    found = np.full(len(heading), -1, np.int32)
    with np.errstate(invalid="ignore"):
        ray = heading / np.linalg.norm(heading, axis=1, keepdims=True)
    for i in reversed(range(len(planes.pixel))):
        panel = np.full(len(ray), i, np.int32)
        place = unbend(bends, ray, panel, planes.origin[panel], planes.size[panel])
        found[((place >= 0) & (place <= planes.size[i])).all(axis=1)] = i
    return found


def land(scene: Scene, planes: Planes, ray: FloatArray, panel: PanelNumbers) -> FloatArray:
    """Fast and slow position (pixels, shape (n, 2)) where unit vectors meet their panels; NaN behind the sample.

    A thick sensor's mean depth is included.
    """
    normal, origin = planes.normal[panel], planes.origin[panel]
    across = _dot(ray, normal)
    deep = mean_depth(scene, across)
    if planes.bends is not None:
        return unbend(planes.bends, ray, panel, origin + deep[:, np.newaxis] * normal, planes.size[panel])
    with np.errstate(divide="ignore", invalid="ignore"):
        far = (_dot(origin, normal) + deep) / across
        place = np.where(far > 0, far, np.nan)[:, np.newaxis] * ray - origin - deep[:, np.newaxis] * normal
    return np.asarray(np.einsum("nij,nj->ni", planes.along[panel], place))


def mean_depth(scene: Scene, across: FloatArray) -> FloatArray:
    """Mean depth (m) of the layers that photons are caught in, for cosines `across` to the normal.

    Layer t, at t·Δ, catches a share that falls as x^t, x = exp(-Δµ/across).
    """
    layers = scene.sensor.count
    if layers == 1:
        return np.zeros_like(across)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        loss = scene.sensor.step * scene.attenuation / across
        mean = 1.0 / np.expm1(loss) - layers / np.expm1(layers * loss)
    return np.asarray(scene.sensor.step * np.where(loss < 1e-6, (layers - 1) / 2.0, mean))


def captured(scene: Scene, planes: Planes, ray: FloatArray, panel: PanelNumbers) -> FloatArray:
    """Share of the photons along unit vectors that the sensor's layers catch together."""
    if scene.sensor.range <= 0:
        return np.ones(len(ray))
    with np.errstate(divide="ignore", over="ignore"):
        depth = scene.sensor.count * scene.sensor.step * scene.attenuation / _dot(ray, planes.normal[panel])
        return np.asarray(-np.expm1(-depth))


def per_solid_angle(
    scene: Scene, planes: Planes, ray: FloatArray, panel: PanelNumbers, place: FloatArray
) -> FloatArray:
    """What a solid angle counts for at a place (pixels): itself (1), or with point pixels R⁻² a pixel (1/m²).

    A bent panel's pixels count alike for pixel² · close distance/distance³, whatever their directions span.
    """
    if planes.bends is not None:
        bends, area = planes.bends, planes.pixel**2 * planes.bends.close_distance / planes.bends.distance
        counted = np.ones(len(area)) if scene.config.detector.point_pixel else area
        span = directions_of_a_pixel(bends, place, panel, planes.origin[panel])
        return np.asarray(counted[panel] / bends.distance**2 / span)
    if not scene.config.detector.point_pixel:
        return np.ones(len(ray))
    return np.asarray(1.0 / _dot(ray, planes.normal[panel]) / planes.pixel[panel] ** 2)


def _dot(one: FloatArray, other: FloatArray) -> FloatArray:
    return np.asarray((one * other).sum(axis=1))
