"""EDF images (ESRF data format): blocks of a text header between braces, then the pixels, fast axis first.

Source: fabio's documentation of the format, https://fabio.readthedocs.io.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError, warn_user
from .atomic import StrPath
from .input_file import read_file

BYTE_ORDERS = {"lowbytefirst": "<", "highbytefirst": ">"}
TYPES = {  # long has 32 bits
    "signedbyte": "i1", "signed8": "i1", "unsignedbyte": "u1", "unsigned8": "u1",
    "signedshort": "i2", "signed16": "i2", "unsignedshort": "u2", "unsigned16": "u2", "unsignedshortinteger": "u2",
    "signedinteger": "i4", "signedlong": "i4", "signed32": "i4",
    "unsignedinteger": "u4", "unsignedlong": "u4", "unsigned32": "u4",
    "signed64": "i8", "unsigned64": "u8",
    "floatvalue": "f4", "float": "f4", "float32": "f4", "floatieee32": "f4",
    "double": "f8", "doublevalue": "f8", "floatieee64": "f8", "doubleieee64": "f8",
}  # fmt: skip


def read_edf(path: StrPath) -> tuple[npt.NDArray[Any], dict[str, str]]:
    """Return the first image of an EDF file in the file's type, (slow, fast), and its header as text.

    Raises `FormatError` if the file is not valid EDF, is compressed, or states a type that is not known. Warns if more
    follows, which is ignored.
    """
    content = read_file(path)
    header, start = _header(path, content)
    dtype, shape = _layout(path, header)
    end = start + shape[0] * shape[1] * dtype.itemsize
    if end > len(content):
        raise FormatError(
            f"{path}: Dim_1 x Dim_2 = {shape[1]} x {shape[0]} of {dtype} needs {end - start} bytes, the file holds "
            f"{len(content) - start}; fetch the whole file again"
        )
    if content[end:].lstrip().startswith(b"{"):
        warn_user(f"{path} holds several images; only the first is read; split the file for the others")
    image = np.frombuffer(content[start:end], dtype).reshape(shape)
    return image.astype(dtype.newbyteorder("=")), header


def _header(path: StrPath, content: bytes) -> tuple[dict[str, str], int]:
    """Return the entries of the header, and the position of the data after it."""
    opening = re.match(rb"\s*\{", content)
    end = content.find(b"}")
    if opening is None or end < 0:
        raise FormatError(f"{path} is not a valid EDF image: no header between braces; check the file")
    text = content[opening.end() : end].decode("latin-1")
    entries = (piece.partition("=") for piece in text.split(";"))
    header = {key.strip(): value.strip() for key, equals, value in entries if equals}
    end += 3 if content[end + 1 : end + 3] == b"\r\n" else 2
    return header, max(end, _integer(path, header, "EDF_HeaderSize", 0))


def _layout(path: StrPath, header: Mapping[str, str]) -> tuple[np.dtype[Any], tuple[int, int]]:
    lower = {key.casefold(): value for key, value in header.items()}
    kind, order = lower.get("datatype", ""), lower.get("byteorder", "LowByteFirst")
    if kind.casefold() not in TYPES or order.casefold() not in BYTE_ORDERS:
        raise FormatError(
            f"{path}: DataType={kind[:40]!r}, ByteOrder={order[:40]!r} is not supported; convert it to FloatValue or "
            "integers, LowByteFirst or HighByteFirst"
        )
    compression = lower.get("compression", "none")
    if compression.casefold() not in ("none", "nocompression", "no_compression"):
        raise FormatError(f"{path}: Compression={compression[:40]!r} is not supported; convert it to none")
    if _integer(path, header, "Dim_3", 1) != 1:
        raise FormatError(f"{path}: Dim_3={lower['dim_3'][:20]!r}: a stack is not supported; split it into images")
    shape = (_integer(path, header, "Dim_2", 0), _integer(path, header, "Dim_1", 0))
    if min(shape) < 1:
        raise FormatError(f"{path}: Dim_1, Dim_2 = {shape[1]}, {shape[0]} is not a valid size; correct the header")
    return np.dtype(BYTE_ORDERS[order.casefold()] + TYPES[kind.casefold()]), shape


def _integer(path: StrPath, header: Mapping[str, str], key: str, default: int) -> int:
    text = next((value for name, value in header.items() if name.casefold() == key.casefold()), str(default))
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise FormatError(f"{path}: {key}={text[:40]!r} is not a valid size; correct the header")
    return int(text)
