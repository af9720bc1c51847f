"""Derivatives with respect to the amplitudes of reflections."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..config.damage import longest_s
from ..geometry import FloatArray
from ..scene.kernel_input import table_energies
from ..scene.scene import Scene
from .damage import delta_b
from .damping import squared_lengths
from .evaluate import Coefficients

Rows = npt.NDArray[np.int64]


class AmplitudeMap:
    """The entries of the kernel's tables of structure factors as listed reflections.

    Parameters
    ----------
    scene
        A scene with a table of reflections.

    Attributes
    ----------
    shape : tuple of int
        Shape of the listed amplitudes before the dose: (n,), or (energies, n).
    """

    def __init__(self, scene: Scene) -> None:
        factors = scene.undamaged.structure_factors
        assert scene.table is not None
        self._indices, amplitudes = factors.listing or (np.zeros((0, 3), np.int32), np.zeros(0))
        self.shape = amplitudes.shape
        self._by_square = scene.lookup == "nearest"
        limits = scene.table.within(scene.reach)
        energies, _ = table_energies(scene)
        self._table = np.asarray(scene.config.structure_factors.tables(energies, limits).values)
        self._rows = self._listed_rows(np.array(limits.first))
        self._damping = self._dampings(scene, np.array(limits.first))
        self._low, self._share = self._energy_shares(energies, factors.energies if len(self.shape) > 1 else None)

    def _listed_rows(self, first: npt.NDArray[np.int_]) -> Rows:
        """Return the listed reflection of every entry of one table, flat; -1 where there is none."""
        size = np.array(self._table.shape[1:])
        place = self._indices - (first - 1)
        inside = ((place >= 1) & (place < size - 1)).all(axis=1)
        rows = np.full(size, -1, np.int64)
        rows[tuple(place[inside].T)] = np.flatnonzero(inside)
        return rows.ravel()

    def _dampings(self, scene: Scene, first: npt.NDArray[np.int_]) -> FloatArray:
        """Return the factor of the amplitude of every entry of one table, flat, by radiation damage."""
        if delta_b(scene) == 0:
            return np.ones(len(self._rows))
        indices = np.indices(self._table.shape[1:]).reshape(3, -1).T + (first - 1)
        square, longest = squared_lengths(scene, indices), longest_s(scene.undamaged)
        square = np.where(self._rows < 0, np.minimum(square, longest**2), square)
        return np.asarray(np.exp(-delta_b(scene) / 4.0 * square))

    @staticmethod
    def _energy_shares(wanted: list[float], listed: FloatArray | None) -> tuple[Rows, FloatArray]:
        """Return for every table the lower of the two energies that it lies between, and the share of the upper."""
        if listed is None:
            return np.zeros(len(wanted), np.int64), np.zeros(len(wanted))
        row = np.interp(wanted, listed, np.arange(len(listed)))
        low = np.minimum(row.astype(np.int64), len(listed) - 2)
        return low, row - low

    def derivatives(self, sums: Coefficients) -> tuple[Rows, Rows, FloatArray]:
        """Return pixels, listed reflections (-1: not listed) and derivatives (photons per electron).

        With several energies, listed reflections are numbers in the flat array (energies, n), and a coefficient is
        shared out among two energies.
        """
        size = len(self._rows)
        table, entry = sums.entries // size, sums.entries % size
        values = sums.values * self._damping[entry]
        if self._by_square:
            values = values * (2.0 * self._table.reshape(len(self._table), -1)[table, entry])
        rows = self._rows[entry]
        if len(self.shape) == 1:
            return sums.pixels, rows, values
        share, low = self._share[table], self._low[table]
        lower, upper = (np.where(rows >= 0, e * self.shape[1] + rows, -1) for e in (low, low + 1))
        return (
            np.concatenate([sums.pixels, sums.pixels]),
            np.concatenate([lower, upper]),
            np.concatenate([values * (1.0 - share), values * share]),
        )

    def squares(self, sums: Coefficients) -> tuple[Rows, Rows, FloatArray]:
        """Return pixels, listed reflections and the factors of their squared amplitudes, of listed reflections only.

        The nearest reflection counts, at one energy.
        """
        entry = sums.entries % len(self._rows)
        rows, values = self._rows[entry], sums.values * self._damping[entry] ** 2
        listed = rows >= 0
        return sums.pixels[listed], rows[listed], values[listed]

    def row(self, index: tuple[int, int, int]) -> int:
        """Return the number of a listed reflection."""
        return int(np.flatnonzero((self._indices == index).all(axis=1))[-1])

    def images(self, sums: Coefficients, wanted: list[tuple[int, int, int] | None]) -> FloatArray:
        """Return the derivatives by reflections, or by the default (None), in the pixels: shape (wanted, pixels).

        With several energies, by all amplitudes of the reflection together.
        """
        pixels, rows, values = self.derivatives(sums)
        found = np.empty((len(wanted), len(sums.places)))
        reflections = np.where(rows >= 0, rows % max(self.shape[-1], 1), -1)
        for number, index in enumerate(wanted):
            row = -1 if index is None else self.row(index)
            chosen = reflections == row
            found[number] = np.bincount(pixels[chosen], values[chosen], len(sums.places))
        return found

    def products(self, sums: Coefficients, cotangent: FloatArray) -> tuple[FloatArray, float]:
        """Return the sums over the pixels of `cotangent` times the derivatives: by every listed amplitude, and by the
        default."""
        pixels, rows, values = self.derivatives(sums)
        terms = cotangent[pixels] * values
        listed = rows >= 0
        count = int(np.prod(self.shape))
        by_listed = np.bincount(rows[listed], terms[listed], count).astype(np.float64)
        return by_listed.reshape(self.shape), float(terms[~listed].sum())
