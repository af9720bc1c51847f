"""The transform of one cell's contents between reflections, from values with phases."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from ..geometry import FloatArray, Vector
from ..io.limits import allowed_memory
from .symmetry import ComplexArray, IndexArray
from .tables import Limits, Table


class Contents(NamedTuple):
    """The density that is in one cell of a crystal of a few cells, by its transform.

    Attributes
    ----------
    indices : ndarray of int32, shape (n, 3)
        h k l times `per_index`.
    values : ndarray of complex128, shape (n,) or (energies, n)
        The transform (electrons).
    centre
        Middle (fractional) of the box of `per_index` cells along each axis that holds the density.
    per_index
        1: the values are those of reflections, and the box cuts a cell out of the crystal. 2: there are values between
        reflections too, and the contents may be larger than a cell.
    """

    indices: IndexArray
    values: ComplexArray
    centre: Vector
    per_index: int

    def without_mean(self) -> Contents:
        """Return the contents less their mean density in a box of one cell, as if they were in a medium of it."""
        index = self.indices / self.per_index
        first = np.flatnonzero(~self.indices.any(axis=1))
        box = np.sinc(index).prod(axis=1) * np.exp(2j * np.pi * (index @ np.array(self.centre)))
        return self._replace(values=self.values - self.values[..., first].sum(axis=-1, keepdims=True) * box)


STEPS = 4  # per index: the cubic through the points then misses at most 1 % of a wave (docs/structure_factors.md)
PROFILE_POINTS = 512  # of the density along an axis
SMOOTHING = 0.04  # of it, a standard deviation, cells: a ripple is no gap
PROFILE_DIGITS = 6  # equal minima of a screw axis must not be told apart by rounding
MOST_POINTS = 2**30  # of a table whose numbers the kernel counts with 31 bits


def emptiest_centre(indices: IndexArray, values: ComplexArray) -> Vector:
    """Return the middle (fractional) of the box of one cell whose faces cut the least density.

    A face across an axis is the plane with the least mean density, the sum of F(h00) exp(-2πi hx) and likewise, which
    is smoothed a little.

    Parameters
    ----------
    indices : ndarray, shape (n, 3)
    values : ndarray, shape (n,)
        Amplitudes with phases.
    """
    x = np.arange(PROFILE_POINTS) / PROFILE_POINTS
    found = []
    for axis in range(3):
        along = np.delete(indices, axis, axis=1).any(axis=1)
        orders = indices[~along, axis]
        smooth = values[~along] * np.exp(-2.0 * np.square(np.pi * SMOOTHING * orders))
        profile = (np.exp(-2j * np.pi * np.outer(x, orders)) @ smooth).real
        profile /= np.abs(profile).max() or 1.0
        found.append((float(x[np.round(profile, PROFILE_DIGITS).argmin()]) + 0.5) % 1.0)
    return found[0], found[1], found[2]


def phased_tables(
    contents: Contents, rows: Iterable[ComplexArray], count: int, limits: Limits, dtype: type, where: str
) -> Table:
    """Return the transform of a cell's contents at `STEPS` points per index.

    With p values per index, the transform of the box of p cells around c is
    F(h) = Σ F(m/p) exp(2πi (h - m/p)·c) sinc(ph₁ - m₁) sinc(ph₂ - m₂) sinc(ph₃ - m₃), sinc x = sin(πx)/(πx). The factor
    exp(2πi h·c) is left out: it moves the origin to c, so that neighbouring points differ little, and does not change
    intensities.

    Parameters
    ----------
    contents
        The contents.
    rows
        Their values at some energies, each of shape (n,).
    count
        Number of rows.
    limits
        Of the indices that the tables cover.
    dtype
        np.float64 or np.float32, of the real and imaginary parts, which alternate along the last axis.
    where
        What the amplitudes belong to, for the error.

    Raises
    ------
    ConfigError
        The tables do not fit into memory.
    """
    table = Table(np.empty(0), limits, STEPS)
    _check_size(table, count, where)
    values = np.zeros((count, *table.shape), np.complex128 if dtype is np.float64 else np.complex64)
    indices, p = contents.indices, contents.per_index
    first, last = indices.min(axis=0), indices.max(axis=0)
    origin = np.exp(-2j * np.pi / p * (indices @ np.array(contents.centre)))
    orders = [np.arange(low, high + 1) for low, high in zip(first, last, strict=True)]
    inner = (slice(STEPS, -STEPS),) * 3
    for place, row in zip(values, rows, strict=True):
        part: Any = np.zeros(last - first + 1, np.complex128)
        part[tuple((indices - first).T)] = row * origin
        for axis, (order, low, high) in enumerate(zip(orders, *limits, strict=True)):
            points = np.arange(STEPS * low, STEPS * high + 1) / STEPS
            part = np.moveaxis(np.tensordot(np.sinc(p * points[:, np.newaxis] - order), part, (1, axis)), 0, axis)
        place[inner] = part
    return table._replace(values=values.view(dtype))


def magnitudes(values: npt.NDArray[Any]) -> FloatArray:
    """Return the magnitudes of a table's values whose real and imaginary parts alternate."""
    return np.asarray(np.abs(values.view(np.complex128 if values.dtype == np.float64 else np.complex64)))


def _check_size(table: Table, count: int, where: str) -> None:
    points = math.prod(table.shape)
    size = count * points * np.dtype(np.complex128).itemsize
    if points >= MOST_POINTS or 2 * size > allowed_memory():
        raise ConfigError(
            f"{where}: interpolate = 'phased' needs a table of {' x '.join(map(str, table.shape))} complex numbers, "
            f"{size / 2**30:.1f} GiB, more than fits into memory; list fewer reflections (a larger d_min_A)"
        )
