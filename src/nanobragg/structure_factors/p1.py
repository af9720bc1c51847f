"""Reflections of the P1 cell: read from a file, calculated from coordinates, or expanded from arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..bounds import check_bound
from ..errors import ConfigError, FormatError
from ..geometry import FloatArray, Vector
from ..io.file_symmetry import FileSymmetry
from ..io.reflections import Unmerged
from ..unit_cell import Cell, check_cell
from .phased import Contents, emptiest_centre
from .symmetry import (
    Group,
    IndexArray,
    Values,
    check_centric_phases,
    choose_group,
    expand_to_p1,
    point_group,
    point_operators,
    separate_mates,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..io.atoms import AtomicModel
    from ..io.reflections import Reflections
    from .placed_atoms import PlacedAtoms


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
    contents
        What one cell holds, by values with phases; None: those were not asked for.
    """

    indices: IndexArray
    amplitudes: FloatArray
    cell: Cell | None = None
    note: str = ""
    contents: Contents | None = None


def expand_arrays(
    indices: IndexArray,
    amplitudes: Values,
    space_group: str | None,
    cell: Cell | None,
    centre: Vector | None = None,
) -> P1Reflections:
    """Expand reflections of an asymmetric unit to P1; without a space group they are returned unchanged.

    Parameters
    ----------
    indices : ndarray, shape (n, 3)
    amplitudes : ndarray, shape (n,) or (energies, n)
        Complex ones keep their phases.
    space_group
        Symbol or number; None: add nothing, not even Friedel mates.
    cell
        a b c (Å) α β γ (degrees), if known.
    centre
        With phases: the middle (fractional) of the cell's contents; None: see `phased.emptiest_centre`.
    """
    if space_group is None:
        return _listed(indices, amplitudes, cell, "", centre)
    group = choose_group("StructureFactors", space_group, FileSymmetry(), cell)
    expanded = _expand(indices, amplitudes, group, "StructureFactors")
    return _listed(*expanded, cell, f"expanded from {group.name}", centre)


def _expand(indices: IndexArray, values: Values, group: Group, where: str) -> tuple[IndexArray, Values]:
    rotations, translations = point_operators(group)
    if not np.iscomplexobj(values):
        return expand_to_p1(indices, values, rotations, where)
    check_centric_phases(indices, values, group, where)
    return expand_to_p1(indices, values, rotations, where, translations)


def _listed(indices: IndexArray, values: Values, cell: Cell | None, note: str, centre: Vector | None) -> P1Reflections:
    """Return a list of amplitudes, with the contents of the cell if they are complex."""
    contents = None
    if np.iscomplexobj(values):
        middle = emptiest_centre(indices, np.atleast_2d(values)[0]) if centre is None else centre
        contents = Contents(indices, values, middle, 1)
    return P1Reflections(indices, np.abs(values) if contents else values, cell, note, contents)


def read_reflections(
    path: Path,
    kind: str,
    *,
    column: str | None = None,
    space_group: str | None = None,
    cell: Cell | None = None,
    block: str | None = None,
    phased: bool = False,
    phase_column: str | None = None,
    centre: Vector | None = None,
) -> P1Reflections:
    """Read a file of reflections; MTZ, CIF and SHELX are expanded to P1, text and dumps already list it.

    `kind` is "hkl", "dump", "shelx", "mtz" or "cif". `column` is the label of amplitudes or intensities in an MTZ or
    CIF file, `block` the name of a CIF's data block; `space_group` and `cell` replace those of the file. `phased` asks
    for phases too, which an MTZ or CIF file may have; `phase_column` is their label, and `centre` as in
    `expand_arrays`.
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

        return _expanded(str(path), read_mtz(path, column, phased, phase_column), space_group, cell, centre)
    from ..io.cif import read_cif

    return _expanded(str(path), read_cif(path, column, block, phased, phase_column), space_group, cell, centre)


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


def _expanded(
    where: str,
    found: Reflections | Unmerged,
    space_group: str | None,
    cell: Cell | None,
    centre: Vector | None = None,
) -> P1Reflections:
    cell = cell or found.cell
    _check_file_cell(where, cell)
    group = choose_group(where, space_group, found.symmetry, cell)
    rotations = point_group(group)
    if isinstance(found, Unmerged):
        from .merging import merge_equivalents

        found = merge_equivalents(where, found, rotations)
    plus: Any = found.amplitudes
    minus: Any = np.full(len(plus), np.nan) if found.mates is None else found.mates
    if found.phases_deg is not None:
        turn = np.exp(1j * np.radians(found.phases_deg))
        plus, minus = plus * turn, minus * np.conj(turn)
    indices, amplitudes = separate_mates(found.indices, plus, minus, rotations)
    if len(indices) == 0:
        raise FormatError(f"{where}: {found.note}: has no values; choose another column")
    expanded = _expand(indices, amplitudes, group, where)
    return _listed(*expanded, cell, f"{found.note}; expanded from {group.name}", centre)


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


def calculate_reflections(given: Coordinates, *, phased: bool = False, centre: Vector | None = None) -> P1Reflections:
    """Calculate reflections from coordinates; the resolution limit is required.

    `phased` asks for the contents of the cell too, whole molecules around `centre` (see `whole_molecules`).
    """
    from .coordinates import amplitudes_of, contents_transform, model_transform
    from .whole_molecules import CELLS, whole_molecules

    where, (model, placed) = str(given.path), _placed(given)
    found = amplitudes_of(model_transform(where, model, placed, **_options(given)), given.energies_eV, where)
    cell, contents = placed.structure.cell.parameters, None
    if phased:
        whole = whole_molecules(where, placed, centre)
        transform = contents_transform(where, model, whole.placed, **_options(given))
        values = amplitudes_of(transform, given.energies_eV, where, phased=True)
        contents = Contents(values.indices, values.amplitudes.astype(np.complex128), whole.centre, CELLS)
    return P1Reflections(found.indices, found.amplitudes, cell, found.note, contents)


def calculate_mixture(shares: Sequence[float], states: Sequence[Coordinates], *, phased: bool = False) -> P1Reflections:
    """Calculate reflections from the mean density of several states, each with its share; they have the same cell.

    `phased` asks for their phases too.
    """
    from .coordinates import amplitudes_of, mixed_transform, model_transform

    models = [(str(given.path), *_placed(given), given) for given in states]
    transforms = [model_transform(where, model, placed, **_options(given)) for where, model, placed, given in models]
    mixed, energies_eV = mixed_transform(shares, transforms), states[0].energies_eV
    found = amplitudes_of(mixed, energies_eV, "StructureFactors.mixed", phased=phased)
    return _listed(found.indices, found.amplitudes, models[0][2].structure.cell.parameters, found.note, None)


def _placed(given: Coordinates) -> tuple[AtomicModel, PlacedAtoms]:
    """Return the model of a file, and its atoms in their cell and group."""
    from ..io.atoms import read_atoms
    from .placed_atoms import place_atoms

    where = str(given.path)
    if given.d_min_A is None:
        raise ConfigError(f"{where}: coordinates need a resolution limit; give StructureFactors.d_min_A (Å)")
    model = read_atoms(given.path, block=given.block, unknown_atoms=given.unknown_atoms)
    cell = given.cell or model.cell
    if cell is None:
        raise ConfigError(f"{where}: does not hold a cell (CRYST1, _cell); give StructureFactors.cell")
    _check_file_cell(where, cell)
    group = choose_group(where, given.space_group, model.symmetry, cell)
    return model, place_atoms(where, model, cell, group, own_group=given.space_group is None)


def _options(given: Coordinates) -> dict[str, Any]:
    """Return how the transform of coordinates is calculated."""
    return {
        "d_min_A": given.d_min_A, "k_sol": given.k_sol, "b_sol_A2": given.b_sol_A2,
        "anomalous": given.energies_eV is not None,
    }  # fmt: skip


def _check_file_cell(where: str, cell: Cell | None) -> None:
    if cell is not None:
        try:
            check_cell(cell)
        except ConfigError as error:
            raise FormatError(f"{where}: {error}") from None
