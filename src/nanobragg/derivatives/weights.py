"""Derivatives with respect to the weights of sources and of listed domains.

An image is the weighted mean of those of its sources, and also of those of its domains. The derivative by a weight is
then the image of this one alone less the whole image, over the sum of the weights.
"""

from __future__ import annotations

import numpy as np

from ..config.beam import SourceList
from ..config.domains import Domains
from ..geometry import FloatArray
from ..scene.scene import Scene
from ..scene.scene_data import SceneData
from .names import domain_of, source_of


def weight_changes(scene: Scene, name: str) -> list[tuple[float, Scene]]:
    """Return factors and scenes whose images add up to the derivative by a weight; empty for another parameter."""
    source, domain = source_of(name), domain_of(name)
    if source is not None:  # whose weights have been scaled to a sum of 1
        return [(1.0, _source_alone(scene, source)), (-1.0, scene)]
    if domain is not None:
        share = 1.0 / float(domain_weights(scene).sum())
        return [(share, _domain_alone(scene, domain)), (-share, scene)]
    return []


def domain_weights(scene: SceneData) -> FloatArray:
    """Return the weights of the listed domains of a crystal as they were given, or 1 for each; empty without a list."""
    crystal = scene.config.crystal
    if crystal.mosaic_rotations_deg is None:
        return np.zeros(0)
    weights = crystal.mosaic_weights
    return np.ones(len(crystal.mosaic_rotations_deg)) if weights is None else weights


def _source_alone(scene: Scene, number: int) -> Scene:
    directions, wavelengths, _ = scene.sources
    one = slice(number, number + 1)
    return scene.changed(sources=SourceList(directions[one], wavelengths[one], np.ones(1)))


def _domain_alone(scene: Scene, number: int) -> Scene:
    """Return a scene whose crystal is one of its domains."""
    rotations, strains, _, turning = scene.domain_list
    one = slice(number, number + 1)
    domain = Domains(rotations[one], None if strains is None else strains[one], None, turning)
    cells = np.ascontiguousarray(scene.cells[number :: scene.domains])
    return scene.changed(domains=1, domain_list=domain, mosaic_rotations=domain.rotations, cells=cells)
