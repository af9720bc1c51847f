"""PNG images: 8- or 16-bit grey, and 8-bit colour for writing."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import FormatError, without_library_warnings
from .atomic import StrPath, atomic_write
from .check_image import cast_to_doubles, check_image
from .input_file import read_file
from .limits import check_bytes
from .named_files import reason

WHITE_AND_BLACK = (10.0, 99.9)  # percentiles of the pixels


def write_png(path: StrPath, image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> None:
    """Write a (slow, fast) image of uint8 or uint16 unchanged; slow row 0 is at the top, the largest value is white."""
    check_image(path, image, allowed=[np.uint8, np.uint16], cure="convert it with render_grey")
    picture = Image.fromarray(np.ascontiguousarray(image))
    with atomic_write(path) as handle:
        picture.save(handle, format="PNG")


def write_colour_png(path: StrPath, pixels: npt.NDArray[np.uint8]) -> None:
    """Write red, green and blue, (slow, fast, 3) uint8, unchanged; slow row 0 is at the top."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    with atomic_write(path) as handle:
        picture.save(handle, format="PNG")


def read_png(path: StrPath) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Return the (slow, fast) image of a PNG file with one channel of 8 or 16 bits, as uint8 or uint16."""
    content = read_file(path)  # given a file, Pillow allocates whatever a chunk's length field asks for
    try:
        with without_library_warnings():  # about an image that is large
            picture = Image.open(io.BytesIO(content), formats=["PNG"])
            check_bytes(path, picture.width * picture.height * len(picture.getbands()) * 4, "the picture")
            mode, pixels = picture.mode, np.array(picture)
    except FormatError:
        raise
    except Exception as error:  # Pillow raises SyntaxError, OSError, struct.error, … for damaged files
        raise FormatError(f"{path} is not a valid PNG ({reason(path, error)}); write it again") from error
    if mode == "L":
        return pixels.astype(np.uint8)
    if mode in ("I;16", "I"):
        return pixels.astype(np.uint16)
    raise FormatError(f"{path}: colour mode {mode} is not supported; convert it to 8- or 16-bit grey")


def render_grey(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return photons (slow, fast) as dark spots on white: uint8, 255 is white.

    The scale is linear between two percentiles of the finite pixels, which are insensitive to a few hot pixels or a
    beam stop: white at and below the lower one, black at and above the upper one. If the two are equal (fewer than one
    pixel in a thousand is lit), black is the brightest pixel. NaN pixels are white.
    """
    photons = cast_to_doubles(image)
    if not np.isfinite(photons).any():
        return np.full(photons.shape, 255, dtype=np.uint8)
    white, black = grey_limits(photons, WHITE_AND_BLACK)
    shown = np.clip(np.nan_to_num(photons, nan=white, posinf=black, neginf=white), white, black)
    grey: npt.NDArray[np.uint8] = np.rint(255.0 * (black - shown) / (black - white)).astype(np.uint8)
    return grey


def grey_limits(values: npt.NDArray[Any], percentiles: tuple[float, float]) -> tuple[float, float]:
    """Return the values drawn white and black: percentiles of the finite values, insensitive to a few bright pixels.

    If the two are equal, because hardly any pixel is lit, the brightest pixel is black.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    white, black = np.percentile(finite, percentiles).tolist()
    if black <= white:
        black = float(finite.max())
    return (white, black) if black > white else (white, white + 1.0)
