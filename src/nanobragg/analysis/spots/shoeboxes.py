"""Boxes of pixels around predicted spots."""

from __future__ import annotations

import numpy as np

from ...bounds import number
from ...calls import public
from ...config.config import Config
from ...rendering.pixel_selection import Box
from ...scene.scene import Scene
from .predict import predict_spots


@public
def shoeboxes(experiment: Config | Scene, radius: float, *, threshold: float = 0.01) -> list[Box]:
    """Return a box of pixels around every predicted spot, in the order of `predict_spots`.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    radius
        Half the width of a box in pixels: it contains every pixel that is within this distance of the centroid along
        both axes. A whole number r gives boxes of 2r + 1 pixels, cut off at the edges of the panel.
    threshold
        Smallest partiality relative to the largest one, as in `predict_spots`.

    Returns
    -------
    list of Box
        Boxes for `simulate(pixels=…)`; they may overlap.

    Raises
    ------
    ConfigError
        A negative radius, or a threshold outside 0 … 1.
    """
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    radius = number("radius", radius, 0, 1e6)
    spots = predict_spots(scene, threshold=threshold)
    ends = []
    for centre, size in zip((spots.slow_px, spots.fast_px), scene.config.detector.panels[0].pixels, strict=True):
        first = np.maximum(np.floor(centre - radius), 0).astype(int)
        last = np.minimum(np.floor(centre + radius), size - 1).astype(int)
        ends += [first.tolist(), (last + 1).tolist()]
    return [
        Box(panel, slice(slow, slow_end), slice(fast, fast_end))
        for panel, slow, slow_end, fast, fast_end in zip(spots.panel.tolist(), *ends, strict=True)
    ]
