"""Texts of variable length in the header of an HDF5 object: its attributes, and the values of a compact dataset.

HDF5 allocates the length that such a text claims before it looks for the text, and has no function to ask for the
length alone. So the blocks of the header are read here: HDF5 File Format Specification 3.0, IV.A.1 (object
headers), III.G (fractal heaps, for many attributes), III.E (global heaps, which hold the texts).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np

from ..errors import FormatError
from .limits import check_bytes

LAYOUT, ATTRIBUTE, CONTINUATION, ATTRIBUTE_INFO = 0x08, 0x0C, 0x10, 0x15  # kinds of messages
SHARED = 0x02  # flag of a message that is stored elsewhere
UNDEFINED = 2**64 - 1
MOST_BLOCKS = 1000
MOST_BYTES = 2**22  # of the headers of one object


def check_attribute_texts(item: Any) -> None:
    """Raise `FormatError` if a text of variable length in an attribute claims to be longer than the file."""
    _check(item, lambda stored, header: stored.attributes(header))


def check_compact_texts(dataset: Any) -> None:
    """Raise the same error for a dataset whose values are in its header."""
    _check(dataset, lambda stored, header: (data for kind, _, data in stored.messages(header) if kind == LAYOUT))


def _check(item: Any, parts: Callable[[_Stored, int], Iterable[bytes]]) -> None:
    import h5py

    file = item.file
    if file.id.get_create_plist().get_sizes() != (8, 8):
        raise FormatError(f"{file.filename}: addresses of other than 64 bits are not read")
    with open(file.filename, "rb") as content:
        stored = _Stored(content, file.filename, file.userblock_size)
        for data in parts(stored, h5py.h5o.get_info(item.id).addr):
            for length in stored.claimed_lengths(data):
                check_claim(item, length, stored.size)


def check_claim(item: Any, length: int, size: int) -> None:
    """Raise `FormatError` if a text is longer than a file of this size, or than the limit."""
    if length > size:
        raise FormatError(
            f"{item.file.filename}: {item.name}: claims a text of {length} bytes in a file of {size}; "
            "fetch the whole file again"
        )
    check_bytes(item.file.filename, length, item.name)


class _Stored:
    """The bytes of a file; addresses count from `base`."""

    def __init__(self, content: BinaryIO, name: str, base: int) -> None:
        self.content, self.name, self.base = content, name, base
        self.size = os.fstat(content.fileno()).st_size
        self.left = MOST_BYTES
        self._heaps: dict[int, bool] = {}

    def read(self, address: int, length: int) -> bytes:
        """Return bytes at an address; beyond the end of the file they are zeros."""
        self.left -= length
        if length < 0 or self.left < 0:
            raise self.damaged()
        self.content.seek(self.base + min(address, self.size))
        return self.content.read(length).ljust(length, b"\0")

    def number(self, address: int, length: int) -> int:
        return int.from_bytes(self.read(address, length), "little")

    def damaged(self) -> FormatError:
        return FormatError(f"{self.name}: the header of an object is damaged; fetch the whole file again")

    def unread_heap(self) -> FormatError:
        return FormatError(f"{self.name}: attributes in a heap of this kind are not read")

    def attributes(self, header: int) -> Iterator[bytes]:
        """Yield bytes that hold the attributes of an object: those of one attribute, or a block of a heap of them."""
        for kind, flags, data in self.messages(header):
            if kind == ATTRIBUTE and flags & SHARED:
                raise FormatError(f"{self.name}: attributes that objects share are not read")
            if kind == ATTRIBUTE:
                yield data
            if kind == ATTRIBUTE_INFO:
                heap = int.from_bytes(data[2 + 2 * (data[1] & 1) :][:8], "little")
                yield from self.heap_blocks(heap) if heap != UNDEFINED else ()

    def messages(self, header: int) -> Iterator[tuple[int, int, bytes]]:
        """Yield kind, flags and data of the messages of an object header."""
        first = self.read(header, 16)
        new = first[:4] == b"OHDR"
        if new:
            start = header + 6 + 16 * bool(first[5] & 0x20) + 4 * bool(first[5] & 0x10)
            width = 1 << (first[5] & 3)
            waiting = [(start + width, self.number(start, width))]
        else:
            waiting = [(header + 16, int.from_bytes(first[8:12], "little"))]
        ordered = new and bool(first[5] & 0x04)
        for _ in range(MOST_BLOCKS):
            if not waiting:
                return
            for kind, flags, data in _messages(self.read(*waiting.pop()), new=new, ordered=ordered):
                yield kind, flags, data
                if kind == CONTINUATION:
                    at, length = _numbers(data[:16])
                    waiting.append((at + 4, length - 8) if new else (at, length))  # without signature and checksum
        raise self.damaged()

    def heap_blocks(self, heap: int) -> Iterator[bytes]:
        """Yield the direct blocks of a fractal heap."""
        head = self.read(heap, 142)
        width, rows = (int.from_bytes(head[at : at + 2], "little") for at in (110, 140))
        first, largest, root = _numbers(head[112:128] + head[132:140])
        filtered, huge = any(head[7:9]), any(head[86:94])
        if head[:4] != b"FRHP" or filtered or huge or not 0 < first <= largest or width * rows > MOST_BLOCKS:
            raise self.unread_heap()
        if rows == 0:
            yield self.read(root, first)
            return
        offset = 13 + -(-int.from_bytes(head[128:130], "little") // 8)
        for row in range(rows):
            length = first << max(row - 1, 0)
            for column in range(width):
                child = self.number(root + offset + 8 * (row * width + column), 8)
                if child != UNDEFINED:
                    if length > largest:
                        raise self.unread_heap()
                    yield self.read(child, length)

    def claimed_lengths(self, data: bytes) -> Iterator[int]:
        """Yield the lengths of texts: the four bytes before each address of a global heap."""
        for shift in range(4, 12):
            words = np.frombuffer(data[shift : len(data) - (len(data) - shift) % 8], "<u8")
            for i in np.flatnonzero((words > 0) & (words < self.size)).tolist():
                at = shift + 8 * i
                if self.is_heap(int(words[i])):
                    yield int.from_bytes(data[at - 4 : at], "little")

    def is_heap(self, address: int) -> bool:
        if address not in self._heaps:
            self._heaps[address] = self.read(address, 4) == b"GCOL"
        return self._heaps[address]


def _numbers(data: bytes) -> tuple[int, ...]:
    return tuple(int(word) for word in np.frombuffer(data, "<u8"))


def _messages(block: bytes, *, new: bool, ordered: bool) -> Iterator[tuple[int, int, bytes]]:
    """Yield kind, flags and data of the messages of a block of an object header."""
    at, head = 0, (4 + 2 * ordered) if new else 8
    while at + head <= len(block):
        kind = block[at] if new else int.from_bytes(block[at : at + 2], "little")
        size = int.from_bytes(block[at + 1 : at + 3] if new else block[at + 2 : at + 4], "little")
        yield kind, block[at + 3] if new else block[at + 4], block[at + head : at + head + size].ljust(18, b"\0")
        at += head + size
