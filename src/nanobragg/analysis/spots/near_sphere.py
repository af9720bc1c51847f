"""Reciprocal lattice points near a sphere through the origin, found line by line along c*."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ...geometry import FloatArray
from ...structure_factors.tables import Limits

LINES = 50_000  # along c*, at once
SLACK = 1e-6  # of an index, for rounding


def near_sphere(star: FloatArray, centre: FloatArray, margin: float, limits: Limits) -> Iterator[npt.NDArray[np.int32]]:
    """Yield chunks of h k l with ``| |q|² + 2 q·k | ≤ margin``, and perhaps others next to them.

    Along a line of constant h and k the expression is a parabola of l, so that l lies in two ranges, or in one where
    the line touches the sphere.

    Parameters
    ----------
    star : ndarray, shape (3, 3)
        a*, b*, c* (rows), 1/m.
    centre : ndarray, shape (3,)
        k, the wave vector of the beam; the sphere is about -k, 1/m.
    margin
        1/m².
    limits
        First and last h, k, l.
    """
    (h0, k0, low), (h1, k1, high) = limits
    planes = max(1, LINES // (k1 - k0 + 1))
    for start in range(h0, h1 + 1, planes):
        h, k = (each.ravel() for each in np.mgrid[start : min(start + planes, h1 + 1), k0 : k1 + 1])
        foot = h[:, np.newaxis] * star[0] + k[:, np.newaxis] * star[1]
        square, half = float(star[2] @ star[2]), (foot + centre) @ star[2]
        least = np.einsum("ij,ij->i", foot, foot) + 2.0 * (foot @ centre) - half**2 / square  # at the vertex
        met = np.flatnonzero(least <= margin)
        vertex = -half[met] / square
        outer = np.sqrt((margin - least[met]) / square) + SLACK
        inner = np.sqrt(np.maximum(-margin - least[met], 0.0) / square) - SLACK
        below = np.minimum(np.floor(vertex - inner), np.floor(vertex)), np.ceil(vertex - outer)
        above = np.floor(vertex + outer), np.maximum(np.ceil(vertex + inner), below[0] + 1)
        yield np.concatenate([_points(h[met], k[met], first, last, low, high) for last, first in (below, above)])


def _points(
    h: npt.NDArray[np.int64], k: npt.NDArray[np.int64], first: FloatArray, last: FloatArray, low: int, high: int
) -> npt.NDArray[np.int32]:
    """Return h k l of the lines h, k with l from `first` to `last`, within `low` and `high`."""
    start = np.clip(first, low, high + 1).astype(np.int64)
    count = np.maximum(np.clip(last, low - 1, high).astype(np.int64) - start + 1, 0)
    line = np.repeat(np.arange(len(h)), count)
    step = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    return np.stack([h[line], k[line], start[line] + step], axis=1).astype(np.int32)
