"""How the sources turn, as the kernel takes it."""

import numpy as np
import numpy.typing as npt

from .._gradient import SOURCE_MOTION
from ..geometry import FloatArray, unit
from ..scene.scene_data import SceneData


def source_axes(scene: SceneData) -> FloatArray:
    """Return the two axes that sources turn about, rows: across the beam and the polarization axis, and the latter."""
    across = unit(np.cross(scene.beam_direction, scene.polarization_axis), "beam × polarization axis")
    return np.array([across, scene.polarization_axis])


def mean_wavelength(scene: SceneData) -> float:
    """Return the weighted mean of the sources' wavelengths, m."""
    return float(scene.sources.weights @ scene.sources.wavelengths)


def source_motions(scene: SceneData) -> npt.NDArray[np.void]:
    """Return the derivatives of every source's direction and wave by the angles of turning.

    E, B and the beam are a frame whose vectors, when it turns, get parts of each other.
    """
    directions, wavelengths, _ = scene.sources
    motions = np.zeros(len(directions), SOURCE_MOTION)
    motions["slope"] = 1.0 - mean_wavelength(scene) / wavelengths
    axis = scene.polarization_axis
    if not scene.config.beam.polarized or np.allclose(np.cross(axis, directions[0]), 0.0):
        axis = unit(np.cross(directions[0], np.eye(3)[np.argmin(np.abs(directions[0]))]), "beam")  # any will do
    crossed = np.cross(axis, directions)
    lengths = np.maximum(np.linalg.norm(crossed, axis=1, keepdims=True), 1e-300)
    b = crossed / lengths
    e = np.cross(directions, b)
    motions["e"], motions["b"] = e, b
    for turn, about in enumerate(source_axes(scene)):
        moved = np.cross(about, directions)
        change = np.cross(axis, moved)
        moved_b = (change - b * (b * change).sum(axis=1, keepdims=True)) / lengths
        motions["direction"][:, turn] = moved
        motions["to_e"][:, turn] = (moved * e).sum(axis=1)
        motions["to_b"][:, turn] = (moved * b).sum(axis=1)
        motions["twist"][:, turn] = -(moved_b * e).sum(axis=1)
    return motions
