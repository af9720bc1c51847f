"""Config → Scene: every default settled, top to bottom, in SI units; what the kernel needs and nothing else."""

from __future__ import annotations

import math
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from .amplitudes import Table
from .beam import SourceList, build_sources
from .config import Config, Roi
from .conventions import CONVENTIONS
from .crystal import Lattice, build_lattice, mosaic_rotations
from .detector import Panel
from .errors import ConfigError, NanobraggWarning
from .geometry import dot, rotate_about, unit
from .model import FloatArray
from .steps import RADIAN_IN_DEGREES, Steps, resolve_steps

R_E_SQR = 7.94079248018965e-30  # m^2, Thomson's classical electron radius squared
AVOGADRO = 6.02214179e23
WATER_AMPLITUDE, WATER_MOLAR_MASS, WATER_DENSITY = 2.57, 18.0, 1.0e6  # electrons, g/mol, g/m^3


class Scene:
    """A Config resolved into plain arrays and numbers; made once, rendered often.

    Parameters
    ----------
    config : Config

    Attributes
    ----------
    config : Config
    lattice : Lattice
        Cell vectors at φ = 0 (Å).
    n_cells : tuple of int
        Unit cells along a, b, c.
    sources : SourceList
    phi : Steps
        The rotation, radians.
    domains : int
    sensor : Steps
        Sensor layers, metres.
    oversample, recommended_oversample : int
    fluence : float
        Photons per square metre.
    distance : float
        Sample to detector along the beam, metres.
    cells : ndarray, shape (φ steps · domains, 3, 3)
        Vectors a, b, c (rows, metres) of every orientation.

    Raises
    ------
    ConfigError, FileError, FormatError
        Anything in the Config, or in a file it names, that gives no image.

    Warns
    -----
    NanobraggWarning
        A valid but surely unwanted image.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._c = config.compat == "c"
        frame = CONVENTIONS[config.detector.convention]
        self.beam_direction = unit(config.beam.direction or frame.beam)
        self.polarization_axis = unit(config.beam.polarization_axis or frame.polarization)
        self.spindle_axis = unit(config.crystal.spindle_axis or frame.spindle)
        if np.linalg.norm(np.cross(self.beam_direction, self.polarization_axis)) < 1e-9:
            raise ConfigError(
                f"Beam.polarization_axis = {tuple(self.polarization_axis.tolist())}: is parallel to the beam; "
                "give a direction across it"
            )
        self.wavelength = config.beam.wavelength / 1e10
        self.fluence = config.beam.fluence
        self.sources = build_sources(
            config.beam, self.beam_direction, self.polarization_axis, equal_weights=self._c
        )
        self.lattice = build_lattice(config.crystal, config.beam.wavelength, c_cell=self._c)
        self.n_cells = _cell_counts(config, self.lattice)
        self.phi = self._phi_steps()
        self.domains = config.crystal.domains()
        self.cells, self._first_cells = self._orientations()
        self.sensor = self._sensor_layers()
        self.distance = self._distance()
        self.recommended_oversample = self._recommended_oversample()
        self.oversample = config.sampling.oversample or self.recommended_oversample
        self.table = config.structure_factors.table()
        self.lookup = self._choose_lookup()
        self._mask = _load_mask(config)
        self.core = self._build_core()
        for message in self._unwanted():
            warnings.warn(message, NanobraggWarning, stacklevel=2)

    def __reduce__(self) -> tuple[Any, ...]:
        return Scene, (self.config,)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image: (slow, fast), with a panel axis in front when there are several panels."""
        return self.config.detector.shape

    @property
    def roi(self) -> Roi:
        """First and last fast, first and last slow pixel that are rendered, inclusive."""
        slow, fast = self.config.detector.panels[0].pixels
        return self.config.roi or (0, fast - 1, 0, slow - 1)

    @cached_property
    def rendered(self) -> npt.NDArray[np.bool_]:
        """Which pixels of the image the mask lets through, like the image; the ROI aside."""
        return np.ones(self.shape, bool) if self._mask is None else self._mask.reshape(self.shape).astype(bool)

    @property
    def terms(self) -> int:
        """Terms that are summed for a pixel, sensor layers aside: sources · φ · domains · sub-pixels."""
        return len(self.sources.weights) * self.phi.count * self.domains * self.oversample**2

    def _phi_steps(self) -> Steps:
        scan = self.config.scan
        span, step = (None if x is None else x / RADIAN_IN_DEGREES for x in (scan.range_deg, scan.step_deg))
        return resolve_steps("phi", scan.steps, span, step)

    def _orientations(self) -> tuple[FloatArray, FloatArray | None]:
        """Cell vectors (m) per φ and domain; and those of the very first term, where it differs.

        Under compat="c" a φ of exactly 0 keeps the orientation that was evaluated before it (row 1): in all
        terms but the first that is the last step's.
        """
        direct = self.lattice.direct * 1e-10
        first, last = self._rotated(direct, direct)
        usual, _ = self._rotated(direct, last) if self._c else (first, last)
        if np.array_equal(first, usual):
            return self._with_domains(usual), None
        return self._with_domains(usual), self._with_domains(first)

    def _rotated(self, direct: FloatArray, before: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Cells at every φ, and the last one, when `before` was evaluated last."""
        start = self.config.scan.start_deg / RADIAN_IN_DEGREES
        turned = []
        for i in range(self.phi.count):
            phi = start + self.phi.step * i
            before = rotate_about(direct, self.spindle_axis, phi) if phi != 0.0 else (before if self._c else direct)
            turned.append(before)
        return np.array(turned), before

    def _with_domains(self, rotated: FloatArray) -> FloatArray:
        if self.domains == 1:
            return np.ascontiguousarray(rotated)
        u, v = mosaic_rotations(self.config.crystal)[np.newaxis, :, np.newaxis], rotated[:, np.newaxis, :, np.newaxis]
        turned = u[..., 0] * v[..., 0] + u[..., 1] * v[..., 1] + u[..., 2] * v[..., 2]
        return np.ascontiguousarray(turned.reshape(-1, 3, 3))

    def _sensor_layers(self) -> Steps:
        detector = self.config.detector
        thickness = None if detector.sensor_thickness_um is None else detector.sensor_thickness_um * 1e-6
        return resolve_steps("sensor", detector.sensor_layers, thickness, None, layers_overshoot=self._c)

    def _attenuation(self) -> float:
        """µ in 1/m."""
        depth = self.config.detector.attenuation_um
        if self.sensor.range == 0:
            return 0.0
        return 1.0 / self.sensor.range if depth is None else 1.0 / (depth * 1e-6)

    def _distance(self) -> float:
        """Along the beam to the detector's plane (the nearest panel's), metres."""
        detector = self.config.detector
        if detector.nominal is not None:
            return detector.nominal.distance_mm / 1000.0
        distances = [panel_distance(panel, self.beam_direction) for panel in detector.panels]
        ahead = [distance for distance in distances if distance > 0]
        if not ahead:
            raise ConfigError("Detector.panels: no panel's plane is hit by the beam; the detector is behind the sample")
        return min(ahead)

    def _recommended_oversample(self) -> int:
        size = max(n * length for n, length in zip(self.n_cells, self._axis_lengths(), strict=True))
        pixel = self.config.detector.panels[0].pixel_mm / 1000.0
        return max(1, math.ceil(3.0 * size / (self.wavelength * self.distance / pixel)))

    def _axis_lengths(self) -> list[float]:
        return [math.sqrt(dot(v, v)) for v in self.lattice.direct * 1e-10]

    def _choose_lookup(self) -> int:
        if self.table is None:
            return _core.LOOKUPS.index("constant")
        wanted = self.config.structure_factors.interpolate
        if wanted is None:
            wanted = min(self.n_cells) <= 2
        wide_enough = all(last - first >= 4 for first, last in zip(self.table.first, self.table.last, strict=True))
        return _core.LOOKUPS.index("tricubic" if wanted and wide_enough else "nearest")

    def _build_core(self) -> _core.CoreScene:
        detector = self.config.detector
        panels = [_panel_numbers(panel, self.beam_direction, self.distance, self._c) for panel in detector.panels]
        table = self.table
        return _core.CoreScene(
            panels, self._source_numbers(), self.cells, self._first_cells,
            None if table is None else table.values, self._mask, self._numbers(),
        )  # fmt: skip

    def _source_numbers(self) -> list[dict[str, Any]]:
        numbers = []
        for direction, wavelength, weight in zip(*self.sources, strict=True):
            e, b = self._wave_axes(direction)
            numbers.append({
                "direction": direction.tolist(), "wavelength": wavelength, "weight": weight,
                "e": e.tolist(), "b": b.tolist(),
            })  # fmt: skip
        return numbers

    def _wave_axes(self, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
        """E and B of a source's wave; an unpolarized one has neither, and may run along the polarization axis."""
        across = np.cross(self.polarization_axis, direction)
        if self.config.beam.kahn_factor == 0 and not across.any():
            return across, across
        b = unit(across, "polarization axis × a source's direction")
        return unit(np.cross(direction, b)), b

    def _numbers(self) -> dict[str, Any]:
        """The kernel's scalar fields (include/nanobragg/scene.h)."""
        config, sampling, detector = self.config, self.config.sampling, self.config.detector
        water, scale = self._water_and_scale()
        return {
            "n": [float(n) for n in self.n_cells],
            "metric": self._metric(),
            "shape": _core.SHAPES.index(config.crystal.shape),
            "lookup": self.lookup,
            "default_F": config.structure_factors.default_F,
            **_table_numbers(self.table),
            "oversample": self.oversample,
            "n_layers": self.sensor.count,
            "has_sensor": self.sensor.range > 0,
            "layer": self.sensor.step,
            "mu": self._attenuation(),
            "point_pixel": detector.point_pixel,
            "curved": detector.curved,
            "polarized": config.beam.polarized,
            "kahn": config.beam.kahn_factor,
            "d_min": sampling.d_min_A * 1e-10,
            "water": water,
            "scale": scale,
            "c_factors": self._c,
            "every_omega": sampling.oversample_omega,
            "every_polar": sampling.oversample_polar,
            "every_capture": sampling.oversample_thick,
            "interpolation_ends": self._c and self.lookup == _core.LOOKUPS.index("tricubic"),
        }

    def _metric(self) -> list[float]:
        """Squared radius of the radial shapes as a quadratic form of (Δh, Δk, Δl): hh kk ll, 2kl 2hl 2hk."""
        shape, fudge = self.config.crystal.shape, self.config.crystal.fudge
        n = [float(count) for count in self.n_cells]
        if not (self._c and shape in ("gauss", "tophat")):
            return [fudge * n[0] ** 2, fudge * n[1] ** 2, fudge * n[2] ** 2, 0.0, 0.0, 0.0]
        a, b, c = self.lattice.reciprocal
        scale = fudge * (n[0] * n[1] * n[2]) ** 2  # row 7
        return [
            scale * dot(a, a), scale * dot(b, b), scale * dot(c, c),
            scale * 2 * dot(b, c), scale * 2 * dot(a, c), scale * 2 * dot(a, b),
        ]  # fmt: skip

    def _water_and_scale(self) -> tuple[float, float]:
        edge = self.config.background.water_um / 1e6
        water = WATER_AMPLITUDE**2 * (edge**3 * WATER_DENSITY * AVOGADRO / WATER_MOLAR_MASS)
        photons = R_E_SQR * self.fluence
        if self._c:  # row 11: fluence twice, and shared out among the terms
            return water * photons, photons / self.terms
        return water, photons / self.oversample**2

    def _unwanted(self) -> list[str]:
        """What makes a valid but surely unwanted image."""
        found = []
        if self.oversample * 2 < self.recommended_oversample:
            found.append(
                f"oversample = {self.oversample}: intensity varies strongly within a pixel for a crystal of this size; "
                f"{self.recommended_oversample} is recommended"
            )
        if not self._beam_hits():
            found.append("the direct beam does not hit the detector: check distance, beam centre and two-theta")
        if self.table is not None and self._nothing_in_table():
            found.append(
                f"every pixel lies outside the table of structure factors ({self.config.structure_factors.path or 'arrays'}) "
                f"and gets default_F = {self.config.structure_factors.default_F:g}: check cell, wavelength and distance"
            )
        return found

    def _beam_hits(self) -> bool:
        """Whether the beam passes through the bounding rectangle of all panels, seen from the first."""
        first = self.config.detector.panels[0]
        fast, slow, _ = first.axes()
        spot = panel_distance(first, self.beam_direction) * self.beam_direction * 1000.0
        corners = []
        for panel in self.config.detector.panels:
            f, s, _ = panel.axes()
            extent = np.array([[0, 0], [0, panel.pixels[1]], [panel.pixels[0], 0], panel.pixels]) * panel.pixel_mm
            corners.append(np.asarray(panel.origin_mm) + extent[:, :1] * s + extent[:, 1:] * f)
        places = np.concatenate(corners) @ np.array([fast, slow]).T
        where = np.array([spot @ fast, spot @ slow])
        return bool((where >= places.min(axis=0)).all() and (where <= places.max(axis=0)).all())

    def _nothing_in_table(self) -> bool:
        """Whether no reflection of the table is near any pixel of a coarse grid, in the first and last orientation."""
        assert self.table is not None
        rays = np.concatenate([_coarse_rays(panel) for panel in self.config.detector.panels])
        for source in {0, len(self.sources.weights) - 1}:
            q = (rays - self.sources.directions[source]) / self.sources.wavelengths[source]
            for cell in (self.cells[0], self.cells[-1]):
                index = q @ cell.T
                inside = (index > np.array(self.table.first) - 1) & (index < np.array(self.table.last) + 1)
                if inside.all(axis=1).any():
                    return False
        return True


def panel_distance(panel: Panel, beam: FloatArray) -> float:
    """From the sample along the beam to a panel's plane, metres; infinite when they are parallel."""
    normal = panel.axes()[2]
    across = dot(beam, normal)
    return dot(np.asarray(panel.origin_mm) / 1000.0, normal) / across if across else math.inf


def _coarse_rays(panel: Panel, points: int = 24) -> FloatArray:
    """Unit vectors towards a grid of points on a panel, shape (points², 3)."""
    fast, slow, _ = panel.axes()
    s, f = (np.linspace(0, n, points) * panel.pixel_mm for n in panel.pixels)
    place = np.asarray(panel.origin_mm) + s[:, None, None] * slow + f[None, :, None] * fast
    rays: FloatArray = place.reshape(-1, 3)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    return rays


def _cell_counts(config: Config, lattice: Lattice) -> tuple[int, int, int]:
    """Unit cells along a, b, c, from their number or the crystal's size, which the beam clips across itself."""
    size = [mm / 1000.0 for mm in config.crystal.size_mm]
    beam = None if config.beam.size_mm is None else config.beam.size_mm / 1000.0
    counts = []
    for axis, (edge, count, vector) in enumerate(
        zip(size, config.crystal.n_cells, lattice.direct * 1e-10, strict=True)
    ):
        if axis > 0 and beam is not None and edge > beam:
            warnings.warn(
                f"Crystal.size_mm[{axis}] = {edge * 1000:g} is larger than the beam and clipped to its {beam * 1000:g} mm",
                NanobraggWarning,
                stacklevel=3,
            )
            edge = beam
        counts.append(max(1, math.ceil(edge / math.sqrt(dot(vector, vector)))) if edge > 0 else count)
    return counts[0], counts[1], counts[2]


def _panel_numbers(panel: Panel, beam: FloatArray, distance: float, like_c: bool) -> dict[str, Any]:
    """A panel in the kernel's form, metres; with the C program's axes and way to bend it (row 10) or ours."""
    fast, slow, normal = panel.axes()
    pix0 = np.asarray(panel.origin_mm) / 1000.0
    if like_c:
        if panel.normal_axis is not None:  # C's axes stretch with a two-theta axis that is no unit vector
            fast, slow, normal = (np.asarray(axis) for axis in (panel.fast_axis, panel.slow_axis, panel.normal_axis))
        axis, along, start = [slow, fast], np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), [0.0, 0.0]
    else:
        axis = [_across(beam, fast), _across(beam, slow)]
        along, start = np.array([fast, slow]), [distance * dot(beam, fast), distance * dot(beam, slow)]
    return {
        "pix0": pix0.tolist(), "fast": fast.tolist(), "slow": slow.tolist(), "normal": normal.tolist(),
        "pixel": panel.pixel_mm / 1000.0, "close_distance": dot(pix0, normal),
        "distance": distance, "beam": beam.tolist(), "axis": [a.tolist() for a in axis],
        "along": along.tolist(), "start": start,
    }  # fmt: skip


def _across(beam: FloatArray, axis: FloatArray) -> FloatArray:
    """Unit vector along beam × axis; any vector where they are parallel and nothing bends."""
    crossed = np.cross(beam, axis)
    return crossed / (np.linalg.norm(crossed) or 1.0)


def _table_numbers(table: Table | None) -> dict[str, Any]:
    if table is None:
        return {"table_low": [0.0] * 3, "table_high": [0.0] * 3, "table_strides": (0.0, 0.0)}
    _, nk, nl = table.values.shape
    return {
        "table_low": [first - 1.0 for first in table.first],
        "table_high": [last + 1.0 for last in table.last],
        "table_strides": (float(nk * nl), float(nl)),
    }


def _load_mask(config: Config) -> npt.NDArray[np.uint8] | None:
    """The mask as bytes of shape (panels, slow, fast), 0: not rendered; None: every pixel is."""
    mask, shape = config.detector.mask, config.detector.shape
    if mask is None:
        return None
    if isinstance(mask, Path):
        from .io.smv import read_smv

        pixels, _ = read_smv(mask)
        if pixels.shape != shape:
            raise ConfigError(f"mask {mask}: its shape (slow, fast) {pixels.shape} is not the detector's {shape}")
        mask = pixels != 0
    panels = len(config.detector.panels)
    return np.ascontiguousarray(mask, dtype=np.uint8).reshape(panels, *config.detector.panels[0].pixels)
