"""What an image costs before it is rendered: terms, time and memory, and how to make it cheaper."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..calls import public
from ..config.region import Region
from ..errors import ConfigError
from ..scene.scene import Scene
from .culling import Culling, resolve_tolerance, tolerance_of_each
from .instruction_sets import select_instruction_set
from .pixel_selection import PixelList, Selection, select_pixels
from .speed import kernel_speed
from .threads import rendering_threads

NOTABLE_SECONDS, LONG_SECONDS = 10.0, 60.0
NOTABLE_TERMS = 5e8  # fewer take less than ten seconds on any machine: 20 ns each
LARGE_BLOCK_M = 5e-7  # blocks of real crystals are smaller
UNITS = {"s": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0, "years": 365.25 * 86400}
BROAD_SHAPES = {"square", "round"}  # with fringes between the spots, so that less can be left out
log = logging.getLogger(__name__)


@public
class Cost(NamedTuple):
    """The cost of an image on this machine.

    Attributes
    ----------
    terms : int
        Terms of all pixels: sub-pixels, sensor layers, sources, φ steps and mosaic domains.
    terms_evaluated : int
        Those that are evaluated.
    seconds : float
        Time of the rendering, from the speed of the kernel, which is measured on some pixels.
    threads : int
        Number of threads.
    memory_bytes : int
        Memory of the image and of the resolved scene.
    cures : tuple of str
        What would make the image cheaper.
    """

    terms: int
    terms_evaluated: int
    seconds: float
    threads: int
    memory_bytes: int
    cures: tuple[str, ...]

    def __str__(self) -> str:
        some = "" if self.terms_evaluated == self.terms else f", {self.terms_evaluated:.3g} of them evaluated"
        threads = f"{self.threads} thread" + ("s" if self.threads > 1 else "")
        memory = self.memory_bytes / 2**20
        return f"{self.terms:.3g} terms{some}, about {duration(self.seconds)} on {threads}, {memory:.3g} MiB"


def estimate_cost(
    scene: Scene,
    *,
    roi: Region | None = None,
    pixels: PixelList | None = None,
    threads: int | None = None,
    dtype: Literal["float32", "float64"] = "float32",
    tolerance: float | None = None,
    tolerance_ph: float | None = None,
) -> Cost:
    """Return the cost of an image; `Scene.cost` describes the arguments."""
    if dtype not in ("float32", "float64"):
        raise ConfigError(f"dtype = {dtype!r}: must be 'float32' or 'float64'")
    if scene.others:
        each = dict(zip(("tolerance", "tolerance_ph"), tolerance_of_each(scene, tolerance, tolerance_ph), strict=True))
        costs = [
            estimate_cost(lattice, roi=roi, pixels=pixels, threads=threads, dtype=dtype, **each)
            for lattice in scene.lattices
        ]
        sums = [sum(column) for column in zip(*(cost[:3] for cost in costs), strict=True)]
        cures = tuple(dict.fromkeys(cure for cost in costs for cure in cost.cures))
        return Cost(
            int(sums[0]), int(sums[1]), float(sums[2]), costs[0].threads, sum(c.memory_bytes for c in costs), cures
        )
    limit = resolve_tolerance(scene, tolerance, tolerance_ph)
    threads = rendering_threads(threads)
    return _cost(scene, select_pixels(scene, pixels, roi), Culling(scene, dtype, limit, threads))


def notable_cost(scene: Scene, chosen: Selection, culling: Culling, *, images: int = 1) -> list[str]:
    """Return sentences about images of the chosen pixels that take more than ten seconds all together.

    The second names the cures, if they take more than a minute.
    """
    if images * _rays(scene, chosen) * scene.terms_per_ray < NOTABLE_TERMS:
        return []
    cost = _cost(scene, chosen, culling)
    seconds = images * cost.seconds
    if seconds <= NOTABLE_SECONDS:
        return []
    series = "" if images == 1 else f" an image, {duration(seconds)} for {images}"
    cures = [f"to shorten it: {'; '.join(cost.cures)}"] if seconds > LONG_SECONDS and cost.cures else []
    return [f"{cost}{series}", *cures]


def log_notable_cost(scene: Scene, chosen: Selection, culling: Culling) -> None:
    """Log the cost of an image of more than ten seconds, as a warning with the cures if it is more than a minute."""
    sentences = notable_cost(scene, chosen, culling)
    if sentences:
        log.log(logging.WARNING if len(sentences) > 1 else logging.INFO, "the image has %s", "; ".join(sentences))


def _rays(scene: Scene, chosen: Selection) -> int:
    places = chosen.count(len(scene.config.detector.panels)) * scene.oversample**2 * scene.sensor.count
    return places * len(scene.sources.weights)


def _cost(scene: Scene, chosen: Selection, culling: Culling) -> Cost:
    select_instruction_set()
    rays, threads = _rays(scene, chosen), culling.threads
    terms, share, seconds = rays * scene.terms_per_ray, 1.0, 0.0
    if terms and chosen.roi is not None and culling.plan is not None:
        share, seconds = culling.sample(chosen.roi, chosen.mask)
    elif terms:
        speed = kernel_speed(scene, culling.dtype)
        seconds = rays * (speed.per_ray + len(scene.cells) * speed.per_term) / threads
    cures = tuple(_cures(scene, chosen, tolerated=culling.plan is not None))
    return Cost(terms, round(share * terms), seconds, threads, _memory(scene, culling.dtype), cures)


def _memory(scene: Scene, dtype: npt.DTypeLike) -> int:
    """Return the bytes of an image, of the kernel's scene, and of the list of structure factors."""
    listing = scene.config.structure_factors.listing or ()
    image = int(np.prod(scene.shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    return image + scene.core(dtype).nbytes + sum(array.nbytes for array in listing)


def _cures(scene: Scene, chosen: Selection, *, tolerated: bool) -> Iterator[str]:
    edge = float((np.linalg.norm(scene.lattice.direct, axis=1) * scene.n_cells).max()) * 1e-10
    if edge > LARGE_BLOCK_M and scene.config.compat is None:
        yield (
            f"smaller blocks, n_cells beside size_mm (nb.Crystal.realistic): blocks of {edge * 1e6:.2g} µm need "
            f"{scene.recommended_oversample}² sub-pixels"
        )
    if scene.config.compat is None and scene.terms > 1 and not tolerated:
        yield "tolerance=1e-7, to leave out terms that cannot be seen"
    if scene.config.compat is None and scene.terms > 1 and scene.config.crystal.shape in BROAD_SHAPES:
        yield f'Crystal.shape = "gauss", whose spots end sooner than those of "{scene.config.crystal.shape}"'
    everything = scene.config.detector.panels[0].pixels
    if chosen.mask is scene.mask and chosen.area == everything[0] * everything[1]:
        yield "roi=, or pixels=nb.shoeboxes(scene, radius), for part of the image"
    counts = {
        "sub-pixels": scene.oversample**2, "sensor layers": scene.sensor.count, "sources": len(scene.sources.weights),
        "φ steps": scene.phi.count, "mosaic domains": scene.domains,
    }  # fmt: skip
    many = [f"{count} {name}" for name, count in counts.items() if count > 1]
    if many:
        yield f"fewer of the {', '.join(many)}"


def duration(seconds: float) -> str:
    """Return a time in the largest unit of which it has at least two."""
    unit = max((name for name, size in UNITS.items() if seconds >= 2 * size), key=UNITS.__getitem__, default="s")
    count = seconds / UNITS[unit]
    return f"{count:.0f} {unit}" if count >= 10 else f"{count:.2g} {unit}"
