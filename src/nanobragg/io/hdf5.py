"""HDF5 files, opened so that every failure is ours to tell, and compressed as detectors compress."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Literal, get_args

from ..errors import ConfigError, FormatError, NanobraggError
from .atomic import StrPath, atomic_write
from .input_file import open_input
from .limits import check_bytes
from .optional_imports import import_optional

Compression = Literal["bslz4", "lz4", "gzip"]
GZIP_LEVEL = 4


def compression_options(compression: Compression | None) -> dict[str, Any]:
    """Keywords of h5py's `create_dataset`.

    Parameters
    ----------
    compression
        "bslz4": bitshuffle and LZ4, as DECTRIS detectors; "lz4", "gzip", or None.

    Raises
    ------
    ConfigError
        Another name, or hdf5plugin is not installed.
    """
    if compression is None:
        return {}
    if compression == "gzip":
        return {"compression": "gzip", "compression_opts": GZIP_LEVEL, "shuffle": True}
    if compression not in get_args(Compression):
        raise ConfigError(f"compression = {compression!r}: choose one of {', '.join(get_args(Compression))} or None")
    hdf5plugin = import_optional("hdf5plugin", f"compression = {compression!r}")
    chosen = hdf5plugin.Bitshuffle(cname="lz4") if compression == "bslz4" else hdf5plugin.LZ4()
    return {"compression": chosen.filter_id, "compression_opts": chosen.filter_options}


class _Sink:
    """The file that HDF5 writes to. It keeps a failure to itself: HDF5 crashes when it cannot close a file."""

    def __init__(self, handle: BinaryIO) -> None:
        self.handle = handle
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        if self.failure is None:
            try:
                return self.handle.write(data)
            except OSError as error:
                self.failure = error
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """What makes it a file for h5py, which calls `readinto`."""
        return self.handle.read(size)

    def readinto(self, buffer: Any) -> int:
        if self.failure is None:
            return self.handle.readinto(buffer)  # type: ignore[attr-defined,no-any-return]
        buffer[:] = bytes(len(buffer))
        return len(buffer)

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self.handle.seek(offset, whence)
        except OSError as error:
            self.failure = self.failure or error
            return offset

    def tell(self) -> int:
        return self.handle.tell()

    def truncate(self, size: int | None = None) -> int:
        if self.failure is None:
            try:
                return self.handle.truncate(size)
            except OSError as error:
                self.failure = error
        return size or 0

    def flush(self) -> None:
        """Nothing: the file is flushed when it is closed."""

    def check(self) -> None:
        """Raise what writing has met."""
        if self.failure is not None:
            raise self.failure


class NewFile:
    """An HDF5 file that is being written.

    Attributes
    ----------
    root
        h5py's File.
    """

    def __init__(self, root: Any, sink: _Sink) -> None:
        self.root, self._sink = root, sink

    def check(self) -> None:
        """Raise the OSError that writing has met so far, if any."""
        self._sink.check()


@contextmanager
def create_hdf5(path: StrPath) -> Iterator[NewFile]:
    """Open `path` for writing HDF5; it appears only if the block ends without an error.

    Raises
    ------
    ConfigError
        h5py is not installed.
    FileError
        The folder is missing or read-only, the disk is full, and the like.
    """
    h5py = import_optional("h5py", f"{path}: HDF5")
    with atomic_write(path) as handle:
        sink = _Sink(handle)
        try:
            with h5py.File(sink, "w") as root:
                yield NewFile(root, sink)
        except Exception:
            sink.check()  # what HDF5 says after a failed write is only its consequence
            raise
        sink.check()


@contextmanager
def open_hdf5(path: StrPath) -> Iterator[Any]:
    """h5py's File of an existing `path`; whatever HDF5 complains of inside the block is a FormatError.

    Raises
    ------
    ConfigError
        h5py or hdf5plugin is not installed.
    FileError
        The file is missing or may not be read.
    FormatError
        It is no HDF5, is cut off, or damaged.
    """
    h5py = import_optional("h5py", f"{path}: HDF5")
    import_optional("hdf5plugin", f"{path}: HDF5 of detectors")
    with open_input(path):
        pass  # h5py's own errors do not tell a missing file from a damaged one
    try:
        with h5py.File(path, "r") as root:
            yield root
    except NanobraggError:
        raise
    except Exception as error:  # a damaged file makes h5py raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FormatError(f"{path}: is no readable HDF5 ({reason[:200]}); fetch the whole file again") from error


def values_of(item: Any, part: Any = ()) -> Any:
    """A dataset's values, or those of its first axis at `part`; refuses what `limits.byte_limit` forbids.

    A file may promise more than it holds, for HDF5 fills in what was never written.
    """
    shape = item.shape if part == () else item.shape[1:]
    for promised in (shape, item.chunks or ()):  # a chunk is unpacked as a whole
        check_bytes(item.file.filename, math.prod(promised) * item.dtype.itemsize, item.name)
    return item[part]
