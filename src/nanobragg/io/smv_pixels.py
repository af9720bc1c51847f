"""The pixel type that an SMV or d*TREK header states: TYPE or Data_type, BYTE_ORDER, Compression.

Source: Rigaku, d*TREK Image Format, version 1.1 (Data_type), and the headers of ADSC's detectors (TYPE).
"""

import re
from collections.abc import Mapping

import numpy as np

from ..errors import FormatError, warn_user
from .atomic import StrPath

BYTE_ORDERS = {"little_endian": "<", "big_endian": ">"}
CODES = {  # of names without "int", blanks and underscores; long has 32 bits
    "unsignedchar": "u1", "unsignedbyte": "u1", "signedchar": "i1",
    "unsignedshort": "u2", "short": "i2", "signedshort": "i2",
    "unsignedlong": "u4", "unsigned": "u4", "long": "i4", "signedlong": "i4", "signed": "i4",
    "float": "f4", "floatieee": "f4",
}  # fmt: skip
READABLE = ("unsigned_char", "signed_char", "unsigned_short", "signed_short", "unsigned_long", "signed_long", "float")
RATIO = "RAXIS_COMPRESSION_RATIO"


def entry(header: Mapping[str, str], key: str) -> str | None:
    """Return a header's value; a key in other capitals counts if the exact one is absent."""
    if key in header:
        return header[key]
    return next((value for name, value in header.items() if name.casefold() == key.casefold()), None)


def pixel_type(path: StrPath, header: Mapping[str, str]) -> np.dtype[np.generic]:
    """Return the dtype of the pixels; raise `FormatError` if the header does not state one that is read.

    Without TYPE and Data_type the pixels are unsigned_short. Without BYTE_ORDER they are little-endian, with a warning.
    """
    names = {key: value for key in ("TYPE", "Data_type") if (value := entry(header, key)) is not None}
    codes = {key: CODES.get(_plain(value)) for key, value in names.items()}
    dimensions = entry(header, "DIM") or "2"
    told = ", ".join(f"{key}={value[:40]!r}" for key, value in {**names, "DIM": dimensions}.items())
    if None in codes.values() or dimensions != "2":
        raise FormatError(
            f"{path}: {told} is not supported; convert it to a two-dimensional image of {', '.join(READABLE)}"
        )
    if len(set(codes.values())) > 1:
        raise FormatError(f"{path}: {told} contradict each other; keep the one that is right")
    _refuse_compression(path, header)
    code = next(iter(codes.values()), "u2")
    return np.dtype(_byte_order(path, header, code) + str(code))


def check_overflow(path: StrPath, header: Mapping[str, str], largest: int) -> None:
    """Raise `FormatError` if 16-bit pixels with the highest bit set stand for larger counts, as R-AXIS detectors do."""
    ratio = entry(header, RATIO) or "1"
    if largest > 0x7FFF and ratio not in ("1", "1.0", "0"):
        raise FormatError(
            f"{path}: pixels above 32767 are multiplied by {RATIO}={ratio[:20]}, which is not done; convert the image"
        )


def _plain(name: str) -> str:
    lower = re.sub(r"[\s_]+", " ", name.strip().lower())
    return re.sub(r"\bint$", "", lower).replace(" ", "") if lower != "int" else "signed"


def _refuse_compression(path: StrPath, header: Mapping[str, str]) -> None:
    compression = entry(header, "COMPRESSION") or "none"
    if compression.lower() != "none":
        raise FormatError(f"{path}: COMPRESSION={compression[:40]!r} is not supported; convert it to COMPRESSION=None")


def _byte_order(path: StrPath, header: Mapping[str, str], code: str | None) -> str:
    order = entry(header, "BYTE_ORDER")
    if order is None and code not in ("u1", "i1"):
        warn_user(f"{path}: the header has no BYTE_ORDER; little_endian is used; add BYTE_ORDER to the header")
    if order is not None and order.lower() not in BYTE_ORDERS:
        raise FormatError(f"{path}: BYTE_ORDER={order!r} is unknown; it must be {' or '.join(BYTE_ORDERS)}")
    return BYTE_ORDERS[(order or "little_endian").lower()]
