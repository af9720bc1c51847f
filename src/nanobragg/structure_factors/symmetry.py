"""Space groups, and reflections of the asymmetric unit expanded to P1."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, FormatError, NanobraggWarning
from ..geometry import FloatArray
from ..unit_cell import Cell

IndexArray = npt.NDArray[np.int32]

MERGED = 0.01  # equivalents that differ by more, relative to the mean and their own amplitude, are unmerged
INDEX_OFFSET = 2**20  # larger than any |h|


def find_space_group(name: str, where: str) -> Any:
    """Return gemmi's space group for a Hermann-Mauguin or Hall symbol or number; raises `ConfigError` if it is unknown.

    Examples are "P 43 21 2", "P212121", "96" and "R 3 :H". `where` is the field or file, for the error.
    """
    import gemmi

    group = gemmi.find_spacegroup_by_name(str(name))
    if group is None:
        found = f"{name!r} is not a valid space group" if str(name).strip() else "the space group is missing"
        raise ConfigError(f"{where}: {found}; give space_group, a symbol like 'P 43 21 2' or a number")
    return group


def space_group_of_cell(name: str, cell: Cell, where: str) -> Any:
    """As `find_space_group`, with the axes of a rhombohedral group taken from the cell; warns if the two disagree."""
    import gemmi

    group = find_space_group(name, where)
    group = gemmi.find_spacegroup_by_name(str(name), cell[3], cell[5]) or group
    if not gemmi.UnitCell(*cell).is_compatible_with_spacegroup(group):
        warnings.warn(
            f"{where}: the cell {' '.join(f'{x:g}' for x in cell)} does not have the symmetry of {group.xhm()}; "
            "check both", NanobraggWarning, stacklevel=2,
        )  # fmt: skip
    return group


def rotations_of(operations: Any) -> npt.NDArray[np.int64]:
    """Return the distinct rotation matrices R of a group, shape (n, 3, 3); h·R is equivalent to h."""
    matrices = {tuple(map(tuple, op.rot)) for op in operations.sym_ops}
    rotations = np.array(sorted(matrices, reverse=True), dtype=np.int64)
    rotations //= next(iter(operations.sym_ops)).DEN
    return rotations


def centric_reflections(indices: IndexArray, rotations: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return a mask of the centric reflections: those equivalent to -h by symmetry."""
    found = np.zeros(len(indices), dtype=bool)
    for rotation in rotations:
        found |= (indices @ rotation == -indices).all(axis=1)
    return found


def separate_mates(
    indices: IndexArray, plus: FloatArray, minus: FloatArray, rotations: npt.NDArray[np.int64]
) -> tuple[IndexArray, FloatArray]:
    """Merge two columns into one list of h and -h without missing values (NaN); centric pairs are averaged."""
    centric = centric_reflections(indices, rotations)
    both = centric & np.isfinite(plus) & np.isfinite(minus)
    plus, minus = np.where(both, 0.5 * (plus + minus), plus), np.where(centric & np.isfinite(plus), np.nan, minus)
    here, there = np.isfinite(plus), np.isfinite(minus)
    return np.concatenate([indices[here], -indices[there]]), np.concatenate([plus[here], minus[there]])


def expand_to_p1(
    indices: IndexArray, amplitudes: FloatArray, rotations: npt.NDArray[np.int64], where: str = "StructureFactors"
) -> tuple[IndexArray, FloatArray]:
    """Expand reflections to P1: add symmetry equivalents, and Friedel mates where the mate is not listed.

    Symmetry equivalents have the same amplitude, |F(hR)| = |F(h)|. Friedel mates are kept separate where both are
    listed, as with anomalous scattering.

    Parameters
    ----------
    indices : ndarray, shape (n, 3)
    amplitudes : ndarray, shape (n,) or (energies, n)
    rotations : ndarray, shape (m, 3, 3)
        From `rotations_of`.
    where
        The field or file, for the error.

    Returns
    -------
    indices : ndarray of int32, shape (N, 3)
        Sorted by h, k, l.
    amplitudes : ndarray, shape (N,) or (energies, N)

    Raises
    ------
    FormatError
        Equivalents have different amplitudes: the data are unmerged.
    """
    turned = np.concatenate([indices @ rotation.astype(np.int32) for rotation in rotations])
    keys, first, group = np.unique(reflection_keys(turned), return_index=True, return_inverse=True)
    _check_merged(indices, amplitudes, first, group, where)
    lone = ~np.isin(reflection_keys(-turned[first]), keys, assume_unique=True)
    everything = np.concatenate([turned[first], -turned[first][lone]]).astype(np.int32)
    rows = np.concatenate([first, first[lone]]) % len(indices)
    order = np.argsort(reflection_keys(everything))
    return np.ascontiguousarray(everything[order]), amplitudes[..., rows[order]]


def reflection_keys(indices: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return an integer per reflection that sorts by h, k, l."""
    h, k, l = indices.astype(np.int64).T + INDEX_OFFSET
    keys: npt.NDArray[np.int64] = (h << 42) | (k << 21) | l
    return keys


def _check_merged(
    indices: IndexArray, amplitudes: FloatArray, first: npt.NDArray[Any], group: npt.NDArray[Any], where: str
) -> None:
    count = len(indices)
    values = np.atleast_2d(amplitudes)[0]
    repeated = values[first % count][group].reshape(-1, count)
    apart = np.abs(repeated - values).max(axis=0) > MERGED * (np.abs(values).mean() + np.abs(values))
    if apart.any():
        row = int(np.argmax(apart))
        raise FormatError(
            f"{where}: reflection {' '.join(map(str, indices[row].tolist()))} and its equivalents have different "
            f"values (as do {apart.sum()} of {count} reflections): the data are unmerged, or the space group is wrong; "
            "merge them first"
        )
