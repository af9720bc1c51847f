"""Dense tables of amplitudes for the kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from ..geometry import FloatArray
from ..io.limits import allowed_memory
from .symmetry import IndexArray, Values


class Limits(NamedTuple):
    """First and last h, k, l of a table, inclusive."""

    first: tuple[int, int, int]
    last: tuple[int, int, int]

    def within(self, reach: tuple[int, int, int]) -> Limits:
        """Return the part with |h|, |k|, |l| up to `reach`, at least one reflection."""
        first = [min(max(low, -r), high) for low, high, r in zip(self.first, self.last, reach, strict=True)]
        last = [max(min(high, r), low) for high, low, r in zip(self.last, first, reach, strict=True)]
        return Limits((first[0], first[1], first[2]), (last[0], last[1], last[2]))


class Table(NamedTuple):
    """A dense table of amplitudes (electrons) with a border of `default_F`, one reflection wide.

    `values[h - h_min + 1, k - k_min + 1, l - l_min + 1]` is reflection h k l for h_min ≤ h ≤ h_max, and so on. That of
    a transform has several `steps` per index, and as many in its border (see `phased.phased_tables`).
    """

    values: npt.NDArray[Any]
    limits: Limits
    steps: int = 1

    @property
    def low(self) -> tuple[int, int, int]:
        """First place along each axis, the border's, in steps."""
        h, k, l = (self.steps * (first - 1) for first in self.limits.first)
        return h, k, l

    @property
    def high(self) -> tuple[int, int, int]:
        """Last place along each axis, the border's, in steps."""
        h, k, l = (self.steps * (last + 1) for last in self.limits.last)
        return h, k, l

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of places along each axis."""
        nh, nk, nl = (last - first + 1 for first, last in zip(self.low, self.high, strict=True))
        return nh, nk, nl


class HeldTable(NamedTuple):
    """A table that several scenes share, with the bounds of |F|² that were derived from it, by kind of lookup.

    `serves_all`: also those with narrower limits.
    """

    table: Table
    bounds: dict[str, tuple[npt.NDArray[np.float32], float]]
    serves_all: bool = False


def check_table_size(limits: Limits, count: int, dtype: type, where: str) -> None:
    """Raise `ConfigError` if `count` tables of these limits do not fit into memory."""
    nh, nk, nl = Table(np.empty(0), limits).shape
    size = count * nh * nk * nl * np.dtype(dtype).itemsize
    if nh * nk * nl >= 2**31 or size > allowed_memory():
        times, cure = "", "remove the outlying reflections"
        if count > 1:
            times, cure = f"{count} energies of ", "use fewer sources of different energy"
        raise ConfigError(
            f"{where}: indices span a table of {times}{nh} x {nk} x {nl} = {size / 2**30:.1f} GiB, "
            f"more than fits into memory; {cure}"
        )


def amplitudes_at(energy_eV: float, amplitudes: Values, energies_eV: FloatArray | None) -> Values:
    """Return amplitudes (n,) at an energy, interpolated linearly between rows of (energies, n), constant outside."""
    if amplitudes.ndim == 1 or energies_eV is None:
        return amplitudes
    row = float(np.interp(energy_eV, energies_eV, np.arange(len(energies_eV))))
    low = min(int(row), len(energies_eV) - 2)
    share = row - low
    between: Values = (1.0 - share) * amplitudes[low] + share * amplitudes[low + 1]
    return between


def dense_tables(
    indices: IndexArray, rows: Iterable[FloatArray], count: int, limits: Limits, default_F: float, dtype: type
) -> Table:
    """Return the tables of `count` rows of amplitudes, stacked along a first axis of `values`."""
    nh, nk, nl = shape = Table(np.empty(0), limits).shape
    values: npt.NDArray[Any] = np.full((count, *shape), default_F, dtype)
    # 32 bits suffice: check_table_size refuses larger tables, and of indices outside the limits none lands inside.
    h, k, l = np.ascontiguousarray(indices.T, np.int32) - (np.array(limits.first, np.int32)[:, np.newaxis] - 1)
    places = (h * np.int32(nk) + k) * np.int32(nl) + l
    inside = (h > 0) & (h < nh - 1) & (k > 0) & (k < nk - 1) & (l > 0) & (l < nl - 1)
    chosen = slice(None) if inside.all() else inside
    for table, row in zip(values.reshape(count, -1), rows, strict=True):
        table[places[chosen]] = row[chosen].astype(dtype)
    return Table(values, limits)
