"""Reading NeXus: groups by class, numbers with units, and chains of transformations.

Source: https://manual.nexusformat.org/classes/base_classes/NXtransformations.html
"""

import posixpath
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from ..geometry import FloatArray
from .atomic import StrPath
from .hdf5 import read_values
from .limits import LARGEST_NUMBER, are_numbers
from .units import ANGLE, LENGTH, Dimension

LONGEST_CHAIN = 100


class Axis(NamedTuple):
    """A transformation: kind, unit vector, offset (mm), and its values (mm or degrees), one per image."""

    name: str
    rotates: bool
    vector: FloatArray
    offset: FloatArray
    values: FloatArray


class NexusFile:
    """An open NeXus file; every error names the file and the item.

    Groups and transformations are cached, because the modules of a large detector share them.
    """

    def __init__(self, path: StrPath, root: Any) -> None:
        self.path, self.root = path, root
        self._groups: dict[Any, list[tuple[str, Any]]] = {}
        self._axes: dict[Any, Axis] = {}

    def error(self, item: Any, why: str) -> FormatError:
        """Return a `FormatError` about an item (an h5py object, or a name)."""
        return FormatError(f"{self.path}: {getattr(item, 'name', item)}: {why}")

    def groups_of_class(self, group: Any, nx_class: str) -> list[Any]:
        """Return the members of a group that have an NX_class; broken links are ignored."""
        if group not in self._groups:
            members = [item for name in group if hasattr(item := group.get(name), "keys")]
            self._groups[group] = [(text(item.attrs.get("NX_class", "")), item) for item in members]
        return [item for found, item in self._groups[group] if found == nx_class]

    def entry(self) -> Any:
        """Return the first NXentry with definition NXmx; raise `FormatError` if there is none."""
        for entry in self.groups_of_class(self.root, "NXentry"):
            if "definition" in entry and text(read_values(entry["definition"])) == "NXmx":
                return entry
        members = ", ".join(list(self.root)[:8]) or "nothing"
        raise FormatError(f"{self.path} holds no NXentry with definition NXmx, only {members}; read it with h5py")

    def first_of_class(self, group: Any, nx_class: str) -> Any:
        """Return the first member of an NX_class; raise `FormatError` if there is none."""
        found = self.groups_of_class(group, nx_class)
        if not found:
            raise self.error(group, f"holds no {nx_class}")
        return found[0]

    def numbers(self, item: Any, dimension: Dimension | None = None, default: str = "") -> FloatArray:
        """Return a dataset as a flat array of finite numbers, in the unit of the dimension whose size is 1."""
        stored = read_values(item)
        try:
            values = np.ravel(np.asarray(stored, dtype=np.float64))
        except (TypeError, ValueError):
            raise self.error(item, "is not an array of numbers") from None
        if not are_numbers(values):
            raise self.error(item, f"holds numbers that are not finite, or beyond {LARGEST_NUMBER:g}")
        return values * (self.factor(item, "units", dimension, default) if dimension else 1.0)

    def integers(self, item: Any) -> npt.NDArray[np.int64]:
        """Return a dataset, of any type, as a flat array of whole numbers of up to 31 bits."""
        values = self.numbers(item)
        if (values != np.floor(values)).any() or (np.abs(values) >= 2**31).any():
            raise self.error(item, "must hold whole numbers below 2^31")
        return values.astype(np.int64)

    def factor(self, item: Any, key: str, dimension: Dimension, default: str = "") -> float:
        """Return the conversion factor of the unit named by an attribute."""
        unit = text(item.attrs.get(key, default)).strip()
        factor = dimension.factor(unit)
        if factor is None:
            examples = ", ".join(dimension.examples)
            raise self.error(item, f"{key} = {unit[:40]!r} is not a known unit; expected one of {examples}")
        return factor

    def vector(self, item: Any, key: str) -> FloatArray:
        """Return an attribute as three finite numbers."""
        try:
            vector = np.asarray(item.attrs[key], dtype=np.float64).reshape(3)
        except (KeyError, TypeError, ValueError):
            raise self.error(item, f"has no attribute {key} of three numbers") from None
        if not are_numbers(vector):
            raise self.error(item, f"its {key} is not finite, or beyond {LARGEST_NUMBER:g}")
        return vector

    def axis(self, item: Any) -> Axis:
        """Return a dataset as a transformation."""
        if item not in self._axes:
            self._axes[item] = self._read_axis(item)
        return self._axes[item]

    def _read_axis(self, item: Any) -> Axis:
        rotates = text(item.attrs.get("transformation_type", "translation")) == "rotation"
        vector = self.vector(item, "vector")
        length = float(np.linalg.norm(vector))
        if not length:
            raise self.error(item, "its vector has length zero")
        offset = self.vector(item, "offset") if "offset" in item.attrs else np.zeros(3)
        if offset.any():  # some writers omit offset_units and mean the units of the axis
            offset = offset * self.factor(item, "offset_units" if "offset_units" in item.attrs else "units", LENGTH)
        values = self.numbers(item, ANGLE if rotates else LENGTH)
        if not len(values):
            raise self.error(item, "holds no value")
        return Axis(posixpath.basename(item.name), rotates, vector / length, offset, values)

    def chain(self, start: Any, depends_on: str) -> list[Any]:
        """Return the datasets of a transformation chain in the order of application.

        `depends_on` is the path of the first one, relative to `start`.
        """
        found: list[Any] = []
        group = start if hasattr(start, "keys") else start.parent
        while depends_on not in ("", "."):
            item = group.get(depends_on)
            if item is None or not hasattr(item, "shape"):
                raise self.error(start, f"depends on {depends_on!r}, which is missing")
            if len(found) == LONGEST_CHAIN:
                raise self.error(start, "depends on a chain of transformations without end")
            found.append(item)
            group, depends_on = item.parent, text(item.attrs.get("depends_on", "."))
        return found


def text(value: Any) -> str:
    """Return an HDF5 string stored as bytes, text, or an array with one element."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
