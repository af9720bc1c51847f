"""Pixels to rays and back: where the pixels of a detector are, what they see, and which pixel a ray meets."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .._functions import rotate_about
from ..config.detector import Detector, counted_origin
from ..geometry import FloatArray, dot

PanelNumbers = npt.NDArray[np.int32]
PanelIndex = int | npt.NDArray[np.integer[Any]]


class PanelGeometry:
    """The panels of a detector, flat or curved, as the compiled core sees them; lengths in metres.

    Positions on a panel are in pixels from the outer corner of its pixel (0, 0): (0.5, 0.5) is the middle of the first
    pixel. Arguments `slow`, `fast`, `panel` and `depth` (below the plane in which the sensor's first layer counts, m)
    are numbers or arrays that broadcast against each other to a shape (...).

    A curved panel lies on the sphere of radius `distance` about the sample: the place P of the flat panel goes to
    R(axes[1], φ1)·R(axes[0], φ0)·beam·distance, φ = (along·P - start)/distance.

    Parameters
    ----------
    detector : Detector
    beam : ndarray, shape (3,)
        Direction of the beam, of length 1.
    distance
        Sample to detector along the beam, m.
    like_c
        Axes as they are given, of any length, and the C program's way to bend a panel (row 10 of docs/quirks.md).

    Attributes
    ----------
    origin : ndarray, shape (panels, 3)
        Corner of pixel (0, 0).
    fast, slow, normal : ndarray, shape (panels, 3)
        Directions in which the indices grow; the normal points away from the sample.
    pixel : ndarray, shape (panels,)
        Edge of the pixels.
    close_distance : ndarray, shape (panels,)
        From the sample along the normal to the panel's plane.
    size : tuple of int
        Pixels (slow, fast) of each panel.
    axes, along : ndarray, shape (panels, 2, 3)
    start : ndarray, shape (panels, 2)
        How the panels are bent.
    beam, distance
    curved, point_pixel : bool
        Those of the Detector.
    """

    def __init__(self, detector: Detector, beam: FloatArray, distance: float, *, like_c: bool) -> None:
        panels = detector.panels
        self.beam, self.distance = beam, distance
        self.curved, self.point_pixel, self.size = detector.curved, detector.point_pixel, panels[0].pixels
        self.origin = np.array([counted_origin(detector, panel) for panel in panels])
        frames = np.array([
            (panel.fast_axis, panel.slow_axis, panel.normal_axis)
            if like_c and panel.normal_axis is not None  # stretched by a two-theta axis that has another length than 1
            else panel.axes()
            for panel in panels
        ])  # fmt: skip
        self.fast, self.slow, self.normal = frames[:, 0], frames[:, 1], frames[:, 2]
        self.pixel = np.array([panel.pixel_mm for panel in panels]) / 1000.0
        self.close_distance = np.array([dot(o, n) for o, n in zip(self.origin, self.normal, strict=True)])
        if like_c:
            self.axes = frames[:, [1, 0]]
            self.along = np.tile(np.eye(3)[1:], (len(panels), 1, 1))
            self.start = np.zeros((len(panels), 2))
        else:
            self.axes = np.array([[_across(beam, fast), _across(beam, slow)] for fast, slow, _ in frames])
            self.along = frames[:, :2]
            self.start = np.array([[distance * dot(beam, axis) for axis in pair] for pair in self.along])

    def __len__(self) -> int:
        return len(self.pixel)

    @cached_property
    def corners(self) -> FloatArray:
        """Unit vectors to the corners of every panel, shape (panels, 2, 2, 3)."""
        slow, fast = self.size
        every = np.arange(len(self))[:, np.newaxis, np.newaxis]
        return self.directions(np.array([[0.0], [slow]]), np.array([0.0, fast]), every)

    def positions(
        self, slow: npt.ArrayLike, fast: npt.ArrayLike, panel: PanelIndex = 0, depth: npt.ArrayLike = 0.0
    ) -> FloatArray:
        """Places in the lab frame, m, shape (..., 3)."""
        flat = self._on_plane(slow, fast, panel, depth)
        return self.distance * self._bent(flat, panel) if self.curved else flat

    def directions(
        self, slow: npt.ArrayLike, fast: npt.ArrayLike, panel: PanelIndex = 0, depth: npt.ArrayLike = 0.0
    ) -> FloatArray:
        """Unit vectors from the sample to places, shape (..., 3)."""
        place = self._on_plane(slow, fast, panel, depth)
        if self.curved:
            return self._bent(place, panel)
        place /= np.linalg.norm(place, axis=-1, keepdims=True)
        return place

    def cos_two_theta(
        self, slow: npt.ArrayLike, fast: npt.ArrayLike, panel: PanelIndex = 0, *, beam: FloatArray | None = None
    ) -> FloatArray:
        """Cosines of the scattering angles from a `beam` (default: the attribute), shape (...)."""
        beam = self.beam if beam is None else beam
        if self.curved:
            return np.asarray(self.directions(slow, fast, panel) @ beam)
        pixel, origin, s, f = self.pixel[panel], self.origin[panel], self.slow[panel], self.fast[panel]
        slow, fast = np.asarray(slow) * pixel, np.asarray(fast) * pixel
        ahead = origin @ beam + slow * (s @ beam) + fast * (f @ beam)
        square = slow**2 * _dot(s, s) + 2.0 * slow * _dot(origin, s) + _dot(origin, origin)
        square = square + fast**2 * _dot(f, f) + 2.0 * fast * _dot(origin, f)
        return np.asarray(ahead / np.sqrt(square + slow * fast * (2.0 * _dot(f, s))))

    def two_theta(
        self, slow: npt.ArrayLike, fast: npt.ArrayLike, panel: PanelIndex = 0, *, beam: FloatArray | None = None
    ) -> FloatArray:
        """Scattering angles from a `beam`, radians, shape (...)."""
        return np.asarray(np.arccos(np.clip(self.cos_two_theta(slow, fast, panel, beam=beam), -1.0, 1.0)))

    def resolution(
        self,
        wavelength: float,
        slow: npt.ArrayLike,
        fast: npt.ArrayLike,
        panel: PanelIndex = 0,
        *,
        beam: FloatArray | None = None,
    ) -> FloatArray:
        """λ/(2 sin θ) in the unit of the wavelength, shape (...); infinite in the beam."""
        versine = np.maximum(1.0 - self.cos_two_theta(slow, fast, panel, beam=beam), 0.0)
        with np.errstate(divide="ignore"):
            return np.asarray(wavelength / np.sqrt(2.0 * versine))

    def solid_angles(
        self, slow: npt.ArrayLike, fast: npt.ArrayLike, panel: PanelIndex = 0, depth: npt.ArrayLike = 0.0
    ) -> FloatArray:
        """Solid angles (sr) that pixels at these places count with, pixel² · close distance/R³; point pixels: 1/R²."""
        r = np.linalg.norm(self.positions(slow, fast, panel, depth), axis=-1)
        if self.point_pixel:
            return np.asarray(1.0 / r**2)
        return np.asarray(self.pixel[panel] ** 2 * self.close_distance[panel] / r**3)

    def spanned_solid_angles(self, slow: npt.ArrayLike, fast: npt.ArrayLike, panel: PanelIndex = 0) -> FloatArray:
        """Solid angles (sr) that the directions of pixels at these places span."""
        flat = self._on_plane(slow, fast, panel, 0.0)
        if not self.curved:
            area = np.cross(self.fast[panel], self.slow[panel]) * (self.pixel[panel] ** 2)[..., np.newaxis]
            return np.asarray(np.abs(_dot(flat, area)) / np.linalg.norm(flat, axis=-1) ** 3)
        first, second = self.axes[panel, 0], self.axes[panel, 1]
        turned = _rotated(self.beam, first, self._turns(flat, panel)[..., 0])
        area = np.linalg.det(self._turns_per_pixel[panel])
        return np.asarray(np.abs(area * _dot(turned, np.cross(first, second))))

    def pixels(self, ray: FloatArray, panel: PanelIndex = 0, depth: npt.ArrayLike = 0.0) -> FloatArray:
        """Where rays meet a panel, on it or beside it: the inverse of `directions`.

        Parameters
        ----------
        ray : ndarray, shape (..., 3)
            From the sample, of any length; that of a scattering vector q is q + incident/λ.
        panel, depth

        Returns
        -------
        ndarray, shape (..., 2)
            Slow and fast position, pixels; NaN where the ray does not meet the panel. Of the two places of a curved
            panel that a ray may have, the one closer to its middle.
        """
        return self._meeting(ray, panel, depth)[1]

    def facing(self, ray: FloatArray) -> PanelNumbers:
        """Number of the panel that each ray, shape (n, 3), of any length, meets first; -1: none."""
        nearest, found = np.full(len(ray), np.inf), np.full(len(ray), -1, np.int32)
        for i in range(len(self)):
            far, place = self._meeting(ray, i, 0.0)
            hit = ((place >= 0) & (place <= self.size)).all(axis=1) & (far < nearest)
            nearest[hit], found[hit] = far[hit], i
        return found

    def _on_plane(
        self, slow: npt.ArrayLike, fast: npt.ArrayLike, panel: PanelIndex, depth: npt.ArrayLike
    ) -> FloatArray:
        """Places of the flat panels, m; summed in the order of the compiled core."""
        pixel = self.pixel[panel]
        along_slow, along_fast = ((np.asarray(at) * pixel)[..., np.newaxis] for at in (slow, fast))
        place = along_fast * self.fast[panel] + along_slow * self.slow[panel]
        return np.asarray(place + np.asarray(depth)[..., np.newaxis] * self.normal[panel] + self.origin[panel])

    def _turns(self, flat: FloatArray, panel: PanelIndex) -> FloatArray:
        """Angles (radians, shape (..., 2)) by which a curved panel turns places of the flat one about its two axes."""
        along = np.einsum("...ij,...j->...i", self.along[panel], flat)
        return np.asarray((along - self.start[panel]) / self.distance)

    def _bent(self, flat: FloatArray, panel: PanelIndex) -> FloatArray:
        """Unit vectors to where a curved panel's places go."""
        turn = self._turns(flat, panel)
        return _rotated(_rotated(self.beam, self.axes[panel, 0], turn[..., 0]), self.axes[panel, 1], turn[..., 1])

    @cached_property
    def _turns_per_pixel(self) -> FloatArray:
        """Turns by a step of one pixel along slow and fast (columns), radians, shape (panels, 2, 2)."""
        steps = np.stack([self.slow, self.fast], axis=2) * self.pixel[:, np.newaxis, np.newaxis]
        return np.asarray(self.along @ steps / self.distance)

    @cached_property
    def _pixels_per_turn(self) -> FloatArray:
        """The inverse."""
        return np.asarray(np.linalg.inv(self._turns_per_pixel))

    @cached_property
    def _coordinates(self) -> FloatArray:
        """Rows whose products with a vector are its components along slow, fast (pixels) and normal (m)."""
        rows = np.asarray(np.linalg.inv(np.stack([self.slow, self.fast, self.normal], axis=2)), np.float64)
        rows[:, :2] /= self.pixel[:, np.newaxis, np.newaxis]
        return rows

    def _meeting(self, ray: FloatArray, panel: PanelIndex, depth: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """How far along a ray, in its lengths, a panel is met, and where (pixels)."""
        if self.curved:
            length = np.linalg.norm(ray, axis=-1)
            with np.errstate(invalid="ignore"):
                unit = ray / length[..., np.newaxis]
            return np.full(length.shape, self.distance), self._unbent(unit, panel, depth)
        origin = np.einsum("...ij,...j->...i", self._coordinates[panel], self.origin[panel])
        per_length = np.einsum("...ij,...j->...i", self._coordinates[panel], ray)
        with np.errstate(divide="ignore", invalid="ignore"):
            far = (origin[..., 2] + depth) / per_length[..., 2]
            far = np.where((far > 0) & np.isfinite(far), far, np.nan)
            return far, np.asarray(far[..., np.newaxis] * per_length[..., :2] - origin[..., :2])

    def _unbent(self, ray: FloatArray, panel: PanelIndex, depth: npt.ArrayLike) -> FloatArray:
        """Slow and fast position (pixels) that a curved panel turns into unit vectors."""
        first, second = self.axes[panel, 0], self.axes[panel, 1]
        still = _dot(first, self.beam)[..., np.newaxis] * first
        turning, across = self.beam - still, np.cross(first, self.beam)
        cosine, sine = _dot(second, turning), _dot(second, across)
        corner = self._turns(self._on_plane(0.0, 0.0, panel, depth), panel)
        with np.errstate(invalid="ignore", divide="ignore"):  # turns about the second axis keep second·ray
            off = np.arccos((_dot(second, ray) - _dot(second, still)) / np.hypot(cosine, sine))
        best = np.full((*ray.shape[:-1], 2), np.nan)
        for angle in (np.arctan2(sine, cosine) + off, np.arctan2(sine, cosine) - off):
            turned = still + np.cos(angle)[..., np.newaxis] * turning + np.sin(angle)[..., np.newaxis] * across
            rest = np.arctan2(_dot(ray, np.cross(second, turned)), _dot(ray, turned) - _dot(second, ray) ** 2)
            turns = np.stack([np.remainder(angle + np.pi, 2 * np.pi) - np.pi, rest], axis=-1)
            place = np.einsum("...ij,...j->...i", self._pixels_per_turn[panel], turns - corner)
            closer = self._from_middle(place) < np.nan_to_num(self._from_middle(best), nan=np.inf)
            best[closer] = place[closer]
        return best

    def _from_middle(self, place: FloatArray) -> FloatArray:
        return np.asarray(np.abs(place / self.size - 0.5).max(axis=-1))


def _across(beam: FloatArray, axis: FloatArray) -> FloatArray:
    """Unit vector along beam × axis; any vector where they are parallel and nothing bends."""
    crossed = np.cross(beam, axis)
    return crossed / (np.linalg.norm(crossed) or 1.0)


def _dot(one: FloatArray, other: FloatArray) -> FloatArray:
    return np.asarray((one * other).sum(axis=-1))


def _rotated(vector: FloatArray, axis: FloatArray, angle: FloatArray) -> FloatArray:
    """Vectors (..., 3) rotated about unit axes by angles (radians, ...)."""
    shape = (*np.shape(angle), 3)
    vectors, axes = (np.ascontiguousarray(np.broadcast_to(each, shape).reshape(-1, 3)) for each in (vector, axis))
    return np.asarray(rotate_about(vectors, axes, np.ravel(angle)).reshape(shape))
