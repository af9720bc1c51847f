"""Lab frames and beam centres of data-processing programs (docs/geometry.md)."""

from typing import Literal, NamedTuple

from ..geometry import Vector

ConventionName = Literal["mosflm", "denzo", "adxv", "xds", "dials", "custom"]
Pivot = Literal["beam", "sample"]


class Convention(NamedTuple):
    """The lab frame of a data-processing program: unit vectors, and the pivot of detector rotations."""

    beam: Vector
    fast: Vector
    slow: Vector
    normal: Vector
    twotheta_axis: Vector
    polarization: Vector
    spindle: Vector
    pivot: Pivot


_MOSFLM = Convention((1, 0, 0), (0, 0, 1), (0, -1, 0), (1, 0, 0), (0, 0, -1), (0, 0, 1), (0, 0, 1), "beam")
CONVENTIONS: dict[str, Convention] = {
    "mosflm": _MOSFLM,
    "denzo": _MOSFLM,
    "adxv": Convention((0, 0, 1), (1, 0, 0), (0, -1, 0), (0, 0, 1), (-1, 0, 0), (1, 0, 0), (1, 0, 0), "beam"),
    "xds": Convention((0, 0, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0), (1, 0, 0), (1, 0, 0), "sample"),
    "dials": Convention((0, 0, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 0), (0, 1, 0), (0, 1, 0), "sample"),
    "custom": _MOSFLM._replace(twotheta_axis=(0, 1, 0)),
}


def default_beam_center(convention: str, size: tuple[float, float], pixel: float) -> tuple[float, float]:
    """Return the beam centre X, Y, in the convention's coordinates, at the middle of a panel of `size` (slow, fast)."""
    slow, fast = size
    if convention in ("mosflm", "denzo"):
        return (slow + pixel) / 2.0, (fast + pixel) / 2.0
    if convention == "adxv":
        return (fast + pixel) / 2.0, (slow - pixel) / 2.0
    return fast / 2.0, slow / 2.0


def beam_spot(convention: str, center: tuple[float, float], size_slow: float, pixel: float) -> tuple[float, float]:
    """Return the beam spot (fast, slow) from the panel's origin for a beam centre X, Y of the convention."""
    x, y = center
    if convention == "mosflm":
        return y + 0.5 * pixel, x + 0.5 * pixel
    if convention == "denzo":
        return y, x
    if convention == "adxv":
        return x, size_slow - y
    return x, y


def beam_center(convention: str, spot: tuple[float, float], size_slow: float, pixel: float) -> tuple[float, float]:
    """Return the beam centre X, Y in the convention's coordinates for a beam spot (fast, slow): inverts `beam_spot`."""
    fast, slow = spot
    if convention == "mosflm":
        return slow - 0.5 * pixel, fast - 0.5 * pixel
    if convention == "denzo":
        return slow, fast
    if convention == "adxv":
        return fast, size_slow - slow
    return fast, slow
