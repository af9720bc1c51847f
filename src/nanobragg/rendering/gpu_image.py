"""The image of a scene on a GPU: with terms left out, or all of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..geometry import Roi
from ..scene.scene import Scene
from .cuda.culled import GpuCulledImage
from .cuda.devices import Gpu
from .cuda.render import GpuImage
from .culling import Culling

FEWEST_TERMS = 16  # of a pixel, below which bounds take as long as they save


def render_on_gpu(
    gpu: Gpu,
    scene: Scene,
    find_culling: Callable[[], Culling],
    out: Any,
    roi: Roi,
    mask: npt.NDArray[np.uint8] | None,
    add: bool,
    stop: npt.NDArray[np.int32],
    done: npt.NDArray[np.int64],
    terms: int,
) -> tuple[float, int]:
    """Render into an array of shape (panels, slow, fast), of NumPy or CuPy.

    `find_culling` returns which of the `terms` may be left out; it is not called where none is worth the search.

    Returns
    -------
    bound_ph, terms_evaluated
        The most that a pixel misses, and how many of the terms were evaluated.
    """
    culling = find_culling() if may_leave_out(scene) else None
    if culling is None or culling.plan is None:
        GpuImage(scene, out.dtype, gpu).render(out, roi, mask, add, stop, done)
        return 0.0, terms
    kernel = GpuCulledImage(scene, out.dtype, gpu, culling.plan, culling.epsilon)
    return kernel.render(out, roi, mask, add, stop, done)


def may_leave_out(scene: Scene) -> bool:
    """Return whether device code may leave terms of a scene out; those of smeared spots are within reach of a pixel."""
    return scene.terms >= FEWEST_TERMS and scene.smear is None
