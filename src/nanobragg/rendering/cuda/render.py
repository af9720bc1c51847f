"""Images on a GPU: a strip of rows, or a part of a list of pixels, at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..._core import CoreScene
from ...geometry import Roi
from ...scene.scene import Scene
from ..pixel_selection import spans_of
from .devices import Gpu, beside, cupy
from .job import as_argument, blocks_of_rows, pixel_list, rectangle, strips
from .scene_arrays import check_memory, parts_of, scene_arrays
from .source import THREADS, Kind
from .strips import Target

LAUNCH_TERMS = 1e11  # about half a second: between launches, progress is shown and Ctrl-C is noticed
LIST_BELOW = 0.5  # share of a region's pixels below which they are listed
LIST_BYTES = 24  # of a listed pixel
LANES = {"constant": 2, "nearest": 2, "tricubic": 1}  # pixels of a thread
MEMORY_SHARE = 0.5  # of the free memory that a strip may take
PRECISIONS = {"double": ("double", "double"), "double from floats": ("double", "float"), "single": ("float", "float")}


def scene_defines(scene: Scene, part: CoreScene, lanes: int) -> dict[str, str | int]:
    """Return the macros that choose the templates of a part of a scene, for some pixels a thread."""
    real, entry = PRECISIONS[part.precision]
    return {
        "NB_REAL": real,
        "NB_ENTRY": entry,
        "NB_SHAPE": int(part.parameters["shape"][0]),
        "NB_LOOKUP": part.lookup.capitalize(),
        "NB_SMEARED": int(part.smear is not None),
        "NB_CURVED": int(scene.config.detector.curved),
        "NB_SHARES": int(part.shares is not None),
        "NB_BEAMSTOP": int(scene.config.detector.beamstop is not None),
        "NB_THREADS": THREADS,
        "NB_LANES": lanes,
    }


def lanes_of(scene: Scene) -> int:
    """Return the pixels of a thread; one where each visits reflections of its own."""
    return 1 if scene.smear is not None or scene.halos else LANES[scene.lookup]


def image_kind(scene: Scene, part: CoreScene, dtype: npt.DTypeLike) -> Kind:
    """Return the device code of the image of a part of a scene, of a data type."""
    defines = scene_defines(scene, part, lanes_of(scene))
    return Kind("image.h", (*defines.items(), ("NB_PIXEL", pixel_type(dtype))))


def pixel_type(dtype: npt.DTypeLike) -> str:
    """Return the type of device code for an image of a data type."""
    return "float" if np.dtype(dtype) == np.float32 else "double"


def dtype_of_sum(scene: Scene, dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return the data type in which the parts of a scene are added up, so that an image is rounded once."""
    return np.dtype(np.float64 if len(parts_of(scene.core(dtype))) > 1 else dtype)


def terms_of_pixel(scene: Scene) -> float:
    """Return the terms of a pixel; those of smeared spots are the reflections around a point."""
    return float(scene.terms * scene.sensor.count * scene.spots_of_point)


def most_pixels(gpu: Gpu, scene: Scene, dtype: np.dtype[Any], other_bytes: int) -> int:
    """Return how many pixels are rendered by one launch, of which each needs some other bytes besides its own."""
    by_time = LAUNCH_TERMS / terms_of_pixel(scene)
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
        self.scene, self.dtype, self.gpu = scene, dtype_of_sum(scene, dtype), gpu
        self.lanes = lanes_of(scene)
        kinds = [image_kind(scene, part, self.dtype) for part in parts_of(scene.core(dtype))]
        self.parts = [
            (arrays, gpu.function(kind, "image"))
            for arrays, kind in zip(scene_arrays(scene, dtype, gpu), kinds, strict=True)
        ]

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
        target = Target(out, roi, mask, add, self.dtype)
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
            values = cupy().empty(count, self.dtype)
            if add:
                values[:] = cupy().asarray(flat[where])
            job = pixel_list(len(spans) - 1, shape, add)
            blocks, threads = blocks_of_rows(self.lanes * (len(spans) - 1), 1, self.lanes, THREADS)
            self._launch(blocks, threads, job, cupy().asarray(part), cupy().asarray(spans), values)
            flat[where] = beside(out, values.astype(out.dtype, copy=False))
        done[0] += len(mask) * (x1 - x0 + 1) * (y1 - y0 + 1)

    def _launch(self, blocks: int, threads: int, job: Any, places: Any, spans: Any, result: Any) -> None:
        for number, (arrays, function) in enumerate(self.parts):
            each = as_argument(job, add=1) if number else job
            function((blocks,), (threads,), (arrays.parameters, arrays.arrays, each, places, spans, result))
        cupy().cuda.get_current_stream().synchronize()

    def _most_pixels(self) -> int:
        """Return how many pixels are rendered by one launch."""
        return most_pixels(self.gpu, self.scene, self.dtype, LIST_BYTES)
