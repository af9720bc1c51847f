"""Parameters of domains that need a pass over the terms of their own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .._core import CRYSTAL
from .._functions import block_of
from ..config.domains import STRAINS, crystal_axes
from ..constants import RADIAN_IN_DEGREES
from ..geometry import FloatArray, rotate_by_each
from ..scene.quadratic_form import radius_metric
from ..scene.scene_data import SceneData
from .halos import HaloSlope, halo_slopes
from .mosaic import left_jacobian, rotation_vectors
from .names import COUNTS_OFF, SPREADS, STRAIN_NAMES
from .smear import smear_slopes

STEP = 1e-5  # relative change for central differences, of polynomials of the second degree


class Pass(NamedTuple):
    """A change that one pass over the terms differentiates by; exactly one attribute is set.

    Attributes
    ----------
    moves : ndarray, shape (orientations, 9)
        Derivative of the cell vectors of every orientation, m per unit.
    smear
        Derivative of the smear of the spots, an array of SMEAR.
    halos
        Derivatives of the halos.
    block
        Derivative of the block, an array of CRYSTAL.
    """

    moves: FloatArray | None = None
    smear: npt.NDArray[np.void] | None = None
    halos: HaloSlope | None = None
    block: npt.NDArray[np.void] | None = None

    @property
    def is_whole(self) -> bool:
        """True if the pass gives the whole derivative; if False, the primitives add the rest."""
        return self.smear is None and self.halos is None


def domain_passes(scene: SceneData) -> dict[str, Pass]:
    """Return the passes of a scene by the parameter that each is for.

    * Domains that turn with the crystal: `phi_start`, a rotation about the spindle outside the domains.
    * Three spreads: `mosaic_a`, `mosaic_b`, `mosaic_c`. The component of each domain's rotation vector about an axis
      is proportional to its spread; with J the left Jacobian of the rotation group, a change dv of a rotation vector v
      turns the domain by J(v) dv.
    * Strain: `strain`, or `strain_11` …. The components of each domain's strain are proportional to these numbers.
    * Off-diagonal numbers of cells of a general block: `n_ab`, `n_bc`, `n_ac`.
    * Smeared spots: their widths, and, besides what the primitives hold, the cell, its growth by radiation damage, and
      the numbers of cells.
    * Diffuse halos: their widths, the cell and its growth, besides what the primitives and changes of amplitudes hold.
    """
    crystal = scene.config.crystal
    passes = {name: Pass(halos=slope) for name, slope in halo_slopes(scene).items()}
    if scene.smear is not None:
        return {name: Pass(smear=slope) for name, slope in smear_slopes(scene).items()}
    passes |= {name: Pass(block=slope) for name, slope in block_slopes(scene).items()}
    if scene.domains == 1:
        return passes
    if scene.domain_list.turning:
        spindle = np.tile(scene.spindle_axis / RADIAN_IN_DEGREES, (len(scene.cells), 1))
        passes["phi_start"] = Pass(moves=_turned(scene, spindle))
    if isinstance(crystal.mosaic_spread_deg, tuple):
        for axis, (name, spread) in enumerate(zip(SPREADS, crystal.mosaic_spread_deg, strict=True)):
            if spread > 0:
                passes[name] = Pass(moves=_turned(scene, _spins(scene, axis, spread)))
    for name, slope in strain_slopes(scene).items():
        change = scene.lattice.direct * 1e-10 @ slope
        passes[name] = Pass(moves=scene.oriented(change, scene.domain_list).reshape(-1, 9))
    return passes


def _turned(scene: SceneData, spins: FloatArray) -> FloatArray:
    """Return the derivatives of cell vectors that rotation vectors of all orientations turn."""
    return np.ascontiguousarray(np.cross(spins[:, np.newaxis], scene.cells).reshape(-1, 9))


def strain_slopes(scene: SceneData) -> dict[str, FloatArray]:
    """Return the derivatives of the strains of all domains by the strains of the crystal."""
    strains, strain = scene.domain_list.strains, scene.config.crystal.strain_percent
    if strains is None:
        return {}
    if not isinstance(strain, tuple):
        return {"strain": strains / strain}
    axes = crystal_axes(scene.lattice)
    own, slopes = axes @ strains @ axes.T, {}
    for name, (i, j), percent in zip(STRAIN_NAMES, STRAINS, strain, strict=True):
        if percent > 0:
            change = np.zeros_like(own)
            change[:, i, j] = change[:, j, i] = own[:, i, j] / percent
            slopes[name] = axes.T @ change @ axes
    return slopes


def block_slopes(scene: SceneData) -> dict[str, npt.NDArray[np.void]]:
    """Return the derivatives of a general block by the off-diagonal numbers of cells."""
    crystal, slopes = scene.config.crystal, dict[str, npt.NDArray[np.void]]()
    if not any(crystal.n_cells_off):
        return slopes
    for i, name in enumerate(COUNTS_OFF):
        step = STEP * max(scene.n_cells)
        off = [tuple(n + (change if i == j else 0.0) for j, n in enumerate(crystal.n_cells_off))
               for change in (step, -step)]  # fmt: skip
        cells = [block_of((*scene.n_cells, *each))[0] for each in off]
        metrics = [
            radius_metric(crystal.replace(n_cells_off=each), scene.n_cells, scene.lattice, like_c=False) for each in off
        ]
        slope = np.zeros(1, CRYSTAL)
        slope["cells"] = (cells[0] - cells[1]) / (2.0 * step)
        slope["metric"] = (metrics[0] - metrics[1]) / (2.0 * step)
        slopes[name] = slope
    return slopes


def own_vectors(scene: SceneData) -> FloatArray:
    """Return the rotation vectors (radians) of the domains about the crystal's own axes."""
    axes = crystal_axes(scene.lattice)
    return rotation_vectors(axes @ scene.mosaic_rotations @ axes.T)


def _spins(scene: SceneData, axis: int, spread: float) -> FloatArray:
    """Return the rotation of every orientation in the lab per degree of a spread."""
    vectors = own_vectors(scene)
    change = np.zeros_like(vectors)
    change[:, axis] = vectors[:, axis] / spread
    at_zero = left_jacobian(vectors, change) @ crystal_axes(scene.lattice)
    turned = rotate_by_each(at_zero, scene.spindle_axis, scene.phi_angles.tolist())
    return np.ascontiguousarray(turned.reshape(-1, 3))
