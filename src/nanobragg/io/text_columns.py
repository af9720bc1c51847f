"""Numbers in text columns: X-ray sources, spectra and scattering curves."""

import math
import re

import numpy as np
import numpy.typing as npt

from ..errors import FormatError, warn_user
from .atomic import StrPath
from .input_file import NUMBER, read_text
from .named_files import quote

DELIMITERS = re.compile(r"[ \t,;:!]+")


def read_sources(path: StrPath, *, ignore_rest: bool = False) -> npt.NDArray[np.float64]:
    """Return a list of sources, (n, 5): x, y, z, weight, wavelength in metres; NaN if missing.

    Only the direction of x, y, z is used. One source per line; fields are separated by blanks, tabs or any of , ; : !
    Raises `FormatError`, which names the line, if a field is not a number, a line has too many fields (unless
    `ignore_rest`, which warns), or the file is empty.
    """
    return _rows(path, _lines(path), ("x", "y", "z", "weight", "wavelength_m"), ignore_rest=ignore_rest)


def read_two_columns(path: StrPath) -> npt.NDArray[np.float64]:
    """Return a curve of two numbers per line, (n, 2), NaN where the second is missing; otherwise as `read_sources`."""
    return _rows(path, _lines(path), ("x", "y"))


def read_spectrum(path: StrPath) -> tuple[str | None, npt.NDArray[np.float64]]:
    """Return the axis and rows (n, 2) of wavelengths or energies with their weights; otherwise as `read_sources`.

    The axis is "wavelength_A" or "energy_eV" if the first line starts with that name, or None. A missing weight is NaN.
    Lines that start with # are ignored.
    """
    lines = _lines(path)
    title = [token for token in DELIMITERS.split(lines[0].lstrip("# ")) if token]
    axis = title[0] if title and title[0] in ("wavelength_A", "energy_eV") else None
    lines = ["" if line.lstrip().startswith("#") or (axis and not i) else line for i, line in enumerate(lines)]
    return axis, _rows(path, lines, (axis or "x", "weight"))


def read_column(path: StrPath, column: str) -> list[float]:
    """Return a column of a table whose first line names its columns; fields are separated as in `read_sources`.

    Lines that start with # are ignored, except that the first line may do so. Raises `FormatError` if there is no such
    column, a line has another number of fields than the first, or a field of the column is not a finite number.
    """
    lines = _lines(path)
    names = [token for token in DELIMITERS.split(lines[0].lstrip("# ")) if token]
    if column not in names:
        raise FormatError(f"{path}: has no column {column!r}; its first line names {', '.join(names) or 'none'}")
    place, values = names.index(column), []
    for number, line in enumerate(lines[1:], start=2):
        tokens = [token for token in DELIMITERS.split(line) if token]
        if not tokens or line.lstrip().startswith("#"):
            continue
        where = f"{path}, line {number}"
        if len(tokens) != len(names):
            raise FormatError(f"{where}: {len(tokens)} fields for {len(names)} columns; correct the line")
        value = _value(path, tokens[place], where, column)
        if not math.isfinite(value):
            raise FormatError(f"{where}: {column} = {tokens[place]}: must be finite")
        values.append(value)
    if not values:
        raise FormatError(f"{path}: holds no rows below its heading")
    return values


def _lines(path: StrPath) -> list[str]:
    return read_text(path).replace("\r\n", "\n").split("\n")


def _rows(
    path: StrPath, lines: list[str], names: tuple[str, ...], *, ignore_rest: bool = False
) -> npt.NDArray[np.float64]:
    rows, longer = [], 0
    for number, line in enumerate(lines, start=1):
        tokens = [token for token in DELIMITERS.split(line) if token]
        if not tokens:
            continue
        where = f"{path}, line {number}"
        longer += len(tokens) > len(names)
        if len(tokens) > len(names) and not ignore_rest:
            raise FormatError(f"{where}: {len(tokens)} fields; expected at most {len(names)}: {' '.join(names)}")
        row = [_value(path, token, where, name) for token, name in zip(tokens, names, strict=False)]
        rows.append(row + [np.nan] * (len(names) - len(row)))
    if not rows:
        raise FormatError(f"{path}: holds no numbers; expected lines of {' '.join(names)}")
    if longer:
        warn_user(
            f"{path}: {longer} lines have more fields than {' '.join(names)}; the others are ignored, as in the C "
            "program"
        )
    return np.array(rows)


def _value(path: StrPath, token: str, where: str, name: str) -> float:
    """Convert a token to a number; "nan" marks a missing one."""
    if token.lower() == "nan":
        return np.nan
    if not re.fullmatch(NUMBER, token) or not math.isfinite(float(token)):
        raise FormatError(f"{where}: {name} {quote(path, token[:40])} is not a finite number; correct or remove it")
    return float(token)
