"""Text files of structure factor amplitudes: `h k l F` per line, P1."""

import io
import math
import os
from array import array

import numpy as np
import numpy.typing as npt

from ..errors import FormatError, without_library_warnings
from .atomic import StrPath, atomic_write
from .hkl_kinds import describe_other_list
from .input_file import read_text
from .named_files import quote

INDEX_LIMIT = 2**31 - 1
OTHER_SUFFIXES = (".mtz", ".cif", ".mmcif", ".pdb", ".ent")  # of files with readers of their own
LINES_PER_WRITE = 100_000

Indices = npt.NDArray[np.int32]
Amplitudes = npt.NDArray[np.float64]


def read_hkl(path: StrPath) -> tuple[Indices, Amplitudes]:
    """Return the indices (n, 3) and amplitudes (n,) (electrons) of a list, in the file's order and with duplicates.

    A line holds four numbers separated by blanks; blank lines, and lines before the first reflection that start with #,
    are ignored. Raises `FormatError` if the file is empty, is a list of another kind, or has a line that is not three
    integers and a finite number; the message names the kind or the line.
    """
    content = read_text(path).encode()
    rows = _parse_with_numpy(content)
    if rows is None:
        rows = _parse_lines(content, path)
    if len(rows) == 0:
        raise FormatError(f"{path} lists no reflections; expected lines of h k l F")
    return rows[:, :3].astype(np.int32), rows[:, 3].copy()


def write_hkl(path: StrPath, indices: npt.ArrayLike, amplitudes: npt.ArrayLike) -> None:
    """Write indices (n, 3) and amplitudes (n,) (electrons) as a list that reads back to the same numbers.

    Raises `FormatError` if the arrays differ in length, are empty, or hold values that `read_hkl` rejects.
    """
    hkl = np.asarray(indices, dtype=np.float64)
    F = np.asarray(amplitudes, dtype=np.float64)
    fit = F.size > 0 and hkl.shape == (F.size, 3) and F.ndim == 1
    if not fit or not _are_reflections(rows := np.column_stack([hkl, F])):
        raise FormatError(
            f"{path}: indices {hkl.shape} and amplitudes {F.shape} are not a valid h k l F list; "
            "give (n, 3) integers and n finite amplitudes, n > 0"
        )
    with atomic_write(path) as handle:
        for start in range(0, len(rows), LINES_PER_WRITE):
            block = rows[start : start + LINES_PER_WRITE].tolist()
            text = "".join(f"{h:.0f} {k:.0f} {l:.0f} {amplitude!r}\n" for h, k, l, amplitude in block)
            handle.write(text.encode("ascii"))


def _are_reflections(rows: npt.NDArray[np.float64]) -> bool:
    """Return whether every row (n, 4) is three integers in range and a finite amplitude."""
    indices = rows[:, :3]
    in_range = np.isfinite(rows).all() and (np.abs(indices) <= INDEX_LIMIT).all()
    return bool(in_range and (indices == np.rint(indices)).all())


def _parse_with_numpy(content: bytes) -> npt.NDArray[np.float64] | None:
    """Return all rows (n, 4) from NumPy's fast parser, or None if any line is not valid."""
    try:
        with without_library_warnings():  # of an empty file
            rows = np.loadtxt(io.BytesIO(content), comments=None, ndmin=2, encoding="ascii")
    except ValueError:
        return None
    return rows if rows.shape[1] == 4 and _are_reflections(rows) else None


def _parse_lines(content: bytes, path: StrPath) -> npt.NDArray[np.float64]:
    """Return all rows (n, 4); raise `FormatError` naming the first bad line."""
    rows = array("d")
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip() or (not rows and line.lstrip().startswith(b"#")):
            continue
        row = _parse_line(line)
        if row is None and not rows and (kind := describe_other_list(content.decode("utf-8", "replace"))):
            raise FormatError(f"{path}, line {number}: {_quoted(path, line)} is not 'h k l F': the file {kind}")
        if row is None and os.fspath(path).lower().endswith(OTHER_SUFFIXES):
            raise FormatError(
                f"{path} is not a text file of h k l F; read it with StructureFactors.from_mtz, from_cif or "
                "from_coordinates, or name it as structure_factors.path in the TOML of nanobragg simulate"
            )
        if row is None:
            comment = " (comments may stand before the first reflection only)" if b"#" in line else ""
            raise FormatError(
                f"{path}, line {number}: {_quoted(path, line)} is not 'h k l F'; expected three integers and one "
                f"finite number{comment}"
            )
        rows.extend(row)
    return np.array(rows).reshape(-1, 4)


def _quoted(path: StrPath, line: bytes) -> str:
    return quote(path, line.decode("utf-8", "replace")[:60])


def _parse_line(line: bytes) -> list[float] | None:
    """Return the four numbers of a line, or None if it is not valid."""
    try:
        row = [float(token) for token in line.split()]
    except ValueError:
        return None
    if len(row) != 4 or b"_" in line or not all(map(math.isfinite, row)):  # float() accepts 1_000
        return None
    whole = all(index.is_integer() and abs(index) <= INDEX_LIMIT for index in row[:3])
    return row if whole else None
