"""The checks of an image's shape, type and values that formats share."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath


def check_image(
    path: StrPath,
    image: npt.NDArray[Any],
    *,
    allowed: Sequence[npt.DTypeLike] | None = None,
    cure: str = "convert it first",
) -> None:
    """Raise `FormatError`, ending in `cure`, unless an array is a non-empty (slow, fast) image of an allowed type.

    By default every type of real numbers is allowed.
    """
    right_type = image.dtype in allowed if allowed else image.dtype.kind in "buif"
    if image.ndim != 2 or not image.size or not right_type:
        types = " or ".join(np.dtype(each).name for each in allowed) if allowed else "numbers"
        raise FormatError(f"{path}: holds a (slow, fast) image of {types}, not {image.dtype} {image.shape}; {cure}")


def check_pixels(where: StrPath, image: npt.NDArray[Any], bad: npt.NDArray[np.bool_], why: str) -> None:
    """Raise `FormatError` naming the first bad pixel (slow, fast), if there is one."""
    if bad.any():
        slow, fast = np.argwhere(bad)[0]
        raise FormatError(f"{where}: pixel (slow {slow}, fast {fast}) = {image[slow, fast]} {why}")


def cast_to_doubles(image: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the image in double precision, without NumPy's warning of signalling NaN, which files may hold."""
    with np.errstate(invalid="ignore"):
        return image.astype(np.float64)


def cast_to_floats(path: StrPath, image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the image cast to little-endian 32-bit floats; raise `FormatError` if a finite value becomes infinite."""
    try:
        with np.errstate(over="raise", invalid="ignore"):
            return np.ascontiguousarray(image, dtype="<f4")
    except FloatingPointError:
        raise FormatError(
            f"{path}: a value exceeds 3.4e38, the largest 32-bit float; scale the image or choose .npy"
        ) from None


def cast_to_integers(
    path: StrPath, image: npt.NDArray[Any], dtype: type[np.integer[Any]], name: str, *, lowest: int | None = None
) -> npt.NDArray[Any]:
    """Return the image cast to an integer type; raise `FormatError` unless every value is kept and not below `lowest`.

    `name` is the format, for the error.
    """
    with np.errstate(invalid="ignore"):  # the comparison finds values that cannot be cast
        whole = image.astype(dtype)
    limits = np.iinfo(dtype)
    least = limits.min if lowest is None else lowest
    why = (
        f"does not fit into {name}, which stores integers from {least} to {limits.max}; scale it with "
        "response.quantize.to_integers, or choose .bin or .npy"
    )
    check_pixels(path, image, (whole != image) | (whole < least), why)
    return whole
