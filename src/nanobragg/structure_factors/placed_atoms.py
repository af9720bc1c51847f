"""Atoms of a model in a cell and space group: their shares on special positions, scattering factors, displacements."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..geometry import FloatArray
from ..io.atoms import BYTES_PER_ATOM, AtomicModel, atoms_of
from ..io.limits import check_bytes
from ..io.small_molecule import B_PER_U
from .direct_sum import Atoms, factor_coefficients
from .sites import Sites, site_shares

if TYPE_CHECKING:
    from ..unit_cell import Cell
    from .symmetry import Group


class PlacedAtoms(NamedTuple):
    """Atoms in a cell and group, for gemmi and for a sum.

    Attributes
    ----------
    structure
        gemmi Structure with occupancies for a sum over all operators, and with charges that have scattering factors.
    atoms
        The same atoms as arrays.
    elements
        Their atomic numbers.
    group
        The space group.
    charged
        Whether an atom has the scattering factor of an ion.
    note
        Which ions have a factor of their own; may be empty.
    """

    structure: Any
    atoms: Atoms
    elements: npt.NDArray[np.int64]
    group: Group
    charged: bool
    note: str


def place_atoms(where: str, model: AtomicModel, cell: Cell, group: Group, *, own_group: bool) -> PlacedAtoms:
    """Return the atoms of a model in a cell and a space group; warns about special positions, see `sites.site_shares`.

    `own_group` tells whether the group is that of the file, to which stated multiplicities refer.
    """
    structure = _in_cell(model, cell)
    if group.tabulated is not None:
        structure.spacegroup_hm = group.tabulated.xhm()
    structure.setup_cell_images()
    listed = list(atoms_of(structure))
    fractional = np.array(structure.cell.frac.mat.tolist())
    shift = np.array(structure.cell.frac.vec.tolist())
    fract = np.array([atom.pos.tolist() for atom in listed]) @ fractional.T + shift
    elements = np.array([atom.element.atomic_number for atom in listed], dtype=np.int64)
    occupancies = np.array([atom.occ for atom in listed])
    orthogonal = np.linalg.inv(fractional)
    stated = model.stated if own_group else None
    shares = site_shares(where, Sites(fract, occupancies, elements, orthogonal, stated, model.small), group)
    for atom, share in zip(listed, shares.tolist(), strict=True):
        atom.occ = share
    kinds, coefficients, note = _scattering_factors(listed)
    atoms = Atoms(fract, shares, kinds, coefficients, _displacements(listed, fractional))
    return PlacedAtoms(structure, atoms, elements, group, any(atom.charge for atom in listed), note)


def with_all_copies(where: str, placed: PlacedAtoms, moves: FloatArray | None = None) -> Any:
    """Return a structure in P 1 with the copies of all atoms by all operators.

    `moves`, shape (operators, 3), are added to the fractional coordinates of the copies; default: none.
    """
    import gemmi

    moves = np.zeros((len(placed.group.rotations), 3)) if moves is None else moves
    copies = len(placed.atoms.fract) * len(placed.group.rotations)
    check_bytes(where, copies * BYTES_PER_ATOM, "every symmetry copy of its atoms")
    structure = placed.structure.clone()
    structure.spacegroup_hm = "P 1"
    structure.setup_cell_images()
    orthogonal, fractional = (np.array(each.mat.tolist()) for each in (structure.cell.orth, structure.cell.frac))
    chain = gemmi.Chain("A")
    translations = placed.group.translations + moves
    for rotation, translation in zip(placed.group.rotations, translations, strict=True):
        copies = placed.atoms.fract @ rotation.T + translation
        turn = orthogonal @ rotation @ fractional
        residue = gemmi.Residue()
        residue.name = "UNL"
        for atom, fract in zip(atoms_of(placed.structure), copies, strict=True):
            copy = atom.clone()
            copy.pos = structure.cell.orthogonalize(gemmi.Fractional(*fract.tolist()))
            if copy.aniso.nonzero():
                u = turn @ np.array(copy.aniso.as_mat33().tolist()) @ turn.T
                copy.aniso = gemmi.SMat33f(u[0, 0], u[1, 1], u[2, 2], u[0, 1], u[0, 2], u[1, 2])
            residue.add_atom(copy)
        chain.add_residue(residue)
    model = gemmi.Model(1)
    model.add_chain(chain)
    del structure[0]
    structure.add_model(model)
    return structure


def _in_cell(model: AtomicModel, cell: Cell) -> Any:
    """Return a copy of the structure in a cell, in the standard orientation.

    Fractional coordinates stay what they are in a CIF, and in a PDB file whose SCALE records state another orientation.
    """
    import gemmi

    structure = model.structure.clone()
    before, after = structure.cell, gemmi.UnitCell(*cell)
    if not before.explicit_matrices and (before.parameters == after.parameters or not model.small):
        structure.cell = after
        return structure
    fractional, shift = np.array(before.frac.mat.tolist()), np.array(before.frac.vec.tolist())
    turn = np.array(after.orth.mat.tolist()) @ fractional
    for atom in atoms_of(structure):
        x, y, z = (fractional @ atom.pos.tolist() + shift).tolist()
        atom.pos = after.orthogonalize(gemmi.Fractional(x, y, z))
        if atom.aniso.nonzero() and before.explicit_matrices:
            u = turn @ np.array(atom.aniso.as_mat33().tolist()) @ turn.T
            atom.aniso = gemmi.SMat33f(u[0, 0], u[1, 1], u[2, 2], u[0, 1], u[0, 2], u[1, 2])
    structure.cell = after
    return structure


def _scattering_factors(atoms: list[Any]) -> tuple[npt.NDArray[np.int64], FloatArray, str]:
    """Return the index of each atom's factor, the factors' coefficients, and a note on ions; resets other charges."""
    found: dict[tuple[str, int], int] = {}
    coefficients: list[Any] = []
    kinds, ionic, neutral = [], Counter[str](), Counter[str]()
    for atom in atoms:
        charge = atom.charge
        if charge and factor_coefficients(atom.element, charge) is None:
            neutral[f"{atom.element.name}{charge:+d}"] += 1
            charge = atom.charge = 0
        elif charge:
            ionic[f"{atom.element.name}{charge:+d}"] += 1
        key = (atom.element.name, charge)
        if key not in found:
            found[key] = len(coefficients)
            coefficients.append(factor_coefficients(atom.element, charge))
        kinds.append(found[key])
    told = [
        f"{what} of {', '.join(f'{number} {name}' for name, number in sorted(counts.items()))}"
        for what, counts in (("ionic factors", ionic), ("neutral factors, for want of ionic ones,", neutral))
        if counts
    ]
    return np.array(kinds, dtype=np.int64), np.array(coefficients, dtype=np.float64), ", ".join(told)


def _displacements(atoms: list[Any], fractional: FloatArray) -> FloatArray:
    """Return U* of the atoms, shape (n, 3, 3)."""
    cartesian = np.array([atom.b_iso for atom in atoms])[:, None, None] / B_PER_U * np.eye(3)
    for row, atom in enumerate(atoms):
        if atom.aniso.nonzero():
            cartesian[row] = atom.aniso.as_mat33().tolist()
    u_star: FloatArray = fractional @ cartesian @ fractional.T
    return u_star
