"""Opening files for reading, with errors that name the file and the cure, and no more memory than allowed."""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, FileError, FormatError
from .atomic import StrPath

log = logging.getLogger(__name__)
NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
CURES = {
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path: a part of it is a file",
    errno.EISDIR: "it is a folder: name a file in it",
    errno.EACCES: "ask for permission to read it",
}
LIMIT_VARIABLE = "NANOBRAGG_MAX_BYTES"
DEFAULT_LIMIT = 8 * 2**30
CHUNK = 2**18


def byte_limit() -> int:
    """Size of the largest file that is read, and of the largest array that is made of one: NANOBRAGG_MAX_BYTES.

    Raises
    ------
    ConfigError
        The environment variable holds no positive whole number.
    """
    text = os.environ.get(LIMIT_VARIABLE, str(DEFAULT_LIMIT))
    if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) == 0:
        raise ConfigError(f"{LIMIT_VARIABLE}={text[:40]!r}: must be a number of bytes; correct it or leave it unset")
    return int(text)


def check_bytes(path: StrPath, needed: int, what: str) -> None:
    """Refuse what a file promises if it exceeds `byte_limit`; call it before the memory is taken.

    Parameters
    ----------
    path : path
        For the error.
    needed : int
        Bytes.
    what : str
        What needs them, for the error ("SIZE1 x SIZE2").

    Raises
    ------
    FormatError
        It is more than the limit.
    """
    limit = byte_limit()
    if needed > limit:
        raise FormatError(
            f"{path}: {what} needs {needed} bytes, more than the {limit} allowed; "
            f"if the file is sound, set the environment variable {LIMIT_VARIABLE}"
        )


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
    FormatError
        The file is larger than `byte_limit`.
    """
    try:
        with _opened(path) as handle:
            check_bytes(path, size_of(handle), "its content")
            log.debug("reading %s", path)
            yield handle
    except FileError:
        raise
    except OSError as error:
        cure = CURES.get(error.errno or 0, "check the path")
        reason = error.strerror or str(error)
        raise FileError(f"{path}: cannot be read ({reason}); {cure}") from error


def _opened(path: StrPath) -> BinaryIO:
    try:
        return open(path, "rb")
    except ValueError as error:  # a NUL, or half a surrogate pair
        raise FileError(f"{os.fspath(path)!r}: is no file name ({error}); correct it") from None


def read_all(handle: BinaryIO, path: StrPath) -> bytes:
    """The rest of an open file; of a pipe, which does not tell its size, no more than `byte_limit`."""
    chunks, length = [], 0
    while chunk := handle.read(CHUNK):  # takes the memory first, so not in one go
        length += len(chunk)
        check_bytes(path, length, "its content")
        chunks.append(chunk)
    return b"".join(chunks)


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
