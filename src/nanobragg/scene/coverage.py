"""How far the table of structure factors covers the image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from ..config.panel import Panel
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
    wavelength = EV_ANGSTROM / scene.mean_energy_eV
    limit = scene.config.sampling.d_min_A
    furthest, beyond, count = 0.0, 0, 0
    for number, panel in enumerate(scene.config.detector.panels):
        for inverse_d in _inverse_resolution(scene, panel, number, wavelength):
            seen = inverse_d if limit == 0 else inverse_d[inverse_d * limit <= 1]
            furthest = max(furthest, float(seen.max(initial=0.0)))
            beyond += int(np.count_nonzero(seen > longest))
            count += inverse_d.size
    if count == 0 or furthest == 0:
        return None
    return Coverage(1.0 / float(longest), 1.0 / furthest, beyond / count)


def _inverse_resolution(scene: Scene, panel: Panel, number: int, wavelength_A: float) -> Iterator[FloatArray]:
    """1/d = 2 sin θ / λ at the middle of rendered pixels, some rows at a time."""
    x0, x1, y0, y1 = scene.roi
    pixels = (x1 - x0 + 1) * (y1 - y0 + 1) * len(scene.config.detector.panels)
    step = math.ceil(math.sqrt(pixels / PIXELS_ENOUGH))
    slow, fast = np.arange(y0, y1 + 1, step), np.arange(x0, x1 + 1, step)
    for start in range(0, len(slow), ROWS_AT_ONCE):
        rows = slow[start : start + ROWS_AT_ONCE]
        cosine = _cosine_of_two_theta(scene, panel, rows, fast)
        inverse_d = np.sqrt(2.0 * np.maximum(1.0 - cosine, 0.0)) / wavelength_A
        if scene.mask is not None:
            inverse_d = inverse_d[scene.mask[number][np.ix_(rows, fast)] != 0]
        yield inverse_d


def _cosine_of_two_theta(
    scene: Scene, panel: Panel, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> FloatArray:
    fast, slow, _ = panel.axes()
    origin, beam = np.asarray(panel.origin_mm), scene.beam_direction
    along_slow = (rows + 0.5)[:, np.newaxis] * panel.pixel_mm
    along_fast = (columns + 0.5)[np.newaxis] * panel.pixel_mm
    if scene.config.detector.curved:  # the pixel is turned about the sample by its distance from the beam
        distance = scene.distance * 1000.0
        turns = [(origin @ axis - distance * (beam @ axis)) / distance for axis in (slow, fast)]
        bent: FloatArray = np.cos(turns[0] + along_slow / distance) * np.cos(turns[1] + along_fast / distance)
        return bent
    x, y, z = (origin[i] + along_slow * slow[i] + along_fast * fast[i] for i in range(3))
    cosine: FloatArray = (x * beam[0] + y * beam[1] + z * beam[2]) / np.sqrt(x * x + y * y + z * z)
    return cosine
