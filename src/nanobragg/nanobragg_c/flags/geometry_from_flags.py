"""Conversion of C flags to a `Detector`, resolved as the C program does (docs/geometry.md, docs/quirks.md)."""

import math
from pathlib import Path

from ...bounds import check_bound
from ...config.detector import Detector
from ...config.flat_panel import flat_panel, nominal_geometry
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
    """Return the convention's vectors and pivot, with those of the flags for the custom convention."""
    convention = CONVENTIONS[values.convention]
    if values.convention != "custom":
        return convention
    vectors = {name: getattr(values, name) for name in VECTOR_FIELDS}
    for name in axes_without_rotation(values):
        vectors[name] = getattr(convention, name)
    return convention._replace(**vectors, pivot=values.pivot)


def axes_without_rotation(values: FlagValues) -> list[str]:
    """Return the names of axes of length zero about which nothing rotates, and that the convention's may replace."""
    still = values.phi_deg == 0 and values.osc_deg <= 0 and values.phistep_deg <= 0 and values.phisteps <= 1
    unused = {"spindle": still, "twotheta_axis": values.twotheta_deg == 0}
    return [name for name, may in unused.items() if may and not any(getattr(values, name))]


def build_detector(values: FlagValues, *, exact: bool) -> Detector:
    """Return the detector that flags describe; raises `ConfigError` if a size, distance or vector is not valid.

    With `exact`, distance and beam spot are correct after a two-theta swing, unlike in the C program (docs/quirks.md
    row 15).
    """
    _check(values)
    pixel = values.pixel_mm / 1000.0
    size = (
        pixel * values.spixels if values.spixels else values.detsize_s_mm / 1000.0,
        pixel * values.fpixels if values.fpixels else values.detsize_f_mm / 1000.0,
    )
    pixels = (math.ceil(size[0] / pixel - 0.5), math.ceil(size[1] / pixel - 0.5))
    near, near_point, center = _reference_points(values, size, pixel)
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


def _reference_points(values: FlagValues, size: Pair, pixel: float) -> tuple[Pair, Pair, Pair]:
    """Return the near point (fast, slow), the near point given by -Xclose and -Yclose, and the beam centre, in m."""
    near = (
        size[1] / 2.0 if values.orgx_px is None else (values.orgx_px - 0.5) * pixel,
        size[0] / 2.0 if values.orgy_px is None else (values.orgy_px - 0.5) * pixel,
    )
    near_point = _given_or((values.xclose_mm, values.yclose_mm), near)
    # in these conventions, the default beam centre is the near point, which need not be the panel's centre
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
    """Raise `ConfigError` for values that do not describe a detector."""
    close = values.close_distance_mm
    flag, distance = ("-distance", values.distance_mm) if close is None else ("-close_distance", close)
    for name, length in ((flag, distance), ("-pixel", values.pixel_mm)):
        if not length > 0:
            raise ConfigError(f"{name} {length:g} is not valid; give a positive number of mm")
        check_bound(name, length, field="Detector.distance_mm")
    axes = (("f", values.fpixels, values.detsize_f_mm), ("s", values.spixels, values.detsize_s_mm))
    for axis, count, size in axes:
        if count < 0:
            raise ConfigError(f"-detpixels_{axis} {count} is not valid; give at least 1, or 0 to use the size in mm")
        if not count and not size / values.pixel_mm > 0.5:
            raise ConfigError(f"-detsize_{axis} {size:g} is smaller than a pixel of {values.pixel_mm:g} mm; enlarge it")
    if not any(convention_of(values).twotheta_axis):
        raise ConfigError("-twotheta_axis 0 0 0 is not a valid axis; give a vector with a length")


def geometry_flags_without_effect(values: FlagValues) -> list[tuple[str, str, int | None]]:
    """Return the flags that did not move the detector: name, reason, and row of docs/quirks.md."""
    convention = values.convention
    unused: list[tuple[str, str, int | None]] = []
    if "-pix0_vector" in values.given:
        unused.append(("-pix0_vector", "the pivot rule places the panel", 16))
    if convention == "custom":
        return unused
    if convention in ("xds", "dials"):
        reason = f"{convention} places the detector by -ORGX and -ORGY; only the headers' beam centre changes"
        fixed: tuple[str, ...] = ("-Xclose", "-Yclose", "-Xbeam", "-Ybeam")
    else:
        reason = f"{convention} places the detector by -Xbeam and -Ybeam"
        fixed = ("-Xclose", "-Yclose", "-ORGX", "-ORGY")
    unused += [(name, reason, 17) for name in fixed if name in values.given]
    forced = CONVENTIONS[convention].pivot
    if values.given.get("-pivot", (forced,)) != (forced,):
        unused.append(("-pivot", f"{convention} always pivots about the {forced}", 18))
    reason = f"the later -{convention} wins"
    return unused + [(name, reason, None) for name in VECTOR_FLAGS if name in values.given]
