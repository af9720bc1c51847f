"""The grey scale of detector images: dark spots on white."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..io.check_image import cast_to_doubles

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

GAP = "wheat"  # a colour, because any grey would mean a number of photons
Image = npt.NDArray[Any]


def block_size(shape: tuple[int, ...], most: int) -> int:
    """Return the block size in pixels that shrinks an image to at most `most` pixels along each edge."""
    return max(1, -(-max(shape) // most))


def shrink(image: Image, block: int) -> Image:
    """Return the brightest pixel of each block of an image (slow, fast), or NaN if all its pixels are NaN.

    A mean would fade spots of a pixel or two. Blocks at the far edges may be incomplete.
    """
    if block == 1:
        return cast_to_doubles(image)
    slow, fast = (-(-n // block) * block for n in image.shape)
    padded = np.full((slow, fast), -np.inf)
    padded[: image.shape[0], : image.shape[1]] = np.where(np.isnan(image), -np.inf, image)
    brightest = padded.reshape(slow // block, block, fast // block, block).max(axis=(1, 3))
    return np.where(np.isneginf(brightest), np.nan, brightest)


def grey_map() -> Colormap:
    """Return a colour map from white to black, with `GAP` for NaN."""
    from matplotlib import colormaps

    return colormaps["gray_r"].with_extremes(bad=GAP)
