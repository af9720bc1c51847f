"""Groups, datasets and attributes of an HDF5 file, with every link and every size checked before HDF5 uses it.

The classes have the part of h5py's interface that readers use.
"""

import math
import os
from collections.abc import Iterator
from typing import Any

from ..errors import FormatError
from .hdf5_chunks import check_kind
from .hdf5_headers import check_attribute_texts
from .hdf5_links import LinkedFiles, check_place, check_values
from .limits import byte_limit, check_bytes

LARGEST_ATTRIBUTE = 2**20


class _Item:
    """A group or dataset: the h5py object, and the files that it is read with."""

    def __init__(self, files: LinkedFiles, item: Any) -> None:
        self._files, self._item = files, item
        self.name, self.file = item.name, item.file

    def __hash__(self) -> int:
        return hash(self._item)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Item) and bool(self._item == other._item)

    @property
    def parent(self) -> "Group":
        """The group that holds the item."""
        return Group(self._files, self._item.parent)

    @property
    def attrs(self) -> "Attributes":
        """The attributes."""
        return Attributes(self._item)


class Group(_Item):
    """A group, or the root of a file; links that must not be followed raise an error when they are used."""

    def __getitem__(self, path: str) -> Any:
        item = self._files.follow(self._item, path)
        if item is None:
            raise KeyError(f"{path[:80]!r} is missing in {self.name}")
        if hasattr(item, "keys"):
            return Group(self._files, item)
        check_place(self._files, item)
        return Dataset(self._files, item)

    def get(self, path: str, default: Any = None) -> Any:
        """Return the item at a path, or a default if it is missing."""
        try:
            return self[path]
        except KeyError:
            return default

    def link_file(self, name: str) -> str:
        """Return the name of the file that a member is linked from; "" if it is not in another file."""
        import h5py

        if name in self.keys() and self._item.id.links.get_info(name.encode()).type == h5py.h5l.TYPE_EXTERNAL:
            return os.fsdecode(self._item.id.links.get_val(name.encode())[0])
        return ""

    def __contains__(self, path: str) -> bool:
        return self._files.follow(self._item, path) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._item)

    def keys(self) -> list[str]:
        """Return the names of all members."""
        return list(self._item)


class Dataset(_Item):
    """A dataset; its values are checked when they are read."""

    def __init__(self, files: LinkedFiles, item: Any) -> None:
        super().__init__(files, item)
        self.shape: tuple[int, ...] = item.shape or ()
        self.dtype, self.chunks = item.dtype, item.chunks

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, index: Any) -> Any:
        """Return all values, `index` (), or those at an index of the first axis."""
        box = [(0, n - 1) for n in self.shape]
        shape = self.shape if index == () else self.shape[1:]
        if index != ():
            box[0] = (int(index), int(index))
        check_bytes(self.file.filename, math.prod(shape) * self.dtype.itemsize, self.name)
        if all(first <= last for first, last in box):
            check_values(self._files, self._item, box, written=index != ())
        return self._item[index]


class Attributes:
    """The attributes of an item."""

    def __init__(self, item: Any) -> None:
        self._item = item

    def __contains__(self, name: str) -> bool:
        return name in self._item.attrs

    def __getitem__(self, name: str) -> Any:
        import h5py

        attribute = h5py.h5a.open(self._item.id, name.encode())
        size = math.prod(attribute.shape) * attribute.dtype.itemsize
        if size > min(LARGEST_ATTRIBUTE, byte_limit()):
            raise FormatError(f"{self._item.file.filename}: {self._item.name}: its {name} takes {size} bytes")
        check_kind(_Described(attribute, self._item))
        if attribute.dtype.hasobject:
            check_attribute_texts(self._item)
        return self._item.attrs[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or a default if it is missing."""
        try:
            return self[name]
        except KeyError:
            return default


class _Described:
    """What `check_kind` needs of an attribute."""

    def __init__(self, attribute: Any, item: Any) -> None:
        self.dtype, self.shape, self.name, self.file = attribute.dtype, attribute.shape, item.name, item.file
