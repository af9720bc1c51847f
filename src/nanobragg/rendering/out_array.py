"""The check of an array that a caller gives for a result."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from .cuda.devices import is_on_gpu


def check_out(out: Any, shape: tuple[int, ...], *dtypes: npt.DTypeLike) -> None:
    """Raise `ConfigError` unless `out`, of NumPy or CuPy, is C-contiguous, writable, and of a shape and data type."""
    allowed = [np.dtype(each) for each in dtypes]
    types = " or ".join(map(str, allowed))
    if not isinstance(out, np.ndarray) and not is_on_gpu(out):
        raise ConfigError(f"out, a {type(out).__name__}: must be a C-contiguous {types} array")
    if out.shape != shape or out.dtype not in allowed or not out.flags.c_contiguous:
        raise ConfigError(
            f"out of shape {out.shape} and dtype {out.dtype}: must be C-contiguous {types} of shape {shape}"
        )
    if isinstance(out, np.ndarray) and not out.flags.writeable:
        raise ConfigError("out: is read-only; give a writable array")
