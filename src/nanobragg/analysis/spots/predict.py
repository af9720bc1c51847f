"""Prediction of spots: position, φ, photons and partiality."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ...bounds import number
from ...calls import public
from ...config.config import Config
from ...config.display import html_table
from ...geometry import FloatArray
from ...scene.panel_geometry import PanelNumbers
from ...scene.scene import Scene
from .absorption import mean_position
from .ewald_crossings import Crossings, find_crossings, mean_beam, reciprocal_basis
from .terms import Setting, Sums, setting_of, sum_terms

SHOWN = 10  # spots, in a notebook
CHUNK_TERMS = 60_000  # fits into the processor's cache


@public
@dataclass(frozen=True, eq=False)
class Spots:
    """Predicted spots, brightest first; read-only arrays of one length.

    Attributes
    ----------
    hkl : ndarray of int32, shape (n, 3)
        Indices h, k, l of the reflection.
    panel : ndarray of int32
        Number of the panel, from 0.
    fast_px, slow_px : ndarray
        Centroid of the spot in this image, in pixels from the outer corner of the panel's first pixel: 0.5 is the
        centre of the first pixel, as in DIALS, and (⌊slow_px⌋, ⌊fast_px⌋) is the pixel at the centroid. The mean over
        sources, φ steps and domains, weighted with photons and including parallax in a thick sensor.
    photons : ndarray
        Bragg photons of the spot in this image, including its tails, as if the panel were infinite.
    partiality : ndarray
        Rotation: `photons` relative to a complete crossing of the sphere in steps of this size. Still: relative to a
        crystal that meets the sphere exactly with every domain and source.
    d_A : ndarray
        Resolution 1/|q|, Å.
    amplitude : ndarray
        F, electrons; the weighted root mean square if it differs between sources.
    phi_deg : ndarray
        Angle at which the lattice point crosses the sphere (mean beam, no mosaic spread), degrees; it may be outside
        the range of the image for a spot at its ends. NaN in a still.
    crossing_fast_px, crossing_slow_px : ndarray
        Position of the ray at that crossing, as predicted by programs that integrate rotation images. NaN in a still.
    lorentz : ndarray
        1/(λ · speed of the lattice point through the sphere in Å⁻¹ per radian). NaN in a still.
    lattice : ndarray of int32
        Number of the lattice, from 0, as in `Config.lattices`.
    """

    hkl: npt.NDArray[np.int32]
    panel: npt.NDArray[np.int32]
    fast_px: FloatArray
    slow_px: FloatArray
    photons: FloatArray
    partiality: FloatArray
    d_A: FloatArray
    amplitude: FloatArray
    phi_deg: FloatArray
    crossing_fast_px: FloatArray
    crossing_slow_px: FloatArray
    lorentz: FloatArray
    lattice: npt.NDArray[np.int32]

    def __repr__(self) -> str:
        if not len(self):
            return "<Spots: none>"
        h, k, l = self.hkl[0].tolist()
        return (
            f"<Spots: {len(self)}, {self.d_A.max():.3g} to {self.d_A.min():.3g} Å; brightest {h} {k} {l} with "
            f"{self.photons[0]:.4g} photons at fast {self.fast_px[0]:.2f}, slow {self.slow_px[0]:.2f}>"
        )

    def _repr_html_(self) -> str:
        rows = {
            " ".join(map(str, self.hkl[i].tolist())): f"{self.photons[i]:.4g} photons at fast {self.fast_px[i]:.2f}, "
            f"slow {self.slow_px[i]:.2f}; {self.d_A[i]:.3g} Å"
            for i in range(min(len(self), SHOWN))
        }
        return html_table(f"{len(self)} spots, the brightest", rows)

    def __post_init__(self) -> None:
        for array in self.columns().values():
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.photons)

    def __getitem__(self, rows: Any) -> Spots:
        """Return a subset, selected by indices, a mask or a slice."""
        taken = [column[rows] for column in self.columns().values()]
        return Spots(*(column if column.base is None else column.copy() for column in taken))

    @classmethod
    def none(cls) -> Spots:
        """Return an empty list of spots."""
        integers = {name: np.empty(0, np.int32) for name in ("panel", "lattice")}
        numbers = {field.name: np.empty(0) for field in dataclasses.fields(cls)}
        columns: dict[str, Any] = {**numbers, **integers, "hkl": np.empty((0, 3), np.int32)}
        return cls(**columns)

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def table(self) -> npt.NDArray[Any]:
        """Return a structured array with one row per spot and separate columns h, k, l."""
        columns = {name: self.hkl[:, i] for i, name in enumerate("hkl")} | self.columns()
        del columns["hkl"]
        rows = np.empty(len(self), [(name, column.dtype) for name, column in columns.items()])
        for name, column in columns.items():
            rows[name] = column
        return rows


@public
def predict_spots(experiment: Config | Scene, *, threshold: float = 0.01) -> Spots:
    """Predict positions and photons of the reflections on the detector.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    threshold
        Smallest partiality relative to the largest one.

    Returns
    -------
    Spots
        Spots whose centroid is on a rendered pixel; 0 0 0 is not among them.

    Raises
    ------
    ConfigError
        A threshold outside 0 … 1.

    Notes
    -----
    A spot is the section of the shape transform by the Ewald sphere, approximated by a plane. The integral of F_latt²
    over a plane at a distance ε from the reflection has a closed form, and the centroid is the point of the plane
    nearest to the reflection in the metric of the shape. Summed over the sources, φ steps and domains of the scene,

        photons = r_e² · fluence · blocks · Σ weight · F² · polar · capture · λ² ∫ F_latt² dA / (φ steps · domains)

    which for fine φ steps is Darwin's formula. Amplitudes are those of the reflections, so that results differ from
    images with interpolation. Spots are separate with at least five cells along each axis.
    """
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    number("threshold", threshold, 0, 1)
    if scene.others:
        return _spots_of_lattices(scene, threshold)
    setting = setting_of(scene)
    found = find_crossings(scene, setting.shape, setting.lookup)
    parts = [_spots(setting, chunk) for chunk in _chunks(scene, found)]
    spots = parts[0] if len(parts) == 1 else _together(parts)
    kept = _rendered(scene, spots) & (spots.photons > 0)
    kept &= spots.partiality >= threshold * spots.partiality.max(where=kept, initial=0.0)
    order = np.flatnonzero(kept)
    return spots[order[np.argsort(-spots.photons[order], kind="stable")]]


def _together(parts: list[Spots]) -> Spots:
    """Return lists of spots as one."""
    return Spots(*(np.concatenate(column) for column in zip(*(part.columns().values() for part in parts), strict=True)))


def _spots_of_lattices(scene: Scene, threshold: float) -> Spots:
    """Return the spots of several lattices together, brightest first."""
    found = [predict_spots(lattice, threshold=threshold) for lattice in scene.lattices]
    columns = {
        name: np.concatenate([spots.columns()[name] for spots in found])
        for name in found[0].columns()
        if name != "lattice"
    }
    number = np.repeat(np.arange(len(found), dtype=np.int32), [len(spots) for spots in found])
    order = np.argsort(-columns["photons"], kind="stable")
    return Spots(**columns, lattice=number)[order]


def _chunks(scene: Scene, found: Crossings) -> Iterator[Crossings]:
    """Yield chunks of complete crossings with about `CHUNK_TERMS` terms each; at least one chunk."""
    terms = (found.last - found.first + 1) * (scene.domains * len(scene.sources.weights))
    number = np.cumsum(terms) // CHUNK_TERMS
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(terms)]
    for start, end in pairwise(edges):
        yield found.rows(slice(start, end))


def _spots(setting: Setting, chunk: Crossings) -> Spots:
    sums = sum_terms(setting, chunk)
    chunk = chunk.rows(sums.crossing)
    q = chunk.hkl @ reciprocal_basis(setting.scene.lattice.direct * 1e-10)
    crossing = _crossing_positions(setting, chunk, q, sums.panel)
    with np.errstate(divide="ignore"):
        lorentz = np.linalg.norm(mean_beam(setting.scene)) / chunk.speed
    return Spots(
        chunk.hkl, sums.panel, sums.place[:, 1], sums.place[:, 0], sums.photons, _partiality(setting, chunk, sums),
        1e10 / np.linalg.norm(q, axis=1), sums.amplitude, np.degrees(chunk.phi),
        crossing[:, 1], crossing[:, 0], lorentz, np.zeros(len(chunk.hkl), np.int32),
    )  # fmt: skip


def _partiality(setting: Setting, chunk: Crossings, sums: Sums) -> FloatArray:
    """Return the mean section relative to the largest one in a still, or to that of a complete crossing in a rotation.

    A lattice point that moves along the sphere stays within the width w of the spot for √(8 w/bend) radians.
    """
    phi, whole = setting.scene.phi, setting.shape.whole
    if phi.count == 1:
        return sums.area / sums.largest
    speed = np.sqrt(chunk.speed**2 + whole / sums.largest * chunk.bend / 8.0)
    return sums.area * phi.count * phi.step * speed / whole


def _crossing_positions(setting: Setting, chunk: Crossings, q: FloatArray, panel: PanelNumbers) -> FloatArray:
    """Return slow and fast position (pixels) of the ray at which each lattice point crosses the mean beam's sphere."""
    if setting.scene.phi.count == 1:
        return np.full((len(panel), 2), np.nan)
    u = setting.scene.spindle_axis
    cosine, sine = np.cos(chunk.phi)[:, np.newaxis], np.sin(chunk.phi)[:, np.newaxis]
    along = np.outer(q @ u, u)
    ray = along + (q - along) * cosine + np.cross(u, q) * sine + mean_beam(setting.scene)
    return mean_position(setting.scene, ray / np.linalg.norm(ray, axis=1, keepdims=True), panel)


def _rendered(scene: Scene, spots: Spots) -> npt.NDArray[np.bool_]:
    """Return a mask of the spots whose centroid is on a rendered pixel."""
    x0, x1, y0, y1 = scene.limits
    fast, slow = np.floor(spots.fast_px), np.floor(spots.slow_px)
    inside = (spots.panel >= 0) & (fast >= x0) & (fast <= x1) & (slow >= y0) & (slow <= y1)
    if scene.mask is not None:
        row = np.flatnonzero(inside)
        inside[row] = scene.mask[spots.panel[row], slow[row].astype(int), fast[row].astype(int)] != 0
    return np.asarray(inside & ~np.isnan(fast + slow))
