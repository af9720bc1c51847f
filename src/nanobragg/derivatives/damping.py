"""How the amplitudes of all reflections change with the parameters of radiation damage and of diffuse scattering."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..config.damage import longest_s, reflections_to_damp, with_amplitudes
from ..config.structure_factors import StructureFactors
from ..geometry import FloatArray
from ..scene.halos import exponents, halo_factor, scaled, spot_factor
from ..scene.scene import Scene
from ..scene.scene_data import SceneData
from ..structure_factors.symmetry import IndexArray, reflection_keys
from .cells import lattice_strains
from .damage import b_slopes, delta_b
from .halos import halo_slopes
from .names import CELL


class Shares(NamedTuple):
    """Derivatives of F², as shares of it: of the spot and the halos of every reflection, and of what is not listed."""

    spots: FloatArray
    halos: list[FloatArray]
    rest: float

    @property
    def largest(self) -> float:
        """The largest magnitude."""
        return float(max(np.abs(each).max(initial=0.0) for each in (self.spots, *self.halos, np.array([self.rest]))))


def amplitude_changes(scene: Scene, name: str) -> list[tuple[float, Scene]]:
    """Return factors and scenes whose images add up to the derivative by a parameter through the amplitudes.

    An image is a quadratic function of the amplitudes, however they are looked up between reflections. With r the
    derivatives of F² as shares of it, and m the largest |r|, the derivative of the image is m/4 times the difference
    of the images of F·(1 + r/m) and F·(1 - r/m).

    Returns
    -------
    list
        Empty if no amplitude changes.
    """
    if not changes_amplitudes(scene, name):
        return []
    longest, factors = longest_s(scene.undamaged), scene.undisplaced
    indices, amplitudes = reflections_to_damp(factors, star_before(scene), longest)
    shares = _shares(scene, name, indices, longest)
    if len(indices) == 0 or shares.largest == 0:
        return []
    found = []
    for sign in (1.0, -1.0):
        spots, *halos = (1.0 + sign / shares.largest * each for each in (shares.spots, *shares.halos))
        if scene.halos:
            changed = scene.changed(
                spot_factors=scaled(factors, spot_factor(scene.halos, indices) * spots**2),
                halo_factors=tuple(
                    scaled(factors, halo_factor(halo, indices) * each**2)
                    for halo, each in zip(scene.halos, halos, strict=True)
                ),
            )
        else:
            rest = factors.default_F * (1.0 + sign / shares.largest * shares.rest)
            changed = _listed(scene, with_amplitudes(factors, indices, amplitudes * spots, rest))
        found.append((sign * shares.largest / 4.0, changed))
    return found


def changes_amplitudes(scene: SceneData, name: str) -> bool:
    """Return whether the amplitudes of all reflections change with a parameter."""
    return name in b_slopes(scene) or (name in CELL and delta_b(scene) > 0) or name in halo_slopes(scene)


def star_before(scene: SceneData) -> FloatArray:
    """Return a*, b*, c* (rows, Å⁻¹) of a scene's crystal before its dose."""
    return scene.lattice.reciprocal * scene.growth


def squared_lengths(scene: SceneData, indices: IndexArray) -> FloatArray:
    """Return 1/d² (Å⁻²) of reflections (n, 3) in the cell before the dose."""
    star = star_before(scene)
    return exponents(indices, star @ star.T)


def _listed(scene: Scene, factors: StructureFactors) -> Scene:
    """Return a scene with a list of amplitudes, also if it has one amplitude for all reflections."""
    changed = scene.changed(spot_factors=factors, table=factors.limits)
    if scene.lookup == "constant":
        changed.lookup = changed.choose_lookup()
    return changed


def _shares(scene: SceneData, name: str, indices: IndexArray, longest: float) -> Shares:
    """Return the derivatives of F² of listed reflections (n, 3), and of the rest, as shares of it."""
    damped, rest = _damped(scene, name, indices, longest)
    slope = halo_slopes(scene).get(name)
    if slope is None:
        return Shares(damped, [damped] * len(scene.halos), rest)
    spots, halos = np.zeros(len(indices)), []
    for halo, matrix in zip(scene.halos, slope.exponents, strict=True):
        x, change = exponents(indices, halo.exponent), exponents(indices, matrix)
        spots -= halo.share * np.exp(-x) * change
        halos.append(damped + (1.0 - x) * np.divide(change, x, out=np.zeros(len(x)), where=x > 0))
    return Shares(damped + spots / spot_factor(scene.halos, indices), halos, rest)


def _damped(scene: SceneData, name: str, indices: IndexArray, longest: float) -> tuple[FloatArray, float]:
    """Return the derivatives of ln F² = -ΔB/2d² of listed reflections, and of those beyond the longest of a dose."""
    slope = b_slopes(scene).get(name, 0.0)
    found, rest = -0.5 * slope * squared_lengths(scene, indices), -0.5 * slope * longest**2
    if name in CELL:
        star = star_before(scene)
        found += delta_b(scene) * exponents(indices, star @ star.T @ lattice_strains(scene)[name])
    return np.where(beyond(scene, indices, longest), rest, found), rest


def beyond(scene: SceneData, indices: IndexArray, longest: float) -> npt.NDArray[np.bool_]:
    """Return which reflections (n, 3) are damped as the longest one: those that a Config does not list, further out."""
    factors = scene.undamaged.structure_factors
    far = squared_lengths(scene, indices) > longest**2
    if factors.listing is None or not far.any():
        return far
    return np.asarray(far & ~np.isin(reflection_keys(indices), reflection_keys(factors.listing[0])))
