"""How a lattice changes with its cell, and with its orientation: matrices that multiply a Miller index."""

import numpy as np

from ..config.crystal import Lattice
from ..constants import RADIAN_IN_DEGREES
from ..geometry import FloatArray
from ..unit_cell import Cell, cell_from_vectors, reciprocal_vectors

RADIAN = 1.0 / RADIAN_IN_DEGREES


def cell_strains(cell: Cell) -> FloatArray:
    """Return how Miller indices at a fixed scattering vector change with the cell, shape (6, 3, 3).

    The index h changes by the matrix times h, per Å for a, b, c and per degree for α, β, γ; a* stays along its
    direction and b* in its plane. With B the matrix of the rows a*, b*, c* in that frame, which is the Cholesky factor
    of the reciprocal metric G*, dG* = -G* dG G*, and dB = B·Φ(B⁻¹ dG* B⁻ᵀ), where Φ keeps the lower triangle and half
    of the diagonal (I. Murray, arXiv:1602.07527).
    """
    reciprocal, _ = reciprocal_vectors(cell)
    direct = np.linalg.inv(reciprocal.T)
    across = np.linalg.inv(reciprocal)
    star = reciprocal @ reciprocal.T
    strains = np.empty((6, 3, 3))
    for i, change in enumerate(_metric_changes(cell)):
        factor = np.tril(across @ (-star @ change @ star) @ across.T)
        factor[np.diag_indices(3)] *= 0.5
        strains[i] = -direct @ factor.T @ np.linalg.inv(direct)
    return strains


def _metric_changes(cell: Cell) -> FloatArray:
    """Return derivatives of the metric tensor of the direct cell, shape (6, 3, 3), per Å and per degree."""
    lengths, angles = np.array(cell[:3]), np.array(cell[3:]) * RADIAN
    cosines = np.eye(3)
    for (i, j), angle in zip(((1, 2), (0, 2), (0, 1)), angles, strict=True):
        cosines[i, j] = cosines[j, i] = np.cos(angle)
    changes = np.zeros((6, 3, 3))
    for i in range(3):
        changes[i, i, :] += cosines[i] * lengths
        changes[i, :, i] += cosines[i] * lengths
    for k, (i, j) in enumerate(((1, 2), (0, 2), (0, 1))):
        changes[3 + k, i, j] = changes[3 + k, j, i] = -lengths[i] * lengths[j] * np.sin(angles[k]) * RADIAN
    return changes


def strained(lattice: Lattice, i: int, change: float) -> Lattice:
    """Return a lattice with parameter number `i` of its cell changed."""
    direct = lattice.direct + change * cell_strains(cell_from_vectors(lattice.direct))[i] @ lattice.direct
    return Lattice(direct, np.linalg.inv(direct).T, abs(float(np.linalg.det(direct))))


def rotation_strain(direct: FloatArray, axis: FloatArray) -> FloatArray:
    """Return how Miller indices change, per radian, with a rotation of the direct vectors (rows) about `axis`."""
    return np.asarray(np.cross(axis, direct) @ np.linalg.inv(direct))
