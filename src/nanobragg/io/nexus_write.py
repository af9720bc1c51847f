"""Metadata of NXmx files (NeXus for macromolecular crystallography): detector, beam, rotation and notes.

Lengths and directions are in the McStas frame, as NeXus prescribes: z along the beam, y up, origin at the sample.
Several panels are stacked along the slow axis into one two-dimensional image; each is an NXdetector_module.
Source: https://manual.nexusformat.org/classes/applications/NXmx.html
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from ..geometry import FloatArray

DATA_PATH = "/entry/data/data"
DETECTOR_PATH = "/entry/instrument/detector"
OMEGA_PATH = "/entry/sample/transformations/omega"
DISTANCE_PATH = f"{DETECTOR_PATH}/transformations/distance"
GAP_BIT = 1  # pixel_mask bit of a gap between sensors
SPECTRUM = "incident_wavelength_1Dspectrum"


@dataclass(frozen=True)
class Module:
    """A panel: outer corner of its first pixel, unit vectors of its axes (McStas frame), pixel size."""

    origin_mm: FloatArray
    fast: FloatArray
    slow: FloatArray
    pixel_mm: float


@dataclass(frozen=True)
class DetectorRecord:
    """The content of an NXdetector.

    Attributes
    ----------
    modules, pixels
        Panels, and the number of pixels (slow, fast) of each.
    distance_mm
        Distance along the beam to the panel that it hits.
    beam_center_px
        Beam centre (fast, slow) in the stacked image, from its corner; None if the beam hits no panel.
    mask
        Stacked mask, true in gaps; None if there are no gaps.
    """

    modules: Sequence[Module]
    pixels: tuple[int, int]
    distance_mm: float
    beam_center_px: tuple[float, float] | None
    sensor_material: str
    sensor_thickness_mm: float
    saturation: float | None
    exposure_s: float
    pedestal: float | None = None
    mask: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class BeamRecord:
    """The content of an NXbeam; arrays without a frames axis hold for all frames.

    Attributes
    ----------
    wavelengths_A
        Mean wavelength, scalar or (frames,).
    spectrum
        Wavelengths (Å) and weights, each (channels,) or (frames, channels); None for a monochromatic beam.
    stokes
        Stokes parameters I, Q, U, V: (4,) or (frames, 4).
    flux_density
        Photons per second and square metre; scalar or (frames,).
    total_flux
        Photons per second, scalar or (frames,); None if unknown.
    size_mm
        Edge of the square beam; None for an unlimited beam.
    """

    wavelengths_A: FloatArray
    spectrum: tuple[FloatArray, FloatArray] | None
    stokes: FloatArray
    flux_density: FloatArray
    total_flux: FloatArray | None
    size_mm: float | None


@dataclass(frozen=True)
class Rotation:
    """The spindle axis (McStas frame) and its angle in degrees at the start and end of each frame."""

    axis: FloatArray
    start_deg: FloatArray
    end_deg: FloatArray


@dataclass(frozen=True)
class ExperimentRecord:
    """The content of an NXentry besides the images.

    Attributes
    ----------
    rotation
        None for stills.
    process
        Fields of NXprocess by name: the program that made the images.
    notes
        By name, the media type of an NXnote and its text, or one text per frame.
    """

    detector: DetectorRecord
    beam: BeamRecord
    rotation: Rotation | None
    start_time: datetime
    process: Mapping[str, object] = field(default_factory=dict)
    notes: Mapping[str, tuple[str, object]] = field(default_factory=dict)


def write_entry(root: Any, record: ExperimentRecord, frames: int, dtype: np.dtype[Any]) -> None:
    """Write all metadata of `frames` images of one data type into an open h5py File in which /entry/data exists."""
    root.attrs["NX_class"] = "NXroot"
    root.attrs["default"] = "entry"
    root.attrs["creator"] = str(record.process.get("program", "nanobragg"))
    entry = root["entry"]
    entry.attrs["NX_class"] = "NXentry"
    entry.attrs["default"] = "data"
    entry["definition"] = "NXmx"
    entry["definition"].attrs["version"] = "1.0"
    entry["start_time"] = _iso(record.start_time)
    with suppress(OverflowError):  # an exposure that ends after the year 9999
        end = record.start_time + timedelta(seconds=frames * record.detector.exposure_s)
        entry["end_time_estimated"] = _iso(end)
    _write_source(entry)
    instrument = _group(entry, "instrument", "NXinstrument")
    instrument["name"] = "nanobragg (simulated)"
    _write_detector(_group(instrument, "detector", "NXdetector"), record.detector, dtype)
    _write_beam(_group(instrument, "beam", "NXbeam"), record.beam)
    _write_sample(_group(entry, "sample", "NXsample"), record.rotation)
    _write_process(_group(entry, "process", "NXprocess"), record)


def create_data_group(root: Any) -> Any:
    """Create and return the NXdata group for the images, /entry/data."""
    entry = _group(root, "entry", "NXentry")
    data = _group(entry, "data", "NXdata")
    data.attrs["signal"] = "data"
    return data


def _group(parent: Any, name: str, nx_class: str) -> Any:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nx_class
    return group


def _put(group: Any, name: str, value: Any, units: str | None = None) -> Any:
    group[name] = value
    if units is not None:
        group[name].attrs["units"] = units
    return group[name]


def _axis(group: Any, name: str, value: Any, units: str, kind: str, vector: npt.ArrayLike, depends_on: str) -> None:
    """Write an axis of a transformation chain."""
    axis = _put(group, name, value, units)
    axis.attrs["transformation_type"] = kind
    axis.attrs["vector"] = np.asarray(vector, dtype=np.float64)
    axis.attrs["depends_on"] = depends_on


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write_source(entry: Any) -> None:
    source = _group(entry, "source", "NXsource")
    source["name"] = "nanobragg (simulated)"
    source["name"].attrs["short_name"] = "simulated"
    source["probe"] = "x-ray"


def _write_detector(group: Any, record: DetectorRecord, dtype: np.dtype[Any]) -> None:
    pixel_m = record.modules[0].pixel_mm / 1000.0
    group["depends_on"] = DISTANCE_PATH
    group["description"] = "simulated"
    group["type"] = "pixel"
    group["sensor_material"] = record.sensor_material
    _put(group, "sensor_thickness", record.sensor_thickness_mm / 1000.0, "m")
    _put(group, "distance", record.distance_mm / 1000.0, "m")
    _put(group, "x_pixel_size", pixel_m, "m")
    _put(group, "y_pixel_size", pixel_m, "m")
    _put(group, "count_time", record.exposure_s, "s")
    _put(group, "frame_time", record.exposure_s, "s")
    if record.beam_center_px is not None:
        _put(group, "beam_center_x", record.beam_center_px[0], "pixel")
        _put(group, "beam_center_y", record.beam_center_px[1], "pixel")
    if dtype.kind in "ui":
        group["bit_depth_readout"] = 8 * dtype.itemsize
    if dtype.kind == "u":
        group["underload_value"] = 0
    if record.pedestal is not None:
        group["pedestal"] = record.pedestal
    if record.saturation is not None:
        group["saturation_value"] = record.saturation if dtype.kind == "f" else int(record.saturation)
    group["pixel_mask_applied"] = False
    if record.mask is not None:
        mask = record.mask.astype(np.uint32) * np.uint32(GAP_BIT)
        group.create_dataset("pixel_mask", data=mask, compression="gzip", shuffle=True)
    transformations = _group(group, "transformations", "NXtransformations")
    _axis(transformations, "distance", [record.distance_mm], "mm", "translation", (0, 0, 1), ".")
    for index, module in enumerate(record.modules):
        _write_module(_group(group, f"module_{index:04d}", "NXdetector_module"), record, index, module)


def _write_module(group: Any, record: DetectorRecord, index: int, module: Module) -> None:
    group["data_origin"] = [index * record.pixels[0], 0]
    group["data_size"] = list(record.pixels)
    offset = module.origin_mm - (0.0, 0.0, record.distance_mm)
    length = float(np.linalg.norm(offset))
    along = offset / length if length else np.array([1.0, 0.0, 0.0])
    _axis(group, "module_offset", [length], "mm", "translation", along, DISTANCE_PATH)
    for name, vector in (("fast_pixel_direction", module.fast), ("slow_pixel_direction", module.slow)):
        _axis(group, name, [module.pixel_mm], "mm", "translation", vector, f"{group.name}/module_offset")


def _write_beam(group: Any, record: BeamRecord) -> None:
    wavelength = _put(group, "incident_wavelength", record.wavelengths_A, "angstrom")
    if record.spectrum is not None:  # as a variant, so that readers without spectra take the mean wavelength
        wavelength.attrs["variant"] = SPECTRUM
        _put(group, SPECTRUM, record.spectrum[0], "angstrom")
        _put(group, f"{SPECTRUM}_weights", record.spectrum[1])
    _put(group, "incident_polarization_stokes", record.stokes)
    _put(group, "flux", record.flux_density, "1/s/m^2")
    if record.total_flux is not None:
        _put(group, "total_flux", record.total_flux, "Hz")
    if record.size_mm is not None:
        _put(group, "incident_beam_size", [record.size_mm, record.size_mm], "mm")
        group["profile"] = "rectangular"


def _write_sample(group: Any, rotation: Rotation | None) -> None:
    group["name"] = "simulated crystal"
    if rotation is None:
        group["depends_on"] = "."
        return
    group["depends_on"] = OMEGA_PATH
    transformations = _group(group, "transformations", "NXtransformations")
    _axis(transformations, "omega", rotation.start_deg, "degree", "rotation", rotation.axis, ".")
    _put(transformations, "omega_end", rotation.end_deg, "degree")
    _put(transformations, "omega_increment_set", rotation.end_deg - rotation.start_deg, "degree")


def _write_process(group: Any, record: ExperimentRecord) -> None:
    for name, value in record.process.items():
        group[name] = value
    for name, (media_type, text) in record.notes.items():
        note = _group(group, name, "NXnote")
        note["type"] = media_type
        note["data"] = text
