"""SMV images (ADSC, and Rigaku's d*TREK): a text header of KEY=value lines, then pixels, fast axis first.

The header is padded with blanks to HEADER_BYTES, 512 or a multiple of it. Files are written with unsigned 16-bit pixels
and read with every type of `smv_pixels`.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import FormatError, warn_user
from .atomic import StrPath, atomic_write
from .check_image import check_image
from .input_file import file_size, open_input, read_array
from .smv_pixels import check_overflow, entry, pixel_type

BLOCK = 512
LARGEST_SIDE = 10**6  # pixels
STRUCTURE = ("HEADER_BYTES", "DIM", "BYTE_ORDER", "TYPE", "SIZE1", "SIZE2")
NO_SEMICOLON = "DIALS_ORIGIN"


def smv_header(
    *,
    fast_pixels: int,
    slow_pixels: int,
    pixel_mm: float,
    distance_mm: float,
    wavelength_A: float,
    beam_center_x_mm: float,
    beam_center_y_mm: float,
    f_beam_mm: float,
    s_beam_mm: float,
    dials_origin_mm: Sequence[float],
    orgx_px: float,
    orgy_px: float,
    close_distance_mm: float,
    phi_deg: float = 0.0,
    osc_deg: float = 0.0,
    twotheta_deg: float = 0.0,
    detsize_s_mm: float | None = None,
    extra: Mapping[str, object] | None = None,
) -> str:
    """Return the header text of an image, from `{` to `}`, with nanoBragg.c's keys in its order.

    See `format_header` for its length. Beam centres are Xbeam and Ybeam of the detector convention; `f_beam_mm` and
    `s_beam_mm` are the direct beam along the fast and slow axis from the detector's corner, from which the ADXV, MOSFLM
    and DENZO centres follow. `dials_origin_mm` is in the DIALS frame, `detsize_s_mm` by default `slow_pixels *
    pixel_mm`. Entries of `extra` (program version, seed, configuration hash) are appended at the end.
    """
    half_px = 0.5 * pixel_mm
    detsize_s = slow_pixels * pixel_mm if detsize_s_mm is None else detsize_s_mm
    entries: dict[str, object] = {
        **_structure(slow_pixels, fast_pixels),
        "PIXEL_SIZE": pixel_mm,
        "DISTANCE": distance_mm,
        "WAVELENGTH": wavelength_A,
        "BEAM_CENTER_X": beam_center_x_mm,
        "BEAM_CENTER_Y": beam_center_y_mm,
        "ADXV_CENTER_X": f_beam_mm,
        "ADXV_CENTER_Y": _difference(detsize_s, s_beam_mm),
        "MOSFLM_CENTER_X": _difference(s_beam_mm, half_px),
        "MOSFLM_CENTER_Y": _difference(f_beam_mm, half_px),
        "DENZO_X_BEAM": s_beam_mm,
        "DENZO_Y_BEAM": f_beam_mm,
        "DIALS_ORIGIN": tuple(dials_origin_mm),
        "XDS_ORGX": orgx_px,
        "XDS_ORGY": orgy_px,
        "CLOSE_DISTANCE": close_distance_mm,
        "PHI": phi_deg,
        "OSC_START": phi_deg,
        "OSC_RANGE": osc_deg,
        "TWOTHETA": twotheta_deg,
        "DETECTOR_SN": "000",
        "BEAMLINE": "fake",
    }
    return format_header({**entries, **(extra or {})})


def format_header(entries: Mapping[str, object]) -> str:
    """Return entries as header text in ASCII, from `{` to `}` without the padding, with HEADER_BYTES set to its size.

    Values are numbers, sequences of numbers or text. Numbers have six significant digits (C's %g), or five if the
    header then fits into 512 bytes. A longer header has six digits and a HEADER_BYTES that is a larger multiple of 512.
    Raises `FormatError` if a key or value holds a character that would end the entry or the header.
    """
    entries = {"HEADER_BYTES": BLOCK, **entries}  # must be the first entry
    for digits in (6, 5):
        text = _format_entries({**entries, "HEADER_BYTES": BLOCK}, digits)
        if len(text) < BLOCK:
            return text
    header_bytes = BLOCK
    while len(text) >= header_bytes:  # one byte more for the form feed
        header_bytes += BLOCK
        text = _format_entries({**entries, "HEADER_BYTES": header_bytes}, 6)
    return text


def parse_header(text: str) -> dict[str, str]:
    """Return the entries of a header text, without surrounding blanks; the last occurrence of a key is used.

    A value may hold braces (`HOLDER={ Z X Y };`). Anything after the brace that closes the header is ignored; if the
    braces do not match, the header ends at the last one.
    """
    pieces = (piece.partition("=") for piece in _split(text[1:]))
    return {key.strip(): value.strip() for key, equals, value in pieces if equals and key.strip()}


def _split(inside: str) -> list[str]:
    """Return the entries between the braces of a header; those inside further braces belong to a value."""
    depth, start = 0, 0
    pieces: list[str] = []
    for sign in re.finditer(r"[{};\r\n]", inside):
        if sign.group() == "{":
            depth += 1
        elif sign.group() == "}":
            depth -= 1
            if depth < 0:
                return [*pieces, inside[start : sign.start()]]
        elif depth == 0:
            pieces.append(inside[start : sign.start()])
            start = sign.end()
    return re.split(r"[;\r\n]", inside.rpartition("}")[0] or inside)


def write_smv(path: StrPath, image: npt.NDArray[np.uint16], header: Mapping[str, object] | str | None = None) -> None:
    """Write one (slow, fast) uint16 image, little-endian.

    The header is text from `smv_header` or `format_header`, or entries, of which those that describe the file
    (HEADER_BYTES, DIM, BYTE_ORDER, TYPE, SIZE1, SIZE2) are replaced by the image's. Raises `FormatError` if the image
    is not a 2-D uint16 array, or the header text does not match it.
    """
    check_image(path, image, allowed=[np.uint16])
    if not isinstance(header, str):
        structure = _structure(*image.shape)
        others = {key: value for key, value in (header or {}).items() if key not in STRUCTURE}
        header = format_header({**structure, **others})
    size = _checked_header_bytes(path, header, image)
    with atomic_write(path) as handle:
        handle.write(f"{header}\f".encode("ascii").ljust(size))
        handle.write(np.ascontiguousarray(image, dtype="<u2").data)


def read_smv(path: StrPath) -> tuple[npt.NDArray[Any], dict[str, str]]:
    """Return the (slow, fast) image of an SMV or d*TREK file, and its header's keys and values as text.

    The image has the file's type: integers of 8, 16 or 32 bits, signed or not, or 32-bit floats. Raises `FormatError`
    if the header is damaged, does not match the file's size, or states another type.
    """
    with open_input(path) as handle:
        header = _read_header(handle, path)
        dtype = pixel_type(path, header)
        shape = (_positive(path, header, "SIZE2"), _positive(path, header, "SIZE1"))
        image = read_array(handle, path, dtype, shape, "SIZE2 x SIZE1")
    if dtype.kind == "u" and dtype.itemsize == 2:
        check_overflow(path, header, int(image.max()))
    return image, header


def read_smv_shape(path: StrPath) -> tuple[tuple[int, int], dict[str, str]]:
    """Return the shape (slow, fast) that the header of an SMV file states, and the header; warn about other pixels.

    The pixels are not read, so that the file may be shorter or longer than its header says.
    """
    with open_input(path) as handle:
        header = _read_header(handle, path)
        shape = (_positive(path, header, "SIZE2"), _positive(path, header, "SIZE1"))
        size = file_size(handle) - handle.tell()
    if max(shape) > LARGEST_SIDE:
        raise FormatError(f"{path}: SIZE2 x SIZE1 = {shape[0]} x {shape[1]} is not the size of an image; correct it")
    needed = shape[0] * shape[1] * pixel_type(path, header).itemsize
    if size != needed:
        warn_user(f"{path}: holds {size} bytes of pixels, and SIZE2 x SIZE1 need {needed}; only its header is used")
    return shape, header


def _read_header(handle: BinaryIO, path: StrPath) -> dict[str, str]:
    """Return the header entries of an open file and leave it at the first byte of the data."""
    start = handle.read(BLOCK).decode("latin-1")
    if not start.startswith("{"):
        raise FormatError(f"{path} is not a valid SMV image: it does not start with '{{'; check the file")
    size = _positive(path, parse_header(start), "HEADER_BYTES")
    if size > file_size(handle):
        raise FormatError(
            f"{path}: HEADER_BYTES={size} exceeds the file's {file_size(handle)} bytes; "
            "correct it or fetch the whole file again"
        )
    handle.seek(0)
    text = handle.read(size).decode("latin-1")
    if "}" not in text:
        raise FormatError(f"{path}: no '}}' within HEADER_BYTES={size} bytes; correct the number or end the header")
    header = parse_header(text)
    if _positive(path, header, "HEADER_BYTES") != size:
        raise FormatError(
            f"{path}: HEADER_BYTES is both {size} and {entry(header, 'HEADER_BYTES')}; keep the correct one"
        )
    return header


def _positive(path: StrPath, header: Mapping[str, str], key: str) -> int:
    """Return a header value as a positive integer."""
    value = entry(header, key)
    if value is None:
        edf = " (it looks like one of EDF)" if entry(header, "Dim_1") or entry(header, "HeaderID") else ""
        raise FormatError(f"{path}: the header has no {key}{edf}; add it")
    if not re.fullmatch(r"[0-9]{1,10}", value) or int(value) == 0:
        raise FormatError(f"{path}: {key}={value[:40]!r} is not a positive integer; correct it")
    return int(value)


def _checked_header_bytes(path: StrPath, header: str, image: npt.NDArray[np.uint16]) -> int:
    """Return HEADER_BYTES of a header text after checking it against the image and the text's length."""
    if not (header.isascii() and header.startswith("{") and header.endswith("}")):
        raise FormatError(f"{path}: the header is not ASCII text from '{{' to '}}'; use format_header")
    entries = parse_header(header)
    for key, value in _structure(*image.shape).items():
        if key != "HEADER_BYTES" and entries.get(key) != str(value):
            raise FormatError(f"{path}: the header says {key}={entries.get(key)}, the image {value}; make them agree")
    header_bytes = _positive(path, entries, "HEADER_BYTES")
    if len(header) >= header_bytes:
        raise FormatError(
            f"{path}: HEADER_BYTES={header_bytes} is less than the header's {len(header) + 1} bytes; use format_header"
        )
    return header_bytes


def _structure(slow_pixels: int, fast_pixels: int) -> dict[str, object]:
    """Return the entries that describe the file's layout."""
    values = (BLOCK, 2, "little_endian", "unsigned_short", fast_pixels, slow_pixels)
    return dict(zip(STRUCTURE, values, strict=True))


def _format_entries(entries: Mapping[str, object], digits: int) -> str:
    lines = []
    for key, value in entries.items():
        text = _format_value(value, digits)
        if not re.fullmatch(r"[!-:<>-z|~]+", key) or not re.fullmatch(r"[ -:<-z|~]*", text):
            raise FormatError(
                f"SMV header: {key}={text!r} cannot be written; use printable ASCII without ';', '{{', '}}' "
                "and, in the key, without '=' and blanks"
            )
        lines.append(f"{key}={text}" + ("" if key == NO_SEMICOLON else ";"))
    return "\n".join(["{", *lines, "}"])


def _format_value(value: object, digits: int) -> str:
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return f"%.{digits}g" % float(value)
    if isinstance(value, (tuple, list, np.ndarray)):
        return ",".join(_format_value(item, digits) for item in value)
    return str(value)


def _difference(a: float, b: float) -> float:
    """Return a - b, or 0 if the difference is only rounding error."""
    difference = a - b
    return 0.0 if abs(difference) < 8 * sys.float_info.epsilon * max(abs(a), abs(b)) else difference
