"""The images of a data set as a Dask array."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from ..response.recording import resolve_recording
from .description import Description
from .shot import make_shot


def lazy_images(plan: Description) -> Any:
    """Return the images as a Dask array of shape (n, …) with one chunk for each shot, made when it is computed."""
    try:
        import dask.array
    except ImportError as error:
        raise ConfigError(f"Dataset.images: needs dask ({error}); pip install 'nanobragg[dataset]'") from None
    base = plan.base
    dtype = np.dtype(np.float32 if base.noise is None else resolve_recording(base).dtype)
    shape = base.detector.shape
    return dask.array.arange(plan.n, chunks=1).map_blocks(
        _image,
        plan,
        shape,
        dtype=dtype,
        new_axis=list(range(1, 1 + len(shape))),
        chunks=((1,) * plan.n, *((edge,) for edge in shape)),
        meta=np.empty((0,) * (1 + len(shape)), dtype),
    )


def _image(number: npt.NDArray[np.int64], plan: Description, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return the image of one shot, shape (1, …); Dask's threads make several shots at a time."""
    return make_shot(plan, int(number[0]), 1).image.reshape(1, *shape)
