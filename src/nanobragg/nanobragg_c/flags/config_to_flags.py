"""Conversion of a `Config` to flags of the original program, and the files that they name."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np

from ...calls import public
from ...config.beam import Beam
from ...config.config import Config
from ...config.crystal import misset_angles
from ...config.detector import Detector
from ...constants import RADIAN_IN_DEGREES
from ...errors import ConfigError, NanobraggWarning
from ...geometry import FloatArray
from ...io.atomic import StrPath, atomic_write
from ...io.hkl import write_hkl
from ...io.input_file import open_input
from ...io.smv import write_smv
from ...scene.scene import Scene
from .flag_values import MAX_SEED
from .geometry_to_flags import geometry_flags

SHAPE_FLAGS = {"square": "-square_xtal", "round": "-round_xtal", "gauss": "-gauss_xtal", "tophat": "-tophat_spots"}


@public
def config_to_flags(config: Config, folder: StrPath) -> list[str]:
    """Return the flags with which the original program simulates an experiment, with its own physics for any `compat`.

    Parameters
    ----------
    config : Config
        An experiment with one panel.
    folder
        An existing folder for the files that flags name (reflections, matrix, sources, mask).

    Returns
    -------
    list of str
        Flags without the program's name and outputs. Numbers of cells and sub-pixels are those resolved here. The
        number of blocks multiplies the fluence, because the C program has one block. A random orientation is given by
        its angles, because the program would draw another one (docs/quirks.md rows 8 and 19).

    Raises
    ------
    ConfigError
        The flags cannot express a field; the message names it.
    FileError
        A file named by the Config is missing.
    """
    folder = Path(os.path.abspath(folder))
    _check_expressible(config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NanobraggWarning)
        scene = Scene(config)
    config = scene.config
    if scene.blocks != 1 and config.background.water_um > 0:
        raise ConfigError(
            f"Background.water_um = {config.background.water_um:g}: the C program has no blocks, and the fluence that "
            f"stands for {scene.blocks:.6g} of them would multiply the water too; leave the water out"
        )
    flags = [
        *_crystal(config, scene, folder),
        *_structure_factors(config, scene, folder),
        *_beam(config.beam, scene.blocks),
        *_sources(config, folder),
        *_sensor(config.detector),
        *_mask(config, scene, folder),
        *_scan(config),
        *_sampling(config, scene),
        *_flag("-water", config.background.water_um or None),
        *_flag("-roi", *([None] if config.roi is None else scene.limits)),
    ]
    return flags + geometry_flags(config, scene)


def _check_expressible(config: Config) -> None:
    """Raise `ConfigError` for fields that flags cannot express."""
    crystal, factors = config.crystal, config.structure_factors
    if config.crystals is not None:
        raise ConfigError("Config.crystals: the C program supports only one")
    if len(config.detector.panels) > 1:
        raise ConfigError(f"Detector.panels: {len(config.detector.panels)} panels; the C program supports only one")
    if config.beam.spectrum is not None:
        raise ConfigError("Beam.spectrum: the C program has none; give dispersion_percent or sources of equal weight")
    if config.detector.sensor_depth_um:
        raise ConfigError(
            f"Detector.sensor_depth_um = {config.detector.sensor_depth_um:g}: the C program detects at the surface only"
        )
    if config.detector.beamstop is not None:
        raise ConfigError("Detector.beamstop: the C program has none; give a mask")
    if crystal.shape not in SHAPE_FLAGS:
        raise ConfigError(f"Crystal.shape = {crystal.shape!r}: the C program has only {', '.join(SHAPE_FLAGS)}")
    for name in crystal.beyond_c():
        raise ConfigError(f"Crystal.{name}: the C program does not support it; leave it out")
    if not all(isinstance(n, int) for n in crystal.n_cells):
        raise ConfigError(f"Crystal.n_cells = {crystal.n_cells}: the C program has whole numbers of cells")
    if crystal.mosaic_model != "cap" and crystal.domains() > 1:
        raise ConfigError(f"Crystal.mosaic_model = {crystal.mosaic_model!r}: the C program supports only 'cap'")
    if not 0 <= crystal.mosaic_seed <= MAX_SEED:
        raise ConfigError(f"Crystal.mosaic_seed = {crystal.mosaic_seed}: the C program accepts 0 to {MAX_SEED}")
    if factors.has_energy_axis:
        raise ConfigError(
            "StructureFactors.energies_eV: several energies; the C program supports one amplitude per reflection"
        )
    if factors.is_phased:
        raise ConfigError("StructureFactors.interpolate = 'phased': the C program has no phases; give True or False")
    if factors.path is None and factors.indices is None and factors.default_F == 0:
        raise ConfigError("StructureFactors.default_F = 0 without reflections: the C program stops; give either")


def _flag(name: str, *values: float | str | Path | None) -> list[str]:
    """Return a flag with its values, or nothing if a value is None."""
    if any(value is None for value in values):
        return []
    return [name, *(repr(float(value)) if isinstance(value, float) else str(value) for value in values)]


def _readable(path: Path) -> str:
    """Return the absolute path of a file after checking that it can be read; the C program ignores missing files."""
    with open_input(path):
        return os.path.abspath(path)


def _crystal(config: Config, scene: Scene, folder: Path) -> list[str]:
    crystal, spread = config.crystal, config.crystal.mosaic_spread_deg
    angles = [angle * RADIAN_IN_DEGREES for angle in misset_angles(crystal, c_cap=config.compat == "c")]
    flags = _flag("-cell", *(crystal.cell or [None]))
    if crystal.matrix_path is not None:
        flags += ["-mat", _readable(crystal.matrix_path)]
    if crystal.matrix is not None:
        flags += ["-mat", _write_matrix(folder, np.array(crystal.matrix), config.beam.wavelength)]
    for axis, count in zip("abc", scene.n_cells, strict=True):
        flags += [f"-N{axis}", str(count)]
    return [
        *flags,
        *(_flag("-misset", *angles) if any(angles) else []),
        SHAPE_FLAGS[crystal.shape],
        *_flag("-fudge", crystal.fudge),
        *([] if isinstance(spread, tuple) else _flag("-mosaic", spread)),
        *_flag("-mosaic_domains", crystal.mosaic_domains),
        *_flag("-mosaic_seed", crystal.mosaic_seed),
    ]


def _write_matrix(folder: Path, matrix: FloatArray, wavelength_A: float) -> str:
    """Write reciprocal vectors (Å⁻¹) as a MOSFLM matrix file, multiplied by the wavelength; return its path."""
    return _write_rows(folder / "matrix.mat", matrix / (1e-10 / (wavelength_A / 1e10)))


def _write_rows(path: Path, rows: FloatArray) -> str:
    with atomic_write(path) as handle:
        for row in rows.tolist():
            handle.write((" ".join(map(repr, row)) + "\n").encode("ascii"))
    return str(path)


def _structure_factors(config: Config, scene: Scene, folder: Path) -> list[str]:
    factors = config.structure_factors
    flags = _flag("-default_F", factors.default_F)
    if factors.path is not None and factors.kind in ("hkl", "dump"):
        flags += ["-dump" if factors.kind == "dump" else "-hkl", _readable(factors.path)]
    elif factors.listing is not None:
        path = folder / "structure_factors.hkl"
        write_hkl(path, *factors.listing)
        flags += ["-hkl", str(path)]
    wanted = min(scene.n_cells) <= 2 if factors.interpolate is None else factors.interpolate
    return [*flags, "-interpolate" if wanted else "-nointerpolate"]


def _beam(beam: Beam, blocks: float) -> list[str]:
    energy = beam.energy_eV
    flags = _flag("-lambda", beam.wavelength_A) if energy is None else _flag("-energy", energy)
    flags += _flag("-fluence", beam.fluence * blocks)
    flags += _flag("-polar", beam.kahn_factor)
    return flags if beam.polarized else [*flags, "-nopolar"]  # -oversample_polar applies the factor even then


def _sources(config: Config, folder: Path) -> list[str]:
    beam = config.beam
    if beam.sources is None:
        return _divergence(beam)
    rows = beam.sources.rows()
    weights = np.where(np.isnan(rows[:, 3]), 1.0, rows[:, 3])
    if config.compat != "c" and (weights != weights[0]).any():
        raise ConfigError(
            "Sources.weights: the C program ignores them; give equal weights, or compat='c' to ignore them too "
            "(docs/quirks.md row 5)"
        )
    if beam.sources.path is not None:
        return ["-sourcefile", _readable(beam.sources.path)]
    rows[:, 3] = weights
    rows[:, 4] = np.where(np.isnan(rows[:, 4]), beam.wavelength / 1e10, rows[:, 4])
    return ["-sourcefile", _write_rows(folder / "sources.txt", rows)]


def _divergence(beam: Beam) -> list[str]:
    flags = ["-round_div" if beam.round_divergence else "-square_div"]
    for axis, span, steps, step in zip(
        "hv", beam.divergence_mrad, beam.divergence_steps, beam.divergence_step_mrad, strict=True
    ):
        flags += _flag(f"-{axis}divrange", span) + _flag(f"-{axis}divstep", step) + _flag(f"-{axis}divsteps", steps)
    width = -1.0 if beam.dispersion_percent is None else beam.dispersion_percent  # negative: not given
    return flags + _flag("-dispersion", width) + _flag("-dispsteps", beam.dispersion_steps)


def _sensor(detector: Detector) -> list[str]:
    thickness = -1.0 if detector.sensor_thickness_um is None else detector.sensor_thickness_um  # negative: not given
    return [
        *_flag("-detector_abs", detector.attenuation_um),  # before the thickness, which an infinite depth clears
        *_flag("-detector_thick", thickness),
        *_flag("-detector_thicksteps", detector.sensor_layers),
        *(["-curved_det"] if detector.curved else []),
        *(["-point_pixel"] if detector.point_pixel else []),
    ]


def _mask(config: Config, scene: Scene, folder: Path) -> list[str]:
    """Write the mask with a minimal header, because a file's own header would set the geometry; return its flags."""
    if config.detector.mask is None:
        return []
    path = folder / "mask.img"
    write_smv(path, scene.rendered.astype(np.uint16))
    return ["-mask", str(path)]


def _scan(config: Config) -> list[str]:
    scan = config.scan
    return [
        *_flag("-phi", scan.start_deg),
        *_flag("-osc", scan.range_deg),
        *_flag("-phistep", scan.step_deg),
        *_flag("-phisteps", scan.steps),
    ]


def _sampling(config: Config, scene: Scene) -> list[str]:
    sampling = config.sampling
    names = [f"oversample_{factor}" for factor in ("thick", "polar", "omega")]
    switches = [f"-{name}" for name in names if getattr(sampling, name)]
    return [*_flag("-oversample", scene.oversample), *_flag("-dmin", sampling.d_min_A or None), *switches]
