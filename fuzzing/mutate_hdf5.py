"""Mutation of a valid NXmx file into well-formed HDF5 with hostile content."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from typing import Any

import h5py
import numpy as np

EDIT = 3  # bytes of an edit: the item, its attribute (or itself), and the new value
MOST_EDITS = 20
ENDLESS = 2**40
VALUES: list[Any] = [
    0, -1, 1, 2, 3, 0.5, 1e-300, 1e300, float("nan"), float("inf"), -(2**63), 2**62, True, 1j, "", ".", "/", "m",
    "deg", "eV", "rotation", "NXmx", "NXdetector_module", "no\u0007\u00e9", b"\xff\xfe", [], [0.0], [1, 2], [0, 0, 0],
    [1, 0, 0], [1.0, float("nan"), 0], [1e300, 1e300, 1e300], [-1, 5], [[1, 2], [3, 4]], [[[1]]], ["a", "b"],
    np.zeros((2, 0)), np.zeros(2, [("a", "i4")]), np.array([2**31, 2**31]), np.full((3, 3), 7), np.void(b"abc"),
]  # fmt: skip


class _GrowableBytesIO(io.BytesIO):
    """Grows when truncated to a larger size, like a file; HDF5 relies on it."""

    def truncate(self, size: int | None = None) -> int:
        if size is not None and size > len(self.getbuffer()):
            self.seek(0, io.SEEK_END)
            self.write(bytes(size - self.tell()))
        return super().truncate(size)


def mutate(valid: bytes, edits: bytes) -> bytes:
    """Return a valid file after at most `MOST_EDITS` edits; edits that HDF5 rejects are skipped."""
    stored, names = _GrowableBytesIO(valid), _names(valid)
    with h5py.File(stored, "r+") as root:
        for at in range(0, min(len(edits) - len(edits) % EDIT, EDIT * MOST_EDITS), EDIT):
            _edit(root, names, *edits[at : at + EDIT])
    return stored.getvalue()


@cache
def _names(valid: bytes) -> tuple[str, ...]:
    names: list[str] = []
    with h5py.File(io.BytesIO(valid)) as root:
        root.visit(names.append)
    return tuple(names)


def _edit(root: Any, names: Sequence[str], item_byte: int, attribute: int, value: int) -> None:
    name = names[item_byte % len(names)]
    try:
        item = root[name]
        attributes = sorted(item.attrs)
        if attributes and attribute % 2:
            _change_attribute(item, attributes[attribute // 2 % len(attributes)], value)
        else:
            _change_item(root, name, value, names)
    except (TypeError, ValueError, OSError, RuntimeError, KeyError):
        return


def _change_attribute(item: Any, name: str, value: int) -> None:
    del item.attrs[name]
    if value:
        item.attrs[name] = VALUES[value % len(VALUES)]


def _change_item(root: Any, name: str, value: int, names: Sequence[str]) -> None:
    attributes = dict(root[name].attrs)
    del root[name]
    kind = value % 8
    if kind == 0:
        return
    if kind == 1:
        root[name] = h5py.SoftLink("/" + names[value // 8 % len(names)])
    elif kind == 2:
        root[name] = h5py.ExternalLink("elsewhere.h5" if value > 128 else "\u00e9.h5", "/entry")
    elif kind == 3:
        root.create_group(name)
    elif kind == 4:
        shape = [(ENDLESS,), (2**20, 2**20), (2**20, 4, 2**20)][value // 8 % 3]
        root.create_dataset(name, shape, "f8", chunks=tuple(min(side, 64) for side in shape))
    elif kind == 5:
        root.create_dataset(name, (4,), "u2", maxshape=(None,), chunks=(2**28,), compression="gzip")
    else:
        root[name] = VALUES[(value // 8 + 21 * (kind == 7)) % len(VALUES)]
    root[name].attrs.update(attributes)
