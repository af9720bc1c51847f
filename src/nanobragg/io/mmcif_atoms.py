"""Macromolecules in mmCIF files: missing items are completed, and other conventions converted, for gemmi."""

from typing import Any

import numpy as np

from .atomic import StrPath
from .cif_values import number_of, text_of
from .doubts import Doubts
from .elements import from_atom_name
from .small_molecule import B_PER_U

CATEGORY = "_atom_site."
NEEDED = {"label_atom_id": "X", "label_alt_id": ".", "label_comp_id": "UNL", "label_asym_id": "A", "auth_seq_id": "1"}
TENSOR = ("[1][1]", "[2][2]", "[3][3]", "[1][2]", "[1][3]", "[2][3]")
TENSOR_CATEGORY = "_atom_site_anisotrop."


def mmcif_structure(path: StrPath, block: Any, doubts: Doubts) -> Any:
    """Return the gemmi Structure of a block with Cartesian coordinates."""
    import gemmi

    with_tensor = _complete_tensors(block)
    loop = block.find_loop(f"{CATEGORY}Cartn_x").get_loop()  # a new loop in the block would make it invalid
    absent = [(item, value) for item, value in NEEDED.items() if f"{CATEGORY}{item}" not in loop.tags]
    for item, value in absent:
        loop.add_columns([f"{CATEGORY}{item}"], value)
    _complete_b(block, loop, with_tensor, doubts)
    doubts.add(len(_complete(block, loop, "occupancy", "1.0")), "atoms have no occupancy; 1 is used")
    _complete_elements(block, loop, doubts)
    return gemmi.make_structure_from_block(block)


def _complete(block: Any, loop: Any, item: str, value: str) -> list[int]:
    """Write a value where an item of atom_site is missing; return the rows."""
    if f"{CATEGORY}{item}" not in loop.tags:
        loop.add_columns([f"{CATEGORY}{item}"], value)
        return list(range(loop.length()))
    column = block.find_loop(f"{CATEGORY}{item}")
    missing = [row for row, text in enumerate(column) if not text_of(text)]
    for row in missing:
        column[row] = value
    return missing


def _column(block: Any, item: str) -> list[str]:
    return [text_of(value) for value in block.find_values(f"{CATEGORY}{item}")]


def _complete_b(block: Any, loop: Any, with_tensor: set[str], doubts: Doubts) -> None:
    """Write B from U where only U is given, and 0 where neither is."""
    from_u = [number_of(text) * B_PER_U for text in _column(block, "U_iso_or_equiv")]
    missing = _complete(block, loop, "B_iso_or_equiv", "0.0")
    identities, count = _column(block, "id"), 0
    column = block.find_loop(f"{CATEGORY}B_iso_or_equiv")
    for row in missing:
        if row < len(from_u) and np.isfinite(from_u[row]):
            column[row] = repr(from_u[row])
        elif row >= len(identities) or identities[row] not in with_tensor:
            count += 1
    doubts.add(count, "atoms have no displacement parameter; B = 0 is used")


def _complete_tensors(block: Any) -> set[str]:
    """Add U_ij where the file gives B_ij, or lists tensors with the atoms; return the ids of atoms with a tensor."""
    found: dict[str, list[float]] = {}
    for category, identity, letters in (
        (TENSOR_CATEGORY, "id", "U"), (TENSOR_CATEGORY, "id", "B"), (f"{CATEGORY}aniso_", "", "U"),
        (f"{CATEGORY}aniso_", "", "B"),
    ):  # fmt: skip
        labels = block.find_values(f"{category}{identity}" if identity else f"{CATEGORY}id")
        columns = [block.find_values(f"{category}{letters}{pair}") for pair in TENSOR]
        if not labels or any(len(column) != len(labels) for column in columns):
            continue
        divisor = B_PER_U if letters == "B" else 1.0
        for row, label in enumerate(labels):
            values = [number_of(text_of(column[row])) / divisor for column in columns]
            if np.isfinite(values).all():
                found.setdefault(text_of(label), values)
    given = block.find_values(f"{TENSOR_CATEGORY}U[1][1]")
    if found and not given:
        block.find_mmcif_category(TENSOR_CATEGORY).erase()
        loop = block.init_loop(TENSOR_CATEGORY, ["id", *(f"U{pair}" for pair in TENSOR)])
        for label, values in found.items():
            loop.add_row([label, *map(repr, values)])
    return set(found)


def _complete_elements(block: Any, loop: Any, doubts: Doubts) -> None:
    """Write type symbols from the names of atoms where they are missing."""
    missing = _complete(block, loop, "type_symbol", "X")
    if not missing:
        return
    names, residues = _column(block, "label_atom_id"), _column(block, "label_comp_id")
    names, residues = names or _column(block, "auth_atom_id"), residues or _column(block, "auth_comp_id")
    column, guessed = block.find_loop(f"{CATEGORY}type_symbol"), []
    for row in missing:
        name = names[row] if row < len(names) else ""
        residue = residues[row] if row < len(residues) else ""
        found = from_atom_name(name.strip("'\""), residue, left_aligned=True)
        column[row] = found.element or "X"
        if found.doubtful:
            guessed.append((f"{name} {residue}", found.element))
    doubts.guessed(guessed)
