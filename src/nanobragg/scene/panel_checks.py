"""Checks of panels: which ones face away from the sample, and which ones overlap as seen from it."""

from collections.abc import Sequence

import numpy as np

from ..config.panel import Panel
from ..geometry import FloatArray

EDGE_ON = 1e-9  # sine of the angle at which a plane passes through the sample


def panels_facing_away(panels: Sequence[Panel]) -> list[int]:
    """Return the numbers of panels whose normal is not within 90° of the ray to each of their corners.

    Their plane contains the sample, or their normal points towards it or is slanted more than the rays.
    """
    away = []
    for i, panel in enumerate(panels):
        corners = panel.corners_mm()
        if ((corners * panel.axes()[2]).sum(axis=1) <= EDGE_ON * np.linalg.norm(corners, axis=1)).any():
            away.append(i)
    return away


def overlapping_panels(panels: Sequence[Panel]) -> list[tuple[int, int]]:
    """Return pairs of panels that overlap by more than a pixel as seen from the sample.

    Each panel spans a convex cone of rays. Two cones are disjoint if a plane through the sample and an edge of one of
    them separates them: the separating axis theorem on the sphere.
    """
    corners, planes, slack = _cones(panels)
    apart = np.zeros((len(panels), len(panels)), bool)
    flat = corners.reshape(-1, 3).T
    for i, edges in enumerate(planes):
        # largest signed distance of the corners of every panel from each of the four planes
        inside = (edges @ flat).reshape(4, len(panels), 4).max(axis=2)
        apart[i] = (inside < slack[i]).any(axis=0)
    first, second = np.nonzero(np.triu(~(apart | apart.T), 1))
    return list(zip(first.tolist(), second.tolist(), strict=True))


def _cones(panels: Sequence[Panel]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return unit rays to the corners, inward normals of the planes through adjacent ones, and the angle of a pixel."""
    corners = np.array([panel.corners_mm()[[0, 1, 3, 2]] for panel in panels])
    middle = corners.mean(axis=1)
    pixel = np.array([panel.pixel_mm for panel in panels]) / np.linalg.norm(middle, axis=1)
    corners /= np.maximum(np.linalg.norm(corners, axis=2, keepdims=True), 1e-300)
    planes = np.cross(corners, np.roll(corners, -1, axis=1))
    planes /= np.maximum(np.linalg.norm(planes, axis=2, keepdims=True), 1e-300)
    planes *= np.sign(np.einsum("pei,pi->pe", planes, middle))[..., np.newaxis]
    return corners, planes, pixel
