"""A single reflection that is rotated through the Ewald sphere, and its photons from theory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

import nanobragg as nb
from nanobragg.geometry import FloatArray, rotate_about
from nanobragg.unit_cell import reciprocal_vectors

R_E_SQR = 7.94079248018965e-30  # m²
BEAM, SPINDLE, POLARIZATION = np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), np.array([0, 0, 1.0])
DISTANCE_MM, FLUENCE, AMPLITUDE = 100.0, 1e28, 30.0
# Where a shape has ended, and how finely it is sampled, in units of 1/N
RADIUS = {"square": np.inf, "round": np.inf, "gauss": 4.0, "gauss_star": 4.0, "tophat": 0.65}
FINENESS = {"square": 1.5, "round": 1.5, "gauss": 2.5, "gauss_star": 2.5, "tophat": 25.0}


@dataclass(frozen=True)
class Reflection:
    """One reflection of one crystal; its neighbourhood is sampled as finely as its shape needs.

    Attributes
    ----------
    cell, hkl, wavelength_A, n_cells, shape
        As in a Config; only this reflection scatters.
    azimuth_deg
        Of the scattered ray about the beam, from the plane across the spindle: 0 has Lorentz' factor 1/sin 2θ.
    roll_deg
        Turns the crystal about its own scattering vector.
    kahn, spread_deg, domains
        Polarization; mosaic spread.
    size_mm
        Size of the crystal of which `n_cells` is a block; zero: one block.
    """

    cell: tuple[float, ...] = (40.0, 40.0, 40.0, 90.0, 90.0, 90.0)
    hkl: tuple[int, int, int] = (0, 12, 0)
    wavelength_A: float = 1.0
    n_cells: tuple[float, float, float] = (10, 10, 10)
    shape: str = "square"
    azimuth_deg: float = 0.0
    roll_deg: float = 20.0
    kahn: float = 0.0
    spread_deg: float = 0.0
    domains: int = 1
    size_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @cached_property
    def basis(self) -> FloatArray:
        """a*, b*, c* (rows, Å⁻¹), turned so that the reflection is on the sphere."""
        free, _ = reciprocal_vectors(self.cell)
        q = np.array(self.hkl) @ free
        now, then = q / np.linalg.norm(q), self.q / np.linalg.norm(self.q)
        axis = np.cross(now, then)
        angle = math.atan2(float(np.linalg.norm(axis)), float(now @ then))
        turned = rotate_about(free, axis / np.linalg.norm(axis), angle)
        return np.asarray(rotate_about(turned, then, math.radians(self.roll_deg)))

    @cached_property
    def volume(self) -> float:
        """Return the volume of the cell, Å³."""
        return float(1 / abs(np.linalg.det(reciprocal_vectors(self.cell)[0])))

    @cached_property
    def q(self) -> FloatArray:
        """Return the scattering vector on the sphere, Å⁻¹."""
        size = float(np.linalg.norm(np.array(self.hkl) @ reciprocal_vectors(self.cell)[0]))
        sine = self.wavelength_A * size / 2
        azimuth = math.radians(self.azimuth_deg)
        across = np.array([0, math.cos(azimuth), math.sin(azimuth)])
        return size * (-sine * BEAM + math.sqrt(1 - sine**2) * across)

    @cached_property
    def ray(self) -> FloatArray:
        """Return the direction of the scattered ray."""
        return np.asarray(BEAM + self.wavelength_A * self.q)

    @cached_property
    def speed(self) -> float:
        """Return the speed through the sphere, Å⁻¹ per radian: 1/(λ · Lorentz factor)."""
        return abs(float(np.cross(SPINDLE, self.q) @ self.ray))

    @cached_property
    def reach(self) -> float:
        """Return the distance to the farthest point that belongs to the reflection, with mosaic spread, Å⁻¹."""
        edge = [min(0.5, RADIUS[self.shape] / n) for n in self.n_cells]
        corners = [(2 * np.array(signs) - 1) * edge @ self.basis for signs in np.ndindex(2, 2, 2)]
        spread = 1.05 * math.radians(self.spread_deg) * float(np.linalg.norm(self.q))
        return float(np.linalg.norm(corners, axis=1).max()) + spread

    @property
    def samples(self) -> int:
        """Along each direction."""
        lengths = np.linalg.norm(np.linalg.inv(self.basis), axis=0)
        finest = 1 / float((lengths * self.n_cells).max()) / FINENESS[self.shape]
        return math.ceil(2.1 * self.reach / finest)

    @cached_property
    def range_rad(self) -> float:
        """Of the rotation: all that is nearest to the reflection passes the sphere."""
        return 2.1 * self.reach / self.speed

    def config(self) -> nb.Config:
        """Return an experiment that rotates the whole reflection through the sphere onto a panel across its ray."""
        edge = 2.1 * self.reach * self.wavelength_A * DISTANCE_MM
        n = self.samples
        fast = np.cross(self.ray, SPINDLE)
        fast /= np.linalg.norm(fast)
        slow = np.cross(self.ray, fast)
        corner = DISTANCE_MM * self.ray - edge / 2 * (fast + slow)
        panel = nb.Panel(
            origin_mm=tuple(corner), fast_axis=tuple(fast), slow_axis=tuple(slow), pixel_mm=edge / n, pixels=(n, n)
        )
        degrees = math.degrees(self.range_rad)
        return nb.Config(
            crystal=nb.Crystal(
                matrix=tuple(map(tuple, self.basis.T.tolist())), n_cells=self.n_cells, shape=self.shape,
                size_mm=self.size_mm, mosaic_spread_deg=self.spread_deg, mosaic_domains=self.domains,
                spindle_axis=tuple(SPINDLE),
            ),
            structure_factors=nb.StructureFactors(indices=[self.hkl], amplitudes=[AMPLITUDE], interpolate=False),
            beam=nb.Beam(
                wavelength_A=self.wavelength_A, fluence_ph_m2=FLUENCE, kahn_factor=self.kahn,
                size_mm=None, direction=tuple(BEAM), polarization_axis=tuple(POLARIZATION),
            ),
            detector=nb.Detector(panels=(panel,)),
            scan=nb.Scan(start_deg=-degrees / 2, range_deg=degrees, steps=n),
            sampling=nb.Sampling(oversample=1),
        )  # fmt: skip

    def theory(self) -> float:
        """Photons of a perfect shape's integral of 1 cell⁻¹: Darwin's formula, with I₀ t = fluence/(angular range).

        r_e² F² λ³ N/V · P · L, where L = 1/(λ · speed) is 1/sin 2θ for a ray across the spindle, and P that of two
        dipoles. Source: B. E. Warren, X-ray Diffraction (1969), section 4.1.
        """
        e, b = POLARIZATION @ self.ray, np.cross(POLARIZATION, BEAM) @ self.ray
        polarization = (1 + self.kahn) / 2 * (1 - e**2) + (1 - self.kahn) / 2 * (1 - b**2)
        lorentz = 1 / (self.wavelength_A * self.speed)
        lengths = np.linalg.norm(np.linalg.inv(self.basis), axis=0)
        sizes = np.where(self.size_mm, np.array(self.size_mm) * 1e7, lengths * self.n_cells)
        cells = float((sizes / lengths).prod())
        per_fluence = R_E_SQR * 1e20 * AMPLITUDE**2 * self.wavelength_A**3 * cells / self.volume
        return FLUENCE * 1e-20 * per_fluence * polarization * lorentz / self.range_rad

    def ratio(self) -> float:
        """Return the photons of the image divided by the theory's."""
        return float(nb.simulate(self.config(), dtype="float64").sum()) / self.theory()


def shape_integral(shape: str, n_cells: tuple[float, float, float]) -> float:
    """∫ F_latt² dh dk dl / N_a N_b N_c over what is nearest to one reflection, from the formulas of the theory.

    The limits for many cells are 1, 1, (0.63 π/2)^(3/2) = 0.984, (4π/3) 0.63³ = 1.047 and (π/3.8)^(3/2) = 0.752. A
    square shape of n cells, n not whole, has 1 to 0.2/n².
    """
    if shape == "square":
        return 1.0
    if shape == "gauss":
        return (0.63 * math.pi / 2) ** 1.5
    if shape == "gauss_star":
        return (math.pi / 3.8) ** 1.5
    if shape == "tophat":
        return 4 * math.pi / 3 * 0.3969**1.5
    return _round_integral(n_cells)


def _round_integral(n_cells: tuple[float, float, float]) -> float:
    """The round shape's tails fall with the fourth power of the radius, so that the nearest cell cuts off 1/N of it."""
    axes = [np.polynomial.legendre.leggauss(2 * math.ceil(n) + 8) for n in n_cells]
    h, k, l = np.meshgrid(*[n * (x + 1) / 4 for (x, _), n in zip(axes, n_cells, strict=True)], indexing="ij")
    x = math.pi * np.sqrt(h**2 + k**2 + l**2)
    form = 3 * (np.sin(x) / x - np.cos(x)) / x**2
    inside = np.einsum("ijk,i,j,k->", form**2, *(weights / 2 for _, weights in axes))
    return float(math.prod(n_cells) * math.pi / 6 * inside)
