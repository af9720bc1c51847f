"""The detector that C flags describe, resolved as the C program does (docs/geometry.md, docs/quirks.md)."""

from __future__ import annotations

import math
from pathlib import Path

from ...config.detector import Detector
from ...config.panel import flat_panel, nominal_geometry
from ...constants import RADIAN_IN_DEGREES
from ...detectors.conventions import CONVENTIONS, Convention, beam_spot, default_beam_center
from ...detectors.placement import PlacedPanel, place_flat_panel
from ...errors import ConfigError
from ...geometry import unit
from .flag_values import FlagValues

Pair = tuple[float, float]
VECTOR_FIELDS = ("beam", "fast", "slow", "normal", "twotheta_axis", "polarization", "spindle")
VECTOR_FLAGS = (
    "-beam_vector", "-fdet_vector", "-sdet_vector", "-odet_vector", "-twotheta_axis", "-polar_vector",
    "-spindle_axis",
)  # fmt: skip


def convention_of(values: FlagValues) -> Convention:
    """The convention's vectors and pivot; with the custom convention, those that the flags left behind."""
    frame = CONVENTIONS[values.convention]
    if values.convention != "custom":
        return frame
    return frame._replace(**{name: getattr(values, name) for name in VECTOR_FIELDS}, pivot=values.pivot)


def build_detector(values: FlagValues, *, exact: bool) -> Detector:
    """The detector of these flags.

    Parameters
    ----------
    values
        The C program's variables.
    exact
        True distance and beam spot after a two-theta swing (not the C program's, row 15).

    Raises
    ------
    ConfigError
        A size, distance or vector that makes no detector.
    """
    _check(values)
    pixel = values.pixel_mm / 1000.0
    size = (
        pixel * values.spixels if values.spixels else values.detsize_s_mm / 1000.0,
        pixel * values.fpixels if values.fpixels else values.detsize_f_mm / 1000.0,
    )
    pixels = (math.ceil(size[0] / pixel - 0.5), math.ceil(size[1] / pixel - 0.5))
    near, near_point, center = _landmarks(values, size, pixel)
    spot = beam_spot(values.convention, center, size[0], pixel)
    placed = _place(values, spot if values.convention == "custom" else near, spot, exact)
    thickness = values.thickness_um if values.thickness_um >= 0 else None
    return Detector(
        panels=(flat_panel(placed, values.pixel_mm, pixels),),
        convention=values.convention,
        sensor_thickness_um=thickness,
        sensor_layers=values.layers if values.layers > 0 else None,
        attenuation_um=None if values.attenuation_um < 0 or thickness == 0 else values.attenuation_um,
        curved=values.curved,
        point_pixel=values.point_pixel,
        mask=None if values.mask_path is None else Path(values.mask_path),
        nominal=nominal_geometry(
            placed,
            values.convention,
            _in_mm(center),
            _in_mm(near_point),
            values.twotheta_deg,
            None if values.spixels else size[0] * 1000.0,
        ),
    )


def _landmarks(values: FlagValues, size: Pair, pixel: float) -> tuple[Pair, Pair, Pair]:
    """Near point (fast, slow); near point as asked for (Xclose, Yclose); beam centre X, Y. Metres."""
    near = (
        size[1] / 2.0 if values.orgx_px is None else (values.orgx_px - 0.5) * pixel,
        size[0] / 2.0 if values.orgy_px is None else (values.orgy_px - 0.5) * pixel,
    )
    near_point = _given_or((values.xclose_mm, values.yclose_mm), near)
    # in these conventions the beam centre falls back on the near point, which need not be the middle
    on_near_point = values.convention in ("xds", "dials", "custom")
    default = near_point if on_near_point else default_beam_center(values.convention, size, pixel)
    return near, near_point, _given_or((values.xbeam_mm, values.ybeam_mm), default)


def _given_or(given_mm: tuple[float | None, float | None], default: Pair) -> Pair:
    x, y = given_mm
    return (default[0] if x is None else x / 1000.0, default[1] if y is None else y / 1000.0)


def _in_mm(pair: Pair) -> Pair:
    return pair[0] * 1000.0, pair[1] * 1000.0


def _place(values: FlagValues, near: Pair, spot: Pair, exact: bool) -> PlacedPanel:
    frame = convention_of(values)
    if exact:
        frame = frame._replace(twotheta_axis=tuple(unit(frame.twotheta_axis).tolist()))
    return place_flat_panel(
        frame,
        near=near,
        beam_spot=spot,
        distance=values.distance_mm / 1000.0,
        close_distance=None if values.close_distance_mm is None else values.close_distance_mm / 1000.0,
        pivot=frame.pivot,
        rotation_rad=(
            values.rotx_deg / RADIAN_IN_DEGREES,
            values.roty_deg / RADIAN_IN_DEGREES,
            values.rotz_deg / RADIAN_IN_DEGREES,
        ),
        twotheta_rad=values.twotheta_deg / RADIAN_IN_DEGREES,
        ratio_ignores_twotheta=not exact,
    )


def _check(values: FlagValues) -> None:
    """Refuse what makes no detector, in the flags' words."""
    close = values.close_distance_mm
    flag, distance = ("-distance", values.distance_mm) if close is None else ("-close_distance", close)
    for name, length in ((flag, distance), ("-pixel", values.pixel_mm)):
        if not length > 0:
            raise ConfigError(f"{name} {length:g}: must be a positive number of mm")
    axes = (("f", values.fpixels, values.detsize_f_mm), ("s", values.spixels, values.detsize_s_mm))
    for axis, count, size in axes:
        if count < 0:
            raise ConfigError(f"-detpixels_{axis} {count}: must be at least 1, or 0 to go by the size in mm")
        if not count and not size / values.pixel_mm > 0.5:
            raise ConfigError(f"-detsize_{axis} {size:g}: is no pixel of {values.pixel_mm:g} mm; enlarge it")
    if not any(convention_of(values).twotheta_axis):
        raise ConfigError("-twotheta_axis 0 0 0: an axis cannot have length zero")


def geometry_flags_without_effect(values: FlagValues) -> list[tuple[str, str, int | None]]:
    """Flags that did not move the detector: name, the reason, and the row of "C quirks" in the documentation."""
    convention = values.convention
    useless: list[tuple[str, str, int | None]] = []
    if "-pix0_vector" in values.given:
        useless.append(("-pix0_vector", "the pivot rule places the panel", 16))
    if convention == "custom":
        return useless
    if convention in ("xds", "dials"):
        reason = f"{convention} places the detector by -ORGX and -ORGY; only the headers' beam centre changes"
        fixed: tuple[str, ...] = ("-Xclose", "-Yclose", "-Xbeam", "-Ybeam")
    else:
        reason = f"{convention} places the detector by -Xbeam and -Ybeam"
        fixed = ("-Xclose", "-Yclose", "-ORGX", "-ORGY")
    useless += [(name, reason, 17) for name in fixed if name in values.given]
    forced = CONVENTIONS[convention].pivot
    if values.given.get("-pivot", (forced,)) != (forced,):
        useless.append(("-pivot", f"{convention} always pivots about the {forced}", 18))
    reason = f"the later -{convention} wins"
    return useless + [(name, reason, None) for name in VECTOR_FLAGS if name in values.given]
