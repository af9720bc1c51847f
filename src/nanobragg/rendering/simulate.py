"""Rendering of a Scene into an image."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
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
from .cuda.devices import Gpu, is_on_gpu
from .culling import Culling, Tolerance, resolve_tolerance, tolerance_of_each
from .gpu_image import render_on_gpu
from .instruction_sets import select_instruction_set
from .out_array import check_out
from .pixel_selection import PixelList, Selection, select_pixels
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
    options: dict[str, Any] = {
        "roi": roi, "pixels": pixels, "threads": threads, "device": device, "progress": progress,
        "tolerance": tolerance, "tolerance_ph": tolerance_ph,
    }  # fmt: skip
    if scene.others:
        image = out if is_on_gpu(out) else _target(scene, out, add, dtype)
        options["tolerance"], options["tolerance_ph"] = tolerance_of_each(scene, tolerance, tolerance_ph)
        summary = _add_lattices(scene, image, add, options)
    else:
        image, summary = _render_lattice(scene, out, add, dtype, **options)
    return (image, summary) if report else image


def _render_lattice(
    scene: Scene,
    out: Any,
    add: bool,
    dtype: str,
    *,
    roi: Region | None,
    pixels: PixelList | None,
    threads: int | None,
    device: str,
    progress: bool | Progress,
    tolerance: float | None,
    tolerance_ph: float | None,
) -> tuple[Any, RenderReport]:
    """Return the image of a single lattice, `out` if that is given, and how it was rendered."""
    check_panels(scene)
    chosen = select_pixels(scene, pixels, roi)
    panels = scene.config.detector.panels
    threads = rendering_threads(threads)
    limit = resolve_tolerance(scene, tolerance, tolerance_ph)
    terms = chosen.count(len(panels)) * scene.terms * scene.sensor.count
    gpu = choose_gpu(device, scene, terms / threads, out)
    image = _target(scene, out if gpu is None else gpu.view(out), add, dtype)
    job = _Job(scene, image.reshape(len(panels), *panels[0].pixels), chosen, add, limit, threads, gpu, terms)
    total = len(panels) * chosen.area
    start = time.perf_counter()
    if chosen.roi is not None:
        overwritten = out is None or not (add or chosen.mask is not None)
        with nullcontext() if gpu is None else gpu.active():
            before = PhotonRange(0.0, 0.0) if overwritten else photon_range(job.image, chosen.roi)
            _run(partial(job.render, chosen.roi), Reporter(progress, total))
            check_photons(scene, job.image, chosen.roi, before)
    summary = job.report(time.perf_counter() - start)
    where = f"{threads} threads" if gpu is None else str(gpu)
    log.info("rendered %d pixels on %s %s", total, where, summary)
    return image if out is None else out, summary


@dataclass
class _Job:
    """The rendering of a single lattice into an image of shape (panels, slow, fast)."""

    scene: Scene
    image: Any
    chosen: Selection
    add: bool
    limit: Tolerance
    threads: int
    gpu: Gpu | None
    terms: int

    def __post_init__(self) -> None:
        self.bound, self.evaluated = 0.0, self.terms

    def render(self, roi: Roi, stop: npt.NDArray[np.int32], done: npt.NDArray[np.int64]) -> None:
        """Render the chosen pixels in the region of interest, in the other thread of `_run`."""
        mask, add = self.chosen.mask, self.add
        find_culling = partial(Culling, self.scene, self.image.dtype, self.limit, self.threads, stop)
        if self.gpu is not None:
            self.bound, self.evaluated = render_on_gpu(
                self.gpu, self.scene, find_culling, self.image, roi, mask, add, stop, done, self.terms
            )
            return
        culling = find_culling()
        log_notable_cost(self.scene, self.chosen, culling)
        if culling.plan is None:
            render(culling.core, self.image, roi, mask, add, self.threads, stop, done)
        else:
            self.bound, self.evaluated = culling.render(self.image, roi, mask, add, done)

    def report(self, seconds: float) -> RenderReport:
        """Return how the image was rendered."""
        terms = self.terms
        if self.scene.smear is not None:  # whose terms are counted as they are found
            terms = max(terms, self.evaluated) if self.bound else self.evaluated
        return RenderReport(self.bound, terms, self.evaluated, seconds)


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
