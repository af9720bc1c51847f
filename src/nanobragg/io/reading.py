"""Opening files for reading, with errors that name the file and the cure."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import FileError, FormatError
from .atomic import StrPath

log = logging.getLogger(__name__)
NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
CURES = {
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path: a part of it is a file",
    errno.EISDIR: "it is a folder: name a file in it",
    errno.EACCES: "ask for permission to read it",
}


@contextmanager
def open_input(path: StrPath) -> Iterator[BinaryIO]:
    """Open `path` for binary reading; every OSError becomes a FileError.

    Parameters
    ----------
    path : path
        An existing file.

    Yields
    ------
    binary file

    Raises
    ------
    FileError
        The file is missing, is a folder, may not be read, or breaks off while it is read.
    """
    try:
        with open(path, "rb") as handle:
            log.debug("reading %s", path)
            yield handle
    except FileError:
        raise
    except OSError as error:
        cure = CURES.get(error.errno or 0, "check the path")
        reason = error.strerror or str(error)
        raise FileError(f"{path}: cannot be read ({reason}); {cure}") from error


def size_of(handle: BinaryIO) -> int:
    """Bytes in an open file: what no header may exceed."""
    return os.fstat(handle.fileno()).st_size


def read_array(
    handle: BinaryIO, path: StrPath, dtype: npt.DTypeLike, shape: Sequence[int], what: str
) -> npt.NDArray[Any]:
    """Read the rest of an open file as one array; the file must hold exactly that.

    Parameters
    ----------
    handle : binary file
        Positioned at the first byte of the data.
    path : path
        For the error.
    dtype, shape
        Of the array; nothing is allocated unless the file holds that many bytes.
    what : str
        Where the shape was promised, for the error ("SIZE1, SIZE2").

    Returns
    -------
    ndarray
        Native byte order, writable.

    Raises
    ------
    FormatError
        The file is shorter or longer than promised.
    """
    dtype = np.dtype(dtype)
    count = 1
    for n in shape:  # Python integers: a product of lies does not overflow
        count *= int(n)
    there = size_of(handle) - handle.tell()
    if there != count * dtype.itemsize:
        dimensions = " x ".join(map(str, shape))
        raise FormatError(
            f"{path}: {what} = {dimensions} needs {count * dtype.itemsize} bytes of data, "
            f"the file holds {there}; correct {what} or fetch the whole file again"
        )
    values = np.fromfile(handle, dtype=dtype, count=count)
    return values.astype(dtype.newbyteorder("="), copy=False).reshape(shape)
