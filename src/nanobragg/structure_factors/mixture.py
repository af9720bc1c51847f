"""Mean intensities of a crystal whose domains are in several states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..geometry import FloatArray
from .symmetry import IndexArray, reflection_keys


class Listed(NamedTuple):
    """The amplitudes of one state: a list, (n,) or (energies, n), and that of all other reflections."""

    indices: IndexArray
    amplitudes: FloatArray
    default_F: float


def mean_intensities(shares: Sequence[float], states: Sequence[Listed]) -> Listed:
    """Return the roots of the mean F² of states, by their shares, for every reflection that one of them lists."""
    keys = [reflection_keys(state.indices) for state in states]
    every, first = np.unique(np.concatenate(keys), return_index=True)
    total = np.zeros((*states[0].amplitudes.shape[:-1], len(every)))
    rest = 0.0
    for share, state, own in zip(shares, states, keys, strict=True):
        squares = np.full(total.shape, state.default_F**2)
        squares[..., np.searchsorted(every, own)] = state.amplitudes**2  # of duplicates, the last one
        total += share * squares
        rest += share * state.default_F**2
    return Listed(np.concatenate([state.indices for state in states])[first], np.sqrt(total), float(np.sqrt(rest)))
