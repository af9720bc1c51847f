"""A Scene in the kernel's form (include/nanobragg/scene.h): structs of plain numbers in SI units."""

import numpy as np
import numpy.typing as npt

from .._core import C_RULES, LOOKUPS, PANEL, PARAMETERS, SOURCE, CoreScene
from .._functions import HALO, SHAPES, block_of
from ..bounds import BOUNDS
from ..constants import EV_ANGSTROM, R_E_SQR
from ..errors import ConfigError
from ..geometry import FloatArray, unit
from ..structure_factors.tables import Limits, Table
from .filled import filled
from .halos import halo_crystal
from .panel_geometry import PanelGeometry
from .scene_data import SceneData

SINGLE_CELLS = 1024  # largest N whose turns an offset of 2^-33 leaves good to 1e-7
SINGLE_INDEX = 2.0**18  # the kernel's fixed-point index overflows at 2^19
SINGLE_INTENSITY = 1e-20, 1e30  # F² and F² N^6 far from the smallest and the largest float
FLOAT_AMPLITUDE = 1e-30, 1e30


def float32_precision(scene: SceneData) -> str:
    """Return the precision of the terms of a float32 image, one of PRECISIONS (docs/performance.md has the errors)."""
    if scene.config.compat is not None:
        return "double"
    largest = scene.spot_factors.largest
    if scene.table is not None and largest != 0 and not FLOAT_AMPLITUDE[0] < largest < FLOAT_AMPLITUDE[1]:
        return "double"
    return "single" if _single_serves(scene, largest) else "double from floats"


def _single_serves(scene: SceneData, largest: float) -> bool:
    """Return whether the single-precision kernel is faster and within the error bound of docs/performance.md."""
    smallest_intensity, largest_intensity = SINGLE_INTENSITY
    return (
        scene.smear is None
        and not scene.halos
        and SHAPES[scene.config.crystal.shape].single_precision
        and max(scene.n_cells) <= SINGLE_CELLS
        and all(float(n).is_integer() for n in scene.n_cells)  # N times a fixed-point offset wraps by whole turns
        and max(scene.reach) < SINGLE_INDEX
        and (largest == 0 or smallest_intensity < largest**2)
        and (largest * scene.cells_per_block) ** 2 < largest_intensity
    )


def build_core(scene: SceneData, precision: str) -> CoreScene:
    """Return the kernel's scene in one of PRECISIONS, with a table no larger than the detector reaches."""
    _check_oversample(scene)
    energies, numbers = table_energies(scene)
    table = None
    if scene.table is not None:
        make = scene.spot_factors.transforms if scene.lookup == "phased" else scene.spot_factors.tables
        table = make(energies, scene.table.within(scene.reach), _entry(precision))
    like_c = scene.config.compat == "c"
    return CoreScene(
        _panels(scene.geometry), _sources(scene, numbers), _parameters(scene, table), scene.cells, scene.shares,
        scene.mask,
        None if table is None else table.values,
        None if scene.amorphous is None else scene.amorphous.values / scene.blocks,
        precision, _c_rules(scene) if like_c else None, scene.first_cells, scene.smear,
        _halo_core(scene, precision, energies, numbers), scene.block_slope,
    )  # fmt: skip


def _halo_core(
    scene: SceneData, precision: str, energies: list[float], numbers: list[int], first: int = 0
) -> CoreScene | None:
    """Return the kernel's scene of the halos from number `first` on, each with the next as its rest; None: no more."""
    if first == len(scene.halos):
        return None
    factors, crystal = scene.halo_factors[first], scene.config.crystal
    assert crystal.diffuse is not None
    assert factors.limits is not None
    h, k, l = (r + crystal.diffuse.neighbours for r in scene.reach)
    table = factors.tables(energies, factors.limits.within((h, k, l)), _entry(precision))
    parameters = _parameters(scene, table)
    parameters["shape"], parameters["lookup"] = HALO, LOOKUPS.index("nearest")
    parameters["default_F"] = parameters["water"] = 0.0
    parameters["crystal"] = halo_crystal(scene.halos[first], crystal, scene.n_cells)
    return CoreScene(
        _panels(scene.geometry), _sources(scene, numbers), parameters, scene.cells, scene.shares, scene.mask,
        table.values, None, precision, rest=_halo_core(scene, precision, energies, numbers, first + 1),
        crystal_slope=None if scene.halo_slopes is None else scene.halo_slopes[first],
    )  # fmt: skip


def _entry(precision: str) -> type:
    """Return the type of a table's entries."""
    return np.float64 if precision == "double" else np.float32


def _check_oversample(scene: SceneData) -> None:
    """Raise `ConfigError` if the automatic number of sub-pixels exceeds the largest that may be given."""
    most = BOUNDS["Sampling.oversample"].high
    if scene.oversample > most:
        raise ConfigError(
            f"Sampling.oversample: this crystal needs {scene.oversample:.3g} sub-pixels along a side of a pixel, more "
            f"than {most:g}; give oversample, or a smaller crystal"
        )


def table_energies(scene: SceneData) -> tuple[list[float], list[int]]:
    """Return the energies (eV) of the amplitude tables, and the number of the table that each source uses."""
    factors, sources = scene.config.structure_factors, scene.sources.wavelengths
    if not factors.has_energy_axis or factors.energies is None:
        return [0.0], [0] * len(sources)
    wanted = np.clip(EV_ANGSTROM / (sources * 1e10), factors.energies[0], factors.energies[-1])
    distinct, numbers = np.unique(wanted, return_inverse=True)
    return distinct.tolist(), numbers.tolist()


def _panels(geometry: PanelGeometry) -> npt.NDArray[np.void]:
    return filled(
        PANEL, len(geometry),
        pix0=geometry.origin, fast=geometry.fast, slow=geometry.slow, normal=geometry.normal, pixel=geometry.pixel,
        close_distance=geometry.close_distance, distance=geometry.distance, beam=geometry.beam,
        axis=geometry.bend_axes, along=geometry.bend_along, start=geometry.bend_start,
    )  # fmt: skip


def _sources(scene: SceneData, tables: list[int]) -> npt.NDArray[np.void]:
    directions, wavelengths, weights = scene.sources
    axes = np.array([_wave_axes(scene, direction) for direction in directions])
    return filled(
        SOURCE, len(weights),
        direction=directions, wavelength=wavelengths, weight=weights, e=axes[:, 0], b=axes[:, 1], table=tables,
    )  # fmt: skip


def _wave_axes(scene: SceneData, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return E and B of a source's wave, or zero vectors for a source along the polarization axis.

    `build_sources` allows such a source if nothing is polarized, and with compat="c" (include/nanobragg/walk_c.h).
    """
    across = np.cross(scene.polarization_axis, direction)
    if not across.any():
        return across, across
    b = unit(across)
    return unit(np.cross(direction, b)), b


def _parameters(scene: SceneData, table: Table | None) -> npt.NDArray[np.void]:
    """Return the kernel's Parameters (include/nanobragg/scene.h)."""
    config, detector = scene.config, scene.config.detector
    stop, (water, scale) = detector.beamstop, _water_and_scale(scene)
    table = table or Table(np.empty(0), Limits((1, 1, 1), (-1, -1, -1)))
    _, nk, nl = table.shape
    parameters = filled(
        PARAMETERS, 1,
        crystal=0, shape=SHAPES[config.crystal.shape].number, lookup=LOOKUPS.index(scene.lookup),
        default_F=scene.spot_factors.default_F, table_low=table.low, table_high=table.high,
        table_stride_h=nk * nl, table_stride_k=nl, table_steps=table.steps,
        oversample=scene.oversample, n_layers=scene.sensor.count, has_sensor=scene.sensor.range > 0,
        layer=scene.sensor.step, mu=scene.attenuation, point_pixel=detector.point_pixel, curved=detector.curved,
        has_beamstop=stop is not None, beamstop=scene.beam_direction,
        beamstop_cosine=1.0 if stop is None else stop.cosine,
        beamstop_passes=1.0 if stop is None else stop.transmission,
        polarized=config.beam.polarized, kahn=config.beam.kahn_factor, d_min=config.sampling.d_min_A * 1e-10,
        water=water, amorphous_step=1.0 if scene.amorphous is None else scene.amorphous.step, scale=scale,
    )  # fmt: skip
    cells, inverse = block_of((*scene.n_cells, *config.crystal.n_cells_off))
    parameters["crystal"] = filled(
        parameters.dtype["crystal"],
        1,
        n=scene.n_cells,
        inverse_n=inverse,
        cells=cells,
        metric=scene.radius_metric,
        around=0,
    )
    return parameters


def _c_rules(scene: SceneData) -> npt.NDArray[np.void]:
    sampling, every = scene.config.sampling, scene.follows(4)
    return filled(
        C_RULES, 1,
        every_omega=every and sampling.oversample_omega, every_polar=every and sampling.oversample_polar,
        every_capture=every and sampling.oversample_thick,
        interpolation_ends=scene.follows(6) and scene.lookup == "tricubic",
    )  # fmt: skip


def _water_and_scale(scene: SceneData) -> tuple[float, float]:
    """Return the water for each block of the crystal, and the scale from the sum of one block to photons of all."""
    water = scene.config.background.water_scattering
    photons = R_E_SQR * scene.fluence
    if scene.config.compat == "c":  # row 11: fluence twice, and shared out among the terms
        return water * (photons if scene.follows(11) else scene.terms), photons / scene.terms
    return water / scene.blocks, photons * scene.blocks / scene.oversample**2
