"""The primitives of one lattice in chosen pixels, a block of pixels at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from .. import _gradient
from .._core import PRECISIONS, gradient_kernel
from .._gradient import NOISE_KINDS, PLACES, Task
from ..config.config import Config
from ..config.region import Region
from ..errors import ConfigError
from ..geometry import FloatArray
from ..rendering.cuda.choice import choose_gpu
from ..rendering.cuda.devices import Gpu
from ..rendering.culling import Culling, Tolerance
from ..rendering.instruction_sets import select_instruction_set
from ..rendering.pixel_selection import PixelList, select_pixels, spans_of
from ..rendering.threads import rendering_threads
from ..rendering.workers import run_stoppable
from ..scene.scene import Scene
from .domains import domain_passes
from .halos import halos_of_block
from .likelihood import Likelihood
from .mosaic import domain_spins
from .on_gpu import GpuRows
from .parts import Places, block_parts, chunks_of
from .sources import source_motions

BLOCK_PIXELS = 16384
GRADIENT_TERMS = 3  # terms of an image that one with its derivatives takes as long as


def as_scene(experiment: object) -> Scene:
    """Return the scene of a Config, or a scene as it is; raises `ConfigError` for compat="c"."""
    scene = experiment if isinstance(experiment, Scene) else Scene(cast("Config", experiment))  # which checks it
    if scene.config.compat is not None:
        raise ConfigError('Config.compat = "c": its images are not differentiated; use compat=None (-exact)')
    return scene


class Comparison(NamedTuple):
    """Sums over the pixels of a comparison with data.

    Attributes
    ----------
    loss, chi_squared
        The loss, and the sum of squared deviations over their variances.
    gradient : ndarray, shape (panels, rows)
        Every row's sum with the slopes of the loss.
    matrix : ndarray, shape (panels, used, used)
        Products of the used rows, weighted by the Fisher information.
    slopes : ndarray, shape (pixels,)
        Derivative of the loss by the expected photons of every pixel; empty unless asked for.
    """

    loss: float
    chi_squared: float
    gradient: FloatArray
    matrix: FloatArray
    slopes: FloatArray


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


class LatticeEvaluation:
    """Images and sums from the primitives of a lattice in chosen pixels; the primitives are not stored.

    Rows are the primitives and, behind them, `extra` ones, shape (n, pixels), that a method is given.

    Parameters
    ----------
    scene
        The scene of one lattice.
    dtype
        float64, or float32 for single precision where `simulate` uses it.
    pixels
        A boolean array or boxes, as in `simulate`; None: all.
    threads, device
        As in `simulate`.
    tolerance
        How many photons a pixel may miss.

    Attributes
    ----------
    places : ndarray of int, shape (pixels,)
        The pixels, in the flat image.
    bound_ph : float
        The most photons that a pixel misses of what has been computed.
    """

    def __init__(
        self,
        scene: Scene,
        dtype: npt.DTypeLike,
        pixels: PixelList | None,
        threads: int | None,
        device: str,
        tolerance: Tolerance,
    ) -> None:
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ConfigError(f"dtype = {dtype!r}: must be 'float32' or 'float64'")
        self.scene = scene
        self.threads = rendering_threads(threads)
        self.selection = pixels
        self.places = chosen_places(scene, pixels, None)
        self.passes = domain_passes(scene)
        self.device = device
        self._dtype = np.dtype(dtype)
        terms = len(self.places) * scene.terms * scene.sensor.count
        self._gpu = choose_gpu(device, scene, GRADIENT_TERMS * terms / self.threads, None)
        if scene.smear is not None or scene.halos:  # all terms are as quickly found; or slopes are not bounded
            tolerance = Tolerance(exact=True)
        self._culling = Culling(scene, dtype, tolerance, self.threads)
        self.bound_ph = 0.0
        self._panels, size = len(scene.geometry), int(np.prod(scene.geometry.size))
        self._chunks, self._panel_of_chunk = chunks_of(self.places, size)

    def fill_images(self, factors: FloatArray, images: npt.NDArray[Any], extra: FloatArray | None = None) -> None:
        """Fill in the chosen pixels of flat images, shape (n, pixels of the image), each the sum of all rows times
        `factors`, shape (panels, n, rows)."""
        if self._gpu is not None:
            with self._on_gpu(self._gpu, extra) as rows:
                rows.fill_images(factors, images)
        elif len(self.places) and len(images):
            self._run(self._task(extra).fill_images(np.ascontiguousarray(factors), images))

    def products(self, vector: FloatArray, extra: FloatArray | None = None) -> FloatArray:
        """Return the sums over the chosen pixels of every row times a number for each, shape (panels, rows)."""
        if not len(self.places):
            return np.zeros((self._panels, _gradient.COUNT + (0 if extra is None else len(extra))))
        if self._gpu is not None:
            with self._on_gpu(self._gpu, extra) as rows:
                return rows.products(vector)
        return self._run(self._task(extra).add_products(np.ascontiguousarray(vector)))

    def compare(
        self,
        noise: Likelihood,
        data: FloatArray,
        *,
        weights: FloatArray | None = None,
        background: FloatArray | None = None,
        extra: FloatArray | None = None,
        used: npt.NDArray[np.int32] | None = None,
        slopes: bool = False,
    ) -> Comparison:
        """Compare the expected photons with data.

        Parameters
        ----------
        noise
            Scatter of the data.
        data, background : ndarray, shape (pixels,)
            Measured photons of the chosen pixels; what is added to the expected ones.
        weights
            Inverse variances, in place of `noise`.
        extra
            Rows behind the primitives.
        used
            Numbers of the rows whose matrix is wanted.
        slopes
            Whether the slope of every pixel is wanted.
        """
        if self._gpu is not None:
            every = np.zeros(len(data))
            with self._on_gpu(self._gpu, extra) as rows:
                found = rows.compare(noise, data, weights, background, every, used)
            return Comparison(*found, every)
        task, by_pixel = self._task(extra), np.zeros(len(data) if slopes else 0)
        kind = "weighted" if weights is not None else noise.kind
        sums = self._run(task.compare(
            NOISE_KINDS[kind], noise.sigma, noise.limit, np.ascontiguousarray(data), weights, background,
            by_pixel if slopes else None, used,
        ))  # fmt: skip
        loss, chi_squared = sums[:, :2].sum(axis=0).tolist()
        count = 0 if used is None else len(used)
        lower = np.tril(sums[:, 2 + task.rows :].reshape(len(sums), count, count))
        matrix = lower + np.tril(lower, -1).transpose(0, 2, 1)
        return Comparison(loss, chi_squared, sums[:, 2 : 2 + task.rows], matrix, by_pixel)

    @contextmanager
    def _on_gpu(self, gpu: Gpu, extra: FloatArray | None) -> Iterator[GpuRows]:
        rows = GpuRows(self.scene, self._dtype, self.places, gpu, self._culling, extra)
        yield rows
        self.bound_ph = max(self.bound_ph, rows.bound_ph)

    def _task(self, extra: FloatArray | None) -> Task:
        precision = PRECISIONS.index(self.scene.core(self._dtype).precision)
        return Task(precision, self.scene.geometry.size, self.places, extra)

    def _run(self, task: Task) -> FloatArray:
        """Return what a task adds up on every panel."""
        return self._carry_out(task, self.scene, domain_spins(self.scene), self._culling)

    def _carry_out(self, task: Task, scene: Scene, moves: FloatArray | None, culling: Culling | None) -> FloatArray:
        """Return what a task adds up on every panel, the parts in the order of the pixels."""
        select_instruction_set()
        stop, first = np.zeros(1, np.int32), (gradient_kernel(), scene.core(self._dtype).address)
        motions, plan = source_motions(scene, *scene.sources[:2]), None if culling is None else culling.plan
        if culling is None or plan is None:
            call = partial(_gradient.run, *first, motions, moves, task, self._chunks, self.threads, stop)
            sums, panels = run_stoppable(call, stop), self._panel_of_chunk
        else:
            orders = (
                motions,
                source_motions(scene, plan.sources["direction"], plan.sources["wavelength"]),
                source_motions(scene, plan.around["direction"], plan.around["wavelength"]),
            )
            sums, panels, bound, _ = run_stoppable(partial(
                _gradient.run_regions, *first, plan.address, culling.epsilon, orders, moves, task, self._panels,
                self.threads, stop,
            ), stop)  # fmt: skip
            self.bound_ph = max(self.bound_ph, bound)
        return np.array([sums[panels == panel].sum(axis=0) for panel in range(self._panels)])

    def pass_rows(self, names: Collection[str]) -> FloatArray:
        """Return what further passes over the terms make (domains.py), shape (passes, pixels).

        Rows of parameters that are not among `names` are zero.
        """
        rows, size = np.zeros((len(self.passes), len(self.places))), self.scene.geometry.size
        image = np.zeros((1, int(np.prod(self.scene.shape))))
        for row, (name, each) in enumerate(self.passes.items()):
            if name not in names:
                continue
            factors, scene = np.zeros((self._panels, 1, _gradient.COUNT)), self.scene
            culling: Culling | None = self._culling
            factors[:, :, PLACES["spread"]] = 1.0
            if each.smear is not None:
                scene = scene.changed(smear=np.concatenate([scene.smear, each.smear]))
            if each.block is not None:
                halos = halos_of_block(scene, each.block)
                scene, culling = scene.changed(block_slope=each.block, halo_slopes=halos), None
            if each.halos is not None:
                scene = scene.changed(halo_slopes=each.halos.crystals)
            precision = PRECISIONS.index(scene.core(self._dtype).precision)
            task = Task(precision, size, self.places).fill_images(factors, image)
            if len(self.places):
                self._carry_out(task, scene, each.moves, culling)
            rows[row] = image[0, self.places]
        return rows

    def coefficients(self) -> Iterator[Coefficients]:
        """Yield the coefficients of structure factors, for a block of pixels at a time."""
        select_instruction_set()
        core, shape = self.scene.core(self._dtype), self.scene.geometry.size
        for part, _ in block_parts(self.places, shape[0] * shape[1], BLOCK_PIXELS):
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
