"""Geometry of panels: positions, directions, angles and solid angles of pixels, and the pixel that a ray meets."""

from collections.abc import Collection
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .._functions import rotate_about
from ..config.detector import Detector
from ..geometry import FloatArray, dot, dots

PanelNumbers = npt.NDArray[np.int32]
PanelIndex = int | npt.NDArray[np.integer[Any]]


class PanelGeometry:
    """The panels of a detector, flat or curved, exactly as the compiled core places them; lengths in metres.

    Positions on a panel are in pixels from the outer corner of its pixel (0, 0), so that (0.5, 0.5) is the centre of
    that pixel. The methods take `slow`, `fast`, the number of the `panel` and the `depth` (m) below the plane of the
    sensor's first layer as numbers or as arrays that broadcast to a common shape (...). For whole panels, give slow
    positions of shape (slow, 1) and fast ones of shape (fast,).

    Curved panels and all layers of their sensor lie on the sphere of radius `distance` around the sample. A point P of
    the flat panel moves to R(bend_axes[1], φ1)·R(bend_axes[0], φ0)·beam·distance with
    φ = (bend_along·P - bend_start)/distance.

    Parameters
    ----------
    detector : Detector
    beam : ndarray, shape (3,)
        Direction of the beam, of length 1.
    distance
        Sample to detector along the beam, m.
    like_c
        Use axes without normalising them, and bend curved panels as the C program does (row 10 of docs/quirks.md).
    corrected
        Rows of docs/quirks.md that are corrected in spite of `like_c`.

    Attributes
    ----------
    origin : ndarray, shape (panels, 3)
        Outer corner of pixel (0, 0), in the plane of the sensor's first layer.
    fast, slow, normal : ndarray, shape (panels, 3)
        Directions of increasing fast and slow index, and the normal that points away from the sample.
    pixel : ndarray, shape (panels,)
        Edge length of a pixel.
    close_distance : ndarray, shape (panels,)
        Distance from the sample to the panel's plane along the normal.
    size : tuple of int
        Number of pixels (slow, fast) of each panel.
    bend_axes, bend_along : ndarray, shape (panels, 2, 3)
    bend_start : ndarray, shape (panels, 2)
        How curved panels are bent; see above.
    beam, distance
    curved, point_pixel : bool
        As in `Detector`.
    """

    def __init__(
        self,
        detector: Detector,
        beam: FloatArray,
        distance: float,
        *,
        like_c: bool,
        corrected: Collection[int] = (),
    ) -> None:
        panels = detector.panels
        self.beam, self.distance = beam, distance
        self.curved, self.point_pixel, self.size = detector.curved, detector.point_pixel, panels[0].pixels
        frames = np.array([
            (panel.fast_axis, panel.slow_axis, panel.normal_axis)
            if like_c and panel.normal_axis is not None  # a two-theta axis that is not a unit vector stretches them
            else panel.axes()
            for panel in panels
        ])  # fmt: skip
        self.fast, self.slow, self.normal = frames[:, 0], frames[:, 1], frames[:, 2]
        surface = np.array([panel.origin_mm for panel in panels]) / 1000.0
        depth_um = (detector.sensor_depth_um or 0.0) if like_c and 28 not in corrected else detector.depth_um
        self.origin = surface + depth_um * 1e-6 * self.normal
        self.pixel = np.array([panel.pixel_mm for panel in panels]) / 1000.0
        self.close_distance = np.array([dot(o, n) for o, n in zip(self.origin, self.normal, strict=True)])
        if like_c and 10 not in corrected:
            self.bend_axes = frames[:, [1, 0]]
            self.bend_along = np.tile(np.eye(3)[1:], (len(panels), 1, 1))
            self.bend_start = np.zeros((len(panels), 2))
        else:
            self.bend_axes = np.array([[_across(beam, fast), _across(beam, slow)] for fast, slow, _ in frames])
            self.bend_along = frames[:, :2]
            self.bend_start = np.array([[distance * dot(beam, axis) for axis in pair] for pair in self.bend_along])

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
        """Return positions in the lab frame, m, shape (..., 3)."""
        flat = self._on_plane(slow, fast, panel, depth)
        return self.distance * self._bent(flat, panel) if self.curved else flat

    def directions(
        self, slow: npt.ArrayLike, fast: npt.ArrayLike, panel: PanelIndex = 0, depth: npt.ArrayLike = 0.0
    ) -> FloatArray:
        """Return unit vectors from the sample to positions on a panel, shape (..., 3)."""
        place = self._on_plane(slow, fast, panel, depth)
        if self.curved:
            return self._bent(place, panel)
        place /= np.maximum(np.linalg.norm(place, axis=-1, keepdims=True), 1e-300)  # zero at the sample
        return place

    def cos_two_theta(
        self, slow: npt.ArrayLike, fast: npt.ArrayLike, panel: PanelIndex = 0, *, beam: FloatArray | None = None
    ) -> FloatArray:
        """Return cosines of scattering angles, shape (...); `beam` is a unit vector, by default the attribute."""
        beam = self.beam if beam is None else beam
        if self.curved:
            return np.asarray(self.directions(slow, fast, panel) @ beam)
        pixel, origin, s, f = self.pixel[panel], self.origin[panel], self.slow[panel], self.fast[panel]
        slow, fast = np.asarray(slow) * pixel, np.asarray(fast) * pixel
        ahead = origin @ beam + slow * (s @ beam) + fast * (f @ beam)
        square = slow**2 * dots(s, s) + 2.0 * slow * dots(origin, s) + dots(origin, origin)
        square = square + fast**2 * dots(f, f) + 2.0 * fast * dots(origin, f)
        return np.asarray(ahead / np.sqrt(square + slow * fast * (2.0 * dots(f, s))))

    def two_theta(
        self, slow: npt.ArrayLike, fast: npt.ArrayLike, panel: PanelIndex = 0, *, beam: FloatArray | None = None
    ) -> FloatArray:
        """Return scattering angles 2θ, radians, shape (...); `beam` as in `cos_two_theta`."""
        return np.asarray(np.arccos(np.clip(self.cos_two_theta(slow, fast, panel, beam=beam), -1.0, 1.0)))

    def resolution(
        self, wavelength: float, slow: npt.ArrayLike, fast: npt.ArrayLike, panel: PanelIndex = 0
    ) -> FloatArray:
        """Return the resolution λ/(2 sin θ) in the unit of the wavelength, shape (...); infinite in the direct beam."""
        versine = np.maximum(1.0 - self.cos_two_theta(slow, fast, panel), 0.0)
        with np.errstate(divide="ignore"):
            return np.asarray(wavelength / np.sqrt(2.0 * versine))

    def solid_angles(
        self, slow: npt.ArrayLike, fast: npt.ArrayLike, panel: PanelIndex = 0, depth: npt.ArrayLike = 0.0
    ) -> FloatArray:
        """Return the solid angles of pixels in images, shape (...): pixel²·close_distance/R³ (sr), or 1/R² (m⁻²)."""
        r = np.linalg.norm(self.positions(slow, fast, panel, depth), axis=-1)
        if self.point_pixel:
            return np.asarray(1.0 / r**2)
        return np.asarray(self.pixel[panel] ** 2 * self.close_distance[panel] / r**3)

    def spanned_solid_angles(self, slow: npt.ArrayLike, fast: npt.ArrayLike, panel: PanelIndex = 0) -> FloatArray:
        """Return the solid angles (sr) that the directions within pixels span, shape (...)."""
        flat = self._on_plane(slow, fast, panel, 0.0)
        if not self.curved:
            area = np.cross(self.fast[panel], self.slow[panel]) * (self.pixel[panel] ** 2)[..., np.newaxis]
            return np.asarray(np.abs(dots(flat, area)) / np.linalg.norm(flat, axis=-1) ** 3)
        first, second = self.bend_axes[panel, 0], self.bend_axes[panel, 1]
        turned = _rotated(self.beam, first, self._turns(flat, panel)[..., 0])
        area = np.linalg.det(self._turns_per_pixel[panel])
        return np.asarray(np.abs(area * dots(turned, np.cross(first, second))))

    @cached_property
    def solid_angle_ratios(self) -> FloatArray:
        """Ratio of the solid angles of pixels to those that they span, the same everywhere on a flat panel."""
        spanned = np.linalg.det(np.stack([self.origin, self.fast, self.slow], axis=1))
        return np.asarray(self.close_distance / np.abs(spanned))

    def pixels(self, ray: FloatArray, panel: PanelIndex = 0, depth: npt.ArrayLike = 0.0) -> FloatArray:
        """Return the positions where rays meet a panel or the plane around it; the inverse of `directions`.

        Parameters
        ----------
        ray : ndarray, shape (..., 3)
            Vectors from the sample, of any length. The ray of a scattering vector q is q + incident/λ.
        panel, depth
            As in `directions`.

        Returns
        -------
        ndarray, shape (..., 2)
            Slow and fast position, pixels; NaN where the ray does not meet the plane. If a ray meets a curved panel
            twice, the position closer to the panel's centre.
        """
        return self._meeting(ray, panel, depth)[1]

    def first_panel(self, ray: FloatArray) -> PanelNumbers:
        """Return the number of the panel that each ray (shape (n, 3), of any length) meets first; -1 for none."""
        nearest, found = np.full(len(ray), np.inf), np.full(len(ray), -1, np.int32)
        for i in range(len(self)):
            far, place = self._meeting(ray, i, 0.0)
            hit = ((place >= 0) & (place <= self.size)).all(axis=1) & (far < nearest)
            nearest[hit], found[hit] = far[hit], i
        return found

    def _on_plane(
        self, slow: npt.ArrayLike, fast: npt.ArrayLike, panel: PanelIndex, depth: npt.ArrayLike
    ) -> FloatArray:
        """Return positions on flat panels, m, summed in the order of the compiled core."""
        pixel = self.pixel[panel]
        along_slow, along_fast = ((np.asarray(at) * pixel)[..., np.newaxis] for at in (slow, fast))
        place = along_fast * self.fast[panel] + along_slow * self.slow[panel]
        return np.asarray(place + np.asarray(depth)[..., np.newaxis] * self.normal[panel] + self.origin[panel])

    def _turns(self, flat: FloatArray, panel: PanelIndex) -> FloatArray:
        """Return angles (radians, shape (..., 2)) about the two bend axes for points of the flat panel."""
        along = np.einsum("...ij,...j->...i", self.bend_along[panel], flat)
        return np.asarray((along - self.bend_start[panel]) / self.distance)

    def _bent(self, flat: FloatArray, panel: PanelIndex) -> FloatArray:
        """Return the directions of points of the flat panel after bending."""
        turn = self._turns(flat, panel)
        once = _rotated(self.beam, self.bend_axes[panel, 0], turn[..., 0])
        return _rotated(once, self.bend_axes[panel, 1], turn[..., 1])

    @cached_property
    def _turns_per_pixel(self) -> FloatArray:
        """Change of `_turns` per pixel along slow and fast (columns), shape (panels, 2, 2)."""
        steps = np.stack([self.slow, self.fast], axis=2) * self.pixel[:, np.newaxis, np.newaxis]
        return np.asarray(self.bend_along @ steps / self.distance)

    @cached_property
    def _pixels_per_turn(self) -> FloatArray:
        """Inverse of `_turns_per_pixel`."""
        return np.asarray(np.linalg.inv(self._turns_per_pixel))

    @cached_property
    def _coordinates(self) -> FloatArray:
        """Rows that give the components of a vector along slow, fast (pixels) and normal (m), shape (panels, 3, 3)."""
        rows = np.asarray(np.linalg.inv(np.stack([self.slow, self.fast, self.normal], axis=2)), np.float64)
        rows[:, :2] /= self.pixel[:, np.newaxis, np.newaxis]
        return rows

    def _meeting(self, ray: FloatArray, panel: PanelIndex, depth: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the distance to a panel in lengths of the ray (the radius if curved), and the position (pixels)."""
        if self.curved:
            length = np.linalg.norm(ray, axis=-1)
            with np.errstate(invalid="ignore"):
                unit = ray / length[..., np.newaxis]
            return np.full(length.shape, self.distance), self._unbent(unit, panel, depth)
        slow, fast, normal = (self._coordinates[panel, i] for i in range(3))
        origin = self.origin[panel]
        with np.errstate(divide="ignore", invalid="ignore"):
            far = (dots(normal, origin) + np.asarray(depth, np.float64)) / dots(normal, ray)
            far = np.asarray(np.where((far > 0) & np.isfinite(far), far, np.nan))
            return far, np.stack([far * dots(axis, ray) - dots(axis, origin) for axis in (slow, fast)], axis=-1)

    def _unbent(self, ray: FloatArray, panel: PanelIndex, depth: npt.ArrayLike) -> FloatArray:
        """Return slow and fast position (pixels) of unit vectors on curved panels."""
        first, second = self.bend_axes[panel, 0], self.bend_axes[panel, 1]
        still = dots(first, self.beam)[..., np.newaxis] * first
        turning, across = self.beam - still, np.cross(first, self.beam)
        cosine, sine = dots(second, turning), dots(second, across)
        corner = self._turns(self._on_plane(0.0, 0.0, panel, depth), panel)
        with np.errstate(invalid="ignore", divide="ignore"):  # rotation about `second` preserves second·ray
            off = np.arccos((dots(second, ray) - dots(second, still)) / np.hypot(cosine, sine))
        best = np.full((*ray.shape[:-1], 2), np.nan)
        for angle in (np.arctan2(sine, cosine) + off, np.arctan2(sine, cosine) - off):
            turned = still + np.cos(angle)[..., np.newaxis] * turning + np.sin(angle)[..., np.newaxis] * across
            rest = np.arctan2(dots(ray, np.cross(second, turned)), dots(ray, turned) - dots(second, ray) ** 2)
            turns = np.stack([np.remainder(angle + np.pi, 2 * np.pi) - np.pi, rest], axis=-1)
            place = np.einsum("...ij,...j->...i", self._pixels_per_turn[panel], turns - corner)
            closer = self._from_middle(place) < np.nan_to_num(self._from_middle(best), nan=np.inf)
            best[closer] = place[closer]
        return best

    def _from_middle(self, place: FloatArray) -> FloatArray:
        return np.asarray(np.abs(place / self.size - 0.5).max(axis=-1))


def _across(beam: FloatArray, axis: FloatArray) -> FloatArray:
    """Return the unit vector along beam × axis, or zero if they are parallel."""
    crossed = np.cross(beam, axis)
    return crossed / (np.linalg.norm(crossed) or 1.0)


def _rotated(vector: FloatArray, axis: FloatArray, angle: FloatArray) -> FloatArray:
    """Rotate vectors (..., 3) about unit axes by angles (radians, ...)."""
    shape = (*np.shape(angle), 3)
    vectors, axes = (np.ascontiguousarray(np.broadcast_to(each, shape).reshape(-1, 3)) for each in (vector, axis))
    return np.asarray(rotate_about(vectors, axes, np.ravel(angle)).reshape(shape))
