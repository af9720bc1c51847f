"""Description of an experiment for NXmx files, in the McStas frame."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from ..bounds import LENGTH
from ..config.base import same
from ..config.beam import Beam, build_sources, polarization_axis
from ..config.config import Config
from ..config.detector import Detector
from ..config.digest import canonical_text, text_digest
from ..config.panel import Panel, panel_distance
from ..detectors.conventions import CONVENTIONS
from ..errors import ConfigError
from ..geometry import FloatArray, unit
from ..io.atomic import StrPath
from ..io.nexus_write import BeamRecord, DetectorRecord, ExperimentRecord, Module, Rotation
from ..response.recording import resolve_recording

MARKER_VALUES = 2  # number of highest integers with which DECTRIS and DIALS mark pixels
FILM_MM = 1e-6  # thickness written without a sensor, because DIALS requires one
LARGEST = 2**31 - 1  # DIALS reads unsigned 32-bit integers as signed


class Description:
    """Description of Configs, one per frame, in the McStas frame.

    Parameters
    ----------
    configs
        One or more Configs.

    Raises
    ------
    ConfigError
        The Configs cannot share a file.
    """

    def __init__(self, configs: Sequence[Config]) -> None:
        self.configs = configs
        self.first = first = configs[0]
        self.beam_direction, self.polarization, self.spindle = _directions(first)
        self.to_mcstas = mcstas_frame(self.beam_direction, self.polarization)
        for number, config in enumerate(configs):
            if config.detector is not first.detector and config.detector != first.detector:
                raise ConfigError(f"config[{number}].detector: must equal that of config[0]; a file has one detector")
            if not all(map(np.array_equal, _directions(config), _directions(first))):
                raise ConfigError(
                    f"config[{number}]: direction of the beam, polarization axis and spindle must equal those of "
                    "config[0]; a file has one of each"
                )

    def of_frames(self, path: StrPath, count: int, one_for_all: bool) -> Description:
        """Return a description with one Config per frame."""
        if one_for_all:
            turns = self.first.scan.width_deg > 0
            return Description(self.first.series(count) if turns else [self.first] * count)
        if count != len(self.configs):
            raise ConfigError(f"{path}: {count} frames for {len(self.configs)} Configs; give one per frame")
        return self

    def experiment(
        self,
        dtype: np.dtype[Any],
        saturation: float | None,
        sensor_material: str | None,
        noise_seed: int | Sequence[int] | None,
        start_time: datetime,
    ) -> ExperimentRecord:
        """Return the record of everything in the file but the images."""
        from ..version import __version__

        detector = self.first.detector
        process: dict[str, object] = {"program": "nanobragg", "version": __version__, "date": start_time.isoformat()}
        if noise_seed is not None:
            process |= {"noise_seed": noise_seed, "numpy_version": np.__version__}
        texts = [canonical_text(config) for config in (self.configs if self._differ() else self.configs[:1])]
        process["config_sha256"] = [text_digest(text) for text in texts] if len(texts) > 1 else text_digest(texts[0])
        note = ("application/toml", texts if len(texts) > 1 else texts[0])
        return ExperimentRecord(
            detector=self._detector(
                saturation_of(self.first, dtype, saturation), material_of(detector, sensor_material)
            ),
            beam=self._beam(),
            rotation=self._rotation(),
            start_time=start_time,
            process=process,
            notes={"config": note},
        )

    def _differ(self) -> bool:
        """Return whether the Configs differ in more than the scan."""
        names = [name for name in Config.model_fields if name != "scan"]
        pairs = ((getattr(config, name), getattr(self.first, name)) for config in self.configs for name in names)
        return any(one is not other and not same(one, other) for one, other in pairs)

    def _detector(self, saturation: float | None, sensor_material: str) -> DetectorRecord:
        detector = self.first.detector
        turn = self.to_mcstas
        modules = []
        for panel in detector.panels:
            fast, slow, _ = panel.axes()
            modules.append(Module(turn @ np.array(panel.origin_mm), turn @ fast, turn @ slow, panel.pixel_mm))
        distance, center = beam_on_stacked_image(detector.panels, self.beam_direction)
        return DetectorRecord(
            modules=modules,
            pixels=detector.panels[0].pixels,
            distance_mm=distance,
            beam_center_px=center,
            sensor_material=sensor_material,
            sensor_thickness_mm=(detector.sensor_thickness_um or 0.0) / 1000.0 or FILM_MM,
            saturation=saturation,
            exposure_s=self.first.beam.exposure_s,
            pedestal=pedestal_of(self.first),
            mask=unrendered_pixels(self.first),
        )

    def _beam(self) -> BeamRecord:
        beams = [config.beam for config in self.configs]
        fluxes = [beam.flux_ph_s for beam in beams]
        spectra = self._spectra()
        means = [wavelengths @ weights for wavelengths, weights in spectra]
        return BeamRecord(
            wavelengths_A=shared(means),
            spectrum=_spectrum_arrays(spectra),
            stokes=shared([np.array([1.0, beam.kahn_factor * beam.polarized, 0.0, 0.0]) for beam in beams]),
            flux_density=shared([beam.fluence / beam.exposure_s for beam in beams]),
            total_flux=None if None in fluxes else shared(fluxes),
            size_mm=self.first.beam.size_mm,
        )

    def _spectra(self) -> list[tuple[FloatArray, FloatArray]]:
        """Return wavelengths (Å) and weights of the beam of each frame; repeated beams are evaluated once."""
        known: dict[int, tuple[FloatArray, FloatArray]] = {}
        for config in self.configs:
            if id(config.beam) not in known:
                known[id(config.beam)] = spectrum_of(
                    config.beam, self.beam_direction, self.polarization, config.compat == "c"
                )
        return [known[id(config.beam)] for config in self.configs]

    def _rotation(self) -> Rotation | None:
        widths = np.array([config.scan.width_deg for config in self.configs])
        if not widths.any():
            return None
        if not widths.all():
            raise ConfigError("config: some scans have a rotation and some do not; write them to separate files")
        start = np.array([config.scan.start_deg for config in self.configs])
        return Rotation(self.to_mcstas @ self.spindle, start, start + widths)


def _directions(config: Config) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return unit vectors of the beam, the polarization axis and the spindle in the lab frame."""
    frame = CONVENTIONS[config.detector.convention]
    beam = unit(config.beam.direction or frame.beam, "Beam.direction")
    axis = config.beam.polarization_axis or frame.polarization
    return (
        beam,
        polarization_axis(config.beam, beam, axis, like_c=False),
        unit(config.crystal.spindle_axis or frame.spindle, "Crystal.spindle_axis"),
    )


def mcstas_frame(beam_direction: FloatArray, polarization_axis: FloatArray) -> FloatArray:
    """Return the rotation from the lab to the McStas frame: z along the beam, x against the perpendicular axis.

    With horizontal polarization y is up, and in the frame of DIALS, rotated by 180 degrees about y, x is along the
    polarization axis.

    Returns
    -------
    ndarray, shape (3, 3)
        Rows x, y, z.
    """
    x = -polarization_axis
    return np.array([x, np.cross(beam_direction, x), beam_direction])


def beam_on_stacked_image(panels: Sequence[Panel], beam: FloatArray) -> tuple[float, tuple[float, float] | None]:
    """Return the distance (mm) along the beam, and its position (fast, slow) on the stacked image, pixels.

    If the beam misses all of several panels: the smallest distance to their planes, and None.
    """
    distances = []
    for index, panel in enumerate(panels):
        distance = 1000.0 * panel_distance(panel, beam)
        if not 0 < distance <= LENGTH.high:  # edge-on, or behind the sample
            continue
        distances.append(distance)
        fast, slow = panel_position_px(panel, distance * beam)
        inside = 0 <= fast <= panel.pixels[1] and 0 <= slow <= panel.pixels[0]
        if inside or len(panels) == 1:
            return distance, (fast, slow + index * panel.pixels[0])
    return min(distances, default=0.0), None


def panel_position_px(panel: Panel, point_mm: FloatArray) -> tuple[float, float]:
    """Return the position (fast, slow), pixels, of a point in a panel's plane; axes need not be perpendicular."""
    fast, slow, _ = panel.axes()
    basis = np.stack([fast, slow], axis=1)
    place = np.linalg.lstsq(basis, point_mm - np.array(panel.origin_mm), rcond=None)[0] / panel.pixel_mm
    return float(place[0]), float(place[1])


def unrendered_pixels(config: Config) -> npt.NDArray[np.bool_] | None:
    """Return a mask of the pixels of the stacked image that are masked or outside the ROI; None if there are none."""
    from ..scene.scene_data import load_mask

    mask = load_mask(config)
    if mask is None and config.roi is None:
        return None
    slow, fast = config.detector.panels[0].pixels
    missing = np.zeros((len(config.detector.panels), slow, fast), bool) if mask is None else mask == 0
    if config.roi is not None:
        outside = np.ones((slow, fast), bool)
        outside[config.roi] = False
        missing |= outside
    return missing.reshape(-1, fast)


def pedestal_of(config: Config) -> float | None:
    """Return the units of a pixel without photons; None for expected photons, of a Config without noise."""
    return None if config.noise is None else resolve_recording(config).adc_offset


def saturation_of(config: Config, dtype: np.dtype[Any], given: float | None = None) -> float | None:
    """Return the largest valid value: `given`, that of the detector, or the largest integer that marks no pixels."""
    saturation = given
    if saturation is None:
        recorded = config.noise is not None
        saturation = resolve_recording(config).saturation_adu if recorded else config.detector.saturation_adu
    if saturation is not None or dtype.kind == "f":
        return saturation
    return min(int(np.iinfo(dtype).max), LARGEST) - MARKER_VALUES


def material_of(detector: Detector, given: str | None = None) -> str:
    """Return the material of the sensor: `given`, that of the detector, or silicon."""
    return given or detector.sensor_material or "Si"


def shared(values: Sequence[Any] | FloatArray) -> FloatArray:
    """Return one entry if it is the same for all frames, otherwise one per frame."""
    array = np.array(values, dtype=np.float64)
    return array[0] if (array == array[0]).all() else array


def spectrum_of(
    beam: Beam, direction: FloatArray, polarization: FloatArray, like_c: bool
) -> tuple[FloatArray, FloatArray]:
    """Return the distinct wavelengths (Å, ascending) of a beam's sources, and the sum of their weights."""
    sources = build_sources(beam, direction, polarization, like_c=like_c)
    wavelengths, where = np.unique(sources.wavelengths * 1e10, return_inverse=True)
    return wavelengths, np.bincount(where.ravel(), weights=sources.weights).astype(np.float64)


def _spectrum_arrays(spectra: Sequence[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray] | None:
    """Return the spectra of all frames, padded to the same length, or the shared one; None if monochromatic."""
    channels = max(len(wavelengths) for wavelengths, _ in spectra)
    if channels == 1:
        return None
    padded = []
    for wavelengths, weights in spectra:
        missing = (0, channels - len(wavelengths))
        padded.append((np.pad(wavelengths, missing, mode="edge"), np.pad(weights, missing)))
    wavelengths, weights = shared([w for w, _ in padded]), shared([w for _, w in padded])
    if weights.ndim < wavelengths.ndim:
        weights = np.broadcast_to(weights, wavelengths.shape)
    return wavelengths, weights
