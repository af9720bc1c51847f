"""The primitives of derivatives (include/nanobragg/primitives.h) on a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...scene.scene import Scene
from .devices import Gpu, cupy
from .job import pixel_list
from .render import scene_defines
from .scene_arrays import check_memory, scene_arrays
from .source import THREADS, Kind

BLOCK_PIXELS = 1 << 18  # fill a large GPU
LAUNCH_TERMS = 3e10  # about half a second


def block_pixels(scene: Scene) -> int:
    """Return how many pixels of a scene are computed by one call."""
    return max(1, min(BLOCK_PIXELS, int(LAUNCH_TERMS / (scene.terms * scene.sensor.count))))


def gradient_kind(scene: Scene, dtype: npt.DTypeLike) -> Kind:
    """Return the device code of the primitives for terms as in an image of a data type."""
    return Kind("derivatives.h", tuple(scene_defines(scene, dtype, lanes=1).items()))


class GpuPrimitives:
    """The primitives of lists of pixels of a scene, in the memory of a GPU.

    Parameters
    ----------
    scene
        The scene.
    dtype
        float64, or float32 for single precision where `simulate` uses it.
    gpu
        Where.
    motions : ndarray of SOURCE_MOTION
        How the sources move.
    spins : ndarray, shape (domains, 3), or None
        How the mosaic domains move with the spread.
    count
        Number of primitives.
    """

    def __init__(
        self,
        scene: Scene,
        dtype: npt.DTypeLike,
        gpu: Gpu,
        motions: npt.NDArray[np.void],
        spins: npt.NDArray[np.float64] | None,
        count: int,
    ) -> None:
        self.scene, self.gpu, self.count = scene, gpu, count
        self.arrays = scene_arrays(scene, dtype, gpu)
        self.function = gpu.function(gradient_kind(scene, dtype), "primitives")
        with gpu.active():
            self.motions = cupy().asarray(np.ascontiguousarray(motions).view(np.uint8))
            self.spins = None if spins is None else cupy().asarray(spins)
        self.domains = np.array([0 if spins is None else len(spins)], np.int32)

    def compute(self, places: npt.NDArray[np.int64]) -> Any:
        """Return the primitives of pixels, shape (primitives, pixels), as an array of CuPy."""
        n = len(places)
        check_memory(self.gpu, 8 * n * (self.count + 2), "derivatives")
        with self.gpu.active():
            out = cupy().empty((self.count, n), np.float64)
            job = pixel_list(n, self.scene.geometry.size, add=False)
            arguments = (
                self.arrays.parameters, self.arrays.arrays, job, cupy().asarray(places),
                cupy().asarray(np.arange(n + 1)), self.motions, self.spins, self.domains, out, np.array([n], np.int64),
            )  # fmt: skip
            self.function((-(-n // THREADS),), (THREADS,), arguments)
            cupy().cuda.get_current_stream().synchronize()
            return out
