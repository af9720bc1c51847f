"""Block and mosaic domains of a large crystal, chosen so that its image converges (docs/guide/crystal.md).

The module of `Crystal` imports this one, so that arguments are not annotated with it.
"""

import math
from typing import Any

import numpy as np

from ..bounds import check_bound
from ..errors import ConfigError
from ..geometry import FloatArray, Vector, cross_products, determinant

FWHM = 0.934  # of a Gaussian block's F_latt², times the edge of the block
BLOCK_SHARE = 0.5  # width of a block's spot relative to that of the mosaic spread, at twice d_min
LARGEST_A = 3000.0  # larger blocks have spots narrower than a pixel: 60 µm at 200 mm and 1 Å
SMALLEST_A = 800.0  # ten cells of a small protein
FEWEST_CELLS = 10  # along an axis; fewer leave no dark space between spots
ARGUMENTS = {"d_min_A": (0.1, 1e3), "accuracy": (1e-4, 1.0)}  # the number of domains grows with the inverse squares
# Measured: R² = factor · (spread · block / d)^power / domains
VARIANCE = {
    ("cap", "balanced"): (0.11, 2), ("gaussian", "balanced"): (0.32, 2),
    ("cap", "random"): (0.36, 1), ("gaussian", "random"): (2.0, 1),
}  # fmt: skip


def check_argument(name: str, value: object) -> None:
    """Raise `ConfigError` for an argument of `Crystal.realistic` that is not a number in its range."""
    low, high = ARGUMENTS[name]
    if not isinstance(value, int | float | np.integer | np.floating) or not low <= value <= high:
        raise ConfigError(f"Crystal.realistic({name}) = {value!r}: must be a number from {low:g} to {high:g}")


def largest_spread(crystal: Any) -> float:
    """Return the mosaic spread of a crystal in degrees, of three the largest."""
    spread = crystal.mosaic_spread_deg or 0.0
    if not isinstance(spread, tuple):
        return float(spread)
    if not crystal.is_smeared:
        raise ConfigError(f"Crystal.mosaic_spread_deg = {spread}: a realistic crystal has one spread")
    return float(max(spread))


def block_edge_A(spread_deg: float, d_min_A: float) -> float:
    """Return the edge of a block whose spots are half as wide as the mosaic spread makes them at twice d_min.

    It is between `SMALLEST_A` and `LARGEST_A`.
    """
    width = 2.0 * math.radians(spread_deg) / (2.0 * d_min_A)  # of the mosaic spread, 1/Å
    return max(SMALLEST_A, min(LARGEST_A, FWHM / (BLOCK_SHARE * width))) if width > 0 else LARGEST_A


def choose_block(crystal: Any, edge_A: float, has_cells: bool) -> tuple[dict[str, Any], float]:
    """Return the fields that give a crystal blocks of an edge, and the largest edge that they have, Å.

    A block that the crystal has already (`has_cells`: by `n_cells`) is kept.
    """
    edges = crystal.cell[:3] if crystal.cell else None
    if crystal.matrix is not None:
        edges = edges_of_matrix(np.array(crystal.matrix))
    if crystal.block_um is not None:
        return {}, crystal.block_um * 1e4
    if edges is None:
        return {} if has_cells else {"block_um": edge_A * 1e-4}, edge_A
    cells = crystal.n_cells if has_cells else block_cells(edges, crystal.size_mm, edge_A)
    return {"n_cells": cells}, max(n * edge for n, edge in zip(cells, edges, strict=True))


def block_cells(edges_A: Vector, size_mm: Vector, block_A: float) -> tuple[int, int, int]:
    """Return the cells of a block along a, b, c: a cube of edge `block_A`, if the crystal is large enough."""
    cells = []
    for edge, size in zip(edges_A, size_mm, strict=True):
        whole = max(1, math.floor(size * 1e7 / edge + 1e-9))
        cells.append(min(whole, max(FEWEST_CELLS, round(block_A / edge))))
    return cells[0], cells[1], cells[2]


def converged_domains(
    distribution: tuple[str, str], spread_deg: float, block_A: float, d_min_A: float, accuracy: float
) -> int:
    """Return the number of domains with which twice as many change the integrated intensities by `accuracy` (R).

    `distribution` is the mosaic model and its sampling, a key of `VARIANCE`.
    """
    if spread_deg == 0:
        return 1
    factor, power = VARIANCE[distribution]
    widths = math.radians(spread_deg) * block_A / d_min_A
    return max(10, math.ceil(factor * widths**power / accuracy**2))


def describe(crystal: Any, spread_deg: float, block_A: float, d_min_A: float, accuracy: float) -> str:
    """Return what was chosen, as a sentence."""
    size = " x ".join(f"{edge:g}" for edge in crystal.size_mm)
    cells = "" if crystal.n_cells == (1, 1, 1) else f", {' x '.join(map(str, crystal.n_cells))} cells"
    domains = (
        f"smeared by {spread_deg:g} degrees" if crystal.is_smeared else
        f"{crystal.domains()} mosaic domains within {spread_deg:g} degrees ({crystal.mosaic_model}); a still to "
        f"{d_min_A:g} Å changes by {accuracy:g} of its intensities with twice as many"
    )  # fmt: skip
    return f"realistic crystal of {size} mm: {crystal.shape} blocks of {block_A * 1e-4:.2g} µm{cells}; {domains}"


def edges_of_matrix(matrix: FloatArray) -> Vector:
    """Return |a|, |b|, |c| (Å) of reciprocal vectors a*, b*, c* in columns (Å⁻¹)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b, c = np.linalg.norm(cross_products(matrix.T) / determinant(matrix), axis=1).tolist()
    check_bound("an edge of the cell of Crystal.matrix", [a, b, c], field="Crystal.cell")
    return a, b, c
