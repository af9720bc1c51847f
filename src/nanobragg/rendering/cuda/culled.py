"""Images on a GPU with terms left out (docs/gpu.md)."""

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
from .scene_arrays import DeviceArrays, scene_arrays
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


def part_edge(oversample: int, sources_per_run: float) -> int:
    """Return the pixels along each side of the parts of squares: 4, 2 or 1.

    Fewer where a bound takes less time than what it stands for: many sub-pixels, or many wavelengths.
    """
    edge = 4 if oversample == 1 else 2 if oversample < 4 else 1
    return max(1, edge // 2) if sources_per_run >= LONG_RUN else edge


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


class GpuCulledImage:
    """The rendering of a scene on a GPU with terms left out.

    Parameters
    ----------
    scene
        The scene.
    dtype
        Of the image.
    gpu
        Where.
    plan
        What is needed to leave terms out.
    epsilon
        What a pixel may miss, photons.
    """

    def __init__(self, scene: Scene, dtype: npt.DTypeLike, gpu: Gpu, plan: CullingPlan, epsilon: float) -> None:
        self.scene, self.dtype, self.gpu = scene, np.dtype(dtype), gpu
        self.epsilon = np.array([epsilon])
        self.arrays = scene_arrays(scene, dtype, gpu)
        arrays = plan.arrays
        edge = part_edge(scene.oversample, len(arrays["sources"]) / len(arrays["runs"]))
        self.parts = (SQUARE // edge) ** 2
        defines = {**scene_defines(scene, dtype, lanes=1), "NB_PIXEL": pixel_type(dtype), "NB_PART_EDGE": edge}
        kind = Kind("culled.h", tuple(defines.items()))
        self.functions = {name: gpu.function(kind, name) for name in ("part_rays", "screen", "culled")}
        self.parameters = arrays["parameters"]
        counts = {f"n_{name}": len(arrays[name]) for name in ("beams", "runs", "around")}
        self.plan = DeviceArrays(PLAN, {name: arrays[name] for name in POINTERS}, gpu)
        self.plan.fill(padded=arrays["cells"].shape[1], **counts)
        self.words = counts["n_runs"] * -(-len(scene.cells) // WARP)  # of a square

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
        per_pixel = (self.parts * RAYS_BYTES + 4 * self.words) // SQUARE**2 + 1
        most = most_pixels(self.gpu, self.scene, self.dtype, per_pixel) // (SQUARE * target.width)
        with self.gpu.active():
            tally = cupy().zeros(2, np.int64)
            for first, count in strips(len(squares.first_rows) - 1, max(1, most)):
                if stop[0]:
                    break
                begin, end = (int(row) for row in squares.first_rows[[first, first + count]])
                strip, wanted = target.begin(begin, end - begin), target.mask_of(begin, end - begin)
                self._launch(as_argument(job, first_row=begin), squares.numbers(first, count), wanted, strip, tally)
                target.finish(begin, strip)
                done[0] += (end - begin) * target.width
            evaluated, missing = cupy().asnumpy(tally).tolist()
        share = float(np.array([missing], np.int32).view(np.float32)[0])
        return min(share, 1.0) * float(self.epsilon[0]), evaluated

    def _launch(self, job: Any, numbers: npt.NDArray[np.int64], wanted: Any, strip: Any, tally: Any) -> None:
        """Render the wanted pixels of some squares."""
        n = len(numbers)
        if n == 0:
            return
        scene = self.arrays.parameters, self.arrays.arrays
        culling = *scene, self.parameters, self.plan.arrays, job
        squares, count = cupy().asarray(numbers), np.array([n], np.int64)
        rays, extent = cupy().empty(n * self.parts * RAYS_BYTES, np.uint8), cupy().empty(64, np.uint8)
        words, missing = cupy().empty(n * self.words, np.uint32), cupy().empty(n, np.float32)
        part_rays, screen, culled = self.functions.values()
        part_rays((-(-n * self.parts // THREADS),), (THREADS,), (*scene, job, squares, count, rays, extent))
        screen((n,), (WARP,), (*culling, squares, extent, self.epsilon, words, missing))
        found = rays, extent, words, missing, self.epsilon
        culled((n * self.parts,), (WARP,), (*culling, squares, *found, wanted, strip, tally))
        cupy().cuda.get_current_stream().synchronize()
