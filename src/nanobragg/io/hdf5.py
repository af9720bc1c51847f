"""HDF5 files, opened so that every failure is ours to tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import FormatError, NanobraggError
from .atomic import StrPath
from .extras import import_extra
from .reading import open_input


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
    h5py = import_extra("h5py", f"{path}: HDF5")
    import_extra("hdf5plugin", f"{path}: HDF5 of detectors")
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
