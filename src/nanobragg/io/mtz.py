"""MTZ files of merged reflections (CCP4), read by gemmi."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath
from .input_file import open_input, read_all
from .reflections import Column, Reflections, as_amplitudes, checked_indices, choose_column, known_cell

HEADER_RECORD = 80
KINDS = {"F": "F", "G": "G", "J": "J", "K": "K"}


def read_mtz(path: StrPath, column: str | None = None) -> Reflections:
    """Read amplitudes, or the square roots of intensities, from an MTZ file.

    Parameters
    ----------
    path : path
        A merged MTZ file.
    column : str, optional
        Label of a column of type F, J, G or K; of F(+) or I(+), the other of the pair is read too.
        Default: see `choose_column`.

    Raises
    ------
    FormatError
        It is no MTZ file, damaged, unmerged, or has no such column types.
    ConfigError
        It has no column of that label.
    FileError
        The file cannot be read.
    """
    import gemmi

    with open_input(path) as handle:
        content = read_all(handle, path)
    _check_promises(path, content)
    try:
        mtz = gemmi.read_mtz_file(str(path))
        columns = [Column(each.label, KINDS.get(each.type)) for each in mtz.columns]  # type: ignore[arg-type]
        cells = {dataset.id: dataset.cell.parameters for dataset in mtz.datasets}
        group = mtz.spacegroup
        symbol = group.xhm() if group is not None else f"{mtz.spacegroup_name or mtz.spacegroup_number}"
    except (RuntimeError, ValueError, IndexError, MemoryError, OSError, UnicodeError) as error:
        raise FormatError(f"{path}: is no whole MTZ file ({_reason(error)}); fetch or write it again") from None
    if len(mtz.batches) > 0 or any(each.label == "M/ISYM" for each in columns):
        raise FormatError(f"{path}: holds unmerged data ({len(mtz.batches)} batches); merge and scale it first")
    choice = choose_column(path, columns, column)
    labels = [each.label for each in columns]
    table = np.asarray(mtz.array, dtype=np.float32)

    def values(label: str) -> npt.NDArray[np.float64]:
        with np.errstate(invalid="ignore"):  # signalling NaNs
            found = table[:, labels.index(label)].astype(np.float64)
        found[found == mtz.valm] = np.nan  # what the file says where nothing was measured
        return as_amplitudes(path, label, choice.kind, found)

    with np.errstate(invalid="ignore"):
        indices = checked_indices(path, np.nan_to_num(table[:, :3], nan=2.0**40))
    of_column = cells.get(mtz.columns[labels.index(choice.label)].dataset_id)
    cell = (of_column and known_cell(of_column)) or known_cell(mtz.cell.parameters)
    mates = None if choice.mate is None else values(choice.mate)
    return Reflections(indices, values(choice.label), mates, cell, symbol, choice.note)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:100]


def _check_promises(path: StrPath, content: bytes) -> None:
    """Refuse a header that promises more numbers than the file holds, before memory is taken for them."""
    header = content[4 * _header_place(path, content) - 4 :]
    records = [header[at : at + HEADER_RECORD] for at in range(0, len(header), HEADER_RECORD)]
    promises = [record[4:].split()[:2] for record in records if record[:4].upper() == b"NCOL"]
    try:
        sizes = [(int(columns), int(rows)) for columns, rows in promises]
    except ValueError:
        sizes = []
    if not sizes:
        raise FormatError(f"{path}: is no MTZ file: it has no NCOL record; check the path")
    for columns, rows in sizes:
        if columns < 3 or rows < 0 or columns * rows > len(content) // 4:
            raise FormatError(
                f"{path}: {rows} reflections of {columns} numbers do not fit into its {len(content)} bytes; "
                "fetch or write it again"
            )


def _header_place(path: StrPath, content: bytes) -> int:
    """Where the header starts, in words of four bytes, counted from 1."""
    big = content[9:10] and content[9] & 0xF0 == 0x10  # machine stamp: how integers are stored
    order = ">" if big else "<"
    try:
        (place,) = struct.unpack_from(order + "i", content, 4)
        if place == -1:  # a file beyond 8 GB
            (place,) = struct.unpack_from(order + "q", content, 12)
    except struct.error:
        place = 0
    if not 0 < place <= len(content) // 4:
        raise FormatError(f"{path}: is no whole MTZ file of {len(content)} bytes; fetch it again, or check the path")
    return int(place)
