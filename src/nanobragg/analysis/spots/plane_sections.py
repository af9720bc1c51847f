"""Plane sections through the squared shape transform of a crystal: the part of a spot on the Ewald sphere."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..._functions import SHAPES, shape_section
from ...geometry import FloatArray, dots
from ...scene.quadratic_form import matrix_of
from ...scene.scene import Scene
from ...scene.smear import EXPONENTS, covariance_of

NODES, WEIGHTS = (np.polynomial.legendre.leggauss(6) + np.array([[1.0], [0.0]])) / 2.0  # between 0 and 1
POWERS = NODES ** np.arange(4)[:, np.newaxis]


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


def plane_section(
    shape: Shape, slope: FloatArray, distance: FloatArray, metric_inverse: FloatArray | None = None
) -> Section:
    """Return the sections of spots by planes n·Δq = distance.

    Parameters
    ----------
    shape
    slope : ndarray, shape (n, 3)
        n·a*, n·b*, n·c* (1/m) of the planes' unit normals n.
    distance : ndarray, shape (n,)
        Distances from the reflection, 1/m.
    metric_inverse : ndarray, shape (n, 3, 3)
        Of every spot, with the photons of one that is not smeared, which `Section.largest` is of; None: that of the
        shape.
    """
    if SHAPES[shape.name].separable:
        return _parallelepiped(shape, slope, distance)
    against = slope @ shape.metric_inverse
    block_width = width = np.sqrt(dots(slope, against))
    if metric_inverse is not None:
        against = (slope[:, np.newaxis] @ metric_inverse)[:, 0]
        width = np.sqrt(dots(slope, against))
    offset = against * (distance / width**2)[:, np.newaxis]
    area = shape.peak_volume / width * shape_section(shape.name, np.abs(distance) / width)
    return Section(area, shape.peak_volume / block_width * shape_section(shape.name, np.zeros(1)), offset)


def _parallelepiped(shape: Shape, slope: FloatArray, distance: FloatArray) -> Section:
    """Return the sections of a product of sinc².

    As a function of distance, the section is the cosine transform of the autocorrelation of the crystal along the
    plane's normal: (1 - u g_a)(1 - u g_b)(1 - u g_c) at a shift u, g = |n·a*|/N. The mean offset along an axis is the
    sine transform of the product of the two other factors.
    """
    g = np.abs(slope) / shape.n_cells
    end = 1.0 / g.max(axis=1)
    x = g * end[:, np.newaxis]  # (1 - x_a t)(1 - x_b t)(1 - x_c t), t = 0 … 1, is 0 at 1
    angle = 2.0 * math.pi * distance * end
    pairs = np.stack([x[:, 1] * x[:, 2], x[:, 0] * x[:, 2], x[:, 0] * x[:, 1]], axis=1)
    cubic = np.stack([np.ones(len(x)), -x.sum(axis=1), pairs.sum(axis=1), -x.prod(axis=1)], axis=1)
    area = np.maximum(_cosine_transform(cubic, angle), 0.0)
    middle = cubic @ (1.0, 1 / 2, 1 / 3, 1 / 4)
    sums = x.sum(axis=1, keepdims=True) - x
    moment = _sine_transform(np.stack([np.ones_like(sums), -sums, pairs], axis=2), angle[:, np.newaxis])
    some = np.maximum(area, 1e-9 * middle)[:, np.newaxis]
    offset = np.clip(np.sign(slope) / (2.0 * math.pi * shape.n_cells) * moment / some, -0.5, 0.5)
    scale = 2.0 * end * shape.cells / shape.volume
    return Section(scale * area, scale * middle, offset)


def _cosine_transform(c: FloatArray, angle: FloatArray) -> FloatArray:
    """Return ∫ (c0 + c1 t + c2 t² + c3 t³) cos(angle t) dt from 0 to 1 for cubics (n, 4) that are 0 at t = 1."""
    far = np.maximum(np.abs(angle), 1.0)
    cosine, sine = np.cos(far), np.sin(far)
    result = (c[:, 1:] @ (1.0, 2.0, 3.0) * cosine - c[:, 1]) / far**2
    result += -(2 * c[:, 2] + 6 * c[:, 3]) * sine / far**3 - 6 * c[:, 3] * (cosine - 1.0) / far**4
    near = np.flatnonzero(np.abs(angle) < 1.0)  # where the closed form loses digits
    result[near] = (c[near] @ POWERS * np.cos(np.outer(angle[near], NODES))) @ WEIGHTS
    return np.asarray(result)


def _sine_transform(c: FloatArray, angle: FloatArray) -> FloatArray:
    """Return ∫ (c0 + c1 t + c2 t²) sin(angle t) dt from 0 to 1 for parabolas (n, m, 3) at angles (n, 1)."""
    far = np.maximum(np.abs(angle), 1.0)
    cosine, sine = np.cos(far), np.sin(far)
    c0, c1, c2 = c[..., 0], c[..., 1], c[..., 2]
    result = (c0 - (c0 + c1 + c2) * cosine) / far + ((c1 + 2 * c2) * sine) / far**2 + 2 * c2 * (cosine - 1.0) / far**3
    result *= np.sign(angle)
    near = np.flatnonzero(np.abs(angle) < 1.0)
    result[near] = np.einsum("nmt,nt,t->nm", c[near] @ POWERS[:3], np.sin(angle[near] * NODES), WEIGHTS)
    return np.asarray(result)
