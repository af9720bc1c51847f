"""Conversion of the flat panel of a `Config` to detector flags of the original program."""

import itertools
import math

import numpy as np

from ...config.config import Config
from ...config.flat_panel import NominalGeometry
from ...config.panel import Panel
from ...detectors.conventions import CONVENTIONS
from ...errors import ConfigError
from ...geometry import FloatArray, dot
from ...scene.scene import Scene
from .flag_values import read_flags
from .geometry_from_flags import build_detector

SAME_MM, SAME_DIRECTION = 1e-9, 1e-12
NUDGES = sorted(itertools.product(range(-4, 5), repeat=3), key=lambda nudge: sum(map(abs, nudge)))


def geometry_flags(config: Config, scene: Scene) -> list[str]:
    """Return flags that place the panel as in the Config, by its convention if possible, else by vectors.

    Raises `ConfigError`, which names the field, if no flags place the panel.
    """
    panel = config.detector.panels[0]
    slow, fast = panel.pixels
    size = ["-pixel", repr(panel.pixel_mm), "-detpixels_f", str(fast), "-detpixels_s", str(slow)]
    by_name = _by_convention(config, scene)
    for placed in ([by_name] if by_name else []) + [_by_vectors(panel, scene)]:
        detector = build_detector(read_flags(size + placed), exact=False)
        if _same_panel(detector.panels[0], panel):
            assert detector.nominal is not None  # always set by flags
            _check_bend(config, scene, detector.nominal)
            return size + placed
    raise ConfigError(
        f"Detector.panels[0]: the C program cannot place this panel, perhaps because of its normal_axis = "
        f"{panel.normal_axis}"
    )


def _by_convention(config: Config, scene: Scene) -> list[str] | None:
    """Return flags of the convention, which keep its beam centre in headers, or None if vectors are needed."""
    convention, nominal = config.detector.convention, config.detector.nominal
    frame = CONVENTIONS[convention]
    axes = (
        (frame.beam, scene.beam_direction),
        (frame.polarization, scene.polarization_axis),
        (frame.spindle, scene.spindle_axis),
    )
    if nominal is None or convention == "custom" or not all(np.array_equal(*pair) for pair in axes):
        return None
    x, y = nominal.beam_center_mm
    flags = [f"-{convention}", "-Xbeam", repr(x), "-Ybeam", repr(y)]
    if frame.pivot == "beam":
        return [*flags, "-distance", repr(nominal.distance_mm)]
    pixel = config.detector.panels[0].pixel_mm
    near = [repr(mm / pixel + 0.5) for mm in (nominal.near_fast_mm, nominal.near_slow_mm)]
    return [*flags, "-ORGX", near[0], "-ORGY", near[1], "-close_distance", repr(nominal.close_distance_mm)]


def _by_vectors(panel: Panel, scene: Scene) -> list[str]:
    """Return flags of the custom convention, with the near point as beam centre and pivot."""
    fast, slow, normal = panel.axes()
    normal = _with_unit_length(normal)
    origin = np.asarray(panel.origin_mm, dtype=np.float64)
    # the axes need not be perpendicular to each other, nor the normal to them
    x, y, close = np.linalg.solve(np.array([-fast, -slow, normal]).T, origin).tolist()
    if not close > 0:
        raise ConfigError(
            f"Detector.panels[0]: its plane is {close:g} mm from the sample along its normal; the C program needs "
            "a positive distance"
        )
    vectors = {
        "-beam_vector": scene.beam_direction, "-polar_vector": scene.polarization_axis,
        "-spindle_axis": scene.spindle_axis, "-fdet_vector": fast, "-sdet_vector": slow, "-odet_vector": normal,
    }  # fmt: skip
    flags = [flag for name, vector in vectors.items() for flag in (name, *map(repr, vector.tolist()))]
    return [*flags, "-Xbeam", repr(x), "-Ybeam", repr(y), "-close_distance", repr(close), "-pivot", "sample"]


def _with_unit_length(normal: FloatArray) -> FloatArray:
    """Return `normal` with its last digits changed so that its length rounds to 1.

    The C program replaces a normal of any other length by fast × slow.
    """
    for nudge in NUDGES:
        nudged: FloatArray = normal + np.array(nudge) * np.spacing(normal)
        if math.sqrt(dot(nudged, nudged)) == 1.0:
            return nudged
    return normal


def _same_panel(one: Panel, other: Panel) -> bool:
    """Return whether two panels coincide to rounding."""
    axes = zip(one.axes(), other.axes(), strict=True)
    return bool(
        np.allclose(one.origin_mm, other.origin_mm, rtol=0, atol=SAME_MM)
        and all(np.allclose(*pair, rtol=0, atol=SAME_DIRECTION) for pair in axes)
    )


def _check_bend(config: Config, scene: Scene, placed: NominalGeometry) -> None:
    """Raise `ConfigError` if a curved detector's radius differs from the C program's distance (row 15)."""
    if config.detector.curved and not math.isclose(placed.distance_mm, scene.distance * 1000.0, rel_tol=1e-12):
        raise ConfigError(
            f"Detector.curved: its radius {scene.distance * 1000.0:g} mm is not the panel's distance "
            f"{placed.distance_mm:g} mm, which the C program uses as the radius (docs/quirks.md row 15)"
        )
