"""Block and mosaic domains of a large crystal, chosen so that its image converges (docs/guide/crystal.md)."""

import math

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


def block_edge_A(spread_deg: float, d_min_A: float) -> float:
    """Return the edge of a block whose spots are half as wide as the mosaic spread makes them at twice d_min.

    It is between `SMALLEST_A` and `LARGEST_A`.
    """
    width = 2.0 * math.radians(spread_deg) / (2.0 * d_min_A)  # of the mosaic spread, 1/Å
    return max(SMALLEST_A, min(LARGEST_A, FWHM / (BLOCK_SHARE * width))) if width > 0 else LARGEST_A


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


def edges_of_matrix(matrix: FloatArray) -> Vector:
    """Return |a|, |b|, |c| (Å) of reciprocal vectors a*, b*, c* in columns (Å⁻¹)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b, c = np.linalg.norm(cross_products(matrix.T) / determinant(matrix), axis=1).tolist()
    check_bound("an edge of the cell of Crystal.matrix", [a, b, c], field="Crystal.cell")
    return a, b, c
