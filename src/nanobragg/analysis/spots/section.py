"""What the Ewald sphere cuts out of a spot: plane sections through the squared transform of a finite crystal."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from ..._functions import sphere_sqr
from ...geometry import FloatArray
from ...scene.kernel_input import shape_metric
from ...scene.scene import Scene

# Of include/nanobragg/lattice.h: F_latt² = peak² · exp(-2 r²/0.63), 1 within r² = 0.3969, 0.7236² · sphere.
GAUSS_WIDTH, TOPHAT_EDGE, SPHERE_TO_CUBE = 0.63, 0.3969, 0.723601254558268

REACH = {"square": 12.0, "round": 6.0, "gauss": 2.2, "tophat": 0.63}  # radius within which a spot's photons are
TABLE_STEPS = 4000
NODES, WEIGHTS = (np.polynomial.legendre.leggauss(6) + np.array([[1.0], [0.0]])) / 2.0  # between 0 and 1
POWERS = NODES ** np.arange(4)[:, np.newaxis]


class Shape(NamedTuple):
    """A crystal's shape as a spot sees it; lengths in metres.

    Attributes
    ----------
    name
        "square", "round", "gauss" or "tophat".
    n_cells
        Cells along a, b, c.
    metric_inverse : ndarray, shape (3, 3)
        Inverse of M in radius² = δᵀ M δ, δ = (Δh, Δk, Δl).
    volume
        Of the unit cell.
    reach
        Radius beyond which nothing is counted: 97 % of a passing spot's photons, or more, lie within.
    """

    name: str
    n_cells: FloatArray
    metric_inverse: FloatArray
    volume: float
    reach: float

    @property
    def cells(self) -> float:
        """Number of unit cells."""
        return float(self.n_cells.prod())

    @property
    def whole(self) -> float:
        """∫ F_latt² d³q over one spot (1/m³)."""
        if self.name == "square":
            return self.cells / self.volume
        space = self.cells**2 * math.sqrt(float(np.linalg.det(self.metric_inverse))) / self.volume
        if self.name == "gauss":
            return space * math.sqrt(math.pi * GAUSS_WIDTH / 2.0) ** 3
        if self.name == "tophat":
            return space * 4.0 / 3.0 * math.pi * math.sqrt(TOPHAT_EDGE) ** 3
        return space * SPHERE_TO_CUBE**2 * 6.0 / math.pi  # Parseval: 1 / volume of a ball of diameter 1


def shape_of(scene: Scene) -> Shape:
    """The shape of a scene's crystal."""
    name = scene.config.crystal.shape
    n = np.array(scene.n_cells, float)
    if name == "square":
        metric = np.diag(n**2)
    else:
        hh, kk, ll, kl, hl, hk = shape_metric(scene)
        metric = np.array([[hh, hk / 2, hl / 2], [hk / 2, kk, kl / 2], [hl / 2, kl / 2, ll]])
    volume = abs(float(np.linalg.det(scene.lattice.direct))) * 1e-30
    return Shape(name, n, np.linalg.inv(metric), volume, REACH[name])


def widest(shape: Shape, star: FloatArray) -> float:
    """The shape's reach in the direction in which it reaches farthest, 1/m."""
    return shape.reach * math.sqrt(float(np.linalg.eigvalsh(star.T @ shape.metric_inverse @ star).max()))


class Section(NamedTuple):
    """A spot cut by a plane.

    Attributes
    ----------
    area
        ∫ F_latt² over the plane (1/m²).
    largest
        The same for the parallel plane through the reflection.
    offset : ndarray, shape (n, 3)
        Mean Δh, Δk, Δl over the plane, weighted with F_latt².
    """

    area: FloatArray
    largest: FloatArray
    offset: FloatArray


def section(shape: Shape, slope: FloatArray, distance: FloatArray) -> Section:
    """Sections by planes n·Δq = distance.

    Parameters
    ----------
    shape
    slope : ndarray, shape (n, 3)
        n·a*, n·b*, n·c* (1/m) of the planes' unit normals n.
    distance : ndarray, shape (n,)
        From the reflection, 1/m.
    """
    if shape.name == "square":
        return _parallelepiped(shape, slope, distance)
    against = slope @ shape.metric_inverse
    width = np.sqrt((slope * against).sum(axis=1))
    offset = against * (distance / width**2)[:, np.newaxis]
    radius = np.abs(distance) / width
    scale = shape.cells**2 * math.sqrt(np.linalg.det(shape.metric_inverse)) / (shape.volume * width)
    return Section(scale * _disc(shape.name, radius), scale * _disc(shape.name, np.zeros_like(radius)), offset)


def _disc(name: str, radius: FloatArray) -> FloatArray:
    """π ∫ F(r)² d(r²) from `radius` outwards, F = 1 at r = 0 (round: at its peak)."""
    if name == "gauss":
        return math.pi * GAUSS_WIDTH / 2.0 * np.exp(-2.0 * radius**2 / GAUSS_WIDTH)
    if name == "tophat":
        return math.pi * np.maximum(TOPHAT_EDGE - radius**2, 0.0)
    at, values = _ball()
    return np.where(
        radius < at[-1], np.interp(radius, at, values), values[-1] * (at[-1] / np.maximum(radius, at[-1])) ** 2
    )


@cache
def _ball() -> tuple[FloatArray, FloatArray]:
    """Radii, and the integral of `_disc` for a ball's transform, by the trapezium rule."""
    at = np.linspace(0.0, REACH["round"], TABLE_STEPS)
    slope = 2.0 * math.pi * at * np.asarray(sphere_sqr(at)) * SPHERE_TO_CUBE**2
    inner = np.concatenate([[0.0], np.cumsum((slope[1:] + slope[:-1]) / 2.0 * at[1])])
    beyond = SPHERE_TO_CUBE**2 * 4.5 / math.pi**3 / REACH["round"] ** 2  # the envelope 9/(2x⁴), x = πr
    return at, inner[-1] - inner + beyond


def _parallelepiped(shape: Shape, slope: FloatArray, distance: FloatArray) -> Section:
    """Sections of the product of sinc².

    The section at a distance is the Fourier transform, along the plane's normal, of the crystal's overlap with
    itself: (1 - u g_a)(1 - u g_b)(1 - u g_c) at a shift u, g = |n·a*|/N: a cubic times a cosine. The mean offset
    along an axis is that of the overlap's derivative: the product of the two other factors, times a sine.
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
    """∫ (c0 + c1 t + c2 t² + c3 t³) cos(angle t) dt from 0 to 1, of cubics (n, 4) that are 0 at t = 1."""
    far = np.maximum(np.abs(angle), 1.0)
    cosine, sine = np.cos(far), np.sin(far)
    result = (c[:, 1:] @ (1.0, 2.0, 3.0) * cosine - c[:, 1]) / far**2
    result += -(2 * c[:, 2] + 6 * c[:, 3]) * sine / far**3 - 6 * c[:, 3] * (cosine - 1.0) / far**4
    near = np.flatnonzero(np.abs(angle) < 1.0)  # where the closed form would lose digits
    result[near] = (c[near] @ POWERS * np.cos(np.outer(angle[near], NODES))) @ WEIGHTS
    return np.asarray(result)


def _sine_transform(c: FloatArray, angle: FloatArray) -> FloatArray:
    """∫ (c0 + c1 t + c2 t²) sin(angle t) dt from 0 to 1, of parabolas (n, m, 3) at angles (n, 1)."""
    far = np.maximum(np.abs(angle), 1.0)
    cosine, sine = np.cos(far), np.sin(far)
    c0, c1, c2 = c[..., 0], c[..., 1], c[..., 2]
    result = (c0 - (c0 + c1 + c2) * cosine) / far + ((c1 + 2 * c2) * sine) / far**2 + 2 * c2 * (cosine - 1.0) / far**3
    result *= np.sign(angle)
    near = np.flatnonzero(np.abs(angle) < 1.0)
    result[near] = np.einsum("nmt,nt,t->nm", c[near] @ POWERS[:3], np.sin(angle[near] * NODES), WEIGHTS)
    return np.asarray(result)
