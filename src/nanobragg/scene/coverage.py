"""How far the table of structure factors covers the image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..geometry import FloatArray, Roi
from ..structure_factors.symmetry import IndexArray
from .panel_geometry import PanelGeometry

ROWS_AT_ONCE = 64
PIXELS_ENOUGH = 2**20  # of a larger image, as many in even steps: 0.1 % of them is a thousand


class Coverage(NamedTuple):
    """Resolution of the table and of the rendered pixels.

    Attributes
    ----------
    table_d_min_A
        Of the reflection furthest out.
    image_d_min_A
        Of the pixel furthest out, at the mean wavelength.
    share
        Of the pixels: those beyond the table, which see default_F alone.
    """

    table_d_min_A: float
    image_d_min_A: float
    share: float

    def text(self, default_F: float) -> str:
        """A sentence about it."""
        percent = f"{100 * self.share:.2g}" if self.share < 0.995 else f"{100 * self.share:.4g}"
        return (
            f"the table of structure factors ends at {self.table_d_min_A:.2f} Å, the image reaches "
            f"{self.image_d_min_A:.2f} Å: {percent} % of the pixels see default_F = {default_F:g}"
        )


def table_coverage(
    indices: IndexArray, reciprocal: FloatArray, resolutions: Iterable[FloatArray], d_min_A: float
) -> Coverage | None:
    """Return how far a table of structure factors covers an image; None if nothing of either is left.

    Parameters
    ----------
    indices : ndarray, shape (n, 3)
        What the table lists.
    reciprocal : ndarray, shape (3, 3)
        a*, b*, c* as rows, Å⁻¹.
    resolutions
        Of the image's pixels, Å, in arrays of any shape (`pixel_resolutions`).
    d_min_A
        Pixels beyond it do not count.
    """
    longest = np.linalg.norm(indices @ reciprocal, axis=1).max()
    if longest == 0:
        return None
    table_d_min = 1.0 / float(longest)
    image_d_min, beyond, count = math.inf, 0, 0
    for d in resolutions:
        seen = d[d >= d_min_A]
        image_d_min = min(image_d_min, float(seen.min(initial=math.inf)))
        beyond += int(np.count_nonzero(seen < table_d_min))
        count += d.size
    return None if math.isinf(image_d_min) else Coverage(table_d_min, image_d_min, beyond / count)


def pixel_resolutions(
    geometry: PanelGeometry, roi: Roi, mask: npt.NDArray[np.uint8] | None, wavelength_A: float
) -> Iterator[FloatArray]:
    """Yield the resolution (Å) at the middle of pixels of the ROI that are not masked, some rows of a panel at a time.

    Of more than a million pixels that many are taken, in even steps of rows and columns.
    """
    x0, x1, y0, y1 = roi
    step = math.ceil(math.sqrt((x1 - x0 + 1) * (y1 - y0 + 1) * len(geometry) / PIXELS_ENOUGH))
    slow, fast = np.arange(y0, y1 + 1, step), np.arange(x0, x1 + 1, step)
    for panel, start in product(range(len(geometry)), range(0, len(slow), ROWS_AT_ONCE)):
        rows = slow[start : start + ROWS_AT_ONCE]
        d = geometry.resolution(wavelength_A, rows[:, np.newaxis] + 0.5, fast + 0.5, panel)
        yield d if mask is None else d[mask[panel][np.ix_(rows, fast)] != 0]
