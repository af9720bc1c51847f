"""The parameters of `Detector.flat`: their validation, and the panel that they place (docs/geometry.md)."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from ..constants import RADIAN_IN_DEGREES
from ..detectors.conventions import (
    CONVENTIONS,
    Convention,
    ConventionName,
    Pivot,
    beam_spot,
    default_beam_center,
)
from ..detectors.placement import PlacedPanel, place_flat_panel
from ..errors import ConfigError
from ..geometry import Vector, unit
from .base import Model
from .panel import NominalGeometry, Panel, Pixels, flat_panel, nominal_geometry

Pair = tuple[float, float]


def _length(value: float) -> float:
    if not 1e-9 <= value <= 1e12:
        raise ValueError("must be a positive number of millimetres")
    return value


def _direction(value: Vector | None, info: ValidationInfo) -> Vector | None:
    if value is not None:
        unit(value, f"Detector.{info.field_name}")
    return value


Length = Annotated[float, AfterValidator(_length)]
Place = Annotated[float, Field(ge=-1e12, le=1e12)]
Direction = Annotated[Vector | None, AfterValidator(_direction)]


class FlatPanelParameters(Model):
    """The parameters of `Detector.flat`, which describes them; errors speak of the Detector."""

    model_config = ConfigDict(title="Detector")

    distance_mm: Length | None
    close_distance_mm: Length | None
    pixels: Pixels
    pixel_mm: Length
    convention: ConventionName
    beam_center_mm: tuple[Place, Place] | None
    org_px: tuple[Place, Place] | None
    pivot: Pivot | None
    rotation_deg: Vector
    twotheta_deg: float
    twotheta_axis: Direction
    fast_axis: Direction
    slow_axis: Direction
    normal_axis: Direction
    beam_direction: Direction

    @field_validator("pixels", mode="before")
    @classmethod
    def _same_along_both(cls, value: Any) -> Any:
        return (value, value) if isinstance(value, int | np.integer) else value

    @model_validator(mode="after")
    def _one_distance(self) -> FlatPanelParameters:
        if self.distance_mm is not None and self.close_distance_mm is not None:
            raise ConfigError("Detector.distance_mm and close_distance_mm contradict each other: give one of them")
        return self

    def placed(self) -> tuple[Panel, NominalGeometry]:
        """The panel, and what image headers say about it."""
        center, spot, near = self._landmarks()
        placed = self._place(spot, near)
        panel = flat_panel(placed, self.pixel_mm, self.pixels)
        return panel, nominal_geometry(placed, self.convention, center, near, self.twotheta_deg)

    def _landmarks(self) -> tuple[Pair, Pair, Pair]:
        """Beam centre X, Y; beam spot and near point (fast, slow); mm."""
        pixel, size = self.pixel_mm, (self.pixels[0] * self.pixel_mm, self.pixels[1] * self.pixel_mm)
        center = self.beam_center_mm or default_beam_center(self.convention, size, pixel)
        spot = beam_spot(self.convention, center, size[0], pixel)
        if self.org_px is None:
            return center, spot, spot
        return center, spot, ((self.org_px[0] - 0.5) * pixel, (self.org_px[1] - 0.5) * pixel)

    def _place(self, spot: Pair, near: Pair) -> PlacedPanel:
        frame = self._frame()
        x, y, z = self.rotation_deg
        return place_flat_panel(
            frame,
            near=(near[0] / 1000.0, near[1] / 1000.0),
            beam_spot=(spot[0] / 1000.0, spot[1] / 1000.0),
            distance=(100.0 if self.distance_mm is None else self.distance_mm) / 1000.0,
            close_distance=None if self.close_distance_mm is None else self.close_distance_mm / 1000.0,
            pivot=self.pivot or frame.pivot,
            rotation_rad=(x / RADIAN_IN_DEGREES, y / RADIAN_IN_DEGREES, z / RADIAN_IN_DEGREES),
            twotheta_rad=self.twotheta_deg / RADIAN_IN_DEGREES,
        )

    def _frame(self) -> Convention:
        """The convention's vectors, replaced by those that were given."""
        normal = self.normal_axis
        if normal is None and (self.fast_axis is not None or self.slow_axis is not None):
            normal = (0.0, 0.0, 0.0)  # to be made from fast × slow
        frame = CONVENTIONS[self.convention]
        return frame._replace(
            beam=self.beam_direction or frame.beam,
            fast=self.fast_axis or frame.fast,
            slow=self.slow_axis or frame.slow,
            normal=frame.normal if normal is None else normal,
            twotheta_axis=self.twotheta_axis or frame.twotheta_axis,
        )
