"""Configs with changed parameters: where a derivative, or a refinement, leads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._noise import umat_to_misset
from ..config.background import Background
from ..config.beam import Beam, Sources
from ..config.config import Config
from ..config.crystal import Crystal
from ..config.detector import Detector
from ..constants import RADIAN_IN_DEGREES
from ..errors import ConfigError
from ..geometry import FloatArray, as_vector, determinant
from ..scene.scene_data import SceneData
from ..unit_cell import Cell, check_cell, reciprocal_vectors
from .cells import crystal_cell
from .damage import changed_damage, share_left
from .groups import Groups, panel_groups
from .halos import with_changed_widths
from .listed_domains import domain_weights
from .mosaic import rotations_from_vectors
from .names import (
    CELL,
    CORRELATIONS,
    COUNTS,
    COUNTS_OFF,
    DAMAGE,
    DISPLACEMENTS,
    MOTIONS,
    ROTATIONS,
    SPREADS,
    STRAIN_NAMES,
    domain_of,
    reflection_of,
    rotation_of,
    source_of,
)
from .sources import mean_wavelength, source_axes

CRYSTAL = (
    *CELL, *ROTATIONS, *COUNTS, *COUNTS_OFF, *SPREADS, *STRAIN_NAMES, *CORRELATIONS, *DISPLACEMENTS, "mosaic_spread",
    "strain", "log_blocks", "correlation_length", "displacement",
)  # fmt: skip


def moved_config(scene: SceneData, changes: Mapping[str, float], groups: Groups | None = None) -> Config:
    """Return the Config of a scene with parameters changed by the given amounts.

    Whatever the scene chose by itself (sub-pixels, lookup, number of blocks) stays as it is. The Config has the damage
    and the dose of the scene: its crystal and its amplitudes are those before the dose.

    Parameters
    ----------
    scene
        The scene.
    changes
        Changes of parameters by name, each in its unit.
    groups
        Groups of panels that move together.

    Raises
    ------
    ConfigError
        The changed Config is not valid, for example because a spread is negative.
    """
    config, parts = scene.undamaged, dict[str, Any]()
    crystal = {name: change for name, change in changes.items() if change and changes_crystal(name)}
    damage = {name: change for name, change in changes.items() if change and name in DAMAGE}
    if damage:
        parts |= changed_damage(config, damage)
    if crystal or damage:
        parts["crystal"] = _crystal(scene, crystal)
    parts["beam"] = _beam(scene, changes)
    parts["detector"] = _detector(scene, changes, groups)
    parts["structure_factors"] = _structure_factors(scene, changes)
    if changes.get("log_background"):
        parts["background"] = _scaled(config.background, math.exp(changes["log_background"]))
    if changes.get("phi_start"):
        parts["scan"] = config.scan.replace(start_deg=config.scan.start_deg + changes["phi_start"])
    parts["sampling"] = config.sampling.replace(oversample=scene.oversample)
    return config.replace(**parts)


def changes_crystal(name: str) -> bool:
    """Return whether a parameter is a number of the crystal."""
    return name in CRYSTAL or domain_of(name) is not None or rotation_of(name) is not None


def _scaled(background: Background, factor: float) -> Background:
    """Return a background of `factor` times the photons."""
    return background.replace(
        water_um=background.water_um * factor ** (1 / 3), thickness_um=background.thickness_um * factor,
        more=tuple(_scaled(each, factor) for each in background.more),
    )  # fmt: skip


def _crystal(scene: SceneData, changes: Mapping[str, float]) -> Crystal:
    """Return the crystal with a changed cell, orientation, size and spread, as a cell and misset angles."""
    crystal = scene.undamaged.crystal
    moved: dict[str, Any] = {}
    if any(name in changes for name in (*CELL, *ROTATIONS)):
        after = _cell(crystal_cell(scene), changes)
        before_turn = orientation(scene)
        turn = rotations_from_vectors(np.array([[changes.get(name, 0.0) for name in ROTATIONS]]))[0]
        angles = np.asarray(umat_to_misset(turn @ before_turn)) * RADIAN_IN_DEGREES
        moved |= {"cell": after, "misset_deg": as_vector(angles), "matrix": None, "matrix_path": None}
        moved["twin_law"] = None  # whose orientation this is
    moved["n_cells"] = tuple(n + changes.get(name, 0.0) for n, name in zip(scene.n_cells, COUNTS, strict=True))
    moved |= {"size_mm": (0.0, 0.0, 0.0), "volume_mm3": None, "fraction": 1.0}  # which the blocks include
    moved |= {"block_um": None, "blocks": scene.blocks / share_left(scene) * math.exp(changes.get("log_blocks", 0.0))}
    off = zip(crystal.n_cells_off, COUNTS_OFF, strict=True)
    moved["n_cells_off"] = tuple(n + changes.get(name, 0.0) for n, name in off)
    if "mosaic_spread" in changes:
        assert not isinstance(crystal.mosaic_spread_deg, tuple)  # see parameters.py
        moved["mosaic_spread_deg"] = (crystal.mosaic_spread_deg or 0.0) + changes["mosaic_spread"]
    if isinstance(crystal.mosaic_spread_deg, tuple):
        spreads = zip(crystal.mosaic_spread_deg, SPREADS, strict=True)
        moved["mosaic_spread_deg"] = tuple(spread + changes.get(name, 0.0) for spread, name in spreads)
    if isinstance(crystal.strain_percent, tuple):
        components = zip(crystal.strain_percent, STRAIN_NAMES, strict=True)
        moved["strain_percent"] = tuple(percent + changes.get(name, 0.0) for percent, name in components)
    if "strain" in changes:
        assert not isinstance(crystal.strain_percent, tuple)  # see parameters.py
        moved["strain_percent"] = crystal.strain_percent + changes["strain"]
    weights = {number: change for name, change in changes.items() if (number := domain_of(name)) is not None}
    if weights:
        moved["mosaic_weights"] = _added(domain_weights(scene), weights)
    rotations = {place: change for name, change in changes.items() if (place := rotation_of(name)) is not None}
    if rotations:
        moved["mosaic_rotations_deg"] = _added(crystal.mosaic_rotations_deg, rotations)
    if crystal.diffuse is not None:
        moved["diffuse"] = with_changed_widths(crystal.diffuse, dict(changes))
    return crystal.replace(**moved)


def _added(values: FloatArray | None, changes: Mapping[Any, float]) -> FloatArray:
    """Return listed values with changes added at some places."""
    after = np.array(values, np.float64)
    for place, change in changes.items():
        after[place] += change
    return after


def _cell(cell: Cell, changes: Mapping[str, float]) -> Cell:
    a, b, c, alpha, beta, gamma = (x + changes.get(name, 0.0) for x, name in zip(cell, CELL, strict=True))
    return check_cell((a, b, c, alpha, beta, gamma))


def orientation(scene: SceneData) -> FloatArray:
    """Return the rotation that takes reciprocal vectors with a* along x and b* in the xy plane to the crystal's."""
    standard, _ = reciprocal_vectors(crystal_cell(scene))
    rotation = (np.linalg.inv(standard) @ scene.lattice.reciprocal).T
    if determinant(rotation) < 0:
        raise ConfigError("Crystal.matrix: is left-handed, so that no cell and rotation describe it; reverse an axis")
    left, _, right = np.linalg.svd(rotation)
    return np.asarray(left @ right)


def _beam(scene: SceneData, changes: Mapping[str, float]) -> Beam:
    beam, moved = scene.config.beam, dict[str, Any]()
    if changes.get("log_fluence"):
        moved |= {"fluence_ph_m2": beam.fluence * math.exp(changes["log_fluence"]), "flux_ph_s": None}
    if changes.get("bandwidth"):
        moved["bandwidth_percent"] = beam.bandwidth_percent + changes["bandwidth"]
    if changes.get("kahn"):
        moved["kahn_factor"] = beam.kahn_factor + changes["kahn"]
    stretch = math.exp(changes.get("log_wavelength", 0.0))
    weights = {number: change for name, change in changes.items() if (number := source_of(name)) is not None}
    if weights or any(changes.get(name) for name in ("log_bandwidth", "source_h", "source_v")):
        moved |= _listed_sources(scene, changes, weights, stretch)
    elif stretch != 1.0 and beam.sources is None and beam.spectrum is None:
        moved |= {"wavelength_A": beam.wavelength * stretch, "energy_eV": None}
    elif stretch != 1.0:
        moved |= _listed_sources(scene, changes, weights, stretch)
    given = {name: getattr(beam, name) for name in beam.model_fields_set - moved.keys()}
    return Beam(**{**given, **{name: value for name, value in moved.items() if value is not None}})


def _listed_sources(
    scene: SceneData, changes: Mapping[str, float], weights: Mapping[int, float], stretch: float
) -> dict[str, Any]:
    """Return the fields of a beam whose sources are listed, after a change of their directions and wavelengths."""
    directions, wavelengths, shares = scene.sources
    mean = mean_wavelength(scene)
    wavelengths = (mean + (wavelengths - mean) * math.exp(changes.get("log_bandwidth", 0.0))) * stretch
    turns = np.array([changes.get("source_h", 0.0), changes.get("source_v", 0.0)])
    rotation = rotations_from_vectors((turns @ source_axes(scene))[np.newaxis])[0]
    shares = shares + np.array([weights.get(number, 0.0) for number in range(len(shares))])
    sources = Sources(positions=-(directions @ rotation.T), weights=shares, wavelengths_A=wavelengths * 1e10)
    without = ("divergence_mrad", "divergence_steps", "divergence_step_mrad")
    return {
        "sources": sources, "wavelength_A": scene.wavelength * 1e10 * stretch, "energy_eV": None, "spectrum": None,
        "dispersion_percent": 0.0, "dispersion_steps": None, **dict.fromkeys(without, (None, None)),
    }  # fmt: skip


def _detector(scene: SceneData, changes: Mapping[str, float], groups: Groups | None) -> Detector:
    detector = scene.config.detector
    panels = list(detector.panels)
    for name, group in panel_groups(scene, groups).items():
        amounts = np.array([changes.get(f"{name}_{motion}", 0.0) for motion in MOTIONS])
        shift = amounts[:3] + (scene.beam_direction * changes.get("distance", 0.0) if name == "detector" else 0.0)
        if not shift.any() and not amounts[3:].any():
            continue
        rotation, pivot = rotations_from_vectors(amounts[np.newaxis, 3:])[0], np.array(group.pivot) * 1000.0
        for number in group.panels:
            panel = panels[number]
            fast, slow, normal = (as_vector(rotation @ axis) for axis in panel.axes())
            origin = pivot + rotation @ (np.array(panel.origin_mm) - pivot) + shift
            panels[number] = panel.replace(
                origin_mm=as_vector(origin), fast_axis=fast, slow_axis=slow, normal_axis=normal
            )
    if all(one is other for one, other in zip(panels, detector.panels, strict=True)):
        return detector
    return detector.replace(panels=tuple(panels), nominal=None)


def _structure_factors(scene: SceneData, changes: Mapping[str, float]) -> Any:
    factors = scene.undamaged.structure_factors
    moved: dict[str, Any] = {}
    if scene.table is not None and scene.lookup != "phased":
        moved["interpolate"] = scene.lookup == "tricubic"
    if changes.get("default_F"):
        moved["default_F"] = factors.default_F + changes["default_F"]
    reflections = {index: change for name, change in changes.items() if (index := reflection_of(name)) is not None}
    if reflections:
        assert factors.listing is not None
        indices, amplitudes = factors.listing
        amplitudes = amplitudes.copy()
        for index, change in reflections.items():
            amplitudes[..., (indices == index).all(axis=1)] += change
        kept = {"cell": factors.known_cell, "energies_eV": factors.energies, "default_F": factors.default_F}
        return type(factors)(indices=indices, amplitudes=amplitudes, **{**kept, **moved})
    return factors.replace(**moved) if moved else factors
