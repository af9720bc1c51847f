"""Motion of a detector as a whole (`Detector.moved`)."""

import math
from typing import Any

import numpy as np

from ..bounds import number
from ..constants import RADIAN_IN_DEGREES
from ..detectors.conventions import Pivot, beam_spot
from ..errors import ConfigError
from ..geometry import FloatArray, Vector, as_vector, rotate, rotate_about
from .flat_panel import NominalGeometry, nominal_of_panel
from .panel import Panel, panel_distance


def move(
    panels: tuple[Panel, ...],
    nominal: NominalGeometry | None,
    convention: str,
    beam: FloatArray,
    *,
    distance_mm: float | None,
    beam_center_mm: tuple[float, float] | None,
    rotation_deg: Vector,
    pivot: Pivot,
    shift_mm: Vector,
) -> tuple[tuple[Panel, ...], NominalGeometry | None]:
    """Return moved panels, and the geometry of a single one for image headers; parameters as in `Detector.moved`."""
    rotation_deg, shift_mm = _three("rotation_deg", rotation_deg), _three("shift_mm", shift_mm)
    if any(rotation_deg):
        center = _distance_mm(panels, beam) * beam if pivot == "beam" else np.zeros(3)
        panels = tuple(_rotated(panel, rotation_deg, center) for panel in panels)
    if distance_mm is not None:
        number("Detector.distance_mm", distance_mm)
        panels = _shifted(panels, (distance_mm - _distance_mm(panels, beam)) * beam)
    if beam_center_mm is not None:
        panels = _shifted(panels, _towards_center(panels, convention, beam, beam_center_mm))
    panels = _shifted(panels, np.asarray(shift_mm, dtype=np.float64))
    if nominal is None or len(panels) > 1:
        return panels, None
    return panels, nominal_of_panel(panels[0], convention, beam, nominal.twotheta_deg)


def _three(name: str, values: Any) -> Vector:
    try:
        x, y, z = values
    except (TypeError, ValueError):
        raise ConfigError(f"Detector.moved: {name} = {values!r}: must be three numbers") from None
    field = "Detector.rotation_deg" if name == "rotation_deg" else "Panel.origin_mm"
    return tuple(number(f"Detector.moved: {name}", value, field=field) for value in (x, y, z))  # type: ignore[return-value]


def perturb(
    panels: tuple[Panel, ...], seed: int, shift_um: float | Vector, rotation_mrad: float | Vector
) -> tuple[Panel, ...]:
    """Return panels that are randomly out of place; parameters as in `Detector.perturbed`."""
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ConfigError(f"Detector.perturbed: seed = {seed!r}: must be an integer of at least 0")
    shift, rotation = (
        _deviations(name, value) for name, value in (("shift_um", shift_um), ("rotation_mrad", rotation_mrad))
    )
    draw = np.random.default_rng(seed)
    deviates = draw.standard_normal((len(panels), 2, 3))
    return tuple(
        displaced(panel, one[0] * shift / 1000.0, one[1] * rotation / 1000.0)
        for panel, one in zip(panels, deviates, strict=True)
    )


def _deviations(name: str, value: float | Vector) -> FloatArray:
    try:
        three = np.broadcast_to(np.asarray(value, dtype=np.float64), 3)
    except (TypeError, ValueError, OverflowError):
        three = np.full(3, np.nan)
    if not (np.isfinite(three).all() and (three >= 0).all()):
        raise ConfigError(f"Detector.perturbed: {name} = {value!r}: must be one or three numbers of at least 0")
    return three


def displaced(panel: Panel, shift_mm: FloatArray, rotation_rad: FloatArray) -> Panel:
    """Return a panel shifted along its axes and rotated about them through its centre."""
    axes = np.array(panel.axes())
    slow, fast = panel.pixels
    center = np.asarray(panel.origin_mm) + 0.5 * panel.pixel_mm * (fast * axes[0] + slow * axes[1])
    corner, turned = np.asarray(panel.origin_mm) - center, axes
    for axis, angle in zip(axes, rotation_rad.tolist(), strict=True):
        corner, turned = rotate_about(corner, axis, angle), rotate_about(turned, axis, angle)
    return panel.replace(
        origin_mm=as_vector(center + corner + shift_mm @ axes), fast_axis=as_vector(turned[0]),
        slow_axis=as_vector(turned[1]), normal_axis=as_vector(turned[2]),
    )  # fmt: skip


def _distance_mm(panels: tuple[Panel, ...], beam: FloatArray) -> float:
    distances = [1000.0 * panel_distance(panel, beam) for panel in panels]
    ahead = [distance for distance in distances if 0 < distance < math.inf]
    if not ahead:
        raise ConfigError("Detector.moved: the beam does not meet the plane of a panel; use shift_mm")
    return min(ahead)


def _shifted(panels: tuple[Panel, ...], shift_mm: FloatArray) -> tuple[Panel, ...]:
    if not shift_mm.any():
        return panels
    return tuple(panel.replace(origin_mm=as_vector(np.asarray(panel.origin_mm) + shift_mm)) for panel in panels)


def _rotated(panel: Panel, rotation_deg: Vector, center_mm: FloatArray) -> Panel:
    x, y, z = rotation_deg
    angles = (x / RADIAN_IN_DEGREES, y / RADIAN_IN_DEGREES, z / RADIAN_IN_DEGREES)
    origin = rotate(np.asarray(panel.origin_mm) - center_mm, angles) + center_mm
    normal = None if panel.normal_axis is None else as_vector(rotate(panel.normal_axis, angles))
    return panel.replace(
        origin_mm=as_vector(origin), fast_axis=as_vector(rotate(panel.fast_axis, angles)),
        slow_axis=as_vector(rotate(panel.slow_axis, angles)), normal_axis=normal,
    )  # fmt: skip


def _towards_center(
    panels: tuple[Panel, ...], convention: str, beam: FloatArray, center_mm: tuple[float, float]
) -> FloatArray:
    """Return the shift in the plane of the only panel that puts the beam at a beam centre."""
    panel = panels[0]
    now = nominal_of_panel(panel, convention, beam)
    if len(panels) > 1 or now is None:
        raise ConfigError("Detector.beam_center_mm: needs a single panel that the beam meets; use shift_mm")
    fast, slow, _ = panel.axes()
    wanted = beam_spot(convention, center_mm, panel.pixels[0] * panel.pixel_mm, panel.pixel_mm)
    return np.asarray((now.beam_fast_mm - wanted[0]) * fast + (now.beam_slow_mm - wanted[1]) * slow)
