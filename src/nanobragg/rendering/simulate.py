"""Rendering of a Scene into an image."""

import logging
import math
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .._core import render
from ..config.config import Config
from ..errors import ConfigError
from ..geometry import Roi
from ..io.limits import physical_memory
from ..scene.scene import Scene
from .check_photons import PhotonRange, check_panels, check_photons, photon_range
from .cost import log_notable_cost
from .instruction_sets import select_instruction_set
from .pixel_selection import PixelList, select_pixels
from .threads import rendering_threads
from .workers import run_stoppable

Progress = Callable[[int, int], None]
DEFAULT_COLUMNS = 79
log = logging.getLogger(__name__)


def simulate(
    experiment: Config | Scene,
    *,
    roi: Roi | None = None,
    pixels: PixelList | None = None,
    out: npt.NDArray[Any] | None = None,
    add: bool = False,
    threads: int | None = None,
    dtype: Literal["float32", "float64"] = "float32",
    progress: bool | Progress = False,
) -> npt.NDArray[Any]:
    """Return the expected photons in every pixel.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it (to render it repeatedly).
    roi
        First and last fast, first and last slow pixel, inclusive; pixels outside keep their value in `out`, or are 0.
        Default: that of the Config.
    pixels
        The pixels to compute, at the cost of these alone: a boolean array of the image's shape, or a list of `Box`
        (panel, slow, fast), for example from `shoeboxes`. Their values are those in the whole image; other pixels keep
        their value in `out`, or are 0. Pixels outside the ROI, or masked in the Config, are not computed.
    out
        C-contiguous array of the image's shape and dtype float32 or float64 to render into.
    add
        Add to `out`, for several lattices in one image.
    threads
        Number of threads; default: OMP_NUM_THREADS, otherwise the available processors. The image does not depend on
        it.
    dtype
        Data type of a new image.
    progress
        True for a progress bar on stderr, or a function that is called with the numbers of finished and of all pixels
        of the region.

    Returns
    -------
    ndarray, shape (slow, fast), or (panels, slow, fast) for several panels
        Photons; `out` if given.

    Raises
    ------
    ConfigError
        An invalid Config, ROI, selection of pixels, or array; photons that are not finite in `dtype`, or negative; or
        no thread can be started.

    Warns
    -----
    NanobraggWarning
        With `compat="c"`, photons that are not finite, or negative; and fewer threads than requested.
    KeyboardInterrupt
        Within half a second of Ctrl-C; `out` is then partly rendered.
    """
    select_instruction_set()
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    check_panels(scene)
    chosen = select_pixels(scene, pixels, roi)
    image = _target(scene, out, add, dtype)
    panels = scene.config.detector.panels
    flat = image.reshape(len(panels), *panels[0].pixels)
    total = len(panels) * chosen.area
    threads = rendering_threads(threads)
    log_notable_cost(scene, chosen, image.dtype, threads)
    start = time.perf_counter()
    if chosen.roi is not None:
        before = PhotonRange(0.0, 0.0) if out is None else photon_range(flat, chosen.roi)
        _run(scene, flat, chosen.roi, chosen.mask, add, threads, _Reporter(progress, total))
        check_photons(scene, flat, chosen.roi, before)
    log.info("rendered %d pixels on %d threads in %.3g s", total, threads, time.perf_counter() - start)
    return image


def _target(scene: Scene, out: npt.NDArray[Any] | None, add: bool, dtype: str) -> npt.NDArray[Any]:
    if out is None:
        if add:
            raise ConfigError("add = True: needs out, the image to add to")
        if dtype not in ("float32", "float64"):
            raise ConfigError(f"dtype = {dtype!r}: must be 'float32' or 'float64'")
        return _new_image(scene.shape, dtype)
    if not isinstance(out, np.ndarray):
        raise ConfigError(f"out, a {type(out).__name__}: must be a C-contiguous float32 or float64 array")
    if out.shape != scene.shape or out.dtype not in (np.float32, np.float64) or not out.flags.c_contiguous:
        raise ConfigError(
            f"out of shape {out.shape} and dtype {out.dtype}: "
            f"must be C-contiguous float32 or float64 of shape {scene.shape}"
        )
    if not out.flags.writeable:
        raise ConfigError("out: is read-only; give a writable array")
    return out


def _new_image(shape: tuple[int, ...], dtype: str) -> npt.NDArray[Any]:
    size = math.prod(shape) * np.dtype(dtype).itemsize
    try:
        if size <= physical_memory():
            return np.zeros(shape, dtype)
    except (MemoryError, ValueError):
        pass
    pixels = " x ".join(map(str, shape))
    raise ConfigError(f"an image of {pixels} pixels needs {size / 2**30:.1f} GiB, more than fits; use fewer")


def _columns() -> int | None:
    """Return the width of a progress bar if the terminal does not report its own (as tqdm needs one), else None."""
    try:
        return None if os.get_terminal_size(sys.stderr.fileno()).columns else DEFAULT_COLUMNS
    except (OSError, ValueError, AttributeError):  # not a terminal
        return None


class _Reporter:
    """Reports the progress of the kernel as a bar, or to the caller's function."""

    def __init__(self, progress: bool | Progress, total: int) -> None:
        self.total = total
        self.call = progress if callable(progress) else None
        self.bar: Any = None
        if progress is True:
            from tqdm import tqdm

            self.bar = tqdm(total=total, unit="px", unit_scale=True, leave=False, ncols=_columns())

    def show(self, done: int) -> None:
        if self.bar is not None:
            self.bar.update(done - self.bar.n)
        if self.call is not None:
            self.call(done, self.total)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


def _run(
    scene: Scene,
    out: npt.NDArray[Any],
    roi: Roi,
    mask: npt.NDArray[np.uint8] | None,
    add: bool,
    threads: int,
    reporter: _Reporter,
) -> None:
    """Render in another thread, so that this one can report progress and handle Ctrl-C."""
    core = scene.core(out.dtype)
    stop, done = np.zeros(1, np.int32), np.zeros(1, np.int64)
    try:
        run_stoppable(
            partial(render, core, out, roi, mask, add, threads, stop, done), stop, lambda: reporter.show(int(done[0]))
        )
        reporter.show(reporter.total)
    finally:
        reporter.close()
