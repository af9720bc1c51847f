"""The sum over sources, φ steps and domains behind each predicted spot."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..._functions import polarization
from ...constants import R_E_SQR
from ...geometry import FloatArray
from ...scene.panel_geometry import PanelNumbers
from ...scene.scene import Scene
from .absorption import absorbed_fraction, mean_position, passed_fraction, solid_angle_ratio
from .amplitude_lookup import AmplitudeLookup, amplitude_lookup
from .ewald_crossings import Crossings, reciprocal_basis
from .plane_sections import Shape, largest_reach, plane_section, shape_of, smeared_metric

IntArray = npt.NDArray[np.int64]


class Setting(NamedTuple):
    """A scene with quantities that the sums over its terms need.

    Attributes
    ----------
    scene, shape
    stars : ndarray, shape (φ steps · domains, 3, 3)
        a*, b*, c* (rows, 1/m) of every orientation.
    waves : ndarray, shape (sources, 3)
        Wave vectors, 1/m.
    lookup
        Amplitudes of the reflections.
    """

    scene: Scene
    shape: Shape
    stars: FloatArray
    waves: FloatArray
    lookup: AmplitudeLookup


def setting_of(scene: Scene) -> Setting:
    """Return a scene with the quantities that the sums over its terms need."""
    waves = scene.sources.directions / scene.sources.wavelengths[:, np.newaxis]
    return Setting(scene, shape_of(scene), reciprocal_basis(scene.cells), waves, amplitude_lookup(scene))


class Sums(NamedTuple):
    """Sums over the terms of Ewald crossings that meet a panel, one per row.

    Attributes
    ----------
    crossing : ndarray of int
        Row of the crossing.
    panel : ndarray of int32
    place : ndarray, shape (n, 2)
        Mean slow and fast position (pixels), weighted with the photons.
    photons, amplitude : ndarray
    area, largest : ndarray
        Means over sources, φ steps and domains of `Section.area` and `Section.largest` (1/m²).
    """

    crossing: IntArray
    panel: PanelNumbers
    place: FloatArray
    photons: FloatArray
    amplitude: FloatArray
    area: FloatArray
    largest: FloatArray


class _Terms(NamedTuple):
    """Terms within reach, one per row: crossing, source, share of the domain, unit vector of the ray, areas."""

    crossing: IntArray
    source: IntArray
    share: FloatArray
    ray: FloatArray
    area: FloatArray
    largest: FloatArray


def sum_terms(setting: Setting, block: Crossings) -> Sums:
    """Sum the terms of each crossing; crossings that miss the detector are left out."""
    scene = setting.scene
    terms = _terms(setting, block)
    count = len(block.hkl)

    def total(values: FloatArray) -> FloatArray:
        return np.bincount(terms.crossing, values, count).astype(np.float64, copy=False)

    weight, wavelength = scene.sources.weights[terms.source] * terms.share, scene.sources.wavelengths[terms.source]
    lit = weight * wavelength**2 * terms.area * _polarization(scene, terms)
    squared = _amplitudes(setting.lookup, block, terms) ** 2
    seen = lit * squared
    panel = scene.geometry.first_panel(np.stack([total(seen * terms.ray[:, i]) for i in range(3)], axis=1))
    on = panel[terms.crossing]
    place = mean_position(scene, terms.ray, on)
    lit *= absorbed_fraction(scene, terms.ray, on) * solid_angle_ratio(scene, on, place)
    lit *= passed_fraction(scene, terms.ray)
    lit[np.isnan(place[:, 0]) | (on < 0)] = 0.0
    seen = lit * squared
    bright = total(seen)
    row = np.flatnonzero(bright > 0)
    centre = np.stack([total(seen * np.nan_to_num(place[:, i]))[row] / bright[row] for i in (0, 1)], axis=1)
    one = setting.lookup.one
    amplitude = setting.lookup.amplitudes(block.hkl[row]) if one else np.sqrt(bright[row] / total(lit)[row])
    per_term = 1.0 / (scene.phi.count * scene.domains)
    photons = bright[row] * (R_E_SQR * scene.fluence * scene.blocks * per_term)
    area, largest = total(weight * terms.area)[row], total(weight * terms.largest)[row] / total(weight)[row]
    return Sums(row, panel[row], centre, photons, amplitude, area * per_term, largest)


def _terms(setting: Setting, block: Crossings) -> _Terms:
    """Return the terms (orientation and source) of the crossings that are within the shape's reach."""
    scene, shape = setting.scene, setting.shape
    steps = block.last - block.first + 1
    crossing = np.repeat(np.arange(len(steps)), steps)
    step = np.arange(len(crossing)) - np.repeat(np.cumsum(steps) - steps, steps) + block.first[crossing]
    orientation = (step[:, np.newaxis] * scene.domains + np.arange(scene.domains)).ravel()
    crossing = np.repeat(crossing, scene.domains)
    out = np.einsum("ti,tij->tj", block.hkl[crossing].astype(float), setting.stars[orientation])
    out = out[:, np.newaxis] + setting.waves
    length = np.linalg.norm(out, axis=2)
    distance = 1.0 / scene.sources.wavelengths - length
    row, source = np.nonzero(np.abs(distance) <= largest_reach(shape, setting.stars[0]))
    star, out = setting.stars[orientation[row]], out[row, source]
    slope = np.einsum("tij,tj->ti", star, out) / length[row, source, np.newaxis]
    cut = plane_section(shape, slope, distance[row, source], smeared_metric(scene, block.hkl[crossing[row]]))
    out += np.einsum("ti,tij->tj", cut.offset, star)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    shares = np.ones(len(row)) if scene.shares is None else scene.shares[orientation[row]]
    return _Terms(crossing[row], source, shares, out, cut.area, cut.largest)


def _amplitudes(lookup: AmplitudeLookup, block: Crossings, terms: _Terms) -> FloatArray:
    """Return F of every term."""
    if lookup.one:
        return lookup.amplitudes(block.hkl)[terms.crossing]
    return lookup.amplitudes(block.hkl[terms.crossing], lookup.of_source[terms.source])


def _polarization(scene: Scene, terms: _Terms) -> FloatArray:
    beam, directions = scene.config.beam, scene.sources.directions
    if not beam.polarized:
        return np.ones(len(terms.source))
    axis = np.broadcast_to(scene.polarization_axis, directions.shape).copy()
    along = (
        np.linalg.norm(np.cross(axis, directions), axis=1) < 1e-9
    )  # only for an unpolarized beam, where any axis is valid
    axis[along] = np.eye(3)[np.abs(directions[along]).argmin(axis=1)]
    kahn = np.full(len(terms.source), beam.kahn_factor)
    return np.asarray(polarization(kahn, directions[terms.source], terms.ray, axis[terms.source]))
