"""Bent panels: the way back from a ray to the place that the kernel turns into it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..._functions import rotate_about
from ...config.detector import counted_origin
from ...geometry import FloatArray
from ...scene.kernel_input import panel_numbers
from ...scene.scene import Scene

PanelNumbers = npt.NDArray[np.int32]


class Bends(NamedTuple):
    """How panels are bent onto the sphere of radius `distance` about the sample (nb_bend in geometry.h).

    A place P of the flat panel is at R(axis 1, φ1)·R(axis 0, φ0)·beam·distance, φ = (along·P - start)/distance.

    Attributes
    ----------
    axis, along : ndarray, shape (panels, 2, 3)
    start : ndarray, shape (panels, 2)
    beam : ndarray, shape (3,)
    distance, close_distance
        Metres; the second one, of each panel's plane, goes into solid angles.
    metres : ndarray, shape (panels, 2, 2)
        along·P of a pixel along fast, and along slow, in its columns.
    """

    axis: FloatArray
    along: FloatArray
    start: FloatArray
    beam: FloatArray
    distance: float
    close_distance: FloatArray
    metres: FloatArray


def bends_of(scene: Scene) -> Bends:
    """The bent panels of a scene."""
    detector, like_c = scene.config.detector, scene.config.compat == "c"
    numbers = [
        panel_numbers(panel, counted_origin(detector, panel), scene.beam_direction, scene.distance, like_c)
        for panel in detector.panels
    ]
    axis, along, start, close = (
        np.array([each[name] for each in numbers]) for name in ("axis", "along", "start", "close_distance")
    )
    edges = np.array([np.stack(panel.axes()[:2], axis=1) * panel.pixel_mm / 1000.0 for panel in detector.panels])
    return Bends(axis, along, start, scene.beam_direction, scene.distance, close, along @ edges)


def unbend(bends: Bends, ray: FloatArray, panel: PanelNumbers, corner: FloatArray, size: FloatArray) -> FloatArray:
    """Fast and slow position (pixels, shape (n, 2)) of unit vectors on their panels; NaN where none leads there.

    Of the two there may be, that closer to the panel's middle.

    Parameters
    ----------
    bends, ray, panel
    corner : ndarray, shape (n, 3)
        Of the panel's first pixel, at the depth where photons are counted (m).
    size : ndarray, shape (n, 2)
        Pixels (fast, slow) of the panels.
    """
    first, second = bends.axis[panel, 0], bends.axis[panel, 1]
    still = _dot(first, bends.beam)[:, np.newaxis] * first
    turning, across = bends.beam - still, np.cross(first, bends.beam)
    cosine, sine = _dot(second, turning), _dot(second, across)
    with np.errstate(invalid="ignore", divide="ignore"):  # turns about axis 1 keep second·ray
        off = np.arccos((_dot(second, ray) - _dot(second, still)) / np.hypot(cosine, sine))
    best = np.full((len(ray), 2), np.nan)
    for angle in (np.arctan2(sine, cosine) + off, np.arctan2(sine, cosine) - off):
        turned = still + np.cos(angle)[:, np.newaxis] * turning + np.sin(angle)[:, np.newaxis] * across
        rest = np.arctan2(_dot(ray, np.cross(second, turned)), _dot(ray, turned) - _dot(second, ray) ** 2)
        place = _pixels(bends, np.stack([np.remainder(angle + np.pi, 2 * np.pi) - np.pi, rest], axis=1), panel, corner)
        closer = _from_middle(place, size) < np.nan_to_num(_from_middle(best, size), nan=np.inf)
        best[closer] = place[closer]
    return best


def _pixels(bends: Bends, angle: FloatArray, panel: PanelNumbers, corner: FloatArray) -> FloatArray:
    flat = angle * bends.distance + bends.start[panel] - np.einsum("nij,nj->ni", bends.along[panel], corner)
    return np.asarray(np.einsum("nij,nj->ni", np.linalg.inv(bends.metres)[panel], flat))


def _from_middle(place: FloatArray, size: FloatArray) -> FloatArray:
    return np.asarray(np.abs(place / size - 0.5).max(axis=1))


def directions_of_a_pixel(bends: Bends, place: FloatArray, panel: PanelNumbers, corner: FloatArray) -> FloatArray:
    """Solid angle that a pixel's directions span: |t·(axis 0 × axis 1)|·|along × along|/distance², t after turn 0."""
    first, second = bends.axis[panel, 0], bends.axis[panel, 1]
    metres = np.einsum("nij,nj->ni", bends.metres[panel], place)
    angle = (np.einsum("nij,nj->ni", bends.along[panel], corner) + metres - bends.start[panel])[:, 0] / bends.distance
    turned = rotate_about(np.tile(bends.beam, (len(place), 1)), first, angle)
    per_area = np.abs(_dot(turned, np.cross(first, second))) / bends.distance**2
    return np.asarray(per_area * np.abs(np.linalg.det(bends.metres))[panel])


def _dot(one: FloatArray, other: FloatArray) -> FloatArray:
    return np.asarray((one * other).sum(axis=-1))
