"""Appending images to an NXmx file: in the file itself, or in data files that it links to."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath
from .check_image import check_pixels
from .hdf5 import NewFile, create_hdf5
from .nexus_write import DATA_PATH, create_data_group
from .optional_imports import import_optional

STORED = {"u1": "u2", "u2": "u2", "u4": "u4", "u8": "u4", "i1": "i4", "i2": "i4", "i4": "i4", "i8": "i4"}


def _stored_type(where: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind == "f":
        return np.dtype(np.float32)
    if dtype.kind not in "ui":
        raise FormatError(f"{where}: {dtype} is not a valid type; give integer counts, or photons as float32")
    return np.dtype(STORED[f"{dtype.kind}{dtype.itemsize}"])


def _as_stored(where: str, pixels: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(pixels, dtype=dtype)
        check_pixels(where, pixels, ~np.isfinite(stored), "is not finite as float32; correct it")
        return stored
    if pixels.dtype.kind == "i":
        cure = "is negative, and readers treat negative counts as masked; add an offset, or write float32"
        check_pixels(where, pixels, pixels < 0, cure)
    if pixels.dtype.itemsize > dtype.itemsize:
        check_pixels(where, pixels, pixels > np.iinfo(dtype).max, f"does not fit into {dtype}; scale the image")
    return np.ascontiguousarray(pixels, dtype=dtype)


class FrameWriter:
    """Appends images (slow, fast) to an NXmx file; the first image decides the data type of all.

    Parameters
    ----------
    path
        The master file.
    master
        The master file, open.
    shapes
        Accepted shapes of an image; it is stored in the last one, (slow, fast).
    options
        Compression, from `compression_options`.
    images_per_file
        Images per data file; None to store all images in the master file.
    files
        Exit stack that closes the data files.

    Attributes
    ----------
    count
        Number of images written.
    dtype
        uint16, uint32, int32 or float32; None before the first image.
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
        self._group = create_data_group(master.root)
        self._names: list[str] = []
        self._lengths: list[int] = []
        self._open = master
        self._dataset: Any = None

    def append(self, frame: npt.ArrayLike) -> None:
        """Write one image.

        Raises `FormatError` if its shape or type is wrong, a count is negative, or a value is not finite, and `OSError`
        if the write fails.
        """
        image = self._convert(np.asarray(frame))
        index = self.count if self._per_file is None else self.count % self._per_file
        if index == 0:
            self._start_dataset()
        self._dataset.resize(index + 1, axis=0)
        self._dataset[index] = image
        self._open.check()
        self.count += 1
        if self._per_file is not None:
            self._lengths[-1] = index + 1

    def _convert(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        where = f"{self._path}: image {self.count}"
        if pixels.shape not in self._shapes:
            expected = self._shapes[0]
            raise FormatError(f"{where} has shape {pixels.shape}, the Config's detector {expected}; make them agree")
        stored = _stored_type(where, pixels.dtype)
        if self.dtype not in (None, stored):
            raise FormatError(
                f"{where}: {pixels.dtype} is stored as {stored}, but the first image as {self.dtype}; use one type"
            )
        self.dtype = stored
        return _as_stored(where, pixels.reshape(self._shapes[-1]), stored)

    def finish(self) -> None:
        """Link the data files, if any, and join them into one virtual dataset."""
        if self._per_file is None:
            return
        assert self.dtype is not None  # an image was appended
        link_data_files(self._group, self._names, self._lengths, self._shapes[-1], self.dtype)

    def _start_dataset(self) -> None:
        """Create a dataset, in a new data file if images go to data files."""
        group, shape = self._group, self._shapes[-1]
        if self._per_file is not None:
            target = data_path(self._path, len(self._names) + 1)
            self._open = self._files.enter_context(create_hdf5(target))
            self._names.append(target.name)
            self._lengths.append(0)
            group = create_data_group(self._open.root)
        self._dataset = group.create_dataset(
            "data", (0, *shape), self.dtype, chunks=(1, *shape), maxshape=(None, *shape), **self._options
        )


def link_data_files(
    group: Any, names: Sequence[str], lengths: Sequence[int], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> None:
    """Link data files in the folder of a master file, and join their images to one virtual dataset.

    Parameters
    ----------
    group
        The NXdata group of the master file, from `create_data_group`.
    names, lengths
        Names of the data files, and the number of images in each.
    shape, dtype
        Shape (slow, fast) and type of an image.
    """
    h5py = import_optional("h5py", "NXmx master file")
    layout = h5py.VirtualLayout((sum(lengths), *shape), dtype)
    layout.dcpl.set_obj_track_times(False)  # like h5py's other datasets, so that the file does not depend on the time
    first = 0
    for number, (name, length) in enumerate(zip(names, lengths, strict=True), start=1):
        layout[first : first + length] = h5py.VirtualSource(name, DATA_PATH, (length, *shape), dtype)
        group[f"data_{number:06d}"] = h5py.ExternalLink(name, DATA_PATH)
        first += length
    group.create_virtual_dataset("data", layout)


def data_path(path: StrPath, number: int) -> Path:
    """Return the path of a data file: a_000001.h5 for a_master.h5 or a.nxs."""
    target = Path(os.fspath(path))
    return target.with_name(f"{target.stem.removesuffix('_master')}_{number:06d}.h5")
