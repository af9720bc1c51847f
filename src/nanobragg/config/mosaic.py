"""Rotations of the mosaic domains (docs/theory.md, Mosaic domains)."""

import math
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np

from .._noise import CRandom
from .._noise import mosaic_rotations as c_cap_rotations
from ..constants import RADIAN_IN_DEGREES
from ..geometry import FloatArray
from .crystal import Crystal, uniform_rotations

DRAWS_PER_ROTATION = 3  # of the C program's generator
BLOCK = 100_000  # domains


def mosaic_rotations(crystal: Crystal) -> FloatArray:
    """Return rotation matrices of the mosaic domains, shape (domains, 3, 3).

    With `mosaic_sampling="random"` the first is the identity, as in the C program.
    """
    count = crystal.domains()
    if not crystal.is_mosaic:
        return np.repeat(np.eye(3)[np.newaxis], count, axis=0)
    assert not isinstance(crystal.mosaic_spread_deg, tuple)  # see domains.py
    spread = (crystal.mosaic_spread_deg or 0.0) / RADIAN_IN_DEGREES
    if count == 1:
        return np.eye(3)[np.newaxis]
    cap = crystal.mosaic_model == "cap"
    if crystal.mosaic_sampling == "balanced":
        return _balanced_rotations(spread, count, crystal.mosaic_seed, cap=cap)
    if cap:
        return np.asarray(c_cap_rotations(spread, count, crystal.mosaic_seed, c_stream_of_misset(crystal)))
    return _random_gaussian_rotations(spread, count, crystal.mosaic_seed)


def c_stream_of_misset(crystal: Crystal) -> CRandom | None:
    """Return the stream from which the C program drew a random orientation; None if it drew none."""
    if crystal.misset_deg != "random":
        return None
    draw = CRandom(crystal.misset_seed)
    draw.ran1(DRAWS_PER_ROTATION)
    return draw


def c_stream_of_mosaic(crystal: Crystal) -> CRandom:
    """Return the stream from which the C program drew the mosaic domains; there is at least one."""
    draw = CRandom(crystal.mosaic_seed, c_stream_of_misset(crystal))
    draw.ran1(DRAWS_PER_ROTATION * crystal.domains())
    return draw


def mean_rotation(rotations: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Return the mean of rotation matrices (n, 3, 3): the one that is closest to all, in the least-squares sense.

    It is the orthogonal factor of the polar decomposition of their sum.
    """
    left, _, right = np.linalg.svd(np.average(rotations, axis=0, weights=weights))
    return np.asarray(left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right)


def mean_rotation_deg(rotations: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Return the mean of rotation matrices (n, 3, 3), as a rotation vector (degrees, shape (3,))."""
    mean = mean_rotation(rotations, weights)
    sine = 0.5 * np.array([mean[2, 1] - mean[1, 2], mean[0, 2] - mean[2, 0], mean[1, 0] - mean[0, 1]])
    length = float(np.linalg.norm(sine))
    angle = math.atan2(length, 0.5 * (float(np.trace(mean)) - 1.0))
    return np.asarray(np.degrees(sine * (angle / length if length > 0 else 1.0)))


def _balanced_rotations(spread: float, count: int, seed: int, *, cap: bool) -> FloatArray:
    """Return rotations with a mean rotation of zero and the mean-square angle of the model, isotropic from 4 domains.

    The domains are divided into groups. Each has regular directions, randomly oriented, and the
    root-mean-square angle of its share of the model's distribution.
    """
    sizes = _group_sizes(count)
    edges = np.concatenate([[0.0], np.cumsum(sizes)]) / count
    squares = spread**2 * (_cap_squares(edges) if cap else _gaussian_squares(edges))
    turns = uniform_rotations(seed, len(sizes))
    vectors = [
        math.sqrt(square) * _directions(size) @ turn.T for size, square, turn in zip(sizes, squares, turns, strict=True)
    ]
    return rotations_of(np.concatenate(vectors))


def balanced_normal_rotations(sigmas: FloatArray, count: int, seed: int) -> FloatArray:
    """Return rotations whose vectors are normally distributed with a standard deviation (radians) along each axis.

    They are the directions of `_balanced_rotations`, stretched: from 4 domains the mean squares along the axes are
    exact and the axes are uncorrelated.
    """
    sizes = _group_sizes(count)
    squares = _normal_squares(np.concatenate([[0.0], np.cumsum(sizes)]) / count)
    turns = uniform_rotations(seed, len(sizes))
    vectors = [
        math.sqrt(square) * _directions(size) @ turn.T for size, square, turn in zip(sizes, squares, turns, strict=True)
    ]
    rotations = rotations_of(np.concatenate(vectors) * sigmas)
    return np.asarray(mean_rotation(rotations).T @ rotations)


def _group_sizes(count: int) -> list[int]:
    """Return the sizes of the groups of domains from the smallest angles outwards.

    Groups of 4 and 6 have equal angles, those of 5 and 7 do not: there is at most one, with the smallest angles, so
    that no rotation exceeds a cap.
    """
    if count in (2, 3, 5, 7):
        return [count]
    first = [5] if count % 2 else []
    even = count - sum(first)
    return first + ([6] if even % 4 else []) + [4] * (even // 4 - (even % 4) // 2)


def _directions(count: int) -> FloatArray:
    """Return 2 to 7 vectors with a sum of 0 and a mean square of 1, along axes that are isotropic from 4 vectors."""
    if count == 4:
        return np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]) / math.sqrt(3.0)
    ring = count - 2 if count > 4 else count
    angles = 2.0 * math.pi * np.arange(ring) / ring
    flat = np.stack([np.cos(angles), np.sin(angles), np.zeros(ring)], axis=1)
    if count < 4:
        return flat
    pole = math.sqrt(count / 6.0)  # two poles and a ring, each axis with a third of the square sum
    return np.concatenate([[(0, 0, pole), (0, 0, -pole)], flat * math.sqrt(2.0 * count / (3.0 * ring))])


def _cap_squares(edges: FloatArray) -> FloatArray:
    """Return the mean squares of (1 - r²)^⅓ between quantiles of r, uniform from 0 to 1.

    With 1 - r = x³ the integrand is smooth: 3x⁴(2 - x³)^⅔ dx, integrated by Gauss and Legendre's rule.
    """
    nodes, weights = np.polynomial.legendre.leggauss(16)
    x = np.cbrt(edges)
    integral = np.empty(len(edges) - 1)
    for block in _blocks(len(integral)):
        half = 0.5 * np.diff(x)[block, np.newaxis]
        at = x[:-1][block, np.newaxis] + half * (1.0 + nodes)
        integral[block] = (half * weights * 3.0 * at**4 * np.cbrt(2.0 - at**3) ** 2).sum(axis=1)
    return integral / np.diff(edges)


def _gaussian_squares(edges: FloatArray) -> FloatArray:
    """Return the mean squares of a standard normal deviate between quantiles of its absolute value."""
    normal = NormalDist()
    z = [normal.inv_cdf(0.5 * (1.0 + edge)) for edge in edges[:-1]]
    below = np.array([edge - 2.0 * at * normal.pdf(at) for edge, at in zip(edges[:-1], z, strict=True)] + [1.0])
    return np.asarray(np.diff(below) / np.diff(edges))


def _normal_squares(edges: FloatArray) -> FloatArray:
    """Return the mean squares of the length of a standard normal vector in space between quantiles of that length.

    The length r has the distribution function erf(r/√2) - √(2/π) r exp(-r²/2), which is inverted by bisection.
    """
    low, high = np.zeros(len(edges)), np.full(len(edges), 20.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = np.array([math.erf(r / math.sqrt(2.0)) for r in middle]) - _density(middle)
        low, high = np.where(below < edges, middle, low), np.where(below < edges, high, middle)
    below = 3.0 * edges - low**2 * _density(low)
    below[-1] = 3.0
    return np.asarray(np.diff(below) / np.diff(edges))


def _density(r: FloatArray) -> FloatArray:
    return np.asarray(math.sqrt(2.0 / math.pi) * r * np.exp(-0.5 * r**2))


def _random_gaussian_rotations(sigma: float, count: int, seed: int) -> FloatArray:
    """Return rotations about random axes by normally distributed angles of standard deviation `sigma` (radians)."""
    draw = CRandom(seed)
    axes = np.asarray(draw.gauss(3 * count), dtype=np.float64).reshape(count, 3)
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    angles = sigma * np.asarray(draw.gauss(count), dtype=np.float64)
    rotations = _about(axes, angles)
    rotations[0] = np.eye(3)
    return rotations


def rotations_of(vectors: FloatArray) -> FloatArray:
    """Return the matrices of rotation vectors (radians, shape (n, 3)); those that underflow to zero do not rotate."""
    angles = np.linalg.norm(vectors, axis=1)
    return _about(vectors / np.where(angles > 0, angles, 1.0)[:, np.newaxis], angles)


def _about(axes: FloatArray, angles: FloatArray) -> FloatArray:
    """Return the matrices of rotations by `angles` (radians, shape (n,)) about unit `axes` (n, 3)."""
    matrices = np.empty((len(axes), 3, 3))
    for block in _blocks(len(axes)):
        x, y, z = axes[block].T
        cross = np.zeros((len(x), 3, 3))
        cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -z, y, -x
        cross -= cross.transpose(0, 2, 1)
        sine, versine = np.sin(angles[block])[:, None, None], (1 - np.cos(angles[block]))[:, None, None]
        matrices[block] = np.eye(3) + sine * cross + versine * (cross @ cross)
    return matrices


def _blocks(count: int) -> Iterator[slice]:
    """Yield slices that are short enough for Ctrl-C to be noticed between them."""
    for start in range(0, count, BLOCK):
        yield slice(start, min(start + BLOCK, count))
