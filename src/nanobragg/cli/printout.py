"""-printout and -printout_pixel: pixels in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy.typing as npt

from ..scene import Scene


def print_pixels(scene: Scene, image: npt.NDArray[Any], pixel: tuple[int, int] | None) -> None:
    """Print one pixel (fast, slow), or all that were rendered."""
    for fast, slow in _rendered(scene) if pixel is None else [pixel]:
        if 0 <= slow < image.shape[0] and 0 <= fast < image.shape[1] and scene.rendered[slow, fast]:
            print("\n".join(pixel_block(image, fast, slow)))


def _rendered(scene: Scene) -> Iterator[tuple[int, int]]:
    x0, x1, y0, y1 = scene.roi
    return ((fast, slow) for slow in range(y0, y1 + 1) for fast in range(x0, x1 + 1))


def pixel_block(image: npt.NDArray[Any], fast: int, slow: int) -> list[str]:
    """What is said of one pixel."""
    return [f"{fast:4d} {slow:4d} : pixel {image[slow, fast]:.10g} photons"]
