"""Numbers in text columns: X-ray sources, spectra and scattering curves."""

import math
import re

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath
from .input_file import NUMBER, open_input, read_all

DELIMITERS = re.compile(r"[ \t,;:!]+")


def read_sources(path: StrPath) -> npt.NDArray[np.float64]:
    """Read a list of sources.

    Parameters
    ----------
    path : path
        One source per line; fields are separated by blanks, tabs or any of , ; : !

    Returns
    -------
    (n, 5) float64
        x, y, z (only the direction is used), weight, wavelength in metres. Missing fields are NaN.

    Raises
    ------
    FormatError
        A field is not a number, a line has too many fields, or the file is empty; the message names the line.
    FileError
        The file cannot be read.
    """
    return _read_columns(path, ("x", "y", "z", "weight", "wavelength_m"))


def read_two_columns(path: StrPath) -> npt.NDArray[np.float64]:
    """Read a curve of two numbers per line; separators and errors as for `read_sources`.

    Returns
    -------
    (n, 2) float64
        NaN where the second number is missing.
    """
    return _read_columns(path, ("x", "y"))


def read_spectrum(path: StrPath) -> tuple[str | None, npt.NDArray[np.float64]]:
    """Read wavelengths or energies with their weights; separators and errors as for `read_sources`.

    Parameters
    ----------
    path : path
        Two numbers per line; lines that start with # are ignored.

    Returns
    -------
    axis : str or None
        "wavelength_A" or "energy_eV", if the first line starts with that name.
    rows : (n, 2) float64
        NaN where the weight is missing.
    """
    lines = _lines(path)
    title = [token for token in DELIMITERS.split(lines[0].lstrip("# ")) if token]
    axis = title[0] if title and title[0] in ("wavelength_A", "energy_eV") else None
    lines = ["" if line.lstrip().startswith("#") or (axis and not i) else line for i, line in enumerate(lines)]
    return axis, _rows(path, lines, (axis or "x", "weight"))


def _read_columns(path: StrPath, names: tuple[str, ...]) -> npt.NDArray[np.float64]:
    return _rows(path, _lines(path), names)


def _lines(path: StrPath) -> list[str]:
    with open_input(path) as handle:
        return read_all(handle, path).decode("latin-1").replace("\r\n", "\n").split("\n")


def _rows(path: StrPath, lines: list[str], names: tuple[str, ...]) -> npt.NDArray[np.float64]:
    rows = []
    for number, line in enumerate(lines, start=1):
        tokens = [token for token in DELIMITERS.split(line) if token]
        if not tokens:
            continue
        where = f"{path}, line {number}"
        if len(tokens) > len(names):
            raise FormatError(f"{where}: {len(tokens)} fields; expected at most {len(names)}: {' '.join(names)}")
        row = [_value(token, where, name) for token, name in zip(tokens, names, strict=False)]
        rows.append(row + [np.nan] * (len(names) - len(row)))
    if not rows:
        raise FormatError(f"{path}: holds no numbers; expected lines of {' '.join(names)}")
    return np.array(rows)


def _value(token: str, where: str, name: str) -> float:
    """Convert a token to a number; "nan" marks a missing one."""
    if token.lower() == "nan":
        return np.nan
    if not re.fullmatch(NUMBER, token) or not math.isfinite(float(token)):
        raise FormatError(f"{where}: {name} {token[:40]!r} is not a finite number; correct or remove it")
    return float(token)
