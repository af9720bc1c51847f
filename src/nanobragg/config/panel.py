"""Panels in the lab frame (docs/geometry.md)."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from ..errors import ConfigError
from ..geometry import FloatArray, Vector, dot, unit
from .base import Model


def _some_pixels(value: tuple[int, int]) -> tuple[int, int]:
    if not 1 <= min(value) <= max(value) <= 1_000_000:
        raise ValueError("must be two numbers of pixels (slow, fast) between 1 and a million")
    return value


Pixels = Annotated[tuple[int, int], AfterValidator(_some_pixels)]


class Panel(Model):
    """A flat rectangle of square pixels, as in dxtbx and NXmx.

    Attributes
    ----------
    origin_mm
        Outer corner of pixel (0, 0) in the lab frame, with the sample at the origin.
    fast_axis, slow_axis
        Directions of increasing fast and slow index; normalised.
    normal_axis
        Normal; default: fast × slow, with the sign that points away from the sample.
    pixel_mm
        Edge of a pixel.
    pixels
        Number of pixels (slow, fast).
    name
        Name for files and messages.
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
                f"Panel.slow_axis = {self.slow_axis}: must not be parallel to fast_axis = {self.fast_axis}"
            )
        if self.normal_axis is not None:
            unit(self.normal_axis, "Panel.normal_axis")
        return self

    def axes(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return unit vectors along fast, slow and normal."""
        fast, slow = unit(self.fast_axis), unit(self.slow_axis)
        if self.normal_axis is not None:
            return fast, slow, unit(self.normal_axis, "Panel.normal_axis")
        normal = unit(np.cross(fast, slow))
        return fast, slow, -normal if normal @ np.asarray(self.origin_mm) < 0 else normal

    def corners_mm(self) -> FloatArray:
        """Return the four corners in the lab frame, shape (4, 3)."""
        fast, slow, _ = self.axes()
        extent = np.array([[0, 0], [0, self.pixels[1]], [self.pixels[0], 0], self.pixels]) * self.pixel_mm
        return np.asarray(self.origin_mm) + extent[:, :1] * slow + extent[:, 1:] * fast


def panel_distance(panel: Panel, beam: FloatArray) -> float:
    """Return the distance (m) from the sample along the beam to a panel's plane; infinite if they are parallel."""
    normal = panel.axes()[2]
    across = dot(beam, normal)
    return dot(np.asarray(panel.origin_mm) / 1000.0, normal) / across if across else math.inf
