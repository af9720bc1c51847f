"""Import of NXmx files: detector, beam and sample, in the McStas frame.

Source: https://manual.nexusformat.org/classes/applications/NXmx.html
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..calls import public
from ..config.beam import Beam
from ..config.detector import Detector
from ..config.panel import Panel
from ..config.spectrum import Spectrum
from ..constants import EV_ANGSTROM
from ..detectors.sensor import MATERIALS, THINNEST_UM, sensor_fields
from ..errors import ConfigError, warn_user
from ..geometry import FloatArray, rotate_about
from ..io.atomic import StrPath
from ..io.hdf5 import open_hdf5, read_values
from ..io.nexus_file import Axis, NexusFile, text
from ..io.nexus_stacks import count_images, image_stacks
from ..io.units import ANGLE, ENERGY, LENGTH, WAVELENGTH
from .electrons import is_of_electrons, warn_of_electrons
from .experiment import Experiment

EIGER_OMEGA = "goniometer/omega"
EIGER_AXIS = (-1.0, 0.0, 0.0)
SENSORS = {"silicon": "Si", "si": "Si", "cdte": "CdTe", "gaas": "GaAs"}


@public
def read_nxmx(path: StrPath) -> Experiment:
    """Read detector, beam and rotation from an NXmx file (NeXus HDF5), which holds no crystal.

    Modules become panels in the McStas frame: z along the beam, y up. Chains of transformations, in any units, place
    the modules and rotate the sample. The sensor has one layer at the mean depth of absorption. Without polarization
    in the file the beam is unpolarized, with its polarization axis along x.

    Parameters
    ----------
    path : path
        An NXmx file, or the master of several.

    Returns
    -------
    Experiment
        Its method `config(…, crystal=Crystal(…))` returns the Config of an image.

    Raises
    ------
    FileError
        The file cannot be read.
    FormatError
        The file is not valid HDF5 or NXmx, or lacks detector modules, wavelength or part of a chain.
    ConfigError
        Panels of different shapes, pixels that are not square, or h5py is not installed
        (`pip install 'nanobragg[files]'`).

    Warns
    -----
    NanobraggWarning
        The rotation has no axis, the numbers of images and angles differ, or the beam is one of electrons, for which
        the detector absorbs every particle at its surface.
    """
    with open_hdf5(path) as root:
        file = NexusFile(path, root)
        entry = file.entry()
        beams = _beams(file, entry)
        if not beams:
            raise file.error(entry, "has no NXbeam with incident_wavelength")
        rotation = _rotation(file, entry)
        rotation["images"] = images = _images(file, entry, rotation.get("images", 1), len(beams))
        if len(beams) not in (1, images):
            raise file.error(entry, f"has {len(beams)} wavelengths for {images} images")
        wavelength, probe = beams[0].wavelength, _probe(file, entry)
        detector = _detector(file, entry, None if is_of_electrons(wavelength, probe) else wavelength)
        warn_of_electrons(path, [(wavelength, probe)])
    return Experiment(detector=detector, beams=tuple(beams), **rotation)


def _probe(file: NexusFile, entry: Any) -> str:
    """Return the probe of the source, such as "x-ray" or "electron"; "" if the file has none."""
    instrument = file.first_of_class(entry, "NXinstrument")
    sources = [group for place in (instrument, entry) for group in file.groups_of_class(place, "NXsource")]
    probe = next((found for source in sources if hasattr(found := source.get("probe"), "shape")), None)
    return "" if probe is None else text(read_values(probe))


def _images(file: NexusFile, entry: Any, moves: int, beams: int) -> int:
    """Return the number of images: that of the data, or else of angles or wavelengths; warns if they differ."""
    expected = moves if moves > 1 else beams
    stacks = image_stacks(file, entry)
    stored = count_images(stacks)
    if not stored or any(stack.item is None for stack in stacks):
        return max(expected, stored)
    if expected not in (1, stored):
        warn_user(
            f"{file.path}: holds {stored} images, and {expected} angles or wavelengths; {min(stored, expected)} images "
            "are used; check whether the run was complete"
        )
        return min(stored, expected)
    return stored


@public
def read_nxmx_detector(path: StrPath) -> Detector:
    """Read the detector of an NXmx file, in the McStas frame: z along the beam, y up.

    Parameters
    ----------
    path
        The file, or the master of several.

    Returns
    -------
    Detector
        Panels, sensor, mask and saturation.

    Raises
    ------
    FileError, FormatError, ConfigError
        As for `read_nxmx`; but without a wavelength the detector absorbs every photon.
    """
    with open_hdf5(path) as root:
        file = NexusFile(path, root)
        entry = file.entry()
        beams = _beams(file, entry)
        return _detector(file, entry, beams[0].wavelength if beams else None)


def _detector(file: NexusFile, entry: Any, wavelength_A: float | None) -> Detector:
    instrument = file.first_of_class(entry, "NXinstrument")
    detectors = file.groups_of_class(instrument, "NXdetector") or [file.first_of_class(instrument, "NXdetector")]
    group = next((each for each in detectors if file.groups_of_class(each, "NXdetector_module")), detectors[0])
    modules = file.groups_of_class(group, "NXdetector_module")
    if not modules:
        raise file.error(group, "has no NXdetector_module, which describes the pixels")
    panels = tuple(_panel(file, module) for module in modules)
    return Detector(
        panels=panels, convention="dials", mask=_mask(file, group, modules, panels),
        name=text(read_values(group["description"])) if "description" in group else "",
        saturation_adu=_saturation(file, group), **_sensor(file, group, wavelength_A),
    )  # fmt: skip


def _panel(file: NexusFile, module: Any) -> Panel:
    for name in ("fast_pixel_direction", "slow_pixel_direction", "data_size"):
        if module.get(name) is None:
            raise file.error(module, f"has no {name}")
    fast, slow = file.axis(module["fast_pixel_direction"]), file.axis(module["slow_pixel_direction"])
    if not math.isclose(fast.values[0], slow.values[0], rel_tol=1e-6):
        raise ConfigError(
            f"{file.path}: {module.name}: pixels of {fast.values[0]:g} x {slow.values[0]:g} mm must be square"
        )
    size = file.integers(module["data_size"])
    if len(size) < 2:
        raise file.error(module["data_size"], "must be the pixels (slow, fast)")
    origin, turned = _placed(file, module["fast_pixel_direction"])
    _, turned_slow = _placed(file, module["slow_pixel_direction"])
    return Panel(
        origin_mm=tuple(origin.tolist()), fast_axis=tuple((turned @ fast.vector).tolist()),
        slow_axis=tuple((turned_slow @ slow.vector).tolist()), pixel_mm=float(fast.values[0]),
        pixels=(int(size[-2]), int(size[-1])), name=module.name.rsplit("/", 1)[-1],
    )  # fmt: skip


def _placed(file: NexusFile, direction: Any) -> tuple[FloatArray, FloatArray]:
    """Return origin (mm) and rotation that a chain gives to a pixel direction; moving axes are at their start."""
    place, turned = file.axis(direction).offset, np.eye(3)
    for item in file.chain(direction, text(direction.attrs.get("depends_on", "."))):
        axis = file.axis(item)
        if axis.rotates:
            rotation = _rotation_matrix(axis, float(axis.values[0]))
            place, turned = rotation @ place + axis.offset, rotation @ turned
        else:
            place = place + axis.offset + axis.values[0] * axis.vector
    return place, turned


def _rotation_matrix(axis: Axis, angle_deg: float) -> FloatArray:
    return rotate_about(np.eye(3), axis.vector, math.radians(angle_deg)).T


def _mask(file: NexusFile, group: Any, modules: list[Any], panels: tuple[Panel, ...]) -> npt.NDArray[np.bool_] | None:
    """Return where the pixel_mask of the file is 0, module by module; None without masked pixels."""
    whole = group.get("pixel_mask")
    if whole is None or getattr(whole, "ndim", 0) != 2 or len({panel.pixels for panel in panels}) > 1:
        return None  # Detector rejects panels of different shapes
    stored, parts = np.asarray(read_values(whole)), []
    for module, panel in zip(modules, panels, strict=True):
        start = file.integers(module["data_origin"])[-2:] if "data_origin" in module else np.zeros(2, int)
        slow, fast = (slice(int(first), int(first) + n) for first, n in zip(start, panel.pixels, strict=True))
        part = stored[slow, fast] == 0
        if part.shape != panel.pixels:
            raise file.error(whole, f"of shape {whole.shape} does not cover {module.name}")
        parts.append(part)
    if all(part.all() for part in parts):
        return None
    return parts[0] if len(parts) == 1 else np.array(parts)


def _saturation(file: NexusFile, group: Any) -> float | None:
    if group.get("saturation_value") is None:
        return None
    value = float(file.numbers(group["saturation_value"])[0])
    return value if value > 0 else None


def _sensor(file: NexusFile, group: Any, wavelength_A: float | None) -> dict[str, Any]:
    """Return the fields of `Detector` for the sensor; without thickness if its material is unknown."""
    named = text(read_values(group["sensor_material"])) if "sensor_material" in group else ""
    material = SENSORS.get(named.casefold(), named)
    thickness = group.get("sensor_thickness")
    if thickness is None or material not in MATERIALS or wavelength_A is None:
        return {"sensor_material": material}
    thickness_um = 1000.0 * float(file.numbers(thickness, LENGTH)[0])
    if thickness_um < THINNEST_UM:
        return {"sensor_material": material}
    return sensor_fields(material, thickness_um, wavelength_A)


def _beams(file: NexusFile, entry: Any) -> list[Beam]:
    """Return one beam, or one per image; an empty list without a wavelength."""
    instrument = file.first_of_class(entry, "NXinstrument")
    samples = file.groups_of_class(entry, "NXsample")
    groups = [group for place in (instrument, *samples) for group in file.groups_of_class(place, "NXbeam")]
    group = next((each for each in groups if each.get("incident_wavelength") is not None), None)
    if group is None:
        return _beams_elsewhere(file, instrument, groups)
    common = {"direction": (0.0, 0.0, 1.0), **_polarization(file, group)}
    wavelengths = group["incident_wavelength"]
    variant = text(wavelengths.attrs.get("variant", ""))
    channels = group[variant] if variant and variant in group else wavelengths
    weights = group.get(channels.name.rsplit("/", 1)[-1] + "_weights")
    if weights is None:
        means = file.numbers(wavelengths, WAVELENGTH)
        if not (len(means) and (means > 0).all()):
            raise file.error(wavelengths, "must be positive")
        if (means == means[0]).all():
            means = means[:1]
        return [Beam(wavelength_A=mean, **common) for mean in means.tolist()]
    units, to_A = (ENERGY, True) if ENERGY.factor(text(channels.attrs.get("units", ""))) else (WAVELENGTH, False)
    axis = file.numbers(channels, units)
    rows = np.atleast_2d(np.asarray(read_values(weights), np.float64))
    count = rows.shape[1]
    if count == 0 or len(axis) not in (count, rows.size):
        raise file.error(weights, f"holds {rows.shape} weights for {len(axis)} wavelengths")
    lines = np.broadcast_to(axis.reshape(-1, count), rows.shape)
    return [
        Beam(spectrum=Spectrum(wavelengths_A=EV_ANGSTROM / line if to_A else line, weights=row), **common)
        for line, row in zip(lines, rows, strict=True)
    ]


ELSEWHERE = (  # of the wavelength, in files of other programs
    ("NXbeam", "wavelength", WAVELENGTH), ("NXmonochromator", "wavelength", WAVELENGTH),
    ("NXbeam", "incident_energy", ENERGY), ("NXmonochromator", "energy", ENERGY),
)  # fmt: skip


def _beams_elsewhere(file: NexusFile, instrument: Any, beams: list[Any]) -> list[Beam]:
    """Return the beam of a wavelength or energy in other usual places; an empty list if there is none."""
    polarization = _polarization(file, beams[0]) if beams else {"polarization_axis": (1.0, 0.0, 0.0)}
    for nx_class, name, dimension in ELSEWHERE:
        groups = beams if nx_class == "NXbeam" else file.groups_of_class(instrument, nx_class)
        item = next((found for group in groups if hasattr(found := group.get(name), "shape")), None)
        if item is None:
            continue
        values = file.numbers(item, dimension)
        if not (len(values) and values[0] > 0):
            raise file.error(item, "must be positive")
        wavelength = float(values[0]) if dimension is WAVELENGTH else EV_ANGSTROM / float(values[0])
        return [Beam(wavelength_A=wavelength, direction=(0.0, 0.0, 1.0), **polarization)]
    return []


def _polarization(file: NexusFile, group: Any) -> dict[str, Any]:
    """Return Kahn's factor and the axis from the Stokes vector I, Q, U, V: Q > 0 along x, U > 0 halfway to y."""
    stokes = group.get("incident_polarization_stokes")
    if stokes is None:
        return {"polarization_axis": (1.0, 0.0, 0.0)}
    values = file.numbers(stokes)
    if len(values) < 4 or not values[0] > 0:
        raise file.error(stokes, "must be I, Q, U, V with a positive I")
    linear, angle = math.hypot(values[1], values[2]), 0.5 * math.atan2(values[2], values[1])
    if values[2] == 0 and values[1] < 0:  # keep the axis along x, for programs that use Q only
        linear, angle = values[1], 0.0
    return {
        "kahn_factor": max(-1.0, min(1.0, linear / float(values[0]))),
        "polarization_axis": (math.cos(angle), math.sin(angle), 0.0),
    }


def _rotation(file: NexusFile, entry: Any) -> dict[str, Any]:
    """Return the fields of `Experiment` for the rotation from the sample's chain.

    Axes before the moving one give the fixed rotation, those after it the setting rotation.
    """
    samples = file.groups_of_class(entry, "NXsample")
    if not samples:
        return {}
    if samples[0].get("depends_on") is None:
        return _unplaced_rotation(file, samples[0])
    items = file.chain(samples[0], text(read_values(samples[0]["depends_on"])))
    axes = [(item, axis) for item in items if (axis := file.axis(item)).rotates]
    moving = [i for i, (item, axis) in enumerate(axes) if _width(file, item, axis)]
    if len(moving) > 1:
        names = ", ".join(axes[i][1].name for i in moving)
        raise file.error(samples[0], f"rotates about several axes at once ({names}); only one is supported")
    if not moving:
        return {"images": max((len(axis.values) for _, axis in axes), default=1)}
    scan, (item, axis) = moving[0], axes[moving[0]]
    width = _width(file, item, axis)
    turn = math.copysign(1.0, width)
    return {
        "images": len(axis.values), "start_deg": float(axis.values[0]) * turn, "width_deg": abs(width),
        "rotation_axis": axis.vector * turn, "fixed_rotation": _product(axes[:scan]),
        "setting_rotations": _product(axes[scan + 1 :])[np.newaxis],
    }  # fmt: skip


def _unplaced_rotation(file: NexusFile, sample: Any) -> dict[str, Any]:
    """Return the rotation from omega of the goniometer, which EIGER's file writers give without axis and chain."""
    omega = sample.get(EIGER_OMEGA)
    if not hasattr(omega, "shape"):
        return {}
    values = file.numbers(omega, ANGLE, "deg")
    beside = omega.parent.get("omega_increment")
    width = float(np.median(np.diff(values))) if len(values) > 1 else 0.0
    if not width and hasattr(beside, "shape"):
        width = float(np.median(file.numbers(beside, ANGLE, "deg")))
    if not len(values) or not width:
        return {"images": max(1, len(values))}
    has_axis = "vector" in omega.attrs
    axis = file.vector(omega, "vector") if has_axis else np.array(EIGER_AXIS)
    if not has_axis:
        warn_user(
            f"{file.path}: {omega.name} has no axis; {EIGER_AXIS} in the McStas frame is used, as of DECTRIS's files; "
            "replace rotation_axis of the experiment if that is wrong"
        )
    turn = math.copysign(1.0, width)
    return {
        "images": len(values), "start_deg": float(values[0]) * turn, "width_deg": abs(width),
        "rotation_axis": axis * turn,
    }  # fmt: skip


def _product(axes: list[tuple[Any, Axis]]) -> FloatArray:
    rotation = np.eye(3)
    for _, axis in axes:
        rotation = _rotation_matrix(axis, float(axis.values[0])) @ rotation
    return rotation


def _width(file: NexusFile, item: Any, axis: Axis) -> float:
    """Return the rotation per image, degrees; 0 if the axis does not move."""
    for suffix, start in (("_increment_set", 0.0), ("_end", axis.values)):
        beside = item.parent.get(axis.name + suffix)
        if beside is not None:
            values = file.numbers(beside, ANGLE, "deg") - start
            return float(np.median(values))
    return float(np.median(np.diff(axis.values))) if len(axis.values) > 1 else 0.0
