"""Checks of compressed HDF5 chunks before a library decodes them.

The decoders of HDF5 plugins trust the sizes that a chunk states, and HDF5 itself unpacks a deflate stream of any
length. Only the filters of detectors are read: shuffle, then deflate, LZ4 or bitshuffle (LZ4 or Zstandard), then
Fletcher's checksum.

Sources: https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md (LZ4),
https://github.com/kiyo-masui/bitshuffle/blob/master/src/bshuf_h5filter.c.
"""

import zlib
from typing import NamedTuple

from .optional_imports import import_optional

DEFLATE, SHUFFLE, FLETCHER32, LZ4, BITSHUFFLE = 1, 2, 3, 32004, 32008
NAMES = {
    DEFLATE: "deflate",
    SHUFFLE: "shuffle",
    FLETCHER32: "Fletcher's checksum",
    LZ4: "LZ4",
    BITSHUFFLE: "bitshuffle",
}
CHECKSUM_BYTES = 4
BITSHUFFLE_LZ4, BITSHUFFLE_ZSTD = 2, 3
OVERHEAD_BYTES = 4096  # of a compressed chunk over its content, besides one eighth


class Filter(NamedTuple):
    """A filter of a dataset: its number and parameters."""

    code: int
    values: tuple[int, ...]

    @property
    def compresses(self) -> bool:
        """Whether the chunk changes its size."""
        bitshuffle = len(self.values) > 4 and self.values[4] in (BITSHUFFLE_LZ4, BITSHUFFLE_ZSTD)
        return self.code in (DEFLATE, LZ4) or (self.code == BITSHUFFLE and bitshuffle)

    @property
    def stage(self) -> int:
        """Place in the order of filters."""
        return 2 if self.code == FLETCHER32 else 1 if self.compresses else 0


def check_filters(filters: list[Filter], itemsize: int) -> None:
    """Raise `ValueError` unless a pipeline is one that detectors use."""
    unknown = [str(each.code) for each in filters if each.code not in NAMES]
    if unknown:
        raise ValueError(f"filter {', '.join(unknown)} is not read, only {', '.join(NAMES.values())}; use h5repack")
    stages = [each.stage for each in filters]
    if stages != sorted(set(stages)):
        raise ValueError(f"filters {', '.join(NAMES[each.code] for each in filters)} in this order are not read")
    for each in filters:
        if each.code == BITSHUFFLE and (len(each.values) < 3 or each.values[2] != itemsize):
            raise ValueError(f"bitshuffle has parameters {each.values} for values of {itemsize} bytes")


def largest_chunk(size: int) -> int:
    """Return the largest number of bytes that a chunk of `size` bytes takes when compressed."""
    return size + size // 8 + OVERHEAD_BYTES


def check_chunk(raw: bytes, filters: list[Filter], size: int) -> None:
    """Raise `ValueError` unless a stored chunk unpacks to exactly `size` bytes; `filters` are those applied to it."""
    if any(each.code == FLETCHER32 for each in filters):
        if len(raw) < CHECKSUM_BYTES:
            raise ValueError(f"a chunk of {len(raw)} bytes has no checksum")
        raw = raw[:-CHECKSUM_BYTES]
    packed = [each for each in filters if each.compresses]
    if not packed:
        if len(raw) != size:
            raise ValueError(f"a chunk holds {len(raw)} bytes, not {size}")
    elif packed[0].code == DEFLATE:
        _check_deflate(raw, size)
    elif packed[0].code == LZ4:
        _check_lz4(raw, size)
    else:
        _check_bitshuffle(raw, packed[0], size)


def _check_deflate(raw: bytes, size: int) -> None:
    stream = zlib.decompressobj()
    try:
        held = len(stream.decompress(raw, size + 1))
        held += len(stream.decompress(stream.unconsumed_tail, 1)) if held == size else 0
    except zlib.error as error:
        raise ValueError(f"a chunk is not valid deflate: {error}") from None
    if held != size or not stream.eof:
        raise ValueError(f"a chunk unpacks to {'more' if held > size else 'less'} than {size} bytes")


def _check_lz4(raw: bytes, size: int) -> None:
    """Check a chunk of the LZ4 filter: size (8 bytes), block size (4 bytes), and blocks with their sizes."""
    stated, block = int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:12], "big")
    if len(raw) < 12 or stated != size or block < 1:
        raise ValueError(f"an LZ4 chunk states {stated} bytes in blocks of {block}, not {size} bytes")
    at, left = 12, size
    while left:
        at = _check_block(raw, at, min(block, left), may_be_stored=True)
        left -= min(block, left)


def _check_bitshuffle(raw: bytes, used: Filter, size: int) -> None:
    """Check a chunk of bitshuffle: size and block size as above, then blocks, the last one of a multiple of 8 items."""
    stated, block, itemsize = int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:12], "big"), used.values[2]
    if len(raw) < 12 or stated != size or block < 1 or block % (8 * itemsize):
        raise ValueError(f"a bitshuffle chunk states {stated} bytes in blocks of {block}, not {size} bytes")
    at, left, whole = 12, size, 8 * itemsize
    while left >= whole:
        part = min(block, left - left % whole)
        at = _check_block(raw, at, part, is_zstd=used.values[4] == BITSHUFFLE_ZSTD)
        left -= part
    if len(raw) - at < left:  # the rest is not compressed
        raise ValueError("a chunk is cut off")


def _check_block(raw: bytes, at: int, size: int, *, may_be_stored: bool = False, is_zstd: bool = False) -> int:
    """Check a block of `size` bytes, of which the compressed size stands at `at`; return where it ends."""
    start = at + 4
    end = start + int.from_bytes(raw[at:start], "big")
    if start > len(raw) or end > len(raw) or end == start:
        raise ValueError("a chunk is cut off, or a block in it states a wrong size")
    if is_zstd or (may_be_stored and end - start == size):  # Zstandard itself stops at the sizes that it is given
        return end
    lz4 = import_optional("lz4.block", "LZ4 chunks of HDF5")
    try:
        held = len(lz4.decompress(memoryview(raw)[start:end], uncompressed_size=size))
    except lz4.LZ4BlockError as error:
        raise ValueError(f"a block is not valid LZ4 ({error})") from None
    if held != size:
        raise ValueError(f"a block unpacks to {held} bytes, not {size}")
    return end
