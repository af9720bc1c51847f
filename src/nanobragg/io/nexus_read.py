"""Images out of NXmx files, ours and detectors'."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, FormatError
from .atomic import StrPath
from .hdf5 import open_hdf5, values_of
from .nexus_file import NexusFile, text


def read_nexus(path: StrPath, index: int = 0) -> tuple[npt.NDArray[Any], dict[str, object]]:
    """Read one image of an NXmx file.

    Parameters
    ----------
    path : path
        A file, or the master of several; what it links to must lie beside it.
    index : int
        Which image, from 0.

    Returns
    -------
    image : (slow, fast)
        In the type of the file; a panel axis is stacked along the slow axis.
    metadata : dict
        `frames`, the number of images, and what the file tells of this one: `wavelength_A`, `distance_mm`,
        `omega_deg`, `saturation_value`.

    Raises
    ------
    ConfigError
        There is no image of this number; or h5py or hdf5plugin is not installed.
    FormatError
        It is no HDF5, no NXmx, or damaged.
    FileError
        The file cannot be read.
    """
    with open_hdf5(path) as root:
        file = NexusFile(path, root)
        entry = file.entry()
        stacks = _stacks(file, entry)
        frames = sum(len(stack) for stack in stacks)
        if not 0 <= index < frames:
            raise ConfigError(f"{path}: image {index} is not there; it holds {frames}, counted from 0")
        left = index
        for stack in stacks:
            if left < len(stack):
                break
            left -= len(stack)
        _check_links(path, stack)
        image = np.asarray(values_of(stack, left))
        metadata: dict[str, object] = {"frames": frames, **_told(entry, index)}
    return image.reshape(-1, image.shape[-1]), metadata


def _stacks(file: NexusFile, entry: Any) -> list[Any]:
    """Datasets (frames, slow, fast) in order: the signal, or else those called data_000001 and so on."""
    for group in file.of_class(entry, "NXdata"):
        signal = text(group.attrs.get("signal", "data"))
        names = [signal] if signal in group else sorted(name for name in group if name.startswith("data_"))
        if missing := [name for name in names if group.get(name) is None]:
            link = group.get(missing[0], getlink=True)
            raise FormatError(
                f"{file.path}: {missing[0]} is in {link.filename}, which is missing; put it beside the file"
            )
        stacks = [group[name] for name in names]
        if stacks and all(getattr(stack, "ndim", 0) in (3, 4) and stack.dtype.kind in "uif" for stack in stacks):
            return stacks
    raise FormatError(f"{file.path}: its NXdata holds no stack of images (frames, slow, fast); read it with h5py")


def _check_links(path: StrPath, stack: Any) -> None:
    """A virtual dataset reads as zeros where a data file is missing: refuse that."""
    if not stack.is_virtual:
        return
    import os

    folder = os.path.dirname(os.path.abspath(path))
    for source in stack.virtual_sources():
        if source.file_name != "." and not os.path.exists(os.path.join(folder, source.file_name)):
            raise FormatError(f"{path}: images are in {source.file_name}, which is missing; put it beside the file")


def _told(entry: Any, index: int) -> dict[str, object]:
    """What the usual places say of one image."""
    places = {
        "wavelength_A": ("instrument/beam/incident_wavelength", {"angstrom": 1.0, "nm": 10.0, "m": 1e10}),
        "distance_mm": ("instrument/detector/distance", {"m": 1000.0, "mm": 1.0}),
        "saturation_value": ("instrument/detector/saturation_value", {"": 1.0}),
        "omega_deg": ("sample/transformations/omega", {"degree": 1.0, "deg": 1.0, "degrees": 1.0}),
    }
    told: dict[str, object] = {}
    for name, (place, factors) in places.items():
        item = entry.get(place)
        factor = None if item is None else factors.get(text(item.attrs.get("units", "")))
        if factor is not None:
            values = np.ravel(values_of(item))
            told[name] = float(values[min(index, len(values) - 1)]) * factor
    return told
