"""Structure factors by summation over atoms and operators, for small structures."""

from __future__ import annotations

from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..geometry import FloatArray
from .symmetry import ComplexArray, IndexArray, point_group, reflection_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..unit_cell import Cell
    from .symmetry import Group

CHUNK = 2**15  # terms at a time

_factors_lock = RLock()


class Atoms(NamedTuple):
    """Atoms for a sum over all operators.

    Attributes
    ----------
    fract : ndarray, shape (n, 3)
    shares : ndarray, shape (n,)
        Occupancies from `sites.site_shares`.
    factors : ndarray, shape (n,)
        Index of the scattering factor of each atom.
    coefficients : ndarray, shape (m, 9)
        a1 b1 a2 b2 a3 b3 a4 b4 c of each scattering factor: Σ a exp(-b s²/4) + c, with s = 1/d.
    u_star : ndarray, shape (n, 3, 3)
        Displacements: a wave with the index h is damped by exp(-2π² hᵀ U* h).
    """

    fract: FloatArray
    shares: FloatArray
    factors: npt.NDArray[np.int64]
    coefficients: FloatArray
    u_star: FloatArray

    def chosen(self, mask: npt.NDArray[np.bool_], coefficients: FloatArray) -> Atoms:
        """Return some of the atoms, all with the same scattering factor of one row of coefficients."""
        return Atoms(
            self.fract[mask], self.shares[mask], np.zeros(mask.sum(), np.int64), coefficients, self.u_star[mask]
        )


@contextmanager
def ionic_factors() -> Iterator[None]:
    """Make gemmi use scattering factors of ions, a setting of the whole process."""
    import gemmi

    with _factors_lock:
        before = gemmi.IT92_get_ignore_charge()
        gemmi.IT92_set_ignore_charge(False)
        try:
            yield
        finally:
            gemmi.IT92_set_ignore_charge(before)


def factor_coefficients(element: Any, charge: int) -> list[float] | None:
    """Return a1 b1 … a4 b4 c of the International Tables (1992) for an ion; None if it is not tabulated."""
    import gemmi

    with ionic_factors():
        found = gemmi.IT92_get_exact(element, charge)
    return None if found is None else [*(x for pair in zip(found.a, found.b, strict=True) for x in pair), found.c]


def unique_reflections(cell: Cell, group: Group, d_min_A: float) -> IndexArray:
    """Return one of each set of equivalent reflections to a resolution, 0 0 0 and absent ones included."""
    import gemmi

    half = gemmi.make_miller_array(gemmi.UnitCell(*cell), gemmi.SpaceGroup("P 1"), d_min_A)
    indices = np.concatenate([np.zeros((1, 3), np.int32), np.asarray(half, dtype=np.int32)])
    keys = np.full(len(indices), -1, np.int64)
    for rotation in point_group(group):
        turned = indices @ rotation
        keys = np.maximum(keys, np.maximum(reflection_keys(turned), reflection_keys(-turned)))
    _, first = np.unique(keys, return_index=True)
    return np.ascontiguousarray(indices[np.sort(first)])


def sum_over_atoms(atoms: Atoms, group: Group, indices: IndexArray, inverse_d2: FloatArray) -> ComplexArray:
    """Return F(h) = Σ f(s) exp(-2π² hᵀRU*Rᵀh) exp(2πi (h·R x + h·t)) over all atoms and operators.

    Parameters
    ----------
    atoms
        The atoms.
    group
        The operators R, t.
    indices : ndarray, shape (n, 3)
    inverse_d2 : ndarray, shape (n,)
        1/d² of the reflections (Å⁻²).
    """
    total = np.zeros(len(indices), np.complex128)
    if not len(atoms.fract):
        return total
    step = max(1, CHUNK // len(atoms.fract))
    for start in range(0, len(indices), step):
        part = slice(start, start + step)
        f = _scattering(atoms.coefficients, inverse_d2[part])[atoms.factors] * atoms.shares[:, None]
        for rotation, translation in zip(group.rotations, group.translations, strict=True):
            h = (indices[part] @ rotation).astype(np.float64)
            damping = np.einsum("ri,aij,rj->ar", h, atoms.u_star, h, optimize=True)
            phase = atoms.fract @ h.T + indices[part] @ translation
            total[part] += (f * np.exp(-2 * np.pi**2 * damping + 2j * np.pi * phase)).sum(axis=0)
    return total


def _scattering(coefficients: FloatArray, inverse_d2: FloatArray) -> FloatArray:
    """Return scattering factors, shape (factors, reflections)."""
    a, b, c = coefficients[:, 0:8:2], coefficients[:, 1:8:2], coefficients[:, 8]
    factors: FloatArray = (a[:, :, None] * np.exp(-b[:, :, None] * inverse_d2 / 4)).sum(axis=1) + c[:, None]
    return factors
