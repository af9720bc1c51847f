"""Reading C flags: words become the values of the C program's variables, in the order given."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ...config.beam import DEFAULT_FLUENCE
from ...config.crystal import DEFAULT_MOSAIC_SEED, Shape
from ...detectors.conventions import CONVENTIONS, ConventionName, Pivot
from ...errors import ConfigError, FormatError
from ...geometry import Vector
from .flag_table import SPELLINGS, Flag, find_flag

MAX_SEED = 2**31 - 1
_CUSTOM = CONVENTIONS["custom"]


@dataclass(frozen=True)
class Outputs:
    """What a run writes and prints, and with which settings.

    Attributes
    ----------
    float_path, int_path, pgm_path, noise_path, dump_path
        File names.
    write_pgm, write_noise
        Whether these two are wanted.
    int_scale, pgm_scale
        None: chosen from the image.
    adc_offset
        Added to every pixel of the SMV images.
    seed
        Seed of the noise image; None: from the clock.
    printout, printout_pixel
        Print pixels: one (fast, slow), or all of them.
    trace_pixel
        Trace this pixel (slow, fast).
    progress, threads
        Progress bar; number of threads (None: all).
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
    """The C program's variables, in the flags' units; the defaults are its own (negative: not given)."""

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
    oversample_thick: bool = False
    oversample_polar: bool = False
    oversample_omega: bool = False
    exact: bool = False
    outputs: dict[str, Any] = field(default_factory=dict)
    given: dict[str, tuple[Any, ...]] = field(default_factory=dict)  # flag → its last values
    header_twotheta: tuple[str, float] | None = None  # file and degrees

    def assign(self, name: str, value: object) -> None:
        """Set a variable of this object or of the outputs."""
        if name in _OUTPUT_NAMES:
            self.outputs[name] = value
        else:
            setattr(self, name, value)


def read_flags(words: Sequence[str]) -> FlagValues:
    """The C program's variables after its defaults, the headers of -mask and -img, and all flags.

    Raises
    ------
    ConfigError
        An unknown flag, a missing or impossible value, a word that belongs to no flag.
    FileError, FormatError
        A file of -mask or -img cannot be read.
    """
    uses = _split(words)
    values = FlagValues()
    files = {flag.name: found[0] for flag, found in uses if flag.name in ("-mask", "-img")}
    for name in ("-mask", "-img"):
        if name in files:
            _read_header(values, files[name], is_mask=name == "-mask")
    for flag, found in uses:
        _apply(values, flag, found)
    return values


def _split(words: Sequence[str]) -> list[tuple[Flag, tuple[Any, ...]]]:
    """Flags with their values, in order."""
    uses: list[tuple[Flag, tuple[Any, ...]]] = []
    at = 0
    while at < len(words):
        word = words[at]
        if not word.startswith("-") or _is_number(word):
            after = f" after {uses[-1][0].name}" if uses else ""
            raise ConfigError(f"{word!r}{after}: belongs to no flag; remove it or put its flag before it")
        flag = find_flag(word)
        taken = _values_of(flag, word, words[at + 1 :])
        uses.append((flag, taken))
        at += 1 + len(taken)
    return uses


def _values_of(flag: Flag, spelling: str, following: Sequence[str]) -> tuple[Any, ...]:
    names = flag.arguments.split()
    wanted = len(names)
    available = following[:wanted]
    for count, word in enumerate(available):
        ends_cell = flag.kind == "cell" and count > 0 and (word.startswith("-") or not _is_number(word))
        if word in SPELLINGS or ends_cell:
            available = available[:count]
            break
    if flag.kind == "misset" and available and "rand" in available[0]:
        return ("random",)
    if len(available) < (1 if flag.kind == "cell" else wanted):
        raise ConfigError(f"{spelling}: needs {flag.arguments}{_in_unit(flag)}; got {' '.join(available) or 'nothing'}")
    return tuple(_convert(flag, spelling, word) for word in available)


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _convert(flag: Flag, spelling: str, word: str) -> Any:
    if flag.kind == "text":
        return word
    if flag.kind == "pivot":
        if word not in ("beam", "sample"):
            raise ConfigError(f"{spelling} {word}: must be beam or sample")
        return word
    if flag.kind == "depth" and word.lower() in ("inf", "infinity"):
        return math.inf
    if flag.kind in ("integer", "seed"):
        return _whole(flag, spelling, word)
    if not _is_number(word) or "_" in word:
        raise ConfigError(f"{spelling} {word}: is no finite number; give {flag.arguments}{_in_unit(flag)}")
    number = float(word)
    return math.inf if flag.kind == "depth" and number == 0 else number


def _whole(flag: Flag, spelling: str, word: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,10}(\.0*)?", word) or abs(int(float(word))) > MAX_SEED:
        raise ConfigError(f"{spelling} {word}: is no whole number; give {flag.arguments}{_in_unit(flag)}")
    number = int(float(word))
    if flag.kind == "seed" and number < 0:
        raise ConfigError(f"{spelling} {word}: a seed is a whole number from 0 to {MAX_SEED}")
    return number


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
        whole = found if len(found) > 1 else found[0]
        for name in flag.sets:
            values.assign(name, whole)
    values.given[flag.name] = found


_HEADER_KEYS = {
    "PIXEL_SIZE": "pixel_mm", "DISTANCE": "distance_mm", "CLOSE_DISTANCE": "close_distance_mm",
    "WAVELENGTH": "wavelength_A", "BEAM_CENTER_X": "xbeam_mm", "BEAM_CENTER_Y": "ybeam_mm",
    "ORGX": "orgx_px", "XDS_ORGX": "orgx_px", "ORGY": "orgy_px", "XDS_ORGY": "orgy_px",
    "PHI": "phi_deg", "OSC_RANGE": "osc_deg",
}  # fmt: skip


def _read_header(values: FlagValues, path: str, *, is_mask: bool) -> None:
    """Initialise the geometry from an SMV header; a mask's BEAM_CENTER_Y counts from the far edge."""
    from ...io.smv import read_smv

    image, header = read_smv(path)
    values.spixels, values.fpixels = image.shape
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
    if not _is_number(text):
        raise FormatError(f"{path}: {key}={text} is no finite number; correct the header")
    return float(text)
