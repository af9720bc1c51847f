"""Resolution rings: intersections of cones about the beam with the panels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from ..analysis.resolution import mean_direction, mean_wavelength_A, scattering_angle
from ..errors import ConfigError
from ..geometry import FloatArray
from ..scene.panel_geometry import PanelGeometry
from ..scene.scene import Scene
from .figures import RING
from .panel_layout import PanelLayout, picture_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_RINGS = 5
POINTS = 1440  # around a ring
NICE_A = (
    200, 150, 100, 80, 60, 50, 40, 30, 25, 20, 15, 12, 10, 8, 7, 6, 5, 4.5, 4, 3.5, 3, 2.8, 2.6, 2.4, 2.2, 2,
    1.9, 1.8, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2, 1.1, 1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5,
    0.45, 0.4, 0.35, 0.3, 0.25, 0.2,
)  # fmt: skip
LABEL_TOWARDS = (0.7, -0.7)  # right and up
LABEL_ROOM = 0.05  # fraction of the plot's edges that a label needs on each side
EDGE_PENALTY = 1e9  # larger than any plot, so that a label is cut off only if there is no other position


class Arc(NamedTuple):
    """The part of a ring on a panel, in plot coordinates; NaN elsewhere."""

    d_A: float
    panel: int
    points: FloatArray


def choose_rings(scene: Scene) -> list[float]:
    """Return at most five round resolutions (Å), about evenly spaced in 2θ up to the detector's corner."""
    largest, wavelength = float(scattering_angle(scene).max()), mean_wavelength_A(scene)
    rings: list[float] = []
    last = 0.25 * largest / MOST_RINGS
    for d in NICE_A:
        if d <= wavelength / 2.0:
            break
        angle = 2.0 * float(np.arcsin(wavelength / 2.0 / d))
        if last + 0.75 * largest / MOST_RINGS <= angle <= 0.94 * largest:
            rings.append(float(d))
            last = angle
    return rings


def ring_arcs(scene: Scene, layout: PanelLayout, rings: Sequence[float]) -> Iterator[Arc]:
    """Yield the arcs of every ring on every panel that it crosses."""
    wavelength, beam, (right, down) = mean_wavelength_A(scene), mean_direction(scene), picture_axes(scene)
    around = np.linspace(0.0, 2.0 * np.pi, POINTS)[:, np.newaxis]
    for d in rings:
        angle = ring_angle(d, wavelength)
        rays = np.cos(angle) * beam + np.sin(angle) * (np.cos(around) * right + np.sin(around) * down)
        for panel in range(len(scene.geometry)):
            place = _on_panel(scene.geometry, panel, rays)
            if not np.isnan(place).all():
                yield Arc(d, panel, layout.at(panel, place[:, 1], place[:, 0]))


def _on_panel(geometry: PanelGeometry, panel: int, rays: FloatArray) -> FloatArray:
    """Return the slow and fast positions (pixels) of rays on a panel, NaN outside it."""
    place = geometry.pixels(rays, panel)
    place[((place < 0) | (place > geometry.size)).any(axis=1)] = np.nan
    return place


def draw_rings(ax: Axes, scene: Scene, layout: PanelLayout, rings: Sequence[float]) -> None:
    """Draw rings; each is labelled with its resolution, as far to the upper right as the label is not cut off."""
    if scene.config.detector.curved:
        _draw_contours(ax, scene, layout, rings)
        return
    labels: dict[float, tuple[float, tuple[float, float]]] = {}
    for arc in ring_arcs(scene, layout, rings):
        ax.plot(*arc.points.T, color=RING, linewidth=0.7, alpha=0.75, zorder=3)
        inside = arc.points[~np.isnan(arc.points[:, 0])]
        rank = inside @ LABEL_TOWARDS - EDGE_PENALTY * _near_edge(ax, inside)
        if arc.d_A not in labels or rank.max() > labels[arc.d_A][0]:
            x, y = inside[rank.argmax()].tolist()
            labels[arc.d_A] = float(rank.max()), (x, y)
    for d, (_, place) in labels.items():
        ax.annotate(
            f"{d:g} Å", place, color=RING, fontsize=7, ha="center", va="center", zorder=5, clip_on=True,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )  # fmt: skip


def _near_edge(ax: Axes, points: FloatArray) -> npt.NDArray[np.bool_]:
    """Return which points are so near to the plot's edge that a label would be cut off."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    share = (points - (left, bottom)) / (right - left, top - bottom)
    return np.asarray((np.minimum(share, 1.0 - share) < LABEL_ROOM).any(axis=1))


def _draw_contours(ax: Axes, scene: Scene, layout: PanelLayout, rings: Sequence[float]) -> None:
    """Draw the rings on curved panels as contours of the scattering angle of every pixel."""
    slow, fast = layout.pixels
    angle = scattering_angle(scene).reshape(-1, slow, fast)
    levels = {ring_angle(d, mean_wavelength_A(scene)): f"{d:g} Å" for d in rings}
    for panel in range(len(angle)):
        x, y = np.moveaxis(layout.at(panel, *np.meshgrid(np.arange(fast) + 0.5, np.arange(slow) + 0.5)), -1, 0)
        drawn = ax.contour(x, y, angle[panel], sorted(levels), colors=RING, linewidths=0.7, alpha=0.75, zorder=3)
        ax.clabel(drawn, fmt=levels, fontsize=7)


def ring_angle(d: float, wavelength: float) -> float:
    """Return the scattering angle 2θ (radians) of a resolution; raise `ConfigError` if d ≤ λ/2."""
    if not d > wavelength / 2.0:
        raise ConfigError(f"rings: {d:g} Å is out of reach of {wavelength:g} Å X-rays; give more than half of that")
    return 2.0 * math.asin(wavelength / 2.0 / d)
