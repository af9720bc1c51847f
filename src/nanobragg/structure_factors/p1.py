"""Reflections of the P1 cell: read from a file, calculated from coordinates, or expanded from arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..bounds import check_bound
from ..errors import ConfigError, FormatError
from ..geometry import FloatArray
from ..io.file_symmetry import FileSymmetry
from ..io.reflections import Unmerged
from ..unit_cell import Cell, check_cell
from .symmetry import IndexArray, choose_group, expand_to_p1, point_group, separate_mates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..io.reflections import Reflections
    from .coordinates import ModelTransform


class P1Reflections(NamedTuple):
    """Reflections of the P1 cell.

    Attributes
    ----------
    indices : ndarray of int32, shape (n, 3)
    amplitudes : ndarray, shape (n,) or (energies, n)
        Electrons.
    cell
        Unit cell; None: not known.
    note
        Description of their source, for the summary; may be empty.
    """

    indices: IndexArray
    amplitudes: FloatArray
    cell: Cell | None = None
    note: str = ""


def expand_arrays(
    indices: IndexArray, amplitudes: FloatArray, space_group: str | None, cell: Cell | None
) -> P1Reflections:
    """Expand reflections of an asymmetric unit to P1; without a space group they are returned unchanged.

    Parameters
    ----------
    indices : ndarray, shape (n, 3)
    amplitudes : ndarray, shape (n,) or (energies, n)
    space_group
        Symbol or number; None: add nothing, not even Friedel mates.
    cell
        a b c (Å) α β γ (degrees), if known.
    """
    if space_group is None:
        return P1Reflections(indices, amplitudes, cell)
    group = choose_group("StructureFactors", space_group, FileSymmetry(), cell)
    expanded = expand_to_p1(indices, amplitudes, point_group(group))
    return P1Reflections(*expanded, cell, f"expanded from {group.name}")


def read_reflections(
    path: Path,
    kind: str,
    *,
    column: str | None = None,
    space_group: str | None = None,
    cell: Cell | None = None,
    block: str | None = None,
) -> P1Reflections:
    """Read a file of reflections; MTZ, CIF and SHELX are expanded to P1, text and dumps already list it.

    `kind` is "hkl", "dump", "shelx", "mtz" or "cif". `column` is the label of amplitudes or intensities in an MTZ or
    CIF file, `block` the name of a CIF's data block; `space_group` and `cell` replace those of the file.
    """
    if kind == "hkl":
        from ..io.hkl import read_hkl

        return _as_listed(path, *read_hkl(path), cell)
    if kind == "dump":
        return _as_listed(path, *_read_dump(path), cell)
    if kind == "shelx":
        from ..io.shelx import read_shelx

        return _expanded(str(path), read_shelx(path), space_group, cell)
    if kind == "mtz":
        from ..io.mtz import read_mtz

        return _expanded(str(path), read_mtz(path, column), space_group, cell)
    from ..io.cif import read_cif

    return _expanded(str(path), read_cif(path, column, block), space_group, cell)


def _as_listed(path: Path, indices: IndexArray, amplitudes: FloatArray, cell: Cell | None) -> P1Reflections:
    """Return reflections that a file lists in P1; raise `FormatError` if one is out of bounds."""
    try:
        check_bound(f"{path}: an index", indices, field="StructureFactors.indices")
        check_bound(f"{path}: an amplitude", amplitudes, field="StructureFactors.amplitudes")
    except ConfigError as error:
        raise FormatError(str(error)) from None
    return P1Reflections(indices, amplitudes, cell)


def _read_dump(path: Path) -> tuple[IndexArray, FloatArray]:
    from ..io.fdump import read_fdump

    h_min, k_min, l_min, dense = read_fdump(path)
    grid = np.indices(dense.shape, dtype=np.int32).reshape(3, -1).T + np.array([h_min, k_min, l_min], np.int32)
    return grid, dense.ravel()


def _expanded(where: str, found: Reflections | Unmerged, space_group: str | None, cell: Cell | None) -> P1Reflections:
    cell = cell or found.cell
    _check_file_cell(where, cell)
    group = choose_group(where, space_group, found.symmetry, cell)
    rotations = point_group(group)
    if isinstance(found, Unmerged):
        from .merging import merge_equivalents

        found = merge_equivalents(where, found, rotations)
    mates = np.full(len(found.amplitudes), np.nan) if found.mates is None else found.mates
    indices, amplitudes = separate_mates(found.indices, found.amplitudes, mates, rotations)
    if len(indices) == 0:
        raise FormatError(f"{where}: {found.note}: has no values; choose another column")
    expanded = expand_to_p1(indices, amplitudes, rotations, where)
    return P1Reflections(*expanded, cell, f"{found.note}; expanded from {group.name}")


class Coordinates(NamedTuple):
    """A PDB, mmCIF, or small-molecule CIF file, and how amplitudes are calculated from it.

    The fields are those of `StructureFactors`; `space_group` and `cell` replace those of the file.
    """

    path: Path
    d_min_A: float | None
    k_sol: float | None
    b_sol_A2: float
    energies_eV: FloatArray | None
    space_group: str | None = None
    cell: Cell | None = None
    block: str | None = None
    unknown_atoms: str | None = None


def calculate_reflections(given: Coordinates) -> P1Reflections:
    """Calculate reflections from coordinates; the resolution limit is required."""
    from .coordinates import amplitudes_of

    transform, cell = _transformed(given)
    found = amplitudes_of(transform, given.energies_eV, str(given.path))
    return P1Reflections(found.indices, found.amplitudes, cell, found.note)


def calculate_mixture(shares: Sequence[float], states: Sequence[Coordinates]) -> P1Reflections:
    """Calculate reflections from the mean density of several states, each with its share; they have the same cell."""
    from .coordinates import amplitudes_of, mixed_transform

    transforms, cells = zip(*map(_transformed, states), strict=True)
    found = amplitudes_of(mixed_transform(shares, transforms), states[0].energies_eV, "StructureFactors.mixed")
    return P1Reflections(found.indices, found.amplitudes, cells[0], found.note)


def _transformed(given: Coordinates) -> tuple[ModelTransform, Cell]:
    """Return the complex amplitudes of coordinates, and their cell."""
    from ..io.atoms import read_atoms
    from .coordinates import model_transform

    where = str(given.path)
    if given.d_min_A is None:
        raise ConfigError(f"{where}: coordinates need a resolution limit; give StructureFactors.d_min_A (Å)")
    model = read_atoms(given.path, block=given.block, unknown_atoms=given.unknown_atoms)
    cell = given.cell or model.cell
    if cell is None:
        raise ConfigError(f"{where}: does not hold a cell (CRYST1, _cell); give StructureFactors.cell")
    _check_file_cell(where, cell)
    transform = model_transform(
        where, model, cell, choose_group(where, given.space_group, model.symmetry, cell),
        own_group=given.space_group is None, d_min_A=given.d_min_A, k_sol=given.k_sol, b_sol_A2=given.b_sol_A2,
        anomalous=given.energies_eV is not None,
    )  # fmt: skip
    return transform, cell


def _check_file_cell(where: str, cell: Cell | None) -> None:
    if cell is not None:
        try:
            check_cell(cell)
        except ConfigError as error:
            raise FormatError(f"{where}: {error}") from None
