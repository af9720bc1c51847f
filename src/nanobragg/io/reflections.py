"""Reflections as files list them: which column to take, and amplitudes from what it holds."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, FormatError, NanobraggWarning
from ..unit_cell import Cell
from .atomic import StrPath

Kind = Literal["F", "G", "J", "K"]  # MTZ's column types: F, F(+) or F(-), I, I(+) or I(-)

LARGEST_INDEX = 2**20 - 1
KIND_NAMES = {
    "F": "amplitudes",
    "G": "amplitudes of Bijvoet mates",
    "J": "intensities",
    "K": "intensities of Bijvoet mates",
}
PREFERENCE = "GFKJ"
OBSERVED = {"F", "FP", "FO", "FOBS", "FMEAN", "FMEAS", "FMEASAU", "I", "IMEAN", "IOBS", "INTENSITYMEAS", "FSQUAREDMEAS"}
OBSERVED |= {"FPLUS", "PDBXFPLUS", "IPLUS", "PDBXIPLUS", "FOBSPLUS", "IOBSPLUS"}
CALCULATED = re.compile(r"(PDBX)?(FC|FMODEL|FSQUAREDCALC)")
MAP_COEFFICIENTS = re.compile(r"(2?M?FO?D?FC)|FWT|FEM|DELF")
MATES = (("(+)", "(-)"), ("plus", "minus"), ("PLUS", "MINUS"), ("Plus", "Minus"), ("+", "-"))


class Column(NamedTuple):
    """What a file calls a column, and its kind; None: neither amplitudes nor intensities."""

    label: str
    kind: Kind | None


class Choice(NamedTuple):
    """The column to take, and the one of the Friedel mates where it has one."""

    label: str
    mate: str | None
    kind: Kind
    note: str


class Reflections(NamedTuple):
    """What a file lists, before any symmetry.

    Attributes
    ----------
    indices
        (n, 3).
    amplitudes, mates
        Of h k l, and of -h -k -l where these have columns of their own; NaN: not there.
    cell
        None: the file has none.
    space_group
        The symbol in the file, "" if it has none.
    note
        Which columns these are, and what there was to choose from.
    """

    indices: npt.NDArray[np.int32]
    amplitudes: npt.NDArray[np.float64]
    mates: npt.NDArray[np.float64] | None
    cell: Cell | None
    space_group: str
    note: str


def choose_column(path: StrPath, columns: Sequence[Column], wanted: str | None) -> Choice:
    """The column named `wanted`, or by a rule: measured before calculated; F(+) and F(-), F, I(+) and I(-), I.

    Map coefficients are never taken by the rule.

    Raises
    ------
    ConfigError
        There is no such column, or it holds something else.
    FormatError
        Nothing in the file holds amplitudes or intensities.
    """
    labels = [column.label for column in columns]
    listed = ", ".join(f"{c.label} ({KIND_NAMES[c.kind]})" if c.kind else c.label for c in columns) or "none"
    usable = [column for column in columns if column.kind]
    if wanted is not None:
        if wanted not in labels:
            raise ConfigError(f"{path}: has no column {wanted!r}; its columns are {listed}")
        chosen = columns[labels.index(wanted)]
        if chosen.kind is None:
            raise ConfigError(f"{path}: column {wanted!r} holds neither amplitudes nor intensities; there are {listed}")
    else:
        candidates = [column for column in usable if not MAP_COEFFICIENTS.search(_plain(column.label))]
        if not candidates:
            raise FormatError(f"{path}: no column of amplitudes or intensities; its columns are {listed}; name one")
        chosen = min(candidates, key=_rank)
    assert chosen.kind is not None
    mate = _mate(chosen.label, labels) if chosen.kind in "GK" else None
    names = chosen.label if mate is None else f"{chosen.label} and {mate}"
    others = [column.label for column in usable if column.label not in (chosen.label, mate)]
    how = "as asked" if wanted is not None else f"chosen before {', '.join(others)}" if others else "the only one"
    return Choice(chosen.label, mate, chosen.kind, f"{names} ({KIND_NAMES[chosen.kind]}; {how})")


def _plain(label: str) -> str:
    return re.sub("[^A-Z0-9]", "", label.replace("(+)", "PLUS").replace("(-)", "MINUS").upper())


def _rank(column: Column) -> tuple[bool, int, bool, bool]:
    name = _plain(column.label)
    first_of_pair = any(plus in column.label for plus, _ in MATES)
    assert column.kind is not None
    return (
        bool(CALCULATED.match(name)), PREFERENCE.index(column.kind), name not in OBSERVED,
        column.kind in "GK" and not first_of_pair,
    )  # fmt: skip


def _mate(label: str, labels: Sequence[str]) -> str | None:
    for plus, minus in MATES:
        other = label.replace(plus, minus)
        if other != label and other in labels:
            return other
    return None


def as_amplitudes(path: StrPath, label: str, kind: Kind, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Amplitudes from a column's values: as they are, or the square roots of intensities.

    An intensity below 0, which counting statistics give weak reflections, counts as 0 and is warned about.

    Raises
    ------
    FormatError
        An amplitude is negative, or a value infinite.
    """
    if np.isinf(values).any():
        raise FormatError(f"{path}: column {label} holds infinite values; remove them")
    negative = values < 0
    if kind in "FG":
        if negative.any():
            raise FormatError(
                f"{path}: column {label}: {negative.sum()} of {len(values)} amplitudes are negative; "
                "choose a column of amplitudes or intensities"
            )
        return values
    if negative.any():
        warnings.warn(
            f"{path}: column {label}: {negative.sum()} of {len(values)} intensities are negative and count as 0; "
            "amplitudes by French and Wilson's method would not be biased",
            NanobraggWarning,
            stacklevel=2,
        )
    return np.sqrt(np.where(negative, 0.0, values))


def checked_indices(path: StrPath, indices: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """`indices` as (n, 3) int32; refuses an empty list and indices that no crystal has."""
    array = np.asarray(indices, dtype=np.int64).reshape(-1, 3)
    if len(array) == 0:
        raise FormatError(f"{path}: lists no reflection")
    if np.abs(array).max() > LARGEST_INDEX:
        raise FormatError(f"{path}: holds an index beyond {LARGEST_INDEX}; the file is damaged")
    return array.astype(np.int32)


def known_cell(numbers: Sequence[float]) -> Cell | None:
    """A cell as a file has it; None for none at all, and for the cube of 1 Å that stands for none."""
    a, b, c, alpha, beta, gamma = (float(x) for x in numbers)
    cell = (a, b, c, alpha, beta, gamma)
    return None if max(cell[:3]) <= 1.0 or not np.isfinite(cell).all() else cell
