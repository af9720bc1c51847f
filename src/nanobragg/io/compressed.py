"""Compressed files, recognised by their first bytes: gzip and bzip2 are unpacked, others are named."""

import bz2
import gzip
import io
import zlib
from typing import BinaryIO

from ..errors import FormatError
from .atomic import StrPath
from .limits import check_bytes

SUFFIXES = (".gz", ".bz2")  # dropped from a name before its own suffix decides the format
PACKED = {b"\x1f\x8b\x08": "gzip", b"BZh": "bzip2"}
NAMED = {b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "Zstandard", b"\x1f\x9d": "compress", b"Rar!": "RAR"}
CHUNK_BYTES = 2**18


def without_compression_suffix(name: str) -> str:
    """Return a file name without the suffix of gzip or bzip2."""
    lower = name.lower()
    return next((name[: -len(suffix)] for suffix in SUFFIXES if lower.endswith(suffix)), name)


def packed_as(content: bytes) -> str | None:
    """Return the name of the compression whose first bytes these are; None if there is none."""
    known = {**PACKED, **NAMED}
    return next((name for start, name in known.items() if content.startswith(start)), None)


def unpacked(path: StrPath, content: bytes) -> bytes:
    """Return what a file compressed with gzip or bzip2 contains.

    Raises `FormatError` if the stream is damaged, yields more than `byte_limit`, or uses another compression.
    """
    name = packed_as(content)
    if name not in PACKED.values():
        raise FormatError(f"{path} is compressed with {name}, which is not read; unpack it first")
    packed = io.BytesIO(content)
    try:
        with gzip.GzipFile(fileobj=packed) if name == "gzip" else bz2.BZ2File(packed) as stream:
            return _counted(path, stream)  # type: ignore[arg-type]
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(f"{path} is not valid {name} ({error}); fetch the whole file again") from None


def _counted(path: StrPath, stream: BinaryIO) -> bytes:
    chunks, length = [], 0
    while chunk := stream.read(CHUNK_BYTES):
        length += len(chunk)
        check_bytes(path, length, "its unpacked content")
        chunks.append(chunk)
    return b"".join(chunks)
