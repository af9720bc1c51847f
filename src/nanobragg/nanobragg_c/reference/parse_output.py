"""Parsing of the original program's output: resolved geometry, TRACE lines, and the block of -printout_pixel."""

import re
from typing import NamedTuple

Values = tuple[float, ...]
Printed = dict[str, float | list[float]]

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf")
_TRACE_LINE = re.compile(r"^TRACE\w*:\s+(\w+)\s+(\S.*)$", re.MULTILINE)

# key → pattern of the printed line; the group holds the numbers
_GEOMETRY = {
    "cell": r"Unit Cell: (.*)",
    "recip_cell": r"Recp Cell: (.*)",
    "volume_A3": r"volume = (\S+) A\^3",
    "random_misset_deg": r"misset angles: (.*) deg",
    "sources": r"total of (\d+) sources",
    "mosaic_domains": r"total of (\d+) mosaic domains",
    "fluence": r"fluence: (\S+)",
    "distance_m": r" distance=(\S+)",
    "Xbeam_m": r"Xbeam=(\S+)",
    "Ybeam_m": r"Ybeam=(\S+)",
    "Fbeam_m": r"Fbeam=(\S+)",
    "Sbeam_m": r"Sbeam=(\S+)",
    "Fclose_m": r"Fclose=(\S+)",
    "Sclose_m": r"Sclose=(\S+)",
    "fast_axis": r"DETECTOR_X-AXIS= (.*)",
    "slow_axis": r"DETECTOR_Y-AXIS= (.*)",
    "normal_axis": r"DETECTOR_Z-AXIS= (.*)",
    "dials_origin_mm": r"dials origin= (.*)",
    "phisteps": r"(\d+) phi steps from",
    "oversample": r"(\d+)x\d+ pixel oversample",
    "solid_angle_sr": r"subtended by detector = (\S+)",
    "max_I": r"max_I = (\S+)",
    "max_I_at_m": r"max_I = \S+ +at (.*)",
    "mean_rms_rmsd": r"mean= (\S+ rms= \S+ rmsd= \S+)",
    "intfile_scale": r"intfile_scale = (\S+)",
    "pgm_scale": r"pgm_scale = (\S+)",
    "photons_overloads": r"(\d+ photons on noise image \(\d+) overloads",
}
_PATTERNS = {key: re.compile(pattern) for key, pattern in _GEOMETRY.items()}


class _Line(NamedTuple):
    """A line of the pixel block, and the names of its numbers in order (or one name for all)."""

    pattern: re.Pattern[str]
    names: tuple[str, ...]


_PIXEL_LINES = (
    _Line(re.compile(r"^at (.*)$", re.MULTILINE), ("pixel_pos_meters",)),
    _Line(re.compile(r"hkl= (.*?) +hkl0="), ("hkl_frac",)),
    _Line(re.compile(r"hkl0= (.*)$", re.MULTILINE), ("hkl_rounded",)),
    _Line(re.compile(r"F_cell=(\S+ +F_latt=\S+ +I = \S+)"), ("F_cell", "F_latt", "I_before_scaling")),
    _Line(re.compile(r"^I/steps (.*)$", re.MULTILINE), ("I_per_step",)),
    _Line(re.compile(r"^polar (.*)$", re.MULTILINE), ("polar",)),
    _Line(re.compile(r"^omega (.*)$", re.MULTILINE), ("omega_pixel",)),
    _Line(re.compile(r"^capfrac (.*)$", re.MULTILINE), ("capture_fraction",)),
    _Line(re.compile(r"^pixel (.*)$", re.MULTILINE), ("floatimage_accumulated",)),
)
_CELL_ROW = re.compile(r"^[XYZ]: (.*)$", re.MULTILINE)


def parse_printed(text: str) -> Printed:
    """Return the printed geometry and image statistics; keys with several numbers have lists."""
    found: Printed = {}
    for key, pattern in _PATTERNS.items():
        match = pattern.search(text)
        if match:
            numbers = _numbers(match.group(1))
            found[key] = numbers[0] if len(numbers) == 1 else numbers
    return found


def parse_trace(text: str) -> dict[str, Values]:
    """Return the numbers of every `TRACE…: name numbers` line by name, in printed order; the last of a name is used."""
    return {name: tuple(_numbers(rest)) for name, rest in _TRACE_LINE.findall(text)}


def parse_pixel(text: str, slow: int, fast: int) -> dict[str, Values]:
    """Return the values that -printout_pixel prints for one pixel, under the names of the trace; empty if none.

    Values belong to the pixel's last term, except `I_before_scaling` (the sum over terms) and those after it.
    `real_space_a`, `_b`, `_c` are the cell vectors (Å). Numbers have the six to ten printed digits.
    """
    # the line may follow a warning without a line feed
    start = re.search(rf"(?<!\S){fast} +{slow} : stol = (\S+)", text)
    if start is None:
        return {}
    block = text[start.start() :].split("solid angle subtended")[0]
    found: dict[str, Values] = {"stol_m_inv": (float(start.group(1)),)}
    for line in _PIXEL_LINES:
        match = line.pattern.search(block)
        numbers = tuple(_numbers(match.group(1))) if match else ()
        if len(line.names) == 1 and numbers:
            found[line.names[0]] = numbers
        elif len(numbers) == len(line.names):
            found.update({name: (number,) for name, number in zip(line.names, numbers, strict=True)})
    rows = [_numbers(row) for row in _CELL_ROW.findall(block)[:3]]
    if [len(row) for row in rows] == [3, 3, 3]:
        found.update({f"real_space_{axis}": tuple(row[i] for row in rows) for i, axis in enumerate("abc")})
    return found


def _numbers(text: str) -> list[float]:
    return [float(token) for token in _NUMBER.findall(text)]
