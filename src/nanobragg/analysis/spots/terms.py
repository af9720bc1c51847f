"""The sum over sources, φ steps and domains behind each predicted spot."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..._functions import polarization, spot_terms
from ...constants import R_E_SQR
from ...geometry import FloatArray, dots
from ...scene.panel_geometry import PanelIndex, PanelNumbers
from ...scene.scene import Scene
from .absorption import absorbed_fraction, mean_position, passed_fraction, solid_angle_ratio
from .amplitude_lookup import AmplitudeLookup, amplitude_lookup
from .ewald_crossings import Crossings, reciprocal_basis
from .plane_sections import Shape, largest_reach, shape_of, smeared_metric

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
    waves = np.ascontiguousarray(scene.sources.directions / scene.sources.wavelengths[:, np.newaxis], np.float64)
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
    """Terms within reach, one per row: crossing, source, weight of source and domain, unit vector of the ray, areas."""

    crossing: IntArray
    source: IntArray
    weight: FloatArray
    ray: FloatArray
    area: FloatArray
    largest: FloatArray

    def sums(self, count: int, values: FloatArray) -> FloatArray:
        """Return the sum of values over the terms of each of `count` crossings."""
        return np.asarray(np.bincount(self.crossing, values, count), np.float64)


def sum_terms(setting: Setting, block: Crossings) -> Sums:
    """Sum the terms of each crossing; crossings that miss the detector are left out."""
    scene, count, lookup = setting.scene, len(block.hkl), setting.lookup
    terms = _terms(setting, block)
    amplitude = lookup.amplitudes(block.hkl) if lookup.one else None
    squared = _amplitudes(setting, block, terms, amplitude) ** 2
    lit = terms.weight * terms.area * _polarization(setting, terms)
    lit *= (scene.sources.wavelengths**2).take(terms.source)
    toward = [terms.sums(count, lit * squared * component) for component in terms.ray.T]
    panel = scene.geometry.first_panel(np.stack(toward, axis=1))
    met = np.flatnonzero(panel.take(terms.crossing) >= 0)
    terms, squared, lit = _Terms._make(column.take(met, axis=0) for column in terms), squared.take(met), lit.take(met)
    on: PanelIndex = panel.take(terms.crossing) if len(scene.geometry) > 1 else 0
    place = mean_position(scene, terms.ray, on)
    lit *= absorbed_fraction(scene, terms.ray, on) * solid_angle_ratio(scene, on, place)
    lit *= passed_fraction(scene, terms.ray)
    lost = np.isnan(place[:, 0])
    place[lost], lit[lost] = 0.0, 0.0
    seen, weight = lit * squared, terms.weight
    bright, slow, fast, lit_sum, weight_sum, area, largest = (
        terms.sums(count, values)
        for values in (seen, *(seen * place.T), lit, weight, weight * terms.area, weight * terms.largest)
    )
    row = np.flatnonzero(bright > 0)
    bright = bright[row]
    per_term = 1.0 / (scene.phi.count * scene.domains)
    return Sums(
        row, panel[row], np.stack([slow[row], fast[row]], axis=1) / bright[:, np.newaxis],
        bright * (R_E_SQR * scene.fluence * scene.blocks * per_term),
        np.sqrt(bright / lit_sum[row]) if amplitude is None else amplitude[row],
        area[row] * per_term, largest[row] / weight_sum[row],
    )  # fmt: skip


def _terms(setting: Setting, block: Crossings) -> _Terms:
    """Return the terms (orientation and source) of the crossings that are within the shape's reach."""
    scene, shape, sources = setting.scene, setting.shape, setting.scene.sources
    (crossing, orientation, source), ray, area, largest = spot_terms(
        *shape.blocks, smeared_metric(scene, block.hkl), np.ascontiguousarray(block.hkl, np.float64),
        block.first, block.last, setting.stars, scene.domains, setting.waves,
        np.asarray(1.0 / sources.wavelengths, np.float64), largest_reach(shape, setting.stars[0]),
    )  # fmt: skip
    weight = sources.weights[source]
    if scene.shares is not None:
        weight = weight * scene.shares[orientation]
    return _Terms(crossing, source, weight, ray, area, largest)


def _amplitudes(setting: Setting, block: Crossings, terms: _Terms, of_crossing: FloatArray | None) -> FloatArray:
    """Return F of every term; that of its crossing where it depends on the reflection only."""
    if of_crossing is not None:
        return of_crossing.take(terms.crossing)
    lookup = setting.lookup
    return lookup.amplitudes(block.hkl[terms.crossing], lookup.of_source[terms.source])


def _polarization(setting: Setting, terms: _Terms) -> FloatArray:
    scene, beam, directions = setting.scene, setting.scene.config.beam, setting.scene.sources.directions
    if not beam.polarized:
        return np.ones(len(terms.source))
    axis = np.broadcast_to(scene.polarization_axis, directions.shape).copy()
    near = np.flatnonzero(np.abs(dots(axis, directions)) > 0.999)
    if len(near):  # along the beam only if it is not polarized, where any axis is valid
        along = near[np.linalg.norm(np.cross(axis[near], directions[near]), axis=1) < 1e-9]
        axis[along] = np.eye(3)[np.abs(directions[along]).argmin(axis=1)]
    kahn = np.full(len(axis), beam.kahn_factor)
    return np.asarray(polarization(kahn, setting.waves, terms.ray, axis, terms.source))
