"""Where panels lie in a picture: one panel in its own pixels, several as the beam sees them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..analysis.resolution import mean_direction
from ..detectors.conventions import CONVENTIONS
from ..geometry import FloatArray, unit
from ..scene.scene import Scene


class PanelLayout(NamedTuple):
    """The plane of a picture.

    Attributes
    ----------
    places : ndarray, shape (panels, 2, 3)
        Affine maps: (x, y) in the picture = places[panel] @ (fast_px, slow_px, 1).
    pixels : tuple
        Of a panel: slow, fast.
    labels : tuple of str
        Of x and y.
    """

    places: FloatArray
    pixels: tuple[int, int]
    labels: tuple[str, str]

    def at(self, panel: int, fast: FloatArray, slow: FloatArray) -> FloatArray:
        """Picture coordinates, shape (n, 2), of places on a panel."""
        place = self.places[panel]
        return np.asarray(np.stack([fast, slow], axis=-1) @ place[:, :2].T + place[:, 2])

    def corners(self, panel: int) -> FloatArray:
        """A panel's outline in the picture, shape (4, 2)."""
        slow, fast = self.pixels
        return self.at(panel, np.array([0.0, fast, fast, 0.0]), np.array([0.0, 0.0, slow, slow]))

    def limits(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """(left, right) and (bottom, top) of the picture; slow grows downwards."""
        corners = np.concatenate([self.corners(i) for i in range(len(self.places))])
        (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        margin = 0.0 if len(self.places) == 1 else 0.01 * max(right - left, bottom - top)
        return (left - margin, right + margin), (bottom + margin, top - margin)


def stacked_layout(shape: tuple[int, ...]) -> PanelLayout:
    """The layout of an image of which nothing but the shape (slow, fast) is known."""
    return PanelLayout(
        np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), (shape[0], shape[1]), ("fast (pixels)", "slow (pixels)")
    )


def panel_layout(scene: Scene) -> PanelLayout:
    """One panel: its own pixels. Several: millimetres across the beam, seen along it from the sample.

    Right and down are the directions of fast and slow in the detector's convention.
    """
    geometry = scene.geometry
    if len(geometry) == 1:
        return stacked_layout(scene.shape)
    pixel = geometry.pixel[:, np.newaxis]
    columns = np.stack([geometry.fast * pixel, geometry.slow * pixel, geometry.origin], axis=2) * 1000.0
    return PanelLayout(np.stack(picture_axes(scene)) @ columns, geometry.size, ("mm from the beam", "mm from the beam"))


def picture_axes(scene: Scene) -> tuple[FloatArray, FloatArray]:
    """Unit vectors across the beam that point right and down in a picture."""
    beam = mean_direction(scene)
    convention = CONVENTIONS[scene.config.detector.convention]
    fast, slow = np.asarray(convention.fast, float), np.asarray(convention.slow, float)
    if np.linalg.norm(np.cross(beam, fast)) < 1e-6:
        fast = np.roll(fast, 1)
    right = unit(fast - (fast @ beam) * beam)
    down = np.cross(beam, right)
    return right, down if down @ slow >= 0 else -down
