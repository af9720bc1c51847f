"""The stacks of images in an NXmx file: one dataset, or several in data files that a master file links to."""

from typing import Any, NamedTuple

from ..errors import ConfigError, FormatError
from .nexus_file import NexusFile, text


class Stack(NamedTuple):
    """A dataset (frames, slow, fast), None if the file that it is linked from is missing, and how it is named there."""

    name: str
    item: Any
    file: str


def image_stacks(file: NexusFile, entry: Any) -> list[Stack]:
    """Return the stacks in order: the signal, or else data_000001, data_000002, …; an empty list if there are none."""
    for group in file.groups_of_class(entry, "NXdata"):
        signal = text(group.attrs.get("signal", "data"))
        names = [signal] if signal in list(group) else sorted(name for name in group if name.startswith("data_"))
        names = names or [name for name in group if _is_marked(group.get(name))]
        stacks = [Stack(name, group.get(name), group.link_file(name)) for name in names]
        there = [stack.item for stack in stacks if stack.item is not None]
        if stacks and all(getattr(item, "ndim", 0) in (3, 4) and item.dtype.kind in "uif" for item in there):
            return stacks
    return []


def _is_marked(item: Any) -> bool:
    """Return whether a dataset has the attribute signal, as in files before the group had it."""
    return hasattr(item, "shape") and text(item.attrs.get("signal", "")) == "1"


def find_image(file: NexusFile, stacks: list[Stack], index: int) -> tuple[Any, int]:
    """Return the dataset that holds an image, and the image's number in it.

    A missing data file costs its own images, and later ones, whose place is not known, only. Raises `FormatError` if
    the image is among these, and `ConfigError` if there is no such image.
    """
    if not stacks:
        raise FormatError(f"{file.path}: NXdata holds no stack of images (frames, slow, fast); read the file with h5py")
    offset = index
    for stack in stacks if index >= 0 else ():
        if stack.item is None:
            where = stack.file or "another place"
            raise FormatError(f"{file.path}: {stack.name} is in {where}, which is missing; put it in the same folder")
        if offset < len(stack.item):
            return stack.item, offset
        offset -= len(stack.item)
    frames = count_images(stacks)
    raise ConfigError(f"{file.path}: index = {index} is not valid; the file holds {frames} images, counted from 0")


def count_images(stacks: list[Stack]) -> int:
    """Return the number of images in the data files that are there."""
    return sum(len(stack.item) for stack in stacks if stack.item is not None)
