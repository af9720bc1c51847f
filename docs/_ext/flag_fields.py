"""The table of C flags and the Config fields that they set, generated from the flag table."""

from __future__ import annotations

import inspect

import nanobragg as nb
from nanobragg.nanobragg_c.flags.flag_table import GROUPS, Flag

# Variables of the C program and their Config fields; must contain every variable that a flag sets
FIELDS = {
    "cell": "Crystal.cell", "matrix_path": "Crystal.matrix_path", "misset": "Crystal.misset_deg",
    "misset_seed": "Crystal.misset_seed", "n_a": "Crystal.n_cells", "n_b": "Crystal.n_cells", "n_c": "Crystal.n_cells",
    "size_a_mm": "Crystal.size_mm", "size_b_mm": "Crystal.size_mm", "size_c_mm": "Crystal.size_mm",
    "shape": "Crystal.shape", "fudge": "Crystal.fudge", "mosaic_spread_deg": "Crystal.mosaic_spread_deg",
    "mosaic_domains": "Crystal.mosaic_domains", "mosaic_seed": "Crystal.mosaic_seed",
    "spindle": "Crystal.spindle_axis",
    "hkl_path": "StructureFactors.from_hkl", "dump_path": "StructureFactors.from_dump",
    "default_F": "StructureFactors.default_F", "interpolate": "StructureFactors.interpolate",
    "water_um": "Background.water_um",
    "wavelength_A": "Beam.wavelength_A", "energy_eV": "Beam.energy_eV", "fluence_ph_m2": "Beam.fluence_ph_m2",
    "flux_ph_s": "Beam.flux_ph_s", "exposure_s": "Beam.exposure_s", "beamsize_mm": "Beam.size_mm",
    "kahn_factor": "Beam.kahn_factor", "polarized": "Beam.polarized", "polarization": "Beam.polarization_axis",
    "hdiv_range_mrad": "Beam.divergence_mrad", "vdiv_range_mrad": "Beam.divergence_mrad",
    "hdiv_step_mrad": "Beam.divergence_step_mrad", "vdiv_step_mrad": "Beam.divergence_step_mrad",
    "hdiv_steps": "Beam.divergence_steps", "vdiv_steps": "Beam.divergence_steps",
    "round_divergence": "Beam.round_divergence", "dispersion_percent": "Beam.dispersion_percent",
    "dispersion_steps": "Beam.dispersion_steps", "sources_path": "Sources.from_file",
    "fpixels": "Detector.flat(pixels=)", "spixels": "Detector.flat(pixels=)",
    "detsize_f_mm": "Detector.flat(pixels=)", "detsize_s_mm": "Detector.flat(pixels=)",
    "pixel_mm": "Detector.flat(pixel_mm=)", "thickness_um": "Detector.sensor_thickness_um",
    "attenuation_um": "Detector.attenuation_um", "layers": "Detector.sensor_layers", "curved": "Detector.curved",
    "point_pixel": "Detector.point_pixel", "mask_path": "Detector.mask",
    "img_path": "config_from_flags", "roi": "Config.roi",
    "distance_mm": "Detector.flat(distance_mm=)", "close_distance_mm": "Detector.flat(close_distance_mm=)",
    "convention": "Detector.flat(convention=)", "pivot": "Detector.flat(pivot=)",
    "xbeam_mm": "Detector.flat(beam_center_mm=)", "ybeam_mm": "Detector.flat(beam_center_mm=)",
    "xclose_mm": "Detector.flat(org_px=)", "yclose_mm": "Detector.flat(org_px=)",
    "orgx_px": "Detector.flat(org_px=)", "orgy_px": "Detector.flat(org_px=)",
    "rotx_deg": "Detector.flat(rotation_deg=)", "roty_deg": "Detector.flat(rotation_deg=)",
    "rotz_deg": "Detector.flat(rotation_deg=)", "twotheta_deg": "Detector.flat(twotheta_deg=)",
    "twotheta_axis": "Detector.flat(twotheta_axis=)", "fast": "Detector.flat(fast_axis=)",
    "slow": "Detector.flat(slow_axis=)", "normal": "Detector.flat(normal_axis=)",
    "beam": "Detector.flat(beam_direction=)", "pix0": "Panel.origin_mm",
    "phi_deg": "Scan.start_deg", "osc_deg": "Scan.range_deg", "phistep_deg": "Scan.step_deg", "phisteps": "Scan.steps",
    "oversample": "Sampling.oversample", "d_min_A": "Sampling.d_min_A",
    "tolerance": "Sampling.tolerance", "tolerance_ph": "Sampling.tolerance_ph",
    "oversample_thick": "Sampling.oversample_thick", "oversample_polar": "Sampling.oversample_polar",
    "oversample_omega": "Sampling.oversample_omega", "exact": "Config.compat",
    "stol_path": "Background.table_path",
    "float_path": "write_image", "int_path": "write_image", "pgm_path": "write_image", "noise_path": "write_image",
    "int_scale": "to_integers(scale=)", "pgm_scale": "to_integers(scale=)", "adc_offset": "c_noise(adc_offset=)",
    "seed": "c_noise(seed=)", "write_pgm": "to_integers", "write_noise": "c_noise", "printout": "trace",
    "printout_pixel": "trace", "trace_pixel": "trace", "progress": "simulate(progress=)",
    "threads": "simulate(threads=)",
}  # fmt: skip
SIDE_EFFECTS = {"pivot"}  # a Config's pivot defaults to the convention's


def targets(flag: Flag) -> list[str]:
    """Return the fields that a flag sets, without duplicates."""
    names = flag.sets or tuple(name for name in flag.also if name not in SIDE_EFFECTS)
    return list(dict.fromkeys(FIELDS[name] for name in names))


def check(target: str) -> str:
    """Return `target`; raise AttributeError if nanobragg does not have it."""
    path, _, argument = target.rstrip(")").partition("(")
    owner, _, name = path.partition(".")
    found = getattr(nb, owner)
    if name and name not in getattr(found, "model_fields", {}):
        found = getattr(found, name)
    if argument and argument.rstrip("=") not in inspect.signature(found).parameters:
        raise AttributeError(f"{path} has no argument {argument}")
    return target


def table() -> str:
    """Return Markdown with a table for each group of flags."""
    return "\n".join(_group(title, flags) for title, flags in GROUPS.items())


def _group(title: str, flags: tuple[Flag, ...]) -> str:
    rows = [f"### {title}", "", "| flag | unit | meaning | in Python |", "|---|---|---|---|"]
    return "\n".join([*rows, *map(_row, flags)]) + "\n"


def _row(flag: Flag) -> str:
    also = f" (also {', '.join(f'`{name}`' for name in flag.aliases)})" if flag.aliases else ""
    python = "–" if flag.unused and not flag.sets else ", ".join(f"`{check(name)}`" for name in targets(flag))
    meaning = flag.help if not flag.unused or flag.help.startswith("ignored") else f"{flag.help}; {flag.unused}"
    default = f"; default {flag.default}" if flag.default else ""
    cells = f"`{' '.join([flag.name, flag.arguments]).strip()}`{also}", flag.unit, meaning + default, python
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
