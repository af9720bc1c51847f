"""Which spots an image shows: where, at which φ, and of how many photons."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ...config.config import Config
from ...errors import ConfigError
from ...geometry import FloatArray
from ...scene.panel_geometry import PanelNumbers
from ...scene.scene import Scene
from .absorption import mean_position
from .ewald_crossings import Crossings, find_crossings, mean_beam, reciprocal_basis
from .terms import Setting, Sums, setting_of, sum_terms

TERMS = 60_000  # that are looked at in one go: they fit into the processor's cache


@dataclass(frozen=True, eq=False)
class Spots:
    """Predicted spots, the brightest first; arrays of one length, read-only.

    Attributes
    ----------
    hkl : ndarray of int32, shape (n, 3)
        Indices h, k, l of the reflection.
    panel : ndarray of int32
        Number of the panel, from 0.
    fast_px, slow_px : ndarray
        Centre of the spot's photons in this image, in pixels from the outer corner of the panel's first pixel: 0.5 is
        the middle of the first pixel (DIALS' convention), and pixel (slow, fast) = (⌊slow_px⌋, ⌊fast_px⌋) is under it.
        The mean over sources, φ steps and domains, each with its photons and its parallax in a thick sensor.
    photons : ndarray
        Bragg photons of the spot in this image, its tails included, as if the panel had no end.
    partiality : ndarray
        Rotation: `photons` per those of the whole passage through the sphere in steps of this size. Still: per those
        of a crystal all of which meets the sphere exactly, in every source.
    d_A : ndarray
        Resolution 1/|q|, Å.
    amplitude : ndarray
        F, electrons; where sources see different ones, the root mean square, weighted with what each of them lights.
    phi_deg : ndarray
        Where the lattice point crosses the sphere (mean beam, no mosaic spread), degrees; it may lie beyond the
        image's range for a spot at its ends. NaN in a still.
    crossing_fast_px, crossing_slow_px : ndarray
        Where the ray of that crossing meets the panel: what programs predict that integrate rotation images. NaN in a
        still.
    lorentz : ndarray
        1/(λ · speed of the lattice point through the sphere in Å⁻¹ per radian). NaN in a still.
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

    def __post_init__(self) -> None:
        for array in self.columns().values():
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.photons)

    def __getitem__(self, rows: Any) -> Spots:
        """Some of the spots: a mask, indices or a slice."""
        return Spots(*(column[rows].copy() for column in self.columns().values()))

    @classmethod
    def none(cls) -> Spots:
        """No spot at all."""
        numbers = [np.empty(0) for _ in dataclasses.fields(cls)[2:]]
        return cls(np.empty((0, 3), np.int32), np.empty(0, np.int32), *numbers)

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays by name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def table(self) -> npt.NDArray[Any]:
        """A structured array, one row a spot, with h, k, l as columns of their own."""
        columns = {name: self.hkl[:, i] for i, name in enumerate("hkl")} | self.columns()
        del columns["hkl"]
        rows = np.empty(len(self), [(name, column.dtype) for name, column in columns.items()])
        for name, column in columns.items():
            rows[name] = column
        return rows


def predict_spots(experiment: Config | Scene, *, threshold: float = 0.01) -> Spots:
    """Where a scene's reflections fall on the detector, and their photons.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    threshold
        Spots whose partiality is below this fraction of the largest one are left out.

    Returns
    -------
    Spots
        Those whose centre is on a pixel that is rendered; the direct beam 0 0 0 is none.

    Raises
    ------
    ConfigError
        A threshold outside 0 … 1.

    Notes
    -----
    A spot is the shape's transform cut by the Ewald sphere, a plane there: at a distance ε from the reflection the
    integral of F_latt² over that plane is known in closed form, and the point of the plane that is closest in the
    shape's metric is its centre. Summed over the kernel's own sources, φ steps and domains,

        photons = r_e² · fluence · Σ weight · F² · polar · capture · λ² ∫ F_latt² dA / (φ steps · domains)

    which for fine φ steps is Darwin's formula. Amplitudes are those of the reflections themselves, with an axis of
    energies each source's own: between reflections an interpolating kernel differs. Fewer than five cells along an
    axis make no separate spots.
    """
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    if not 0 <= threshold <= 1:
        raise ConfigError(f"threshold = {threshold!r}: must be a fraction from 0 to 1")
    setting = setting_of(scene)
    found = find_crossings(scene, setting.shape, setting.lookup)
    parts = [_spots(setting, block) for block in _blocks(scene, found)]
    spots = Spots(
        *(np.concatenate(column) for column in zip(*(part.columns().values() for part in parts), strict=True))
    )
    kept = _rendered(scene, spots) & (spots.photons > 0)
    kept &= spots.partiality >= threshold * spots.partiality.max(where=kept, initial=0.0)
    order = np.flatnonzero(kept)
    return spots[order[np.argsort(-spots.photons[order], kind="stable")]]


def _blocks(scene: Scene, found: Crossings) -> Iterator[Crossings]:
    """Whole find_crossings, as many at a time as have about `TERMS` terms; one block at least."""
    terms = (found.last - found.first + 1) * (scene.domains * len(scene.sources.weights))
    number = np.cumsum(terms) // TERMS
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(terms)]
    for start, end in pairwise(edges):
        yield found.rows(slice(start, end))


def _spots(setting: Setting, block: Crossings) -> Spots:
    sums = sum_terms(setting, block)
    block = block.rows(sums.passage)
    q = block.hkl @ reciprocal_basis(setting.scene.lattice.direct * 1e-10)
    crossing = _crossing_positions(setting, block, q, sums.panel)
    with np.errstate(divide="ignore"):
        lorentz = np.linalg.norm(mean_beam(setting.scene)) / block.speed
    return Spots(
        block.hkl, sums.panel, sums.place[:, 1], sums.place[:, 0], sums.photons, _partiality(setting, block, sums),
        1e10 / np.linalg.norm(q, axis=1), sums.amplitude, np.degrees(block.phi),
        crossing[:, 1], crossing[:, 0], lorentz,
    )  # fmt: skip


def _partiality(setting: Setting, block: Crossings, sums: Sums) -> FloatArray:
    """Of a still the mean section per the largest; of a rotation per the sum over a passage in endless steps.

    Where the lattice point moves along the sphere, that sum is the bend's: it lingers √(8 w/bend) radians within the
    width w of the spot.
    """
    phi, whole = setting.scene.phi, setting.shape.whole
    if phi.count == 1:
        return sums.area / sums.largest
    speed = np.sqrt(block.speed**2 + whole / sums.largest * block.bend / 8.0)
    return sums.area * phi.count * phi.step * speed / whole


def _crossing_positions(setting: Setting, block: Crossings, q: FloatArray, panel: PanelNumbers) -> FloatArray:
    """Slow and fast position (pixels) of the ray at which each lattice point crosses the mean beam's sphere."""
    if setting.scene.phi.count == 1:
        return np.full((len(panel), 2), np.nan)
    u = setting.scene.spindle_axis
    cosine, sine = np.cos(block.phi)[:, np.newaxis], np.sin(block.phi)[:, np.newaxis]
    along = np.outer(q @ u, u)
    ray = along + (q - along) * cosine + np.cross(u, q) * sine + mean_beam(setting.scene)
    return mean_position(setting.scene, ray / np.linalg.norm(ray, axis=1, keepdims=True), panel)


def _rendered(scene: Scene, spots: Spots) -> npt.NDArray[np.bool_]:
    """Whether the pixel under each spot's centre is rendered."""
    x0, x1, y0, y1 = scene.roi
    fast, slow = np.floor(spots.fast_px), np.floor(spots.slow_px)
    inside = (spots.panel >= 0) & (fast >= x0) & (fast <= x1) & (slow >= y0) & (slow <= y1)
    if scene.mask is not None:
        row = np.flatnonzero(inside)
        inside[row] = scene.mask[spots.panel[row], slow[row].astype(int), fast[row].astype(int)] != 0
    return np.asarray(inside & ~np.isnan(fast + slow))
