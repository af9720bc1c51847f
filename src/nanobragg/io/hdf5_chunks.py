"""Checks of what an HDF5 dataset stores before HDF5 decodes it: kinds of values, and every chunk that is read."""

import math
import os
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from ..errors import FormatError
from .hdf5_filters import Filter, check_chunk, check_filters, largest_chunk
from .hdf5_headers import check_claim, check_compact_texts
from .limits import check_bytes

Box = Sequence[tuple[int, int]]  # first and last index along each axis

MANY_CHUNKS = 4096  # from this number on, only those that exist are looked up
LARGEST_TEXTS = 16  # texts of variable length in one array


def check_kind(dataset: Any) -> None:
    """Raise `FormatError` unless the values of a dataset or attribute have a size that is known before they are read.

    Texts of variable length are accepted in small numbers: each of them may be as long as the file.
    """
    import h5py

    dtype = dataset.dtype
    if dtype.kind == "c":
        raise FormatError(f"{dataset.file.filename}: {dataset.name}: holds complex numbers, which are not read")
    if dtype.hasobject and (h5py.check_string_dtype(dtype) is None or math.prod(dataset.shape or ()) > LARGEST_TEXTS):
        raise FormatError(
            f"{dataset.file.filename}: {dataset.name}: holds values of variable length, which are not read"
        )


def check_texts(dataset: Any) -> None:
    """Raise `FormatError` if a text of variable length claims to be longer than its file: HDF5 allocates its length."""
    import h5py

    if not dataset.dtype.hasobject:
        return
    if dataset.id.get_create_plist().get_layout() == h5py.h5d.COMPACT:
        check_compact_texts(dataset)
        return
    size, descriptor = os.path.getsize(dataset.file.filename), _descriptor_bytes(dataset)
    for raw in _stored(dataset):
        for at in range(0, len(raw) - descriptor + 1, descriptor):
            check_claim(dataset, int.from_bytes(raw[at : at + 4], "little"), size)


def _descriptor_bytes(dataset: Any) -> int:
    """Return the size of what stands for a text of variable length: its length, and a heap's address and number."""
    return 4 + int(dataset.file.id.get_create_plist().get_sizes()[0]) + 4


def _stored(dataset: Any) -> Iterator[bytes]:
    """Yield the bytes that a dataset without filters stores outside of its header."""
    if dataset.chunks:
        places: list[tuple[int, ...]] = []
        dataset.id.chunk_iter(lambda info: places.append(tuple(info.chunk_offset)))
        yield from (dataset.id.read_direct_chunk(place)[1] for place in places)
    elif (place := dataset.id.get_offset()) is not None:
        with open(dataset.file.filename, "rb") as content:
            content.seek(place)
            yield content.read(dataset.id.get_storage_size())


def check_chunks(dataset: Any, properties: Any, box: Box, *, written: bool = False) -> None:
    """Raise an error unless the chunks of a part of an h5py Dataset unpack to their size, and exist if `written`."""
    filters = [
        Filter(code, tuple(values))
        for code, _, values, _ in map(properties.get_filter, range(properties.get_nfilters()))
    ]
    itemsize = _descriptor_bytes(dataset) if dataset.dtype.hasobject else dataset.id.get_type().get_size()
    size = math.prod(dataset.chunks) * itemsize
    check_bytes(dataset.file.filename, size, dataset.name)
    if dataset.dtype.hasobject and filters:
        raise ValueError("compressed values of variable length are not read")
    check_filters(filters, itemsize)
    places, found = _places(dataset, box), 0
    for place in places:
        info = dataset.id.get_chunk_info_by_coord(place)
        if info.byte_offset is None:  # never written
            continue
        found += 1
        if info.size > largest_chunk(size):
            raise ValueError(f"a chunk of {size} bytes takes {info.size} bytes")
        mask, raw = dataset.id.read_direct_chunk(place)
        check_chunk(raw, [each for i, each in enumerate(filters) if not mask >> i & 1], size)
    if written and (found < len(places) or not places):
        raise FormatError(
            f"{dataset.file.filename}: {dataset.name}: the image was never written; the run was interrupted"
        )


def _places(dataset: Any, box: Box) -> list[tuple[int, ...]]:
    """Return the first indices of the chunks that a box needs."""
    ranges = [
        range(first // edge * edge, last + 1, edge) for (first, last), edge in zip(box, dataset.chunks, strict=True)
    ]
    if math.prod(map(len, ranges)) <= MANY_CHUNKS:
        return list(product(*ranges))
    found: list[tuple[int, ...]] = []
    dataset.id.chunk_iter(lambda info: found.append(tuple(info.chunk_offset)))
    return [place for place in found if all(at in each for at, each in zip(place, ranges, strict=True))]
