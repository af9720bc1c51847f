"""Opening and reading input files within the memory limit; errors name the file and the cure."""

import codecs
import errno
import io
import logging
import math
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import FileError, FormatError
from .atomic import StrPath, check_name
from .compressed import packed_as, unpacked, without_compression_suffix
from .limits import check_bytes

log = logging.getLogger(__name__)
NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
CURES = {
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path: one of its folders is a file",
    errno.EISDIR: "it is a folder: name a file in it",
    errno.EACCES: "ask for permission to read it",
}
CHUNK_BYTES = 2**18
OPEN_FILES = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
KERNEL_FOLDERS = ("/proc/", "/sys/")  # their files may make readers wait
SIGNATURE_BYTES = 8
ZIP = b"PK\x03\x04"
ENCODINGS = {  # by their byte-order marks; the one of UTF-32 begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@contextmanager
def open_input(path: StrPath, *, has_signature: bool = True) -> Iterator[BinaryIO]:
    """Open an existing file for binary reading; every `OSError` inside the block becomes a `FileError`.

    A file that starts like one of gzip or bzip2 is unpacked; without `has_signature` (raw numbers, which may start with
    any bytes) only if its suffix says the same. Raises `FormatError` if the file or its unpacked content is larger than
    `byte_limit`.
    """
    try:
        with _open(path) as handle:
            check_bytes(path, file_size(handle), "its content")
            log.debug("reading %s", path)
            named = without_compression_suffix(os.fspath(path)) != os.fspath(path)
            if packed_as(handle.peek(SIGNATURE_BYTES)) and (has_signature or named):
                yield io.BytesIO(unpacked(path, handle.read()))
            else:
                yield handle
    except FileError:
        raise
    except OSError as error:
        cure = CURES.get(error.errno or 0, "check the path")
        reason = error.strerror or str(error)
        raise FileError(f"{path}: cannot be read ({reason}); {cure}") from error


def _open(path: StrPath) -> io.BufferedReader:
    """Open a file for reading without waiting for it."""
    check_name(path)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _check_kind(path, descriptor)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check_kind(path: StrPath, descriptor: int) -> None:
    """Raise unless an open file is regular, a device that delivers data, or a pipe that the caller was given."""
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if os.path.abspath(path).startswith(OPEN_FILES):  # also <(command) of a shell
        os.set_blocking(descriptor, True)
    elif stat.S_ISFIFO(status.st_mode):
        raise FileError(f"{path}: is a pipe, which may have no writer; name a file, or /dev/stdin")
    elif stat.S_ISBLK(status.st_mode) or os.path.realpath(path).startswith(KERNEL_FOLDERS):
        raise FileError(f"{path}: is a device or a file of the kernel; name another file")
    elif stat.S_ISCHR(status.st_mode):
        os.read(descriptor, 1)  # raises BlockingIOError if it makes readers wait, as a terminal does


def read_file(path: StrPath) -> bytes:
    """Return the content of a file, unpacked as by `open_input`.

    Raises `FormatError` if a pipe delivers more than `byte_limit`.
    """
    chunks, length = [], 0
    with open_input(path) as handle:
        while chunk := handle.read(CHUNK_BYTES):  # a pipe has no size, so check the length as it grows
            length += len(chunk)
            check_bytes(path, length, "its content")
            chunks.append(chunk)
    return b"".join(chunks)


def read_text(path: StrPath, *, strict: bool = False) -> str:
    """Return the text of a file, decoded as by `as_text`; raises `FormatError` if it is a zip archive."""
    content = read_file(path)
    if content.startswith(ZIP):
        raise FormatError(f"{path} is a zip archive, which is not read; unpack it first")
    return as_text(content, strict=strict)


def as_text(content: bytes, *, strict: bool = False) -> str:
    """Return a text in UTF-8, or in UTF-16 or UTF-32 with a byte-order mark, without this mark.

    A text that is neither is Latin-1, or raises `UnicodeDecodeError` if `strict`.
    """
    encoding = next((name for mark, name in ENCODINGS.items() if content.startswith(mark)), "utf-8-sig")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        if strict:
            raise
        return content.decode("latin-1")


def file_size(handle: BinaryIO) -> int:
    """Return the size of an open file, or of its unpacked content, in bytes."""
    return len(handle.getbuffer()) if isinstance(handle, io.BytesIO) else os.fstat(handle.fileno()).st_size


def read_array(
    handle: BinaryIO, path: StrPath, dtype: npt.DTypeLike, shape: Sequence[int], what: str
) -> npt.NDArray[Any]:
    """Return the rest of an open file as one writable array in native byte order.

    Raises `FormatError` if the file is shorter or longer than `shape` requires; nothing is allocated then. `what` names
    the header fields that give the shape, for the error ("SIZE1, SIZE2").
    """
    dtype = np.dtype(dtype)
    count = math.prod(map(int, shape))  # Python integers do not overflow
    available = file_size(handle) - handle.tell()
    if available != count * dtype.itemsize:
        dimensions = " x ".join(map(str, shape))
        raise FormatError(
            f"{path}: {what} = {dimensions} needs {count * dtype.itemsize} bytes of data, "
            f"the file holds {available}; correct {what} or fetch the whole file again"
        )
    unpacked_here = isinstance(handle, io.BytesIO)
    values = np.frombuffer(handle.read(), dtype).copy() if unpacked_here else np.fromfile(handle, dtype, count)
    return values.astype(dtype.newbyteorder("="), copy=False).reshape(shape)
