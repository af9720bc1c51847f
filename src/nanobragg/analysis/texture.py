"""Preferred orientation of a powder's grains."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydantic import Field, field_validator

from ..calls import public
from ..config.base import Model
from ..errors import ConfigError
from ..geometry import FloatArray, Vector, unit

NODES = 512  # of the quadrature of coefficients
LARGEST_INDEX = 1000
SERIES_ERROR = 1e-4  # of the density, of which 1 is the mean


class Texture(Model):
    """Preferred orientation of a powder's grains about an axis of the sample, by March and Dollase.

    Of the grains whose normal of the planes `hkl` is at an angle α from the sample's axis, there are
    P(α) = (r² cos²α + sin²α/r)^(-3/2) times as many as in a powder without texture (W. A. Dollase, J. Appl. Cryst. 19
    (1986) 267-272); its mean over the sphere is 1. About that normal grains are turned evenly.

    Attributes
    ----------
    hkl
        The planes whose normals are oriented.
    ratio
        r, from 0.2 to 5. Below 1 normals are along the axis, as those of platelets that are pressed along it; above 1
        they are across it, as the axes of needles. 1: no texture.
    axis
        Direction of the sample's axis in the lab, of any length: that along which a powder is pressed. It does not
        turn with φ.
    """

    hkl: tuple[int, int, int]
    ratio: float = Field(ge=0.2, le=5)
    axis: Vector

    @field_validator("hkl")
    @classmethod
    def _a_plane(cls, hkl: tuple[int, int, int]) -> tuple[int, int, int]:
        if not any(hkl) or max(map(abs, hkl)) > LARGEST_INDEX:
            raise ConfigError(f"Texture.hkl = {hkl}: must be the indices of planes, not all 0, up to {LARGEST_INDEX}")
        return hkl

    @field_validator("axis")
    @classmethod
    def _a_direction(cls, axis: Vector) -> Vector:
        if not any(axis):
            raise ConfigError("Texture.axis = (0, 0, 0): has no direction; give one")
        return axis

    @public
    def density(self, cosine: FloatArray) -> FloatArray:
        """Return P(α), the share of grains by the angle of their normal from the axis, over that without texture.

        Parameters
        ----------
        cosine : ndarray
            cos α.

        Returns
        -------
        ndarray
            Of the shape of `cosine`.
        """
        square = np.square(cosine)
        return np.asarray((self.ratio**2 * square + (1.0 - square) / self.ratio) ** -1.5)

    @public
    def pole_density(self, cosine_to_planes: FloatArray, cosine_to_axis: FloatArray) -> FloatArray:
        """Return how many grains have a reflection along a direction, over the number without texture.

        Parameters
        ----------
        cosine_to_planes : ndarray
            Cosine of the angle φ between the reflection and the normal of `hkl`, in the crystal.
        cosine_to_axis : ndarray
            Cosine of the angle β between the scattering vector and the axis, in the lab.

        Returns
        -------
        ndarray
            The mean of P(α) over turns of the grain about the scattering vector,
            cos α = cos φ cos β + sin φ sin β cos ψ.

        Notes
        -----
        With P = Σ c_l P_l(cos α) in Legendre polynomials the mean is Σ c_l P_l(cos φ) P_l(cos β), by their addition
        theorem.
        """
        coefficients = self.coefficients()
        pairs = (
            even_legendre(np.asarray(x, np.float64), len(coefficients)) for x in (cosine_to_planes, cosine_to_axis)
        )
        terms = (c * one * other for c, one, other in zip(coefficients, *pairs, strict=True))
        return np.asarray(sum(terms))

    def coefficients(self) -> FloatArray:
        """Return c_l of the even polynomials, as many as the density needs; the first one is 1."""
        x, weights = _quadrature()
        weighted = weights * self.density(x)
        found = np.array([(2 * n + 0.5) * float(weighted @ p) for n, p in enumerate(even_legendre(x, NODES // 4))])
        rest = np.cumsum(np.abs(found[::-1]))[::-1]
        return found[: max(1, int(np.argmax(rest < SERIES_ERROR)))]

    @property
    def direction(self) -> FloatArray:
        """The axis as a unit vector."""
        return unit(np.array(self.axis) / np.abs(self.axis).max())


def _quadrature() -> tuple[FloatArray, FloatArray]:
    """Return places and weights for integrals from -1 to 1: Fejér's first rule."""
    angle, order = (np.arange(NODES) + 0.5) * np.pi / NODES, np.arange(1, NODES // 2 + 1)
    weights = 1.0 - 2.0 * (np.cos(2.0 * np.outer(angle, order)) / (4.0 * order**2 - 1.0)).sum(axis=1)
    return np.cos(angle), 2.0 / NODES * weights


def even_legendre(x: FloatArray, count: int) -> Iterator[FloatArray]:
    """Yield P₀, P₂, P₄ … at x."""
    before, now = np.ones_like(x), np.array(x, np.float64)
    for order in range(0, 2 * count, 2):
        yield before
        for l in (order + 1, order + 2):
            before, now = now, ((2 * l + 1) * x * now - l * before) / (l + 1)
