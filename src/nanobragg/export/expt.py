"""DIALS experiment lists of a Config (dxtbx models as JSON)."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..calls import public
from ..config.config import Config
from ..io.atomic import StrPath, atomic_write
from ..response.recording import resolve_recording
from ..scene.scene_data import SceneData
from ..structure_factors.symmetry import space_group_on_axes
from ..unit_cell import cell_from_vectors

IDENTITY = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]


@public
def write_expt(path: StrPath, config: Config, *, space_group: str | None = None) -> None:
    """Write beam, detector, goniometer, scan and crystal of an experiment as a DIALS experiment list.

    The lab frame is that of the Config, and the cell is that after the dose. Every lattice is an experiment: each of
    several crystals, and each individual of a twin. With the Config's noise, panels have the gain and the pedestal of
    recorded images; without, those of expected photons, 1 and 0. Mosaicity, block size and everything that dxtbx has no
    model for is left out.

    Parameters
    ----------
    path
        The .expt file.
    config
        The experiment.
    space_group
        Symbol or number; default: that of the structure factors, otherwise P 1.

    Raises
    ------
    FileError
        The file cannot be written.
    """
    scenes = [SceneData(each) for each in config.lattices()]
    scene = scenes[0]
    shared = [dict.fromkeys(_indices(scene), 0) | {"crystal": number} for number in range(len(scenes))]
    models = {
        "__id__": "ExperimentList",
        "experiment": [{"__id__": "Experiment", "identifier": "", **indices} for indices in shared],
        "imageset": [], "beam": [beam_model(scene)], "detector": [detector_model(scene)],
        "goniometer": [_goniometer(scene)], "scan": [_scan(scene)] if scene.phi.range else [],
        "crystal": [crystal_model(each, space_group) for each in scenes], "profile": [], "scaling_model": [],
    }  # fmt: skip
    with atomic_write(path) as file:
        file.write((json.dumps(models, indent=2) + "\n").encode())


def _indices(scene: SceneData) -> list[str]:
    return ["beam", "detector", "goniometer", "crystal", *(["scan"] if scene.phi.range else [])]


def beam_model(scene: SceneData) -> dict[str, Any]:
    """Return the beam; its direction is from the sample to the source, its normal across the electric vector."""
    beam, mean = scene.beam_direction, float(scene.sources.weights @ scene.sources.wavelengths) * 1e10
    return {
        "direction": (-beam).tolist(), "wavelength": mean, "divergence": 0.0, "sigma_divergence": 0.0,
        "polarization_normal": np.cross(beam, scene.polarization_axis).tolist(),
        "polarization_fraction": (1.0 + scene.config.beam.kahn_factor) / 2.0, "flux": 0.0, "transmission": 1.0,
    }  # fmt: skip


def detector_model(scene: SceneData) -> dict[str, Any]:
    """Return the detector; DIALS corrects for parallax if photons are detected below the surface."""
    detector = scene.config.detector
    thickness = scene.sensor.range * 1000.0
    mu = scene.attenuation / 1000.0 if thickness else 0.0
    deep = thickness > 0 and detector.depth_um > 0
    strategy = {"type": "ParallaxCorrectedPxMmStrategy" if deep else "SimplePxMmStrategy"}
    recording = None if scene.config.noise is None else resolve_recording(scene.config)
    gain, pedestal = (1.0, 0.0) if recording is None else (recording.gain_adu_per_photon, recording.adc_offset)
    saturation = (detector.saturation_adu if recording is None else recording.saturation_adu) or 2.0**31
    panels = []
    for panel in detector.panels:
        fast, slow, _ = panel.axes()
        panels.append({
            "name": panel.name, "type": "", "fast_axis": fast.tolist(), "slow_axis": slow.tolist(),
            "origin": list(panel.origin_mm), "raw_image_offset": [0, 0], "image_size": list(panel.pixels[::-1]),
            "pixel_size": [panel.pixel_mm] * 2, "trusted_range": [-1.0, saturation], "thickness": thickness,
            "material": detector.sensor_material, "mu": mu, "identifier": detector.name, "mask": [], "gain": gain,
            "pedestal": pedestal, "px_mm_strategy": strategy,
        })  # fmt: skip
    frame = {"fast_axis": [1.0, 0.0, 0.0], "slow_axis": [0.0, 1.0, 0.0], "origin": [0.0, 0.0, 0.0]}
    children = [{"panel": number} for number in range(len(panels))]
    return {"panels": panels, "hierarchy": {"name": "", "type": "", **frame, "children": children}}


def _goniometer(scene: SceneData) -> dict[str, Any]:
    return {"rotation_axis": scene.spindle_axis.tolist(), "fixed_rotation": IDENTITY, "setting_rotation": IDENTITY}


def _scan(scene: SceneData) -> dict[str, Any]:
    scan = scene.config.scan
    return {
        "image_range": [1, 1], "batch_offset": 0, "oscillation": [scan.start_deg, scan.width_deg],
        "exposure_time": [scene.config.beam.exposure_s], "epochs": [0.0], "valid_image_ranges": {},
    }  # fmt: skip


def crystal_model(scene: SceneData, space_group: str | None) -> dict[str, Any]:
    """Return the crystal at φ = 0."""
    name = space_group or scene.undamaged.structure_factors.space_group or "P 1"
    direct = scene.lattice.direct
    return {
        "__id__": "crystal", **{f"real_space_{axis}": row.tolist() for axis, row in zip("abc", direct, strict=True)},
        "space_group_hall_symbol": space_group_on_axes(name, cell_from_vectors(direct), "space_group").hall,
    }  # fmt: skip
