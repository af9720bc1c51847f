"""Background scattering: water with a constant amplitude, or a table for any amorphous material."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from ..bounds import check_bound, number
from ..constants import AVOGADRO, FWHM
from ..errors import ConfigError
from ..geometry import FloatArray
from .base import Model, Rows
from .beam import Beam

WATER_AMPLITUDE, WATER_MOLAR_MASS, WATER_DENSITY = 2.57, 18.0, 1.0e6  # electrons, g/mol, g/m^3

STOL_OF = {"stol": 1.0, "4stol": 0.25, "Q": 0.25 / math.pi}  # factor from the first column to sin(theta)/lambda
GRID_POINTS = 16384  # points of the even grid that the kernel uses


class Background(Model):
    """Scattering from the surroundings of the crystal, added with the same polarization, solid angle and absorption.

    Attributes
    ----------
    water_um
        Edge of a cube of water in the beam; every molecule scatters with its forward amplitude, 2.57 electrons, in all
        directions.
    table_path, table
        File or array of shape (n, 2): scattering variable (Å⁻¹) and amplitude of one molecule (electrons) of an
        amorphous material. Interpolated with a cubic through four points, constant beyond the ends. Negative
        amplitudes subtract photons, for the difference of two materials.
    table_axis
        Scattering variable: "stol" (sin θ/λ), "4stol" (4 sin θ/λ) or "Q" (4π sin θ/λ).
    thickness_um, density_g_cm3, molar_mass_g_mol
        Properties of the amorphous material; its illuminated area is the square of `Beam.size_mm`.
    more
        Further backgrounds, added; `Background.water(…) + Background.air(…)` makes such a sum.
    """

    water_um: float = Field(default=0.0, ge=0)
    table_path: Path | None = None
    table: Rows | None = None
    table_axis: Literal["stol", "4stol", "Q"] = "stol"
    thickness_um: float = Field(default=0.0, ge=0)
    density_g_cm3: float = Field(default=1.0, gt=0)
    molar_mass_g_mol: float = Field(default=18.0, gt=0)
    more: tuple[Background, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Background:
        if self.table is not None and self.table_path is not None:
            raise ConfigError(f"Background.table and Background.table_path = {self.table_path}: give one of them")
        if self.table is not None and (self.table.shape[1] != 2 or len(self.table) < 2):
            raise ConfigError(f"Background.table: shape {self.table.shape} is not (n, 2) with n of at least 2")
        if (self.thickness_um > 0) != self._has_table:
            raise ConfigError(
                f"Background.thickness_um = {self.thickness_um}: give a positive thickness and a table together"
            )
        return self

    @classmethod
    def water(cls, thickness_um: float) -> Background:
        """Return liquid water with its ring near 3.2 Å, a film as wide as the beam.

        Parameters
        ----------
        thickness_um
            Thickness along the beam.

        Returns
        -------
        Background
            Debye's formula over the molecule and its neighbours at 20 °C (`structure_factors.surroundings`); inelastic
            scattering is left out.
        """
        from ..structure_factors.surroundings import WATER_G_CM3, WATER_G_MOL, water

        return cls._of(water(), thickness_um, WATER_G_CM3, WATER_G_MOL)

    @classmethod
    def ice(cls, thickness_um: float, *, ring_width_A: float = 0.02) -> Background:
        """Return a powder of hexagonal ice with its rings at 3.90, 3.67, 3.44, 2.67, 2.25 Å and so on.

        Parameters
        ----------
        thickness_um
            Thickness of the ice along the beam.
        ring_width_A
            Full width at half maximum of the ring at 3.67 Å, Å; all rings have the same width in sin θ/λ.

        Returns
        -------
        Background
            Intensities of the structure of ice Ih, on an absolute scale.
        """
        from ..structure_factors.surroundings import ice

        ring_width_A = number("Background.ice: ring_width_A (Å)", ring_width_A, 0.001, 1.0)
        sigma = ring_width_A / FWHM / (2.0 * 3.67**2)
        return cls._of(ice(sigma), thickness_um, 0.93, 18.015)

    @classmethod
    def air(cls, path_mm: float) -> Background:
        """Return a path of dry air at 20 °C and 1013 hPa, from Debye's formula of its molecules.

        Parameters
        ----------
        path_mm
            Path of the beam in air that the detector sees. All of it scatters as if it were at the sample.

        Returns
        -------
        Background
            The air.
        """
        from ..structure_factors.surroundings import air

        path_um = 1000.0 * number("Background.air: path_mm", path_mm)
        return cls._of(air(), path_um, 1.204e-3, 28.96)  # of an ideal gas

    @classmethod
    def helium(cls, path_mm: float) -> Background:
        """Return a path of helium at 20 °C and 1013 hPa.

        Parameters
        ----------
        path_mm
            As for `air`.

        Returns
        -------
        Background
            The helium.
        """
        from ..structure_factors.surroundings import helium

        path_um = 1000.0 * number("Background.helium: path_mm", path_mm)
        return cls._of(helium(), path_um, 1.664e-4, 4.0026)

    @classmethod
    def _of(
        cls, amplitude: FloatArray, thickness_um: float, density_g_cm3: float, molar_mass_g_mol: float
    ) -> Background:
        from ..structure_factors.surroundings import STOL

        return cls(
            table=np.stack([STOL, amplitude], axis=1), thickness_um=thickness_um, density_g_cm3=density_g_cm3,
            molar_mass_g_mol=molar_mass_g_mol,
        )  # fmt: skip

    def __add__(self, other: Background) -> Background:
        """Return both backgrounds together."""
        if not isinstance(other, Background):
            return NotImplemented
        return self.replace(more=(*self.more, other))

    @property
    def _has_table(self) -> bool:
        return self.table is not None or self.table_path is not None

    @property
    def amorphous(self) -> bool:
        """Whether any background is given as a table."""
        return self._has_table or any(each.amorphous for each in self.more)

    @property
    def water_scattering(self) -> float:
        """Squared forward amplitude times the number of molecules in the water cubes."""
        edge = self.water_um / 1e6
        cube = WATER_AMPLITUDE**2 * (edge**3 * WATER_DENSITY * AVOGADRO / WATER_MOLAR_MASS)
        return cube + sum(each.water_scattering for each in self.more)


class Curve(NamedTuple):
    """Squared amplitude times number of molecules at sin θ/λ = 0, step, 2·step, … (1/m)."""

    values: FloatArray
    step: float


def amorphous_curve(background: Background, beam: Beam, stol_max: float) -> Curve | None:
    """Return the sum of the background tables on an even grid up to `stol_max` (1/m); None without a table.

    Raises
    ------
    ConfigError, FileError, FormatError
        `Beam.size_mm` is None, or the table is invalid.
    """
    if not background.amorphous:
        return None
    if beam.size_mm is None:
        raise ConfigError("Background.thickness_um: needs Beam.size_mm, the illuminated area")
    grid = np.linspace(0.0, stol_max, GRID_POINTS)
    values = np.zeros(GRID_POINTS)
    for each in (background, *background.more):
        inner = (
            amorphous_curve(each, beam, stol_max) if each is not background else _own(background, beam.size_mm, grid)
        )
        values += 0.0 if inner is None else inner.values
    return Curve(values, float(grid[1]))


def _own(background: Background, size_mm: float, grid: FloatArray) -> Curve | None:
    """Return the curve of the background's own table; None without one."""
    if not background._has_table:
        return None
    volume = background.thickness_um * 1e-6 * (size_mm / 1000.0) ** 2
    molecules = volume * background.density_g_cm3 * 1e6 * AVOGADRO / background.molar_mass_g_mol
    stol, amplitude = _table(background)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        found = cubic_through(stol, amplitude, grid)
    check_bound(f"Background table {background.table_path or 'array'}: an amplitude between its rows", found,
                field="Background.table")  # fmt: skip
    return Curve(np.sign(found) * found**2 * molecules, float(grid[1]))


def _table(background: Background) -> tuple[FloatArray, FloatArray]:
    """Return sin θ/λ (1/m) and amplitudes; missing amplitudes are zero."""
    where = background.table_path or "array"
    if background.table_path is not None:
        from ..io.text_columns import read_two_columns

        rows = read_two_columns(background.table_path)
    else:
        assert background.table is not None  # see amorphous
        rows = background.table
    numbers = np.where(np.isnan(rows), 0.0, rows)
    check_bound(f"Background table {where}: a number", numbers, field="Background.table")
    stol = rows[:, 0] * STOL_OF[background.table_axis] * 1e10
    if len(stol) < 2 or not np.isfinite(stol).all() or not (np.diff(stol) > 0).all():
        raise ConfigError(f"Background table {where}: must have at least two rows, the first column increasing")
    return stol, np.nan_to_num(rows[:, 1], nan=0.0)


def cubic_through(x: FloatArray, y: FloatArray, at: FloatArray) -> FloatArray:
    """Return the Lagrange cubic through the four points around each of `at`; constant beyond the ends."""
    at = np.clip(at, x[0], x[-1])
    reach = 1e6 * (x[-1] - x[0])  # two points far away at either end, as in nonBragg
    x = np.concatenate([[x[0] - 2 * reach, x[0] - reach], x, [x[-1] + reach, x[-1] + 2 * reach]])
    y = np.concatenate([[y[0]] * 2, y, [y[-1]] * 2])
    first = np.clip(np.searchsorted(x, at) - 2, 0, len(x) - 4)
    value = np.zeros_like(at)
    for i in range(4):
        weight = np.ones_like(at)
        for j in range(4):
            if j != i:
                weight *= (at - x[first + j]) / (x[first + i] - x[first + j])
        value += weight * y[first + i]
    return value
