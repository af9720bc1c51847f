"""The speed of the kernel on this machine, measured in a few milliseconds."""

import time
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .._core import CoreScene, instruction_set, render
from ..geometry import Roi
from ..scene.scene import Scene

ORIENTATIONS, SOURCES = 64, 4  # of a measurement, at most
SPANS, SPAN_PIXELS = 6, 64
SECONDS, FEWEST = 0.003, 3  # of each measurement: time, and renderings

_measured: dict[tuple[object, ...], "Speed"] = {}


class Speed(NamedTuple):
    """Time of one thread.

    Attributes
    ----------
    per_ray
        Seconds for each sub-pixel, sensor layer and source.
    per_term
        Seconds for each of these and each orientation.
    """

    per_ray: float
    per_term: float


def kernel_speed(scene: Scene, dtype: npt.DTypeLike) -> Speed:
    """Return the speed of the kernel that renders a scene; it is measured once for each kind of scene."""
    core, config = scene.core(dtype), scene.config
    kind = (
        instruction_set(), core.precision, core.like_c, config.crystal.shape, scene.lookup, config.beam.polarized,
        config.detector.curved, scene.amorphous is not None, scene.sensor.range > 0,
    )  # fmt: skip
    if config.sampling.d_min_A > 0:  # what is skipped differs between scenes
        return _measure(scene, core, dtype)
    if kind not in _measured:
        _measured[kind] = _measure(scene, core, dtype)
    return _measured[kind]


def _measure(scene: Scene, core: CoreScene, dtype: npt.DTypeLike) -> Speed:
    """Render spans of pixels with one orientation, and with several, and tell rays and terms apart."""
    sources = min(SOURCES, len(scene.sources.weights))
    shape = (len(scene.config.detector.panels), *scene.config.detector.panels[0].pixels)
    image = np.empty(shape, dtype)  # of which only the spans are touched
    regions = _spans(scene.roi)
    pixels = shape[0] * sum(x1 - x0 + 1 for x0, x1, _, _ in regions)
    rays = pixels * sources * scene.sensor.count
    one = _fastest(core.probe(1, sources), image, regions) / rays
    several = min(ORIENTATIONS, len(scene.cells))
    if several == 1:
        return Speed(0.0, one)
    per_term = max((_fastest(core.probe(several, sources), image, regions) / rays - one) / (several - 1), 1e-12)
    return Speed(max(one - per_term, 0.0), per_term)


def _spans(roi: Roi) -> list[Roi]:
    """Return spans of pixels scattered over a region, the same at each call."""
    x0, x1, y0, y1 = roi
    draw = np.random.default_rng(0)
    rows = draw.integers(y0, y1 + 1, SPANS).tolist()
    columns = draw.integers(x0, max(x0, x1 - SPAN_PIXELS + 1) + 1, SPANS).tolist()
    return [(x, min(x + SPAN_PIXELS - 1, x1), y, y) for x, y in zip(columns, rows, strict=True)]


def _fastest(core: CoreScene, image: npt.NDArray[np.floating], regions: list[Roi]) -> float:
    """Return the shortest time (s) of several renderings of the regions on one thread."""
    stop, done = np.zeros(1, np.int32), np.zeros(1, np.int64)
    times: list[float] = []
    while len(times) < FEWEST or sum(times[1:]) < SECONDS:  # the first touches the memory
        start = time.perf_counter()
        for region in regions:
            render(core, image, region, None, False, 1, stop, done)
        times.append(time.perf_counter() - start)
    return min(times)
