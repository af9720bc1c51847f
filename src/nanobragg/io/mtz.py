"""MTZ files of merged reflections (CCP4), read by gemmi."""

import os
import struct
import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath
from .input_file import read_file
from .named_files import reason
from .reflections import Column, Reflections, as_amplitudes, cell_or_none, checked_indices, choose_column

HEADER_RECORD = 80
KINDS = {"F": "F", "G": "G", "J": "J", "K": "K"}


def read_mtz(path: StrPath, column: str | None = None) -> Reflections:
    """Read amplitudes, or the square roots of intensities, from a merged MTZ file.

    `column` is the label of a column of type F, J, G or K; with F(+) or I(+), F(-) or I(-) is read too. Default: see
    `choose_column`. Raises `FormatError` if the file is not a valid MTZ file, is unmerged, or has no columns of these
    types, and `ConfigError` if there is no column of that label.
    """
    content = read_file(path)
    _check_size(path, content)
    try:
        mtz = _read(path, content)
        columns = [Column(each.label, KINDS.get(each.type)) for each in mtz.columns]  # type: ignore[arg-type]
        cells = {dataset.id: dataset.cell.parameters for dataset in mtz.datasets}
        group = mtz.spacegroup
        symbol = group.xhm() if group is not None else f"{mtz.spacegroup_name or mtz.spacegroup_number}"
    except (RuntimeError, ValueError, IndexError, MemoryError, OSError, UnicodeError) as error:
        raise FormatError(f"{path} is not a valid MTZ file ({reason(path, error)}); fetch or write it again") from None
    if len(mtz.batches) > 0 or any(each.label == "M/ISYM" for each in columns):
        raise FormatError(f"{path} holds unmerged data ({len(mtz.batches)} batches); scale and merge it first")
    choice = choose_column(path, columns, column)
    labels = [each.label for each in columns]
    table = np.asarray(mtz.array, dtype=np.float32)

    def values(label: str) -> npt.NDArray[np.float64]:
        with np.errstate(invalid="ignore"):  # signalling NaNs
            found = table[:, labels.index(label)].astype(np.float64)
        found[found == mtz.valm] = np.nan  # the file's marker of missing values
        return as_amplitudes(path, label, choice.kind, found)

    with np.errstate(invalid="ignore"):
        indices = checked_indices(path, np.nan_to_num(table[:, :3], nan=2.0**40))
    of_column = cells.get(mtz.columns[labels.index(choice.label)].dataset_id)
    cell = (of_column and cell_or_none(of_column)) or cell_or_none(mtz.cell.parameters)
    mates = None if choice.mate is None else values(choice.mate)
    return Reflections(indices, values(choice.label), mates, cell, symbol, choice.note)


def _read(path: StrPath, content: bytes) -> Any:
    """Return the Mtz of gemmi, which reads from the disk only: compressed content is unpacked into a temporary file."""
    import gemmi

    if os.path.getsize(path) == len(content):
        return gemmi.read_mtz_file(str(path))
    with tempfile.TemporaryDirectory(prefix="nanobragg-") as folder:
        plain = os.path.join(folder, "unpacked.mtz")
        with open(plain, "wb") as handle:
            handle.write(content)
        return gemmi.read_mtz_file(plain)


def _check_size(path: StrPath, content: bytes) -> None:
    """Raise `FormatError` if the header declares more numbers than the file holds, before gemmi allocates them."""
    header = content[4 * _header_word(path, content) - 4 :]
    records = [header[at : at + HEADER_RECORD] for at in range(0, len(header), HEADER_RECORD)]
    declared = [record[4:].split()[:2] for record in records if record[:4].upper() == b"NCOL"]
    try:
        sizes = [(int(columns), int(rows)) for columns, rows in declared]
    except ValueError:
        sizes = []
    if not sizes:
        raise FormatError(f"{path} is not a valid MTZ file: it has no NCOL record; check the path")
    for columns, rows in sizes:
        if columns < 3 or rows < 0 or columns * rows > len(content) // 4:
            raise FormatError(
                f"{path}: {rows} reflections of {columns} numbers do not fit in {len(content)} bytes; "
                "fetch or write it again"
            )


def _header_word(path: StrPath, content: bytes) -> int:
    """Return the position of the header in 4-byte words, counted from 1."""
    big = content[9:10] and content[9] & 0xF0 == 0x10  # machine stamp: byte order of integers
    order = ">" if big else "<"
    try:
        (word,) = struct.unpack_from(order + "i", content, 4)
        if word == -1:  # a file beyond 8 GB
            (word,) = struct.unpack_from(order + "q", content, 12)
    except struct.error:
        word = 0
    if not 0 < word <= len(content) // 4:
        raise FormatError(
            f"{path} is not a valid MTZ file: {len(content)} bytes without a header; fetch it again, or check the path"
        )
    return int(word)
