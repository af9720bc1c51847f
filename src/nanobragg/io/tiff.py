"""Uncompressed TIFF images with one grey channel: uint8, uint16, int32 or float32."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath, atomic_write
from .check_image import cast_to_integers, check_image
from .input_file import read_file
from .limits import check_bytes

STORED = (np.uint8, np.uint16, np.int32, np.float32)
IMAGE_DESCRIPTION, SOFTWARE = 270, 305  # tags


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
            pixels = np.array(picture)
            description = str(picture.getexif().get(IMAGE_DESCRIPTION, ""))
    except FormatError:
        raise
    except Exception as error:  # Pillow raises many types for damaged files
        raise FormatError(f"{path} is not a valid TIFF image ({error}); fetch the whole file again") from error
    if pixels.ndim != 2 or pixels.dtype.kind not in "uif":
        raise FormatError(
            f"{path}: {pixels.dtype} pixels of shape {pixels.shape} are not supported; only one grey channel is read"
        )
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False), description


def _as_stored(path: StrPath, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    native = image.dtype.newbyteorder("=")
    if native in STORED:
        return np.ascontiguousarray(image, dtype=native)
    if image.dtype.kind == "f":
        return image.astype(np.float32)
    return cast_to_integers(path, image, np.int32, "TIFF's int32")
