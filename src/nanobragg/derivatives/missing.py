"""Upper bounds of what derivatives miss where terms are left out (docs/derivatives.md, Terms left out)."""

from __future__ import annotations

import numpy as np

from .._gradient import COUNT, PLACES
from ..geometry import FloatArray
from ..scene.scene import Scene
from ..scene.smear import EXPONENTS
from .domains import domain_passes
from .mosaic import domain_spins
from .sources import source_motions

LARGEST_EXPONENT = 746.0  # beyond which an exponential is 0
CUBIC_SLOPE = 3.2  # |F|² of an interpolated amplitude by a step of its table, over the bound of |F|²


def primitive_bounds(scene: Scene, photons: float) -> FloatArray:
    """Return the most that primitives miss in a pixel that misses at most some photons, shape (panels, primitives).

    Parameters
    ----------
    scene
        The scene.
    photons
        Sum of the bounds of the terms that are left out.
    """
    passes = domain_passes(scene)
    bounds = np.zeros((len(scene.geometry), COUNT + len(passes)))
    if photons == 0:
        return bounds
    by_index, by_cells = _slopes(scene)
    edges = np.linalg.norm(scene.lattice.direct, axis=1)
    shortest, reach = float(scene.sources.wavelengths.min()), np.array(scene.reach, np.float64) + 1.0
    largest_q = 2.0 / shortest
    motions = source_motions(scene, *scene.sources[:2])
    by_direction = float(by_index @ edges) / shortest
    kahn = scene.config.beam.kahn_factor if scene.config.beam.polarized else 0.0
    with np.errstate(divide="ignore"):
        per_factor = float(1.0 / np.float64(_least_polarization(scene, kahn))) if scene.config.beam.polarized else 0.0
    bounds[:, PLACES["total"]] = 1.0
    strain = by_index[:, np.newaxis] * reach
    if scene.config.crystal.shape == "gauss_star":  # whose radius follows the cell
        strain = strain + by_index[:, np.newaxis] + np.eye(3) * LARGEST_EXPONENT * 2 / 3
    bounds[:, PLACES["strain"] : PLACES["strain"] + 9] = strain.ravel()
    bounds[:, PLACES["cells"] : PLACES["cells"] + 3] = by_cells
    spins = domain_spins(scene)
    if spins is not None:
        turn = float(np.linalg.norm(spins, axis=1).max())
        bounds[:, PLACES["spread"]] = turn * float(by_index @ edges) * largest_q
    for row, each in enumerate(passes.values()):
        if each.moves is not None:
            change = np.linalg.norm(each.moves.reshape(-1, 3, 3), axis=2).max(axis=0) * 1e10
            bounds[:, COUNT + row] = float(by_index @ change) * largest_q
    bounds[:, PLACES["wave_slope"]] = float(np.abs(motions["slope"]).max()) * np.trace(strain)
    bounds[:, PLACES["turn"] : PLACES["turn"] + 2] = by_direction + (1.0 + 2.0 * abs(kahn)) * per_factor
    bounds[:, PLACES["kahn"]] = 0.5 * per_factor
    _bound_motions(scene, by_direction + max(1.0, abs(kahn)) * per_factor, bounds)
    return bounds * photons


def missing_at_most(factors: FloatArray, bounds: FloatArray) -> FloatArray:
    """Return the most that sums of primitives miss, from `factors`, shape (panels, n, primitives), and bounds."""
    with np.errstate(invalid="ignore"):
        terms = np.where(factors != 0, np.abs(factors) * bounds[:, np.newaxis], 0.0)
    return np.asarray(terms.sum(axis=2).max(axis=0))


def _slopes(scene: Scene) -> tuple[FloatArray, FloatArray]:
    """Return the largest derivatives of a term by the index and by the numbers of cells, over its bound."""
    shape, n = scene.config.crystal.shape, np.array(scene.n_cells, np.float64)
    crystal = scene.core("float64").parameters["crystal"]
    metric = crystal["metric"][0]
    steep = np.sqrt(metric[:3])
    if shape == "square":
        by_index, by_cells = 4 * np.pi * n, np.full(3, 5.0)
    elif shape == "round":
        farthest = 0.5 * np.sqrt(np.abs(metric).sum())
        by_index, by_cells = 9.0 * steep, (2.0 + 9.0 * farthest) / n
    elif shape == "tophat":
        by_index, by_cells = np.zeros(3), 2.0 / n
    else:
        inverse = np.abs(crystal["inverse_n"][0][:3])
        by_index = 2.0 * np.sqrt(EXPONENTS[shape] * LARGEST_EXPONENT) * steep
        by_cells = inverse * (2.0 + 2.0 / 3.0 * LARGEST_EXPONENT)
        if shape == "gauss":  # offsets are at most 1/2
            fudge = metric[:3].sum() / float((n**2).sum() + 2.0 * np.square(scene.config.crystal.n_cells_off).sum())
            by_cells = 2.0 * inverse + np.sqrt(EXPONENTS[shape] * LARGEST_EXPONENT * fudge)
    steps = scene.core("float64").parameters["table_steps"][0] if scene.lookup in ("tricubic", "phased") else 0
    return by_index + CUBIC_SLOPE * steps, by_cells


def _least_polarization(scene: Scene, kahn: float) -> float:
    """Return a lower bound of the polarization factor on the detector; 0 where it can vanish."""
    corners = scene.geometry.corners.reshape(-1, 3)
    cosine = float((corners @ scene.sources.directions.T).min())
    if cosine <= 0:
        return max(0.5 * (1.0 - abs(kahn)), 0.0)
    return max(0.5 * (1.0 + cosine**2 - abs(kahn) * (1.0 - cosine**2)), 0.0)


def _bound_motions(scene: Scene, by_direction: float, bounds: FloatArray) -> None:
    """Fill in the bounds of the primitives of motions, from that of the derivative by the direction of a ray."""
    geometry = scene.geometry
    slow, fast = geometry.size
    every = np.arange(len(geometry))[:, np.newaxis, np.newaxis]
    corners = geometry.positions(np.array([[0.0], [slow]]), np.array([0.0, fast]), every)
    nearest = geometry.distance if geometry.curved else np.abs(geometry.close_distance)
    by_rho = np.zeros(len(geometry))
    if scene.sensor.range > 0:
        rho = np.abs((geometry.corners * geometry.normal[:, np.newaxis, np.newaxis]).sum(axis=-1)).min(axis=(1, 2))
        by_rho = (scene.sensor.count * scene.sensor.step * scene.attenuation / rho + 1.0) / rho
    force = (by_direction + by_rho + 3.0) / nearest
    lever = np.linalg.norm(corners - geometry.origin[:, np.newaxis, np.newaxis], axis=-1).max(axis=(1, 2))
    if geometry.curved:  # a point moves as two angles and the axes of bending do
        far = np.linalg.norm(geometry.origin, axis=1) + 20.0 * geometry.distance
        bounds[:, PLACES["bend"]] = force * (1.0 + 2.0 * far / geometry.distance)
        lever, force = lever + far, 3.0 * force
    bounds[:, PLACES["force"] : PLACES["force"] + 3] = force[:, np.newaxis]
    bounds[:, PLACES["torque"] : PLACES["torque"] + 3] = (force * lever + by_rho)[:, np.newaxis]
