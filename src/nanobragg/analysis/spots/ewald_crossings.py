"""Ewald crossings: where reciprocal lattice points pass through the Ewald sphere, or close to it, during a scan."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..._functions import near_sphere
from ...geometry import FloatArray, longest_scattering_vector, rotate_about
from ...scene.scene import Scene
from ...structure_factors.tables import Limits
from .amplitude_lookup import AmplitudeLookup
from .plane_sections import Shape, largest_reach

CHUNK = 200_000  # reflections


class Crossings(NamedTuple):
    """Crossings of reflections through the Ewald sphere, or close approaches to it, one per row.

    Attributes
    ----------
    hkl : ndarray, shape (n, 3)
    phi : ndarray, shape (n,)
        Angle (radians) at which the lattice point crosses the sphere of the mean beam, without mosaic spread, or is
        closest to it. NaN in a still.
    first, last : ndarray, shape (n,)
        φ steps in which any domain is within reach of any source.
    speed : ndarray, shape (n,)
        Speed along the normal of the sphere, 1/m per radian.
    bend : ndarray, shape (n,)
        Acceleration along the normal, 1/m per radian².
    """

    hkl: npt.NDArray[np.int32]
    phi: FloatArray
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    speed: FloatArray
    bend: FloatArray

    def rows(self, chosen: Any) -> Crossings:
        """Return a subset, selected by indices, a mask or a slice."""
        return Crossings._make(column[chosen] for column in self)


def find_crossings(scene: Scene, shape: Shape, lookup: AmplitudeLookup) -> Crossings:
    """Return all crossings within the scene's φ steps except that of 0 0 0, unordered."""
    search = _search_of(scene, shape)
    some = [_near_sphere(scene, search, lookup)] if scene.phi.count == 1 else reflections(scene, lookup)
    found = [_crossings_of(scene, search, hkl) for hkl in some]
    return Crossings._make(np.concatenate(column) for column in zip(*found, strict=True))


class _Search(NamedTuple):
    """What the search for crossings needs of a scene.

    Attributes
    ----------
    star : ndarray, shape (3, 3)
        a*, b*, c* (rows, 1/m) at φ = 0, without mosaic spread.
    beam : ndarray, shape (3,)
        Wave vector of a still (1/m), as the crystal at φ = 0 sees it.
    longest
        Length of the longest reflection that can reach the detector, 1/m.
    of_shape, of_length
        The largest |g| at which a reflection can diffract, from shape, mosaic spread and sources, is `of_shape` (1/m²)
        and twice `of_length` (1/m) times the length of the scattering vector.
    """

    star: FloatArray
    beam: FloatArray
    longest: float
    of_shape: float
    of_length: float

    def margin(self, length: Any) -> Any:
        """Return the largest |g| (1/m²) for a length of the scattering vector, 1/m."""
        return self.of_shape + 2.0 * length * self.of_length


def reciprocal_basis(cells: FloatArray) -> FloatArray:
    """Return a*, b*, c* (rows) of cells a, b, c (rows), shape (..., 3, 3)."""
    return np.ascontiguousarray(np.linalg.inv(cells).swapaxes(-1, -2), np.float64)


def mean_beam(scene: Scene) -> FloatArray:
    """Return the weighted mean of the wave vectors of the sources, 1/m."""
    sources = scene.sources
    return np.asarray((sources.weights / sources.wavelengths) @ sources.directions)


def reflections(scene: Scene, lookup: AmplitudeLookup) -> Iterator[npt.NDArray[np.int32]]:
    """Yield chunks of h k l with an amplitude, within the reach of the detector and the Config."""
    yield np.empty((0, 3), np.int32)
    if lookup.default_F == 0:
        listed = lookup.listed()
        for start in range(0, len(listed), CHUNK):
            yield listed[start : start + CHUNK]
        return
    reach = np.array(_reach_of_indices(scene))
    width = 2 * reach + 1
    planes = max(1, CHUNK // int(width[1] * width[2]))
    for start in range(0, int(width[0]), planes):
        block = np.indices((min(planes, int(width[0]) - start), width[1], width[2]), np.int32).reshape(3, -1).T
        yield block + np.array([start - reach[0], -reach[1], -reach[2]], np.int32)


def _near_sphere(scene: Scene, search: _Search, lookup: AmplitudeLookup) -> npt.NDArray[np.int32]:
    """Return h k l with an amplitude near the Ewald sphere of a still."""
    reach = _reach_of_indices(scene)
    limits = Limits((-reach[0], -reach[1], -reach[2]), reach)
    if lookup.default_F == 0:
        if lookup.tables is None:
            return np.empty((0, 3), np.int32)
        limits = lookup.tables.limits.within(reach)
    low, high = np.array(limits, np.int32)
    hkl = near_sphere(search.star, search.beam, search.margin(search.longest), low, high)
    return hkl if lookup.default_F else hkl[lookup.is_listed(hkl)]


def _reach_of_indices(scene: Scene) -> tuple[int, int, int]:
    """Return the largest |h|, |k|, |l| within the reach of the detector and the Config."""
    axes = np.linalg.norm(scene.lattice.direct, axis=1) * 1e-10  # |h| is at most |q| |a|
    reach = np.minimum(scene.reach, np.ceil(longest_q(scene) * axes).astype(int) + 1).tolist()
    return reach[0], reach[1], reach[2]


def _crossings_of(scene: Scene, search: _Search, hkl: npt.NDArray[np.int32]) -> Crossings:
    """Return the crossings of reflections.

    g = |q|² + 2q·k, k the wave vector, is 0 on the sphere, and a + b cos φ + c sin φ while the crystal rotates.
    """
    q = hkl @ search.star
    length_sqr = np.einsum("ij,ij->i", q, q)
    d_min = scene.config.sampling.d_min_A
    longest = min(search.longest, 1e10 / d_min if d_min > 0 else np.inf)
    kept = (length_sqr > 0) & (length_sqr <= longest**2)
    if scene.phi.count == 1:
        kept &= np.abs(length_sqr + 2.0 * (q @ search.beam)) <= search.margin(np.sqrt(length_sqr))
        none = np.full(np.count_nonzero(kept), np.nan)
        step = np.zeros(len(none), np.int64)
        return Crossings(hkl[kept], none, step, step, none, none)
    k, u = mean_beam(scene), scene.spindle_axis
    hkl, q, length_sqr = hkl[kept], q[kept], length_sqr[kept]
    along = np.outer(q @ u, u)
    a = length_sqr + 2.0 * (along @ k)
    b = 2.0 * ((q - along) @ k)
    c = 2.0 * (q @ np.cross(k, u))  # k·(u×q) = q·(k×u)
    return _turning(scene, hkl, a, np.hypot(b, c), np.arctan2(c, b), search.margin(np.sqrt(length_sqr)))


def longest_q(scene: Scene) -> float:
    """Return the length (1/m) of the longest scattering vector of all pixels."""
    return longest_scattering_vector(scene.geometry.corners, scene.sources.directions, scene.sources.wavelengths)


def _search_of(scene: Scene, shape: Shape) -> _Search:
    sources, beam = scene.sources, mean_beam(scene)
    star = reciprocal_basis(scene.lattice.direct * 1e-10)
    reach = largest_reach(shape, star)
    waves = sources.directions / sources.wavelengths[:, np.newaxis]
    apart = float(np.linalg.norm(waves - beam, axis=1).max())
    shortest = float(sources.wavelengths.min())
    still = rotate_about(beam, scene.spindle_axis, -float(scene.phi_angles[0]))
    return _Search(
        star, still, longest_q(scene) + reach,
        reach * (2.0 / shortest + reach), apart + _widest_domain(scene) / shortest,
    )  # fmt: skip


def _widest_domain(scene: Scene) -> float:
    """Return the largest |δq|/|q| between any orientation and the lattice without mosaic spread at the same φ."""
    widest = 0.0
    cells = scene.cells.reshape(scene.phi.count, scene.domains, 3, 3)
    for i in range(
        scene.phi.count if scene.config.compat == "c" else 1
    ):  # the same at every φ except for docs/quirks.md, row 1
        plain = rotate_about(scene.lattice.direct * 1e-10, scene.spindle_axis, float(scene.phi_angles[i]))
        turned = np.linalg.inv(plain) @ cells[i]
        widest = max(widest, float(np.linalg.norm(turned - np.eye(3), 2, axis=(1, 2)).max()))
    return widest


def _turning(
    scene: Scene, hkl: npt.NDArray[np.int32], a: FloatArray, size: FloatArray, top: FloatArray, margin: FloatArray
) -> Crossings:
    """Return where |a + size·cos(φ - top)| ≤ margin: two ranges about `top`, or one if the sphere is not reached."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = np.arccos(np.clip((margin - a) / size, -1.0, 1.0))
        middle = np.arccos(np.clip(-a / size, -1.0, 1.0))
        outer = np.arccos(np.clip((-margin - a) / size, -1.0, 1.0))
    near = (np.abs(a) <= size + margin) & (size > 0)
    crossing, below, above = near & (np.abs(a) < size), near & (a <= -size), near & (a >= size)
    kinds = [
        (crossing, middle, inner, outer), (crossing, -middle, -outer, -inner),
        (below, 0.0 * a, -outer, outer), (above, 0.0 * a + math.pi, inner, 2.0 * math.pi - inner),
    ]  # fmt: skip
    start, step, count = float(scene.phi_angles[0]), scene.phi.step, scene.phi.count
    turns = math.ceil(step * count / (2.0 * math.pi)) + 1
    parts = []
    for chosen, at, low, high in kinds:
        row = np.flatnonzero(chosen)
        home = np.mod(top[row] + at[row] - start, 2.0 * math.pi)  # angle of the crossing from the first step
        for turn in range(-1, turns):
            phi = home + 2.0 * math.pi * turn
            first = np.maximum(np.ceil((phi + (low - at)[row]) / step), 0).astype(np.int64)
            last = np.minimum(np.floor((phi + (high - at)[row]) / step), count - 1).astype(np.int64)
            kept = first <= last
            parts.append((row[kept], start + phi[kept], first[kept], last[kept]))
    row, phi, first, last = (np.concatenate(column) for column in zip(*parts, strict=True))
    per_radian = 0.5 / float(np.linalg.norm(mean_beam(scene)))  # distance from the sphere = g λ/2
    slope, bend = size[row] * np.sin(phi - top[row]) * per_radian, size[row] * per_radian
    return Crossings(hkl[row], phi, first, last, np.abs(slope), bend)
