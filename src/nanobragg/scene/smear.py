"""How domains and bandwidth smear the spots of Gaussian blocks (docs/theory.md, Smeared spots).

A reflection h has a Gaussian spot with the covariance B of its block. A normally distributed deformation T of the
crystal, or of its orientation, moves the spot by T h in index space, which adds σ² (T h)(T h)ᵀ.
"""

import numpy as np
import numpy.typing as npt

from .._core import SMEAR
from .._functions import smear_reach
from ..config.beam import Beam
from ..config.crystal import Crystal, Lattice
from ..config.domains import STRAINS, crystal_axes
from ..constants import FWHM, RADIAN_IN_DEGREES
from ..errors import ConfigError
from ..geometry import FloatArray
from .filled import filled
from .quadratic_form import PAIRS, form_of, matrix_of, six_of

EXPONENTS = {"gauss": 2 / 0.63, "gauss_star": 3.8}  # of F_latt² = exp(-x), by the squared radius


def build_smear(crystal: Crystal, beam: Beam, lattice: Lattice, metric: FloatArray) -> npt.NDArray[np.void] | None:
    """Return an array of SMEAR, shape (1,), or None if the domains of the crystal are listed.

    Parameters
    ----------
    crystal, beam, lattice
        The crystal, its beam and its lattice at φ = 0.
    metric
        The squared radius of the crystal's shape as a quadratic form.
    """
    if not crystal.is_smeared:
        return None
    block = np.linalg.inv(matrix_of(metric)) / (2.0 * EXPONENTS[crystal.shape])
    rotations, strains = deformations(crystal, lattice)
    by_index = np.zeros((6, 6))
    for sigma, deformation in (*rotations, *strains):
        by_index += sigma**2 * square_by_index(deformation)
    own = np.linalg.eigvalsh(lattice.reciprocal.T @ block @ lattice.reciprocal)
    return filled(
        SMEAR, 1,
        block=six_of(block), by_index=by_index, metric=form_of(lattice.reciprocal @ lattice.reciprocal.T),
        band=(beam.bandwidth_percent / 100.0 / FWHM) ** 2, edges=np.linalg.norm(lattice.direct, axis=1),
        widest=max((sigma for sigma, _ in rotations), default=0.0) ** 2 + sum(sigma**2 for sigma, _ in strains),
        widest_block=own[-1], sharpest_block=1.0 / own[0],
    )  # fmt: skip


Deformations = list[tuple[float, FloatArray]]


def deformations(crystal: Crystal, lattice: Lattice) -> tuple[Deformations, Deformations]:
    """Return the rotations and the strains of a crystal's domains: standard deviation, and matrix in index space.

    Those of a standard deviation of zero are left out.
    """
    axes, spread, strain = crystal_axes(lattice), crystal.mosaic_spread_deg, crystal.strain_percent

    def in_index_space(matrix: FloatArray) -> FloatArray:
        return np.asarray(lattice.direct @ matrix @ lattice.reciprocal.T)

    rotations = [
        (sigma / RADIAN_IN_DEGREES, in_index_space(np.cross(axis, np.eye(3)).T))
        for axis, sigma in zip(axes, spread if isinstance(spread, tuple) else (), strict=False)
        if sigma > 0
    ]
    if not isinstance(strain, tuple):
        return rotations, [(strain / 100.0, np.eye(3))] if strain > 0 else []
    strains = []
    for (i, j), sigma in zip(STRAINS, strain, strict=True):
        component = np.zeros((3, 3))
        component[i, j] = component[j, i] = 1.0
        if sigma > 0:
            strains.append((sigma / 100.0, in_index_space(axes.T @ component @ axes)))
    return rotations, strains


def square_by_index(deformation: FloatArray) -> FloatArray:
    """Return the matrix (6, 6) that makes the square of a deformed index from the square of the index."""
    square = np.empty((6, 6))
    for row, (i, j) in enumerate(PAIRS):
        for column, (a, b) in enumerate(PAIRS):
            product = deformation[i, a] * deformation[j, b]
            square[row, column] = product if a == b else product + deformation[i, b] * deformation[j, a]
    return square


def check_smear(smear: npt.NDArray[np.void], longest: float) -> tuple[float, float]:
    """Return which spots are seen along scattering vectors up to some length (1/Å).

    Returns
    -------
    longest
        Length (1/Å) of the longest reflection.
    around
        Reflections whose spots a point is within reach of, at most.

    Raises
    ------
    ConfigError
        The spots are wider than the bounds of the closed form allow.
    """
    reach = smear_reach(smear, longest)
    if reach is None:
        raise ConfigError(
            "Crystal.mosaic_sampling = 'analytic': the spots are too wide for the closed form; reduce "
            "mosaic_spread_deg, strain_percent or Beam.bandwidth_percent, or list domains and a Beam.spectrum"
        )
    return reach


def covariance_of(smear: npt.NDArray[np.void], hkl: npt.NDArray[np.integer]) -> FloatArray:
    """Return the covariances of the spots of reflections (n, 3) in index space, bandwidth included, (n, 3, 3)."""
    index = hkl.astype(np.float64)
    pairs = np.stack([index[:, i] * index[:, j] for i, j in PAIRS], axis=1)
    sums = smear["block"][0] + pairs @ (smear["by_index"][0].T + smear["band"][0] * np.eye(6))
    matrices = np.empty((len(index), 3, 3))
    for column, (i, j) in enumerate(PAIRS):
        matrices[:, i, j] = matrices[:, j, i] = sums[:, column]
    return matrices
