"""A Scene in the kernel's form (include/nanobragg/scene.h): structs of plain numbers in SI units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from ..constants import EV_ANGSTROM, R_E_SQR
from ..geometry import FloatArray, dot, unit
from ..structure_factors.grid import Table
from .panel_geometry import PanelGeometry

if TYPE_CHECKING:
    from .scene import Scene

SINGLE_CELLS = 1024  # largest N whose turns an offset of 2^-33 leaves good to 1e-7
SINGLE_INDEX = 2.0**18  # the kernel's fixed-point index overflows at 2^19
SINGLE_INTENSITY = 1e-20, 1e30  # F² and F² N^6 far from the smallest and the largest float
FLOAT_AMPLITUDE = 1e-30, 1e30


def float32_precision(scene: Scene) -> str:
    """How terms of a float32 image are computed, one of `_core.PRECISIONS` (docs/performance.md: the error of each)."""
    if scene.config.compat is not None:
        return "double"
    largest = scene.config.structure_factors.largest
    if scene.table is not None and largest != 0 and not FLOAT_AMPLITUDE[0] < largest < FLOAT_AMPLITUDE[1]:
        return "double"
    return "single" if _single_serves(scene, largest) else "double from floats"


def _single_serves(scene: Scene, largest: float) -> bool:
    """Whether the single-precision kernel is faster here and keeps the bound of docs/performance.md."""
    cells = float(np.prod(scene.n_cells))
    smallest_intensity, largest_intensity = SINGLE_INTENSITY
    return (
        scene.config.crystal.shape == "square"
        and max(scene.n_cells) <= SINGLE_CELLS
        and max(scene.reach) < SINGLE_INDEX
        and (largest == 0 or smallest_intensity < largest**2)
        and (largest * cells) ** 2 < largest_intensity
    )


def build_core(scene: Scene, precision: str) -> _core.CoreScene:
    """The kernel's scene in one of `_core.PRECISIONS`, with a table no larger than the detector reaches."""
    energies, numbers = table_energies(scene)
    table = None
    if scene.table is not None:
        table = scene.config.structure_factors.tables(
            energies, scene.table.within(scene.reach), np.float64 if precision == "double" else np.float32
        )
    return _core.CoreScene(
        panel_numbers(scene.geometry), _source_numbers(scene, numbers), scene.cells, scene.first_cells, scene.mask,
        None if table is None else table.values, None if scene.amorphous is None else scene.amorphous.values,
        precision, {**_numbers(scene), **_table_numbers(table)},
    )  # fmt: skip


def table_energies(scene: Scene) -> tuple[list[float], list[int]]:
    """Energies (eV) that tables are needed at, and which of them each source takes."""
    factors, sources = scene.config.structure_factors, scene.sources.wavelengths
    if not factors.has_energy_axis or factors.energies is None:
        return [0.0], [0] * len(sources)
    wanted = np.clip(EV_ANGSTROM / (sources * 1e10), factors.energies[0], factors.energies[-1])
    distinct, numbers = np.unique(wanted, return_inverse=True)
    return distinct.tolist(), numbers.tolist()


def _table_numbers(table: Table | None) -> dict[str, Any]:
    if table is None:
        return {"table_low": [0] * 3, "table_high": [0] * 3, "table_strides": (0, 0)}
    _, _, nk, nl = table.values.shape
    return {
        "table_low": [first - 1 for first in table.limits.first],
        "table_high": [last + 1 for last in table.limits.last],
        "table_strides": (nk * nl, nl),
    }


def panel_numbers(geometry: PanelGeometry) -> list[dict[str, Any]]:
    """The panels in the kernel's form."""
    return [
        {
            "pix0": geometry.origin[i], "fast": geometry.fast[i], "slow": geometry.slow[i],
            "normal": geometry.normal[i], "pixel": geometry.pixel[i], "close_distance": geometry.close_distance[i],
            "distance": geometry.distance, "beam": geometry.beam,
            "axis": geometry.bend_axes[i], "along": geometry.bend_along[i], "start": geometry.bend_start[i],
        }
        for i in range(len(geometry))
    ]  # fmt: skip


def _source_numbers(scene: Scene, tables: list[int]) -> list[dict[str, Any]]:
    numbers = []
    for direction, wavelength, weight, table in zip(*scene.sources, tables, strict=True):
        e, b = _wave_axes(scene, direction)
        numbers.append({
            "direction": direction.tolist(), "wavelength": wavelength, "weight": weight,
            "e": e.tolist(), "b": b.tolist(), "table": table,
        })  # fmt: skip
    return numbers


def _wave_axes(scene: Scene, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
    """E and B of a source's wave; an unpolarized one has neither, and may run along the polarization axis."""
    across = np.cross(scene.polarization_axis, direction)
    if scene.config.beam.kahn_factor == 0 and not across.any():
        return across, across
    b = unit(across, "polarization axis × a source's direction")
    return unit(np.cross(direction, b)), b


def _numbers(scene: Scene) -> dict[str, Any]:
    """The kernel's scalar fields (include/nanobragg/scene.h)."""
    config, sampling, detector = scene.config, scene.config.sampling, scene.config.detector
    like_c = config.compat == "c"
    water, scale = _water_and_scale(scene)
    return {
        "n": [float(n) for n in scene.n_cells],
        "metric": shape_metric(scene),
        "shape": _core.SHAPES.index(config.crystal.shape),
        "lookup": scene.lookup,
        "default_F": config.structure_factors.default_F,
        "oversample": scene.oversample,
        "n_layers": scene.sensor.count,
        "has_sensor": scene.sensor.range > 0,
        "layer": scene.sensor.step,
        "mu": scene.attenuation,
        "point_pixel": detector.point_pixel,
        "curved": detector.curved,
        "polarized": config.beam.polarized,
        "kahn": config.beam.kahn_factor,
        "d_min": sampling.d_min_A * 1e-10,
        "water": water,
        "amorphous_step": 1.0 if scene.amorphous is None else scene.amorphous.step,
        "scale": scale,
        "c_factors": like_c,
        "every_omega": sampling.oversample_omega,
        "every_polar": sampling.oversample_polar,
        "every_capture": sampling.oversample_thick,
        "interpolation_ends": like_c and scene.lookup == _core.LOOKUPS.index("tricubic"),
    }


def shape_metric(scene: Scene) -> list[float]:
    """Squared radius of the radial shapes as a quadratic form of (Δh, Δk, Δl): hh kk ll, 2kl 2hl 2hk."""
    shape, fudge = scene.config.crystal.shape, scene.config.crystal.fudge
    like_c = scene.config.compat == "c"
    n = [float(count) for count in scene.n_cells]
    if not (like_c and shape in ("gauss", "tophat")):
        return [fudge * n[0] ** 2, fudge * n[1] ** 2, fudge * n[2] ** 2, 0.0, 0.0, 0.0]
    a, b, c = scene.lattice.reciprocal
    scale = fudge * (n[0] * n[1] * n[2]) ** 2  # row 7
    return [
        scale * dot(a, a), scale * dot(b, b), scale * dot(c, c),
        scale * 2 * dot(b, c), scale * 2 * dot(a, c), scale * 2 * dot(a, b),
    ]  # fmt: skip


def _water_and_scale(scene: Scene) -> tuple[float, float]:
    water = scene.config.background.water
    photons = R_E_SQR * scene.fluence
    if scene.config.compat == "c":  # row 11: fluence twice, and shared out among the terms
        return water * photons, photons / scene.terms
    return water, photons / scene.oversample**2
