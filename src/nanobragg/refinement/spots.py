"""A start from spots: orientation, cell and distance that put the spots of an image on whole Miller indices."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..derivatives.cells import cell_strains, crystal_cell, rotation_strain
from ..derivatives.groups import Groups
from ..derivatives.lattices import crystals_of
from ..derivatives.names import CELL, ROTATIONS
from ..geometry import FloatArray, rotate_about
from ..scene.scene import Scene
from .degrees import Degree
from .fit import moved_scene

SMOOTHING, SURROUNDINGS = 1.0, 31  # pixels: σ of the filter that finds spots, and width of that of the background
SIGNIFICANCE = 6.0
FEWEST_SPOTS, MOST_SPOTS = 8, 2000
LARGEST_INDICES, ITERATIONS = (12, 25, 50, 1000), 4
TOLERANCE, OUTLIER = 0.35, 0.1  # of an index
NEARER = 1.05  # a spot is of the lattice whose indices are nearest to whole ones; of several that are about as near
SMALL_STEP = 1e-4  # of how far a start may be off
TRUST = {
    "rot": 0.02,
    "cell": 0.01,
    "distance": 1.0,
}  # rad, of a length or of 90 degrees, mm: how far a start may be off
log = logging.getLogger(__name__)


class FoundSpots(NamedTuple):
    """Centroids of strong spots: panel, and position in pixels from the outer corner of the panel's first pixel."""

    panel: npt.NDArray[np.int64]
    slow: FloatArray
    fast: FloatArray
    photons: FloatArray


def find_spots(scene: Scene, data: FloatArray, valid: npt.NDArray[np.bool_]) -> FoundSpots:
    """Return the strong spots of an image; pixels that are not `valid` are left out."""
    shape = (len(scene.geometry), *scene.geometry.size)
    panels = zip(data.reshape(shape), valid.reshape(shape), strict=True)
    found = [_panel_spots(np.where(good, image, np.nan), number) for number, (image, good) in enumerate(panels)]
    panel, slow, fast, photons = (np.concatenate(part) for part in zip(*found, strict=True))
    strongest = np.argsort(-photons, kind="stable")[:MOST_SPOTS]
    log.info("%d spots found for the start", len(strongest))
    return FoundSpots(panel[strongest], slow[strongest], fast[strongest], photons[strongest])


def _panel_spots(image: FloatArray, number: int) -> tuple[npt.NDArray[np.int64], FloatArray, FloatArray, FloatArray]:
    from scipy import ndimage

    known = np.isfinite(image)
    level = local_level(image, known)
    excess = np.where(known, image - level, 0.0)
    smooth = ndimage.gaussian_filter(excess, SMOOTHING)
    deviation = np.sqrt(np.maximum(level, 0.02) / (4 * np.pi * SMOOTHING**2))
    labels, count = ndimage.label(smooth > SIGNIFICANCE * deviation)
    if not count:
        nothing = np.empty(0)
        return np.empty(0, np.int64), nothing, nothing, nothing
    weights = np.maximum(excess, 0.0)
    which = np.arange(1, count + 1)
    photons = ndimage.sum_labels(excess, labels, which)
    size = ndimage.sum_labels(known, labels, which)
    good = (photons > 0) & (size > 1)
    middles = np.array(ndimage.center_of_mass(weights, labels, which[good])).reshape(-1, 2) + 0.5
    return np.full(good.sum(), number), middles[:, 0], middles[:, 1], photons[good]


def local_level(image: FloatArray, known: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the local mean of the background, without pixels far above it."""
    from scipy import ndimage

    use = known.copy()
    level = np.zeros(image.shape)
    for _ in range(3):
        weight = ndimage.uniform_filter(use.astype(np.float64), SURROUNDINGS)
        total = ndimage.uniform_filter(np.where(use, image, 0.0), SURROUNDINGS)
        level = np.where(weight > 1e-9, total / np.maximum(weight, 1e-9), 0.0)
        use = known & (np.where(known, image, 0.0) < level + 3.0 * np.sqrt(np.maximum(level, 1.0)))
    return level


def start_from_spots(scene: Scene, spots: FoundSpots, degrees: list[Degree], groups: Groups | None) -> Scene:
    """Return a scene whose orientation, cell and distance fit the spots of a still, as far as they are refined.

    The index h = A·q of every spot is drawn to the whole numbers next to it by least squares. Spots of low index, whose
    reflections are certain, come first. With several crystals, each is fitted to the spots that are not nearer to whole
    indices of another lattice, at the distance as it is.
    """
    for number, crystal in enumerate(crystals_of(scene)):
        names = {crystal.prefix + name for name in (*ROTATIONS, *CELL)} | (set() if crystal.prefix else {"distance"})
        free = [degree for degree in degrees if degree.parameters and set(degree.parameters) <= names]  # no offset
        if scene.phi.count == 1 and any(degree.name.removeprefix(crystal.prefix) in ROTATIONS for degree in free):
            scene = _fitted(scene, number, spots, free, groups)
    return scene


def _fitted(scene: Scene, number: int, spots: FoundSpots, degrees: list[Degree], groups: Groups | None) -> Scene:
    """Return a scene with one crystal fitted to spots."""
    prefix = crystals_of(scene)[number].prefix
    own = [
        degree._replace(
            name=degree.name.removeprefix(prefix),
            parameters={name.removeprefix(prefix): factor for name, factor in degree.parameters.items()},
        )
        for degree in degrees
    ]
    trust = np.array([_trust(degree) for degree in own])
    for largest in LARGEST_INDICES:
        for _ in range(ITERATIONS):
            lattice = crystals_of(scene)[number].lattices[0]
            others = [other for other in scene.lattices if other is not lattice]
            step = _step(lattice, others, spots, own, trust, largest)
            if step is None or np.abs(step / trust).max() < SMALL_STEP:
                break
            changes: dict[str, float] = {}
            for degree, value in zip(degrees, step.tolist(), strict=True):
                for name, factor in degree.parameters.items():
                    changes[name] = changes.get(name, 0.0) + factor * value
            scene = moved_scene(scene, changes, groups)
    return scene


def _step(
    scene: Scene, others: list[Scene], spots: FoundSpots, degrees: list[Degree], trust: FloatArray, largest: int
) -> FloatArray | None:
    """Return a Gauss-Newton step of the parameters of a lattice; None if too few spots have whole indices."""
    geometry = scene.geometry
    rays = geometry.positions(spots.slow, spots.fast, spots.panel)
    distance = np.linalg.norm(rays, axis=1, keepdims=True)
    directions = rays / distance
    weights = scene.sources.weights[:, np.newaxis]
    beam, wavelength = (
        (weights * scene.sources.directions).sum(axis=0),
        float(scene.sources.weights @ scene.sources.wavelengths),
    )
    q = (directions - beam) / wavelength
    direct, index, offset = _indices(scene, q)
    use = (np.abs(offset).max(axis=1) < TOLERANCE) & (np.abs(index).max(axis=1) < largest)
    use &= np.abs(np.round(index)).max(axis=1) > 0
    for other in others:
        use &= np.linalg.norm(offset, axis=1) <= NEARER * np.linalg.norm(_indices(other, q)[2], axis=1)
    if use.sum() < FEWEST_SPOTS:
        return None
    lab = rotate_about(np.eye(3), scene.spindle_axis, float(scene.phi_angles[0]))
    strains = dict(zip(CELL, cell_strains(crystal_cell(scene)), strict=True))
    strains |= {name: rotation_strain(direct, axis) for name, axis in zip(ROTATIONS, lab, strict=True)}
    columns = []
    for degree in degrees:
        column = np.zeros_like(index)
        for name, factor in degree.parameters.items():
            if name == "distance":
                moved = scene.beam_direction - directions * (directions @ scene.beam_direction)[:, np.newaxis]
                column += factor * 1e-3 * (moved / distance / wavelength) @ direct.T
            else:
                column += factor * index @ strains[name].T
        columns.append(column)
    return _solve(np.array(columns)[:, use], offset[use], trust)


def _indices(scene: Scene, q: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return a, b, c of a lattice, and the indices of scattering vectors with their offsets from whole numbers."""
    direct = rotate_about(scene.lattice.direct, scene.spindle_axis, float(scene.phi_angles[0])) * 1e-10
    index = q @ direct.T
    return direct, index, index - np.round(index)


def _trust(degree: Degree) -> float:
    if degree.name in ROTATIONS:
        return TRUST["rot"]
    return TRUST["distance"] if degree.name == "distance" else TRUST["cell"] * degree.start


def _solve(columns: FloatArray, offset: FloatArray, trust: FloatArray) -> FloatArray:
    """Return the step that minimises the offsets (spots, 3), outliers down-weighted, with priors of width `trust`."""
    size = np.linalg.norm(offset, axis=1)
    weight = np.minimum(1.0, OUTLIER / np.maximum(size, 1e-12)) / OUTLIER**2
    weighted = columns * weight[:, np.newaxis]
    matrix = np.einsum("isx,jsx->ij", weighted, columns) + np.diag(1.0 / trust**2)
    step = np.linalg.solve(matrix, -np.einsum("isx,sx->i", weighted, offset))
    return np.clip(step, -trust, trust)
