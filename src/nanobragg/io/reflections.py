"""Lists of reflections from files: the choice of a column, and its conversion to amplitudes."""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, FormatError, warn_user
from ..unit_cell import Cell
from .atomic import StrPath
from .file_symmetry import FileSymmetry

Kind = Literal["F", "G", "J", "K"]  # MTZ's column types: F, F(+) or F(-), I, I(+) or I(-)

LARGEST_INDEX = 2**20 - 1
KIND_NAMES = {
    "F": "amplitudes",
    "G": "amplitudes of Bijvoet mates",
    "J": "intensities",
    "K": "intensities of Bijvoet mates",
}
PREFERENCE = "GFKJ"
FEWEST_OF_DUMMY = 8  # reflections with the same value that make a column a placeholder
OBSERVED = {"F", "FP", "FO", "FOBS", "FMEAN", "FMEAS", "FMEASAU", "I", "IMEAN", "IOBS", "INTENSITYMEAS", "FSQUAREDMEAS"}
OBSERVED |= {"FPLUS", "PDBXFPLUS", "IPLUS", "PDBXIPLUS", "FOBSPLUS", "IOBSPLUS"}
CALCULATED = re.compile(r"(PDBX)?(FC|FMODEL|FSQUAREDCALC)")
DUMMY = re.compile(r"^F?UNIQUE|DUMMY|DUM$")  # placeholders of CCP4's UNIQUE and similar programs
MAP_COEFFICIENTS = re.compile(r"(2?M?FO?D?FC)|FWT|FEM|DELF")
MATES = (("(+)", "(-)"), ("plus", "minus"), ("PLUS", "MINUS"), ("Plus", "Minus"), ("+", "-"))


class Column(NamedTuple):
    """A column of a file.

    Attributes
    ----------
    label, kind
        Its name, and what it holds; None: neither amplitudes nor intensities.
    has_sigma
        Whether a column of its standard uncertainties follows.
    is_dummy
        Whether all of its values are the same, as in the placeholders that some programs add.
    """

    label: str
    kind: Kind | None
    has_sigma: bool = False
    is_dummy: bool = False


class Choice(NamedTuple):
    """The chosen column, its Friedel mates' column and the mean's if it has them, and a note on the choice."""

    label: str
    mate: str | None
    kind: Kind
    note: str
    mean: tuple[str, Kind] | None = None


class Reflections(NamedTuple):
    """The reflections in a file, before symmetry expansion.

    Attributes
    ----------
    indices
        h k l, (n, 3).
    amplitudes, mates
        Amplitudes of h k l, and of -h -k -l if they have a column of their own; NaN where missing.
    cell
        Unit cell, or None if the file has none.
    symmetry
        Operators and symbol in the file.
    note
        The columns read, and the alternatives.
    phases_deg
        Phases of h k l, (n,), NaN where missing; those of -h -k -l are the opposite ones. None: not asked for.
    """

    indices: npt.NDArray[np.int32]
    amplitudes: npt.NDArray[np.float64]
    mates: npt.NDArray[np.float64] | None
    cell: Cell | None
    symmetry: FileSymmetry
    note: str
    phases_deg: npt.NDArray[np.float64] | None = None

    @property
    def space_group(self) -> str:
        """Symbol in the file, or "" if there is none."""
        return self.symmetry.symbol


class Unmerged(NamedTuple):
    """Measured intensities in a file, several of equivalent reflections, before they are merged.

    Attributes
    ----------
    indices
        h k l, (n, 3).
    intensities, sigmas
        Of shape (n,); a σ that is not positive is unknown.
    cell
        Unit cell, or None if the file has none.
    symmetry
        Operators and symbol in the file.
    label, note
        Name of the column, and what was read.
    """

    indices: npt.NDArray[np.int32]
    intensities: npt.NDArray[np.float64]
    sigmas: npt.NDArray[np.float64]
    cell: Cell | None
    symmetry: FileSymmetry
    label: str
    note: str


def choose_column(path: StrPath, columns: Sequence[Column], wanted: str | None) -> Choice:
    """Return the column named `wanted`, or the preferred one.

    Measured values are preferred to calculated ones, then F to F(+) and F(-), to I(+) and I(-), to I, in the order of
    `PREFERENCE`; placeholders (F_unique, or values that are all the same) come last, and among equals those with a
    standard uncertainty first. Map coefficients are used only on request. The mean column of a preferred pair supplies
    reflections that the pair lacks. Raises `ConfigError` if there is no column `wanted` or it holds neither amplitudes
    nor intensities, and `FormatError` if no column does.
    """
    labels = [column.label for column in columns]
    listed = ", ".join(f"{c.label} ({KIND_NAMES[c.kind]})" if c.kind else c.label for c in columns) or "none"
    usable = [column for column in columns if column.kind]
    if wanted is not None:
        if wanted not in labels:
            raise ConfigError(f"{path} has no column {wanted!r}; its columns are {listed}")
        chosen = columns[labels.index(wanted)]
        if chosen.kind is None:
            raise ConfigError(
                f"{path}: column {wanted!r} holds neither amplitudes nor intensities; its columns are {listed}"
            )
    else:
        candidates = [column for column in usable if not MAP_COEFFICIENTS.search(_plain(column.label))]
        if not candidates:
            raise FormatError(f"{path}: no column of amplitudes or intensities; its columns are {listed}; name one")
        chosen = min(candidates, key=_rank)
    assert chosen.kind is not None
    mate = _mate(chosen.label, labels) if chosen.kind in "GK" else None
    names = chosen.label if mate is None else f"{chosen.label} and {mate}"
    others = [column.label for column in usable if column.label not in (chosen.label, mate)]
    how = "as requested" if wanted is not None else f"preferred to {', '.join(others)}" if others else "the only one"
    note = f"{names} ({KIND_NAMES[chosen.kind]}; {how})"
    mean = None if mate is None or wanted is not None else _mean_of(chosen, usable)
    return Choice(chosen.label, mate, chosen.kind, note, mean)


def _mean_of(pair: Column, columns: Sequence[Column]) -> tuple[str, Kind] | None:
    """Return the best column of the means of a pair: measured if the pair is, and no map coefficient."""
    kind: Kind = "F" if pair.kind == "G" else "J"
    calculated = bool(CALCULATED.match(_plain(pair.label)))
    means = [
        column
        for column in columns
        if column.kind == kind and not column.is_dummy and not MAP_COEFFICIENTS.search(_plain(column.label))
        and bool(CALCULATED.match(_plain(column.label))) == calculated
    ]  # fmt: skip
    return (min(means, key=_rank).label, kind) if means else None


def choose_phases(path: StrPath, phases: Sequence[str], label: str, wanted: str | None) -> str:
    """Return the column of phases named `wanted`, the one whose name goes with that of the amplitudes, or the only one.

    Names that go together are FC and PHIC, FWT and PHWT, F-model and PHIF-model. Raises `ConfigError` if there is no
    column `wanted` or several without a choice, and `FormatError` if there is none.
    """
    if not phases:
        raise FormatError(
            f"{path}: has no column of phases, which interpolate = 'phased' needs; give a file with calculated phases, "
            "or StructureFactors.from_coordinates"
        )
    if wanted is not None:
        if wanted not in phases:
            raise ConfigError(f"{path} has no phases {wanted!r}; its columns of phases are {', '.join(phases)}")
        return wanted
    together = [each for each in phases if each in (f"PH{label[1:]}", f"PHI{label[1:]}", f"PH{label}", f"PHI{label}")]
    if len(together or phases) > 1:
        raise ConfigError(f"{path}: has several columns of phases; give phase_column, one of {', '.join(phases)}")
    return (together or list(phases))[0]


def with_phases(path: StrPath, found: Reflections, label: str, degrees: npt.NDArray[np.float64]) -> Reflections:
    """Return reflections with the phases (degrees) of a column; those without one are left out, with a warning."""
    columns = [found.amplitudes, *([] if found.mates is None else [found.mates])]
    lacking = ~np.isfinite(degrees) & (np.nan_to_num(columns) != 0).any(axis=0)
    if lacking.any():
        warn_user(
            f"{path}: column {label}: {lacking.sum()} of {len(lacking)} reflections lack a phase and are left out"
        )
    return found._replace(phases_deg=np.where(lacking, np.nan, np.nan_to_num(degrees)), note=f"{found.note}; {label}")


def fill_from_mean(
    plus: npt.NDArray[np.float64], minus: npt.NDArray[np.float64], mean: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], int]:
    """Return F(+) with the mean where neither F(+) nor F(-) is known, and how often."""
    missing = np.isnan(plus) & np.isnan(minus) & np.isfinite(mean)
    return np.where(missing, mean, plus), int(missing.sum())


def constant(values: npt.NDArray[np.float64]) -> bool:
    """Return whether several values are all the same."""
    finite = values[np.isfinite(values)]
    return len(finite) >= FEWEST_OF_DUMMY and bool((finite == finite[0]).all())


def _plain(label: str) -> str:
    return re.sub("[^A-Z0-9]", "", label.replace("(+)", "PLUS").replace("(-)", "MINUS").upper())


def _rank(column: Column) -> tuple[bool, bool, int, bool, bool, bool]:
    name = _plain(column.label)
    first_of_pair = any(plus in column.label for plus, _ in MATES)
    assert column.kind is not None
    dummy = column.is_dummy or bool(DUMMY.search(name))
    return (
        dummy, bool(CALCULATED.match(name)), PREFERENCE.index(column.kind), name not in OBSERVED, not column.has_sigma,
        column.kind in "GK" and not first_of_pair,
    )  # fmt: skip


def _mate(label: str, labels: Sequence[str]) -> str | None:
    for plus, minus in MATES:
        other = label.replace(plus, minus)
        if other != label and other in labels:
            return other
    return None


def as_amplitudes(path: StrPath, label: str, kind: Kind, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the amplitudes of a column: its values, or the square roots of intensities.

    Negative intensities, which weak reflections have by counting statistics, are set to 0 with a warning. Raises
    `FormatError` if an amplitude is negative or a value is infinite.
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
        warn_user(
            f"{path}: column {label}: {negative.sum()} of {len(values)} intensities are negative and are set to 0; "
            "amplitudes by the French–Wilson method would be unbiased"
        )
    return np.sqrt(np.where(negative, 0.0, values))


def checked_indices(path: StrPath, indices: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """Return `indices` as (n, 3) int32; raise `FormatError` if there are none or one exceeds `LARGEST_INDEX`."""
    array = np.asarray(indices, dtype=np.int64).reshape(-1, 3)
    if len(array) == 0:
        raise FormatError(f"{path} lists no reflections")
    if np.abs(array).max() > LARGEST_INDEX:
        raise FormatError(f"{path}: an index exceeds {LARGEST_INDEX}; the file is damaged")
    return array.astype(np.int32)


def cell_or_none(numbers: Sequence[float]) -> Cell | None:
    """Return a cell, or None if it is not finite or is the 1 Å cube that stands for a missing cell."""
    a, b, c, alpha, beta, gamma = (float(x) for x in numbers)
    cell = (a, b, c, alpha, beta, gamma)
    return None if max(cell[:3]) <= 1.0 or not np.isfinite(cell).all() else cell
