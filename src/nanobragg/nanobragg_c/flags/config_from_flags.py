"""Conversion of C flags to a `Config`, resolved as nanoBragg.c does (docs/geometry.md, docs/quirks.md)."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...calls import public
from ...config.background import Background
from ...config.base import changed_fields
from ...config.beam import Beam, Sources
from ...config.config import Config
from ...config.crystal import Crystal
from ...config.detector import Detector
from ...config.region import region_of
from ...config.sampling import Sampling
from ...config.scan import Scan
from ...config.structure_factors import StructureFactors
from ...config.toml import paths_in
from ...errors import ConfigError, FormatError, warn_user
from ...io.atomic import StrPath
from ...io.input_file import read_file
from ...unit_cell import Cell
from .flag_table import find_flag, help_flag, help_text, split_flags
from .flag_values import FlagValues, Outputs, read_flags
from .geometry_from_flags import axes_without_rotation, build_detector, convention_of, geometry_flags_without_effect

__all__ = ["Outputs", "ParsedFlags", "config_from_flags", "help_flag", "help_text", "parse_flags"]


@dataclass(frozen=True)
class ParsedFlags:
    """The content of a command line of C flags.

    Attributes
    ----------
    config
        The experiment.
    outputs
        Output files and their settings.
    unused
        Names of flags without an effect.
    stol_path, stol_multiplier
        Background amplitudes (-stol, -4stol, -Q): the file, and the factor from its first column to
        sin(theta)/lambda. Recorded, not used.
    img_path
        File of -img, whose header sets the geometry.
    """

    config: Config
    outputs: Outputs
    unused: list[str]
    stol_path: str | None = None
    stol_multiplier: float = 1.0
    img_path: str | None = None

    @property
    def input_files(self) -> list[StrPath]:
        """All files that the flags name as input."""
        return [*paths_in(changed_fields(self.config)), *filter(None, (self.stol_path, self.img_path))]


@public
def config_from_flags(flags: str | list[str], *, exact: bool = False) -> Config:
    """Return the Config that the C program's command-line flags describe, with `compat="c"`.

    Parameters
    ----------
    flags
        A command line without the program's name; a string is split as a shell does.
    exact
        Whether to correct the C program's physics (`compat=None`), as -exact does.

    Raises
    ------
    ConfigError
        A flag is unknown, or a value is missing or not valid.
    FileError, FormatError
        The header of an -img or -mask file cannot be read or is not valid; other files are read on first use.
    """
    return parse_flags(flags, exact=exact).config


def parse_flags(flags: str | Sequence[str], *, exact: bool = False) -> ParsedFlags:
    """Parse and resolve the C program's command-line flags; arguments and errors are those of `config_from_flags`.

    Warns if a flag has no effect, Fdump.bin is read by default, or a random seed is chosen.
    """
    values = read_flags(split_flags(flags))
    exact = exact or values.exact
    detector = build_detector(values, exact=exact)
    config = Config(
        crystal=_crystal(values),
        structure_factors=_structure_factors(values),
        beam=_beam(values, exact),
        detector=detector,
        scan=_scan(values),
        sampling=_sampling(values, exact),
        background=Background(water_um=values.water_um),
        roi=_roi(values, detector),
        compat=None if exact else "c",
    )
    outputs = _outputs(values)
    unused = _warn_unused(values)
    return ParsedFlags(config, outputs, unused, values.stol_path, values.stol_multiplier, values.img_path)


def check_background_file(parsed: ParsedFlags) -> None:
    """Raise an error if the file of -stol, which the C program reads but does not use, is missing or empty."""
    if parsed.stol_path is not None and not read_file(parsed.stol_path).strip():
        raise FormatError(f"{parsed.stol_path}: is empty; the C program stops here; omit -stol, which has no effect")


def _warn(text: str) -> None:
    warn_user(text)


def _crystal(values: FlagValues) -> Crystal:
    if values.cell is None and values.matrix_path is None:
        raise ConfigError("no unit cell: give -cell a b c alpha beta gamma, or a matrix file with -mat")
    misset = values.misset
    seed = values.misset_seed
    if misset == "random" and seed is None:
        seed = int(time.time())
        _warn(f"-misset random is seeded from the clock; -misset_seed {seed} reproduces this orientation")
    fields: dict[str, Any] = {} if seed is None else {"misset_seed": seed}
    if values.convention == "custom":
        fields["spindle_axis"] = convention_of(values).spindle
    sizes = (max(values.size_a_mm, 0.0), max(values.size_b_mm, 0.0), max(values.size_c_mm, 0.0))
    counts = (max(values.n_a, 1), max(values.n_b, 1), max(values.n_c, 1))
    return Crystal(
        cell=None if values.cell is None else _complete_cell(values.cell),
        matrix_path=None if values.matrix_path is None else Path(values.matrix_path),
        misset_deg=misset,
        n_cells=tuple(1 if size > 0 else n for n, size in zip(counts, sizes, strict=True)),  # a size replaces -N
        size_mm=sizes,
        shape=values.shape,
        fudge=values.fudge,
        mosaic_spread_deg=_not_negative(values.mosaic_spread_deg),
        mosaic_domains=values.mosaic_domains if values.mosaic_domains > 0 else None,
        mosaic_seed=values.mosaic_seed,
        mosaic_sampling="random",
        **fields,
    )


def _complete_cell(numbers: Sequence[float]) -> Cell:
    """Replace lengths b and c that are not positive by a, and such angles by 90 degrees."""
    a, b, c = numbers[0], *(x if x > 0 else numbers[0] for x in numbers[1:3])
    alpha, beta, gamma = (x if x > 0 else 90.0 for x in numbers[3:])
    return a, b, c, alpha, beta, gamma


def _not_negative(value: float) -> float | None:
    """Return a range or step, or None if it is negative, which means not given."""
    return value if value >= 0 else None


def _structure_factors(values: FlagValues) -> StructureFactors:
    dump = values.outputs.get("dump_path", Outputs.dump_path)
    path, from_dump = values.hkl_path, False
    if path is None and Path(dump).exists():
        path, from_dump = dump, True
        _warn(f"no -hkl: reading {dump}, an earlier run's structure factors; remove it or give -hkl")
    if path is None and values.default_F == 0:
        raise ConfigError("no structure factors: give -hkl FILE, or -default_F F for all reflections")
    return StructureFactors(
        path=None if path is None else Path(path),
        file_format="dump" if from_dump else "hkl",
        default_F=values.default_F,
        interpolate=path is not None and _wants_interpolation(values),
    )


def _wants_interpolation(values: FlagValues) -> bool:
    """Return the C program's choice, which depends on -N even if a size in mm replaces it (docs/quirks.md row 21)."""
    if values.interpolate is not None:
        return values.interpolate
    few = min(values.n_a, values.n_b, values.n_c) <= 2
    if few and max(values.size_a_mm, values.size_b_mm, values.size_c_mm) > 0:
        _warn(
            "-samplesize without -N interpolates between reflections; add -nointerpolate for a crystal "
            "(docs/quirks.md row 21)"
        )
    return few


class BeamBeyondOne(Beam):
    """A beam whose polarization factor is not limited to ±1, which the C program renders."""

    kahn_factor: float = 0.0


def _beam(values: FlagValues, exact: bool) -> Beam:
    fields: dict[str, Any] = {}
    beyond = abs(values.kahn_factor) > 1 and not exact
    unused = exact and not values.polarized  # the C program uses it with -oversample_polar
    kahn_factor = max(-1.0, min(1.0, values.kahn_factor)) if unused else values.kahn_factor
    if values.energy_eV is None:
        fields["wavelength_A"] = values.wavelength_A
    else:
        fields["energy_eV"] = values.energy_eV
    if values.flux_ph_s != 0 and values.exposure_s > 0 and values.beamsize_mm >= 0:
        fields.update(flux_ph_s=values.flux_ph_s, exposure_s=values.exposure_s)
    if values.convention == "custom":
        frame = convention_of(values)
        fields.update(direction=frame.beam, polarization_axis=frame.polarization)
    return (BeamBeyondOne if beyond else Beam)(
        fluence_ph_m2=values.fluence_ph_m2,
        size_mm=_not_negative(values.beamsize_mm),
        kahn_factor=kahn_factor,
        polarized=values.polarized,
        divergence_mrad=(_not_negative(values.hdiv_range_mrad), _not_negative(values.vdiv_range_mrad)),
        divergence_steps=(max(values.hdiv_steps, 0) or None, max(values.vdiv_steps, 0) or None),
        divergence_step_mrad=(max(values.hdiv_step_mrad, 0) or None, max(values.vdiv_step_mrad, 0) or None),
        round_divergence=values.round_divergence,
        dispersion_percent=_not_negative(values.dispersion_percent),
        dispersion_steps=max(values.dispersion_steps, 0) or None,
        sources=None if values.sources_path is None else Sources(path=Path(values.sources_path)),
        **fields,
    )


def _scan(values: FlagValues) -> Scan:
    if values.osc_deg == 0 and values.phistep_deg > 0 and values.phisteps < 0:
        raise ConfigError(
            f"-osc 0 with -phistep {values.phistep_deg:g}: gives no step; omit one of them (docs/quirks.md row 23)"
        )
    return Scan(
        start_deg=values.phi_deg,
        range_deg=_not_negative(values.osc_deg),
        step_deg=_not_negative(values.phistep_deg),
        steps=values.phisteps if values.phisteps >= 0 else None,
    )


def _sampling(values: FlagValues, exact: bool) -> Sampling:
    """Return the sampling; the C program's switches have no effect with `exact`."""
    return Sampling(
        oversample=max(values.oversample, 0) or None,
        d_min_A=max(values.d_min_A, 0.0),
        tolerance=values.tolerance,
        tolerance_ph=values.tolerance_ph,
        oversample_omega=values.oversample_omega and not exact,
        oversample_polar=values.oversample_polar and not exact,
        oversample_thick=values.oversample_thick and not exact,
    )


def _roi(values: FlagValues, detector: Detector) -> tuple[slice, slice] | None:
    """Return the region of interest, clipped to the detector; negative limits mean not given."""
    if max(values.roi) < 0:
        return None
    slow, fast = detector.panels[0].pixels
    (x0, x1), (y0, y1) = (
        (max(first, 0), min(last, size - 1) if last >= 0 else size - 1)
        for first, last, size in ((*values.roi[:2], fast), (*values.roi[2:], slow))
    )
    if x0 > x1 or y0 > y1:
        raise ConfigError(
            f"-roi {' '.join(map(str, values.roi))}: contains no pixel; give first and last fast, first and last slow "
            f"pixel, within 0…{fast - 1} and 0…{slow - 1}"
        )
    return region_of((x0, x1, y0, y1))


def _outputs(values: FlagValues) -> Outputs:
    given = dict(values.outputs)
    for scale in ("int_scale", "pgm_scale"):
        if given.get(scale, 1) <= 0:
            del given[scale]
    if min(given.get("printout_pixel", (0,))[0:1]) < 0:
        del given["printout_pixel"]
    if given.get("threads", 1) < 1:
        raise ConfigError(f"-threads {given['threads']} is not valid; give at least 1")
    return Outputs(**given)


def _warn_unused(values: FlagValues) -> list[str]:
    """Warn about flags without an effect and return their names."""
    unused = [
        (name, find_flag(name).unused, None) for name in values.given if find_flag(name).unused
    ] + geometry_flags_without_effect(values)
    if "-nopolar" in values.given and values.polarized:
        unused.append(("-nopolar", "a later -polar cancels it", 22))
    thick = values.given.get("-detector_thick", (0,))[0]
    if thick != 0 and values.thickness_um == 0:
        unused.append(("-detector_thick", "a later -detector_abs inf clears it", 22))
    for name, reason, row in unused:
        _warn(f"{name} has no effect: {reason}" + (f" (docs/quirks.md row {row})" if row else ""))
    if values.thickness_um > 0 and math.isinf(values.attenuation_um):
        _warn("-detector_abs inf absorbs no photons, so the image is zero (docs/quirks.md row 22)")
    if abs(values.kahn_factor) > 1:
        _warn(f"-polar {values.kahn_factor:g} is not a degree of polarization; give a number from -1 to 1")
    for name in axes_without_rotation(values) if values.convention == "custom" else []:
        flag = {"spindle": "-spindle_axis", "twotheta_axis": "-twotheta_axis"}[name]
        _warn(f"{flag} 0 0 0 has no direction; nothing rotates about it, so that the usual axis takes its place")
    length = math.hypot(*convention_of(values).twotheta_axis)
    if values.twotheta_deg != 0 and abs(length - 1) > 1e-6:
        _warn(f"-twotheta_axis has length {length:.6g}, not 1: the C program distorts the detector")
    if values.header_twotheta is not None:
        path, swing = values.header_twotheta
        _warn(f"{path}: TWOTHETA={swing:g} is not applied; give -twotheta (docs/quirks.md row 20)")
    return [name for name, _, _ in unused]
