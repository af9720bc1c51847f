"""A crystallographer's grey scale: dark spots on white."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

GAP = "wheat"  # no grey, so that it is neither few photons nor many
Image = npt.NDArray[Any]


def block_size(shape: tuple[int, ...], most: int) -> int:
    """Edge of the blocks of pixels that an image must shrink by to have at most `most` along an edge."""
    return max(1, -(-max(shape) // most))


def shrink(image: Image, block: int) -> Image:
    """An image (slow, fast) with the brightest pixel of each block; NaN only where all is NaN.

    A mean would fade spots of a pixel or two. Blocks at the far edges may be incomplete.
    """
    if block == 1:
        return image.astype(np.float64)
    slow, fast = (-(-n // block) * block for n in image.shape)
    padded = np.full((slow, fast), -np.inf)
    padded[: image.shape[0], : image.shape[1]] = np.where(np.isnan(image), -np.inf, image)
    brightest = padded.reshape(slow // block, block, fast // block, block).max(axis=(1, 3))
    return np.where(np.isneginf(brightest), np.nan, brightest)


def grey_limits(values: Image, percentiles: tuple[float, float]) -> tuple[float, float]:
    """What is drawn white and what black: percentiles of the finite values, which a few bright pixels do not move.

    Black is the brightest pixel where the two are equal, which they are if fewer pixels are lit than the upper
    percentile leaves out.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    white, black = np.percentile(finite, percentiles).tolist()
    if black <= white:
        black = float(finite.max())
    return (white, black) if black > white else (white, white + 1.0)


def grey_map() -> Colormap:
    """White to black, and the colour of a gap where there is no pixel (NaN)."""
    from matplotlib import colormaps

    return colormaps["gray_r"].with_extremes(bad=GAP)
