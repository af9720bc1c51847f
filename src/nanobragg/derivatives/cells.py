"""How a lattice changes with its cell, and with its orientation: matrices that multiply a Miller index."""

import numpy as np

from ..config.crystal import Lattice
from ..constants import RADIAN_IN_DEGREES
from ..geometry import FloatArray
from ..scene.scene_data import SceneData
from ..unit_cell import Cell, cell_from_vectors, reciprocal_vectors
from .damage import growth_slopes
from .names import CELL

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


def crystal_cell(scene: SceneData) -> Cell:
    """Return the cell of a scene's crystal before its dose."""
    return scene.undamaged.crystal.cell or cell_from_vectors(scene.lattice.direct / scene.growth)


def lattice_strains(scene: SceneData) -> dict[str, FloatArray]:
    """Return how Miller indices at a fixed scattering vector change with every parameter that deforms the lattice,
    matrices of shape (3, 3) by its name."""
    grown = {name: slope * np.eye(3) for name, slope in growth_slopes(scene).items()}
    return {**dict(zip(CELL, cell_strains(crystal_cell(scene)), strict=True)), **grown}


def strained(lattice: Lattice, strain: FloatArray) -> Lattice:
    """Return a lattice in which the indices at a fixed scattering vector change by a matrix times the index."""
    direct: FloatArray = lattice.direct + strain @ lattice.direct
    return Lattice(direct, np.asarray(np.linalg.inv(direct).T), abs(float(np.linalg.det(direct))))


def rotation_strain(direct: FloatArray, axis: FloatArray) -> FloatArray:
    """Return how Miller indices change, per radian, with a rotation of the direct vectors (rows) about `axis`."""
    return np.asarray(np.cross(axis, direct) @ np.linalg.inv(direct))
