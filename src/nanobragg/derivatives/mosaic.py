"""Rotation vectors, and those of mosaic domains."""

import numpy as np

from ..geometry import FloatArray
from ..scene.scene_data import SceneData


def domain_vectors(scene: SceneData) -> FloatArray:
    """Return the rotation vector (radians) of every mosaic domain, shape (domains, 3); zero without a spread."""
    return rotation_vectors(scene.mosaic_rotations)


def rotation_vectors(rotations: FloatArray) -> FloatArray:
    """Return the rotation vectors (radians, shape (n, 3)) of rotation matrices by less than half a turn."""
    skew = 0.5 * (rotations - rotations.transpose(0, 2, 1))
    sines = np.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], axis=1)
    sine = np.linalg.norm(sines, axis=1)
    angle = np.arctan2(sine, 0.5 * (np.trace(rotations, axis1=1, axis2=2) - 1.0))
    return np.asarray(sines * np.where(sine > 0, angle / np.where(sine > 0, sine, 1.0), 1.0)[:, np.newaxis])


def domain_spins(scene: SceneData) -> FloatArray | None:
    """Return the change of these vectors per degree of spread, to which every angle is proportional; None without."""
    spread = scene.config.crystal.mosaic_spread_deg
    if scene.domains == 1 or not isinstance(spread, float | int) or spread == 0:
        return None
    return np.ascontiguousarray(domain_vectors(scene) / spread)


def rotations_from_vectors(vectors: FloatArray) -> FloatArray:
    """Return rotation matrices, shape (n, 3, 3), of rotation vectors (radians)."""
    angle = np.linalg.norm(vectors, axis=1)
    axes = vectors / np.where(angle > 0, angle, 1.0)[:, np.newaxis]
    cross = np.zeros((len(vectors), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axes[:, 2], axes[:, 1], -axes[:, 0]
    cross -= cross.transpose(0, 2, 1)
    sine, versine = np.sin(angle)[:, None, None], 2.0 * np.sin(angle / 2)[:, None, None] ** 2
    return np.asarray(np.eye(3) + sine * cross + versine * (cross @ cross))


def left_jacobian(vectors: FloatArray, changes: FloatArray) -> FloatArray:
    """Return the rotations that lead from those of `vectors` to those of `vectors + changes`, to first order."""
    square = (vectors**2).sum(axis=1, keepdims=True)
    angle = np.sqrt(square)
    safe = np.where(angle > 1e-3, angle, 1.0)
    first = np.where(angle > 1e-3, (1.0 - np.cos(safe)) / safe**2, 0.5 - square / 24.0)
    second = np.where(angle > 1e-3, (safe - np.sin(safe)) / safe**3, 1.0 / 6.0 - square / 120.0)
    across = np.cross(vectors, changes)
    return np.asarray(changes + first * across + second * np.cross(vectors, across))
