"""The listed domains of a crystal: their weights, their rotations, and the image of one of them."""

from __future__ import annotations

import numpy as np

from ..config.domains import Domains, crystal_axes
from ..constants import RADIAN_IN_DEGREES
from ..geometry import FloatArray
from ..scene.scene import Scene
from ..scene.scene_data import SceneData
from .cells import rotation_strain
from .mosaic import left_jacobian
from .names import rotation_of


def domain_weights(scene: SceneData) -> FloatArray:
    """Return the weights of the listed domains of a crystal as they were given, or 1 for each; empty without a list."""
    crystal = scene.config.crystal
    if crystal.mosaic_rotations_deg is None:
        return np.zeros(0)
    weights = crystal.mosaic_weights
    return np.ones(len(crystal.mosaic_rotations_deg)) if weights is None else weights


def domain_alone(scene: Scene, number: int) -> Scene:
    """Return a scene whose crystal is one of its domains."""
    rotations, strains, _, turning = scene.domain_list
    one = slice(number, number + 1)
    domain = Domains(rotations[one], None if strains is None else strains[one], None, turning)
    cells = np.ascontiguousarray(scene.cells[number :: scene.domains])
    return scene.changed(domains=1, domain_list=domain, mosaic_rotations=domain.rotations, cells=cells)


def rotation_changes(scene: Scene, name: str) -> list[tuple[float, Scene, FloatArray]]:
    """Return a factor, the scene of one domain, and how its indices change per degree of a component of its rotation
    vector; empty for another parameter.

    The component about one of the crystal's own axes changes the rotation by the left Jacobian of the rotation group.
    """
    found = rotation_of(name)
    if found is None:
        return []
    number, axis = found
    given = scene.config.crystal.mosaic_rotations_deg
    assert given is not None  # see parameters.py
    vectors = given[number : number + 1] / RADIAN_IN_DEGREES
    spin = left_jacobian(vectors, np.eye(3)[axis : axis + 1] / RADIAN_IN_DEGREES) @ crystal_axes(scene.lattice)
    direct = scene.lattice.direct
    if scene.domain_list.strains is not None:
        direct = direct + direct @ scene.domain_list.strains[number]
    turned = direct @ scene.domain_list.rotations[number].T
    weights = domain_weights(scene)
    return [(float(weights[number] / weights.sum()), domain_alone(scene, number), rotation_strain(turned, spin[0]))]
