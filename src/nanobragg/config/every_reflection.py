"""Structure factors as a list of every reflection that an experiment can see."""

from __future__ import annotations

import math

import numpy as np

from ..errors import ConfigError
from ..geometry import FloatArray
from ..io.limits import allowed_memory
from ..structure_factors.symmetry import IndexArray, reflection_keys
from .structure_factors import StructureFactors

BYTES_PER_REFLECTION = 100  # while reflections are listed


def every_reflection(
    factors: StructureFactors, star: FloatArray, longest_s: float, field: str
) -> tuple[IndexArray, FloatArray]:
    """Return the indices (n, 3) and amplitudes, (n,) or (energies, n), of a list and of what `default_F` stands for.

    Parameters
    ----------
    factors
        Structure factors.
    star
        a*, b*, c* (rows, Å⁻¹).
    longest_s
        Largest 1/d (Å⁻¹) of reflections that are not listed.
    field
        What needs the list, for the error.

    Raises
    ------
    ConfigError
        The reflections do not fit into memory.
    """
    if factors.listing is None:
        indices, amplitudes = np.zeros((0, 3), np.int32), np.zeros(0)
    else:
        indices, amplitudes = factors.scattering_list
    if factors.default_F:
        others = _reflections(star, longest_s, field)
        others = others[~np.isin(reflection_keys(others), reflection_keys(indices))]
        rest = np.full((*amplitudes.shape[:-1], len(others)), factors.default_F)
        indices, amplitudes = np.concatenate([indices, others]), np.concatenate([amplitudes, rest], axis=-1)
    return indices, amplitudes


def _reflections(star: FloatArray, longest_s: float, field: str) -> IndexArray:
    """Return all h, k, l of a reciprocal lattice (rows, Å⁻¹) up to a length."""
    last = np.floor(longest_s * np.linalg.norm(np.linalg.inv(star), axis=0)).tolist()
    count = math.prod(2.0 * each + 1.0 for each in last)
    if count * BYTES_PER_REFLECTION > allowed_memory():
        raise ConfigError(
            f"{field}: StructureFactors.default_F stands for {count:.3g} reflections to {1 / longest_s:.3g} Å, which "
            "do not fit into memory; list them, or give Sampling.d_min_A"
        )
    axes = (np.arange(-each, each + 1, dtype=np.int32) for each in map(int, last))
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.asarray(grid[np.linalg.norm(grid @ star, axis=1) <= longest_s])
