"""Images from NXmx files."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, FormatError
from .atomic import StrPath
from .hdf5 import open_hdf5, read_values
from .nexus_file import NexusFile, text


def read_nexus(path: StrPath, index: int = 0) -> tuple[npt.NDArray[Any], dict[str, object]]:
    """Return image `index` (from 0) of an NXmx file, with panels stacked along the slow axis, and its metadata.

    The file may be the master file of several; linked files must be in the same folder. The metadata are `frames`, the
    number of images, and, where the file has them, `wavelength_A`, `distance_mm`, `omega_deg` and `saturation_value` of
    this image. Raises `ConfigError` if the index is out of range, and `FormatError` if the file is not valid HDF5 or
    NXmx.
    """
    with open_hdf5(path) as root:
        file = NexusFile(path, root)
        entry = file.entry()
        stacks = _stacks(file, entry)
        frames = sum(len(stack) for stack in stacks)
        if not 0 <= index < frames:
            raise ConfigError(f"{path}: index = {index} is not valid; the file holds {frames} images, counted from 0")
        offset = index
        for stack in stacks:
            if offset < len(stack):
                break
            offset -= len(stack)
        image = np.asarray(read_values(stack, offset))
        metadata: dict[str, object] = {"frames": frames, **_frame_metadata(entry, index)}
    return image.reshape(-1, image.shape[-1]), metadata


def _stacks(file: NexusFile, entry: Any) -> list[Any]:
    """Return the datasets (frames, slow, fast) in order: the signal, or else data_000001, data_000002, …"""
    for group in file.groups_of_class(entry, "NXdata"):
        signal = text(group.attrs.get("signal", "data"))
        names = [signal] if signal in group else sorted(name for name in group if name.startswith("data_"))
        if missing := [name for name in names if name not in group]:
            where = group.link_file(missing[0])
            raise FormatError(f"{file.path}: {missing[0]} is in {where}, which is missing; put it in the same folder")
        stacks = [group[name] for name in names]
        if stacks and all(getattr(stack, "ndim", 0) in (3, 4) and stack.dtype.kind in "uif" for stack in stacks):
            return stacks
    raise FormatError(f"{file.path}: NXdata holds no stack of images (frames, slow, fast); read the file with h5py")


def _frame_metadata(entry: Any, index: int) -> dict[str, object]:
    """Return the metadata of one image from their NXmx paths."""
    items = {
        "wavelength_A": ("instrument/beam/incident_wavelength", {"angstrom": 1.0, "nm": 10.0, "m": 1e10}),
        "distance_mm": ("instrument/detector/distance", {"m": 1000.0, "mm": 1.0}),
        "saturation_value": ("instrument/detector/saturation_value", {"": 1.0}),
        "omega_deg": ("sample/transformations/omega", {"degree": 1.0, "deg": 1.0, "degrees": 1.0}),
    }
    metadata: dict[str, object] = {}
    for name, (path, factors) in items.items():
        item = entry.get(path)
        factor = None if item is None else factors.get(text(item.attrs.get("units", "")))
        if factor is not None:
            values = np.ravel(read_values(item))
            metadata[name] = float(values[min(index, len(values) - 1)]) * factor
    return metadata
