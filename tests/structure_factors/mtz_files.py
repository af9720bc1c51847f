"""MTZ files that tests write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gemmi
import numpy as np

CELL = (30.0, 40.0, 50.0, 90.0, 90.0, 90.0)
ROWS = np.array([[1, 2, 3], [0, 2, 3], [4, 4, 4], [2, 0, 0]])


def write_mtz(
    path: Path,
    columns: dict[str, tuple[str, Any]],
    *,
    indices: Any = ROWS,
    group: str = "P 21 21 21",
    cell: tuple[float, ...] = CELL,
) -> Path:
    """Write columns, each a type and its values, and return the path."""
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup(group)
    mtz.set_cell_for_all(gemmi.UnitCell(*cell))
    mtz.add_dataset("ours")
    mtz.set_cell_for_all(gemmi.UnitCell(*cell))
    for label, (kind, _) in columns.items():
        mtz.add_column(label, kind)
    mtz.set_data(np.column_stack([indices, *(values for _, values in columns.values())]).astype(np.float32))
    mtz.write_to_file(str(path))
    return path
