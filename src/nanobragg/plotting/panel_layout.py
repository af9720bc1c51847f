"""The layout of panels in a plot: a single panel in its pixels, several in a projection along the beam."""

from typing import NamedTuple

import numpy as np

from ..analysis.resolution import mean_direction
from ..detectors.conventions import CONVENTIONS
from ..geometry import FloatArray, unit
from ..scene.scene import Scene


class PanelLayout(NamedTuple):
    """Positions of panels in a plot.

    Attributes
    ----------
    maps : ndarray, shape (panels, 2, 3)
        Affine maps: (x, y) in the plot = maps[panel] @ (fast_px, slow_px, 1).
    pixels : tuple
        Pixels of a panel (slow, fast).
    labels : tuple of str
        Labels of the x and y axes.
    """

    maps: FloatArray
    pixels: tuple[int, int]
    labels: tuple[str, str]

    def at(self, panel: int, fast: FloatArray, slow: FloatArray) -> FloatArray:
        """Return the plot coordinates, shape (n, 2), of pixel positions on a panel."""
        affine = self.maps[panel]
        return np.asarray(np.stack([fast, slow], axis=-1) @ affine[:, :2].T + affine[:, 2])

    def corners(self, panel: int) -> FloatArray:
        """Return the corners of a panel in the plot, shape (4, 2)."""
        slow, fast = self.pixels
        return self.at(panel, np.array([0.0, fast, fast, 0.0]), np.array([0.0, 0.0, slow, slow]))

    def limits(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return (left, right) and (bottom, top) of the plot; the slow axis points down."""
        corners = np.concatenate([self.corners(i) for i in range(len(self.maps))])
        (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        margin = 0.0 if len(self.maps) == 1 else 0.01 * max(right - left, bottom - top)
        return (left - margin, right + margin), (bottom + margin, top - margin)


def stacked_layout(shape: tuple[int, ...]) -> PanelLayout:
    """Return the layout of an image without geometry, from its shape (slow, fast)."""
    return PanelLayout(
        np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), (shape[0], shape[1]), ("fast (pixels)", "slow (pixels)")
    )


def panel_layout(scene: Scene) -> PanelLayout:
    """Return the layout of a scene's panels.

    A single panel is drawn in its pixels. Several are projected along the beam, in millimetres, as seen from the
    sample; right and down are the fast and slow directions of the detector's convention.
    """
    geometry = scene.geometry
    if len(geometry) == 1:
        return stacked_layout(scene.shape)
    pixel = geometry.pixel[:, np.newaxis]
    columns = np.stack([geometry.fast * pixel, geometry.slow * pixel, geometry.origin], axis=2) * 1000.0
    return PanelLayout(np.stack(picture_axes(scene)) @ columns, geometry.size, ("mm from the beam", "mm from the beam"))


def picture_axes(scene: Scene) -> tuple[FloatArray, FloatArray]:
    """Return the unit vectors perpendicular to the beam that point right and down in a plot."""
    beam = mean_direction(scene)
    convention = CONVENTIONS[scene.config.detector.convention]
    fast, slow = np.asarray(convention.fast, float), np.asarray(convention.slow, float)
    if np.linalg.norm(np.cross(beam, fast)) < 1e-6:
        fast = np.roll(fast, 1)
    right = unit(fast - (fast @ beam) * beam)
    down = np.cross(beam, right)
    return right, down if down @ slow >= 0 else -down
