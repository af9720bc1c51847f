"""Derivatives that are combinations of images of changed scenes, or of their derivatives: by weights and rotations of
listed domains, by weights of sources, and through all amplitudes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from .._gradient import COUNT, PLACES
from ..geometry import FloatArray
from ..rendering.culling import Tolerance
from ..rendering.pixel_selection import PixelList
from ..rendering.simulate import simulate
from ..scene.scene import Scene
from ..scene.scene_data import SceneData
from .damping import amplitude_changes, changes_amplitudes
from .evaluate import LatticeEvaluation
from .listed_domains import rotation_changes
from .names import domain_of, rotation_of, source_of
from .weights import weight_changes


def combination_images(
    scene: Scene, names: list[str], pixels: PixelList | None, threads: int | None, device: str = "cpu"
) -> Iterator[tuple[int, FloatArray]]:
    """Yield the place in `names`, and what images of changed scenes add to the derivative, of the image's shape."""

    def image(changed: Scene) -> FloatArray:
        return simulate(changed, pixels=pixels, dtype="float64", threads=threads, tolerance=0, device=device)

    def slope(changed: Scene, strain: FloatArray) -> FloatArray:
        evaluation = LatticeEvaluation(changed, np.float64, pixels, threads, device, Tolerance(exact=True))
        factors = np.zeros((len(scene.geometry), 1, COUNT))
        factors[:, 0, PLACES["strain"] : PLACES["strain"] + 9] = strain.ravel()
        images = np.zeros((1, int(np.prod(scene.shape))))
        evaluation.fill_images(factors, images)
        return images.reshape(scene.shape)

    whole = cache(lambda: image(scene))  # which all weights have in common
    for row, name in enumerate(names):
        parts = [
            factor * (whole() if changed is scene else image(changed))
            for factor, changed in weight_changes(scene, name) or amplitude_changes(scene, name)
        ]
        parts += [factor * slope(changed, strain) for factor, changed, strain in rotation_changes(scene, name)]
        if parts:
            yield row, np.sum(parts, axis=0)


def needs_combination(scene: SceneData, name: str) -> bool:
    """Return whether images of changed scenes are part of the derivative by a parameter."""
    of_one = source_of(name), domain_of(name), rotation_of(name)
    return any(found is not None for found in of_one) or changes_amplitudes(scene, name)
