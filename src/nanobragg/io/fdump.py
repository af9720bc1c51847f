"""Fdump.bin: the dense table of amplitudes that nanoBragg.c caches for its next run.

The file is a line of text with the index limits, a form feed, then native doubles, h slowest. Each axis is padded by
one unused plane of zeros.
"""

import re

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath, atomic_write
from .input_file import open_input, read_array
from .named_files import quote

HEADER_LIMIT = 256
HEADER = re.compile(rb"\s*" + rb"\s+".join([rb"([-+]?[0-9]{1,10})"] * 6) + rb"\n\f")
INDEX_LIMIT = 2**31 - 1
CURE = "delete the dump and give the HKL file again"


def read_fdump(path: StrPath) -> tuple[int, int, int, npt.NDArray[np.float64]]:
    """Return the indices h, k, l of the first element and the amplitudes (h, k, l) of a table, without its padding.

    The file is written by nanoBragg.c or `write_fdump` on a machine of the same byte order. Raises `FormatError` if the
    header is damaged or does not match the file's size, or an amplitude is not finite.
    """
    with open_input(path) as handle:
        start = handle.read(HEADER_LIMIT)
        header = HEADER.match(start)
        if header is None:
            raise FormatError(
                f"{path}: starts with {quote(path, start[:40])}, not with six index limits and a form feed; {CURE}"
            )
        limits = [int(number) for number in header.groups()]
        mins, maxs = limits[0::2], limits[1::2]
        if any(low > high or max(-low, high) > INDEX_LIMIT for low, high in zip(mins, maxs, strict=True)):
            raise FormatError(f"{path}: index limits {limits} are not min max min max min max; {CURE}")
        handle.seek(header.end())
        shape = [high - low + 2 for low, high in zip(mins, maxs, strict=True)]
        table = read_array(handle, path, np.float64, shape, "index range + 1")[:-1, :-1, :-1]
    if not np.isfinite(table).all():
        h, k, l = np.argwhere(~np.isfinite(table))[0] + mins
        raise FormatError(f"{path}: the amplitude of {h} {k} {l} is not finite; {CURE}")
    return mins[0], mins[1], mins[2], np.ascontiguousarray(table)


def write_fdump(path: StrPath, h_min: int, k_min: int, l_min: int, amplitudes: npt.NDArray[np.float64]) -> None:
    """Write a dense table of amplitudes (h, k, l), whose first element has the given indices, for nanoBragg.c.

    Raises `FormatError` if the table is not three-dimensional, is empty, has an amplitude that is not finite, or its
    indices exceed 32 bits.
    """
    mins = (h_min, k_min, l_min)
    is_table = amplitudes.ndim == 3 and amplitudes.size > 0 and bool(np.isfinite(amplitudes).all())
    ranges = [(low, low + n - 1) for low, n in zip(mins, amplitudes.shape, strict=is_table)]
    if not is_table or any(max(-low, high) > INDEX_LIMIT for low, high in ranges):
        raise FormatError(
            f"{path}: a {amplitudes.shape} table from {mins} cannot be dumped; "
            "give finite amplitudes (h, k, l) with indices of at most 32 bits"
        )
    limits = " ".join(f"{low} {high}" for low, high in ranges)
    with atomic_write(path) as handle:
        handle.write(f"{limits}\n\f".encode("ascii"))
        for plane in amplitudes:  # one h at a time: a copy of the table may not fit into memory
            handle.write(np.pad(plane.astype(np.float64), ((0, 1), (0, 1))).data)
        handle.write(bytes(8 * (amplitudes.shape[1] + 1) * (amplitudes.shape[2] + 1)))
