"""Images on a GPU with terms left out (docs/gpu.md), and what derivatives share with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..._core import CoreScene
from ..._culling import CullingPlan
from ...geometry import Roi
from ...scene.scene import Scene
from .devices import Gpu, cupy
from .job import as_argument, rectangle, strips
from .render import dtype_of_sum, most_pixels, pixel_type, scene_defines
from .scene_arrays import DeviceArrays, SceneArrays, addresses, kept_with, parts_of, scene_arrays
from .source import THREADS, Kind
from .strips import Target

SQUARE = 16  # pixels along each side of what is looked at first, as in device/patches.h
LONG_RUN = 8  # sources in a run, on average
WARP = 32  # threads that render a piece of a square; bits of a word
RAYS_BYTES = 128  # of a piece, at least

POINTERS = ("sources", "around", "beams", "runs", "squares", "cells")
# nb::DevicePlan of include/nanobragg/device/patches.h
PLAN = np.dtype(
    [*((name, np.uint64) for name in POINTERS)]
    + [(name, np.int32) for name in ("n_beams", "n_runs", "n_around", "padded")],
    align=True,
)
# nb::Screened of include/nanobragg/device/patch_renderer.h
SCREENED = np.dtype(
    [*((name, np.uint64) for name in ("squares", "rays", "extent", "words", "missing")), ("epsilon", np.float64)],
    align=True,
)


def piece_edge(oversample: int, sources_per_run: float) -> int:
    """Return the pixels along each side of the pieces of squares: 4, 2 or 1.

    Fewer where a bound takes less time than what it stands for: many sub-pixels, or many wavelengths.
    """
    edge = 4 if oversample == 1 else 2 if oversample < 4 else 1
    return max(1, edge // 2) if sources_per_run >= LONG_RUN else edge


def culled_kind(scene: Scene, part: CoreScene, kernel: str, edge: int, **defines: str | int) -> Kind:
    """Return the device code of a kernel that evaluates a part of a scene in pieces of squares, `edge` pixels wide."""
    every = {**scene_defines(scene, part, lanes=1), **defines, "NB_PIECE_EDGE": edge}
    return Kind(f"{kernel}.h", tuple(every.items()))


class Squares:
    """The squares that a region touches, row by row on all panels; they are aligned to the panels.

    Parameters
    ----------
    target
        The region.
    """

    def __init__(self, target: Target) -> None:
        x0, x1, y0, y1 = target.roi
        columns, rows = _starts(x0, x1), _starts(y0, y1)
        panels, self.across = len(target.out), len(columns)
        first = np.add.outer(np.arange(panels) * target.height, rows).ravel()
        self.first_rows = np.append(first, target.rows)  # of each row of squares, in the region
        self.wanted = np.ones((panels * len(rows), self.across), bool)
        if target.mask is not None:
            part = target.mask[:, y0 : y1 + 1, x0 : x1 + 1] != 0
            by_row = np.logical_or.reduceat(part, rows, axis=1)
            self.wanted = np.logical_or.reduceat(by_row, columns, axis=2).reshape(self.wanted.shape)

    def numbers(self, first: int, count: int) -> npt.NDArray[np.int64]:
        """Return the numbers of the squares with wanted pixels in some rows of squares."""
        chosen = np.flatnonzero(self.wanted[first : first + count])
        return np.asarray(chosen + first * self.across, np.int64)


def _starts(low: int, high: int) -> npt.NDArray[np.int64]:
    """Return where squares begin between two pixels, counted from the first of them."""
    return np.maximum(np.arange(low // SQUARE * SQUARE, high + 1, SQUARE), low) - low


class PlanArrays(DeviceArrays):
    """The arrays of a plan for leaving out terms of a part of a scene, in the memory of a GPU.

    Parameters
    ----------
    arrays
        `CullingPlan.arrays`.
    gpu
        Where to.

    Attributes
    ----------
    parameters : ndarray of CULLING_PARAMETERS, shape (1,)
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]], gpu: Gpu) -> None:
        super().__init__(PLAN, {name: arrays[name] for name in POINTERS}, gpu)
        self.parameters = arrays["parameters"]
        counts = {f"n_{name}": len(arrays[name]) for name in ("beams", "runs", "around")}
        self.fill(padded=arrays["cells"].shape[1], **counts)


def plan_arrays(plan: CullingPlan | None, gpu: Gpu) -> list[PlanArrays]:
    """Return the plans of every part of a scene in the memory of a GPU."""
    return [] if plan is None else [PlanArrays(plan.arrays, gpu), *plan_arrays(plan.rest, gpu)]


class CulledPart(NamedTuple):
    """A part of a scene that is rendered with terms left out: its arrays, and the kernels in their order."""

    scene: SceneArrays
    plan: PlanArrays
    functions: tuple[Any, Any, Any]


class GpuCulling:
    """What leaving terms out of a scene on a GPU needs: its plan in the GPU's memory, and kernels.

    Parameters
    ----------
    scene
        The scene.
    dtype
        Of its image.
    gpu
        Where.
    plan
        What is needed to leave terms out.
    epsilon
        What a pixel may miss, photons.
    kernel
        Name of the kernel that evaluates pieces of squares, and of its header.
    defines
        Macros besides those of the scene.
    """

    def __init__(
        self,
        scene: Scene,
        dtype: npt.DTypeLike,
        gpu: Gpu,
        plan: CullingPlan,
        epsilon: float,
        kernel: str,
        **defines: str | int,
    ) -> None:
        core, runs = scene.core(dtype), len(plan.runs)
        edge = piece_edge(scene.oversample, len(plan.sources) / runs)
        self.pieces = (SQUARE // edge) ** 2
        self.parts = []
        plans = kept_with(scene, gpu, ("plan", core.precision), lambda: plan_arrays(plan, gpu))
        for part, arrays, planned in zip(parts_of(core), scene_arrays(scene, dtype, gpu), plans, strict=True):
            kind = culled_kind(scene, part, kernel, edge, **defines)
            functions = gpu.function(kind, "piece_rays"), gpu.function(kind, "screen"), gpu.function(kind, kernel)
            self.parts.append(CulledPart(arrays, planned, functions))
        self.epsilon = epsilon / len(self.parts)  # of each
        self.words = runs * -(-len(scene.cells) // WARP)  # of a square
        self.bytes_per_pixel = (self.pieces * RAYS_BYTES + 4 * self.words) // SQUARE**2 + 1

    def launch(self, job: Any, numbers: npt.NDArray[np.int64], tallies: Any, *targets: Any) -> None:
        """Evaluate what some squares keep, for the wanted pixels; `targets` are arguments of the kernel.

        Parts of the scene behind the first are added to what is there.
        """
        if len(numbers) == 0:
            return
        squares = cupy().asarray(numbers)
        for number, part in enumerate(self.parts):
            each = as_argument(job, add=1) if number else job
            self._launch_part(part, each, squares, (*targets, tallies[number]))
        cupy().cuda.get_current_stream().synchronize()

    def _launch_part(self, part: CulledPart, job: Any, squares: Any, targets: tuple[Any, ...]) -> None:
        n = len(squares)
        scene = part.scene.parameters, part.scene.arrays
        culling = *scene, part.plan.parameters, part.plan.arrays, job
        rays, extent = cupy().empty(n * self.pieces * RAYS_BYTES, np.uint8), cupy().empty(64, np.uint8)
        words, missing = cupy().empty(n * self.words, np.uint32), cupy().empty(n, np.float32)
        count, epsilon = np.array([n], np.int64), np.array([self.epsilon])
        piece_rays, screen, evaluate = part.functions
        piece_rays((-(-n * self.pieces // THREADS),), (THREADS,), (*scene, job, squares, count, rays, extent))
        screen((n,), (WARP,), (*culling, squares, extent, epsilon, words, missing))
        kept = addresses(SCREENED, squares, rays, extent, words, missing)
        kept["epsilon"] = epsilon
        evaluate((n * self.pieces,), (WARP,), (*culling, kept, *targets))

    def new_tallies(self) -> Any:
        """Return a nb::DeviceTally of include/nanobragg/device/patch_renderer.h for each part of the scene."""
        return cupy().zeros((len(self.parts), 2), np.int64)

    def read(self, tallies: Any) -> tuple[float, int]:
        """Return the most that a pixel misses (photons), and the number of terms, from tallies."""
        evaluated, missing = cupy().asnumpy(tallies).T
        shares = np.minimum(missing.astype(np.int32).view(np.float32), 1.0)
        return float(shares.sum(dtype=np.float64)) * self.epsilon, int(evaluated.sum())


class GpuCulledImage:
    """The rendering of a scene on a GPU with terms left out; parameters as of `GpuCulling`."""

    def __init__(self, scene: Scene, dtype: npt.DTypeLike, gpu: Gpu, plan: CullingPlan, epsilon: float) -> None:
        self.scene, self.dtype, self.gpu = scene, dtype_of_sum(scene, dtype), gpu
        self.culling = GpuCulling(scene, dtype, gpu, plan, epsilon, "culled", NB_PIXEL=pixel_type(self.dtype))

    def render(
        self,
        out: Any,
        roi: Roi,
        mask: npt.NDArray[np.uint8] | None,
        add: bool,
        stop: npt.NDArray[np.int32],
        done: npt.NDArray[np.int64],
    ) -> tuple[float, int]:
        """Render as `_culling.render` does, into an array of NumPy or CuPy."""
        target = Target(out, roi, mask, add, self.dtype)
        squares = Squares(target)
        job = rectangle(roi, self.scene.geometry.size, add)
        most = most_pixels(self.gpu, self.scene, self.dtype, self.culling.bytes_per_pixel) // (SQUARE * target.width)
        with self.gpu.active():
            tallies = self.culling.new_tallies()
            for first, count in strips(len(squares.first_rows) - 1, max(1, most)):
                if stop[0]:
                    break
                begin, end = (int(row) for row in squares.first_rows[[first, first + count]])
                strip, wanted = target.begin(begin, end - begin), target.mask_of(begin, end - begin)
                numbers = squares.numbers(first, count)
                self.culling.launch(as_argument(job, first_row=begin), numbers, tallies, wanted, strip)
                target.finish(begin, strip)
                done[0] += (end - begin) * target.width
            return self.culling.read(tallies)
