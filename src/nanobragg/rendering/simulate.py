"""Rendering of a Scene into an image."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from .._core import render
from ..calls import public
from ..config.config import Config
from ..config.region import Region
from ..errors import ConfigError
from ..geometry import Roi
from ..io.limits import physical_memory
from ..scene.scene import Scene
from .check_photons import PhotonRange, check_panels, check_photons, photon_range
from .cost import log_notable_cost
from .cuda.choice import choose_gpu
from .cuda.devices import is_on_gpu
from .culling import Culling, resolve_tolerance, tolerance_of_each
from .gpu_image import render_on_gpu
from .instruction_sets import select_instruction_set
from .out_array import check_out
from .pixel_selection import PixelList, select_pixels
from .progress import Progress, Reporter
from .threads import rendering_threads
from .workers import run_stoppable

log = logging.getLogger(__name__)


class RenderReport(NamedTuple):
    """How an image was rendered.

    Attributes
    ----------
    bound_ph : float
        Upper bound of the photons that any pixel misses; 0 if no term was left out.
    terms : int
        Terms of all rendered pixels: sub-pixels, sensor layers, sources and orientations.
    terms_evaluated : int
        Those that were evaluated; the others are proven to be too weak to matter.
    seconds : float
        Wall-clock time.
    """

    bound_ph: float
    terms: int
    terms_evaluated: int
    seconds: float

    def __str__(self) -> str:
        seconds = f"in {self.seconds:.3g} s"
        if self.terms_evaluated == self.terms:
            return f"{seconds}, all {self.terms:.4g} terms"
        missing = f"no pixel misses more than {self.bound_ph:.2g} photons" if self.bound_ph else "nothing is missing"
        share = 100 * self.terms_evaluated / self.terms
        return f"{seconds}, {self.terms_evaluated:.4g} of {self.terms:.4g} terms ({share:.2g} %); {missing}"


@overload
def simulate(
    experiment: Config | Scene,
    *,
    roi: Region | None = ...,
    pixels: PixelList | None = ...,
    out: Any = ...,
    add: bool = ...,
    threads: int | None = ...,
    dtype: Literal["float32", "float64"] = ...,
    tolerance: float | None = ...,
    tolerance_ph: float | None = ...,
    device: str = ...,
    progress: bool | Progress = ...,
    report: Literal[False] = ...,
) -> npt.NDArray[Any]: ...


@overload
def simulate(
    experiment: Config | Scene,
    *,
    roi: Region | None = ...,
    pixels: PixelList | None = ...,
    out: Any = ...,
    add: bool = ...,
    threads: int | None = ...,
    dtype: Literal["float32", "float64"] = ...,
    tolerance: float | None = ...,
    tolerance_ph: float | None = ...,
    device: str = ...,
    progress: bool | Progress = ...,
    report: Literal[True],
) -> tuple[npt.NDArray[Any], RenderReport]: ...


@public
def simulate(
    experiment: Config | Scene,
    *,
    roi: Region | None = None,
    pixels: PixelList | None = None,
    out: Any = None,
    add: bool = False,
    threads: int | None = None,
    dtype: Literal["float32", "float64"] = "float32",
    tolerance: float | None = None,
    tolerance_ph: float | None = None,
    device: str = "cpu",
    progress: bool | Progress = False,
    report: bool = False,
) -> npt.NDArray[Any] | tuple[npt.NDArray[Any], RenderReport]:
    """Return the expected photons in every pixel.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it (to render it repeatedly).
    roi
        Two slices (slow, fast), as an image is indexed: `np.s_[100:200, :50]`; pixels outside keep their value in
        `out`, or are 0. Default: that of the Config.
    pixels
        The pixels to compute, at the cost of these alone: a boolean array of the image's shape, or a list of `Box`
        (panel, slow, fast), for example from `shoeboxes`. Their values are those in the whole image; other pixels keep
        their value in `out`, or are 0. Pixels outside the ROI, or masked in the Config, are not computed.
    out
        C-contiguous array of the image's shape and dtype float32 or float64 to render into: of NumPy, or, with a GPU,
        one in its memory (of CuPy, PyTorch, or another library with DLPack or ``__cuda_array_interface__``), which
        stays there.
    add
        Add to `out`, for several lattices in one image.
    threads
        Number of threads; default: OMP_NUM_THREADS, otherwise the available processors. The image does not depend on
        it.
    dtype
        Data type of a new image.
    tolerance
        What any pixel may miss, as a share of the brightest pixel of the whole image, whatever the ROI: terms that are
        too weak to matter are not evaluated. 0 evaluates every term. Default: that of the Config, see `Sampling`.
    tolerance_ph
        The same as a number of photons, in place of `tolerance`.
    device
        "cpu"; "cuda" or "cuda:N" for an NVIDIA GPU (docs/gpu.md); "auto" for a GPU if there is one and the image takes
        long enough. A GPU's image is within the error bounds of docs/performance.md, but not bit for bit the CPU's.
    progress
        True for a progress bar on stderr, or a function that is called with the numbers of finished and of all pixels
        of the region.
    report
        Return also how the image was rendered.

    Returns
    -------
    image : ndarray, shape (slow, fast), or (panels, slow, fast) for several panels
        Photons; `out` if given, also if it is in a GPU's memory.
    report : RenderReport
        Only if asked for.

    Raises
    ------
    ConfigError
        An invalid Config, ROI, selection of pixels, array, or tolerance; photons that are not finite in `dtype`, or
        negative; or no thread can be started. A GPU that does not exist, cannot be used or has too little memory, or
        one for `compat="c"`.

    Warns
    -----
    NanobraggWarning
        With `compat="c"`, photons that are not finite, or negative; and fewer threads than requested.
    KeyboardInterrupt
        Within half a second of Ctrl-C; `out` is then partly rendered.
    """
    select_instruction_set()
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    if scene.others:
        options: dict[str, Any] = {
            "roi": roi, "pixels": pixels, "threads": threads, "device": device, "progress": progress,
        }  # fmt: skip
        target = out if is_on_gpu(out) else _target(scene, out, add, dtype)
        options["tolerance"], options["tolerance_ph"] = tolerance_of_each(scene, tolerance, tolerance_ph)
        summary = _add_lattices(scene, target, add, options)
        return (target, summary) if report else target
    check_panels(scene)
    chosen = select_pixels(scene, pixels, roi)
    panels = scene.config.detector.panels
    total = len(panels) * chosen.area
    threads = rendering_threads(threads)
    limit = resolve_tolerance(scene, tolerance, tolerance_ph)
    terms = chosen.count(len(panels)) * scene.terms * scene.sensor.count
    gpu = choose_gpu(device, scene, terms / threads, out)
    image = _target(scene, out if gpu is None else gpu.view(out), add, dtype)
    flat = image.reshape(len(panels), *panels[0].pixels)
    bound, evaluated = 0.0, terms
    start = time.perf_counter()

    def render_chosen(roi: Roi, stop: npt.NDArray[np.int32], done: npt.NDArray[np.int64]) -> None:
        nonlocal bound, evaluated
        culling = Culling(scene, flat.dtype, limit, threads, stop)
        if gpu is not None:
            bound, evaluated = render_on_gpu(gpu, culling, flat, roi, chosen.mask, add, done, terms)
            return
        log_notable_cost(scene, chosen, culling)
        if culling.plan is None:
            render(culling.core, flat, roi, chosen.mask, add, threads, stop, done)
        else:
            bound, evaluated = culling.render(flat, roi, chosen.mask, add, done)

    if chosen.roi is not None:
        overwritten = out is None or not (add or chosen.mask is not None)
        with nullcontext() if gpu is None else gpu.active():
            before = PhotonRange(0.0, 0.0) if overwritten else photon_range(flat, chosen.roi)
            _run(partial(render_chosen, chosen.roi), Reporter(progress, total))
            check_photons(scene, flat, chosen.roi, before)
    if scene.smear is not None:  # whose terms are counted as they are found
        terms = max(terms, evaluated) if bound else evaluated
    summary = RenderReport(bound, terms, evaluated, time.perf_counter() - start)
    where = f"{threads} threads" if gpu is None else str(gpu)
    log.info("rendered %d pixels on %s %s", total, where, summary)
    result: npt.NDArray[Any] = image if out is None else out
    return (result, summary) if report else result


def _add_lattices(scene: Scene, image: Any, add: bool, options: dict[str, Any]) -> RenderReport:
    """Render several lattices into an image."""
    reports = [
        simulate(lattice, out=image, add=add or number > 0, report=True, **options)[1]
        for number, lattice in enumerate(scene.lattices)
    ]
    return RenderReport(*(sum(column) for column in zip(*reports, strict=True)))


def _target(scene: Scene, out: Any, add: bool, dtype: str) -> Any:
    """Return the array to render into: a new one, or `out`, of NumPy or CuPy, after a check."""
    if out is None:
        if add:
            raise ConfigError("add = True: needs out, the image to add to")
        if dtype not in ("float32", "float64"):
            raise ConfigError(f"dtype = {dtype!r}: must be 'float32' or 'float64'")
        return _new_image(scene.shape, dtype)
    check_out(out, scene.shape, np.float32, np.float64)
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


def _run(job: Callable[[npt.NDArray[np.int32], npt.NDArray[np.int64]], None], reporter: Reporter) -> None:
    """Call job(stop, done) in another thread, so that this one can report progress and handle Ctrl-C."""
    stop, done = np.zeros(1, np.int32), np.zeros(1, np.int64)
    try:
        run_stoppable(partial(job, stop, done), stop, lambda: reporter.show(int(done[0])))
        reporter.show(reporter.total)
    finally:
        reporter.close()
