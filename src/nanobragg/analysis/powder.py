"""Powder rings: the mean image of crystals in all orientations, from an analytic profile of each ring."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .._functions import polarization
from ..calls import public
from ..config.background import Background
from ..config.config import Config
from ..config.crystal import Crystal
from ..config.structure_factors import StructureFactors
from ..constants import FWHM, R_E_SQR
from ..errors import ConfigError
from ..geometry import FloatArray
from ..rendering.check_photons import check_panels
from ..rendering.simulate import simulate
from ..scene.scene import Scene
from .spots.absorption import absorbed_fraction
from .spots.amplitude_lookup import amplitude_lookup
from .spots.ewald_crossings import longest_q, reciprocal_basis, reflections
from .spots.plane_sections import Shape, plane_section, shape_of
from .texture import Texture, even_legendre

RADII = {"gauss": 3.5, "gauss_star": 3.0}  # that a ring's profile reaches, in units of the shape; others: its reach
SAMPLES = 8  # of a profile in a unit of the shape's radius
MOST_POINTS = 4_000_000  # of a profile
CHUNK = 4096  # reflections
MOST_SUB_PIXELS = 8
ROWS = 64  # of the image at a time


class Profile:
    """The mean of F_cell² F_latt² over the orientations of a lattice, as a function of |q|, 1/m.

    Every reflection g contributes ∫ F_latt² over the sphere |q|, divided by its area 4π q². Near the reflection the
    sphere is a plane across g. With a texture there is a profile for each term of its series (`Texture.pole_density`),
    in which reflections count by the polynomials of their angles to the texture's planes.
    """

    def __init__(self, scene: Scene, number: int, texture: Texture | None) -> None:
        shape, star = shape_of(scene), reciprocal_basis(scene.lattice.direct * 1e-10)
        radius = RADII.get(shape.name, shape.reach)
        narrowest = math.sqrt(float(np.linalg.eigvalsh(star.T @ shape.metric_inverse @ star).min()))
        end = longest_q(scene) + radius * narrowest
        self.step = max(narrowest / SAMPLES, end / MOST_POINTS)
        self._axis = None if texture is None else texture.direction
        self._coefficients = np.ones(1) if texture is None else texture.coefficients()
        normal = star[0] if texture is None else np.array(texture.hkl) @ star
        self._normal = normal / np.linalg.norm(normal)
        self._sums = np.zeros((len(self._coefficients), math.ceil(end / self.step) + 1))  # of F² ∫ F_latt² dA
        lookup = amplitude_lookup(scene)
        for hkl in reflections(scene, lookup):
            for start in range(0, len(hkl), CHUNK):
                some = hkl[start : start + CHUNK]
                self._add(shape, some @ star, star, lookup.amplitudes(some, number) ** 2, radius)
        if scene.config.crystal.is_strained or scene.config.beam.bandwidth_percent:
            self._broaden(scene.config.crystal, scene.config.beam.bandwidth_percent)

    def _add(self, shape: Shape, g: FloatArray, star: FloatArray, squares: FloatArray, radius: float) -> None:
        length, points = np.linalg.norm(g, axis=1), self._sums.shape[1]
        kept = (length > 0) & (squares > 0) & (length < points * self.step)
        g, length, squares = g[kept], length[kept], squares[kept]
        slope = (g / length[:, np.newaxis]) @ star.T
        width = np.sqrt(np.einsum("ij,jk,ik->i", slope, shape.metric_inverse, slope))
        count = np.ceil(radius * width / self.step).astype(np.int64) + 1
        for half in np.unique(count):
            rows = np.flatnonzero(count == half)
            place = np.round(length[rows] / self.step).astype(np.int64)[:, np.newaxis] + np.arange(-half, half + 1)
            distance = place * self.step - length[rows, np.newaxis]
            every = np.repeat(slope[rows], 2 * half + 1, axis=0)
            area = plane_section(shape, every, distance.ravel()).area.reshape(distance.shape)
            area *= (squares[rows] * shape.whole / (area.sum(axis=1) * self.step))[:, np.newaxis]
            inside = (place > 0) & (place < points)
            along = (g[rows] @ self._normal / length[rows])[:, np.newaxis]
            for sums, weight in zip(self._sums, even_legendre(along, len(self._sums)), strict=True):
                sums += np.bincount(place[inside], (weight * area)[inside], points)

    def _broaden(self, crystal: Crystal, bandwidth_percent: float) -> None:
        """Smear the profile along q in proportion to q: in ln q strain and bandwidth are a convolution."""
        strain = crystal.strain_percent
        if isinstance(strain, tuple):
            raise ConfigError(f"Crystal.strain_percent = {strain}: a powder takes one number, Δd/d")
        sigma, at = math.hypot(strain, bandwidth_percent / FWHM) / 100.0, np.arange(self._sums.shape[1]) * self.step
        fine = self.step / at[-1]
        log_q = np.arange(math.log(at[1]), math.log(at[-1]) + 6 * sigma, min(fine, sigma / 4))
        frequency = np.fft.rfftfreq(2 * len(log_q), log_q[1] - log_q[0])
        damping = np.exp(-2.0 * (math.pi * sigma * frequency) ** 2)
        for sums in self._sums:
            sharp = np.interp(np.exp(log_q), at, sums, right=0.0) * np.exp(log_q)
            smeared = np.fft.irfft(np.fft.rfft(sharp, 2 * len(log_q)) * damping)[: len(log_q)] / np.exp(log_q)
            sums[:] = np.interp(at, np.exp(log_q), smeared, left=0.0)

    def at(self, q: FloatArray) -> FloatArray:
        """Return the profile at scattering vectors (1/m), shape (n, 3)."""
        length, points = np.linalg.norm(q, axis=1), self._sums.shape[1]
        place = np.minimum(length / self.step, points - 1.0)
        low = np.minimum(place.astype(np.int64), points - 2)
        cosine = np.zeros(len(q)) if self._axis is None else q @ self._axis / np.maximum(length, self.step)
        value = np.zeros(len(q))
        terms = zip(self._coefficients, self._sums, even_legendre(cosine, len(self._sums)), strict=True)
        for coefficient, sums, polynomial in terms:
            value += coefficient * polynomial * (sums[low] + (place - low) * (sums[low + 1] - sums[low]))
        return np.asarray(np.maximum(value, 0.0) / (4.0 * math.pi * np.maximum(length, self.step) ** 2))


@public
def powder(experiment: Config | Scene, *, texture: Texture | None = None) -> npt.NDArray[np.float64]:
    """Return the expected photons of a powder: of the crystal's blocks in all orientations.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it; the orientation, φ and the mosaic spread of its crystal do not matter.
        Several crystals add up.
    texture
        Preferred orientation of the blocks, of every crystal's; None: all orientations are evenly frequent.

    Returns
    -------
    ndarray, shape (slow, fast), or (panels, slow, fast) for several panels
        Photons, with the background of the Config; 0 outside the ROI and in masked pixels.

    Raises
    ------
    ConfigError
        `compat="c"`, a strain tensor, diffuse scattering, or an invalid Config.

    Notes
    -----
    A ring has the photons of r_e² F² λ³ m V/(4 v² sin θ) · P · fluence times the integral of the shape, for the
    multiplicity m, the volumes V of the crystal and v of the cell (B. E. Warren, X-ray Diffraction, 1969, section
    4.3), times the texture's pole density in the direction of the scattering vector. Its profile is that of the block,
    of the strain, of the sources, and of the pixels. Photons are counted at the surface of a sensor.
    """
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    if scene.config.compat == "c":
        raise ConfigError("Config.compat = 'c': the original has no powder; use compat=None (-exact)")
    if texture is not None and not isinstance(texture, Texture):
        raise ConfigError(f"powder: texture = {texture!r}: must be a nb.Texture(hkl=…, ratio=…, axis=…)")
    if any(lattice.halos for lattice in scene.lattices):
        raise ConfigError("Crystal.diffuse: the rings of a powder have no halos; leave it out")
    check_panels(scene)
    image = np.zeros((len(scene.geometry), *scene.geometry.size))
    for lattice in scene.lattices:
        image += _rings(lattice, texture)
    image *= _chosen(scene)
    if scene.config.background != Background():
        image += simulate(_surroundings(scene), dtype="float64").reshape(image.shape)
    return image.reshape(scene.shape)


def _surroundings(scene: Scene) -> Config:
    """Return the experiment without its crystal."""
    return scene.config.replace(crystal=Crystal(cell=(10,)), structure_factors=StructureFactors.constant(0))


def _chosen(scene: Scene) -> npt.NDArray[np.bool_]:
    """Return True for the pixels inside the ROI that are not masked."""
    chosen = np.zeros((len(scene.geometry), *scene.geometry.size), bool)
    chosen[:, scene.roi[0], scene.roi[1]] = True
    return chosen & scene.rendered.reshape(chosen.shape)


def _rings(scene: Scene, texture: Texture | None) -> FloatArray:
    """Return the photons of one lattice's rings."""
    lookup = amplitude_lookup(scene)
    count = 1 if lookup.one else int(lookup.of_source.max()) + 1
    profiles = [Profile(scene, number, texture) for number in range(count)]
    tables = lookup.of_source if len(profiles) > 1 else np.zeros(len(scene.sources.weights), np.int64)
    fineness = _sub_pixels(scene, profiles[0])
    rows, columns = scene.geometry.size
    image = np.empty((len(scene.geometry), rows, columns))
    scale = R_E_SQR * scene.fluence * scene.blocks / fineness**2
    for panel, start in np.ndindex(len(scene.geometry), -(-rows // ROWS)):
        part = slice(start * ROWS, min((start + 1) * ROWS, rows))
        slow, fast = np.mgrid[part, 0:columns].astype(np.float64)
        some = np.zeros(slow.shape)
        for i, j in np.ndindex(fineness, fineness):
            some += _photons(scene, profiles, tables, panel, slow + (i + 0.5) / fineness, fast + (j + 0.5) / fineness)
        image[panel, part] = scale * some
    return image


def _sub_pixels(scene: Scene, profile: Profile) -> int:
    """Return how many sub-pixels along each side resolve the narrowest ring."""
    pixel = float(scene.geometry.pixel.max()) / float(np.abs(scene.geometry.close_distance).min())
    needed = math.ceil(pixel / float(scene.sources.wavelengths.min()) / (profile.step * SAMPLES))
    return scene.config.sampling.oversample or min(max(needed, 1), MOST_SUB_PIXELS)


def _photons(
    scene: Scene,
    profiles: list[Profile],
    tables: npt.NDArray[np.int64],
    panel: int,
    slow: FloatArray,
    fast: FloatArray,
) -> FloatArray:
    """Return profile times polarization, solid angle and absorbed fraction at places on a panel."""
    rays = scene.geometry.directions(slow, fast, panel).reshape(-1, 3)
    sums, d_min = np.zeros(len(rays)), scene.config.sampling.d_min_A * 1e-10
    for table, (direction, wavelength, weight) in zip(tables, _sources(scene), strict=True):
        q = (rays - direction) / wavelength
        seen = profiles[table].at(q) * _polar(scene, direction, rays)
        sums += weight * np.where(np.linalg.norm(q, axis=1) * d_min > 1.0, 0.0, seen)
    numbers = np.full(len(rays), panel)
    sums *= absorbed_fraction(scene, rays, numbers)
    return np.asarray(sums.reshape(slow.shape) * scene.geometry.solid_angles(slow, fast, panel))


def _sources(scene: Scene) -> Iterator[tuple[FloatArray, float, float]]:
    yield from zip(scene.sources.directions, scene.sources.wavelengths, scene.sources.weights, strict=True)


def _polar(scene: Scene, direction: FloatArray, rays: FloatArray) -> FloatArray:
    beam = scene.config.beam
    if not beam.polarized:
        return np.ones(len(rays))
    axis = scene.polarization_axis
    if np.linalg.norm(np.cross(axis, direction)) < 1e-9:  # only for an unpolarized beam, where any axis is valid
        axis = np.eye(3)[np.abs(direction).argmin()]
    count = len(rays)
    return np.asarray(
        polarization(
            np.full(count, beam.kahn_factor), np.tile(direction, (count, 1)), np.ascontiguousarray(rays),
            np.tile(axis, (count, 1)),
        )
    )  # fmt: skip
