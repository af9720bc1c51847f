"""The primitives of derivatives (include/nanobragg/primitives.h) on a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..._culling import CullingPlan
from ...scene.scene import Scene
from .culled import SQUARE, GpuCulling, new_tally
from .devices import Gpu, cupy
from .job import as_argument, pixel_list, rectangle
from .render import scene_defines
from .scene_arrays import DeviceArrays, check_memory, scene_arrays
from .source import THREADS, Kind

BLOCK_PIXELS = 1 << 18  # fill a large GPU
LAUNCH_TERMS = 3e10  # about half a second
# nb::PlannedMotions of include/nanobragg/device/culled_primitives.h
MOTIONS = np.dtype(
    [*((name, np.uint64) for name in ("planned", "around", "spins")), ("n_domains", np.int32)], align=True
)


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
        """Return the primitives of pixels of one panel, shape (primitives, pixels), as an array of CuPy."""
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


class GpuCulledPrimitives:
    """The primitives of lists of pixels of a scene, in the memory of a GPU, with terms left out.

    Parameters
    ----------
    scene, dtype, gpu
        As in `GpuPrimitives`.
    plan, epsilon
        As in `GpuCulling`.
    motions
        How the sources move, in the orders of the plan: of the crystal, and of what surrounds it.
    spins, count
        As in `GpuPrimitives`.

    Attributes
    ----------
    bound_ph : float
        The most photons that a pixel misses of what has been computed.
    """

    def __init__(
        self,
        scene: Scene,
        dtype: npt.DTypeLike,
        gpu: Gpu,
        plan: CullingPlan,
        epsilon: float,
        motions: tuple[npt.NDArray[np.void], npt.NDArray[np.void]],
        spins: npt.NDArray[np.float64] | None,
        count: int,
    ) -> None:
        self.scene, self.gpu, self.count, self.bound_ph = scene, gpu, count, 0.0
        self.culling = GpuCulling(scene, dtype, gpu, plan, epsilon, "culled_primitives")
        self.motions = DeviceArrays(MOTIONS, {"planned": motions[0], "around": motions[1], "spins": spins}, gpu)
        self.motions.fill(n_domains=0 if spins is None else len(spins))

    def compute(self, places: npt.NDArray[np.int64]) -> Any:
        """Return the primitives of pixels of one panel, shape (primitives, pixels), as an array of CuPy."""
        rows, columns = self.scene.geometry.size
        panel, first_slow = divmod(int(places[0]) // columns, rows)
        top = first_slow // SQUARE * SQUARE  # of whole squares
        bottom = min(rows, (int(places[-1]) // columns % rows // SQUARE + 1) * SQUARE)
        first_row, height = panel * rows + top, bottom - top
        n, squares = len(places), squares_of(places, rows, columns)
        of_squares = len(squares) * SQUARE**2 * self.culling.bytes_per_pixel
        check_memory(self.gpu, 8 * n * self.count + 4 * height * columns + of_squares, "derivatives")
        column_of = np.full(height * columns, -1, np.int32)
        column_of[places - first_row * columns] = np.arange(n, dtype=np.int32)
        job = rectangle((0, columns - 1, 0, rows - 1), (rows, columns), add=False)
        with self.gpu.active():
            out, tally = cupy().empty((self.count, n), np.float64), new_tally()
            self.culling.launch(
                as_argument(job, first_row=first_row), squares, tally, self.motions.arrays,
                cupy().asarray(column_of), out, np.array([n], np.int64),
            )  # fmt: skip
            self.bound_ph = max(self.bound_ph, self.culling.read(tally)[0])
            return out


def squares_of(places: npt.NDArray[np.int64], rows: int, columns: int) -> npt.NDArray[np.int64]:
    """Return the numbers of the squares that hold some pixels of an image (device/patches.h, square_of)."""
    line, column = np.divmod(places, columns)
    panel, row = np.divmod(line, rows)
    down, across = -(-rows // SQUARE), -(-columns // SQUARE)
    return np.unique((panel * down + row // SQUARE) * across + column // SQUARE)
