"""Text tables of structure factor amplitudes: `h k l F` per line, P1."""

from __future__ import annotations

import io
import math
import os
import warnings
from array import array

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath, atomic_write
from .input_file import open_input, read_all

INDEX_LIMIT = 2**31 - 1
STRUCTURES = (".mtz", ".cif", ".mmcif", ".pdb", ".ent")  # that other readers know
LINES_PER_WRITE = 100_000

Indices = npt.NDArray[np.int32]
Amplitudes = npt.NDArray[np.float64]


def read_hkl(path: StrPath) -> tuple[Indices, Amplitudes]:
    """Read a table of amplitudes, in the file's order and with its duplicates (the later one counts).

    Parameters
    ----------
    path : path
        Four numbers per line, separated by blanks; blank lines are skipped.

    Returns
    -------
    indices : (n, 3) int32
        h, k, l.
    amplitudes : (n,) float64
        F, electrons.

    Raises
    ------
    FormatError
        A line is not three whole numbers and a finite one, or there is none; tells the line.
    FileError
        The file cannot be read.
    """
    with open_input(path) as handle:
        content = read_all(handle, path)
    rows = _rows_at_once(content)
    if rows is None:
        rows = _rows_one_by_one(content, path)
    if len(rows) == 0:
        raise FormatError(f"{path}: holds no reflection; expected lines of h k l F")
    return rows[:, :3].astype(np.int32), rows[:, 3].copy()


def write_hkl(path: StrPath, indices: npt.ArrayLike, amplitudes: npt.ArrayLike) -> None:
    """Write a table of amplitudes that reads back to the same numbers.

    Parameters
    ----------
    path : path
        Target; it appears whole or not at all.
    indices : (n, 3) int
        h, k, l.
    amplitudes : (n,) float
        F, electrons.

    Raises
    ------
    FormatError
        The arrays do not fit together, are empty, or hold what `read_hkl` would refuse.
    FileError
        The file cannot be written.
    """
    hkl = np.asarray(indices, dtype=np.float64)
    F = np.asarray(amplitudes, dtype=np.float64)
    fit = F.size > 0 and hkl.shape == (F.size, 3) and F.ndim == 1
    if not fit or not _are_reflections(rows := np.column_stack([hkl, F])):
        raise FormatError(
            f"{path}: indices {hkl.shape} and amplitudes {F.shape} make no h k l F table; "
            "give (n, 3) whole indices and n finite amplitudes, n > 0"
        )
    with atomic_write(path) as handle:
        for start in range(0, len(rows), LINES_PER_WRITE):
            block = rows[start : start + LINES_PER_WRITE].tolist()
            text = "".join(f"{h:.0f} {k:.0f} {l:.0f} {amplitude!r}\n" for h, k, l, amplitude in block)
            handle.write(text.encode("ascii"))


def _are_reflections(rows: npt.NDArray[np.float64]) -> bool:
    """Whether every row (n, 4) is three whole numbers in range and a finite amplitude."""
    indices = rows[:, :3]
    in_range = np.isfinite(rows).all() and (np.abs(indices) <= INDEX_LIMIT).all()
    return bool(in_range and (indices == np.rint(indices)).all())


def _rows_at_once(content: bytes) -> npt.NDArray[np.float64] | None:
    """All rows (n, 4) by NumPy's parser, or None if there is anything to complain about."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an empty file
            rows = np.loadtxt(io.BytesIO(content), comments=None, ndmin=2, encoding="ascii")
    except ValueError:
        return None
    return rows if rows.shape[1] == 4 and _are_reflections(rows) else None


def _rows_one_by_one(content: bytes, path: StrPath) -> npt.NDArray[np.float64]:
    """All rows (n, 4), or the error that names the first bad line."""
    rows = array("d")
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        row = _row(line)
        if row is None and os.fspath(path).lower().endswith(STRUCTURES):
            raise FormatError(
                f"{path}: is no text of h k l F; StructureFactors.from_mtz, from_cif and from_coordinates read such "
                "files, and so does nanobragg simulate (structure_factors.path in the TOML)"
            )
        if row is None:
            raise FormatError(
                f"{path}, line {number}: {line[:60].decode('latin-1')!r} is not 'h k l F'; "
                "expected three whole numbers and one finite number"
            )
        rows.extend(row)
    return np.array(rows).reshape(-1, 4)


def _row(line: bytes) -> list[float] | None:
    """The four numbers of a line, or None."""
    try:
        row = [float(token) for token in line.split()]
    except ValueError:
        return None
    if len(row) != 4 or b"_" in line or not all(map(math.isfinite, row)):  # float() reads 1_000
        return None
    whole = all(index.is_integer() and abs(index) <= INDEX_LIMIT for index in row[:3])
    return row if whole else None
