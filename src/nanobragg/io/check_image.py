"""What every image must be, checked in one place."""

from __future__ import annotations

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
    """Refuse what is no image of the allowed types.

    Parameters
    ----------
    path : path
        For the error.
    shape, dtype
        Of the array.
    allowed : types, optional
        If not given, every type of real numbers.
    cure : str
        What to do about it.

    Raises
    ------
    FormatError
        The array is not (slow, fast), has no pixels, or another type.
    """
    right_type = dtype in allowed if allowed else dtype.kind in "buif"
    if len(shape) != 2 or min(shape) < 1 or not right_type:
        types = " or ".join(np.dtype(each).name for each in allowed) if allowed else "numbers"
        raise FormatError(f"{path}: holds a (slow, fast) image of {types}, not {dtype} {tuple(shape)}; {cure}")
