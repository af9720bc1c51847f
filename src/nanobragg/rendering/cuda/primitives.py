"""The primitives of derivatives (include/nanobragg/primitives.h) on a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..._core import CoreScene
from ..._culling import CullingPlan
from ...scene.scene import Scene
from .culled import SQUARE, GpuCulling
from .devices import Gpu, cupy
from .job import as_argument, pixel_list, rectangle
from .render import scene_defines, terms_of_pixel
from .scene_arrays import DeviceArrays, check_memory, kept_with, parts_of, scene_arrays
from .source import THREADS, Kind

BLOCK_PIXELS = 1 << 18  # fill a large GPU
LAUNCH_TERMS = 3e10  # about half a second
# nb::Motions of include/nanobragg/primitives.h, nb::PlannedMotions of include/nanobragg/device/culled_primitives.h
MOTIONS = np.dtype(
    [("sources", np.uint64), ("spins", np.uint64), ("n_domains", np.int32), ("moves", np.uint64)], align=True
)
PLANNED = np.dtype(
    [*((name, np.uint64) for name in ("planned", "around", "spins")), ("n_domains", np.int32)], align=True
)


def motion_arrays(
    dtype: np.dtype[np.void], sources: dict[str, npt.NDArray[Any]], spins: npt.NDArray[np.float64] | None, gpu: Gpu
) -> DeviceArrays:
    """Return a struct of how sources and domains move, in the memory of a GPU."""
    found = DeviceArrays(dtype, {**sources, "spins": spins}, gpu)
    found.fill(n_domains=0 if spins is None else len(spins))
    return found


def block_pixels(scene: Scene) -> int:
    """Return how many pixels of a scene are computed by one call."""
    return max(1, min(BLOCK_PIXELS, int(LAUNCH_TERMS / terms_of_pixel(scene))))


def gradient_kind(scene: Scene, part: CoreScene) -> Kind:
    """Return the device code of the primitives of a part of a scene."""
    return Kind("derivatives.h", tuple(scene_defines(scene, part, lanes=1).items()))


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
        self.parts = [
            (arrays, gpu.function(gradient_kind(scene, part), "primitives"))
            for part, arrays in zip(parts_of(scene.core(dtype)), scene_arrays(scene, dtype, gpu), strict=True)
        ]
        self.motions = kept_with(
            scene, gpu, "motions", lambda: motion_arrays(MOTIONS, {"sources": motions}, spins, gpu)
        )

    def compute(self, places: npt.NDArray[np.int64]) -> Any:
        """Return the primitives of pixels of one panel, shape (primitives, pixels), as an array of CuPy."""
        n = len(places)
        check_memory(self.gpu, 8 * n * (self.count * min(len(self.parts), 2) + 2), "derivatives")
        with self.gpu.active():
            job = pixel_list(n, self.scene.geometry.size, add=False)
            pixels, spans = cupy().asarray(places), cupy().asarray(np.arange(n + 1))
            total = None
            for arrays, function in self.parts:
                out = cupy().empty((self.count, n), np.float64)
                arguments = (
                    arrays.parameters, arrays.arrays, job, pixels, spans, self.motions.arrays, out,
                    np.array([n], np.int64),
                )  # fmt: skip
                function((-(-n // THREADS),), (THREADS,), arguments)
                if total is None:
                    total = out
                else:
                    total += out
            cupy().cuda.get_current_stream().synchronize()
            return total


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
        self.motions = kept_with(
            scene,
            gpu,
            "planned motions",
            lambda: motion_arrays(PLANNED, dict(zip(("planned", "around"), motions, strict=True)), spins, gpu),
        )

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
            out, tallies = cupy().empty((self.count, n), np.float64), self.culling.new_tallies()
            self.culling.launch(
                as_argument(job, first_row=first_row), squares, tallies, self.motions.arrays,
                cupy().asarray(column_of), out, np.array([n], np.int64),
            )  # fmt: skip
            self.bound_ph = max(self.bound_ph, self.culling.read(tallies)[0])
            return out


def squares_of(places: npt.NDArray[np.int64], rows: int, columns: int) -> npt.NDArray[np.int64]:
    """Return the numbers of the squares that hold some pixels of an image (device/patches.h, square_of)."""
    line, column = np.divmod(places, columns)
    panel, row = np.divmod(line, rows)
    down, across = -(-rows // SQUARE), -(-columns // SQUARE)
    return np.unique((panel * down + row // SQUARE) * across + column // SQUARE)
