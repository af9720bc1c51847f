"""Parameters of domains that need a pass over the terms of their own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .._functions import SHAPES
from ..config.domains import crystal_axes
from ..constants import RADIAN_IN_DEGREES
from ..geometry import FloatArray, rotate_by_each
from ..scene.scene_data import SceneData
from .halos import HaloSlope, halo_slopes
from .mosaic import rotation_vectors
from .names import SPREADS
from .smear import smear_slopes


class Pass(NamedTuple):
    """What a pass over the terms applies; one of the four.

    Attributes
    ----------
    spins
        Rotation of every orientation, rad per unit.
    shares
        Weight of every domain, for the trace of v h of its terms.
    smear
        Derivative of the smear of the spots, an array of SMEAR.
    halos
        Derivatives of the halos.
    """

    spins: FloatArray | None = None
    shares: FloatArray | None = None
    smear: npt.NDArray[np.void] | None = None
    halos: HaloSlope | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the pass makes all of the derivative; otherwise primitives make the rest."""
        return self.smear is None and self.halos is None


def domain_passes(scene: SceneData) -> dict[str, Pass]:
    """Return the passes of a scene by the parameter that each is for.

    * Domains that turn with the crystal: `phi_start`, a rotation about the spindle outside the domains.
    * Three spreads: `mosaic_a`, `mosaic_b`, `mosaic_c`. The component of each domain's rotation vector about an axis
      is proportional to its spread; with J the left Jacobian of the rotation group, a change dv of a rotation vector v
      turns the domain by J(v) dv.
    * One strain: `strain`. The cell vectors of a domain are proportional to 1 + e, so that the index changes by
      h de/(1 + e).
    * Smeared spots: their widths, and, besides what the primitives hold, the cell and the numbers of cells.
    * Diffuse halos: their widths, and, besides what the primitives hold, the cell.
    """
    domains, crystal = scene.domain_list, scene.config.crystal
    passes = {name: Pass(halos=slope) for name, slope in halo_slopes(scene).items()}
    if scene.smear is not None:
        return {name: Pass(smear=slope) for name, slope in smear_slopes(scene).items()}
    if scene.domains == 1:
        return passes
    if domains.turning:
        spindle = scene.spindle_axis / RADIAN_IN_DEGREES
        passes["phi_start"] = Pass(spins=np.ascontiguousarray(np.tile(spindle, (len(scene.cells), 1))))
    if isinstance(crystal.mosaic_spread_deg, tuple):
        for axis, (name, spread) in enumerate(zip(SPREADS, crystal.mosaic_spread_deg, strict=True)):
            if spread > 0:
                passes[name] = Pass(spins=_spins(scene, axis, spread))
    strain = crystal.strain_percent
    if domains.strains is not None and not isinstance(strain, tuple) and not SHAPES[crystal.shape].follows_cell:
        own = domains.strains[:, 0, 0]
        shares = np.ones(scene.domains) if domains.shares is None else domains.shares
        passes["strain"] = Pass(shares=shares * own / (strain * (1.0 + own)))
    return passes


def own_vectors(scene: SceneData) -> FloatArray:
    """Return the rotation vectors (radians) of the domains about the crystal's own axes."""
    axes = crystal_axes(scene.lattice)
    return rotation_vectors(axes @ scene.mosaic_rotations @ axes.T)


def _spins(scene: SceneData, axis: int, spread: float) -> FloatArray:
    """Return the rotation of every orientation in the lab per degree of a spread."""
    vectors = own_vectors(scene)
    change = np.zeros_like(vectors)
    change[:, axis] = vectors[:, axis] / spread
    at_zero = _left_jacobian(vectors, change) @ crystal_axes(scene.lattice)
    turned = rotate_by_each(at_zero, scene.spindle_axis, scene.phi_angles.tolist())
    return np.ascontiguousarray(turned.reshape(-1, 3))


def _left_jacobian(vectors: FloatArray, changes: FloatArray) -> FloatArray:
    """Return the rotations that lead from those of `vectors` to those of `vectors + changes`, to first order."""
    square = (vectors**2).sum(axis=1, keepdims=True)
    angle = np.sqrt(square)
    safe = np.where(angle > 1e-3, angle, 1.0)
    first = np.where(angle > 1e-3, (1.0 - np.cos(safe)) / safe**2, 0.5 - square / 24.0)
    second = np.where(angle > 1e-3, (safe - np.sin(safe)) / safe**3, 1.0 / 6.0 - square / 120.0)
    across = np.cross(vectors, changes)
    return np.asarray(changes + first * across + second * np.cross(vectors, across))
