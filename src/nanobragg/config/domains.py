"""The domains of a crystal: how each is rotated and strained, and its share (docs/theory.md, Mosaic domains)."""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from ..constants import RADIAN_IN_DEGREES
from ..geometry import FloatArray
from .crystal import Crystal, Lattice
from .mosaic import balanced_normal_rotations, mosaic_rotations, rotations_of

STRAINS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))  # components of a strain, in the order of strain_percent


class Domains(NamedTuple):
    """The domains of a crystal.

    Attributes
    ----------
    rotations : ndarray, shape (n, 3, 3)
        Rotation of each in the lab: after φ, or, if they turn with the crystal, at φ = 0.
    strains : ndarray, shape (n, 3, 3), or None
        Strain of each in the lab at φ = 0; None: all have the same cell.
    shares : ndarray, shape (n,), or None
        Share of each in the crystal, 1 on average; None: all are equal.
    turning : bool
        Whether the rotations are about the crystal's own axes, inside φ.
    """

    rotations: FloatArray
    strains: FloatArray | None
    shares: FloatArray | None
    turning: bool

    @property
    def weights(self) -> FloatArray:
        """Shares with a sum of 1."""
        count = len(self.rotations)
        return np.full(count, 1.0 / count) if self.shares is None else self.shares / count


def crystal_axes(lattice: Lattice) -> FloatArray:
    """Return the crystal's own axes as unit vectors (rows): a, b*, and the axis across both."""
    a, b_star = lattice.direct[0], lattice.reciprocal[1]
    first, second = a / np.linalg.norm(a), b_star / np.linalg.norm(b_star)
    return np.array([first, second, np.cross(first, second)])


def resolve_domains(crystal: Crystal, lattice: Lattice) -> Domains:
    """Return the domains of a crystal with this lattice at φ = 0."""
    axes = crystal_axes(lattice)
    own = _own_rotations(crystal)
    rotations = mosaic_rotations(crystal) if own is None else axes.T @ own @ axes
    weights = crystal.mosaic_weights
    shares = None if weights is None else weights * (len(weights) / weights.sum())
    strains = None
    if crystal.is_strained and not crystal.is_smeared:
        strains = axes.T @ _strains(crystal, rotations) @ axes
    return Domains(np.ascontiguousarray(rotations), strains, shares, crystal.turns_domains)


def _own_rotations(crystal: Crystal) -> FloatArray | None:
    """Return the rotations of domains about the crystal's own axes; None if they are not about these."""
    if crystal.mosaic_rotations_deg is not None:
        return rotations_of(crystal.mosaic_rotations_deg / RADIAN_IN_DEGREES)
    if not isinstance(crystal.mosaic_spread_deg, tuple):
        return None
    sigmas, count = np.array(crystal.mosaic_spread_deg) / RADIAN_IN_DEGREES, crystal.domains()
    if count == 1:
        return np.eye(3)[np.newaxis]
    if crystal.mosaic_sampling == "balanced":
        return balanced_normal_rotations(sigmas, count, crystal.mosaic_seed)
    vectors = np.random.default_rng(crystal.mosaic_seed % 2**64).standard_normal((count, 3)) * sigmas
    vectors[0] = 0.0
    return rotations_of(vectors)


def _strains(crystal: Crystal, rotations: FloatArray) -> FloatArray:
    """Return the strains of domains along the crystal's own axes, shape (n, 3, 3).

    The deviates of each component are the means of equal parts of a normal distribution in random order, made
    uncorrelated with each other and with the rotations where there are enough domains.
    """
    spread, count = crystal.strain_percent, len(rotations)
    if not isinstance(spread, tuple):
        deviates = _deviates(1, rotations, crystal.mosaic_seed)
        return np.asarray(deviates[:, :, np.newaxis] * (spread / 100.0 * np.eye(3)))
    deviates = _deviates(len(STRAINS), rotations, crystal.mosaic_seed)
    strains = np.zeros((count, 3, 3))
    for (i, j), sigma, column in zip(STRAINS, spread, deviates.T, strict=True):
        strains[:, i, j] = strains[:, j, i] = sigma / 100.0 * column
    return strains


def _deviates(columns: int, rotations: FloatArray, seed: int) -> FloatArray:
    """Return balanced normal deviates, shape (domains, columns): a mean of 0, a mean square of 1."""
    count = len(rotations)
    random = np.random.default_rng([seed % 2**64, columns])
    if count == 1:
        return np.zeros((1, columns))
    skew = rotations - rotations.transpose(0, 2, 1)
    known = [np.ones(count), skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]]
    enough = count >= 4 * (columns + len(known))
    basis = _orthonormal(known if enough else known[:1])
    deviates = np.empty((count, columns))
    for i in range(columns):
        column = random.permutation(_normal_means(count))
        for vector in basis:
            column -= (column @ vector) * vector
        column *= math.sqrt(count) / np.linalg.norm(column)
        deviates[:, i] = column
        if enough:
            basis.append(column / math.sqrt(count))
    return deviates


def _orthonormal(vectors: list[FloatArray]) -> list[FloatArray]:
    """Return orthonormal vectors that span the same space."""
    basis: list[FloatArray] = []
    for vector in vectors:
        rest = vector - sum(((vector @ known) * known for known in basis), np.zeros(len(vector)))
        size = float(np.linalg.norm(rest))
        if size > 1e-9 * float(np.linalg.norm(vector)) > 0:
            basis.append(rest / size)
    return basis


def _normal_means(count: int) -> FloatArray:
    """Return the means of `count` equal parts of a standard normal distribution, rising."""
    normal = NormalDist()
    edges = [normal.pdf(normal.inv_cdf(i / count)) for i in range(1, count)]
    return np.asarray(-np.diff([0.0, *edges, 0.0]) * count)
