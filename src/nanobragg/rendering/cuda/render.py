"""Images on a GPU: a strip of rows, or a part of a list of pixels, at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..._functions import SHAPES
from ...geometry import Roi
from ...scene.scene import Scene
from ..pixel_selection import spans_of
from .devices import Gpu, beside, cupy
from .job import as_argument, blocks_of_rows, pixel_list, rectangle, strips
from .scene_arrays import check_memory, scene_arrays
from .source import THREADS, Kind
from .strips import Target

LAUNCH_TERMS = 1e11  # about half a second: between launches, progress is shown and Ctrl-C is noticed
LIST_BELOW = 0.5  # share of a region's pixels below which they are listed
LIST_BYTES = 24  # of a listed pixel
LANES = {"constant": 2, "nearest": 2, "tricubic": 1}  # pixels of a thread
MEMORY_SHARE = 0.5  # of the free memory that a strip may take
PRECISIONS = {"double": ("double", "double"), "double from floats": ("double", "float"), "single": ("float", "float")}


def scene_defines(scene: Scene, dtype: npt.DTypeLike, lanes: int) -> dict[str, str | int]:
    """Return the macros that choose the templates of a scene, for an image of a data type and some pixels a thread."""
    core = scene.core(dtype)
    real, entry = PRECISIONS[core.precision]
    return {
        "NB_REAL": real,
        "NB_ENTRY": entry,
        "NB_SHAPE": SHAPES[scene.config.crystal.shape].number,
        "NB_LOOKUP": core.lookup.capitalize(),
        "NB_CURVED": int(scene.config.detector.curved),
        "NB_SHARES": int(core.shares is not None),
        "NB_BEAMSTOP": int(scene.config.detector.beamstop is not None),
        "NB_THREADS": THREADS,
        "NB_LANES": lanes,
    }


def image_kind(scene: Scene, dtype: npt.DTypeLike) -> Kind:
    """Return the device code of an image of a data type."""
    defines = scene_defines(scene, dtype, LANES[scene.lookup])
    return Kind("image.h", (*defines.items(), ("NB_PIXEL", pixel_type(dtype))))


def pixel_type(dtype: npt.DTypeLike) -> str:
    """Return the type of device code for an image of a data type."""
    return "float" if np.dtype(dtype) == np.float32 else "double"


def most_pixels(gpu: Gpu, scene: Scene, dtype: np.dtype[Any], other_bytes: int) -> int:
    """Return how many pixels are rendered by one launch, of which each needs some other bytes besides its own."""
    by_time = LAUNCH_TERMS / (scene.terms * scene.sensor.count)
    check_memory(gpu, scene.shape[-1] * dtype.itemsize, "a row of the image")
    by_memory = MEMORY_SHARE * gpu.free_bytes() / (dtype.itemsize + other_bytes)
    return max(1, int(min(by_time, by_memory)))


class GpuImage:
    """The rendering of a scene on a GPU.

    Parameters
    ----------
    scene
        The scene; not one with `compat="c"`.
    dtype
        Of the image.
    gpu
        Where.
    """

    def __init__(self, scene: Scene, dtype: npt.DTypeLike, gpu: Gpu) -> None:
        self.scene, self.dtype, self.gpu = scene, np.dtype(dtype), gpu
        kind = image_kind(scene, dtype)
        self.lanes = LANES[scene.lookup]
        self.arrays = scene_arrays(scene, dtype, gpu)
        self.function = gpu.function(kind, "image")

    def render(
        self,
        out: Any,
        roi: Roi,
        mask: npt.NDArray[np.uint8] | None,
        add: bool,
        stop: npt.NDArray[np.int32],
        done: npt.NDArray[np.int64],
    ) -> None:
        """Render into `out`, shape (panels, slow, fast), a NumPy array or one of CuPy, as `_core.render` does."""
        x0, x1, y0, y1 = roi
        listed = False
        if mask is not None:
            part = mask[:, y0 : y1 + 1, x0 : x1 + 1]
            listed = bool(np.count_nonzero(part) < LIST_BELOW * part.size)
        with self.gpu.active():
            if listed:
                assert mask is not None
                self._render_list(out, roi, mask, add, stop, done)
            else:
                self._render_rows(out, roi, mask, add, stop, done)

    def _render_rows(
        self, out: Any, roi: Roi, mask: npt.NDArray[np.uint8] | None, add: bool, stop: Any, done: Any
    ) -> None:
        target = Target(out, roi, mask, add)
        job = rectangle(roi, self.scene.geometry.size, add)
        most = max(1, self._most_pixels() // target.width)
        for first, rows in strips(target.rows, most):
            if stop[0]:
                return
            strip = target.begin(first, rows)
            blocks, threads = blocks_of_rows(target.width, rows, self.lanes, THREADS)
            self._launch(blocks, threads, as_argument(job, first_row=first), None, None, strip)
            target.finish(first, strip)
            done[0] += rows * target.width

    def _render_list(self, out: Any, roi: Roi, mask: npt.NDArray[np.uint8], add: bool, stop: Any, done: Any) -> None:
        x0, x1, y0, y1 = roi
        inside = np.zeros(mask.shape, bool)
        inside[:, y0 : y1 + 1, x0 : x1 + 1] = mask[:, y0 : y1 + 1, x0 : x1 + 1] != 0
        places = np.flatnonzero(inside)
        flat, shape = out.reshape(-1), self.scene.geometry.size
        for first, count in strips(len(places), self._most_pixels()):
            if stop[0]:
                return
            part = places[first : first + count]
            where = beside(out, part)
            spans = spans_of(part, shape[1], self.lanes)
            values = cupy().asarray(flat[where]) if add else cupy().empty(count, self.dtype)
            job = pixel_list(len(spans) - 1, shape, add)
            blocks, threads = blocks_of_rows(self.lanes * (len(spans) - 1), 1, self.lanes, THREADS)
            self._launch(blocks, threads, job, cupy().asarray(part), cupy().asarray(spans), values)
            flat[where] = beside(out, values)
        done[0] += len(mask) * (x1 - x0 + 1) * (y1 - y0 + 1)

    def _launch(self, blocks: int, threads: int, job: Any, places: Any, spans: Any, result: Any) -> None:
        arguments = (self.arrays.parameters, self.arrays.arrays, job, places, spans, result)
        self.function((blocks,), (threads,), arguments)
        cupy().cuda.get_current_stream().synchronize()

    def _most_pixels(self) -> int:
        """Return how many pixels are rendered by one launch."""
        return most_pixels(self.gpu, self.scene, self.dtype, LIST_BYTES)
