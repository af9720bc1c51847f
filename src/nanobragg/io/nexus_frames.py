"""The images of an NXmx file, appended one by one: in the file itself, or in data files that it links to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath
from .hdf5 import NewFile, create_hdf5
from .nexus_write import DATA_PATH, new_data_group
from .optional_imports import import_optional

STORED = {"u1": "u2", "u2": "u2", "u4": "u4", "u8": "u4", "i1": "i4", "i2": "i4", "i4": "i4", "i8": "i4"}


def _stored_type(where: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind == "f":
        return np.dtype(np.float32)
    if dtype.kind not in "ui":
        raise FormatError(f"{where}: holds {dtype}; give integer counts or photons as float32")
    return np.dtype(STORED[f"{dtype.kind}{dtype.itemsize}"])


def _as_stored(where: str, pixels: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(pixels, dtype=dtype)
        _refuse(where, pixels, ~np.isfinite(stored), "is not finite as float32; correct it")
        return stored
    if pixels.dtype.kind == "i":
        cure = "counts must not be negative (readers take them for masked pixels); add an offset, or write float32"
        _refuse(where, pixels, pixels < 0, cure)
    if pixels.dtype.itemsize > dtype.itemsize:
        _refuse(where, pixels, pixels > np.iinfo(dtype).max, f"does not fit into {dtype}; scale the image")
    return np.ascontiguousarray(pixels, dtype=dtype)


def _refuse(where: str, pixels: npt.NDArray[Any], bad: npt.NDArray[np.bool_], why: str) -> None:
    if bad.any():
        slow, fast = np.argwhere(bad)[0]
        raise FormatError(f"{where}: pixel (slow {slow}, fast {fast}) = {pixels[slow, fast]} {why}")


class FrameStore:
    """Where images are appended. They are stored as (slow, fast), all of one type, which the first one decides.

    Parameters
    ----------
    path
        The file that describes them.
    master
        It, open.
    shapes
        That an image may have; the last one, (slow, fast), is how it is stored.
    options
        Compression, as `compression_options` gives it.
    images_per_file
        None: all in the file itself.
    files
        Closes the data files, which then appear.

    Attributes
    ----------
    count
        Images so far.
    dtype
        uint16, uint32, int32 or float32; None: no image yet.
    """

    def __init__(
        self,
        path: StrPath,
        master: NewFile,
        shapes: Sequence[tuple[int, ...]],
        options: dict[str, Any],
        images_per_file: int | None,
        files: ExitStack,
    ) -> None:
        self.count = 0
        self.dtype: np.dtype[Any] | None = None
        self._path, self._shapes, self._options, self._files = path, shapes, options, files
        self._per_file = images_per_file
        self._group = new_data_group(master.root)
        self._names: list[str] = []
        self._lengths: list[int] = []
        self._open = master
        self._dataset: Any = None

    def append(self, frame: npt.ArrayLike) -> None:
        """Write one image.

        Raises
        ------
        FormatError
            It has another shape or type than it should, a negative count, or a value that is not finite.
        OSError
            What the disk says to it.
        """
        image = self._prepared(np.asarray(frame))
        place = self.count if self._per_file is None else self.count % self._per_file
        if place == 0:
            self._start_dataset()
        self._dataset.resize(place + 1, axis=0)
        self._dataset[place] = image
        self._open.check()
        self.count += 1
        if self._per_file is not None:
            self._lengths[-1] = place + 1

    def _prepared(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        where = f"{self._path}: image {self.count}"
        if pixels.shape not in self._shapes:
            expected = self._shapes[0]
            raise FormatError(f"{where}: has shape {pixels.shape}, the Config's detector {expected}; make them agree")
        stored = _stored_type(where, pixels.dtype)
        if self.dtype not in (None, stored):
            raise FormatError(
                f"{where}: {pixels.dtype} is stored as {stored}, the first image as {self.dtype}; give one type"
            )
        self.dtype = stored
        return _as_stored(where, pixels.reshape(self._shapes[-1]), stored)

    def finish(self) -> None:
        """Link the data files, if there are any, and join them to one dataset."""
        if self._per_file is None:
            return
        h5py = import_optional("h5py", f"{self._path}: HDF5")
        shape = self._shapes[-1]
        layout = h5py.VirtualLayout((self.count, *shape), self.dtype)
        first = 0
        for number, (name, length) in enumerate(zip(self._names, self._lengths, strict=True), start=1):
            layout[first : first + length] = h5py.VirtualSource(name, DATA_PATH, (length, *shape), self.dtype)
            self._group[f"data_{number:06d}"] = h5py.ExternalLink(name, DATA_PATH)
            first += length
        self._group.create_virtual_dataset("data", layout)

    def _start_dataset(self) -> None:
        """A new dataset, in the next data file if there are such files."""
        group, shape = self._group, self._shapes[-1]
        if self._per_file is not None:
            target = data_path(self._path, len(self._names) + 1)
            self._open = self._files.enter_context(create_hdf5(target))
            self._names.append(target.name)
            self._lengths.append(0)
            group = new_data_group(self._open.root)
        self._dataset = group.create_dataset(
            "data", (0, *shape), self.dtype, chunks=(1, *shape), maxshape=(None, *shape), **self._options
        )


def data_path(path: StrPath, number: int) -> Path:
    """Name of a data file: of a_master.h5 or a.nxs, a_000001.h5."""
    target = Path(os.fspath(path))
    return target.with_name(f"{target.stem.removesuffix('_master')}_{number:06d}.h5")
