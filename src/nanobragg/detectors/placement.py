"""Placement of a flat panel in the lab frame by the rules of a convention (docs/geometry.md)."""

import math
from typing import NamedTuple

import numpy as np

from ..geometry import FloatArray, Vector, dot, rotate, rotate_about, unit
from .conventions import Convention, Pivot


class PlacedPanel(NamedTuple):
    """A flat panel in the lab frame: unit vectors, and lengths in metres."""

    pix0: FloatArray
    fast: FloatArray
    slow: FloatArray
    normal: FloatArray
    distance: float
    close_distance: float
    beam_fast: float
    beam_slow: float
    near_fast: float
    near_slow: float


def place_flat_panel(
    frame: Convention,
    *,
    near: tuple[float, float],
    beam_spot: tuple[float, float],
    distance: float,
    close_distance: float | None,
    pivot: Pivot,
    rotation_rad: Vector = (0.0, 0.0, 0.0),
    twotheta_rad: float = 0.0,
    ratio_ignores_twotheta: bool = False,
) -> PlacedPanel:
    """Place a flat panel in the lab frame (docs/geometry.md, "Placing a flat panel"); metres and radians.

    Parameters
    ----------
    frame
        Vectors before any rotation; `frame.pivot` is ignored.
    near, beam_spot
        Near point and beam spot (fast, slow) from the panel's origin; `pivot` selects which one is kept.
    distance, close_distance
        Distances along the beam, and along the normal before the two-theta swing; None: derived from `distance`.
    ratio_ignores_twotheta
        Use the C program's distance and beam spot after a two-theta swing (docs/quirks.md, row 15).
    """
    beam, fast, slow = unit(frame.beam, "beam direction"), unit(frame.fast, "fast axis"), unit(frame.slow, "slow axis")
    normal = _panel_normal(frame, fast, slow)
    ratio = dot(beam, rotate(normal, rotation_rad)) or np.finfo(float).tiny
    if close_distance is None:
        close_distance = abs(ratio * distance)
    distance = close_distance / ratio

    def swing(vector: FloatArray) -> FloatArray:
        return rotate_about(rotate(vector, rotation_rad), frame.twotheta_axis, twotheta_rad)

    pix0 = swing(-near[0] * fast - near[1] * slow + close_distance * normal)
    fast, slow, normal = swing(fast), swing(slow), swing(normal)
    if pivot == "beam":
        pix0 = -beam_spot[0] * fast - beam_spot[1] * slow + distance * beam
    close_distance = dot(pix0, normal)
    if not ratio_ignores_twotheta:
        ratio = dot(beam, normal) or np.finfo(float).tiny
    spot = close_distance / ratio * beam - pix0
    return PlacedPanel(
        pix0, fast, slow, normal, close_distance / ratio, close_distance,
        dot(fast, spot), dot(slow, spot), -dot(pix0, fast), -dot(pix0, slow),
    )  # fmt: skip


def _panel_normal(frame: Convention, fast: FloatArray, slow: FloatArray) -> FloatArray:
    given = np.asarray(frame.normal, dtype=np.float64)
    if math.sqrt(dot(given, given)) == 1.0:
        return given
    return unit(np.cross(fast, slow), "fast × slow (the axes are parallel)")
