"""CrystFEL geometry files (.geom): panels, rigid groups and bad regions, as they are written."""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple

from ..errors import FormatError
from .atomic import StrPath
from .input_file import read_text
from .named_files import quote

REQUIRED = ("min_fs", "max_fs", "min_ss", "max_ss", "corner_x", "corner_y")
OF_PANELS = (
    *REQUIRED, "fs", "ss", "clen", "coffset", "res", "data", "adu_per_eV", "adu_per_photon", "max_adu", "no_index",
    "mask", "mask_file", "mask_good", "mask_bad", "sat_map", "sat_map_file", "badrow_direction", "integr_radius",
    "flag_lessthan", "flag_morethan", "flag_equal", "rail_direction", "clen_for_centering",
)  # fmt: skip
OF_REGIONS = ("min_fs", "max_fs", "min_ss", "max_ss", "min_x", "max_x", "min_y", "max_y", "panel", "is_fsss")
OF_FILES = (
    "photon_energy", "photon_energy_bandwidth", "electron_voltage", "wavelength", "beam", "bandwidth",
    "detector_shift_x", "detector_shift_y", "peak_list", "peak_list_type", "peak_info_location", "spectrum_file",
)  # fmt: skip
NUMBERED = re.compile(r"dim\d+|mask\d+_(data|file|goodbits|badbits)")
GROUP = re.compile(r"(rigid_group|group)_(\w+)")
UNITS = {"": 1.0, "m": 1.0, "mm": 1e-3, "A": 1.0, "eV": 1.0, "keV": 1e3, "MeV": 1e6, "V": 1.0, "kV": 1e3}


class GeomFile(NamedTuple):
    """The entries of a .geom file.

    Attributes
    ----------
    panels
        By name, the parameters of each panel, as texts; those that are set for all panels before it are among them.
    regions
        By name, the parameters of each bad region.
    groups
        By name, the panels of each rigid group, and the groups of each collection.
    file
        Parameters of the whole file.
    """

    panels: dict[str, dict[str, str]]
    regions: dict[str, dict[str, str]]
    groups: dict[str, list[str]]
    file: dict[str, str]


def read_geom_file(path: StrPath) -> GeomFile:
    """Return the entries of a .geom file; raises `FormatError` with the line of an entry that is not known or valid."""
    found, defaults = GeomFile({}, {}, {}, {}), dict[str, str]()
    for number, line in enumerate(read_text(path).replace("\r\n", "\n").split("\n"), start=1):
        text = line.partition(";")[0].strip()
        if not text:
            continue
        name, equals, value = (part.strip() for part in text.partition("="))
        where = f"{path}, line {number}"
        if not equals or not value:
            raise FormatError(f"{where}: {quote(path, text[:60])} is not an entry; write NAME = VALUE")
        owner, slash, field = name.rpartition("/")
        if not slash:
            _add_to_file(where, found, defaults, name, value)
        elif owner.startswith("bad"):
            _check_known(where, field, OF_REGIONS)
            found.regions.setdefault(owner, {})[field] = value
        else:
            _check_known(where, field, OF_PANELS)
            found.panels.setdefault(owner, dict(defaults))[field] = value
    if not found.panels:
        raise FormatError(f"{path}: describes no panel; write p0/min_fs = 0 and so on")
    for panel, fields in found.panels.items():
        if missing := [each for each in REQUIRED if each not in fields]:
            raise FormatError(f"{path}: panel {panel} has no {missing[0]}; add {panel}/{missing[0]} = …")
    _check_groups(path, found)
    return found


def _add_to_file(where: str, found: GeomFile, defaults: dict[str, str], name: str, value: str) -> None:
    """Add an entry without a panel: a group, an entry of the file, or one of all panels that follow."""
    if GROUP.fullmatch(name):
        found.groups[name] = [each.strip() for each in value.split(",") if each.strip()]
    elif name in OF_FILES:
        found.file[name] = value
    else:
        _check_known(where, name, (*OF_PANELS, *OF_FILES))
        defaults[name] = value


def _check_known(where: str, name: str, known: tuple[str, ...]) -> None:
    if name in known or NUMBERED.fullmatch(name):
        return
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else "remove the line"
    raise FormatError(f"{where}: {name[:60]!r} is not an entry of a geometry; {hint}")


def _check_groups(path: StrPath, found: GeomFile) -> None:
    """Raise `FormatError` if a group names a panel, or a collection a group, that does not exist."""
    names = {match[2] for name in found.groups if (match := GROUP.fullmatch(name))}
    for name, members in found.groups.items():
        known = names if "_collection_" in name else names | set(found.panels)
        for member in members:
            if member not in known:
                near = difflib.get_close_matches(member, known, 1)
                hint = f"did you mean {near[0]}?" if near else "remove it"
                raise FormatError(f"{path}: {name}: {member!r} is not in the file; {hint}")


def geom_number(path: StrPath, name: str, text: str) -> float:
    """Return a number with an optional unit, in m, Å, eV or V."""
    value, _, unit = text.partition(" ")
    try:
        return float(value) * UNITS[unit.strip()]
    except (ValueError, KeyError):
        raise FormatError(f"{path}: {name} = {text[:60]!r}: is not a number in m, mm, A, eV or keV") from None


def geom_vector(path: StrPath, name: str, text: str) -> tuple[float, float, float]:
    """Return a vector such as +0.5x -0.1y +0z."""
    squeezed = text.replace(" ", "")
    parts = re.findall(r"([+-]?)(\d*\.?\d*(?:[eE][+-]?\d+)?)([xyz])", squeezed)
    vector = dict.fromkeys("xyz", 0.0)
    try:
        if not parts or "".join("".join(part) for part in parts) != squeezed:
            raise ValueError
        for sign, size, axis in parts:
            vector[axis] += float(f"{sign}{size or 1}")
    except ValueError:
        raise FormatError(f"{path}: {name} = {text[:60]!r}: is not a vector such as +0.99x -0.01y") from None
    return vector["x"], vector["y"], vector["z"]
