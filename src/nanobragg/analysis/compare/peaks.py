"""Local maxima of two images, matched so that the sum of shifts is smallest (Hungarian assignment)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import ConfigError

FAINTEST = 0.01  # smallest peak, relative to the brightest pixel
FARTHEST_PX = 10.0  # largest distance of matched peaks

Image = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PeakPair:
    """A peak in both images: (panel, slow, fast) of its interpolated maximum, and photons of the brightest pixel."""

    a: tuple[int, float, float]
    b: tuple[int, float, float]
    photons_a: float
    photons_b: float

    @property
    def shift_px(self) -> tuple[float, float]:
        """Position in a minus position in b, slow and fast."""
        return self.a[1] - self.b[1], self.a[2] - self.b[2]

    @property
    def distance_px(self) -> float:
        return math.hypot(*self.shift_px)


@dataclass(frozen=True)
class PeakMatch:
    """Matched peaks of two images.

    Attributes
    ----------
    pairs
        Matched peaks, brightest in b first.
    only_a, only_b
        Number of unmatched peaks.
    """

    pairs: tuple[PeakPair, ...]
    only_a: int
    only_b: int

    @property
    def largest_shift_px(self) -> float:
        """Largest distance within a pair; 0 without pairs."""
        return max((pair.distance_px for pair in self.pairs), default=0.0)

    @property
    def mean_shift_px(self) -> tuple[float, float]:
        """Mean of the shifts, slow and fast; 0, 0 without pairs."""
        slow, fast = np.mean([pair.shift_px for pair in self.pairs] or [(0.0, 0.0)], axis=0).tolist()
        return slow, fast

    def metrics(self) -> dict[str, float | int | list[int] | None]:
        """Return names and numbers for JSON."""
        slow, fast = self.mean_shift_px
        return {
            "peaks_matched": len(self.pairs), "peaks_only_a": self.only_a, "peaks_only_b": self.only_b,
            "peak_shift_max_px": self.largest_shift_px,
            "peak_shift_mean_slow_px": slow, "peak_shift_mean_fast_px": fast,
        }  # fmt: skip


def assignment_solver() -> Callable[[Any], tuple[Any, Any]]:
    """Return scipy's solver of the assignment problem; raises `ConfigError` without scipy."""
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise ConfigError(
            f"matching peaks needs scipy ({error}): pip install 'nanobragg[compare]', or leave peaks out (peaks=0)"
        ) from None
    solver: Callable[[Any], tuple[Any, Any]] = linear_sum_assignment
    return solver


def match_peaks(a: Image, b: Image, count: int) -> PeakMatch:
    """Match the brightest local maxima, at most `count` of each, of two images of the same shape."""
    solve = assignment_solver()
    tops = [find_peaks(image, count) for image in (a, b)]
    places = [np.array([place for place, _ in found]).reshape(-1, 3) for found in tops]
    apart = np.linalg.norm(places[0][:, None, 1:] - places[1][None, :, 1:], axis=2)
    other_panel = places[0][:, None, 0] != places[1][None, :, 0]
    cost = np.where(other_panel, FARTHEST_PX, np.minimum(apart, FARTHEST_PX))
    pairs = [
        PeakPair(tops[0][i][0], tops[1][j][0], tops[0][i][1], tops[1][j][1])
        for i, j in zip(*solve(cost), strict=True)
        if cost[i, j] < FARTHEST_PX
    ]
    pairs.sort(key=lambda pair: -pair.photons_b)
    return PeakMatch(tuple(pairs), len(tops[0]) - len(pairs), len(tops[1]) - len(pairs))


def find_peaks(image: Image, count: int) -> list[tuple[tuple[int, float, float], float]]:
    """Return the brightest local maxima: (panel, slow, fast), interpolated with parabolas, and photons.

    A local maximum has no brighter neighbour among eight (on a plateau it is the first pixel) and more than a
    hundredth of the brightest pixel.
    """
    panels = np.where(np.isfinite(image), image, -np.inf).reshape(-1, *image.shape[-2:])
    is_top = _local_maxima(panels) & (panels > FAINTEST * max(float(panels.max()), 0.0))
    places = np.argwhere(is_top)
    photons = panels[is_top]
    brightest = np.argsort(-photons, kind="stable")[:count]
    return [(_refined(panels, *places[i].tolist()), float(photons[i])) for i in brightest]


def _local_maxima(panels: Image) -> npt.NDArray[np.bool_]:
    _, slow, fast = panels.shape
    padded = np.pad(panels, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    found = np.ones(panels.shape, bool)
    for ds, df in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
        neighbour = padded[:, 1 + ds : 1 + ds + slow, 1 + df : 1 + df + fast]
        found &= panels > neighbour if (ds, df) < (0, 0) else panels >= neighbour
    return found


def _refined(panels: Image, panel: int, slow: int, fast: int) -> tuple[int, float, float]:
    image = panels[panel]
    return panel, slow + _vertex(image[:, fast], slow), fast + _vertex(image[slow], fast)


def _vertex(line: Image, at: int) -> float:
    """Return the offset, between -½ and ½, of the vertex of a parabola through three pixels; 0 at an edge."""
    if not 0 < at < line.size - 1:
        return 0.0
    before, top, after = (float(photons) for photons in line[at - 1 : at + 2])
    curvature = before - 2.0 * top + after
    if not math.isfinite(curvature) or curvature >= 0:
        return 0.0
    return min(max(0.5 * (before - after) / curvature, -0.5), 0.5)
