"""Uncompressed TIFF images with one grey channel: uint8, uint16, int32 or float32."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath, atomic_write
from .check_image import cast_to_integers, check_image
from .input_file import read_file
from .limits import check_bytes
from .named_files import reason

STORED = (np.uint8, np.uint16, np.int32, np.float32)
IMAGE_DESCRIPTION, SOFTWARE = 270, 305  # tags
BITS_PER_SAMPLE, COMPRESSION, STRIP_OFFSETS, ROWS_PER_STRIP, STRIP_BYTES = 258, 259, 273, 278, 279
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTES = 322, 323, 324, 325
UNCOMPRESSED = 1


def write_tiff(path: StrPath, image: npt.NDArray[Any], *, description: str = "", software: str = "") -> None:
    """Write one (slow, fast) image, with ASCII text of the tags ImageDescription and Software.

    uint32 and 64-bit integers are stored as int32, float64 as float32. Raises `FormatError` if the image is not 2-D, or
    a value does not fit int32.
    """
    from PIL import Image

    check_image(path, image)
    picture = Image.fromarray(_as_stored(path, image))
    tags = {tag: text for tag, text in ((IMAGE_DESCRIPTION, description), (SOFTWARE, software)) if text}
    buffer = io.BytesIO()  # Pillow hides the reason why a write fails
    picture.save(buffer, format="TIFF", tiffinfo=tags)
    with atomic_write(path) as handle:
        handle.write(buffer.getbuffer())


def read_tiff(path: StrPath) -> tuple[npt.NDArray[Any], str]:
    """Return the first (slow, fast) image of a TIFF file, and its ImageDescription, or "".

    The image is uint8, uint16, int32 or float32. Raises `FormatError` if the file is not a valid TIFF, or has colours.
    """
    from PIL import Image

    content = read_file(path)  # given a file, Pillow allocates whatever a tag asks for
    try:
        with Image.open(io.BytesIO(content), formats=["TIFF"]) as picture:
            check_bytes(path, picture.width * picture.height * len(picture.getbands()) * 4, "the picture")
            _check_whole(path, picture, len(content))
            pixels = np.array(picture)
            description = str(picture.getexif().get(IMAGE_DESCRIPTION, ""))
    except FormatError:
        raise
    except Exception as error:  # Pillow raises many types for damaged files
        raise FormatError(
            f"{path} is not a valid TIFF image ({reason(path, error)}); fetch the whole file again"
        ) from error
    if pixels.ndim != 2 or pixels.dtype.kind not in "uif":
        raise FormatError(
            f"{path}: {pixels.dtype} pixels of shape {pixels.shape} are not supported; only one grey channel is read"
        )
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False), description


def _check_whole(path: StrPath, picture: Any, length: int) -> None:
    """Raise `FormatError` unless the strips or tiles cover the picture and lie in the file.

    Pillow leaves rows without a strip at zero.
    """
    strips = picture.tag_v2.get(STRIP_OFFSETS) or picture.tag_v2.get(TILE_OFFSETS) or ()
    sizes = picture.tag_v2.get(STRIP_BYTES) or picture.tag_v2.get(TILE_BYTES) or ()
    rows, columns = picture.tag_v2.get(TILE_LENGTH), picture.tag_v2.get(TILE_WIDTH)
    if rows is None or columns is None:
        rows, columns = min(picture.tag_v2.get(ROWS_PER_STRIP, picture.height), picture.height), picture.width
    needed = -(-picture.height // max(rows, 1)) * -(-picture.width // max(columns, 1))
    compressed = picture.tag_v2.get(COMPRESSION, UNCOMPRESSED) != UNCOMPRESSED
    row_bytes = -(-picture.width * sum(picture.tag_v2.get(BITS_PER_SAMPLE, (1,))) // 8)
    held = sum(sizes) >= (0 if compressed else row_bytes * picture.height)
    if not len(strips) == len(sizes) == needed or not held or _beyond(strips, sizes, length):
        raise FormatError(
            f"{path} is not a valid TIFF image: {len(strips)} strips of {sum(sizes)} bytes do not hold "
            f"{picture.height} x {picture.width} pixels; fetch the whole file again"
        )


def _beyond(offsets: Sequence[int], sizes: Sequence[int], length: int) -> bool:
    """Return whether a strip ends after the file's last byte."""
    return any(offset + size > length for offset, size in zip(offsets, sizes, strict=False))


def _as_stored(path: StrPath, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    native = image.dtype.newbyteorder("=")
    if native in STORED:
        return np.ascontiguousarray(image, dtype=native)
    if image.dtype.kind == "f":
        return image.astype(np.float32)
    return cast_to_integers(path, image, np.int32, "TIFF's int32")
