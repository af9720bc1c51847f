"""Flat panels in the lab frame, and the nominal geometry that image headers state (docs/geometry.md)."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from ..detectors.conventions import ConventionName
from ..detectors.placement import PlacedPanel
from ..errors import ConfigError
from ..geometry import FloatArray, Vector, dot, unit
from .base import Model


def _some_pixels(value: tuple[int, int]) -> tuple[int, int]:
    if not 1 <= min(value) <= max(value) <= 1_000_000:
        raise ValueError("both numbers of pixels (slow, fast) must be at least 1 and at most a million")
    return value


Pixels = Annotated[tuple[int, int], AfterValidator(_some_pixels)]


class Panel(Model):
    """One flat rectangle of square pixels, as dxtbx and NXmx describe it.

    Attributes
    ----------
    origin_mm
        Outer corner of pixel (0, 0), lab frame, from the sample.
    fast_axis, slow_axis
        Directions in which the fast and the slow index grow; normalised here.
    normal_axis
        Direction away from the sample; by default fast × slow, turned away from the sample.
    pixel_mm
        Edge of a pixel.
    pixels
        Number of pixels (slow, fast).
    name
        Free text, for files.
    """

    origin_mm: Vector
    fast_axis: Vector
    slow_axis: Vector
    normal_axis: Vector | None = None
    pixel_mm: float = Field(default=0.1, gt=0)
    pixels: Pixels
    name: str = ""

    @model_validator(mode="after")
    def _spans_a_plane(self) -> Panel:
        fast, slow = unit(self.fast_axis, "Panel.fast_axis"), unit(self.slow_axis, "Panel.slow_axis")
        if np.linalg.norm(np.cross(fast, slow)) < 1e-9:
            raise ConfigError(
                f"Panel.slow_axis = {self.slow_axis}: is parallel to fast_axis {self.fast_axis}; they must span a plane"
            )
        if self.normal_axis is not None:
            unit(self.normal_axis, "Panel.normal_axis")
        return self

    def axes(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Unit vectors fast, slow and normal."""
        fast, slow = unit(self.fast_axis), unit(self.slow_axis)
        if self.normal_axis is not None:
            return fast, slow, unit(self.normal_axis, "Panel.normal_axis")
        normal = unit(np.cross(fast, slow))
        return fast, slow, -normal if normal @ np.asarray(self.origin_mm) < 0 else normal

    def corners_mm(self) -> FloatArray:
        """The panel's four corners in the lab frame, shape (4, 3)."""
        fast, slow, _ = self.axes()
        extent = np.array([[0, 0], [0, self.pixels[1]], [self.pixels[0], 0], self.pixels]) * self.pixel_mm
        return np.asarray(self.origin_mm) + extent[:, :1] * slow + extent[:, 1:] * fast


class NominalGeometry(Model):
    """Where the beam meets one flat panel, in every program's words; what image headers state. Lengths in mm.

    Attributes
    ----------
    distance_mm, close_distance_mm
        From the sample along the beam, and along the normal, to the panel's plane.
    beam_center_mm
        X, Y as the convention states them.
    beam_fast_mm, beam_slow_mm
        Where the beam hits, along fast and slow from the panel's origin.
    near_fast_mm, near_slow_mm
        The point of the plane that is closest to the sample, likewise.
    near_point_mm
        Xclose, Yclose, as they were asked for.
    twotheta_deg
        Swing of the detector.
    slow_size_mm
        Size along slow as it was asked for, if that is no whole number of pixels.
    """

    convention: ConventionName = "mosflm"
    distance_mm: float
    close_distance_mm: float
    beam_center_mm: tuple[float, float]
    beam_fast_mm: float
    beam_slow_mm: float
    near_fast_mm: float
    near_slow_mm: float
    near_point_mm: tuple[float, float]
    twotheta_deg: float = 0.0
    slow_size_mm: float | None = None


def flat_panel(placed: PlacedPanel, pixel_mm: float, pixels: tuple[int, int]) -> Panel:
    """The `Panel` of a placed flat panel."""
    return Panel(
        origin_mm=tuple((placed.pix0 * 1000.0).tolist()),
        fast_axis=tuple(placed.fast.tolist()),
        slow_axis=tuple(placed.slow.tolist()),
        normal_axis=tuple(placed.normal.tolist()),
        pixel_mm=pixel_mm,
        pixels=pixels,
    )


def nominal_geometry(
    placed: PlacedPanel,
    convention: str,
    beam_center_mm: tuple[float, float],
    near_point_mm: tuple[float, float],
    twotheta_deg: float,
    slow_size_mm: float | None = None,
) -> NominalGeometry:
    """What image headers say about a placed flat panel."""
    return NominalGeometry(
        convention=convention,
        distance_mm=placed.distance * 1000.0,
        close_distance_mm=placed.close_distance * 1000.0,
        beam_center_mm=beam_center_mm,
        beam_fast_mm=placed.beam_fast * 1000.0,
        beam_slow_mm=placed.beam_slow * 1000.0,
        near_fast_mm=placed.near_fast * 1000.0,
        near_slow_mm=placed.near_slow * 1000.0,
        near_point_mm=near_point_mm,
        twotheta_deg=twotheta_deg,
        slow_size_mm=slow_size_mm,
    )


def panel_distance(panel: Panel, beam: FloatArray) -> float:
    """From the sample along the beam to a panel's plane, metres; infinite when they are parallel."""
    normal = panel.axes()[2]
    across = dot(beam, normal)
    return dot(np.asarray(panel.origin_mm) / 1000.0, normal) / across if across else math.inf
