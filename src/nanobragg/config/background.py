"""Background scattering: water with a constant amplitude, or a table for any amorphous material."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from ..constants import AVOGADRO
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
    """

    water_um: float = Field(default=0.0, ge=0)
    table_path: Path | None = None
    table: Rows | None = None
    table_axis: Literal["stol", "4stol", "Q"] = "stol"
    thickness_um: float = Field(default=0.0, ge=0)
    density_g_cm3: float = Field(default=1.0, gt=0)
    molar_mass_g_mol: float = Field(default=18.0, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> Background:
        if self.table is not None and self.table_path is not None:
            raise ConfigError(f"Background.table and Background.table_path = {self.table_path}: give one of them")
        if self.table is not None and (self.table.shape[1] != 2 or len(self.table) < 2):
            raise ConfigError(f"Background.table: shape {self.table.shape} is not (n, 2) with n of at least 2")
        if (self.thickness_um > 0) != self.amorphous:
            raise ConfigError(
                f"Background.thickness_um = {self.thickness_um}: give a positive thickness and a table together"
            )
        return self

    @property
    def amorphous(self) -> bool:
        """Whether a table is given."""
        return self.table is not None or self.table_path is not None

    @property
    def water(self) -> float:
        """Squared forward amplitude times the number of molecules in the water cube."""
        edge = self.water_um / 1e6
        return WATER_AMPLITUDE**2 * (edge**3 * WATER_DENSITY * AVOGADRO / WATER_MOLAR_MASS)


class Curve(NamedTuple):
    """Squared amplitude times number of molecules at sin θ/λ = 0, step, 2·step, … (1/m)."""

    values: FloatArray
    step: float


def amorphous_curve(background: Background, beam: Beam, stol_max: float) -> Curve | None:
    """Return the background table on an even grid up to `stol_max` (1/m); None without a table.

    Raises
    ------
    ConfigError, FileError, FormatError
        `Beam.size_mm` is None, or the table is invalid.
    """
    if not background.amorphous:
        return None
    if beam.size_mm is None:
        raise ConfigError("Background.thickness_um: needs Beam.size_mm, the illuminated area")
    volume = background.thickness_um * 1e-6 * (beam.size_mm / 1000.0) ** 2
    molecules = volume * background.density_g_cm3 * 1e6 * AVOGADRO / background.molar_mass_g_mol
    stol, amplitude = _table(background)
    grid = np.linspace(0.0, stol_max, GRID_POINTS)
    found = cubic_through(stol, amplitude, grid)
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
