"""Reading NeXus: groups by class, numbers in our units, and chains of transformations.

Source: https://manual.nexusformat.org/classes/base_classes/NXtransformations.html
"""

from __future__ import annotations

import posixpath
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath
from .hdf5 import values_of

FloatArray = npt.NDArray[np.float64]

LENGTHS = {  # mm
    "m": 1e3, "meter": 1e3, "metre": 1e3, "meters": 1e3, "cm": 10.0, "mm": 1.0, "millimeter": 1.0, "millimetre": 1.0,
    "um": 1e-3, "µm": 1e-3, "μm": 1e-3, "micron": 1e-3, "microns": 1e-3, "micrometer": 1e-3, "nm": 1e-6,
}  # fmt: skip
ANGLES = {"deg": 1.0, "degree": 1.0, "degrees": 1.0, "rad": 57.29577951308232, "radian": 57.29577951308232}
WAVELENGTHS = {"angstrom": 1.0, "angstroms": 1.0, "a": 1.0, "å": 1.0, "nm": 10.0, "pm": 0.01, "m": 1e10}
ENERGIES = {"ev": 1.0, "kev": 1e3}
LONGEST_CHAIN = 100


class Axis(NamedTuple):
    """One transformation: kind, unit vector, offset (mm) and its values (mm or degrees), one for each image."""

    name: str
    rotates: bool
    vector: FloatArray
    offset: FloatArray
    values: FloatArray


class NexusFile:
    """An open HDF5 file; every complaint names it and the item.

    Groups are listed and transformations read once: the modules of a large detector share theirs.
    """

    def __init__(self, path: StrPath, root: Any) -> None:
        self.path, self.root = path, root
        self._groups: dict[Any, list[tuple[str, Any]]] = {}
        self._axes: dict[Any, Axis] = {}

    def wrong(self, item: Any, why: str) -> FormatError:
        """The error about an item (h5py's, or a name)."""
        return FormatError(f"{self.path}: {getattr(item, 'name', item)}: {why}")

    def of_class(self, group: Any, nx_class: str) -> list[Any]:
        """Groups in a group that have an NX_class; links that lead nowhere are none."""
        if group not in self._groups:
            members = [item for name in group if hasattr(item := group.get(name), "keys")]
            self._groups[group] = [(text(item.attrs.get("NX_class", "")), item) for item in members]
        return [item for found, item in self._groups[group] if found == nx_class]

    def entry(self) -> Any:
        """The NXentry that is described as NXmx says, or an error."""
        for entry in self.of_class(self.root, "NXentry"):
            if "definition" in entry and text(values_of(entry["definition"])) == "NXmx":
                return entry
        there = ", ".join(list(self.root)[:8]) or "nothing"
        raise FormatError(f"{self.path}: holds no NXentry of definition NXmx, but {there}; read it with h5py")

    def one(self, group: Any, nx_class: str) -> Any:
        """The first member of a class, or an error."""
        found = self.of_class(group, nx_class)
        if not found:
            raise self.wrong(group, f"holds no {nx_class}")
        return found[0]

    def numbers(self, item: Any, units: dict[str, float] | None = None, default: str = "") -> FloatArray:
        """A dataset as a flat array of finite numbers, in the unit whose factor in `units` is 1."""
        stored = values_of(item)
        try:
            values = np.ravel(np.asarray(stored, dtype=np.float64))
        except (TypeError, ValueError):
            raise self.wrong(item, "is no array of numbers") from None
        if not np.isfinite(values).all():
            raise self.wrong(item, "holds numbers that are not finite")
        return values * (self.factor(item, "units", units, default) if units else 1.0)

    def factor(self, item: Any, key: str, units: dict[str, float], default: str = "") -> float:
        """What the unit in an attribute is worth."""
        unit = text(item.attrs.get(key, default)).strip()
        factor = units.get(unit, units.get(unit.casefold()))
        if factor is None:
            raise self.wrong(item, f"{key} = {unit!r} is none of {', '.join(units)}")
        return factor

    def vector(self, item: Any, key: str) -> FloatArray:
        """An attribute as three finite numbers."""
        try:
            vector = np.asarray(item.attrs[key], dtype=np.float64).reshape(3)
        except (KeyError, TypeError, ValueError):
            raise self.wrong(item, f"has no attribute {key} of three numbers") from None
        if not np.isfinite(vector).all():
            raise self.wrong(item, f"its {key} is not finite")
        return vector

    def axis(self, item: Any) -> Axis:
        """A transformation dataset."""
        if item not in self._axes:
            self._axes[item] = self._read_axis(item)
        return self._axes[item]

    def _read_axis(self, item: Any) -> Axis:
        rotates = text(item.attrs.get("transformation_type", "translation")) == "rotation"
        vector = self.vector(item, "vector")
        length = float(np.linalg.norm(vector))
        if not length:
            raise self.wrong(item, "its vector has no length")
        offset = self.vector(item, "offset") if "offset" in item.attrs else np.zeros(3)
        if offset.any():  # some writers leave offset_units out and mean the axis's own
            offset = offset * self.factor(item, "offset_units" if "offset_units" in item.attrs else "units", LENGTHS)
        values = self.numbers(item, ANGLES if rotates else LENGTHS)
        if not len(values):
            raise self.wrong(item, "holds no value")
        return Axis(posixpath.basename(item.name), rotates, vector / length, offset, values)

    def chain(self, start: Any, depends_on: str) -> list[Any]:
        """Datasets of a chain of transformations, from the first that is applied; `depends_on` is seen from `start`."""
        found: list[Any] = []
        group = start if hasattr(start, "keys") else start.parent
        while depends_on not in ("", "."):
            item = group.get(depends_on)
            if item is None or not hasattr(item, "shape"):
                raise self.wrong(start, f"depends on {depends_on!r}, which is not there")
            if len(found) == LONGEST_CHAIN:
                raise self.wrong(start, "depends on a chain that does not end")
            found.append(item)
            group, depends_on = item.parent, text(item.attrs.get("depends_on", "."))
        return found


def text(value: Any) -> str:
    """What HDF5 keeps as bytes, text, or an array of one of them."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
