"""What the kernel needs to leave terms out of an image (include/nanobragg/culling/plan.h), from a Scene."""

from typing import Any

import numpy as np
import numpy.typing as npt

from .._core import CoreScene
from .._culling import BEAM, CULLING_PARAMETERS, ORIENTATION_GROUP, RUN, VECTOR_LANES, CullingPlan
from ..geometry import FloatArray
from ..structure_factors.phased import magnitudes
from ..structure_factors.tables import HeldTable
from .filled import filled
from .quadratic_form import form_of, matrix_of

GROUP = 64  # orientations whose reflections are searched for together
RUN_SOURCES = 16  # wavelengths that a tile keeps or leaves out together
WORTHWHILE = 0.8  # share of the exact engine's time below which a region is rendered with terms left out
LEBESGUE = 1.25  # largest sum of the absolute weights of a cubic interpolation along one axis
TRICUBIC_REACH = 2  # reflections on either side that a cubic interpolation may take in
PLANES = 32  # of constant h, whose bounds are derived together


def build_plan(core: CoreScene, held: HeldTable | None = None) -> CullingPlan | None:
    """Return the plan of a scene, or None where every term of a part of it is zero.

    Bounds of the amplitudes are those of the table that the structure factors hold, if they hold one.
    """
    parameters = core.parameters[0]
    squares, largest = _bounds(core, held)
    rest = None if core.rest is None else build_plan(core.rest)
    if largest == 0 or (rest is None) != (core.rest is None):
        return None
    sources, beams = _sort_sources(core.sources)
    metric = matrix_of(parameters["crystal"]["metric"])
    cells = core.cells * 1e10  # Å
    _, nk, nl, _ = squares.shape
    grid = {name: parameters[f"table_{name}"] // parameters["table_steps"] for name in ("low", "high")}
    grid |= {"stride_h": nk * nl, "stride_k": nl}
    culling = filled(
        CULLING_PARAMETERS, 1,
        **grid, one_table=np.ptp(sources["table"]) == 0, largest=largest,
        largest_share=1.0 if core.shares is None else core.shares.max(), worthwhile=WORTHWHILE,
        length=np.linalg.norm(cells, axis=2).max(axis=0),
        inverse_metric=form_of(np.linalg.inv(metric)),
    )  # fmt: skip
    return CullingPlan(
        sources, sources if core.has_amorphous else _one_per_beam(sources, beams),
        np.pad(1.0 / sources["wavelength"], (0, VECTOR_LANES), "edge"), np.pad(sources["weight"], (0, VECTOR_LANES)),
        beams, _runs(sources, beams), _groups(cells), culling, squares, _by_component(cells),
        np.ascontiguousarray(np.linalg.inv(cells).transpose(0, 2, 1)), rest,
    )  # fmt: skip


def _sort_sources(sources: npt.NDArray[np.void]) -> tuple[npt.NDArray[np.void], npt.NDArray[np.void]]:
    """Return the sources by direction, and by rising 1/wavelength; and the beams that they form."""
    _, beam = np.unique(sources["direction"], axis=0, return_inverse=True)
    order = np.lexsort((-sources["wavelength"], beam.ravel()))
    counts = np.bincount(beam.ravel())
    first, ordered = np.cumsum(counts) - counts, np.ascontiguousarray(sources[order])
    return ordered, filled(
        BEAM, len(counts), first=first, count=counts, weight=np.add.reduceat(ordered["weight"], first)
    )


def _one_per_beam(sources: npt.NDArray[np.void], beams: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Return one source per beam with all of the beam's weight."""
    around: npt.NDArray[np.void] = sources[beams["first"]].copy()
    around["weight"] = beams["weight"]
    return around


def _runs(sources: npt.NDArray[np.void], beams: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Return runs of at most RUN_SOURCES neighbouring sources of a beam with a common table."""
    runs = []
    for number, (first, count, _) in enumerate(beams):
        tables = sources["table"][first : first + count]
        breaks = np.flatnonzero(np.diff(tables)) + 1
        for part in np.split(np.arange(first, first + count), breaks):
            runs += [(number, begin, min(RUN_SOURCES, part[-1] + 1 - begin)) for begin in part[::RUN_SOURCES]]
    beam, first, count = np.array(runs).T
    kappa = 1e-10 / sources["wavelength"]
    return filled(
        RUN, len(runs),
        beam=beam, first=first, count=count, kappa_low=kappa[first], kappa_high=kappa[first + count - 1],
        weight=np.add.reduceat(sources["weight"], first),
    )  # fmt: skip


def _groups(cells: FloatArray) -> npt.NDArray[np.void]:
    """Return groups of GROUP consecutive orientations, and how far their cell vertices are from the first one's."""
    first = np.arange(0, len(cells), GROUP)
    away = np.linalg.norm(cells - cells[first].repeat(GROUP, axis=0)[: len(cells)], axis=2)
    return filled(
        ORIENTATION_GROUP, len(first),
        first=first, count=np.minimum(GROUP, len(cells) - first), spread=np.maximum.reduceat(away, first),
    )  # fmt: skip


def _by_component(cells: FloatArray) -> npt.NDArray[np.float32]:
    """Return the components of a, b, c in rows, in whole vectors; the last orientation is repeated."""
    padded = -(-len(cells) // VECTOR_LANES) * VECTOR_LANES
    components = np.pad(cells.reshape(-1, 9), ((0, padded - len(cells)), (0, 0)), "edge")
    return np.ascontiguousarray(components.T, np.float32)


def _bounds(core: CoreScene, held: HeldTable | None) -> tuple[npt.NDArray[np.float32], float]:
    """Return upper bounds of |F|² as `amplitude_bounds`, once for a table that is held."""
    if held is None:
        return amplitude_bounds(core)
    if core.lookup not in held.bounds:
        held.bounds[core.lookup] = amplitude_bounds(core)
    return held.bounds[core.lookup]


def amplitude_bounds(core: CoreScene) -> tuple[npt.NDArray[np.float32], float]:
    """Return upper bounds of |F|² near every reflection, and the largest of them, which they are a share of.

    The last axis has the bound at a reflection, and that at it and its neighbours: half-way to the next ones, an index
    belongs to the next.
    """
    tables = core.tables
    if tables is None:
        largest = float(core.parameters["default_F"][0]) ** 2
        return np.ones((1, 1, 1, 2), np.float32), largest
    if core.lookup == "phased":
        # A point between two entries takes those up to two steps away; an index belongs to a reflection up to 1/2 away.
        steps = int(core.parameters["table_steps"][0])
        squares = np.square(magnitudes(tables).max(axis=0).astype(np.float64))
        here = (LEBESGUE**6 * _largest_nearby(squares, 1 + max(1, steps // 2)))[::steps, ::steps, ::steps]
        largest = float(here.max())
        shares = _shares(here, largest)
        return np.stack([shares, _largest_nearby(shares, 1)], axis=-1), largest
    reach, factor = int(core.parameters["crystal"]["around"][0]), 1.0  # of halos
    if core.lookup == "tricubic":
        reach, factor = TRICUBIC_REACH, LEBESGUE**6
    largest = factor * max(float(tables.max()), -float(tables.min())) ** 2
    bounds = np.empty((*tables.shape[1:], 2), np.float32)
    for first in range(0, len(bounds), PLANES):  # in parts, because intermediate results are larger than the table
        start, end = max(first - reach - 1, 0), first + PLANES
        here = np.square(np.abs(tables[:, start : end + reach + 1]).max(axis=0).astype(np.float64))
        if reach:
            here = factor * _largest_nearby(here, reach)
        shares = _shares(here, largest)
        bounds[first:end, ..., 0] = shares[first - start : end - start]
        bounds[first:end, ..., 1] = _largest_nearby(shares, 1)[first - start : end - start]
    return bounds, largest


def _shares(values: FloatArray, largest: float) -> npt.NDArray[np.float32]:
    """Return upper bounds of the values over the largest one."""
    shares = (values / (largest or 1.0)).astype(np.float32)
    return np.nextafter(shares, np.float32(2.0), where=shares > 0, out=shares)


def _largest_nearby(values: npt.NDArray[Any], distance: int) -> npt.NDArray[Any]:
    """Return the maximum over a cube around every element, cut off at the edges."""
    values, before = values.copy(), np.empty_like(values)
    for axis in range(3):
        old, new = np.moveaxis(before, axis, 0), np.moveaxis(values, axis, 0)
        for _ in range(distance):
            np.copyto(before, values)
            np.maximum(new[1:], old[:-1], out=new[1:])
            np.maximum(new[:-1], old[1:], out=new[:-1])
    return values
