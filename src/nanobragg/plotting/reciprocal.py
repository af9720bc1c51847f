"""Plots of planes of the reciprocal lattice, like precession photographs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..analysis.spots.amplitude_lookup import amplitude_lookup
from ..analysis.spots.ewald_crossings import longest_q, reflections
from ..calls import public
from ..config.config import Config
from ..errors import ConfigError
from ..geometry import FloatArray
from ..scene.scene import Scene
from .figures import RING, figure_of, new_figure
from .rings import NICE_A

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INDEX = re.compile(r"-?(?:\d+|[hkl])")
LARGEST_RADIUS = 0.45  # radius of the strongest reflection in units of the distance between neighbours
EXPOSURE_PERCENTILE = 95.0  # stronger reflections all have the largest disc, as on an overexposed film
MOST_SHOWN = 20_000
MOST_RINGS = 4


class Plane(NamedTuple):
    """A plane of the reciprocal lattice: h k l = start + (u, v) @ steps for integers u and v.

    Attributes
    ----------
    names : tuple of str
        The letters of the two running indices.
    steps : ndarray, shape (2, 3)
        Steps in h k l along the two letters.
    start : ndarray, shape (3,)
        h k l of the plane's origin.
    """

    names: tuple[str, str]
    steps: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]


def parse_plane(text: str) -> Plane:
    """Return the plane named by three indices such as hk0, h0l, hk-2, hhl or h-hl.

    Raises `ConfigError` unless there are three indices with two different letters.
    """
    parts = INDEX.findall(text)
    names = tuple(dict.fromkeys(part[-1] for part in parts if part[-1].isalpha()))
    if "".join(parts) != text or len(parts) != 3 or len(names) != 2:
        raise ConfigError(
            f"plane = {text!r} is not valid; give three indices with two different letters, such as hk0, hk-1 or hhl"
        )
    steps = [[_sign(part) if part[-1] == name else 0 for part in parts] for name in names]
    start = [0 if part[-1].isalpha() else int(part) for part in parts]
    return Plane((names[0], names[1]), np.array(steps), np.array(start))


def _sign(part: str) -> int:
    return -1 if part.startswith("-") else 1


@public
def plot_slice(
    experiment: Config | Scene,
    plane: str = "hk0",
    *,
    values: Literal["intensity", "amplitude"] = "intensity",
    d_min_A: float | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Plot a plane of the reciprocal lattice: one disc per reflection, its area proportional to F² or F.

    Parameters
    ----------
    experiment
        A `Config` or `Scene`, for its amplitudes and cell.
    plane
        Three indices with two different letters: hk0, h0l, 0kl, hk3, hhl, h-hl, …
    values
        "intensity" (F²) or "amplitude" (F). The strongest 5 % of the reflections all have the largest disc.
    d_min_A
        Resolution limit, Å; default: that of the table, or of the detector.
    title
        Title of the plot; default: the plane.
    ax
        Axes to draw into.

    Returns
    -------
    Figure

    Raises
    ------
    ConfigError
        `plane`, `values` or `d_min_A` is not valid, or the plane holds no reflections.
    """
    scene = (experiment if isinstance(experiment, Scene) else Scene(experiment)).one_lattice("a slice")
    if values not in ("intensity", "amplitude"):
        raise ConfigError(f"values = {values!r}: must be 'intensity' or 'amplitude'")
    if d_min_A is not None and not d_min_A > 0:
        raise ConfigError(f"d_min_A = {d_min_A!r}: must be a positive number of Å")
    cut = parse_plane(plane)
    hkl, strength = _reflections(scene, cut, d_min_A)
    if values == "intensity":
        strength = strength**2
    basis = cut.steps @ scene.lattice.reciprocal
    right, up = _axes_in(basis)
    q = (hkl - cut.start) @ scene.lattice.reciprocal
    place = np.stack([q @ right, q @ up], axis=1)
    if ax is None:
        ax = new_figure(6.0, 6.2).add_subplot()
    _draw_discs(ax, place, strength, _spacing(basis))
    _draw_rings(ax, scene, cut, place)
    _draw_vectors(ax, cut, np.stack([basis @ right, basis @ up], axis=1), float(np.abs(place).max()))
    ax.set_title(f"{plane}, disc area ∝ {values}" if title is None else title, fontsize=9)
    return figure_of(ax)


def _reflections(scene: Scene, cut: Plane, d_min_A: float | None) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Return h k l and |F| of the reflections on the plane, without 0 0 0."""
    normal = np.cross(*cut.steps)
    level = normal @ cut.start
    lookup = amplitude_lookup(scene, [scene.mean_energy_eV])
    found = [hkl[(hkl @ normal == level) & hkl.any(axis=1)] for hkl in reflections(scene, lookup)]
    hkl = np.concatenate(found).astype(np.int64)
    longest = 1.0 / d_min_A if d_min_A else longest_q(scene) * 1e-10
    hkl = hkl[np.linalg.norm(hkl @ scene.lattice.reciprocal, axis=1) <= longest]
    strength = np.abs(lookup.amplitudes(hkl.astype(np.int32)))
    order = np.argsort(-strength)[:MOST_SHOWN]
    if not strength.any():
        raise ConfigError("the plane holds no reflection with an amplitude within the resolution; choose another plane")
    return hkl[order], strength[order]


def _axes_in(basis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return orthogonal unit vectors in the plane, the first along its first letter."""
    right = basis[0] / np.linalg.norm(basis[0])
    across = basis[1] - (basis[1] @ right) * right
    return right, across / np.linalg.norm(across)


def _spacing(basis: FloatArray) -> float:
    """Return the distance between nearest neighbours in the plane, Å⁻¹."""
    steps = np.array([(i, j) for i in range(-2, 3) for j in range(-2, 3) if (i, j) != (0, 0)])
    return float(np.linalg.norm(steps @ basis, axis=1).min())


def _draw_discs(ax: Axes, place: FloatArray, strength: FloatArray, spacing: float) -> None:
    """Draw discs with areas proportional to the strength; the largest ones nearly touch."""
    from matplotlib.collections import EllipseCollection

    full = float(np.percentile(strength[strength > 0], EXPOSURE_PERCENTILE))
    size = 2.0 * LARGEST_RADIUS * spacing * np.sqrt(np.minimum(strength / full, 1.0))
    discs = EllipseCollection(
        size, size, np.zeros_like(size), units="xy", offsets=place, transOffset=ax.transData, facecolors="black"
    )
    ax.add_collection(discs)
    edge = 1.05 * float(np.abs(place).max())
    ax.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal", xlabel="Å⁻¹", ylabel="Å⁻¹")
    ax.tick_params(labelsize=7)


def _draw_rings(ax: Axes, scene: Scene, cut: Plane, place: FloatArray) -> None:
    """Draw the intersections of the plane with spheres of constant resolution."""
    from matplotlib.patches import Circle

    edge = float(np.linalg.norm(place, axis=1).max())
    basis = cut.steps @ scene.lattice.reciprocal
    normal = np.cross(*basis)
    height = (cut.start @ scene.lattice.reciprocal) @ normal / np.linalg.norm(normal)
    last = 0.0
    for d in NICE_A:
        radius = float(np.sqrt(max(1.0 / d**2 - height**2, 0.0)))
        if last + edge / (MOST_RINGS + 1) <= radius <= edge:
            ax.add_patch(Circle((0.0, 0.0), radius, fill=False, edgecolor=RING, linewidth=0.6, alpha=0.8))
            ax.annotate(
                f"{d:g} Å", (radius * 0.7071, radius * 0.7071), color=RING, fontsize=7, ha="center", va="center",
                bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
            )  # fmt: skip
            last = radius


def _draw_vectors(ax: Axes, cut: Plane, basis: FloatArray, edge: float) -> None:
    """Draw arrows along the two running indices."""
    for name, vector in zip(cut.names, basis, strict=True):
        tip = vector / np.linalg.norm(vector) * edge
        ax.annotate("", tip, (0.0, 0.0), arrowprops={"arrowstyle": "->", "color": "0.5", "linewidth": 0.8}, zorder=1)
        ax.annotate(
            name, 1.03 * tip, color="0.3", fontsize=10, style="italic", ha="center", va="center", zorder=5,
            bbox={"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )  # fmt: skip
