"""Derivatives with respect to the weights of sources and of listed domains.

An image is the weighted mean of those of its sources, and also of those of its domains. The derivative by a weight is
then the image of this one alone less the whole image, over the sum of the weights.
"""

from __future__ import annotations

import numpy as np

from ..config.beam import SourceList
from ..scene.scene import Scene
from .listed_domains import domain_alone, domain_weights
from .names import domain_of, source_of


def weight_changes(scene: Scene, name: str) -> list[tuple[float, Scene]]:
    """Return factors and scenes whose images add up to the derivative by a weight; empty for another parameter."""
    source, domain = source_of(name), domain_of(name)
    if source is not None:  # whose weights have been scaled to a sum of 1
        return [(1.0, _source_alone(scene, source)), (-1.0, scene)]
    if domain is not None:
        share = 1.0 / float(domain_weights(scene).sum())
        return [(share, domain_alone(scene, domain)), (-share, scene)]
    return []


def _source_alone(scene: Scene, number: int) -> Scene:
    directions, wavelengths, _ = scene.sources
    one = slice(number, number + 1)
    return scene.changed(sources=SourceList(directions[one], wavelengths[one], np.ones(1)))
