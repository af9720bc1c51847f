"""The image of a scene on a GPU: with terms left out, or all of them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..geometry import Roi
from .cuda.culled import GpuCulledImage
from .cuda.devices import Gpu
from .cuda.render import GpuImage
from .culling import Culling

FEWEST_TERMS = 16  # of a pixel, below which bounds take as long as they save


def render_on_gpu(
    gpu: Gpu,
    culling: Culling,
    out: Any,
    roi: Roi,
    mask: npt.NDArray[np.uint8] | None,
    add: bool,
    done: npt.NDArray[np.int64],
    terms: int,
) -> tuple[float, int]:
    """Render into an array of shape (panels, slow, fast), of NumPy or CuPy.

    Returns
    -------
    bound_ph, terms_evaluated
        The most that a pixel misses, and how many of the terms were evaluated.
    """
    scene = culling.scene
    if culling.plan is None or scene.terms < FEWEST_TERMS:
        GpuImage(scene, out.dtype, gpu).render(out, roi, mask, add, culling.stop, done)
        return 0.0, terms
    kernel = GpuCulledImage(scene, out.dtype, gpu, culling.plan, culling.epsilon)
    return kernel.render(out, roi, mask, add, culling.stop, done)
