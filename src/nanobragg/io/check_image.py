"""The check of an image's shape and type that all formats share."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath


def check_image(
    path: StrPath,
    shape: Sequence[int],
    dtype: np.dtype[Any],
    *,
    allowed: Sequence[npt.DTypeLike] | None = None,
    cure: str = "convert it first",
) -> None:
    """Raise `FormatError`, ending in `cure`, unless an array is a non-empty (slow, fast) image of an allowed type.

    By default every type of real numbers is allowed.
    """
    right_type = dtype in allowed if allowed else dtype.kind in "buif"
    if len(shape) != 2 or min(shape) < 1 or not right_type:
        types = " or ".join(np.dtype(each).name for each in allowed) if allowed else "numbers"
        raise FormatError(f"{path}: holds a (slow, fast) image of {types}, not {dtype} {tuple(shape)}; {cure}")
