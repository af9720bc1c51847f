"""Images and sums of the primitives of pixels, made on a GPU (evaluate.py)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _gradient
from ..geometry import FloatArray
from ..rendering.cuda.devices import Gpu, beside
from ..rendering.cuda.primitives import GpuCulledPrimitives, GpuPrimitives, block_pixels
from ..rendering.culling import Culling
from ..rendering.gpu_image import may_leave_out
from ..rendering.workers import run_stoppable
from ..scene.scene import Scene
from .likelihood import Likelihood
from .mosaic import domain_spins
from .parts import Places, block_parts
from .sources import source_motions


class GpuRows:
    """Rows of numbers for chosen pixels: primitives, a block of pixels at a time, and `extra` ones behind them.

    Parameters
    ----------
    scene, dtype, places
        As in `Evaluation`.
    gpu
        Where.
    culling
        Which terms may be left out.
    extra : ndarray, shape (n, pixels), or None
        Further rows.
    """

    def __init__(
        self,
        scene: Scene,
        dtype: npt.DTypeLike,
        places: Places,
        gpu: Gpu,
        culling: Culling,
        extra: FloatArray | None,
    ) -> None:
        self._scene, self._places, self._gpu = scene, places, gpu
        self._extra = np.zeros((0, len(places))) if extra is None else extra
        self._kernel = _kernel(scene, dtype, gpu, culling)
        self.shape = (len(scene.geometry), _gradient.COUNT + len(self._extra))

    @property
    def bound_ph(self) -> float:
        """The most photons that a pixel misses of what has been computed."""
        return getattr(self._kernel, "bound_ph", 0.0)

    def _blocks(self) -> Iterator[tuple[int, slice, Any]]:
        """Yield panel, numbers of the pixels and rows of a block, the rows in the GPU's memory."""
        rows, columns = self._scene.geometry.size
        done = 0
        for part, panel in block_parts(self._places, rows * columns, block_pixels(self._scene)):
            some = slice(done, done + len(part))
            primitives = run_stoppable(partial(self._kernel.compute, part), np.zeros(1, np.int32))
            if len(self._extra):
                extra = beside(primitives, np.ascontiguousarray(self._extra[:, some]))
                primitives = np.concatenate([primitives, extra])
            yield panel, some, primitives
            done = some.stop

    def fill_images(self, factors: FloatArray, images: npt.NDArray[Any]) -> None:
        """As `Evaluation.fill_images`."""
        with self._gpu.active():
            for panel, some, rows in self._blocks():
                product = beside(rows, np.ascontiguousarray(factors[panel])) @ rows
                images[:, self._places[some]] = beside(images, product)

    def products(self, vector: FloatArray) -> FloatArray:
        """As `Evaluation.products`."""
        sums = np.zeros(self.shape)
        with self._gpu.active():
            for panel, some, rows in self._blocks():
                sums[panel] += beside(sums, rows @ beside(rows, vector[some]))
        return sums

    def compare(
        self,
        noise: Likelihood,
        data: FloatArray,
        weights: FloatArray | None,
        background: FloatArray | None,
        slopes: FloatArray,
        used: npt.NDArray[np.int32] | None,
    ) -> tuple[float, float, FloatArray, FloatArray]:
        """As `Evaluation.compare`: return loss, chi squared, gradient and matrix; `slopes` is filled in."""
        loss, chi_squared, count = 0.0, 0.0, 0 if used is None else len(used)
        gradient, matrix = np.zeros(self.shape), np.zeros((self.shape[0], count, count))
        with self._gpu.active():
            for panel, some, rows in self._blocks():
                model = beside(data, rows[_gradient.PLACES["total"]]) + (
                    0.0 if background is None else background[some]
                )
                terms = noise.terms(data[some], model, None if weights is None else weights[some])
                loss += float(terms.loss.sum())
                chi_squared += float(terms.deviation.sum())
                slopes[some] = terms.slope
                gradient[panel] += beside(gradient, rows @ beside(rows, terms.slope))
                if used is not None:
                    chosen = rows[beside(rows, used)]
                    matrix[panel] += beside(matrix, (chosen * beside(rows, terms.weight)) @ chosen.T)
        return loss, chi_squared, gradient, matrix


def _kernel(scene: Scene, dtype: npt.DTypeLike, gpu: Gpu, culling: Culling) -> GpuPrimitives | GpuCulledPrimitives:
    """Return what computes primitives: with terms left out where images are rendered so, or all of them."""
    spins, plan = domain_spins(scene), culling.plan
    if plan is None or not may_leave_out(scene):
        return GpuPrimitives(scene, dtype, gpu, source_motions(scene, *scene.sources[:2]), spins, _gradient.COUNT)
    planned, around = (
        source_motions(scene, sources["direction"], sources["wavelength"]) for sources in (plan.sources, plan.around)
    )
    return GpuCulledPrimitives(scene, dtype, gpu, plan, culling.epsilon, (planned, around), spins, _gradient.COUNT)
