"""Symmetry copies of atoms that are close to themselves or to other atoms of the list."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from ..geometry import FloatArray

if TYPE_CHECKING:
    from .symmetry import Group

ONE_PLACE_A = 0.4  # Å; atoms that are closer cannot exist at the same time
MOST_IN_VOXEL = 8  # atoms in 0.8 Å
MOST_COPIES = 1_000_000
MOST_VOXELS = 2**20  # along an axis


class Pairs(NamedTuple):
    """Atoms `here` with an atom or copy of the atom `there` in the same place.

    `is_copy` is False if both are in the list at these coordinates, without an operator or lattice translation.
    """

    here: npt.NDArray[np.int64]
    there: npt.NDArray[np.int64]
    is_copy: npt.NDArray[np.bool_]


def distances_to_copies(fract: FloatArray, group: Group, orthogonal: FloatArray) -> Iterator[FloatArray]:
    """Yield, for each operator, the distances (Å) of all atoms from their nearest copies by it."""
    for rotation, translation in zip(group.rotations, group.translations, strict=True):
        apart = fract @ rotation.T + translation - fract
        yield np.linalg.norm((apart - np.rint(apart)) @ orthogonal.T, axis=1)


def close_pairs(fract: FloatArray, group: Group, orthogonal: FloatArray) -> Pairs | None:
    """Return all pairs of atoms and copies that are closer than ONE_PLACE_A, each atom with itself included.

    None for more than MOST_COPIES copies, or where more atoms than MOST_IN_VOXEL are in 0.8 Å, which takes too long.
    """
    voxels = _Voxels(fract, orthogonal)
    if len(fract) * len(group.rotations) > MOST_COPIES or voxels.largest_count() > MOST_IN_VOXEL:
        return None
    here, there, is_copy = [], [], []
    for number, (rotation, translation) in enumerate(zip(group.rotations, group.translations, strict=True)):
        copies = fract @ rotation.T + translation
        listed, copied = voxels.candidates(copies)
        apart = copies[copied] - fract[listed]
        shift = np.rint(apart)
        close = np.linalg.norm((apart - shift) @ orthogonal.T, axis=1) < ONE_PLACE_A
        here.append(listed[close])
        there.append(copied[close])
        is_copy.append((number > 0) | (shift[close] != 0).any(axis=1))
    return Pairs(np.concatenate(here), np.concatenate(there), np.concatenate(is_copy))


class _Voxels:
    """Atoms sorted into voxels of at least 2·ONE_PLACE_A, of which a sphere touches at most 2 on each axis."""

    def __init__(self, fract: FloatArray, orthogonal: FloatArray) -> None:
        spacings = 1.0 / np.linalg.norm(np.linalg.inv(orthogonal), axis=1)
        self._counts = np.clip(np.floor(spacings / (2 * ONE_PLACE_A)), 1, MOST_VOXELS).astype(np.int64)
        self._reach = ONE_PLACE_A / spacings
        keys = self._keys(fract)
        self._order = np.argsort(keys, kind="stable")
        self._sorted = keys[self._order]

    def _keys(self, fract: FloatArray) -> npt.NDArray[np.int64]:
        a, b, c = np.minimum((fract % 1.0 * self._counts).astype(np.int64), self._counts - 1).T
        keys: npt.NDArray[np.int64] = (a * self._counts[1] + b) * self._counts[2] + c
        return keys

    def largest_count(self) -> int:
        """Return the number of atoms in the fullest voxel."""
        return int(np.unique(self._sorted, return_counts=True)[1].max(initial=0))

    def candidates(self, fract: FloatArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return pairs of listed atoms and rows of `fract` that may be close, each pair once."""
        found = []
        for corner in product((-1.0, 1.0), repeat=3):
            keys = self._keys(fract + np.array(corner) * self._reach)
            first = np.searchsorted(self._sorted, keys, "left")
            count = np.searchsorted(self._sorted, keys, "right") - first
            rows = np.repeat(np.arange(len(fract)), count)
            within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
            found.append(self._order[np.repeat(first, count) + within] * len(fract) + rows)
        pairs = np.unique(np.concatenate(found))
        return pairs // max(1, len(fract)), pairs % max(1, len(fract))
