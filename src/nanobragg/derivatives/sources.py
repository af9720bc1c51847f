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
    """Return the derivatives of every source's direction and wave by the angles of turning."""
    directions, wavelengths, _ = scene.sources
    motions = np.zeros(len(directions), SOURCE_MOTION)
    motions["slope"] = 1.0 - mean_wavelength(scene) / wavelengths
    axis = scene.polarization_axis
    crossed = np.cross(axis, directions)
    lengths = np.linalg.norm(crossed, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):  # an unpolarized beam may be along the polarization axis
        b = np.nan_to_num(crossed / lengths)
        for turn, about in enumerate(source_axes(scene)):
            moved = np.cross(about, directions)
            change = np.cross(axis, moved)
            moved_b = np.nan_to_num((change - b * (b * change).sum(axis=1, keepdims=True)) / lengths)
            motions["direction"][:, turn] = moved
            motions["b"][:, turn] = moved_b
            motions["e"][:, turn] = np.cross(moved, b) + np.cross(directions, moved_b)
    return motions
