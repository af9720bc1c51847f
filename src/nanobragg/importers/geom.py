"""The detector of a CrystFEL geometry file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..calls import public
from ..config.detector import Detector
from ..config.panel import Panel
from ..constants import EV_ANGSTROM
from ..errors import FormatError, warn_user
from ..io.atomic import StrPath
from ..io.geom import GROUP, GeomFile, geom_number, geom_vector, read_geom_file
from ..io.hdf5 import open_hdf5, read_values


@public
class CrystfelGeometry(NamedTuple):
    """The content of a CrystFEL geometry file.

    Attributes
    ----------
    detector : Detector
        Panels in CrystFEL's frame, which is the McStas frame of NXmx: z along the beam, y up; and the mask.
    photon_energy_eV : float or None
        Energy of the photons; None if the file does not state it as a number.
    adu_per_photon : float or None
        Detector units of a photon; None if the file does not state them.
    groups : dict of str to tuple of str
        Names of the panels of each rigid group.
    """

    detector: Detector
    photon_energy_eV: float | None
    adu_per_photon: float | None
    groups: dict[str, tuple[str, ...]]


@public
def read_geom(path: StrPath, *, clen_m: float | None = None) -> CrystfelGeometry:
    """Read a CrystFEL geometry file (.geom).

    Parameters
    ----------
    path
        The file.
    clen_m
        Camera length, in place of that of the file, which may be a path in the images.

    Returns
    -------
    CrystfelGeometry
        Detector, energy, gain and rigid groups.

    Raises
    ------
    FileError
        The file, or a mask that it names, cannot be read.
    FormatError
        An entry is unknown, missing or invalid, or contradicts another one.
    """
    found = read_geom_file(path)
    panels = tuple(_panel(path, name, fields, clen_m) for name, fields in found.panels.items())
    if len({panel.pixels for panel in panels}) > 1:
        sizes = sorted({f"{panel.pixels[0]} x {panel.pixels[1]}" for panel in panels})
        raise FormatError(f"{path}: panels of {', '.join(sizes)} pixels; a detector has panels of one size: split them")
    _check_overlaps(path, found)
    energy = _energy(path, found)
    mask = _mask(path, found, panels)
    shape = panels[0].pixels if len(panels) == 1 else (len(panels), *panels[0].pixels)
    limits = {fields["max_adu"] for fields in found.panels.values() if "max_adu" in fields}
    saturation = geom_number(path, "max_adu", limits.pop()) if len(limits) == 1 else None
    detector = Detector(
        panels=panels, convention="dials", saturation_adu=saturation,
        mask=None if mask.all() else mask.reshape(shape),
    )  # fmt: skip
    return CrystfelGeometry(detector, energy, _gain(path, found, energy), _groups(found))


def _panel(path: StrPath, name: str, fields: dict[str, str], clen_m: float | None) -> Panel:
    def number(key: str, default: float | None = None) -> float:
        if key not in fields and default is not None:
            return default
        if key not in fields:
            raise FormatError(f"{path}: panel {name} has no {key}; add {key} = …")
        return geom_number(path, f"{name}/{key}", fields[key])

    if clen_m is None and fields.get("clen", "").startswith("/"):
        raise FormatError(f"{path}: {name}/clen = {fields['clen']}: is a place in the images; give clen_m")
    pixel = 1000.0 / number("res")
    fast = geom_vector(path, f"{name}/fs", fields.get("fs", "x"))
    slow = geom_vector(path, f"{name}/ss", fields.get("ss", "y"))
    for axis, vector in (("fs", fast), ("ss", slow)):
        if not abs(np.linalg.norm(vector) - 1.0) < 0.05:
            raise FormatError(f"{path}: {name}/{axis} = {fields.get(axis)}: is not one pixel long; correct it")
    distance = number("clen") if clen_m is None else clen_m
    sizes = []
    for axis in ("ss", "fs"):
        low, high = number(f"min_{axis}"), number(f"max_{axis}")
        if not (low.is_integer() and high.is_integer() and 0 <= low <= high):
            raise FormatError(
                f"{path}: panel {name}: min_{axis} = {low:g}, max_{axis} = {high:g} contradict each other"
            )
        sizes.append(int(high - low) + 1)
    return Panel(
        origin_mm=(
            number("corner_x") * pixel,
            number("corner_y") * pixel,
            1000.0 * (distance + number("coffset", 0.0)),
        ),
        fast_axis=fast, slow_axis=slow, pixel_mm=pixel, pixels=(sizes[0], sizes[1]), name=name,
    )  # fmt: skip


def _slab(path: StrPath, fields: dict[str, str]) -> tuple[slice, slice]:
    """Return where a panel is in the images, (slow, fast)."""
    limits = [int(geom_number(path, key, fields[key])) for key in ("min_ss", "max_ss", "min_fs", "max_fs")]
    return slice(limits[0], limits[1] + 1), slice(limits[2], limits[3] + 1)


def _check_overlaps(path: StrPath, found: GeomFile) -> None:
    """Raise `FormatError` if two panels take the same pixels of the same images."""
    taken: list[tuple[str, tuple[str, ...], slice, slice]] = []
    for name, fields in found.panels.items():
        place = tuple(f"{key} {value}" for key, value in sorted(fields.items()) if key.startswith(("data", "dim")))
        slow, fast = _slab(path, fields)
        for other, its_place, s, f in taken:
            apart = slow.start >= s.stop or s.start >= slow.stop or fast.start >= f.stop or f.start >= fast.stop
            if place == its_place and not apart:
                raise FormatError(f"{path}: panels {other} and {name} take the same pixels of an image; correct them")
        taken.append((name, place, slow, fast))


def _energy(path: StrPath, found: GeomFile) -> float | None:
    energy, wavelength = found.file.get("photon_energy", ""), found.file.get("wavelength", "")
    if energy and wavelength:
        raise FormatError(f"{path}: photon_energy and wavelength contradict each other; leave one out")
    if energy and not energy.startswith("/"):
        return geom_number(path, "photon_energy", energy)
    if wavelength and not wavelength.startswith("/"):
        length = geom_number(path, "wavelength", wavelength)
        return EV_ANGSTROM / (1e10 * length if wavelength.endswith(" m") else length)
    return None


def _gain(path: StrPath, found: GeomFile, energy: float | None) -> float | None:
    """Return the detector units of a photon, which all panels must share."""
    gains = set()
    for name, fields in found.panels.items():
        if "adu_per_photon" in fields and "adu_per_eV" in fields:
            raise FormatError(f"{path}: panel {name}: has adu_per_photon and adu_per_eV; leave one out")
        if "adu_per_photon" in fields:
            gains.add(geom_number(path, "adu_per_photon", fields["adu_per_photon"]))
        elif "adu_per_eV" in fields and energy is not None:
            gains.add(geom_number(path, "adu_per_eV", fields["adu_per_eV"]) * energy)
    return gains.pop() if len(gains) == 1 else None


def _groups(found: GeomFile) -> dict[str, tuple[str, ...]]:
    groups = {}
    for name, members in found.groups.items():
        match = GROUP.fullmatch(name)
        if match and not match[2].startswith("collection_"):
            groups[match[2]] = tuple(members)
    return groups


def _mask(path: StrPath, found: GeomFile, panels: tuple[Panel, ...]) -> npt.NDArray[np.bool_]:
    """Return the pixels that count, (panels, slow, fast), from bad regions and from masks in files."""
    mask = np.ones((len(panels), *panels[0].pixels), bool)
    for good, panel, (name, fields) in zip(mask, panels, found.panels.items(), strict=True):
        for region in found.regions.values():
            if region.get("panel", name) == name:
                good &= ~_bad(path, region, panel, fields)
        good &= _mask_of_files(path, fields)
    return mask


def _bad(path: StrPath, region: dict[str, str], panel: Panel, fields: dict[str, str]) -> npt.NDArray[np.bool_]:
    """Return the pixels of a panel in a bad region: in pixels of the images, or of the laboratory's x and y."""
    slow, fast = np.ogrid[: panel.pixels[0], : panel.pixels[1]]
    inside = np.ones(panel.pixels, bool)
    at_slow, at_fast = _slab(path, fields)
    places: dict[str, Any] = {"fs": fast + at_fast.start, "ss": slow + at_slow.start}
    if any(f"min_{axis}" in region for axis in "xy"):
        for i, axis in enumerate("xy"):
            along = (slow + 0.5) * panel.slow_axis[i] + (fast + 0.5) * panel.fast_axis[i]
            places[axis] = panel.origin_mm[i] / panel.pixel_mm + along
    for axis, place in places.items():
        for limit in ("min", "max"):
            if f"{limit}_{axis}" in region:
                edge = geom_number(path, f"{limit}_{axis}", region[f"{limit}_{axis}"])
                inside &= place >= edge if limit == "min" else place <= edge
    return inside


def _mask_of_files(path: StrPath, fields: dict[str, str]) -> Any:
    """Return the pixels of a panel that masks in HDF5 files call good."""
    good: Any = True
    sets = [("mask_file", "mask", "mask_good", "mask_bad")]
    sets += [tuple(f"mask{i}_{key}" for key in ("file", "data", "goodbits", "badbits")) for i in range(8)]  # type: ignore[misc]
    for file_key, data_key, good_key, bad_key in sets:
        if data_key not in fields:
            continue
        if file_key not in fields:
            warn_user(f"{path}: {data_key} = {fields[data_key]}: is a mask in the images, which is not read")
            continue
        with open_hdf5(Path(path).parent / fields[file_key]) as root:
            bits = np.asarray(read_values(root[fields[data_key]]))[(..., *_slab(path, fields))]
        good_bits, bad_bits = (int(fields.get(key, "0"), 0) for key in (good_key, bad_key))
        good = good & ((bits & good_bits) == good_bits) & ((bits & bad_bits) == 0)
    return good
