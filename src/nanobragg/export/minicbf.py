"""The miniCBF header of a Config, and the check that miniCBF can describe it."""

from datetime import datetime, timezone

import numpy as np

from ..config.config import Config
from ..config.digest import config_digest
from ..errors import ConfigError
from ..io.atomic import StrPath
from .nexus_description import FILM_MM, Description, beam_on_stacked_image, material_of, pedestal_of, spectrum_of

ALIGNED = 1e-6  # radians; tolerance of directions
SENSORS = {"Si": "Silicon", "CdTe": "CdTe"}  # names in the header; other materials are called "CCD"


def cbf_header(path: StrPath, config: Config, *, saturation: float, noise_seed: int | None = None) -> str:
    """Return the header lines of a miniCBF image, as DECTRIS detectors write them.

    The format implies a detector perpendicular to the beam, its fast axis along the spindle, and fast × slow along the
    beam. `saturation` is the largest valid count. Raises `ConfigError`, which names `path`, if miniCBF cannot describe
    the geometry; NXmx can.
    """
    check_expressible(path, config)
    lines = [*_detector_lines(config, saturation), *_beam_lines(config), f"Config_SHA256 {config_digest(config)}"]
    if noise_seed is not None:
        lines += [f"Noise_seed {noise_seed}", f"NumPy_version {np.__version__}"]
    return "".join(f"# {line}\n" for line in lines)


def _detector_lines(config: Config, saturation: float) -> list[str]:
    from ..version import __version__

    detector = config.detector
    distance, center = beam_on_stacked_image(detector.panels, Description([config]).beam_direction)
    assert center is not None  # a single panel in front of the sample
    pedestal = pedestal_of(config)
    pixel = f"{detector.panels[0].pixel_mm * 1000.0:.9g}e-6 m"
    thickness = (detector.sensor_thickness_um or 1000.0 * FILM_MM) * 1e-6  # readers require a thickness
    return [
        f"Detector: nanobragg {__version__} (simulated), S/N 00-0000",
        datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000"),
        f"Pixel_size {pixel} x {pixel}",
        f"{SENSORS.get(material_of(detector), 'CCD')} sensor, thickness {thickness:.9f} m",
        "Tau = 0 s",
        f"Count_cutoff {int(saturation)} counts",
        *([] if pedestal is None else [f"Pedestal {pedestal:g} counts"]),
        "Threshold_setting: 0 eV",
        f"Detector_distance {distance / 1000.0:.9g} m",
        f"Beam_xy ({center[0]:.4f}, {center[1]:.4f}) pixels",
        "Detector_2theta 0.0000 deg.",
    ]


def _beam_lines(config: Config) -> list[str]:
    """Return the header lines for beam, exposure and spindle."""
    beam, scan, frame = config.beam, config.scan, Description([config])
    wavelengths, weights = spectrum_of(beam, frame.beam_direction, frame.polarization, config.compat == "c")
    return [
        f"Exposure_time {beam.exposure_s:.7f} s",
        f"Exposure_period {beam.exposure_s:.7f} s",
        f"Wavelength {float(wavelengths @ weights):.9g} A",
        *([f"Flux {beam.flux_ph_s:.6g}"] if beam.flux_ph_s else []),
        "Filter_transmission 1.0000",
        f"Polarization {0.5 + 0.5 * beam.kahn_factor * beam.polarized:.4f}",
        f"Start_angle {scan.start_deg:.6f} deg.",
        f"Angle_increment {scan.width_deg:.6f} deg.",
        "Oscillation_axis X.CW",
    ]


def check_expressible(path: StrPath, config: Config) -> None:
    """Raise `ConfigError` unless miniCBF can describe the geometry."""
    description = Description([config])
    detector, beam = config.detector, description.beam_direction
    fast, slow, _ = detector.panels[0].axes()
    distance, _ = beam_on_stacked_image(detector.panels, beam)
    problem = ""
    if len(detector.panels) > 1:
        problem = f"holds one panel, the detector has {len(detector.panels)}"
    elif detector.curved:
        problem = "holds a flat detector, this one is curved"
    elif max(abs(fast @ beam), abs(slow @ beam), abs(fast @ slow)) > ALIGNED or distance <= 0:
        problem = "holds a panel across the beam with perpendicular axes, this one is inclined"
    elif np.cross(fast, slow) @ beam < 0:
        problem = "holds images seen along the beam (fast × slow along it), these axes make the mirror image"
    elif config.scan.width_deg > 0 and np.linalg.norm(description.spindle - fast) > ALIGNED:
        axis = tuple(np.round(description.spindle, 6).tolist())
        problem = f"rotates about the fast axis, the spindle is {axis}"
    if problem:
        raise ConfigError(f"{path}: miniCBF {problem}; write NXmx (.nxs) instead")
