"""How the smear of spots changes with the parameters of a crystal and its beam (docs/derivatives.md, Smeared spots)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..config.crystal import Crystal, Lattice
from ..scene.quadratic_form import radius_metric
from ..scene.scene_data import SceneData
from ..scene.smear import build_smear
from ..unit_cell import cell_from_vectors
from .cells import cell_strains

SPREADS = ("mosaic_a", "mosaic_b", "mosaic_c")
CELL = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")
COUNTS = ("n_a", "n_b", "n_c")
STEP = 1e-5  # relative change for central differences, which are then good to 1e-9 of these smooth functions


def smear_slopes(scene: SceneData) -> dict[str, npt.NDArray[np.void]]:
    """Return the derivative of a scene's smear, an array of SMEAR, by every parameter that it depends on.

    With the cell and the numbers of cells it changes in index space: primitives hold the rest of these derivatives.
    """
    crystal, beam, lattice = scene.config.crystal, scene.config.beam, scene.lattice
    spreads, strain, bandwidth = crystal.mosaic_spread_deg, crystal.strain_percent, beam.bandwidth_percent
    changed: dict[str, tuple[float, Callable[[float], npt.NDArray[np.void]]]] = {}

    def smear(lattice: Lattice = lattice, n_cells: tuple[float, float, float] = scene.n_cells) -> npt.NDArray[np.void]:
        found = build_smear(crystal, beam, lattice, radius_metric(crystal, n_cells, lattice, like_c=False))
        assert found is not None
        return found

    for i, name in enumerate(CELL):
        value = cell_from_vectors(lattice.direct)[i]
        changed[name] = value, lambda change, i=i: smear(_strained(lattice, i, change))
    for i, name in enumerate(COUNTS):
        count = scene.n_cells[i]
        changed[name] = count, lambda change, i=i: smear(n_cells=_moved(scene.n_cells, i, change))
    slopes = {name: _difference(function, STEP * value) for name, (value, function) in changed.items()}
    if isinstance(spreads, tuple):
        for i, name in enumerate(SPREADS):
            if spreads[i] > 0:
                one = tuple(spread if i == j else 0.0 for j, spread in enumerate(spreads))
                alone = crystal.replace(mosaic_spread_deg=one, strain_percent=0.0)
                slopes[name] = _width_slope(scene, alone, spreads[i])
    if not isinstance(strain, tuple) and strain > 0:
        slopes["strain"] = _width_slope(scene, crystal.replace(mosaic_spread_deg=None), strain)
    if bandwidth > 0:
        slopes["bandwidth"] = np.zeros_like(scene.smear)
        slopes["bandwidth"]["band"] = 2.0 * scene.smear["band"] / bandwidth
    return slopes


def _strained(lattice: Lattice, i: int, change: float) -> Lattice:
    """Return a lattice with a changed parameter of its cell."""
    direct = lattice.direct + change * cell_strains(cell_from_vectors(lattice.direct))[i] @ lattice.direct
    return Lattice(direct, np.linalg.inv(direct).T, abs(float(np.linalg.det(direct))))


def _moved(n_cells: tuple[float, float, float], i: int, change: float) -> tuple[float, float, float]:
    a, b, c = (n + change if i == j else n for j, n in enumerate(n_cells))
    return a, b, c


def _difference(function: Callable[[float], npt.NDArray[np.void]], step: float) -> npt.NDArray[np.void]:
    """Return the derivative of a smear at a change of 0."""
    after, before = function(step), function(-step)
    slope = np.zeros_like(after)
    for name in slope.dtype.names or ():
        slope[name] = (after[name] - before[name]) / (2.0 * step)
    return slope


def _width_slope(scene: SceneData, crystal: Crystal, width: float) -> npt.NDArray[np.void]:
    """Return the derivative of a smear by the width of what alone smears the spots of `crystal`."""
    alone = build_smear(crystal, scene.config.beam, scene.lattice, scene.radius_metric)
    assert alone is not None
    slope = np.zeros_like(alone)
    slope["by_index"] = alone["by_index"] * (2.0 / width)
    return slope
