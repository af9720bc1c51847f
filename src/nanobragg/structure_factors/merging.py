"""Unmerged intensities merged over symmetry equivalents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..geometry import FloatArray
from ..io.reflections import Reflections, as_amplitudes
from .symmetry import reflection_keys

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..io.reflections import Unmerged


def merge_equivalents(where: str, found: Unmerged, rotations: npt.NDArray[np.int64]) -> Reflections:
    """Return the amplitudes of the mean intensities of equivalent reflections, weighted by 1/σ².

    Bijvoet mates are not equivalent unless the group is centrosymmetric. A measurement without a positive σ counts only
    if no equivalent has one. The note states R_merge = Σ|I - <I>| / Σ I over reflections measured more than once.

    Parameters
    ----------
    where
        Name of the file, for warnings.
    found
        The measurements.
    rotations : ndarray, shape (m, 3, 3)
        From `symmetry.rotations_of`.
    """
    keys = np.max([reflection_keys(found.indices @ rotation) for rotation in rotations], axis=0)
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    means = _weighted_means(found.intensities, found.sigmas, group)
    counts = np.bincount(group)
    repeated = (counts > 1)[group]
    measured = found.intensities[repeated]
    with np.errstate(over="ignore", invalid="ignore"):
        spread, total = np.abs(measured - means[group][repeated]).sum(), measured.sum()
        r_merge = f"{spread / total:.3f}" if total > 0 else "undefined"
    note = f"{found.note}; {len(keys)} measurements merged to {len(first)} reflections, R_merge {r_merge}"
    amplitudes = as_amplitudes(where, found.label, "J", means)
    return Reflections(found.indices[first], amplitudes, None, found.cell, found.symmetry, note)


def _weighted_means(values: FloatArray, sigmas: FloatArray, group: npt.NDArray[np.intp]) -> FloatArray:
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        weights = np.where(sigmas > 0, 1.0 / np.square(sigmas), 0.0)
        weights[~np.isfinite(weights)] = 0.0
        weights[np.bincount(group, weights)[group] == 0] = 1.0
        means: FloatArray = np.bincount(group, weights * values) / np.bincount(group, weights)
    return means
