"""Plane sections through the squared shape transform of a crystal: the part of a spot on the Ewald sphere."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..._functions import SHAPES, plane_sections
from ...geometry import FloatArray
from ...scene.quadratic_form import matrix_of
from ...scene.scene import Scene
from ...scene.smear import EXPONENTS, covariance_of


class Shape(NamedTuple):
    """The shape of a crystal's blocks; lengths in metres.

    Attributes
    ----------
    name
        Name as in `Crystal.shape`.
    n_cells
        Unit cells of a block along a, b, c.
    cells
        Unit cells of a block in all.
    metric_inverse : ndarray, shape (3, 3)
        Inverse of M in radius² = δᵀ M δ, δ = (Δh, Δk, Δl).
    volume
        Volume of the unit cell.
    smear_sqr
        What smearing adds at most to the square of the width of a spot for a radius of 1, 1/m².
    """

    name: str
    n_cells: FloatArray
    cells: float
    metric_inverse: FloatArray
    volume: float
    smear_sqr: float

    @property
    def reach(self) -> float:
        """Cut-off radius, which contains at least 97 % of the photons of a crossing spot."""
        return SHAPES[self.name].reach

    @property
    def peak_volume(self) -> float:
        """N² times the reciprocal volume of a unit cube in radius, 1/m³."""
        return self.cells**2 * math.sqrt(float(np.linalg.det(self.metric_inverse))) / self.volume

    @property
    def blocks(self) -> tuple[str, FloatArray, float, FloatArray]:
        """Name, cells, height and inverse metric, as compiled functions take them."""
        return self.name, self.n_cells, self.peak_volume, self.metric_inverse

    @property
    def whole(self) -> float:
        """∫ F_latt² d³q over one spot (1/m³)."""
        return self.peak_volume * SHAPES[self.name].integral


def shape_of(scene: Scene) -> Shape:
    """Return the shape of a scene's crystal."""
    smear_sqr = 0.0
    if scene.smear is not None:
        widest = float(scene.smear["widest"][0] + scene.smear["band"][0])
        smear_sqr = radius_sqr_of_variance(scene) * widest * (scene.longest_reflection * 1e10) ** 2
    volume = abs(float(np.linalg.det(scene.lattice.direct))) * 1e-30
    return Shape(
        scene.config.crystal.shape, np.array(scene.n_cells, float), scene.cells_per_block,
        np.asarray(np.linalg.inv(matrix_of(scene.radius_metric))), volume, smear_sqr,
    )  # fmt: skip


def largest_reach(shape: Shape, star: FloatArray) -> float:
    """Return the reach of a shape in its widest direction, 1/m."""
    widest = float(np.linalg.eigvalsh(star.T @ shape.metric_inverse @ star).max())
    return shape.reach * math.sqrt(widest + shape.smear_sqr)


def radius_sqr_of_variance(scene: Scene) -> float:
    """Return the squared radius of a Gaussian shape at one standard deviation of F_latt², for smeared spots."""
    return 2.0 * EXPONENTS[scene.config.crystal.shape]


def smeared_metric(scene: Scene, hkl: npt.NDArray[np.integer]) -> FloatArray | None:
    """Return `Shape.metric_inverse` for the smeared spot of each reflection (n, 3); None: spots are not smeared."""
    if scene.smear is None:
        return None
    return radius_sqr_of_variance(scene) * covariance_of(scene.smear, hkl)


class Section(NamedTuple):
    """Sections of spots by planes.

    Attributes
    ----------
    area
        ∫ F_latt² dA over the plane (1/m²).
    largest
        ∫ F_latt² dA over the parallel plane through the reflection (1/m²).
    offset : ndarray, shape (n, 3)
        Mean Δh, Δk, Δl over the plane, weighted with F_latt².
    """

    area: FloatArray
    largest: FloatArray
    offset: FloatArray


def plane_section(shape: Shape, slope: FloatArray, distance: FloatArray) -> Section:
    """Return the sections of spots by planes n·Δq = distance.

    Parameters
    ----------
    shape
    slope : ndarray, shape (n, 3)
        n·a*, n·b*, n·c* (1/m) of the planes' unit normals n.
    distance : ndarray, shape (n,)
        Distances from the reflection, 1/m.
    """
    return Section(*plane_sections(*shape.blocks, np.ascontiguousarray(slope), np.ascontiguousarray(distance)))
