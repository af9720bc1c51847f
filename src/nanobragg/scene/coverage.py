"""How far the table of structure factors covers the image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..constants import EV_ANGSTROM
from ..geometry import FloatArray

if TYPE_CHECKING:
    from .scene import Scene

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


def table_coverage(scene: Scene) -> Coverage | None:
    """The coverage of a scene's image, pixel by pixel; None without a table.

    Of more than a million pixels that many count, in even steps of rows and columns. Pixels beyond `Sampling.d_min_A`,
    masked ones and those outside the ROI do not count.
    """
    listing = scene.config.structure_factors.listing
    if listing is None:
        return None
    longest = np.linalg.norm(listing[0] @ scene.lattice.reciprocal, axis=1).max()
    if longest == 0:
        return None
    table_d_min = 1.0 / float(longest)
    image_d_min, beyond, count = math.inf, 0, 0
    for d in _resolutions(scene):
        seen = d[d >= scene.config.sampling.d_min_A]
        image_d_min = min(image_d_min, float(seen.min(initial=math.inf)))
        beyond += int(np.count_nonzero(seen < table_d_min))
        count += d.size
    return None if math.isinf(image_d_min) else Coverage(table_d_min, image_d_min, beyond / count)


def _resolutions(scene: Scene) -> Iterator[FloatArray]:
    """Resolution (Å) at the middle of rendered pixels, at the mean wavelength, some rows of a panel at a time."""
    x0, x1, y0, y1 = scene.roi
    wavelength, panels = EV_ANGSTROM / scene.mean_energy_eV, len(scene.geometry)
    step = math.ceil(math.sqrt((x1 - x0 + 1) * (y1 - y0 + 1) * panels / PIXELS_ENOUGH))
    slow, fast = np.arange(y0, y1 + 1, step), np.arange(x0, x1 + 1, step)
    for panel, start in product(range(panels), range(0, len(slow), ROWS_AT_ONCE)):
        rows = slow[start : start + ROWS_AT_ONCE]
        d = scene.geometry.resolution(wavelength, rows[:, np.newaxis] + 0.5, fast + 0.5, panel)
        yield d if scene.mask is None else d[scene.mask[panel][np.ix_(rows, fast)] != 0]
