"""Coverage of the image by the table of structure factors."""

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
MAX_PIXELS = 2**20  # larger images are subsampled; 0.1 % is still a thousand pixels


class Coverage(NamedTuple):
    """Resolution of the table and of the rendered pixels.

    Attributes
    ----------
    table_d_min_A
        Highest resolution of a reflection.
    image_d_min_A
        Highest resolution of a rendered pixel, at the mean wavelength.
    share
        Fraction of the pixels beyond the table, which have only default_F.
    """

    table_d_min_A: float
    image_d_min_A: float
    share: float

    def text(self, default_F: float) -> str:
        """Return the coverage as a sentence."""
        percent = f"{100 * self.share:.2g}" if self.share < 0.995 else f"{100 * self.share:.4g}"
        return (
            f"the table of structure factors ends at {self.table_d_min_A:.2f} Å, the image reaches "
            f"{self.image_d_min_A:.2f} Å: {percent} % of the pixels get default_F = {default_F:g}"
        )


def table_coverage(
    indices: IndexArray, reciprocal: FloatArray, resolutions: Iterable[FloatArray], d_min_A: float
) -> Coverage | None:
    """Return the coverage of an image by a table of structure factors; None if the table or the image is empty.

    Parameters
    ----------
    indices : ndarray, shape (n, 3)
        Reflections of the table.
    reciprocal : ndarray, shape (3, 3)
        a*, b*, c* as rows, Å⁻¹.
    resolutions
        Resolutions of the pixels (Å) in arrays of any shape, from `pixel_resolutions`.
    d_min_A
        Resolution limit; pixels beyond it are ignored.
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
    """Yield the resolution (Å) at the centre of unmasked pixels of the ROI, a block of rows of a panel at a time.

    Images of more than `MAX_PIXELS` are subsampled in even steps of rows and columns.
    """
    x0, x1, y0, y1 = roi
    step = math.ceil(math.sqrt((x1 - x0 + 1) * (y1 - y0 + 1) * len(geometry) / MAX_PIXELS))
    slow, fast = np.arange(y0, y1 + 1, step), np.arange(x0, x1 + 1, step)
    for panel, start in product(range(len(geometry)), range(0, len(slow), ROWS_AT_ONCE)):
        rows = slow[start : start + ROWS_AT_ONCE]
        d = geometry.resolution(wavelength_A, rows[:, np.newaxis] + 0.5, fast + 0.5, panel)
        yield d if mask is None else d[mask[panel][np.ix_(rows, fast)] != 0]
