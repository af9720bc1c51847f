"""The speed of the kernel on this machine, measured in a few milliseconds."""

import time
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .._core import CoreScene, instruction_set, render
from ..geometry import Roi
from ..scene.scene import Scene

ORIENTATIONS, SOURCES = 64, 4  # of a measurement, at most
BLOCKS, BLOCK_PIXELS = 4, (8, 64)
SECONDS, FEWEST = 0.003, 3  # of each measurement: time, and renderings
SHORTEST = 1e-9  # differences of measured times are not negative

_measured: dict[tuple[object, ...], "Speed"] = {}


class Speed(NamedTuple):
    """Time of one thread.

    Attributes
    ----------
    per_ray
        Seconds for each sub-pixel, sensor layer and source.
    per_term
        Seconds for each of these and each orientation, with its halos.
    """

    per_ray: float
    per_term: float


def kernel_speed(scene: Scene, dtype: npt.DTypeLike) -> Speed:
    """Return the speed of the kernel that renders a scene; it is measured once for each kind of scene."""
    core, config = scene.core(dtype), scene.config
    kind = (
        instruction_set(), core.precision, core.like_c, config.crystal.shape, scene.lookup, config.beam.polarized,
        config.detector.curved, scene.amorphous is not None, scene.sensor.range > 0,
        min(SOURCES, len(scene.sources.weights)), min(ORIENTATIONS, len(scene.cells)),
        scene.terms_per_ray // len(scene.cells),
    )  # fmt: skip
    if config.sampling.d_min_A > 0:  # what is skipped differs between scenes
        return _measure(scene, core, dtype)
    if kind not in _measured:
        _measured[kind] = _measure(scene, core, dtype)
    return _measured[kind]


def _measure(scene: Scene, core: CoreScene, dtype: npt.DTypeLike) -> Speed:
    """Render blocks of pixels without, with one and with several orientations, and tell rays and terms apart."""
    sources, several = min(SOURCES, len(scene.sources.weights)), min(ORIENTATIONS, len(scene.cells))
    shape = (len(scene.config.detector.panels), *scene.config.detector.panels[0].pixels)
    image, mask, none = np.empty(shape, dtype), np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    regions = _choose_blocks(scene.limits, mask)  # nothing else is touched
    rays = sources * scene.sensor.count * sum(int(mask[(..., *_slices(region))].sum()) for region in regions)
    alone = core.probe(1, sources)
    calls, one = (_fastest(alone, image, chosen, regions) for chosen in (none, mask))
    per_ray = max(one - calls, SHORTEST) / rays
    if several == 1:
        return Speed(0.0, per_ray)
    all_of_them = _fastest(core.probe(several, sources), image, mask, regions)
    per_term = max(all_of_them - one, SHORTEST) / rays / (several - 1)
    return Speed(max(per_ray - per_term, 0.0), per_term)


def _choose_blocks(roi: Roi, mask: npt.NDArray[np.uint8]) -> list[Roi]:
    """Return blocks of pixels scattered over a region, and mark each on one panel; the same at each call."""
    x0, x1, y0, y1 = roi
    draw = np.random.default_rng(0)
    blocks = []
    for _ in range(BLOCKS):
        panel = draw.integers(len(mask))
        x, y = (int(draw.integers(low, max(low, high - size + 1) + 1)) for low, high, size in (
            (x0, x1, BLOCK_PIXELS[1]), (y0, y1, BLOCK_PIXELS[0])
        ))  # fmt: skip
        block = x, min(x + BLOCK_PIXELS[1] - 1, x1), y, min(y + BLOCK_PIXELS[0] - 1, y1)
        mask[(panel, *_slices(block))] = 1
        blocks.append(block)
    return blocks


def _slices(roi: Roi) -> tuple[slice, slice]:
    return slice(roi[2], roi[3] + 1), slice(roi[0], roi[1] + 1)


def _fastest(
    core: CoreScene, image: npt.NDArray[np.floating], mask: npt.NDArray[np.uint8], regions: list[Roi]
) -> float:
    """Return the shortest time (s) of several renderings of the marked pixels of the regions on one thread."""
    stop, done = np.zeros(1, np.int32), np.zeros(1, np.int64)
    times: list[float] = []
    while len(times) < FEWEST or sum(times[1:]) < SECONDS:  # the first touches the memory
        start = time.perf_counter()
        for region in regions:
            render(core, image, region, mask, False, 1, stop, done)
        times.append(time.perf_counter() - start)
    return min(times)
