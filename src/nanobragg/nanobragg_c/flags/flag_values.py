"""Parsing of C flags into the values of the C program's variables, in the order given."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ...config.beam import DEFAULT_FLUENCE
from ...config.crystal import DEFAULT_MOSAIC_SEED, Shape
from ...detectors.conventions import CONVENTIONS, ConventionName, Pivot
from ...errors import ConfigError, FormatError, warn_user
from ...geometry import Vector
from ...io.input_file import NUMBER
from .flag_table import SPELLINGS, Flag, find_flag

MAX_SEED = 2**31 - 1
LARGEST_NUMBER = 1e100  # of a flag; numbers of a Config have their own bounds
LEADING_NUMBER = re.compile(rf"\s*(?![+-]?0[xX])({NUMBER})", re.ASCII)
LEADING_INTEGER = re.compile(r"\s*([+-]?[0-9]{1,100})(?![0-9])", re.ASCII)
_CUSTOM = CONVENTIONS["custom"]


@dataclass(frozen=True)
class Outputs:
    """Output files and printed output of a run, and their settings.

    Attributes
    ----------
    float_path, int_path, pgm_path, noise_path, dump_path
        File names.
    write_pgm, write_noise
        Whether to write the PGM and the noise image.
    int_scale, pgm_scale
        Scales of the SMV and PGM images; None to choose them from the image.
    adc_offset
        Offset added to every pixel of the SMV images.
    seed
        Seed of the noise image; None to seed from the clock.
    printout, printout_pixel
        Whether to print pixels, and the pixel (fast, slow) to print; None for all.
    trace_pixel
        Pixel (slow, fast) to trace.
    progress, threads
        Whether to show progress; number of threads, or None for all.
    """

    float_path: str = "floatimage.bin"
    int_path: str = "intimage.img"
    pgm_path: str = "image.pgm"
    noise_path: str = "noiseimage.img"
    dump_path: str = "Fdump.bin"
    write_pgm: bool = True
    write_noise: bool = True
    int_scale: float | None = None
    pgm_scale: float | None = None
    adc_offset: float = 40.0
    seed: int | None = None
    printout: bool = False
    printout_pixel: tuple[int, int] | None = None
    trace_pixel: tuple[int, int] | None = None
    progress: bool = True
    threads: int | None = None


_OUTPUT_NAMES = {item.name for item in fields(Outputs)}


@dataclass
class FlagValues:
    """The C program's variables in the flags' units, with its defaults; a negative value means not given."""

    cell: Sequence[float] | None = None
    matrix_path: str | None = None
    misset: Vector | str = (0.0, 0.0, 0.0)
    misset_seed: int | None = None
    n_a: int = 1
    n_b: int = 1
    n_c: int = 1
    size_a_mm: float = 0.0
    size_b_mm: float = 0.0
    size_c_mm: float = 0.0
    shape: Shape = "square"
    fudge: float = 1.0
    mosaic_spread_deg: float = -1.0
    mosaic_domains: int = -1
    mosaic_seed: int = DEFAULT_MOSAIC_SEED
    hkl_path: str | None = None
    default_F: float = 0.0
    interpolate: bool | None = None
    stol_path: str | None = None
    stol_multiplier: float = 1.0
    water_um: float = 0.0
    wavelength_A: float = 1.0
    energy_eV: float | None = None
    fluence_ph_m2: float = DEFAULT_FLUENCE
    flux_ph_s: float = 0.0
    exposure_s: float = 1.0
    beamsize_mm: float = 0.1
    kahn_factor: float = 0.0
    polarized: bool = True
    hdiv_range_mrad: float = -1.0
    vdiv_range_mrad: float = -1.0
    hdiv_step_mrad: float = -1.0
    vdiv_step_mrad: float = -1.0
    hdiv_steps: int = -1
    vdiv_steps: int = -1
    round_divergence: bool = True
    dispersion_percent: float = 0.0
    dispersion_steps: int = -1
    sources_path: str | None = None
    fpixels: int = 0
    spixels: int = 0
    detsize_f_mm: float = 102.4
    detsize_s_mm: float = 102.4
    pixel_mm: float = 0.1
    thickness_um: float = 0.0
    attenuation_um: float = -1.0
    layers: int = -1
    curved: bool = False
    point_pixel: bool = False
    mask_path: str | None = None
    img_path: str | None = None
    roi: tuple[int, int, int, int] = (-1, -1, -1, -1)
    distance_mm: float = 100.0
    close_distance_mm: float | None = None
    convention: ConventionName = "mosflm"
    pivot: Pivot = "beam"
    xbeam_mm: float | None = None
    ybeam_mm: float | None = None
    xclose_mm: float | None = None
    yclose_mm: float | None = None
    orgx_px: float | None = None
    orgy_px: float | None = None
    rotx_deg: float = 0.0
    roty_deg: float = 0.0
    rotz_deg: float = 0.0
    twotheta_deg: float = 0.0
    fast: Vector = _CUSTOM.fast
    slow: Vector = _CUSTOM.slow
    normal: Vector = _CUSTOM.normal
    beam: Vector = _CUSTOM.beam
    polarization: Vector = _CUSTOM.polarization
    spindle: Vector = _CUSTOM.spindle
    twotheta_axis: Vector = _CUSTOM.twotheta_axis
    pix0: Vector = (0.0, 0.0, 0.0)
    phi_deg: float = 0.0
    osc_deg: float = -1.0
    phistep_deg: float = -1.0
    phisteps: int = -1
    oversample: int = -1
    d_min_A: float = 0.0
    tolerance: float | None = None
    tolerance_ph: float | None = None
    oversample_thick: bool = False
    oversample_polar: bool = False
    oversample_omega: bool = False
    exact: bool = False
    outputs: dict[str, Any] = field(default_factory=dict)
    given: dict[str, tuple[Any, ...]] = field(default_factory=dict)  # flag → its last values
    header_twotheta: tuple[str, float] | None = None  # file and degrees

    def assign(self, name: str, value: object) -> None:
        """Set a variable of this object or of its outputs."""
        if name in _OUTPUT_NAMES:
            self.outputs[name] = value
        else:
            setattr(self, name, value)


def read_flags(arguments: Sequence[str]) -> FlagValues:
    """Return the C program's variables from its defaults, then headers of -mask and -img, then flags.

    Raises `ConfigError` if a flag is unknown, a value is missing or not valid, or an argument follows no flag.
    """
    uses = _pair(arguments)
    values = FlagValues()
    files = {flag.name: found[0] for flag, found in uses if flag.name in ("-mask", "-img")}
    for name in ("-mask", "-img"):
        if name in files:
            _read_header(values, files[name], is_mask=name == "-mask")
    for flag, found in uses:
        _apply(values, flag, found)
    return values


def _pair(arguments: Sequence[str]) -> list[tuple[Flag, tuple[Any, ...]]]:
    """Return the flags with their values, in order."""
    uses: list[tuple[Flag, tuple[Any, ...]]] = []
    at = 0
    while at < len(arguments):
        spelling = arguments[at]
        if not spelling.startswith("-") or _is_number(spelling):
            after = f" after {uses[-1][0].name}" if uses else ""
            raise ConfigError(f"{spelling!r}{after}: belongs to no flag; remove it or put its flag before it")
        flag = find_flag(spelling)
        values = _take_values(flag, spelling, arguments[at + 1 :])
        uses.append((flag, values))
        at += 1 + len(values)
    return uses


def _take_values(flag: Flag, spelling: str, following: Sequence[str]) -> tuple[Any, ...]:
    needed = len(flag.arguments.split())
    available = following[:needed]
    for count, text in enumerate(available):
        ends_cell = flag.kind == "cell" and count > 0 and (text.startswith("-") or not LEADING_NUMBER.match(text))
        if text in SPELLINGS or ends_cell:
            available = available[:count]
            break
    if flag.kind == "misset" and available and "rand" in available[0]:
        return ("random",)
    if len(available) < (1 if flag.kind == "cell" else needed):
        raise ConfigError(f"{spelling}: needs {flag.arguments}{_in_unit(flag)}; got {' '.join(available) or 'nothing'}")
    return tuple(_convert(flag, spelling, text) for text in available)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _convert(flag: Flag, spelling: str, text: str) -> Any:
    if flag.kind == "text":
        return text
    if flag.kind == "pivot":
        if text not in ("beam", "sample"):
            raise ConfigError(f"{spelling} {text} is not a valid pivot; give beam or sample")
        return text
    if flag.kind == "depth" and text.lower() in ("inf", "infinity"):
        return math.inf
    if flag.kind in ("integer", "seed"):
        return _integer(flag, spelling, text)
    found = LEADING_NUMBER.match(text)
    if found and abs(float(found[1])) > LARGEST_NUMBER:
        raise ConfigError(
            f"{spelling} {text} is too large; give {flag.arguments}{_in_unit(flag)} up to {LARGEST_NUMBER:g}"
        )
    if not found or "_" in text:  # Python's way of writing thousands
        raise ConfigError(f"{spelling} {text} is not a finite number; give {flag.arguments}{_in_unit(flag)}")
    if found.end() < len(text):
        _warn_partly_read(flag, spelling, text, found[1])
    number = float(found[1])
    return math.inf if flag.kind == "depth" and number == 0 else number


def _integer(flag: Flag, spelling: str, text: str) -> int:
    """Return the integer that a text starts with, as C's atoi does; warn if it goes on."""
    found = LEADING_INTEGER.match(text)
    if not found or abs(int(found[1])) > MAX_SEED:
        raise ConfigError(f"{spelling} {text} is not a valid integer; give {flag.arguments}{_in_unit(flag)}")
    if not re.fullmatch(r"(\.0*)?", text[found.end() :]):
        _warn_partly_read(flag, spelling, text, found[1])
    return int(found[1])


def _warn_partly_read(flag: Flag, spelling: str, text: str, read: str) -> None:
    warn_user(f"{spelling} {text}: only {read} is read, as in the C program; give {flag.arguments}{_in_unit(flag)}")


def _in_unit(flag: Flag) -> str:
    return f" in {flag.unit}" if flag.unit else ""


def _apply(values: FlagValues, flag: Flag, found: tuple[Any, ...]) -> None:
    for name, value in flag.also.items():
        values.assign(name, value)
    if flag.kind == "cell":
        known = values.cell or (0.0,) * 6
        values.cell = (*found, *known[len(found) :])
    elif flag.kind == "depth" and found[0] == math.inf:
        values.attenuation_um, values.thickness_um = math.inf, 0.0
    elif found:
        value = found if len(found) > 1 else found[0]
        for name in flag.sets:
            values.assign(name, value)
    values.given[flag.name] = found


_HEADER_KEYS = {
    "PIXEL_SIZE": "pixel_mm", "DISTANCE": "distance_mm", "CLOSE_DISTANCE": "close_distance_mm",
    "WAVELENGTH": "wavelength_A", "BEAM_CENTER_X": "xbeam_mm", "BEAM_CENTER_Y": "ybeam_mm",
    "ORGX": "orgx_px", "XDS_ORGX": "orgx_px", "ORGY": "orgy_px", "XDS_ORGY": "orgy_px",
    "PHI": "phi_deg", "OSC_RANGE": "osc_deg",
}  # fmt: skip


_HEADER_UNITS = ("", "mm", "a", "å", "angstrom", "angstroms", "deg", "degree", "degrees", "px", "pixel", "pixels")


def _read_header(values: FlagValues, path: str, *, is_mask: bool) -> None:
    """Set the geometry from an SMV header; BEAM_CENTER_Y of a mask is measured from the far edge."""
    from ...io.smv import read_smv, read_smv_shape

    if is_mask:
        image, header = read_smv(path)
        values.spixels, values.fpixels = image.shape
    else:
        (values.spixels, values.fpixels), header = read_smv_shape(path)
    for key, name in _HEADER_KEYS.items():
        if key in header:
            values.assign(name, _header_number(path, key, header[key]))
    values.detsize_f_mm = values.pixel_mm * values.fpixels
    values.detsize_s_mm = values.pixel_mm * values.spixels
    if is_mask and "BEAM_CENTER_Y" in header and values.ybeam_mm is not None:
        values.ybeam_mm = values.detsize_s_mm - values.ybeam_mm
    swing = _header_number(path, "TWOTHETA", header.get("TWOTHETA", "0"))
    values.header_twotheta = (path, swing) if swing else values.header_twotheta


def _header_number(path: str, key: str, text: str) -> float:
    """Return the number that a header's value starts with, as C's atof does; warn about a unit that is not expected."""
    found = re.match(NUMBER, text)
    number, unit = (found.group(), text[found.end() :].strip()) if found else (text, "")
    if not _is_number(number):
        raise FormatError(f"{path}: {key}={text} is not a finite number; correct the header")
    if unit.lower().rstrip(".") not in _HEADER_UNITS:
        warn_user(
            f"{path}: {key}={text}: {number} is used and {unit[:20]!r} is ignored, as the C program does; remove it"
        )
    return float(number)
