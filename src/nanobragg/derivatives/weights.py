"""Derivatives with respect to the weights of sources."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..config.beam import SourceList
from ..geometry import FloatArray
from ..rendering.pixel_selection import PixelList
from ..rendering.simulate import simulate
from ..scene.scene import Scene
from .parameters import source_of


def weight_images(
    scene: Scene, names: list[str], pixels: PixelList | None, threads: int | None, device: str = "cpu"
) -> Iterator[tuple[int, FloatArray]]:
    """Yield the place in `names` and the derivative, of the image's shape, of every weight of a source among them.

    Weights are shared out so that their sum is 1: with I_s the image of source s alone, the derivative by its weight is
    I_s less the whole image.
    """
    numbers = [(row, number) for row, name in enumerate(names) if (number := source_of(name)) is not None]
    if not numbers:
        return
    whole = simulate(scene, pixels=pixels, dtype="float64", threads=threads, tolerance=0, device=device)
    for row, number in numbers:
        directions, wavelengths, _ = scene.sources
        one = slice(number, number + 1)
        alone = scene.changed(sources=SourceList(directions[one], wavelengths[one], np.ones(1)))
        yield row, simulate(alone, pixels=pixels, dtype="float64", threads=threads, tolerance=0, device=device) - whole
