"""Opening HDF5 files with clear errors, and the compression filters of detectors."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, BinaryIO, Literal, get_args

from ..errors import ConfigError, FormatError, NanobraggError
from .atomic import StrPath, atomic_write
from .hdf5_items import Dataset, Group
from .hdf5_links import LinkedFiles
from .input_file import open_input
from .optional_imports import import_optional

Compression = Literal["bslz4", "lz4", "gzip"]
GZIP_LEVEL = 4


def compression_options(compression: Compression | None) -> dict[str, Any]:
    """Return the compression keywords for h5py's `create_dataset`; raise `ConfigError` if the name is unknown.

    "bslz4" is bitshuffle and LZ4, as DECTRIS detectors use; it and "lz4" need hdf5plugin.
    """
    if compression is None:
        return {}
    if compression == "gzip":
        return {"compression": "gzip", "compression_opts": GZIP_LEVEL, "shuffle": True}
    if compression not in get_args(Compression):
        choices = ", ".join(get_args(Compression))
        raise ConfigError(f"compression = {compression!r} is not valid; choose one of {choices} or None")
    hdf5plugin = _import_filters(f"compression = {compression!r}")
    chosen = hdf5plugin.Bitshuffle(cname="lz4") if compression == "bslz4" else hdf5plugin.LZ4()
    return {"compression": chosen.filter_id, "compression_opts": chosen.filter_options}


def _import_filters(purpose: str) -> Any:
    """Return hdf5plugin with its filters registered; `purpose` as in `import_optional`."""
    hdf5plugin = import_optional("hdf5plugin", purpose)
    _register(hdf5plugin)
    return hdf5plugin


@cache
def _register(hdf5plugin: Any) -> None:
    """Register the filters where HDF5 finds others in HDF5_PLUGIN_PATH, which DIALS needs: those fail under h5py."""
    if "HDF5_PLUGIN_PATH" in os.environ:
        hdf5plugin.register(force=True)


class _Sink:
    """The file that HDF5 writes to; it holds back errors until `check`, because HDF5 crashes if closing fails."""

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
        """Read bytes; h5py requires the method of a file object, though it calls `readinto`."""
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
        """Do nothing: the file is flushed when it is closed."""

    def check(self) -> None:
        """Raise the first error of writing, if any."""
        if self.failure is not None:
            raise self.failure


class NewFile:
    """An HDF5 file open for writing; `root` is its h5py File."""

    def __init__(self, root: Any, sink: _Sink) -> None:
        self.root, self._sink = root, sink

    def check(self) -> None:
        """Raise the first `OSError` of writing, if any."""
        self._sink.check()


@contextmanager
def create_hdf5(path: StrPath) -> Iterator[NewFile]:
    """Open `path` for writing HDF5; it appears only if the block ends without an error."""
    h5py = import_optional("h5py", f"{path}: HDF5")
    with atomic_write(path) as handle:
        sink = _Sink(handle)
        try:
            with h5py.File(sink, "w") as root:
                yield NewFile(root, sink)
        except Exception:
            sink.check()  # HDF5's own error is only a consequence of a failed write
            raise
        sink.check()


@contextmanager
def open_hdf5(path: StrPath) -> Iterator[Any]:
    """Open an existing file and yield its root, a `Group`; HDF5's errors inside the block become a `FormatError`."""
    h5py = import_optional("h5py", f"{path}: HDF5")
    _import_filters(f"{path}: HDF5 of detectors")
    with open_input(path) as handle:  # h5py's own errors do not distinguish a missing file from a damaged one
        if isinstance(handle, io.BytesIO):
            raise FormatError(f"{path} is compressed as a whole, which is not read for HDF5; unpack it first")
    try:
        with LinkedFiles() as files, h5py.File(path, "r") as root:
            yield Group(files, root)
    except NanobraggError:
        raise
    except Exception as error:  # h5py raises many types for damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FormatError(f"{path} is not valid HDF5 ({reason[:200]}); fetch the whole file again") from error


def read_values(item: Dataset, index: Any = ()) -> Any:
    """Return a dataset's values, or those at `index` of its first axis.

    Raise `FormatError` if they or a chunk exceed `limits.byte_limit`, because HDF5 fills in values that were never
    written, or if a chunk does not unpack to its size.
    """
    return item[index]
