"""CBF images in DECTRIS' form (miniCBF): a text header, then signed 32-bit pixels compressed as byte offsets.

Sources: https://www.dectris.com/en/support/manuals-docs (Pilatus CBF Header Specification), and the Crystallographic
Binary File format, International Tables for Crystallography G (2006), chapter 2.3.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath, atomic_write
from .check_image import check_image, check_pixels
from .input_file import read_file
from .named_files import reason
from .optional_imports import import_optional

CONVENTION = "GENERIC_MINI"  # DIALS' name for a miniCBF of an unknown detector, without Pilatus gaps
BOUNDARY = "--CIF-BINARY-FORMAT-SECTION--"
START_OF_DATA = b"\x0c\x1a\x04\xd5"
PADDING = 4095
LOWEST, HIGHEST = -2, 2**31 - 3  # fabio's compression needs differences of 32 bits; -1 and -2 flag pixels
TIMESTAMP = "Timestamp"  # key of the header line that is a bare time
BYTE_OFFSET = "x-CBF_BYTE_OFFSET"


def write_cbf(path: StrPath, image: npt.NDArray[np.int32], header: Mapping[str, str] | str = "") -> None:
    """Write a (slow, fast) int32 image as miniCBF.

    Raises `FormatError` if a value is out of range or the header is not ASCII. Pixels are -2 to 2147483645; -1 flags
    gaps and -2 bad pixels. The header is text of lines `# Key value`, as written by `minicbf.cbf_header`, or a mapping
    of key to text.
    """
    check_image(path, image, allowed=[np.int32])
    why = f"does not fit into CBF, which stores integers from {LOWEST} to {HIGHEST}; scale or clip it, or write NXmx"
    check_pixels(path, image, (image < LOWEST) | (image > HIGHEST), why)
    contents = header if isinstance(header, str) else "".join(map(_header_line, header.items()))
    _check_header(path, contents)
    fabio = import_optional("fabio.compression", f"{path}: CBF")
    packed = fabio.compByteOffset(np.ascontiguousarray(image).ravel())
    name = re.sub(r"[^!-~]", "_", Path(path).stem)
    with atomic_write(path) as handle:
        handle.write(_text_before_data(name, contents, _mime_lines(image, packed)).encode("ascii"))
        handle.write(START_OF_DATA)
        handle.write(packed)
        handle.write(bytes(PADDING) + f"\r\n{BOUNDARY}--\r\n;\r\n".encode())


def read_cbf(path: StrPath) -> tuple[npt.NDArray[Any], dict[str, str]]:
    """Return the (slow, fast) image of a CBF file, and its header lines `# Key value`.

    The file is a miniCBF, or an imgCBF with one image, of integers that are compressed as byte offsets, or of integers
    or reals that are not compressed. The image has the file's type. Raises `FormatError` if the file is not a valid
    CBF, is truncated, or its data do not match their checksum.
    """
    content = read_file(path)
    if not content.startswith(b"###CBF"):
        raise FormatError(f"{path} is not a valid CBF image: it does not start with '###CBF'; check the file")
    head, found, data = content.partition(START_OF_DATA)
    mime = _mime_fields(head.decode("latin-1").rpartition(BOUNDARY)[2])
    size = _positive(path, mime, "X-Binary-Size")
    if not found or len(data) < size:
        raise FormatError(f"{path}: X-Binary-Size = {size}, the file holds {len(data)} bytes; fetch it again")
    if "X-Binary-Size-Third-Dimension" in mime and _positive(path, mime, "X-Binary-Size-Third-Dimension") > 1:
        raise FormatError(f"{path}: holds a stack of images, which is not read; split it into images")
    packed = data[:size]
    if "Content-MD5" in mime and mime["Content-MD5"] != _md5(packed):
        raise FormatError(f"{path}: the pixels do not match their checksum (Content-MD5); fetch the file again")
    shape = (
        _positive(path, mime, "X-Binary-Size-Second-Dimension"),
        _positive(path, mime, "X-Binary-Size-Fastest-Dimension"),
    )
    image = _decompress(path, packed, mime, shape)
    if "X-Binary-Number-of-Elements" in mime:
        stated = _positive(path, mime, "X-Binary-Number-of-Elements")
        if stated != shape[0] * shape[1]:
            raise FormatError(
                f"{path}: X-Binary-Number-of-Elements = {stated}, but the image has {shape[0]} x {shape[1]} pixels; "
                "fetch the file again"
            )
    return image, _header_fields(head.decode("latin-1"))


def _decompress(path: StrPath, packed: bytes, mime: dict[str, str], shape: tuple[int, int]) -> npt.NDArray[Any]:
    dtype, is_packed = _stored_type(path, mime)
    if not is_packed:
        if len(packed) != shape[0] * shape[1] * dtype.itemsize:
            raise FormatError(
                f"{path}: {len(packed)} bytes are not {shape[0]} x {shape[1]} pixels of {dtype}; fetch it again"
            )
        return np.frombuffer(packed, dtype).astype(dtype.newbyteorder("=")).reshape(shape)
    fabio = import_optional("fabio.compression", f"{path}: CBF")
    if shape[0] * shape[1] > len(packed):  # every pixel takes at least a byte
        raise FormatError(f"{path}: {len(packed)} bytes cannot hold {shape[0]} x {shape[1]} pixels; fetch it again")
    try:
        pixels = np.asarray(fabio.decByteOffset(packed, shape[0] * shape[1]))
    except Exception as error:  # fabio raises many types for damaged data
        raise FormatError(
            f"{path}: the pixels cannot be decompressed ({reason(path, error)}); fetch the file again"
        ) from error
    if pixels.size != shape[0] * shape[1]:
        raise FormatError(f"{path}: holds {pixels.size} pixels, not {shape[0]} x {shape[1]}; fetch the file again")
    return _as_type(path, pixels, dtype).reshape(shape)


def _stored_type(path: StrPath, mime: dict[str, str]) -> tuple[np.dtype[Any], bool]:
    """Return the dtype of the pixels and whether they are compressed as byte offsets; other ones are refused."""
    element = mime.get("X-Binary-Element-Type", "").strip().strip("\"'")
    found = re.fullmatch(r"(un)?signed (8|16|32|64)-bit (integer|real IEEE)", element, re.IGNORECASE)
    content, encoding = mime.get("Content-Type", ""), mime.get("Content-Transfer-Encoding", "BINARY").strip().upper()
    compressions = [word.upper() for word in re.findall(r"x-CBF_\w+", content, re.IGNORECASE)]
    is_real = found is not None and "real" in found.group(3).lower()
    is_packed = compressions == [BYTE_OFFSET.upper()]
    known = found is not None and encoding == "BINARY" and (is_packed or compressions in ([], ["X-CBF_NONE"]))
    if found is None or not known or (is_real and (is_packed or found.group(1) or found.group(2) in ("8", "16"))):
        told = ", ".join(filter(None, [element, *compressions, encoding if encoding != "BINARY" else ""]))
        raise FormatError(
            f"{path}: {told[:80]!r}: only signed 32-bit pixels and those of the other types of CBF, uncompressed or "
            f"integers compressed as {BYTE_OFFSET}, are read; convert it first"
        )
    order = ">" if mime.get("X-Binary-Element-Byte-Order", "").strip().upper().startswith("BIG") else "<"
    kind = "f" if is_real else "u" if found.group(1) else "i"
    return np.dtype(f"{order}{kind}{int(found.group(2)) // 8}"), is_packed


def _as_type(path: StrPath, pixels: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return decompressed pixels in their type; the differences of unsigned ones may have been wrapped."""
    native = dtype.newbyteorder("=")
    bits = 8 * native.itemsize
    lowest, highest = -(2 ** (bits - 1)), 2 ** (bits if native.kind == "u" else bits - 1) - 1
    if int(pixels.min()) < lowest or int(pixels.max()) > highest:
        raise FormatError(
            f"{path}: pixels from {pixels.min()} to {pixels.max()} do not fit into {native}; fetch the file again"
        )
    return pixels.astype(native, copy=False)


def _mime_lines(image: npt.NDArray[np.int32], packed: bytes) -> list[str]:
    return [
        "Content-Type: application/octet-stream;",
        f'     conversions="{BYTE_OFFSET}"',
        "Content-Transfer-Encoding: BINARY",
        f"X-Binary-Size: {len(packed)}",
        "X-Binary-ID: 1",
        'X-Binary-Element-Type: "signed 32-bit integer"',
        "X-Binary-Element-Byte-Order: LITTLE_ENDIAN",
        f"Content-MD5: {_md5(packed)}",
        f"X-Binary-Number-of-Elements: {image.size}",
        f"X-Binary-Size-Fastest-Dimension: {image.shape[1]}",
        f"X-Binary-Size-Second-Dimension: {image.shape[0]}",
        f"X-Binary-Size-Padding: {PADDING}",
    ]


def _text_before_data(name: str, contents: str, mime: list[str]) -> str:
    lines = [
        "###CBF: VERSION 1.5, nanobragg", "", f"data_{name}", "",
        f'_array_data.header_convention "{CONVENTION}"', "_array_data.header_contents", ";",
        *contents.splitlines(), ";", "", "_array_data.data", ";", BOUNDARY, *mime, "", "",
    ]  # fmt: skip
    return "\r\n".join(lines)


def _header_line(entry: tuple[str, str]) -> str:
    key, text = entry
    return f"# {text}\n" if key == TIMESTAMP else f"# {key} {text}\n"


def _check_header(path: StrPath, contents: str) -> None:
    for line in contents.splitlines():
        if not re.fullmatch(r"# *\S[ -~]*", line):
            raise FormatError(f"{path}: header line {line[:60]!r} cannot be written; use '# Key value' in ASCII")


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _mime_fields(text: str) -> dict[str, str]:
    unfolded = re.sub(r"\r?\n[ \t]+", " ", text)
    pairs = (line.partition(":") for line in unfolded.splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def _positive(path: StrPath, fields: dict[str, str], key: str) -> int:
    value = fields.get(key, "")
    if not re.fullmatch(r"[0-9]{1,12}", value) or int(value) == 0:
        raise FormatError(f"{path}: {key} = {value[:40]!r} is not a positive integer; fetch the file again")
    return int(value)


def _header_fields(head: str) -> dict[str, str]:
    lines = (line[1:].strip() for line in head.splitlines() if line.startswith("#") and not line.startswith("##"))
    fields = {}
    for line in filter(None, lines):
        key, *text = re.split(r"[ \t:=]+", line, maxsplit=1)
        if len(text) == 1 and not re.match(r"[0-9]{4}[-/]", line):
            fields[key] = text[0]
        else:
            fields[TIMESTAMP] = line
    return fields
