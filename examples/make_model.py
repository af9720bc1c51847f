"""Write model.pdb, a small synthetic protein of alpha helices in a crystal, for structure-factor calculations.

    python make_model.py orthorhombic [model.pdb]

The lattice is triclinic (P 1), orthorhombic (P 21 21 21) or hexagonal (P 61).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gemmi
import numpy as np

CRYSTALS = {
    "triclinic": ((38.0, 42.0, 47.0, 82.0, 95.0, 103.0), "P 1"),
    "orthorhombic": ((42.0, 51.0, 63.0, 90.0, 90.0, 90.0), "P 21 21 21"),
    "hexagonal": ((58.0, 58.0, 66.0, 90.0, 90.0, 120.0), "P 61"),
}
# An ideal helix: radius (Å), angle (degrees) and height (Å) of each atom of a residue
RISE_A, TURN_DEG = 1.5, 100.0
ATOMS = {
    "N": (1.55, -27.0, -0.9),
    "CA": (2.28, 0.0, 0.0),
    "C": (1.66, 27.0, 1.1),
    "O": (2.0, 21.0, 2.3),
    "CB": (3.3, -19.0, -0.6),
}
SULPHURS_EVERY = 10  # residues: a methionine in place of an alanine
HELICES, RESIDUES = 4, 20


def helix(number: int) -> gemmi.Chain:
    """Return a helix of alanines and methionines along z, next to the other chains."""
    chain = gemmi.Chain("ABCDEFGH"[number])
    x, y = 10.0 * (number % 2), 10.0 * (number // 2)
    for i in range(RESIDUES):
        residue = gemmi.Residue()
        residue.name, residue.seqid = "ALA" if i % SULPHURS_EVERY else "MET", gemmi.SeqId(i + 1, " ")
        sulphur = {} if i % SULPHURS_EVERY else {"SD": (5.0, -10.0, 0.4)}
        for name, (radius, angle, height) in {**ATOMS, **sulphur}.items():
            turn = np.radians(angle + TURN_DEG * i + 40.0 * number)
            atom = gemmi.Atom()
            atom.name, atom.element = name, gemmi.Element(name[0])
            atom.pos = gemmi.Position(x + radius * np.cos(turn), y + radius * np.sin(turn), RISE_A * i + height)
            atom.b_iso = 12.0 + abs(i - RESIDUES / 2)
            residue.add_atom(atom)
        chain.add_residue(residue)
    return chain


def make_model(crystal: str) -> gemmi.Structure:
    """Return the model in one of the CRYSTALS."""
    cell, space_group = CRYSTALS[crystal]
    structure, model = gemmi.Structure(), gemmi.Model(1)
    for number in range(HELICES):
        model.add_chain(helix(number))
    structure.add_model(model)
    structure.cell, structure.spacegroup_hm = gemmi.UnitCell(*cell), space_group
    structure.setup_entities()
    return structure


def main() -> None:
    arguments = argparse.ArgumentParser(description="Write a small synthetic protein crystal as a PDB file.")
    arguments.add_argument("crystal", choices=CRYSTALS)
    arguments.add_argument("path", nargs="?", type=Path, default=Path("model.pdb"))
    chosen = arguments.parse_args()
    make_model(chosen.crystal).write_pdb(str(chosen.path))


if __name__ == "__main__":
    main()
