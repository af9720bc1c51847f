"""What a StructureFactors stands for: reflections of the P1 cell, read from its file or made of its arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import ConfigError, FormatError
from ..geometry import FloatArray
from ..unit_cell import Cell, check_cell
from .symmetry import IndexArray, expand_to_p1, find_space_group, rotations_of, separate_mates, space_group_of_cell

if TYPE_CHECKING:
    from ..config.structure_factors import StructureFactors
    from ..io.reflections import Reflections


class Listing(NamedTuple):
    """Reflections of the P1 cell.

    Attributes
    ----------
    indices
        (n, 3).
    amplitudes
        Electrons, (n,), or (energies, n).
    cell
        That they belong to; None: not known.
    note
        Where they come from, for a person; "" where there is nothing to say.
    """

    indices: IndexArray
    amplitudes: FloatArray
    cell: Cell | None = None
    note: str = ""


def make_listing(factors: StructureFactors) -> Listing | None:
    """Read or expand what `factors` describes; None if it lists nothing."""
    if factors.path is None:
        return _from_arrays(factors)
    if factors.kind == "hkl":
        from ..io.hkl import read_hkl

        return Listing(*read_hkl(factors.path), factors.cell)
    if factors.kind == "dump":
        return _from_dump(factors)
    if factors.kind == "mtz":
        from ..io.mtz import read_mtz

        return _expanded(factors, read_mtz(factors.path, factors.column))
    from ..io.cif import holds_reflections, read_cif, read_cif_document

    atoms_wanted = factors.kind == "coordinates" or (factors.file_format is None and factors.d_min_A is not None)
    if atoms_wanted or (factors.file_format is None and not holds_reflections(read_cif_document(factors.path))):
        return _from_coordinates(factors)
    return _expanded(factors, read_cif(factors.path, factors.column))


def _from_arrays(factors: StructureFactors) -> Listing | None:
    if factors.indices is None or factors.amplitudes is None:
        return None
    amplitudes = factors.amplitudes if factors.has_energy_axis else factors.amplitudes.reshape(-1)
    if factors.space_group is None:
        return Listing(factors.indices, amplitudes, factors.cell)
    where, cell = "StructureFactors", factors.cell
    if cell is None:
        group = find_space_group(factors.space_group, where)
    else:
        group = space_group_of_cell(factors.space_group, cell, where)
    expanded = expand_to_p1(factors.indices, amplitudes, rotations_of(group.operations()))
    return Listing(*expanded, factors.cell, f"expanded from {group.xhm()}")


def _from_dump(factors: StructureFactors) -> Listing:
    from ..io.fdump import read_fdump

    assert factors.path is not None
    h_min, k_min, l_min, dense = read_fdump(factors.path)
    grid = np.indices(dense.shape, dtype=np.int32).reshape(3, -1).T + np.array([h_min, k_min, l_min], np.int32)
    return Listing(grid, dense.ravel(), factors.cell)


def _expanded(factors: StructureFactors, found: Reflections) -> Listing:
    where, cell = str(factors.path), factors.cell or found.cell
    _check_file_cell(where, cell)
    group = _space_group(factors, found.space_group, cell)
    rotations = rotations_of(group.operations())
    mates = np.full(len(found.amplitudes), np.nan) if found.mates is None else found.mates
    indices, amplitudes = separate_mates(found.indices, found.amplitudes, mates, rotations)
    if len(indices) == 0:
        raise FormatError(f"{where}: {found.note}: holds no value at all; choose another column")
    expanded = expand_to_p1(indices, amplitudes, rotations, where)
    return Listing(*expanded, cell, f"{found.note}; expanded from {group.xhm()}")


def _from_coordinates(factors: StructureFactors) -> Listing:
    from ..io.atoms import read_atoms
    from .coordinates import model_amplitudes

    where = str(factors.path)
    if factors.d_min_A is None:
        raise ConfigError(f"{where}: amplitudes are calculated from coordinates to a resolution; give d_min_A (Å)")
    assert factors.path is not None
    model = read_atoms(factors.path)
    cell = factors.cell or model.cell
    if cell is None:
        raise ConfigError(f"{where}: holds no cell (CRYST1, _cell); give StructureFactors.cell")
    _check_file_cell(where, cell)
    found = model_amplitudes(
        where, model, cell, _space_group(factors, model.space_group, cell),
        d_min_A=factors.d_min_A, k_sol=factors.k_sol, b_sol_A2=factors.b_sol_A2, energies_eV=factors.energies,
    )  # fmt: skip
    return Listing(found.indices, found.amplitudes, cell, found.note)


def _check_file_cell(where: str, cell: Cell | None) -> None:
    if cell is not None:
        try:
            check_cell(cell)
        except ConfigError as error:
            raise FormatError(f"{where}: {error}") from None


def _space_group(factors: StructureFactors, named: str, cell: Cell | None) -> Any:
    """The space group that the user gives, else the file's; a rhombohedral one's axes follow the cell."""
    where, symbol = str(factors.path), factors.space_group or named
    return find_space_group(symbol, where) if cell is None else space_group_of_cell(symbol, cell, where)
