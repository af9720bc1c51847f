"""Unit cells: validation, and conversion between lengths and angles and basis vectors."""

import math

import numpy as np

from .bounds import check_bound
from .constants import RADIAN_IN_DEGREES
from .errors import ConfigError
from .geometry import FloatArray

FLATTEST = 1e-6  # relative volume; flatter cells lose the precision of their reciprocal vectors

Cell = tuple[float, float, float, float, float, float]


def check_cell(cell: Cell) -> Cell:
    """Return the cell; raises `ConfigError` unless its lengths and angles enclose a volume."""
    lengths, (alpha, beta, gamma) = cell[:3], cell[3:]
    if min(lengths) <= 0:
        raise ConfigError(f"cell {cell}: lengths must be positive (Å)")
    check_bound(f"cell {cell}: an edge", lengths, field="Crystal.cell")
    total = alpha + beta + gamma
    if min(cell[3:]) <= 0 or total >= 360 or 2 * max(cell[3:]) >= total:
        raise ConfigError(
            f"cell {cell}: {alpha:g}, {beta:g}, {gamma:g} are not valid angles; each must be positive and smaller "
            "than the sum of the other two, and their sum below 360 degrees"
        )
    if _relative_volume(alpha, beta, gamma) < FLATTEST:
        raise ConfigError(f"cell {cell}: {alpha:g}, {beta:g}, {gamma:g} enclose almost no volume; correct the angles")
    return cell


def _relative_volume(alpha: float, beta: float, gamma: float) -> float:
    """Return the volume of a cell with edges of length 1; angles in degrees."""
    x, y, z = (math.cos(angle / RADIAN_IN_DEGREES) for angle in (alpha, beta, gamma))
    return math.sqrt(max(0.0, 1.0 - x * x - y * y - z * z + 2.0 * x * y * z))


def reciprocal_vectors(cell: Cell, *, c_cell: bool = False) -> tuple[FloatArray, float]:
    """Return a*, b*, c* (rows, Å⁻¹) with a* along x and b* in the xy plane, and the cell volume (Å³).

    `c_cell` uses the C program's c*_z = c*·V/(abc·sin γ*) in place of 1/c (docs/quirks.md, row 9).
    """
    a, b, c = cell[:3]
    alpha, beta, gamma = (angle / RADIAN_IN_DEGREES for angle in cell[3:])
    half = (alpha + beta + gamma) / 2
    skew = abs(math.sin(half) * math.sin(half - alpha) * math.sin(half - beta) * math.sin(half - gamma))
    volume = 2.0 * a * b * c * math.sqrt(skew)
    inverse = 1.0 / volume
    a_star, b_star, c_star = (
        b * c * math.sin(alpha) * inverse, c * a * math.sin(beta) * inverse, a * b * math.sin(gamma) * inverse
    )  # fmt: skip
    cos_alpha, cos_beta, cos_gamma = math.cos(alpha), math.cos(beta), math.cos(gamma)
    cos_alpha_star = _cosine((cos_beta * cos_gamma - cos_alpha) / (math.sin(beta) * math.sin(gamma)))
    cos_beta_star = _cosine((cos_gamma * cos_alpha - cos_beta) / (math.sin(gamma) * math.sin(alpha)))
    cos_gamma_star = _cosine((cos_alpha * cos_beta - cos_gamma) / (math.sin(alpha) * math.sin(beta)))
    sin_gamma_star = min(c * inverse / a_star / b_star, 1.0)
    c_z = c_star * volume / (a * b * c * sin_gamma_star) if c_cell else 1.0 / c
    vectors = np.array([
        [a_star, 0.0, 0.0],
        [b_star * cos_gamma_star, b_star * sin_gamma_star, 0.0],
        [c_star * cos_beta_star, c_star * (cos_alpha_star - cos_beta_star * cos_gamma_star) / sin_gamma_star, c_z],
    ])  # fmt: skip
    return vectors, volume


def _cosine(value: float) -> float:
    return 1.0 if value * value > 1.0 else value


def cell_from_vectors(direct: FloatArray) -> Cell:
    """Return a b c (Å) α β γ (degrees) of direct basis vectors (rows)."""
    lengths = np.linalg.norm(direct, axis=1)
    cosines = [direct[i] @ direct[j] / lengths[i] / lengths[j] for i, j in ((1, 2), (0, 2), (0, 1))]
    return (*lengths.tolist(), *np.degrees(np.arccos(np.clip(cosines, -1, 1))).tolist())
