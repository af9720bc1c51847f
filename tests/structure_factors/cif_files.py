"""Small-molecule CIF files that tests write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

ITEMS = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "U_iso_or_equiv", "occupancy")
CELL_ITEMS = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
ROCK_SALT = ((5.64, 5.64, 5.64, 90, 90, 90), ["Na1 Na 0 0 0 0.01 1", "Cl1 Cl 0.5 0.5 0.5 0.01 1"])


def cif_text(
    cell: Sequence[object] | None,
    rows: Sequence[str],
    *,
    items: Sequence[str] = ITEMS,
    symbol: str | None = None,
    operators: Sequence[str] = (),
    name: str = "x",
    more: str = "",
) -> str:
    """Return the text of a data block."""
    lines = [f"data_{name}"]
    lines += [f"_cell_{item} {value}" for item, value in zip(CELL_ITEMS, cell or (), strict=cell is not None)]
    if symbol is not None:
        lines.append(f"_space_group_name_H-M_alt '{symbol}'")
    if operators:
        lines += ["loop_", "_space_group_symop_operation_xyz", *(f"'{operator}'" for operator in operators)]
    lines += ["loop_", *(f"_atom_site_{item}" for item in items), *rows]
    return "\n".join([*lines, more, ""])


def write_cif(path: Path, *args: object, **options: object) -> Path:
    """Write the block of `cif_text`, and return the path."""
    path.write_text(cif_text(*args, **options))  # type: ignore[arg-type]
    return path
