"""MTZ files of merged reflections (CCP4), read by gemmi."""

import os
import struct
import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath
from .file_symmetry import FileSymmetry, listed_operators
from .hkl_kinds import describe_other_list
from .input_file import read_file
from .named_files import reason
from .reflections import (
    Column,
    Kind,
    Reflections,
    as_amplitudes,
    cell_or_none,
    checked_indices,
    choose_column,
    choose_phases,
    constant,
    fill_from_mean,
    with_phases,
)

HEADER_RECORD = 80
TEXT_BYTES = 4096  # of another file, from which its format is seen
KINDS = {"F": "F", "G": "G", "J": "J", "K": "K"}
PHASES = "P"


def read_mtz(
    path: StrPath, column: str | None = None, phased: bool = False, phase_column: str | None = None
) -> Reflections:
    """Read amplitudes, or the square roots of intensities, from a merged MTZ file.

    `column` is the label of a column of type F, J, G or K; with F(+) or I(+), F(-) or I(-) is read too. Default: see
    `choose_column`. `phased` asks for phases too, a column of type P (see `choose_phases`). Raises `FormatError` if the
    file is not a valid MTZ file, is unmerged, or has no columns of these types, and `ConfigError` if there is no column
    of that label.
    """
    content = read_file(path)
    if not content.startswith(b"MTZ ") and (kind := describe_other_list(content[:TEXT_BYTES].decode("latin-1"))):
        raise FormatError(f"{path} is not a valid MTZ file: it {kind}")
    _check_size(path, content)
    try:
        mtz = _read(path, content)
        cells = {dataset.id: dataset.cell.parameters for dataset in mtz.datasets}
        labels, types = [each.label for each in mtz.columns], [each.type for each in mtz.columns]
        symmetry = _symmetry(path, mtz, content)
    except (RuntimeError, ValueError, IndexError, MemoryError, OSError, UnicodeError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path} is not a valid MTZ file ({reason(path, error)}); fetch or write it again") from None
    if len(mtz.batches) > 0 or "M/ISYM" in labels:
        raise FormatError(f"{path} holds unmerged data ({len(mtz.batches)} batches); scale and merge it first")
    table = _Values(path, mtz, labels, types)
    choice = choose_column(path, [table.column(number) for number in range(len(labels))], column)
    values, mates = table.amplitudes(choice.label, choice.kind), None
    note = choice.note
    if choice.mate is not None:
        mates = table.amplitudes(choice.mate, choice.kind)
    if choice.mean is not None and mates is not None:
        values, count = fill_from_mean(values, mates, table.amplitudes(*choice.mean))
        note += f", and {count} reflections from {choice.mean[0]}" if count else ""
    of_column = cells.get(mtz.columns[labels.index(choice.label)].dataset_id)
    cell = (of_column and cell_or_none(of_column)) or cell_or_none(mtz.cell.parameters)
    found = Reflections(table.indices(), values, mates, cell, symmetry, note)
    if not phased:
        return found
    names = [name for name, kind in zip(labels, types, strict=True) if kind == PHASES]
    phases = choose_phases(path, names, choice.label, phase_column)
    return with_phases(path, found, phases, table.numbers(phases))


class _Values:
    """The numbers of an MTZ file."""

    def __init__(self, path: StrPath, mtz: Any, labels: list[str], types: list[str]) -> None:
        self._path, self._missing, self._labels, self._types = path, mtz.valm, labels, types
        self._table = np.asarray(mtz.array, dtype=np.float32)

    def indices(self) -> npt.NDArray[np.int32]:
        """Return h k l, (n, 3)."""
        with np.errstate(invalid="ignore"):  # signalling NaNs
            return checked_indices(self._path, np.nan_to_num(self._table[:, :3], nan=2.0**40))

    def column(self, number: int) -> Column:
        """Return a column's description."""
        label, kind = self._labels[number], KINDS.get(self._types[number])
        has_sigma = f"SIG{label}" in self._labels or f"SIG_{label}" in self._labels
        return Column(label, kind, has_sigma, kind is not None and constant(self.numbers(label)))  # type: ignore[arg-type]

    def amplitudes(self, label: str, kind: Kind) -> npt.NDArray[np.float64]:
        """Return the amplitudes of a column; NaN where missing."""
        return as_amplitudes(self._path, label, kind, self.numbers(label))

    def numbers(self, label: str) -> npt.NDArray[np.float64]:
        """Return a column as it is; NaN where missing."""
        with np.errstate(invalid="ignore"):  # signalling NaNs
            found = self._table[:, self._labels.index(label)].astype(np.float64)
        found[found == self._missing] = np.nan  # the file's marker of missing values
        return found


def _symmetry(path: StrPath, mtz: Any, content: bytes) -> FileSymmetry:
    """Return the symbol and the operators of the SYMM records, without them if one is not valid."""
    group = mtz.spacegroup
    symbol = group.xhm() if group is not None else f"{mtz.spacegroup_name or mtz.spacegroup_number}"
    triplets = [record[4:].decode("latin-1") for record in _records(path, content) if record[:4].upper() == b"SYMM"]
    try:
        return FileSymmetry(symbol, listed_operators(path, triplets))
    except FormatError:
        return FileSymmetry(symbol)


def _records(path: StrPath, content: bytes) -> list[bytes]:
    """Return the records of the header."""
    header = content[4 * _header_word(path, content) - 4 :]
    return [header[at : at + HEADER_RECORD] for at in range(0, len(header), HEADER_RECORD)]


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
    declared = [record[4:].split()[:2] for record in _records(path, content) if record[:4].upper() == b"NCOL"]
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
