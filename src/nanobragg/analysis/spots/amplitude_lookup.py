"""Amplitudes of reflections, by source where they depend on the energy."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...geometry import FloatArray
from ...scene.kernel_input import float32_precision, table_energies
from ...scene.scene import Scene
from ...structure_factors.tables import Table


class AmplitudeLookup(NamedTuple):
    """Tables of amplitudes.

    Attributes
    ----------
    tables
        Tables with an axis of energies in front; None: `default_F` everywhere.
    of_source : ndarray of int
        Number of the table that each source uses.
    default_F
        Electrons.
    """

    tables: Table | None
    of_source: npt.NDArray[np.int64]
    default_F: float

    @property
    def one(self) -> bool:
        """Whether all sources have the same amplitudes."""
        return self.tables is None or len(self.tables.values) == 1

    def amplitudes(self, hkl: npt.NDArray[np.int32], number: npt.NDArray[np.int64] | int = 0) -> FloatArray:
        """Return F (electrons) from the tables with these numbers; the border of a table is its value outside."""
        if self.tables is None:
            return np.full(len(hkl), self.default_F)
        values, limits = self.tables.values, self.tables.limits
        h, k, l = (
            np.minimum(np.maximum(hkl[:, i] - (limits.first[i] - 1), 0), values.shape[i + 1] - 1) for i in range(3)
        )
        return np.asarray(values[number, h, k, l], np.float64)

    def is_listed(self, hkl: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
        """Return whether reflections have a non-zero amplitude in any table."""
        count = 1 if self.tables is None else len(self.tables.values)
        return np.asarray(np.any([self.amplitudes(hkl, number) != 0 for number in range(count)], axis=0))

    def listed(self) -> npt.NDArray[np.int32]:
        """Return h k l with a non-zero amplitude in any table."""
        if self.tables is None:
            return np.empty((0, 3), np.int32)
        values, limits = self.tables.values, self.tables.limits
        return np.asarray(np.argwhere(values.any(axis=0)) + (np.array(limits.first) - 1), np.int32)


def amplitude_lookup(scene: Scene, energies_eV: Sequence[float] | None = None) -> AmplitudeLookup:
    """Return the amplitudes of a scene within its reach, at the energies of the sources or at those given.

    They have the precision of those that a float32 image uses, whose table then serves both.
    """
    factors = scene.spot_factors
    energies, numbers = table_energies(scene)
    tables = None
    if scene.table is not None:
        dtype = np.float64 if float32_precision(scene) == "double" else np.float32
        tables = factors.tables(energies_eV or energies, scene.table.within(scene.reach), dtype)
    return AmplitudeLookup(tables, np.array(numbers, np.int64), factors.default_F)
