"""Float images: little-endian 32-bit floats, fast axis first, without a header."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from .atomic import StrPath, atomic_write
from .check_image import cast_to_floats, check_image
from .input_file import file_size, open_input, read_array

FLOAT = np.dtype("<f4")


def write_float_image(path: StrPath, image: npt.NDArray[Any]) -> None:
    """Write an image (slow, fast) of any real type as raw 32-bit floats.

    Raises `FormatError` if the image is not 2-D, or a finite value exceeds the range of 32-bit floats.
    """
    check_image(path, image)
    pixels = cast_to_floats(path, image)
    with atomic_write(path) as handle:
        handle.write(pixels.data)


def read_float_image(path: StrPath, shape: tuple[int, int] | None) -> npt.NDArray[np.float32]:
    """Return the raw 32-bit floats of a file as an image of `shape` (slow, fast), which the file does not record.

    Raises `ConfigError` if `shape` is missing or not a pair of positive numbers, and `FormatError` if the file does not
    hold exactly that many floats.
    """
    with open_input(path, has_signature=False) as handle:
        if shape is None or len(shape) != 2 or min(shape) < 1:
            floats = file_size(handle) // FLOAT.itemsize
            side = math.isqrt(floats)
            example = f"; for a square image shape=({side}, {side})" if side and side * side == floats else ""
            raise ConfigError(
                f"shape: {shape} for {path}, which holds {floats} floats and no header; "
                f"give shape=(slow, fast){example}"
            )
        return read_array(handle, path, FLOAT, shape, "shape")
