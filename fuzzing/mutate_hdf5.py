"""Mutation of a valid NXmx file into well-formed HDF5 with hostile content."""

from __future__ import annotations

import io
import sys
import zlib
from collections.abc import Sequence
from contextlib import suppress
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


FILES = ["elsewhere.h5", "/etc/passwd", "/dev/zero", "fifo", "../up.h5", "\u00e9.h5"]
CHUNKS = [  # filter, its parameters, and the bytes of a chunk
    (1, (4,), zlib.compress(bytes(10**7))),
    (1, (4,), zlib.compress(b"short")),
    (2, (2,), b"\x00\x01\x02"),
    (3, (), b"\x00"),
    (32004, (), (48).to_bytes(8, "big") + (2**30).to_bytes(4, "big") + b"\xff\xff\xff\xff\x00"),
    (32004, (), (2**40).to_bytes(8, "big") + (0).to_bytes(4, "big")),
    (32008, (0, 4, 2, 0, 2), (48).to_bytes(8, "big") + (16).to_bytes(4, "big") + b"\x00\x00\x00\x05\x1f\x00"),
    (32008, (0, 4, 0, 0, 2), (48).to_bytes(8, "big") + (8).to_bytes(4, "big")),
    (
        32008,
        (0, 4, 2, 0, 3),
        (48).to_bytes(8, "big") + (16).to_bytes(4, "big") + b"\x00\x00\x00\x05\x28\xb5\x2f\xfd\x00",
    ),
    (32015, (), b"\x28\xb5\x2f\xfd\xa4" + b"\xff" * 8),
    (32001, (2, 2, 2, 48, 5, 1, 1), b"\x02\x01\x11\x02" + b"\xff" * 12),
    (4, (4, 16), b"\x00\x00"),
]


class _GrowableBytesIO(io.BytesIO):
    """Grows when truncated to a larger size, like a file; HDF5 relies on it."""

    def truncate(self, size: int | None = None) -> int:
        if size is not None and size > len(self.getbuffer()):
            self.seek(0, io.SEEK_END)
            self.write(bytes(size - self.tell()))
        return super().truncate(size)


def mutate(valid: bytes, edits: bytes) -> bytes:
    """Return a valid file after at most `MOST_EDITS` edits; edits that HDF5 rejects are skipped.

    HDF5 may not be able to finish what it accepted: closing the file fails, or closing one of its objects, which h5py
    can only report to `sys.unraisablehook`.
    """
    stored, hook = _GrowableBytesIO(valid), sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        _apply(edits, stored, _names(valid))
    finally:
        sys.unraisablehook = hook
    return stored.getvalue()


def _apply(edits: bytes, stored: io.BytesIO, names: Sequence[str]) -> None:
    with suppress(RuntimeError), h5py.File(stored, "r+") as root:
        for at in range(0, min(len(edits) - len(edits) % EDIT, EDIT * MOST_EDITS), EDIT):
            _edit(root, names, *edits[at : at + EDIT])


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


def _change_storage(
    root: Any, name: str, choice: int, shape: tuple[int, ...], dtype: Any, names: Sequence[str]
) -> None:
    """Store a dataset of the same shape in other files, virtually, as texts, or in chunks that lie."""
    kind, choice = choice % 4, choice // 4
    if kind == 0:
        root.create_dataset(name, shape, dtype, external=[(FILES[choice % len(FILES)], 0, 10**6)])
    elif kind == 1:
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource((".", *FILES)[choice % 6], ("/" + name, names[choice])[choice % 2], shape)
        root.create_virtual_dataset(name, layout)
    elif kind == 2:
        root.create_dataset(name, data=["m" * 50] * (1, 20, 1000)[choice % 3], dtype=h5py.string_dtype())
    else:
        code, parameters, raw = CHUNKS[choice % len(CHUNKS)]
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk(shape)
        for _ in range(1 + choice % 2):
            properties.set_filter(code, h5py.h5z.FLAG_OPTIONAL, parameters)
        space, kept = h5py.h5s.create_simple(shape), h5py.h5t.py_create(dtype)
        h5py.h5d.create(root.id, name.encode(), kept, space, properties)
        root[name].id.write_direct_chunk((0,) * len(shape), raw)


def _change_item(root: Any, name: str, value: int, names: Sequence[str]) -> None:
    attributes, dataset = dict(root[name].attrs), root[name]
    shape, dtype = getattr(dataset, "shape", None) or (1, 4), getattr(dataset, "dtype", np.dtype("u2"))
    del root[name]
    kind = value % 8
    if kind == 0 and value // 8:
        _change_storage(root, name, value // 8, shape, dtype, names)
        root[name].attrs.update(attributes)
        return
    if kind == 0:
        return
    if kind == 1:
        root[name] = h5py.SoftLink("/" + names[value // 8 % len(names)])
    elif kind == 2:
        root[name] = h5py.ExternalLink(FILES[value // 8 % len(FILES)], "/entry/data/data")
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
