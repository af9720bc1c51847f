"""The table of the C program's command-line flags: spellings, values, units, defaults and help."""

import difflib
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ...errors import ConfigError

Kind = Literal["number", "integer", "seed", "text", "cell", "misset", "depth", "pivot"]


@dataclass(frozen=True)
class Flag:
    """A command-line flag.

    Attributes
    ----------
    name, aliases
        The spelling used in messages, and alternative spellings.
    arguments
        Names of the values that follow, separated by blanks; empty for a switch.
    unit, default, help
        Unit, default and description for the help text.
    sets
        Fields of `FlagValues` or `Outputs` that the values set: a single value sets each of several fields, several
        values set one field to a tuple.
    kind
        Type of the values.
    also
        Further fields that the flag sets, and their values.
    unused
        Reason why the flag has no effect; empty if it has one.
    """

    name: str
    arguments: str = ""
    unit: str = ""
    default: str = ""
    help: str = ""
    sets: tuple[str, ...] = ()
    kind: Kind = "number"
    also: Mapping[str, object] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    unused: str = ""


_NOT_USED = "the C program reads the file and ignores it"
_BEAM, _SAMPLE, _CUSTOM = {"pivot": "beam"}, {"pivot": "sample"}, {"convention": "custom"}


def _ignored(name: str, arguments: str, instead: str, *aliases: str) -> Flag:
    reason = f"the C program ignores it; use {instead}"
    return Flag(name, arguments, help=f"ignored; use {instead}", kind="text", aliases=aliases, unused=reason)


def _convention(name: str, pivot: str, help: str) -> Flag:
    return Flag(f"-{name}", help=help, also={"convention": name, "pivot": pivot})


def _vector(name: str, field_name: str, default: str, help: str, **also: str) -> Flag:
    return Flag(name, "X Y Z", "", default, help, (field_name,), also={**_CUSTOM, **also})


def _size(name: str, axes: str, help: str, *aliases: str) -> Flag:
    return Flag(name, "SIZE", "mm", "from -N", help, tuple(f"size_{a}_mm" for a in axes), aliases=aliases)


GROUPS: dict[str, tuple[Flag, ...]] = {
    "Crystal": (
        Flag("-cell", "A B C ALPHA BETA GAMMA", "Å, degrees", "",
             "unit cell; b, c default to a, angles to 90", ("cell",), "cell"),
        Flag("-mat", "FILE", help="MOSFLM matrix file: nine numbers, columns a* b* c*, times 1 Å/wavelength",
             sets=("matrix_path",), kind="text", aliases=("-matrix", "-matfile")),
        Flag("-misset", "X Y Z", "degrees", "0 0 0",
             "rotate the crystal about lab x, then y, then z; or the word random", ("misset",), "misset"),
        Flag("-misset_seed", "N", "", "from the clock", "seed of -misset random", ("misset_seed",), "seed"),
        Flag("-N", "N", "cells", "1", "unit cells along all three axes", ("n_a", "n_b", "n_c"), "integer"),
        Flag("-Na", "N", "cells", "1", "unit cells along a", ("n_a",), "integer"),
        Flag("-Nb", "N", "cells", "1", "unit cells along b", ("n_b",), "integer"),
        Flag("-Nc", "N", "cells", "1", "unit cells along c", ("n_c",), "integer"),
        _size("-samplesize", "abc", "crystal size along a, b and c", "-sample_size", "-xtalsize",
             "-xtal_size"),
        _size("-sample_x", "a", "crystal size along a", "-sample_thick", "-sample_thickness", "-xtal_x",
             "-xtal_thick", "-xtal_thickness"),
        _size("-sample_y", "b", "crystal size along b", "-sample_width", "-xtal_y", "-xtal_width", "-width"),
        _size("-sample_z", "c", "crystal size along c", "-sample_height", "-sample_heigh", "-xtal_z",
             "-xtal_height", "-xtal_heigh", "-height", "-heigh"),
        Flag("-square_xtal", help="parallelepiped crystal (default)", also={"shape": "square"}),
        Flag("-round_xtal", help="ellipsoidal crystal", also={"shape": "round"}),
        Flag("-gauss_xtal", help="Gaussian spots, nothing between them", also={"shape": "gauss"}),
        Flag("-tophat_spots", help="spots cut off at half height, flat inside", also={"shape": "tophat"},
             aliases=("-binary_spots",)),
        Flag("-fudge", "F", "", "1", "factor on the squared radius of round, gauss and tophat", ("fudge",)),
        Flag("-mosaic", "SPREAD", "degrees", "0", "largest rotation of a mosaic domain",
             ("mosaic_spread_deg",), aliases=("-mosaic_spread", "-mosaic_spr", "-mosaicity", "-mosaici")),
        Flag("-mosaic_domains", "N", "", "10 with -mosaic", "number of mosaic domains", ("mosaic_domains",),
             "integer", aliases=("-mosaic_dom",)),
        Flag("-mosaic_seed", "N", "", "12345678", "seed of the mosaic domains", ("mosaic_seed",), "seed"),
        Flag("-density", "RHO", "g/cm³", help="sample density", unused="the C program overwrites it",
             aliases=("-sample_density", "-sample_den")),
        Flag("-MW", "MW", "g/mol", help="molecular weight", unused="the C program overwrites it",
             aliases=("-molecular_weight", "-molec")),
    ),
    "Structure factors": (
        Flag("-hkl", "FILE", help="text file of lines h k l F, P1, no symmetry applied", sets=("hkl_path",),
             kind="text", aliases=("-hklfile",)),
        Flag("-default_F", "F", "electrons", "0", "amplitude of every reflection that is not listed",
             ("default_F",)),
        Flag("-dump", "FILE", "", "Fdump.bin",
             "binary copy of the amplitudes: written after -hkl, read without it", ("dump_path",), "text",
             aliases=("-dumpfile",)),
        Flag("-interpolate", help="tricubic interpolation (default: if any of -N is below 3)",
             also={"interpolate": True}),
        Flag("-nointerpolate", help="no interpolation", also={"interpolate": False}),
        Flag("-stol", "FILE", help="background amplitudes over sin(theta)/lambda; recorded, not used",
             sets=("stol_path",), kind="text", also={"stol_multiplier": 1.0},
             unused=_NOT_USED),
        Flag("-4stol", "FILE", help="as -stol, over 4 sin(theta)/lambda; recorded, not used",
             sets=("stol_path",), kind="text", also={"stol_multiplier": 0.25},
             unused=_NOT_USED),
        Flag("-Q", "FILE", help="as -stol, over 4 pi sin(theta)/lambda; recorded, not used",
             sets=("stol_path",), kind="text", also={"stol_multiplier": 0.07957747154594767},
             unused=_NOT_USED),
        Flag("-stolout", "FILE", help="ignored", kind="text", unused="the C program never writes the file"),
        Flag("-water", "SIZE", "µm", "0", "edge of a cube of water around the crystal", ("water_um",)),
    ),
    "Beam": (
        Flag("-lambda", "L", "Å", "1", "wavelength", ("wavelength_A",), also={"energy_eV": None},
             aliases=("-wave", "-wavelength")),
        Flag("-energy", "E", "eV", "", "photon energy in place of the wavelength", ("energy_eV",)),
        Flag("-fluence", "F", "photons/m²", "1.26e29", "photons per square metre, whole exposure",
             ("fluence_ph_m2",)),
        Flag("-flux", "F", "photons/s", "", "with -exposure and -beamsize, in place of -fluence",
             ("flux_ph_s",)),
        Flag("-exposure", "T", "s", "1", "exposure time", ("exposure_s",)),
        Flag("-beamsize", "SIZE", "mm", "0.1", "edge of the square beam; larger samples are clipped",
             ("beamsize_mm",)),
        Flag("-polar", "K", "", "0", "Kahn polarization factor, -1 to 1", ("kahn_factor",),
             also={"polarized": True}),
        Flag("-nopolar", help="no polarization correction", also={"polarized": False}),
        Flag("-divergence", "RANGE", "mrad", "0", "horizontal and vertical divergence", ("hdiv_range_mrad",
             "vdiv_range_mrad")),
        Flag("-divsteps", "N", "", "1", "horizontal and vertical steps", ("hdiv_steps", "vdiv_steps"), "integer"),
        Flag("-hdivrange", "RANGE", "mrad", "0", "horizontal divergence", ("hdiv_range_mrad",)),
        Flag("-hdivstep", "STEP", "mrad", "", "horizontal step", ("hdiv_step_mrad",)),
        Flag("-hdivsteps", "N", "", "1", "horizontal steps", ("hdiv_steps",), "integer"),
        Flag("-vdivrange", "RANGE", "mrad", "0", "vertical divergence", ("vdiv_range_mrad",)),
        Flag("-vdivstep", "STEP", "mrad", "", "vertical step", ("vdiv_step_mrad",)),
        Flag("-vdivsteps", "N", "", "1", "vertical steps", ("vdiv_steps",), "integer"),
        Flag("-round_div", help="cut the corners off the grid of directions (default)",
             also={"round_divergence": True}),
        Flag("-square_div", help="keep the corners of the grid of directions", also={"round_divergence": False}),
        Flag("-dispersion", "RANGE", "percent", "0", "range of wavelengths", ("dispersion_percent",)),
        Flag("-dispsteps", "N", "", "1", "wavelengths in the range", ("dispersion_steps",), "integer"),
        Flag("-sourcefile", "FILE", help="sources, one per line: x y z weight wavelength (m)",
             sets=("sources_path",), kind="text"),
        Flag("-coherent", help="ignored", unused="the C program never adds amplitudes"),
        _ignored("-hdiv", "RANGE", "-hdivrange"),
        _ignored("-vdiv", "RANGE", "-vdivrange"),
        _ignored("-dispstep", "N", "-dispsteps"),
        _ignored("-source_distance", "D", "-sourcefile", "-source_dist"),
    ),
    "Detector": (
        Flag("-detpixels", "N", "pixels", "1024", "pixels along both axes", ("fpixels", "spixels"),
             "integer"),
        Flag("-detpixels_f", "N", "pixels", "1024", "pixels along the fast axis", ("fpixels",), "integer",
             aliases=("-detpixels_x",)),
        Flag("-detpixels_s", "N", "pixels", "1024", "pixels along the slow axis", ("spixels",), "integer",
             aliases=("-detpixels_y",)),
        Flag("-detsize", "SIZE", "mm", "102.4", "size along both axes; -detpixels wins", ("detsize_f_mm",
             "detsize_s_mm")),
        Flag("-detsize_f", "SIZE", "mm", "102.4", "size along the fast axis", ("detsize_f_mm",)),
        Flag("-detsize_s", "SIZE", "mm", "102.4", "size along the slow axis", ("detsize_s_mm",)),
        Flag("-pixel", "SIZE", "mm", "0.1", "edge of a pixel", ("pixel_mm",)),
        Flag("-detector_thick", "T", "µm", "0", "thickness of the sensor", ("thickness_um",)),
        Flag("-detector_abs", "DEPTH", "µm", "the thickness", "attenuation depth; inf or 0: no sensor",
             ("attenuation_um",), "depth", aliases=("-detector_absorb", "-detector_absorption")),
        Flag("-detector_thicksteps", "N", "", "1", "number of sensor layers", ("layers",),
             "integer", aliases=("-thicksteps",)),
        Flag("-curved_det", help="every pixel at the same distance from the sample", also={"curved": True}),
        Flag("-point_pixel", help="no solid-angle correction for area and obliquity",
             also={"point_pixel": True}),
        Flag("-mask", "FILE",
             help="SMV image: pixels of value 0 are not rendered; its header sets the geometry",
             sets=("mask_path",), kind="text", aliases=("-maskfile",)),
        Flag("-img", "FILE", help="SMV image whose header sets the geometry", sets=("img_path",), kind="text",
             aliases=("-imgfile",)),
        Flag("-roi", "XMIN XMAX YMIN YMAX", "pixels", "all", "render only this region, limits included",
             ("roi",), "integer"),
        _ignored("-detsize_x", "SIZE", "-detsize_f"),
        _ignored("-detsize_y", "SIZE", "-detsize_s"),
    ),
    "Geometry": (
        Flag("-distance", "D", "mm", "100", "sample to detector along the beam", ("distance_mm",),
             also=_BEAM),
        Flag("-close_distance", "D", "mm", "from -distance", "sample to nearest point of the detector plane",
             ("close_distance_mm",), also=_SAMPLE),
        _convention("mosflm", "beam", "MOSFLM's frame and beam centre (default)"),
        _convention("denzo", "beam", "DENZO's: MOSFLM's without the half-pixel shift"),
        _convention("adxv", "beam", "ADXV's frame and beam centre"),
        _convention("xds", "sample", "XDS's frame; the detector rotates about the sample"),
        _convention("dials", "beam", "DIALS's frame; the detector rotates about the sample"),
        Flag("-Xbeam", "X", "mm", "centre", "beam centre", ("xbeam_mm",), also=_BEAM),
        Flag("-Ybeam", "Y", "mm", "centre", "beam centre", ("ybeam_mm",), also=_BEAM),
        Flag("-Xclose", "X", "mm", "centre", "nearest point (custom vectors only)", ("xclose_mm",),
             also=_SAMPLE),
        Flag("-Yclose", "Y", "mm", "centre", "nearest point (custom vectors only)", ("yclose_mm",),
             also=_SAMPLE),
        Flag("-ORGX", "X", "pixels", "centre", "nearest point, fast (XDS, DIALS, custom)", ("orgx_px",),
             also=_SAMPLE),
        Flag("-ORGY", "Y", "pixels", "centre", "nearest point, slow (XDS, DIALS, custom)", ("orgy_px",),
             also=_SAMPLE),
        Flag("-detector_rotx", "ANGLE", "degrees", "0", "rotate the detector about lab x", ("rotx_deg",)),
        Flag("-detector_roty", "ANGLE", "degrees", "0", "then rotate it about lab y", ("roty_deg",)),
        Flag("-detector_rotz", "ANGLE", "degrees", "0", "then rotate it about lab z", ("rotz_deg",)),
        Flag("-twotheta", "ANGLE", "degrees", "0", "then rotate it about the two-theta axis", ("twotheta_deg",),
             also=_SAMPLE),
        Flag("-pivot", "beam|sample", "", "beam",
             "fixed point of detector rotations (custom vectors only)", ("pivot",), "pivot"),
        _vector("-fdet_vector", "fast", "0 0 1",
             "direction of the fast axis; any vector selects the custom convention"),
        _vector("-sdet_vector", "slow", "0 -1 0", "direction of the slow axis"),
        _vector("-odet_vector", "normal", "1 0 0", "detector normal, away from the sample"),
        _vector("-beam_vector", "beam", "1 0 0", "direction of the beam"),
        _vector("-polar_vector", "polarization", "0 0 1", "direction of polarization"),
        _vector("-spindle_axis", "spindle", "0 0 1", "rotation axis of the crystal"),
        _vector("-twotheta_axis", "twotheta_axis", "0 1 0", "axis of -twotheta", pivot="sample"),
        _vector("-pix0_vector", "pix0", "", "ignored, but selects the custom convention"),
        _ignored("-xdet_vector", "X Y Z", "-fdet_vector"),
        _ignored("-ydet_vector", "X Y Z", "-sdet_vector"),
        _ignored("-zdet_vector", "X Y Z", "-odet_vector"),
    ),
    "Rotation": (
        Flag("-phi", "PHI", "degrees", "0", "start of the rotation", ("phi_deg",)),
        Flag("-osc", "RANGE", "degrees", "0", "range of the rotation", ("osc_deg",)),
        Flag("-phistep", "STEP", "degrees", "", "rotation step", ("phistep_deg",)),
        Flag("-phisteps", "N", "", "1; 2 with -osc", "number of rotation steps", ("phisteps",), "integer"),
    ),
    "Sampling": (
        Flag("-oversample", "N", "", "automatic", "sub-pixels along each side of a pixel", ("oversample",),
             "integer"),
        Flag("-oversample_thick", help="compute absorption per sub-pixel", also={"oversample_thick": True}),
        Flag("-oversample_polar", help="compute polarization per sub-pixel", also={"oversample_polar": True}),
        Flag("-oversample_omega", help="compute the solid angle per sub-pixel", also={"oversample_omega": True}),
        Flag("-dmin", "D", "Å", "0", "resolution limit: no scattering beyond it", ("d_min_A",)),
        Flag("-tolerance", "T", "of the brightest pixel", "",
             "with -exact: what a pixel may miss; weaker terms are left out (not a flag of the C program)",
             ("tolerance",)),
        Flag("-tolerance_ph", "N", "photons", "",
             "with -exact: the same in photons (not a flag of the C program)", ("tolerance_ph",)),
        Flag("-exact", help="correct the C program's physics (not a flag of the C program)",
             also={"exact": True}),
    ),
    "Output": (
        Flag("-floatfile", "FILE", "", "floatimage.bin", "photons per pixel, 4-byte floats", ("float_path",),
             "text", aliases=("-floatimage",)),
        Flag("-intfile", "FILE", "", "intimage.img", "scaled SMV image", ("int_path",), "text",
             aliases=("-intimage",)),
        Flag("-scale", "S", "", "automatic", "scale of -intfile", ("int_scale",)),
        Flag("-adc", "OFFSET", "", "40", "offset of the SMV images", ("adc_offset",), aliases=("-adcoffset",
             "-adc_offset")),
        Flag("-pgmfile", "FILE", "", "image.pgm", "PGM image", ("pgm_path",), "text",
             {"write_pgm": True}, ("-pgmimage",)),
        Flag("-pgmscale", "S", "", "automatic", "scale of the PGM image", ("pgm_scale",),
             also={"write_pgm": True}),
        Flag("-nopgm", help="no PGM image", also={"write_pgm": False}),
        Flag("-noisefile", "FILE", "", "noiseimage.img", "SMV image with photon noise", ("noise_path",),
             "text", {"write_noise": True}, ("-noiseimage",)),
        Flag("-nonoise", help="no noise image", also={"write_noise": False}),
        Flag("-seed", "N", "", "from the clock", "seed of the noise image", ("seed",), "seed"),
        Flag("-printout", help="print every pixel", also={"printout": True}),
        Flag("-printout_pixel", "FAST SLOW", "pixels", "all", "print this pixel", ("printout_pixel",),
             "integer", {"printout": True}),
        Flag("-trace_pixel", "SLOW FAST", "pixels", "",
             "trace the computation of this pixel (not a flag of the C program)", ("trace_pixel",), "integer"),
        Flag("-progress", help="show progress (default)", also={"progress": True}),
        Flag("-noprogress", help="do not show progress", also={"progress": False}),
        Flag("-threads", "N", "", "all", "threads to use (not a flag of the C program)", ("threads",),
             "integer"),
    ),
}  # fmt: skip

SPELLINGS: dict[str, Flag] = {
    spelling: flag for flags in GROUPS.values() for flag in flags for spelling in (flag.name, *flag.aliases)
}


def split_flags(flags: str | Sequence[str]) -> list[str]:
    """Return the arguments of a command line; a string is split as a shell does."""
    if not isinstance(flags, str):
        return list(flags)
    try:
        return shlex.split(flags)
    except ValueError as error:
        raise ConfigError(f"flags {flags!r}: {error}; close the quotation") from None


def find_flag(spelling: str) -> Flag:
    """Return the flag of an exact spelling; raise `ConfigError` suggesting the nearest ones if there is none."""
    if spelling in SPELLINGS:
        return SPELLINGS[spelling]
    nearest = difflib.get_close_matches(spelling, SPELLINGS, n=3)
    cure = f"did you mean {' or '.join(nearest)}?" if nearest else "nanobragg --help lists all flags"
    raise ConfigError(f"{spelling}: unknown flag; {cure}")


def help_flag(name: str) -> str:
    """Return the help on a flag, by any of its spellings, with or without the dash."""
    flag = find_flag(name if name.startswith("-") else f"-{name}")
    also = f"\n    also spelled {', '.join(flag.aliases)}" if flag.aliases else ""
    return _entry(flag) + also


def help_text() -> str:
    """Return the help on all flags by group, with units and defaults."""
    return "\n\n".join(f"{title}:\n" + "\n".join(map(_entry, flags)) for title, flags in GROUPS.items())


def _entry(flag: Flag) -> str:
    default = f"default: {flag.default}" if flag.default else ""
    remark = "; ".join(filter(None, (flag.unit, default)))
    text = flag.help + (f" [{remark}]" if remark else "")
    head = f"  {flag.name} {flag.arguments}".rstrip()
    if len(head) > 26:
        return head + "\n" + textwrap.fill(text, 100, initial_indent=" " * 28, subsequent_indent=" " * 28)
    return textwrap.fill(text, 100, initial_indent=f"{head:<28}", subsequent_indent=" " * 28)
