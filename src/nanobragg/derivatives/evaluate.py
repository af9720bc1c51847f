"""The primitives of chosen pixels, a block of pixels at a time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _gradient
from .._core import PRECISIONS, CoreScene, gradient_kernel
from ..config.config import Config
from ..config.region import Region
from ..errors import ConfigError
from ..geometry import FloatArray
from ..rendering.cuda.choice import choose_gpu
from ..rendering.cuda.devices import Gpu, beside
from ..rendering.cuda.primitives import GpuPrimitives, block_pixels
from ..rendering.instruction_sets import select_instruction_set
from ..rendering.pixel_selection import PixelList, select_pixels, spans_of
from ..rendering.threads import rendering_threads
from ..rendering.workers import run_stoppable
from ..scene.scene import Scene
from .domains import domain_passes
from .mosaic import domain_spins
from .sources import source_motions

BLOCK_PIXELS = 16384
GRADIENT_TERMS = 3  # terms of an image that one with its derivatives takes as long as
Places = npt.NDArray[np.int64]


def as_scene(experiment: object) -> Scene:
    """Return the scene of a Config, or a scene as it is; raises `ConfigError` for compat="c"."""
    scene = experiment if isinstance(experiment, Scene) else Scene(_config(experiment))
    if scene.config.compat is not None:
        raise ConfigError('Config.compat = "c": its images are not differentiated; use compat=None (-exact)')
    return scene.one_lattice("a derivative")


def _config(experiment: object) -> Config:
    if isinstance(experiment, Config):
        return experiment
    raise ConfigError(f"{type(experiment).__name__}: give a Config or a Scene")


class Block(NamedTuple):
    """Pixels of one panel, in the order of the flat image, with their primitives.

    Attributes
    ----------
    panel
        Number of the panel.
    pixels
        Places in the flat image.
    primitives : ndarray, shape (primitives, pixels)
        Of NumPy, or of CuPy on a GPU.
    """

    panel: int
    pixels: Places
    primitives: Any

    def project(self, factors: FloatArray) -> FloatArray:
        """Return sums of the primitives with other factors for each row, shape (rows, pixels)."""
        product: FloatArray = beside(factors, beside(self.primitives, factors) @ self.primitives)
        return product

    def add_up(self, vector: FloatArray) -> FloatArray:
        """Return the sums over the pixels of the primitives times a vector, shape (primitives,)."""
        sums: FloatArray = beside(vector, self.primitives @ beside(self.primitives, vector))
        return sums

    @property
    def where(self) -> Places | slice:
        """Where the pixels are in the flat image: a slice, which is faster, if nothing is between them."""
        first, last = int(self.pixels[0]), int(self.pixels[-1])
        return slice(first, last + 1) if last - first + 1 == len(self.pixels) else self.pixels


class Coefficients(NamedTuple):
    """What entries of the tables of structure factors contribute to pixels.

    Attributes
    ----------
    places
        The pixels, in the flat image.
    pixels, entries, values
        Number of the pixel in `places`, number of the entry counted through all tables, and the coefficient: of the
        squared amplitude of the nearest reflection, or the derivative by the amplitude with tricubic interpolation.
    """

    places: Places
    pixels: Places
    entries: Places
    values: FloatArray


class Evaluation:
    """The primitives of a scene in chosen pixels.

    Parameters
    ----------
    scene
        The scene.
    dtype
        float64, or float32 for single precision where `simulate` uses it.
    pixels
        A boolean array or boxes, as in `simulate`; None: all.
    threads, device
        As in `simulate`.
    """

    def __init__(
        self,
        scene: Scene,
        dtype: npt.DTypeLike,
        pixels: PixelList | None,
        threads: int | None,
        device: str = "cpu",
    ) -> None:
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ConfigError(f"dtype = {dtype!r}: must be 'float32' or 'float64'")
        self.scene = scene
        self.threads = rendering_threads(threads)
        self.selection = pixels
        self.places = chosen_places(scene, pixels, None)
        self.passes = domain_passes(scene)
        self.count = _gradient.COUNT + len(self.passes)
        self.device = device
        self._dtype = np.dtype(dtype)
        terms = len(self.places) * scene.terms * scene.sensor.count
        if self.passes and device != "cpu":
            if device != "auto":
                raise ConfigError(f'device = "{device}": {", ".join(self.passes)} take the CPU; use device="cpu"')
            device = "cpu"
        self._gpu = choose_gpu(device, scene, GRADIENT_TERMS * terms / self.threads, None)

    def _parts(self) -> Iterator[tuple[Places, int]]:
        """Yield the places of blocks of pixels, and the panel of each."""
        rows, columns = self.scene.geometry.size
        most = BLOCK_PIXELS if self._gpu is None else block_pixels(self.scene)
        return block_parts(self.places, rows * columns, most)

    def blocks(self) -> Iterator[Block]:
        """Yield blocks of pixels; their primitives are overwritten when the next is computed."""
        return self._cpu_blocks() if self._gpu is None else self._gpu_blocks(self._gpu)

    def _gpu_blocks(self, gpu: Gpu) -> Iterator[Block]:
        scene = self.scene
        kernel = GpuPrimitives(
            scene, self._dtype, gpu, source_motions(scene), domain_spins(scene), _gradient.COUNT
        )  # fmt: skip
        with gpu.active():
            for part, panel in self._parts():
                yield Block(panel, part, run_stoppable(partial(kernel.compute, part), np.zeros(1, np.int32)))

    def _cpu_blocks(self) -> Iterator[Block]:
        select_instruction_set()
        scene, core = self.scene, self.scene.core(self._dtype)
        motions, spins = source_motions(scene), domain_spins(scene)
        passes = list(self._passes())
        buffer = np.empty((self.count, BLOCK_PIXELS))
        for part, panel in self._parts():
            out = buffer[:, : len(part)] if len(part) == BLOCK_PIXELS else np.empty((self.count, len(part)))
            self._fill(core, motions, spins, part, out[: _gradient.COUNT])
            for row, core_of_pass, spins_of_pass, factors in passes:
                scratch = np.empty((_gradient.COUNT, len(part)))
                self._fill(core_of_pass, motions, spins_of_pass, part, scratch)
                out[row] = factors @ scratch
            yield Block(panel, part, out)

    def _fill(
        self, core: CoreScene, motions: npt.NDArray[np.void], spins: FloatArray | None, part: Places, out: FloatArray
    ) -> None:
        """Compute the primitives of a part of the pixels."""
        stop, done, shape = np.zeros(1, np.int32), np.zeros(1, np.int64), self.scene.geometry.size
        call = partial(
            _gradient.primitives, gradient_kernel(), core.address, PRECISIONS.index(core.precision), motions,
            spins, shape, part, spans_of(part, shape[1], _gradient.SPAN), out, self.threads, stop, done,
        )  # fmt: skip
        run_stoppable(call, stop)

    def _passes(self) -> Iterator[tuple[int, CoreScene, FloatArray | None, FloatArray]]:
        """Yield the row of each pass, its scene, what it turns, and the factors of its primitives."""
        for row, each in enumerate(self.passes.values(), _gradient.COUNT):
            factors = np.zeros(_gradient.COUNT)
            scene = self.scene
            if each.shares is None:
                factors[_gradient.PLACES["spread"]] = 1.0
            else:
                factors[_gradient.PLACES["strain"] + np.array([0, 4, 8])] = 1.0
                scene = scene.changed(domain_list=scene.domain_list._replace(shares=each.shares))
            yield row, scene.core(self._dtype), each.spins, factors

    def coefficients(self) -> Iterator[Coefficients]:
        """Yield the coefficients of structure factors, for a block of pixels at a time."""
        select_instruction_set()
        core, shape = self.scene.core(self._dtype), self.scene.geometry.size
        for part, _ in self._parts():
            stop = np.zeros(1, np.int32)
            call = partial(
                _gradient.coefficients, gradient_kernel(), core.address, PRECISIONS.index(core.precision), shape, part,
                spans_of(part, shape[1], _gradient.SPAN), self.threads, stop,
            )  # fmt: skip
            yield Coefficients(part, *run_stoppable(call, stop))


def chosen_places(scene: Scene, pixels: PixelList | None, roi: Region | None) -> Places:
    """Return the places in the flat image of the pixels that are chosen, within the ROI, and not masked."""
    chosen = select_pixels(scene, pixels, roi)
    inside = np.zeros((len(scene.geometry), *scene.geometry.size), bool)
    if chosen.roi is not None:
        x0, x1, y0, y1 = chosen.roi
        part = np.s_[:, y0 : y1 + 1, x0 : x1 + 1]
        inside[part] = True if chosen.mask is None else chosen.mask[part] != 0
    return np.flatnonzero(inside)


def block_parts(places: Places, panel_pixels: int, most: int) -> Iterator[tuple[Places, int]]:
    """Yield parts of a rising list of places, each of at most `most` pixels of one panel, and the panel."""
    if not len(places):
        return
    for panel in range(int(places[0] // panel_pixels), int(places[-1] // panel_pixels) + 1):
        low, high = np.searchsorted(places, [panel * panel_pixels, (panel + 1) * panel_pixels])
        for start in range(low, high, most):
            yield np.ascontiguousarray(places[start : min(start + most, high)]), panel
