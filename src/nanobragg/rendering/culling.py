"""Which terms of an image may be left out, and its rendering without them (docs/culling.md)."""

import math
import time
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from .._core import PRECISIONS, CoreScene, kernel_address
from .._culling import BRIGHT_PIXELS, REGION_PIXELS, CullingPlan, find_brightest, memory_per_thread, render, try_region
from ..config.sampling import check_tolerance
from ..errors import ConfigError
from ..geometry import Roi
from ..scene.scene import Scene
from .pixel_selection import Selection

LOSSLESS = {"gauss": 1e-16, "gauss_star": 1e-16, "tophat": 0.0}  # shapes whose terms are left out by default
FEWEST_TERMS = 5e6  # of an image, below which the exact engine takes no longer than a decision
TERMS_PER_REFLECTION = 30  # likewise, to prepare the table of structure factors
MOST_MEMORY = 1 << 28  # bytes that a thread may need
BRIGHT_TILES = 16
SAMPLES = 8  # regions that an estimate of the cost is based on
REACHES = (1.0, 16.0, 256.0, 4096.0)  # squared radii within which reflections are looked for

_brightest: WeakKeyDictionary[Scene, dict[str, float]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Tolerance:
    """How many photons a pixel may miss.

    Attributes
    ----------
    relative
        As a share of the brightest pixel of the whole image.
    photons
        As a number; None: `relative` counts.
    exact
        Every term is evaluated.
    """

    relative: float = 0.0
    photons: float | None = None
    exact: bool = False


def resolve_tolerance(scene: Scene, tolerance: float | None, tolerance_ph: float | None) -> Tolerance:
    """Return the tolerance of an image: as given, or else from the Config, or else what no float can hold."""
    sampling = scene.config.sampling
    if tolerance is None and tolerance_ph is None:
        tolerance, tolerance_ph = sampling.tolerance, sampling.tolerance_ph
    check_tolerance(tolerance, tolerance_ph)
    if scene.config.compat == "c":
        if tolerance or tolerance_ph:
            raise ConfigError(
                'tolerance: an image with compat="c" is rendered term by term as the original does; '
                "leave the tolerance out, or render without compat"
            )
        return Tolerance(exact=True)
    if tolerance_ph is not None:
        return Tolerance(photons=tolerance_ph, exact=tolerance_ph == 0)
    if tolerance is not None:
        return Tolerance(relative=tolerance, exact=tolerance == 0)
    if scene.smear is not None:
        return Tolerance(exact=True)
    shape = scene.config.crystal.shape
    return Tolerance(relative=LOSSLESS.get(shape, 0.0), exact=shape not in LOSSLESS)


def tolerance_of_each(
    scene: Scene, tolerance: float | None, tolerance_ph: float | None
) -> tuple[float | None, float | None]:
    """Return the tolerance of the image of each lattice: its part of that of all, as given, or else from the Config."""
    if not scene.others:
        return tolerance, tolerance_ph
    if tolerance is None and tolerance_ph is None:
        tolerance, tolerance_ph = scene.config.sampling.tolerance, scene.config.sampling.tolerance_ph
    check_tolerance(tolerance, tolerance_ph)
    count = len(scene.lattices)
    return (
        None if tolerance is None else tolerance / count,
        None if tolerance_ph is None else tolerance_ph / count,
    )


class Culling:
    """The rendering of a scene with terms left out.

    Parameters
    ----------
    scene : Scene
    dtype
        Of the image.
    tolerance : Tolerance
    threads : int
    stop : ndarray of int32, shape (1,), optional
        Another thread sets it to give up.
    """

    def __init__(
        self,
        scene: Scene,
        dtype: npt.DTypeLike,
        tolerance: Tolerance,
        threads: int,
        stop: npt.NDArray[np.int32] | None = None,
    ) -> None:
        self.scene, self.dtype, self.threads = scene, dtype, threads
        self.stop = np.zeros(1, np.int32) if stop is None else stop
        self.core: CoreScene = scene.core(dtype)
        self.plan: CullingPlan | None = None
        self.epsilon = 0.0
        smeared = scene.smear is not None  # whose terms are found by their spots, even if every one is evaluated
        if not smeared and (tolerance.exact or not self._is_worthwhile()):
            return
        plan = scene.culling_plan(dtype)
        if plan and memory_per_thread(kernel_address(), self.core.address, plan) <= MOST_MEMORY:
            self.plan = plan
            self.epsilon = self._photons(tolerance)
            edged = scene.config.crystal.shape == "tophat" and not scene.halos  # nothing is beyond its edge
            if self.epsilon == 0 and not edged and not smeared:
                self.plan = None

    def _is_worthwhile(self) -> bool:
        scene, core = self.scene, self.core
        terms = scene.terms * math.prod(scene.shape)
        reflections = 0 if core.tables is None else core.tables.size
        return bool(terms >= max(FEWEST_TERMS, TERMS_PER_REFLECTION * reflections))

    def _photons(self, tolerance: Tolerance) -> float:
        if tolerance.photons is not None:
            return tolerance.photons
        if tolerance.relative == 0:
            return 0.0
        known = _brightest.setdefault(self.scene, {})
        if self.core.precision not in known:
            known[self.core.precision] = self._find_brightest()
        return tolerance.relative * known[self.core.precision]

    def render(
        self,
        out: npt.NDArray[Any],
        roi: Roi,
        mask: npt.NDArray[np.uint8] | None,
        add: bool,
        done: npt.NDArray[np.int64],
    ) -> tuple[float, int]:
        """Render as `_core.render` does; return the most that a pixel misses (photons), and the terms evaluated."""
        assert self.plan is not None
        return render(
            kernel_address(), self.core.address, self.plan, self.epsilon, PRECISIONS.index(self.core.precision), out,
            roi, mask, add, self.threads, self.stop, done,
        )  # fmt: skip

    def sample(self, roi: Roi, mask: npt.NDArray[np.uint8] | None) -> tuple[float, float]:
        """Return the share of terms that are evaluated and the seconds of the rendering, from a few regions of it."""
        x0, x1, y0, y1 = roi
        across = range(x0 // REGION_PIXELS * REGION_PIXELS, x1 + 1, REGION_PIXELS)
        down = range(y0 // REGION_PIXELS * REGION_PIXELS, y1 + 1, REGION_PIXELS)
        corners = [(x, y) for y in down for x in across]
        chosen = corners[len(corners) // (2 * SAMPLES) :: max(len(corners) // SAMPLES, 1)]
        terms = evaluated = 0
        start = time.perf_counter()
        for x, y in chosen:
            part = max(x, x0), min(x + REGION_PIXELS - 1, x1), max(y, y0), min(y + REGION_PIXELS - 1, y1)
            terms += Selection(mask, part).count(self.core.n_panels) * self.scene.terms * self.scene.sensor.count
            evaluated += sum(self._try(panel, part, mask, self.epsilon)[1] for panel in range(self.core.n_panels))
        seconds = (time.perf_counter() - start) * len(corners) / len(chosen) / self.threads
        return evaluated / terms if terms else 1.0, seconds

    def _try(self, panel: int, roi: Roi, mask: npt.NDArray[np.uint8] | None, epsilon: float) -> tuple[float, int]:
        """Return the brightest pixel of the ROI in the region of its first pixel, and the terms evaluated for it."""
        assert self.plan is not None
        rows, columns = self.scene.shape[-2:]
        return try_region(
            kernel_address(), self.core.address, self.plan, epsilon, PRECISIONS.index(self.core.precision), panel, rows,
            columns, roi, mask, self.stop,
        )  # fmt: skip

    def _find_brightest(self) -> float:
        """Return a lower bound of the brightest pixel, in most images the pixel itself, or 0 if none is found.

        It is the largest of the pixels in the tiles that have the most to expect from reflections near the Ewald
        spheres. They are rendered with terms left out, which cannot make them brighter than they are.
        """
        tiles = self._bright_tiles()
        if not tiles:
            return 0.0
        expected = max(photons for *_, photons in tiles)
        for exponent in range(3, 40, 3):
            limit = expected * 10.0**-exponent
            found = max(self._largest(panel, fast, slow, limit) for panel, fast, slow, _ in tiles)
            if found > 10 * limit:
                return found
        return 0.0

    def _bright_tiles(self) -> list[tuple[int, int, int, float]]:
        """Return the panel, first fast and first slow pixel, and expected photons of the most promising tiles."""
        assert self.plan is not None
        panels, (rows, columns) = self.core.n_panels, self.scene.shape[-2:]
        for reach_sqr in REACHES:
            panel, tiles = find_brightest(
                kernel_address(), self.core.address, self.plan, reach_sqr, panels, rows, columns, self.scene.mask,
                self.threads, self.stop,
            )  # fmt: skip
            best = np.argsort(-tiles["photons"], kind="stable")[:BRIGHT_TILES]
            best = best[tiles["photons"][best] > 0]
            if len(best):
                chosen = tiles[best]
                found = panel[best], chosen["fast"], chosen["slow"], chosen["photons"]
                return list(zip(*(values.tolist() for values in found), strict=True))
        return []

    def _largest(self, panel: int, fast: int, slow: int, limit: float) -> float:
        """Return the brightest pixel of a tile, at most `limit` photons too low."""
        rows, columns = self.scene.shape[-2:]
        last = min(fast + BRIGHT_PIXELS, columns) - 1, min(slow + BRIGHT_PIXELS, rows) - 1
        return self._try(panel, (fast, last[0], slow, last[1]), self.scene.mask, limit)[0]
