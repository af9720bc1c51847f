"""TIFF images with one grey channel: written uncompressed as uint8, uint16, int32 or float32; read in every type."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError, without_library_warnings
from .atomic import StrPath, atomic_write
from .check_image import cast_to_floats, cast_to_integers, check_image
from .input_file import read_file
from .limits import check_bytes
from .named_files import reason
from .silent_libtiff import silent_libtiff
from .tiff_layout import Layout, read_layout

STORED = (np.uint8, np.uint16, np.int32, np.float32)
IMAGE_DESCRIPTION, SOFTWARE = 270, 305  # tags
STRIP_OFFSETS, ROWS_PER_STRIP, STRIP_BYTES = 273, 278, 279
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTES = 322, 323, 324, 325


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
    """Return the first (slow, fast) image of a TIFF file in the file's type, and its ImageDescription, or "".

    Pixels that are not compressed may be integers of 8 to 64 bits, signed or not, or floats of 16 to 64 bits, in either
    byte order; compressed ones those that Pillow decodes. Raises `FormatError` if the file is not a valid TIFF, or has
    colours.
    """
    content = read_file(path)  # given a file, Pillow allocates whatever a tag asks for
    layout = read_layout(path, content)
    if layout.strips is None:
        return _decompressed(path, content, layout), layout.description
    size = layout.shape[0] * layout.shape[1] * layout.dtype.itemsize
    held = sum(length for start, length in layout.strips if start + length <= len(content))
    if held < size or held != sum(length for _, length in layout.strips):
        raise FormatError(
            f"{path} is not a valid TIFF image: its strips hold {held} of {size} bytes of pixels; "
            "fetch the whole file again"
        )
    check_bytes(path, held, "its strips")  # which may overlap
    pixels = b"".join(content[start : start + length] for start, length in layout.strips)[:size]
    image = np.frombuffer(pixels, layout.dtype).reshape(layout.shape)
    return image.astype(layout.dtype.newbyteorder("=")), layout.description


def _decompressed(path: StrPath, content: bytes, layout: Layout) -> npt.NDArray[Any]:
    """Return the pixels as decoded by Pillow, in the type that the file states."""
    from PIL import Image

    native = layout.dtype.newbyteorder("=")
    check_bytes(path, layout.shape[0] * layout.shape[1] * max(4, native.itemsize), "the picture")
    try:
        with without_library_warnings():  # about tags that are cut off
            picture = Image.open(io.BytesIO(content), formats=["TIFF"])
            _check_whole(path, picture, len(content))
            with silent_libtiff():
                pixels = np.array(picture)
    except Exception as error:  # Pillow raises many types for damaged files
        raise FormatError(
            f"{path} is not a valid TIFF image ({reason(path, error)}); convert it, or fetch it again"
        ) from error
    if pixels.shape != layout.shape or pixels.dtype.kind not in "uif":
        raise FormatError(f"{path}: compressed pixels of {native} are not supported; write them uncompressed")
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.dtype.kind in "ui" and native.kind in "ui" and pixels.dtype.itemsize == native.itemsize:
        return pixels.view(native)  # Pillow has no unsigned 32-bit and no signed 8-bit pixels
    with np.errstate(invalid="ignore"):
        image = pixels.astype(native)
    if not np.array_equal(image, pixels, equal_nan=native.kind == "f"):
        raise FormatError(f"{path}: compressed pixels of {native} are not supported; write them uncompressed")
    return image


def _check_whole(path: StrPath, picture: Any, length: int) -> None:
    """Raise `FormatError` unless a picture has all its strips or tiles, and they lie in the file of `length` bytes.

    Pillow leaves pixels without a strip at zero.
    """
    tags = picture.tag_v2
    offsets = tags.get(STRIP_OFFSETS) or tags.get(TILE_OFFSETS) or ()
    sizes = tags.get(STRIP_BYTES) or tags.get(TILE_BYTES) or ()
    rows, columns = tags.get(TILE_LENGTH), tags.get(TILE_WIDTH)
    if rows is None or columns is None:
        rows, columns = min(tags.get(ROWS_PER_STRIP, picture.height), picture.height), picture.width
    needed = -(-picture.height // max(rows, 1)) * -(-picture.width // max(columns, 1))
    beyond = any(offset + size > length for offset, size in zip(offsets, sizes, strict=False))
    if not len(offsets) == len(sizes) == needed or beyond:
        raise FormatError(
            f"{path} is not a valid TIFF image: {len(offsets)} strips of {sum(sizes)} bytes do not hold "
            f"{picture.height} x {picture.width} pixels; fetch the whole file again"
        )


def _as_stored(path: StrPath, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    native = image.dtype.newbyteorder("=")
    if native in STORED:
        return np.ascontiguousarray(image, dtype=native)
    if image.dtype.kind == "f":
        return cast_to_floats(path, image)
    return cast_to_integers(path, image, np.int32, "TIFF's int32")
