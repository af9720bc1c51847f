"""The parameters of `Detector.flat`, and the flat panel that they describe (docs/geometry.md)."""

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
    beam_center,
    beam_spot,
    default_beam_center,
)
from ..detectors.placement import PlacedPanel, place_flat_panel
from ..errors import ConfigError
from ..geometry import FloatArray, Vector, dot, unit
from .base import Model
from .panel import Panel, Pixels, panel_distance

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


class NominalGeometry(Model):
    """Geometry of a flat panel as image headers state it, lengths in mm.

    Attributes
    ----------
    distance_mm, close_distance_mm
        Distance from the sample to the panel's plane, along the beam and along the normal.
    beam_center_mm
        X, Y in the convention's coordinates.
    beam_fast_mm, beam_slow_mm
        Beam spot along fast and slow from the panel's origin.
    near_fast_mm, near_slow_mm
        Point of the plane nearest to the sample, likewise.
    near_point_mm
        Xclose, Yclose as given.
    twotheta_deg
        Two-theta swing of the detector.
    slow_size_mm
        Size along slow as given, if it is not an integer number of pixels.
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
    """Return the `Panel` of a placed flat panel."""
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
    """Return the geometry of a placed flat panel for image headers."""
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


def nominal_of_panel(
    panel: Panel, convention: str, beam: FloatArray, twotheta_deg: float = 0.0
) -> NominalGeometry | None:
    """Return the geometry of a panel for image headers; None if the beam, a unit vector, does not meet its plane."""
    distance = panel_distance(panel, beam)
    if not 0 < distance < np.inf:
        return None
    fast, slow, normal = panel.axes()
    pix0 = np.asarray(panel.origin_mm) / 1000.0
    spot = distance * beam - pix0
    placed = PlacedPanel(
        pix0, fast, slow, normal, distance, dot(pix0, normal),
        dot(fast, spot), dot(slow, spot), -dot(pix0, fast), -dot(pix0, slow),
    )  # fmt: skip
    center = beam_center(
        convention, (placed.beam_fast * 1000.0, placed.beam_slow * 1000.0), panel.pixels[0] * panel.pixel_mm,
        panel.pixel_mm,
    )  # fmt: skip
    near = placed.near_fast * 1000.0, placed.near_slow * 1000.0
    return nominal_geometry(placed, convention, center, near, twotheta_deg)


class FlatPanelParameters(Model):
    """The validated parameters of `Detector.flat`; error messages name the fields of `Detector`."""

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
    def _square(cls, value: Any) -> Any:
        return (value, value) if isinstance(value, int | np.integer) else value

    @model_validator(mode="after")
    def _one_distance(self) -> FlatPanelParameters:
        if self.distance_mm is not None and self.close_distance_mm is not None:
            raise ConfigError("Detector.distance_mm and Detector.close_distance_mm contradict each other; give one")
        return self

    def place(self) -> tuple[Panel, NominalGeometry]:
        """Return the panel, and its geometry as image headers state it."""
        center, spot, near = self._reference_points()
        placed = self._place(spot, near)
        panel = flat_panel(placed, self.pixel_mm, self.pixels)
        return panel, nominal_geometry(placed, self.convention, center, near, self.twotheta_deg)

    def _reference_points(self) -> tuple[Pair, Pair, Pair]:
        """Return beam centre X, Y, and beam spot and near point (fast, slow), mm."""
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
        """Return the convention with the given vectors in place of its own."""
        normal = self.normal_axis
        if normal is None and (self.fast_axis is not None or self.slow_axis is not None):
            normal = (0.0, 0.0, 0.0)  # place_flat_panel then uses fast × slow
        frame = CONVENTIONS[self.convention]
        return frame._replace(
            beam=self.beam_direction or frame.beam,
            fast=self.fast_axis or frame.fast,
            slow=self.slow_axis or frame.slow,
            normal=frame.normal if normal is None else normal,
            twotheta_axis=self.twotheta_axis or frame.twotheta_axis,
        )
