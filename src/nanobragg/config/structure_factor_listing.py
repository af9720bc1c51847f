"""The reflections of StructureFactors in P1: read, calculated from coordinates, or expanded from arrays.

The module of `StructureFactors` imports this one, so that arguments are not annotated with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigError
from ..structure_factors.p1 import (
    Coordinates,
    P1Reflections,
    calculate_reflections,
    expand_arrays,
    read_reflections,
)


def list_in_p1(factors: Any) -> P1Reflections | None:
    """Return the reflections of structure factors expanded to P1; None without a list."""
    if factors.needs_beam_energy:
        raise ConfigError('StructureFactors.energies_eV = "beam": needs the energy of a beam; use Scene(config)')
    if factors.indices is not None:
        return _from_arrays(factors)
    if factors.path is None:
        return None
    if holds_coordinates(factors):
        return calculate_reflections(coordinates_of(factors), phased=factors.is_phased, centre=factors.contents_centre)
    return read_reflections(
        factors.path, factors.kind, column=factors.column, block=factors.block, space_group=factors.space_group,
        cell=factors.cell, phased=factors.is_phased, phase_column=factors.phase_column, centre=factors.contents_centre,
    )  # fmt: skip


def _from_arrays(factors: Any) -> P1Reflections:
    amplitudes = factors.amplitudes if factors.has_energy_axis else factors.amplitudes.reshape(-1)
    if not factors.is_phased:
        return expand_arrays(factors.indices, amplitudes, factors.space_group, factors.cell)
    turn = np.exp(1j * np.radians(factors.phases_deg)).reshape(amplitudes.shape)
    return expand_arrays(factors.indices, amplitudes * turn, factors.space_group, factors.cell, factors.contents_centre)


def holds_coordinates(factors: Any) -> bool:
    """Return whether structure factors are calculated from coordinates; without a format, a CIF is inspected."""
    path: Path | None = factors.path
    if path is None or factors.kind != "cif" or factors.file_format is not None:
        return bool(factors.kind == "coordinates")
    from ..io.cif import holds_reflections

    return factors.d_min_A is not None or not holds_reflections(path)


def coordinates_of(factors: Any) -> Coordinates:
    """Return the file of coordinates, with the fields that its amplitudes depend on."""
    return Coordinates(
        factors.path, factors.d_min_A, factors.k_sol, factors.b_sol_A2, factors.energies, factors.space_group,
        factors.cell, factors.block, factors.unknown_atoms,
    )  # fmt: skip
