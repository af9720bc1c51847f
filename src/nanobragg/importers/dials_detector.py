"""Import of dxtbx detectors: panels in their hierarchy of frames, and the shared sensor."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..config.detector import Detector
from ..config.panel import Panel
from ..detectors.sensor import THINNEST_UM
from ..errors import ConfigError
from ..geometry import FloatArray, unit
from ..io.expt import ModelFields

PARALLAX = ("ParallaxCorrectedPxMmStrategy", "OffsetParallaxCorrectedPxMmStrategy")


class Frame(NamedTuple):
    """Origin (mm) and axes fast, slow, normal (columns) in the lab frame."""

    origin: FloatArray
    axes: FloatArray

    def within(self, model: ModelFields) -> Frame:
        """Return the frame of a panel or group within this one (source: dxtbx, model/virtual_panel.h)."""
        fast = unit(model.numbers("fast_axis", (3,)), f"{model.path}: {model.name}.fast_axis")
        slow = unit(model.numbers("slow_axis", (3,)), f"{model.path}: {model.name}.slow_axis")
        if abs(fast @ slow) > 1e-6:
            raise model.error("slow_axis", "is not perpendicular to fast_axis; write the file again with DIALS")
        axes = np.stack([fast, slow, np.cross(fast, slow)], axis=1)
        return Frame(self.origin + self.axes @ model.numbers("origin", (3,)), self.axes @ axes)


ROOT = "group"
RESERVED = re.compile(r"detector|panel\d+|group(_\d+)*")
LAB = Frame(np.zeros(3), np.eye(3))


def detector_from_dials(model: ModelFields) -> Detector:
    """Convert a dxtbx detector to a `Detector`, with panels in the same order.

    Raises `FormatError` if a field is invalid, and `ConfigError` if pixels are not square, or panels differ in shape or
    sensor.
    """
    listed = model.fields.get("panels")
    if not isinstance(listed, list) or not listed:
        raise model.error("panels", "are missing; write the file again with DIALS")
    fields = [model.nested(f"panels[{i}]", panel) for i, panel in enumerate(listed)]
    parents = _parents(model, len(fields))
    panels = tuple(_panel(panel, parents[i]) for i, panel in enumerate(fields))
    return Detector(panels=panels, convention="dials", mask=_mask(fields, panels), **_sensor(fields))


def _parents(model: ModelFields, count: int) -> list[Frame]:
    """Return the parent frame of each panel: that of its group in the hierarchy, or the lab frame."""
    parents = [LAB] * count
    root = model.fields.get("hierarchy")
    if root is None:
        return parents
    to_do = [(model.nested("hierarchy", root), LAB)]
    while to_do:
        node, frame = to_do.pop()
        if "panel" in node.fields:
            index = node.fields["panel"]
            if not isinstance(index, int) or not 0 <= index < count:
                raise node.error("panel", f"{index!r} is not one of the detector's {count} panels")
            parents[index] = frame
            continue
        inner = frame.within(node) if "origin" in node.fields else frame
        children = node.fields.get("children") or []
        if not isinstance(children, list):
            raise node.error("children", "is not a list; write the file again with DIALS")
        to_do += [(node.nested(f"children[{i}]", child), inner) for i, child in enumerate(children)]
    return parents


def panel_groups_of_dials(model: ModelFields) -> dict[str, tuple[int, ...]]:
    """Return the panels of every group in the hierarchy of a dxtbx detector that `detector_from_dials` has read.

    Names are those of DIALS, with _ for whatever an identifier does not have; a group without a name, or with one that
    is taken, is called by its place, such as group_0_1, the second child of the root's first. The root itself is left
    out, and groups of one panel.
    """
    groups: dict[str, tuple[int, ...]] = {}
    root = model.fields.get("hierarchy")

    def visit(node: dict[str, Any], place: str) -> list[int]:
        if "panel" in node:
            return [int(node["panel"])]
        parts = [visit(child, f"{place}_{i}") for i, child in enumerate(node.get("children") or [])]
        panels = sorted(number for part in parts for number in part)
        given = re.sub(r"\W", "_", str(node.get("name") or ""))
        usable = given.isidentifier() and given not in groups and not RESERVED.fullmatch(given)
        if place != ROOT and len(panels) > 1:
            groups[given if usable else place] = tuple(panels)
        return panels

    if isinstance(root, dict):
        visit(root, ROOT)
    return groups


def _panel(model: ModelFields, parent: Frame) -> Panel:
    frame = parent.within(model)
    pixel_fast, pixel_slow = model.numbers("pixel_size", (2,)).tolist()
    if not math.isclose(pixel_fast, pixel_slow, rel_tol=1e-6):
        raise ConfigError(
            f"{model.path}: {model.name}.pixel_size = {pixel_fast:g} x {pixel_slow:g} mm: pixels must be square"
        )
    fast, slow = model.numbers("image_size", (2,)).tolist()
    return Panel(
        origin_mm=tuple(frame.origin.tolist()),
        fast_axis=tuple(frame.axes[:, 0].tolist()),
        slow_axis=tuple(frame.axes[:, 1].tolist()),
        pixel_mm=pixel_fast,
        pixels=(int(slow), int(fast)),
        name=model.text("name"),
    )


def _mask(fields: list[ModelFields], panels: tuple[Panel, ...]) -> npt.NDArray[np.bool_] | None:
    """Return a mask that is False in untrusted rectangles (first fast, first slow, end fast, end slow), or None."""
    if not any(panel.fields.get("mask") for panel in fields):
        return None
    mask = np.ones((len(panels), *panels[0].pixels), bool)
    for good, model in zip(mask, fields, strict=True):
        for x0, y0, x1, y1 in model.numbers("mask", (-1, 4), np.empty((0, 4))).clip(0, 2**31).astype(int):
            good[y0:y1, x0:x1] = False
    return mask[0] if len(panels) == 1 else mask


def _sensor(fields: list[ModelFields]) -> dict[str, Any]:
    """Return the fields of `Detector` for the shared sensor: thickness, absorption, depth, saturation."""
    sensors = [_panel_sensor(panel) for panel in fields]
    for i, sensor in enumerate(sensors):
        for name, value in sensor.items():
            if value != sensors[0][name]:
                raise ConfigError(
                    f"{fields[i].path}: {fields[i].name}: {name} = {value} differs from panel 0's "
                    f"{sensors[0][name]}; all panels must share one sensor"
                )
    thickness_mm, mu = sensors[0]["thickness"], sensors[0]["mu"]
    material, high = sensors[0]["material"], sensors[0]["saturation"]
    common = {"sensor_material": material, "saturation_adu": high, "name": fields[0].text("identifier")}
    if 1000.0 * thickness_mm < THINNEST_UM or mu <= 0:
        return common
    depth = parallax_depth_mm(mu, thickness_mm) if sensors[0]["px_mm_strategy"] in PARALLAX else 0.0
    return {
        **common, "sensor_thickness_um": thickness_mm * 1000, "attenuation_um": 1000 / mu, "sensor_layers": 1,
        "sensor_depth_um": depth * 1000,
    }  # fmt: skip


def _panel_sensor(model: ModelFields) -> dict[str, Any]:
    strategy = model.nested("px_mm_strategy", model.fields.get("px_mm_strategy") or {})
    high = model.numbers("trusted_range", (2,), (0.0, 0.0))[1]
    return {
        "thickness": strategy.number("t0", model.number("thickness", 0.0)),
        "mu": strategy.number("mu", model.number("mu", 0.0)),
        "material": model.text("material"),
        "saturation": float(high) if high > 0 else None,
        "px_mm_strategy": strategy.text("type"),
    }


def parallax_depth_mm(mu_per_mm: float, thickness_mm: float) -> float:
    """Return the depth in DIALS' parallax correction at normal incidence: 1/µ - (t + 1/µ)·exp(-µt).

    Photons that pass through the sensor count as absorbed at its surface. For sensors that absorb at least half of the
    photons, the path times cos 2θ is within 5 % of this depth for 2θ up to 45°. Source: dxtbx,
    model/parallax_correction.h, attenuation_length.
    """
    return 1 / mu_per_mm - (thickness_mm + 1 / mu_per_mm) * math.exp(-mu_per_mm * thickness_mm)
