"""The symmetry that a file states: its operators, and the symbol that names them."""

from typing import Any, NamedTuple

from ..errors import warn_user
from .atomic import StrPath
from .cif_values import first_value, loop_values
from .operators import Operators, read_operators

TRIPLETS = (
    "_space_group_symop_operation_xyz", "_space_group_symop.operation_xyz", "_symmetry_equiv_pos_as_xyz",
    "_symmetry_equiv.pos_as_xyz",
)  # fmt: skip
HALL = (
    "_space_group_name_Hall", "_space_group.name_Hall", "_symmetry_space_group_name_Hall",
    "_symmetry.space_group_name_Hall",
)  # fmt: skip
HERMANN_MAUGUIN = (
    "_space_group_name_H-M_alt", "_space_group.name_H-M_alt", "_symmetry_space_group_name_H-M",
    "_symmetry.space_group_name_H-M", "_space_group_name_H-M_full", "_space_group.name_H-M_full",
    "_space_group_name_H-M_ref", "_space_group.name_H-M_ref",
)  # fmt: skip
NUMBERS = (
    "_space_group_IT_number", "_space_group.IT_number", "_symmetry_Int_Tables_number", "_symmetry.Int_Tables_number"
)  # fmt: skip


class FileSymmetry(NamedTuple):
    """The symmetry in a file.

    Attributes
    ----------
    symbol
        Hermann-Mauguin symbol, or else the number; "" if there is none.
    operators
        Operators; None if the file has none. They decide where the symbol says something else.
    hall, number
        Hall symbol, which tells the setting, and number in the International Tables; "" if there is none.
    """

    symbol: str = ""
    operators: Operators | None = None
    hall: str = ""
    number: str = ""


def cif_symmetry(path: StrPath, block: Any) -> FileSymmetry:
    """Return the symmetry of a CIF block; warns if its operators do not make a group."""
    symbol, hall, number = (first_value(block, names) for names in (HERMANN_MAUGUIN, HALL, NUMBERS))
    return FileSymmetry(symbol or number, listed_operators(path, loop_values(block, TRIPLETS)), hall, number)


def listed_operators(path: StrPath, triplets: list[str]) -> Operators | None:
    """Return the operators of a list; None if it is empty. Warns if they do not make a group."""
    if not triplets:
        return None
    operators = read_operators(path, triplets)
    if not operators.closed:
        warn_user(
            f"{path}: its {len(operators.rotations)} symmetry operators do not make a group; they are applied as "
            "listed, without further symmetry; correct them, or give space_group"
        )
    return operators
