"""The first image directory of a TIFF file: size, pixel type, and where its strips are.

Source: Adobe, TIFF, revision 6.0 (1992).
"""

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import FormatError
from .atomic import StrPath

WIDTH, LENGTH, BITS, COMPRESSION, DESCRIPTION, STRIPS, SAMPLES, STRIP_BYTES = 256, 257, 258, 259, 270, 273, 277, 279
TILE_WIDTH, SAMPLE_FORMAT, FILL_ORDER, PHOTOMETRIC = 322, 339, 266, 262
GREY = (0, 1)  # of PHOTOMETRIC
INTEGERS = {1: "B", 3: "H", 4: "I"}  # tag types byte, short, long
ASCII = 2
KINDS = {1: "u", 2: "i", 3: "f"}  # of SAMPLE_FORMAT
TYPES = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
LARGEST_TAG = 2**20  # values of a tag


class Layout(NamedTuple):
    """What the first directory of a TIFF file states.

    Attributes
    ----------
    shape
        (slow, fast).
    dtype
        Type of the pixels, in the file's byte order.
    strips
        Offset and number of bytes of each strip; None if the pixels are compressed or in tiles.
    description
        ImageDescription, or "".
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    strips: list[tuple[int, int]] | None
    description: str


def read_layout(path: StrPath, content: bytes) -> Layout:
    """Return the layout of the first image; raise `FormatError` if it is damaged or not one grey channel."""
    try:
        order = {b"II*\0": "<", b"MM\0*": ">"}[content[:4]]
        tags = _tags(content, order)
        return _layout(path, tags, order)
    except FormatError:
        raise
    except (KeyError, IndexError, ValueError, struct.error) as error:
        big = content[:4] in (b"II+\0", b"MM\0+")
        reason = "BigTIFF is not read; convert it" if big else f"{error or type(error).__name__}"
        raise FormatError(f"{path} is not a valid TIFF image ({reason}); fetch the whole file again") from None


def _tags(content: bytes, order: str) -> dict[int, Any]:
    """Return the integers and texts of the first directory by tag."""
    (start,) = struct.unpack_from(f"{order}I", content, 4)
    (count,) = struct.unpack_from(f"{order}H", content, start)
    tags: dict[int, Any] = {}
    for number in range(count):
        at = start + 2 + 12 * number
        tag, kind, length = struct.unpack_from(f"{order}HHI", content, at)
        if kind not in (*INTEGERS, ASCII) or length > LARGEST_TAG:
            continue
        form = f"{order}{length}{INTEGERS.get(kind, 's')}"
        (where,) = (at + 8,) if struct.calcsize(form) <= 4 else struct.unpack_from(f"{order}I", content, at + 8)
        values = struct.unpack_from(form, content, where)
        tags[tag] = _text(values[0]) if kind == ASCII else values
    return tags


def _text(content: bytes) -> str:
    return content.partition(b"\0")[0].decode("utf-8", "replace")


def _layout(path: StrPath, tags: dict[int, Any], order: str) -> Layout:
    bits, formats = _integers(tags, BITS, (1,)), _integers(tags, SAMPLE_FORMAT, (1,))
    code = f"{KINDS.get(formats[0], '?')}{bits[0] // 8}"
    grey = _integers(tags, SAMPLES, (1,))[0] == 1 and _integers(tags, PHOTOMETRIC, (1,))[0] in GREY
    if not grey or bits[0] % 8 or code not in TYPES or _integers(tags, FILL_ORDER, (1,))[0] != 1:
        told = f"{len(bits)} channels of {bits[0]} bits, SampleFormat {formats[0]}"
        raise FormatError(f"{path}: {told} is not supported; only one grey channel is read; convert it")
    shape = (_integers(tags, LENGTH)[0], _integers(tags, WIDTH)[0])
    if min(shape) < 1:
        raise FormatError(f"{path} is not a valid TIFF image ({shape[1]} x {shape[0]} pixels); correct it")
    raw = _integers(tags, COMPRESSION, (1,))[0] == 1 and TILE_WIDTH not in tags
    strips = _strips(tags, shape, int(bits[0]) // 8) if raw else None
    return Layout(shape, np.dtype(order + code), strips, str(tags.get(DESCRIPTION, "")))


def _integers(tags: dict[int, Any], tag: int, default: Sequence[int] | None = None) -> Sequence[int]:
    values = tags.get(tag, default)
    if values is None or isinstance(values, str) or not len(values):
        raise ValueError(f"no tag {tag}")
    return tuple(map(int, values))


def _strips(tags: dict[int, Any], shape: tuple[int, int], itemsize: int) -> list[tuple[int, int]]:
    offsets = _integers(tags, STRIPS)
    lengths = _integers(tags, STRIP_BYTES, (shape[0] * shape[1] * itemsize,))  # some writers of one strip omit it
    return list(zip(offsets, lengths, strict=True))
