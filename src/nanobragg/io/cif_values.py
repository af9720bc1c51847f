"""Values and columns of CIF blocks under any of several names, as text without quotes; "" where missing."""

from collections.abc import Sequence
from typing import Any


def text_of(value: str | None) -> str:
    """Return a CIF value as text; "" for None, ? and ."""
    import gemmi

    return "" if value is None or gemmi.cif.is_null(value) else gemmi.cif.as_string(value).strip()


def first_value(block: Any, names: Sequence[str]) -> str:
    """Return the first value of a block that has one of the names and is not missing; "" if there is none."""
    return next(filter(None, (text_of(block.find_value(name)) for name in names)), "")


def loop_values(block: Any, names: Sequence[str]) -> list[str]:
    """Return the column of the first name that a block has, in a loop or as a single value."""
    for name in names:
        column = block.find_values(name)
        if column:
            return [text for value in column if (text := text_of(value))]
    return []


def number_of(value: str) -> float:
    """Return the number of a value without its standard uncertainty; NaN if it is none."""
    import gemmi

    return float(gemmi.cif.as_number(value)) if value else float("nan")
