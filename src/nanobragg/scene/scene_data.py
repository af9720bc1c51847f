"""The data of a Scene: a Config with every default resolved into arrays and numbers in SI units."""

import math
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..bounds import LENGTH, MOST_STEPS
from ..config.background import amorphous_curve
from ..config.beam import build_sources, polarization_axis
from ..config.config import Config
from ..config.crystal import build_lattice
from ..config.detector import Detector
from ..config.domains import Domains, resolve_domains
from ..config.panel import panel_distance
from ..config.region import region_limits, region_of
from ..config.structure_factors import StructureFactors
from ..constants import EV_ANGSTROM, RADIAN_IN_DEGREES
from ..detectors.conventions import CONVENTIONS
from ..errors import ConfigError
from ..geometry import FloatArray, Roi, dot, longest_scattering_vector, rotate_by_each, unit
from ..step_rules import Sweep, resolve_sweep
from .blocks import resolve_blocks
from .coverage import Coverage, pixel_resolutions, table_coverage
from .halos import build_halos, halo_factor, listed, scaled, spot_factor
from .panel_checks import panels_facing_away
from .panel_geometry import PanelGeometry
from .quadratic_form import radius_metric
from .smear import build_smear, check_smear

Lookup = Literal["constant", "nearest", "tricubic", "phased"]


class SceneData:
    """A resolved Config; `Scene` documents the attributes."""

    def __init__(self, config: Config, corrected: Collection[int] = ()) -> None:
        config = self.undamaged = config.resolved()
        self.growth = 1.0 if config.damage is None else config.damage.growth(config.dose_MGy)  # of the cell's edges
        config = self.config = config.damaged()
        self._c = config.compat == "c"
        self._corrected = frozenset(corrected)
        self._resolve_beam()
        self._resolve_crystal()
        self._resolve_orientations()
        self._resolve_detector()
        self._resolve_amplitudes()
        shortest = float(self.sources.wavelengths.min())
        self.amorphous = amorphous_curve(config.background, config.beam, 1.0 / shortest)
        self.mask = load_mask(config)

    def _resolve_beam(self) -> None:
        config = self.config
        frame = CONVENTIONS[config.detector.convention]
        self.beam_direction = unit(config.beam.direction or frame.beam)
        self.polarization_axis = polarization_axis(
            config.beam,
            self.beam_direction,
            config.beam.polarization_axis or frame.polarization,
            like_c=self.follows(27),
        )
        self.wavelength = config.beam.wavelength / 1e10
        self.fluence = config.beam.fluence
        self.sources = build_sources(config.beam, self.beam_direction, self.polarization_axis, like_c=self.follows(5))

    def _resolve_crystal(self) -> None:
        crystal, beam = self.config.crystal, self.config.beam
        self.lattice = build_lattice(crystal, beam.wavelength, c_cell=self.follows(9), c_misset=self.follows(8))
        self.n_cells, self.blocks, self.cells_per_block = resolve_blocks(crystal, beam, self.lattice, like_c=self._c)
        self.radius_metric = radius_metric(crystal, self.n_cells, self.lattice, like_c=self.follows(7))
        self.smear = build_smear(crystal, beam, self.lattice, self.radius_metric)
        self.halos = build_halos(crystal, self.lattice, self.cells_per_block)

    def _resolve_orientations(self) -> None:
        crystal, scan = self.config.crystal, self.config.scan
        self.spindle_axis = unit(crystal.spindle_axis or CONVENTIONS[self.config.detector.convention].spindle)
        self.phi = scan.resolved()
        self.domains = crystal.domains()
        if self.phi.count * self.domains > MOST_STEPS:
            raise ConfigError(
                f"Scan and Crystal: {self.phi.count} phi steps of {self.domains} mosaic domains are more than "
                f"{MOST_STEPS} orientations; use fewer"
            )
        self.phi_angles = scan.start_deg / RADIAN_IN_DEGREES + self.phi.step * (
            np.arange(self.phi.count) + (0.0 if self.follows(25) else 0.5)
        )
        self.domain_list = resolve_domains(
            crystal.replace(mosaic_sampling="random") if self.follows(26) else crystal, self.lattice
        )
        self.mosaic_rotations = self.domain_list.rotations
        self.cells, self.first_cells = self._orientations()

    def _resolve_detector(self) -> None:
        config = self.config
        self.sensor = self._sensor_layers()
        self.distance = self._distance()
        _check_beamstop(config.detector, self.distance)
        self.geometry = PanelGeometry(
            config.detector, self.beam_direction, self.distance, like_c=self._c, corrected=self._corrected
        )
        self.recommended_oversample = self._recommended_oversample()
        self.oversample = config.sampling.oversample or self.recommended_oversample
        self.reach = self._largest_indices()

    def _resolve_amplitudes(self) -> None:
        self._share_out_amplitudes()
        self.table = self.spot_factors.limits
        self.lookup = self.choose_lookup()

    def _share_out_amplitudes(self) -> None:
        """Share out the structure factors among the spots and their halos."""
        self.spot_factors = self.undisplaced = self.config.structure_factors
        self.halo_factors: tuple[StructureFactors, ...] = ()
        self.block_slope: npt.NDArray[np.void] | None = None  # of the kernel's crystal, for a derivative
        self.halo_slopes: tuple[npt.NDArray[np.void], ...] | None = None  # of their crystals, for a derivative
        if self.halos:
            d_min = self.config.sampling.d_min_A
            longest = min(self.longest_q, 1.0 / d_min) if d_min > 0 else self.longest_q
            self.undisplaced = listed(self.undisplaced, self.lattice, longest, self.config.crystal)
            indices, _ = self.undisplaced.scattering_list
            self.spot_factors = scaled(self.undisplaced, spot_factor(self.halos, indices))
            self.halo_factors = tuple(scaled(self.undisplaced, halo_factor(halo, indices)) for halo in self.halos)

    def follows(self, row: int) -> bool:
        """Return whether the scene follows the C program in a row of docs/quirks.md."""
        return self._c and row not in self._corrected

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image: (slow, fast), or (panels, slow, fast) for several panels."""
        return self.config.detector.shape

    @property
    def roi(self) -> tuple[slice, slice]:
        """The pixels that are rendered, as two slices (slow, fast) of any panel."""
        return region_of(self.limits)

    @property
    def limits(self) -> Roi:
        """First and last fast, first and last slow pixel that are rendered, inclusive."""
        slow, fast = self.config.detector.panels[0].pixels
        return (0, fast - 1, 0, slow - 1) if self.config.roi is None else region_limits(self.config.roi, (slow, fast))

    @cached_property
    def rendered(self) -> npt.NDArray[np.bool_]:
        """Boolean array of the image's shape: True where the mask does not exclude a pixel, regardless of the ROI."""
        return np.ones(self.shape, bool) if self.mask is None else self.mask.reshape(self.shape).astype(bool)

    @cached_property
    def panels_facing_away(self) -> list[int]:
        """Numbers of the panels whose normal does not face the rays from the sample."""
        return panels_facing_away(self.config.detector.panels)

    @property
    def mean_energy_eV(self) -> float:
        """Photon energy at the mean wavelength of the sources."""
        return EV_ANGSTROM / (float(self.sources.weights @ self.sources.wavelengths) * 1e10)

    @cached_property
    def coverage(self) -> Coverage | None:
        """Coverage of the image by the table of structure factors; None without a table."""
        listing = self.config.structure_factors.listing
        if listing is None:
            return None
        resolutions = pixel_resolutions(self.geometry, self.limits, self.mask, EV_ANGSTROM / self.mean_energy_eV)
        return table_coverage(listing[0], self.lattice.reciprocal, resolutions, self.config.sampling.d_min_A)

    @property
    def illuminated_volume(self) -> float:
        """Volume of the crystal in the beam, m³."""
        return self.blocks * self.cells_per_block * self.lattice.volume * 1e-30

    @property
    def terms(self) -> int:
        """Terms per pixel and sensor layer: sources · φ steps · domains · sub-pixels, each with its halos."""
        return len(self.sources.weights) * self.terms_per_ray * self.oversample**2

    @property
    def terms_per_ray(self) -> int:
        """Terms per sub-pixel, sensor layer and source: φ steps · domains, each with its halos."""
        diffuse = self.config.crystal.diffuse
        halos = 0 if diffuse is None else len(self.halos) * (2 * diffuse.neighbours + 1) ** 3
        return self.phi.count * self.domains * (1 + halos)

    def _orientations(self) -> tuple[FloatArray, FloatArray | None]:
        """Return cell vectors (m) per φ and domain, and those of the very first term if they differ.

        Under compat="c" a φ of exactly 0 keeps the previous orientation (docs/quirks.md, row 1): that of the last step
        in all terms but the first.
        """
        direct = self.lattice.direct * 1e-10
        if self.domain_list.turning or self.domain_list.strains is not None:
            return self.orientations_of(self.domain_list), None
        first, last = self._rotated(direct, direct)
        usual, _ = self._rotated(direct, last) if self.follows(1) else (first, last)
        if np.array_equal(first, usual):
            return self._with_domains(usual), None
        return self._with_domains(usual), self._with_domains(first)

    def orientations_of(self, domains: Domains) -> FloatArray:
        """Return cell vectors (m) per φ and domain, for domains that have their own cells, or turn with the crystal."""
        cells = np.broadcast_to(self.lattice.direct * 1e-10, (len(domains.rotations), 3, 3))
        if domains.strains is not None:
            cells = cells + cells @ domains.strains
        return self.oriented(cells, domains)

    def oriented(self, cells: FloatArray, domains: Domains) -> FloatArray:
        """Return vectors of every domain, shape (domains, 3, 3), at its orientation in every φ step."""
        if domains.turning:
            cells = cells @ domains.rotations.transpose(0, 2, 1)
        turned = rotate_by_each(cells.reshape(-1, 3), self.spindle_axis, self.phi_angles.tolist())
        turned = turned.reshape(-1, *cells.shape)
        if not domains.turning:
            turned = turned @ domains.rotations.transpose(0, 2, 1)
        return np.ascontiguousarray(turned.reshape(-1, 3, 3))

    @property
    def shares(self) -> FloatArray | None:
        """Share of every orientation in the crystal, 1 on average; None if all are equal."""
        shares = self.domain_list.shares
        return None if shares is None else np.tile(shares, self.phi.count)

    def _rotated(self, direct: FloatArray, before: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the cells at every φ, and the last of them, if `before` was evaluated last."""
        still = before if self.follows(1) else direct
        turned = rotate_by_each(direct, self.spindle_axis, self.phi_angles.tolist())
        moved = self.phi_angles != 0.0
        if moved.all():
            return turned, turned[-1]
        if not self.follows(1):
            turned[~moved] = still
            return turned, turned[-1]
        latest = np.maximum.accumulate(np.where(moved, np.arange(len(moved)), -1))
        turned = np.where(latest[:, np.newaxis, np.newaxis] < 0, still, turned[latest])
        return turned, turned[-1]

    def _with_domains(self, rotated: FloatArray) -> FloatArray:
        if self.domains == 1:
            return np.ascontiguousarray(rotated)
        u, v = self.mosaic_rotations[np.newaxis, :, np.newaxis], rotated[:, np.newaxis, :, np.newaxis]
        turned = u[..., 0] * v[..., 0] + u[..., 1] * v[..., 1] + u[..., 2] * v[..., 2]
        return np.ascontiguousarray(turned.reshape(-1, 3, 3))

    def _sensor_layers(self) -> Sweep:
        detector = self.config.detector
        thickness = None if detector.sensor_thickness_um is None else detector.sensor_thickness_um * 1e-6
        layers = detector.sensor_layers
        if layers is None and thickness and not self.follows(28):
            layers = 1  # at the mean depth of absorption
        return resolve_sweep("sensor", layers, thickness, None, layers_overshoot=self.follows(12))

    @property
    def attenuation(self) -> float:
        """µ of the sensor, 1/m."""
        depth = self.config.detector.attenuation_um
        if self.sensor.range == 0:
            return 0.0
        return 1.0 / self.sensor.range if depth is None else 1.0 / (depth * 1e-6)

    def _distance(self) -> float:
        """Return the distance (m) along the beam to the nearest panel's plane, along its normal if it is behind."""
        distance = self._distance_of_panels()
        if abs(1000.0 * distance) < LENGTH.low:
            raise ConfigError("Detector.panels: the plane of a panel contains the sample; move the panel")
        return distance

    def _distance_of_panels(self) -> float:
        detector = self.config.detector
        if detector.nominal is not None:
            return detector.nominal.distance_mm / 1000.0
        distances = [panel_distance(panel, self.beam_direction) for panel in detector.panels]
        ahead = [distance for distance in distances if distance > 0]
        if ahead:
            return min(ahead)
        if detector.curved:
            raise ConfigError(
                "Detector.curved: the detector is behind the sample; move it into the beam or set curved=False"
            )
        return min(abs(dot(panel.origin_mm, panel.axes()[2])) for panel in detector.panels) / 1000.0

    def _largest_indices(self) -> tuple[int, int, int]:
        """Return upper limits of |h|, |k|, |l| for all pixels."""
        bent = self.geometry.curved or self._c
        longest = longest_scattering_vector(
            self.geometry.corners, self.sources.directions, self.sources.wavelengths, bent=bent
        )
        self.longest_q = longest * 1e-10  # 1/Å
        self.spots_of_point = 1.0  # whose terms a point has, at most
        if self.smear is not None:
            self.longest_reflection, self.spots_of_point = check_smear(self.smear, longest * 1e-10)  # 1/Å
            longest = self.longest_reflection * 1e10
        h, k, l = (math.ceil(1.01 * length * longest) + 4 for length in self._axis_lengths())
        return h, k, l

    def _recommended_oversample(self) -> int:
        size = max(n * length for n, length in zip(self.n_cells, self._axis_lengths(), strict=True))
        diffuse = self.config.crystal.diffuse
        if diffuse is not None:  # whose halos are as wide as the spots of a block of this size
            size = max(size, 2.0 * math.pi * max(diffuse.along_axes("correlation_length_A")) * 1e-10)
        pixel = self.config.detector.panels[0].pixel_mm / 1000.0
        return max(1, math.ceil(3.0 * size / (self.wavelength * self.distance / pixel)))

    def _axis_lengths(self) -> list[float]:
        return [math.sqrt(dot(v, v)) for v in self.lattice.direct * 1e-10]

    def choose_lookup(self) -> Lookup:
        """Return how amplitudes are looked up in the table of the spots."""
        if self.table is None:
            return "constant"
        if self.smear is not None:
            return "nearest"  # a spot has the amplitude of its reflection
        if self.spot_factors.is_phased:
            return "phased"
        wanted = self.spot_factors.interpolate
        if wanted is None:
            wanted = min(self.n_cells) <= 2
        wide_enough = all(last - first >= 4 for first, last in zip(self.table.first, self.table.last, strict=True))
        return "tricubic" if wanted and wide_enough else "nearest"


def _check_beamstop(detector: Detector, distance: float) -> None:
    """Raise `ConfigError` if the beamstop is not in front of the detector, which is at a distance in m."""
    stop = detector.beamstop
    if stop is not None and not stop.distance_mm < 1000.0 * distance:
        raise ConfigError(
            f"Beamstop.distance_mm = {stop.distance_mm:g}: must be less than the detector's, {1000.0 * distance:g} mm"
        )


def load_mask(config: Config) -> npt.NDArray[np.uint8] | None:
    """Return the mask as bytes of shape (panels, slow, fast), 0: not rendered; None without a mask."""
    mask, shape = config.detector.mask, config.detector.shape
    if mask is None:
        return None
    if isinstance(mask, Path):
        from ..io.smv import read_smv

        pixels, _ = read_smv(mask)
        if pixels.shape != shape:
            raise ConfigError(f"mask {mask}: shape (slow, fast) {pixels.shape} is not the detector's {shape}")
        mask = pixels != 0
    panels = len(config.detector.panels)
    wanted = np.ascontiguousarray(mask, dtype=bool).view(np.uint8)  # in the memory of the detector's
    return wanted.reshape(panels, *config.detector.panels[0].pixels)
