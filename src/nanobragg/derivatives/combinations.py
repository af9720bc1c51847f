"""Derivatives that are combinations of images of changed scenes: by weights, and through all amplitudes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from ..geometry import FloatArray
from ..rendering.pixel_selection import PixelList
from ..rendering.simulate import simulate
from ..scene.scene import Scene
from ..scene.scene_data import SceneData
from .damping import amplitude_changes, changes_amplitudes
from .names import domain_of, source_of
from .weights import weight_changes


def combination_images(
    scene: Scene, names: list[str], pixels: PixelList | None, threads: int | None, device: str = "cpu"
) -> Iterator[tuple[int, FloatArray]]:
    """Yield the place in `names`, and what images of changed scenes add to the derivative, of the image's shape."""

    def image(changed: Scene) -> FloatArray:
        return simulate(changed, pixels=pixels, dtype="float64", threads=threads, tolerance=0, device=device)

    whole = cache(lambda: image(scene))  # which all weights have in common
    for row, name in enumerate(names):
        terms = weight_changes(scene, name) or amplitude_changes(scene, name)
        if not terms:
            continue
        total = np.zeros(scene.shape)
        for factor, changed in terms:
            total += factor * (whole() if changed is scene else image(changed))
        yield row, total


def needs_combination(scene: SceneData, name: str) -> bool:
    """Return whether images of changed scenes are part of the derivative by a parameter."""
    return source_of(name) is not None or domain_of(name) is not None or changes_amplitudes(scene, name)
