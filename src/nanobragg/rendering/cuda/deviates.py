"""Random deviates of pixels, drawn on a GPU: those of `nanobragg._photons`, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from .devices import Gpu
from .source import THREADS, Kind

KIND = Kind("noise.h", (("NB_THREADS", THREADS),), fused=False)
STREAM = np.dtype([("key", np.uint64), ("purpose", np.uint64)])  # nb::Stream of include/nanobragg/noise/threefry.h


class GpuDeviates:
    """The functions of `nanobragg._photons` for arrays in the memory of a GPU.

    Parameters
    ----------
    gpu
        Where.
    """

    def __init__(self, gpu: Gpu) -> None:
        self._poisson, self._normals = gpu.function(KIND, "poisson"), gpu.function(KIND, "normals")

    def poisson_deviates(self, means: Any, first_pixel: int, purpose: int, key: int, out: Any) -> None:
        """Set out to Poisson deviates of finite means >= 0, for pixels that are numbered from first_pixel on."""
        _launch(self._poisson, (means,), first_pixel, purpose, key, out)

    def normal_deviates(self, first_pixel: int, purpose: int, key: int, out: Any) -> None:
        """Set out to normal deviates of mean 0 and variance 1, for pixels that are numbered from first_pixel on."""
        _launch(self._normals, (), first_pixel, purpose, key, out)


def _launch(function: Any, means: tuple[Any, ...], first_pixel: int, purpose: int, key: int, out: Any) -> None:
    stream = np.array([(key, purpose)], STREAM)
    numbers = np.array([out.size], np.int64), stream, np.array([first_pixel], np.uint64)
    function((-(-out.size // THREADS),), (THREADS,), (*means, *numbers, out))
