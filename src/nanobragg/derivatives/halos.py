"""How diffuse halos change with the parameters of a crystal (docs/derivatives.md, Diffuse scattering)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .._core import CRYSTAL
from ..config.crystal import Lattice
from ..config.diffuse import Diffuse, Kind
from ..geometry import FloatArray
from ..scene.halos import halo_peak, halo_rotations, same_forms, turned_forms
from ..scene.quadratic_form import form_of
from ..scene.scene_data import SceneData
from .cells import lattice_strains, strained
from .names import CORRELATIONS, DISPLACEMENTS

STEP = 1e-5  # relative change for central differences, which are then good to 1e-9 of these smooth functions
NAMES: dict[Kind, tuple[str, tuple[str, str, str]]] = {  # of one number, and of three
    "correlation_length_A": ("correlation_length", CORRELATIONS),
    "displacement_A": ("displacement", DISPLACEMENTS),
}


class HaloSlope(NamedTuple):
    """Derivatives of the halos of a scene by a parameter.

    Attributes
    ----------
    crystals
        Of the kernel's crystal of each halo, an array of CRYSTAL.
    exponents : ndarray, shape (halos, 3, 3)
        Of the matrices of the exponents.
    """

    crystals: tuple[npt.NDArray[np.void], ...]
    exponents: FloatArray


def widths(diffuse: Diffuse) -> dict[str, float]:
    """Return the parameters of diffuse scattering, with their values."""
    found: dict[str, float] = {}
    for field, (one, three) in NAMES.items():
        value = getattr(diffuse, field)
        found |= dict(zip(three, value, strict=True)) if isinstance(value, tuple) else {one: value}
    return found


def with_changed_widths(diffuse: Diffuse, changes: dict[str, float]) -> Diffuse:
    """Return diffuse scattering with parameters changed by the given amounts."""
    fields: dict[Kind, float | tuple[float, ...]] = {}
    for field, (one, three) in NAMES.items():
        value = getattr(diffuse, field)
        if isinstance(value, tuple):
            fields[field] = tuple(x + changes.get(name, 0.0) for x, name in zip(value, three, strict=True))
        else:
            fields[field] = value + changes.get(one, 0.0)
    return diffuse.replace(**fields)


def halo_slopes(scene: SceneData) -> dict[str, HaloSlope]:
    """Return the derivatives of a scene's halos by every parameter that they depend on; empty without halos.

    With the cell they change in index space, and with the exponents amplitudes change (damping.py): primitives and
    images of changed amplitudes hold the rest of these derivatives.
    """
    diffuse = scene.config.crystal.diffuse
    if diffuse is None:
        return {}
    slopes = {}
    for name, strain in lattice_strains(scene).items():
        step = STEP / float(np.abs(strain).max())
        after, before = (strained(scene.lattice, change * strain) for change in (step, -step))
        slopes[name] = _difference(scene, (diffuse, after), (diffuse, before), step)
    for name, value in widths(diffuse).items():
        step = STEP * value
        higher, lower = (with_changed_widths(diffuse, {name: change}) for change in (step, -step))
        slopes[name] = _difference(scene, (higher, scene.lattice), (lower, scene.lattice), step)
    return slopes


def halos_of_block(scene: SceneData, block: npt.NDArray[np.void]) -> tuple[npt.NDArray[np.void], ...]:
    """Return the derivatives of the halos' crystals with that of the block, whose cells all of them scatter from."""
    slopes = []
    for halo in scene.halos:
        slope = np.zeros(1, CRYSTAL)
        slope["cells"] = 0.5 * np.sqrt(halo.share * halo.peak) * block["cells"] / scene.cells_per_block
        slopes.append(slope)
    return tuple(slopes)


def _difference(
    scene: SceneData, after: tuple[Diffuse, Lattice], before: tuple[Diffuse, Lattice], step: float
) -> HaloSlope:
    """Return central differences of the halos; those that rotations make alike change by the mean of their changes."""
    diffuse = scene.config.crystal.diffuse
    assert diffuse is not None
    rotations = halo_rotations(diffuse, scene.lattice)
    by_rotation = (turned_forms(*after, rotations) - turned_forms(*before, rotations)) / (2 * step)
    peaks = [np.log(halo_peak(*each, scene.cells_per_block)) for each in (after, before)]
    crystals, matrices = [], []
    for halo, group in zip(scene.halos, same_forms(turned_forms(diffuse, scene.lattice, rotations)), strict=True):
        radius, exponent = by_rotation[group].mean(axis=0)
        slope = np.zeros(1, CRYSTAL)
        slope["metric"] = form_of(radius)
        slope["cells"] = 0.5 * np.sqrt(halo.share * halo.peak) * (peaks[0] - peaks[1]) / (2 * step)
        crystals.append(slope)
        matrices.append(exponent)
    return HaloSlope(tuple(crystals), np.array(matrices))
