"""Images on a GPU with terms left out (docs/gpu.md), and what derivatives share with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..._culling import CullingPlan
from ...geometry import Roi
from ...scene.scene import Scene
from .devices import Gpu, cupy
from .job import as_argument, rectangle, strips
from .render import most_pixels, pixel_type, scene_defines
from .scene_arrays import DeviceArrays, addresses, scene_arrays
from .source import THREADS, Kind
from .strips import Target

SQUARE = 16  # pixels along each side of what is looked at first, as in device/patches.h
LONG_RUN = 8  # sources in a run, on average
WARP = 32  # threads that render a part of a square; bits of a word
RAYS_BYTES = 128  # of a part, at least

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


def part_edge(oversample: int, sources_per_run: float) -> int:
    """Return the pixels along each side of the parts of squares: 4, 2 or 1.

    Fewer where a bound takes less time than what it stands for: many sub-pixels, or many wavelengths.
    """
    edge = 4 if oversample == 1 else 2 if oversample < 4 else 1
    return max(1, edge // 2) if sources_per_run >= LONG_RUN else edge


def culled_kind(scene: Scene, dtype: npt.DTypeLike, kernel: str, edge: int, **defines: str | int) -> Kind:
    """Return the device code of a kernel that evaluates parts of squares, `edge` pixels wide."""
    every = {**scene_defines(scene, dtype, lanes=1), **defines, "NB_PART_EDGE": edge}
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
        Name of the kernel that evaluates parts of squares, and of its header.
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
        self.scene, self.gpu, self.epsilon = scene, gpu, epsilon
        self.arrays = scene_arrays(scene, dtype, gpu)
        arrays = plan.arrays
        edge = part_edge(scene.oversample, len(arrays["sources"]) / len(arrays["runs"]))
        self.parts = (SQUARE // edge) ** 2
        kind = culled_kind(scene, dtype, kernel, edge, **defines)
        self.functions = [gpu.function(kind, name) for name in ("part_rays", "screen", kernel)]
        self.parameters = arrays["parameters"]
        counts = {f"n_{name}": len(arrays[name]) for name in ("beams", "runs", "around")}
        self.plan = DeviceArrays(PLAN, {name: arrays[name] for name in POINTERS}, gpu)
        self.plan.fill(padded=arrays["cells"].shape[1], **counts)
        self.words = counts["n_runs"] * -(-len(scene.cells) // WARP)  # of a square
        self.bytes_per_pixel = (self.parts * RAYS_BYTES + 4 * self.words) // SQUARE**2 + 1

    def launch(self, job: Any, numbers: npt.NDArray[np.int64], tally: Any, *targets: Any) -> None:
        """Evaluate what some squares keep, for the wanted pixels; `targets` are arguments of the kernel."""
        n = len(numbers)
        if n == 0:
            return
        scene = self.arrays.parameters, self.arrays.arrays
        culling = *scene, self.parameters, self.plan.arrays, job
        squares, count = cupy().asarray(numbers), np.array([n], np.int64)
        rays, extent = cupy().empty(n * self.parts * RAYS_BYTES, np.uint8), cupy().empty(64, np.uint8)
        words, missing = cupy().empty(n * self.words, np.uint32), cupy().empty(n, np.float32)
        epsilon = np.array([self.epsilon])
        part_rays, screen, evaluate = self.functions
        part_rays((-(-n * self.parts // THREADS),), (THREADS,), (*scene, job, squares, count, rays, extent))
        screen((n,), (WARP,), (*culling, squares, extent, epsilon, words, missing))
        kept = addresses(SCREENED, squares, rays, extent, words, missing)
        kept["epsilon"] = epsilon
        evaluate((n * self.parts,), (WARP,), (*culling, kept, *targets, tally))
        cupy().cuda.get_current_stream().synchronize()

    def read(self, tally: Any) -> tuple[float, int]:
        """Return the most that a pixel misses (photons), and the number of terms, from a tally."""
        evaluated, missing = cupy().asnumpy(tally).tolist()
        share = float(np.array([missing], np.int32).view(np.float32)[0])
        return min(share, 1.0) * self.epsilon, evaluated


def new_tally() -> Any:
    """Return a nb::DeviceTally of include/nanobragg/device/patch_renderer.h."""
    return cupy().zeros(2, np.int64)


class GpuCulledImage:
    """The rendering of a scene on a GPU with terms left out; parameters as of `GpuCulling`."""

    def __init__(self, scene: Scene, dtype: npt.DTypeLike, gpu: Gpu, plan: CullingPlan, epsilon: float) -> None:
        self.scene, self.dtype, self.gpu = scene, np.dtype(dtype), gpu
        self.culling = GpuCulling(scene, dtype, gpu, plan, epsilon, "culled", NB_PIXEL=pixel_type(dtype))

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
        target = Target(out, roi, mask, add)
        squares = Squares(target)
        job = rectangle(roi, self.scene.geometry.size, add)
        most = most_pixels(self.gpu, self.scene, self.dtype, self.culling.bytes_per_pixel) // (SQUARE * target.width)
        with self.gpu.active():
            tally = new_tally()
            for first, count in strips(len(squares.first_rows) - 1, max(1, most)):
                if stop[0]:
                    break
                begin, end = (int(row) for row in squares.first_rows[[first, first + count]])
                strip, wanted = target.begin(begin, end - begin), target.mask_of(begin, end - begin)
                numbers = squares.numbers(first, count)
                self.culling.launch(as_argument(job, first_row=begin), numbers, tally, wanted, strip)
                target.finish(begin, strip)
                done[0] += (end - begin) * target.width
            return self.culling.read(tally)
