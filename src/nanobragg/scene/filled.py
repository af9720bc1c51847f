"""The kernel's structs (include/nanobragg/scene.h) from their fields."""

from typing import Any

import numpy as np
import numpy.typing as npt


def filled(dtype: np.dtype[np.void], count: int, /, **fields: Any) -> npt.NDArray[np.void]:
    """Return an array of one of the kernel's structs; every field must be given, by its name in scene.h."""
    array = np.zeros(count, dtype)
    if missing := set(dtype.names or ()) - fields.keys():
        raise TypeError(f"fields of the kernel's scene without a value: {', '.join(sorted(missing))}")
    for name, values in fields.items():
        array[name] = values
    return array
