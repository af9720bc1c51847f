"""How the smear of spots changes with the parameters of a crystal and its beam (docs/derivatives.md, Smeared spots)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..config.crystal import Crystal, Lattice
from ..scene.quadratic_form import radius_metric
from ..scene.scene_data import SceneData
from ..scene.smear import build_smear
from .cells import lattice_strains, strained
from .names import COUNTS, COUNTS_OFF, SPREADS, STRAIN_NAMES

Slopes = dict[str, npt.NDArray[np.void]]
STEP = 1e-5  # relative change for central differences, which are then good to 1e-9 of these smooth functions


def smear_slopes(scene: SceneData) -> Slopes:
    """Return the derivative of a scene's smear, an array of SMEAR, by every parameter that it depends on.

    With the cell and the numbers of cells it changes in index space: primitives hold the rest of these derivatives.
    """
    return {**_by_lattice(scene), **_by_widths(scene)}


def _by_lattice(scene: SceneData) -> Slopes:
    crystal, lattice, n_cells, slopes = scene.config.crystal, scene.lattice, scene.n_cells, Slopes()
    for name, strain in lattice_strains(scene).items():
        step = STEP / float(np.abs(strain).max())
        after, before = (
            _smear(scene, crystal, strained(lattice, change * strain), n_cells) for change in (step, -step)
        )
        slopes[name] = _difference(after, before, step)
    for i, name in enumerate(COUNTS):
        step = STEP * n_cells[i]
        after, before = (_smear(scene, crystal, lattice, _moved(n_cells, i, change)) for change in (step, -step))
        slopes[name] = _difference(after, before, step)
    if any(crystal.n_cells_off):
        for i, name in enumerate(COUNTS_OFF):
            step = STEP * max(n_cells)
            higher, lower = (
                crystal.replace(n_cells_off=_moved(crystal.n_cells_off, i, change)) for change in (step, -step)
            )
            after, before = (_smear(scene, each, lattice, n_cells) for each in (higher, lower))
            slopes[name] = _difference(after, before, step)
    return slopes


def _by_widths(scene: SceneData) -> Slopes:
    assert scene.smear is not None
    crystal, bandwidth, slopes = scene.config.crystal, scene.config.beam.bandwidth_percent, Slopes()
    spreads, strain = crystal.mosaic_spread_deg, crystal.strain_percent
    for i, name in enumerate(SPREADS):
        if isinstance(spreads, tuple) and spreads[i] > 0:
            one = tuple(spreads[i] if i == j else 0.0 for j in range(3))
            alone = crystal.replace(mosaic_spread_deg=one, strain_percent=0.0)
            slopes[name] = _width_slope(scene, alone, spreads[i])
    if isinstance(strain, tuple):
        for i, (name, percent) in enumerate(zip(STRAIN_NAMES, strain, strict=True)):
            if percent > 0:
                component = tuple(percent if i == j else 0.0 for j in range(6))
                alone = crystal.replace(mosaic_spread_deg=None, strain_percent=component)
                slopes[name] = _width_slope(scene, alone, percent)
    elif strain > 0:
        slopes["strain"] = _width_slope(scene, crystal.replace(mosaic_spread_deg=None), strain)
    if bandwidth > 0:
        slopes["bandwidth"] = np.zeros_like(scene.smear)
        slopes["bandwidth"]["band"] = 2.0 * scene.smear["band"] / bandwidth
    return slopes


def _smear(
    scene: SceneData, crystal: Crystal, lattice: Lattice, n_cells: tuple[float, float, float]
) -> npt.NDArray[np.void]:
    """Return the smear of a crystal in a scene's beam."""
    metric = radius_metric(crystal, n_cells, lattice, like_c=False)
    found = build_smear(crystal, scene.config.beam, lattice, metric)
    assert found is not None
    return found


def _moved(n_cells: tuple[float, float, float], i: int, change: float) -> tuple[float, float, float]:
    a, b, c = (n + change if i == j else n for j, n in enumerate(n_cells))
    return a, b, c


def _difference(after: npt.NDArray[np.void], before: npt.NDArray[np.void], step: float) -> npt.NDArray[np.void]:
    """Return the central difference of a smear."""
    slope = np.zeros_like(after)
    for name in slope.dtype.names or ():
        slope[name] = (after[name] - before[name]) / (2.0 * step)
    return slope


def _width_slope(scene: SceneData, crystal: Crystal, width: float) -> npt.NDArray[np.void]:
    """Return the derivative of a smear by the width of what alone smears the spots of `crystal`."""
    alone = _smear(scene, crystal, scene.lattice, scene.n_cells)
    slope = np.zeros_like(alone)
    slope["by_index"] = alone["by_index"] * (2.0 / width)
    return slope
