"""Runs of both programs with the same C flags: images, times, and a trace of the pixel that differs most."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..analysis.compare.images import DEFAULT_PEAKS, ImageComparison, compare_images
from ..analysis.compare.traces import TraceComparison
from ..config.region import Region, region_limits, region_of
from ..errors import ShapeError, without_warnings
from ..rendering.progress import Progress
from ..rendering.simulate import simulate
from ..rendering.trace.trace import Trace, trace
from ..scene.scene import Scene
from .flags.config_from_flags import parse_flags
from .flags.flag_table import SPELLINGS
from .quirk_sizes import Size, quirk_sizes
from .quirks import active_quirks, explaining_quirks, has_distorted_cell, unreproduced_quirks
from .reference.program_output import Run
from .reference.trace_comparison import beside_original, compare_trace

Pixel = tuple[int, int]  # slow, fast
Image = npt.NDArray[Any]
OWN_FLAGS = {"-exact": 0, "-threads": 1}  # flags that the original lacks, and their numbers of values


@dataclass(frozen=True)
class OurRun:
    """Our image of a command line, and the seconds from flags to image."""

    scene: Scene
    image: npt.NDArray[np.float32]
    seconds: float


@dataclass(frozen=True)
class TracedPixel:
    """A pixel traced in both programs.

    Attributes
    ----------
    slow, fast
        Position of the pixel.
    trace
        Our trace.
    compared
        Comparison with the original's printed values; None if it printed none.
    values
        Values that both programs have, by name: ours, the original's.
    rows
        Rows of docs/quirks.md that explain the first divergence.
    sizes
        Rows that change the image, with their sizes, if ours is of corrected physics.
    """

    slow: int
    fast: int
    trace: Trace
    compared: TraceComparison | None
    values: dict[str, tuple[tuple[float, ...], tuple[float, ...]]]
    rows: list[int]
    sizes: list[Size]


def render_flags(flags: Sequence[str], progress: bool | Progress = False) -> OurRun:
    """Render C flags, with or without -exact, and measure the time."""
    start = time.perf_counter()
    parsed = parse_flags(flags)
    scene = Scene(parsed.config)
    image = simulate(scene, threads=parsed.outputs.threads, progress=progress)
    return OurRun(scene, image, time.perf_counter() - start)


def flags_for_original(flags: Sequence[str]) -> list[str]:
    """Return the flags without those of `OWN_FLAGS`."""
    arguments, skip = [], 0
    for argument in flags:
        name = SPELLINGS[argument].name if argument in SPELLINGS else ""
        if skip:
            skip -= 1
        elif name in OWN_FLAGS:
            skip = OWN_FLAGS[name]
        else:
            arguments.append(argument)
    return arguments


def compare_in_roi(ours: Image, theirs: Image, roi: Region | None, peaks: int = DEFAULT_PEAKS) -> ImageComparison:
    """Compare images within a region of two slices (slow, fast), or everywhere if None."""
    if ours.shape != theirs.shape:
        raise ShapeError(f"our image has shape {ours.shape}, the original's {theirs.shape}: they cannot be compared")
    if roi is None:
        return compare_images(ours, theirs, peaks=peaks)
    outside = np.ones(ours.shape, bool)
    outside[region_of(region_limits(roi, (ours.shape[0], ours.shape[1])))] = False
    a, b = (np.where(outside, np.nan, image) for image in (ours, theirs))
    return compare_images(a, b, peaks=peaks)


def most_different_pixel(run: OurRun, theirs: Image, roi: Region | None) -> Pixel | None:
    """Return the pixel where the images differ most, or the brightest if they are equal; None if none was rendered."""
    eligible = np.zeros(run.image.shape, bool)
    eligible[run.scene.roi] = run.scene.rendered[run.scene.roi]
    if roi is not None:
        chosen = np.zeros_like(eligible)
        chosen[roi] = True
        eligible &= chosen
    if not eligible.any():
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(run.image.astype(np.float64) - theirs)
    difference = np.where(np.isnan(difference), np.inf, difference)
    shown = difference if difference[eligible].any() else run.image
    slow, fast = np.unravel_index(int(np.argmax(np.where(eligible, shown, -1.0))), shown.shape)
    return int(slow), int(fast)


def trace_difference(run: OurRun, pixel: Pixel, flags: Sequence[str], printed: Run | None) -> TracedPixel:
    """Trace a pixel, compare it with the original's printed values, and find quirks that explain a divergence.

    `printed` is a run of the original, with the same flags, that printed the pixel; None if there is none.
    """
    slow, fast = pixel
    traced = trace(run.scene, slow=slow, fast=fast)
    if printed is None:
        return TracedPixel(slow, fast, traced, None, {}, [], [])
    compared = compare_trace(traced, printed)
    rows: list[int] = []
    if compared.divergence is not None:
        rows = explaining_quirks(compared.divergence.name, quirks_of_flags(flags))
    sizes = [] if run.scene.config.compat == "c" else sizes_of_flags(flags)
    return TracedPixel(slow, fast, traced, compared, beside_original(traced, printed), rows, sizes)


def sizes_of_flags(flags: Sequence[str]) -> list[Size]:
    """Return the rows that change the image of these flags, with their sizes, the largest first."""
    with without_warnings():  # already given during the run
        config, exact = (parse_flags(flags_for_original(flags), exact=exact).config for exact in (False, True))
        return quirk_sizes(config, exact, active_quirks(Scene(config)))


def quirks_of_flags(flags: Sequence[str]) -> set[int]:
    """Return the rows of docs/quirks.md in which the original may differ from our image of these flags."""
    plain = flags_for_original(flags)
    rows = unreproduced_quirks(plain)
    if not any(argument in SPELLINGS and SPELLINGS[argument].name == "-exact" for argument in flags):
        return rows
    with without_warnings():  # already given during the run
        scene = Scene(parse_flags(plain).config)
    return rows | active_quirks(scene) | ({9} if has_distorted_cell(scene.config.crystal) else set())
