"""Images from NXmx files."""

from typing import Any

import numpy as np
import numpy.typing as npt

from .atomic import StrPath
from .hdf5 import open_hdf5, read_values
from .nexus_file import NexusFile, text
from .nexus_stacks import count_images, find_image, image_stacks
from .units import ANGLE, LENGTH, WAVELENGTH, Dimension


def read_nexus(path: StrPath, index: int = 0) -> tuple[npt.NDArray[Any], dict[str, object]]:
    """Return image `index` (from 0) of an NXmx file, with panels stacked along the slow axis, and its metadata.

    The file may be the master file of several; linked files must be in the same folder. The metadata are `frames`, the
    number of images in the files that are there, and, where the file has them, `wavelength_A`, `distance_mm`,
    `omega_deg`, `saturation_value` and `pedestal` of this image. Raises `ConfigError` if the index is out of range, and
    `FormatError` if the file is not valid HDF5 or NXmx, or this image is in a file that is missing, or was never
    written.
    """
    with open_hdf5(path) as root:
        file = NexusFile(path, root)
        entry = file.entry()
        stacks = image_stacks(file, entry)
        stack, number = find_image(file, stacks, index)
        image = np.asarray(read_values(stack, number))
        metadata: dict[str, object] = {"frames": count_images(stacks), **_frame_metadata(file, entry, index)}
    return image.reshape(-1, image.shape[-1]), metadata


ITEMS: dict[str, tuple[Dimension | None, tuple[str, ...]]] = {  # the usual place first, then others that programs use
    "wavelength_A": (
        WAVELENGTH,
        (
            "instrument/beam/incident_wavelength", "sample/beam/incident_wavelength", "instrument/beam/wavelength",
            "instrument/monochromator/wavelength",
        ),
    ),
    "distance_mm": (LENGTH, ("instrument/detector/distance", "instrument/detector/detector_distance")),
    "saturation_value": (None, ("instrument/detector/saturation_value",)),
    "pedestal": (None, ("instrument/detector/pedestal",)),
    "omega_deg": (ANGLE, ("sample/transformations/omega", "sample/goniometer/omega")),
}  # fmt: skip


def _frame_metadata(file: NexusFile, entry: Any, index: int) -> dict[str, object]:
    """Return the metadata of one image where the file has them, with a unit that is known."""
    metadata: dict[str, object] = {}
    for name, (dimension, paths) in ITEMS.items():
        item = next((found for place in paths if hasattr(found := entry.get(place), "shape")), None)
        if item is None:
            continue
        factor = 1.0 if dimension is None else dimension.factor(text(item.attrs.get("units", "")))
        values = np.ravel(read_values(item))
        if factor is not None and len(values) and values.dtype.kind in "uif":
            metadata[name] = float(values[min(index, len(values) - 1)]) * factor
    return metadata
