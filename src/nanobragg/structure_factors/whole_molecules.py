"""One cell's contents as whole molecules: the copies of all atoms, in a larger cell that keeps them apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import ConfigError
from ..geometry import Vector, as_vector
from .direct_sum import Atoms
from .placed_atoms import PlacedAtoms, with_all_copies
from .symmetry import find_space_group, group_from_table

CELLS = 2  # along each edge of the larger cell
MARGIN_A = 2.0  # of an atom around its centre
HALF_WAY = 1e-6  # rounding must not decide between two places of a copy, which screw axes put half a cell away


class WholeMolecules(NamedTuple):
    """Atoms in a cell of `CELLS` cells along each edge, and the middle of the contents, fractional in one cell."""

    placed: PlacedAtoms
    centre: Vector


def whole_molecules(where: str, placed: PlacedAtoms, centre: Vector | None) -> WholeMolecules:
    """Return the contents of one cell: the listed atoms and their copies by all operators, none of them cut.

    Each copy is moved as a whole by whole cells, so that its centroid is from -1/2 to below 1/2 away, along each axis,
    from `centre` (fractional; default: the centroid of the listed atoms).

    Raises
    ------
    ConfigError
        The copies do not fit into the larger cell.
    """
    import gemmi

    atoms, group = placed.atoms, placed.group
    weights = atoms.shares / atoms.shares.sum() if atoms.shares.sum() > 0 else np.full(len(atoms.fract), 1.0)
    centroid = weights @ atoms.fract
    middle = centroid if centre is None else np.array(centre)
    away = middle - (group.rotations @ centroid + group.translations)
    moves = np.ceil(away - 0.5 - HALF_WAY)
    copies = np.einsum("oij,aj->oai", group.rotations, atoms.fract) + (group.translations + moves)[:, np.newaxis]
    low, high = copies.min(axis=(0, 1)), copies.max(axis=(0, 1))
    reciprocal = np.array(placed.structure.cell.reciprocal().parameters[:3])
    span = high - low + 2.0 * MARGIN_A * reciprocal
    if (span > CELLS).any():
        raise ConfigError(
            f"{where}: its molecules and their copies span {' x '.join(f'{x:.3g}' for x in span)} cells; interpolate = "
            f"'phased' takes up to {CELLS} along each axis; list the atoms of one compact molecule, or give amplitudes "
            "with phases"
        )
    structure = with_all_copies(where, placed, moves)
    a, b, c, *angles = structure.cell.parameters
    structure.cell = gemmi.UnitCell(CELLS * a, CELLS * b, CELLS * c, *angles)
    structure.setup_cell_images()
    count = len(group.rotations)
    turned = np.einsum("oij,ajk,olk->oail", group.rotations, atoms.u_star, group.rotations)
    apart = Atoms(
        copies.reshape(-1, 3) / CELLS, np.tile(atoms.shares, count), np.tile(atoms.factors, count), atoms.coefficients,
        turned.reshape(-1, 3, 3) / CELLS**2,
    )  # fmt: skip
    p1 = group_from_table(find_space_group("P 1", where))
    return WholeMolecules(
        PlacedAtoms(structure, apart, np.tile(placed.elements, count), p1, placed.charged, placed.note),
        as_vector(0.5 * (low + high)),
    )
