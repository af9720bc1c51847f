"""Symmetry operators of files: triplets such as "-x, y+1/2, -z+1/2" as matrices."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath
from .named_files import quote

TERM = re.compile(r"([+-]?)(\d+/\d+|\d*\.\d+|\d+\.?)?\*?([xyz])?")
LARGEST_GROUP = 192  # F m -3 m
MOST_LISTED = 10 * LARGEST_GROUP
LARGEST_ENTRY = 2  # of a rotation matrix in any usual setting
STEPS = 1000  # of a translation, when operators are compared
GRID = 24  # translations of every tabulated group are multiples of 1/24
EXACT, ROUNDED = 2e-4, 4e-3  # of translations written with four decimals or more, or with two


class Operators(NamedTuple):
    """Symmetry operators x' = R x + t, the identity first.

    Attributes
    ----------
    rotations
        Integers, shape (n, 3, 3).
    translations
        From 0 to 1, shape (n, 3).
    closed
        Whether they make a group.
    """

    rotations: npt.NDArray[np.int64]
    translations: npt.NDArray[np.float64]
    closed: bool


def read_operators(path: StrPath, triplets: Sequence[str]) -> Operators:
    """Return the operators of a file, with the identity if the file omits it.

    Translations that are within rounding of a multiple of 1/24 are set to it: of two decimals, if the operators make a
    group only then, otherwise of four. Raises `FormatError` if a triplet is not
    valid or there are more operators than in any space group.
    """
    parsed = [(np.eye(3, dtype=np.int64), np.zeros(3)), *(_parse(path, triplet) for triplet in triplets[:MOST_LISTED])]
    rotations = np.array([rotation for rotation, _ in parsed])
    translations = np.array([translation for _, translation in parsed])
    found = [_distinct(path, rotations, _snapped(translations, rounding)) for rounding in (EXACT, ROUNDED)]
    return next((operators for operators in found if operators.closed), found[0])


def _distinct(path: StrPath, rotations: npt.NDArray[np.int64], translations: npt.NDArray[np.float64]) -> Operators:
    _, first = np.unique(_codes(rotations, translations), return_index=True)
    if len(first) > LARGEST_GROUP:
        raise FormatError(f"{path} lists more symmetry operators than any space group has; correct them")
    first.sort()
    rotations, translations = rotations[first], translations[first]
    return Operators(rotations, translations, _is_group(rotations, translations))


def _codes(rotations: npt.NDArray[np.int64], translations: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return an integer for each operator, equal for those that differ by rounding or a lattice translation."""
    steps = np.rint(translations * STEPS).astype(np.int64) % STEPS @ STEPS ** np.arange(3)
    codes: npt.NDArray[np.int64] = _rotation_codes(rotations) * STEPS**3 + steps
    return codes


def _rotation_codes(rotations: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    codes: npt.NDArray[np.int64] = (rotations.reshape(-1, 9) + LARGEST_ENTRY) @ (2 * LARGEST_ENTRY + 1) ** np.arange(9)
    return codes


def _is_group(rotations: npt.NDArray[np.int64], translations: npt.NDArray[np.float64]) -> bool:
    """Return whether all products of the operators are among them, to 2·10⁻³ of a translation."""
    turned = np.einsum("aij,bjk->abik", rotations, rotations)
    if np.abs(turned).max() > LARGEST_ENTRY:
        return False
    listed = _rotation_codes(rotations)
    for products, rotation, translation in zip(turned, rotations, translations, strict=True):
        apart = (translations @ rotation.T + translation)[:, None] - translations
        same = (np.abs(apart - np.rint(apart)) < 2 / STEPS).all(axis=2)
        if not (same & (_rotation_codes(products)[:, None] == listed)).any(axis=1).all():
            return False
    return True


def _snapped(translations: npt.NDArray[np.float64], rounding: float) -> npt.NDArray[np.float64]:
    """Return translations from 0 to 1, those near a multiple of 1/24 exactly."""
    steps = np.rint(translations * GRID) / GRID
    snapped: npt.NDArray[np.float64] = np.where(np.abs(steps - translations) < rounding, steps, translations) % 1.0
    return snapped


def _parse(path: StrPath, triplet: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    parts = re.sub(r"\s", "", triplet.lower().strip("'\"")).split(",")
    rows = [_row(part) for part in parts]
    good = [row for row in rows if row is not None]
    rotation = np.array([row[:3] for row in good])
    if len(good) != 3 or len(parts) != 3 or abs(round(float(np.linalg.det(rotation)))) != 1:
        raise FormatError(f"{path}: {quote(path, triplet[:40])} is not a valid symmetry operator; correct it")
    if not np.array_equal(rotation, np.rint(rotation)) or np.abs(rotation).max() > LARGEST_ENTRY:
        raise FormatError(f"{path}: {quote(path, triplet[:40])} is not a valid symmetry operator; correct it")
    return rotation.astype(np.int64), np.array([row[3] for row in good])


def _row(text: str) -> list[float] | None:
    """Return the coefficients of x, y, z and 1 in one part of a triplet; None if it is not valid."""
    row, at = [0.0, 0.0, 0.0, 0.0], 0
    while at < len(text):
        found = TERM.match(text, at)
        if found is None or not (found.group(2) or found.group(3)) or (at and not found.group(1)):
            return None
        top, _, bottom = (found.group(2) or "1").partition("/")
        if len(top) > 12 or len(bottom) > 12 or (bottom and not int(bottom)):
            return None
        value = float(top) / float(bottom or 1) * (-1.0 if found.group(1) == "-" else 1.0)
        row["xyz".index(found.group(3)) if found.group(3) else 3] += value
        at = found.end()
    return row if text else None
