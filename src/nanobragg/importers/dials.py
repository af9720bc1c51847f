"""Import of DIALS experiment lists: beam, goniometer, scan and crystal of dxtbx models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..calls import public
from ..config.beam import Beam
from ..config.detector import Detector
from ..errors import FormatError, warn_user
from ..geometry import FloatArray, rotate_about, unit
from ..io.atomic import StrPath
from ..io.expt import MODELS, ModelFields, read_expt_models
from .dials_detector import detector_from_dials, panel_groups_of_dials
from .electrons import warn_of_electrons
from .experiment import Experiment

Models = dict[str, ModelFields]
SPECTRUM_STEPS = 21  # wavelengths that sample a polychromatic beam


@public
def read_expt(path: StrPath) -> list[Experiment]:
    """Read a DIALS experiment list.

    The lab frame is that of dxtbx. Where DIALS corrects for parallax, photons are detected at the mean depth that it
    assumes (`Detector.sensor_depth_um`), so that spots are at the positions that DIALS predicts; with `sensor_layers`
    and a depth of 0 they are spread over the sensor instead.

    Parameters
    ----------
    path : path
        An .expt file of DIALS since 2019 (`__id__` "ExperimentList").

    Returns
    -------
    list of Experiment
        Experiments in the order of the file; those of imported images have no crystal. Crystals of the same images are
        experiments of the same `image_set`.

    Raises
    ------
    FileError
        The file cannot be read.
    FormatError
        The file is not a valid experiment list, an experiment lacks beam or detector, or a model is invalid.
    ConfigError
        Panels of different shapes, or pixels that are not square.

    Warns
    -----
    NanobraggWarning
        The file has distortion maps, which are ignored, or a beam is one of electrons.
    """
    listed = read_expt_models(path)
    detectors: dict[int, Detector] = {}
    experiments, image_sets = [], dict[tuple[int, ...], int]()
    for i, models in enumerate(listed):
        for kind in ("beam", "detector"):
            if kind not in models:
                path = next(iter(models.values())).path if models else "experiment list"
                raise FormatError(f"{path}: experiment[{i}] has no {kind}; write the file again with DIALS")
        model = models["detector"]
        if id(model) not in detectors:
            detectors[id(model)] = detector_from_dials(model)
        shared = tuple(id(models.get(kind)) for kind in MODELS if kind != "crystal")  # which crystals of an image share
        experiments.append(replace(
            _experiment(models, detectors[id(model)]),
            groups=panel_groups_of_dials(model), image_set=image_sets.setdefault(shared, len(image_sets)),
        ))  # fmt: skip
    _warn_of_distortion(listed)
    probes = [models["beam"].text("probe") for models in listed]
    beams = [(each.beams[0].wavelength, probe) for each, probe in zip(experiments, probes, strict=True)]
    warn_of_electrons(path, beams)
    return experiments


def _warn_of_distortion(listed: Sequence[Models]) -> None:
    for models in listed:
        imageset = models.get("imageset")
        if imageset is not None and (imageset.text("dx") or imageset.text("dy")):
            warn_user(
                f"{imageset.path}: {imageset.name} has distortion maps (dx, dy), which are not applied; spots are "
                "displaced accordingly"
            )
            return


def _experiment(models: Models, detector: Detector) -> Experiment:
    varies = "scan" in models
    experiment = Experiment(
        detector=detector,
        beams=_beams(models, varies),
        **_rotation(models.get("goniometer"), models.get("scan")),
        **_crystal(models.get("crystal"), varies),
    )
    _check_scan_points(models, experiment)
    return experiment


def _check_scan_points(models: Models, experiment: Experiment) -> None:
    """Raise `FormatError` unless scan-varying models have a value at each boundary of an image."""
    for kind, key, values in (
        ("crystal", "A_at_scan_points", experiment.reciprocal),
        ("goniometer", "setting_rotation_at_scan_points", experiment.setting_rotations),
    ):
        if values is not None and len(values) > 1:
            _check_points(models[kind], key, len(values), experiment.images)


def _check_points(model: ModelFields, key: str, count: int, images: int) -> None:
    if count != images + 1:
        raise model.error(key, f"has {count} values; {images} images have {images + 1} boundaries")


def _beams(models: Models, varies: bool) -> tuple[Beam, ...]:
    """Return the beam, or the beam in the middle of each image if it varies over the scan."""
    model = models["beam"]
    beam = _beam(model)
    if not (varies and model.fields.get("s0_at_scan_points")):
        return (beam,)
    s0 = model.numbers("s0_at_scan_points", (-1, 3))
    first, last = models["scan"].numbers("image_range", (2,)).tolist()
    _check_points(model, "s0_at_scan_points", len(s0), int(last - first) + 1)
    middle = (s0[1:] + s0[:-1]) / 2
    return tuple(
        beam.replace(wavelength_A=1.0 / length, direction=tuple((vector / length).tolist()))
        for vector, length in zip(middle, np.linalg.norm(middle, axis=1).tolist(), strict=True)
    )


def _beam(model: ModelFields) -> Beam:
    """Return the beam; dxtbx stores the direction from the sample to the source (model/beam.h).

    The polarization factor of DIALS (algorithms/integration/corrections.h), with n the normal, f the fraction and
    b = n·ŝ₁, is P = (1-2f)(1-b²) + f(1+cos²2θ). With K = 2f-1 and e² + b² = sin²2θ, e along n × ŝ₀, this is Kahn's
    ½(1+cos²2θ - K(e²-b²)).
    """
    if model.text("probe") not in ("", "x-ray", "electron"):
        raise model.error("probe", f"{model.text('probe')!r} is not 'x-ray' or 'electron'; only X-rays are simulated")
    direction = -unit(model.numbers("direction", (3,)), f"{model.path}: {model.name}.direction")
    normal = model.numbers("polarization_normal", (3,), (0.0, 1.0, 0.0))
    electric = np.cross(normal, direction)
    if np.linalg.norm(electric) < 1e-6:
        raise model.error("polarization_normal", "is parallel to the beam; DIALS writes a direction across it")
    fraction = model.number("polarization_fraction", 0.999)
    if not 0 <= fraction <= 1:
        raise model.error("polarization_fraction", f"{fraction} is not between 0 and 1")
    return Beam(
        **_wavelength(model),
        direction=tuple(direction.tolist()),
        polarization_axis=tuple(unit(electric).tolist()),
        kahn_factor=2 * fraction - 1,
    )


def _wavelength(model: ModelFields) -> dict[str, Any]:
    """Return the fields of `Beam` for the wavelength; a polychromatic beam has a uniform spectrum over its range."""
    if model.text("__id__") == "polychromatic":
        low, high = model.numbers("wavelength_range", (2,)).tolist()
        if not 0 < low < high:
            raise model.error("wavelength_range", f"{low}, {high} is not a valid range of wavelengths (Å)")
        middle = (low + high) / 2
        return {
            "wavelength_A": middle,
            "dispersion_percent": 100 * (high - low) / middle,
            "dispersion_steps": SPECTRUM_STEPS,
        }
    wavelength = model.number("wavelength")
    if wavelength <= 0:
        raise model.error("wavelength", f"{wavelength} is not a valid wavelength (Å)")
    return {"wavelength_A": wavelength}


def _rotation(goniometer: ModelFields | None, scan: ModelFields | None) -> dict[str, Any]:
    """Return the fields of `Experiment` for the rotation; empty goniometer fields without a goniometer or rotation."""
    if scan is None:
        return {}
    first, last = scan.numbers("image_range", (2,)).tolist()
    images = int(last - first) + 1
    if images < 1:
        raise scan.error("image_range", f"{first:g} to {last:g} is not a valid range of images")
    start, width = _oscillation(scan)
    if goniometer is None or width == 0:
        return {"images": images}
    axis, fixed, settings = _goniometer(goniometer)
    turn = math.copysign(1.0, width)
    return {
        "images": images, "start_deg": start * turn, "width_deg": abs(width), "rotation_axis": axis * turn,
        "fixed_rotation": fixed, "setting_rotations": settings,
    }  # fmt: skip


def _oscillation(scan: ModelFields) -> tuple[float, float]:
    """Return φ at the start of the first image and the width of an image, from files of any DIALS version."""
    if "properties" not in scan.fields:
        start, width = scan.numbers("oscillation", (2,), (0.0, 0.0)).tolist()
        return start, width
    properties = scan.nested("properties", scan.fields["properties"])
    starts = properties.numbers("oscillation", (-1,), (0.0,))
    if len(starts) > 1:
        return float(starts[0]), float(starts[-1] - starts[0]) / (len(starts) - 1)
    return float(starts[0]), float(properties.numbers("oscillation_width", (-1,), (0.0,))[0])


def _goniometer(model: ModelFields) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return rotation axis, fixed rotation and setting rotations.

    Of several axes (dxtbx, model/multi_axis_goniometer.h) those before the scan axis give the fixed rotation and those
    after it the setting rotation; the first axis rotates first.
    """
    if "axes" in model.fields:
        axes = model.numbers("axes", (-1, 3))
        angles = model.numbers("angles", (len(axes),))
        scan_axis = int(model.number("scan_axis"))
        if not 0 <= scan_axis < len(axes):
            raise model.error("scan_axis", f"{scan_axis} is not one of the {len(axes)} axes")
        axis, fixed = axes[scan_axis], _turned(axes[:scan_axis], angles[:scan_axis])
        setting = _turned(axes[scan_axis + 1 :], angles[scan_axis + 1 :])
    else:
        axis = model.numbers("rotation_axis", (3,))
        fixed = model.numbers("fixed_rotation", (3, 3), np.eye(3))
        setting = model.numbers("setting_rotation", (3, 3), np.eye(3))
    settings = model.numbers("setting_rotation_at_scan_points", (-1, 3, 3), setting[np.newaxis])
    return unit(axis, f"{model.path}: {model.name}.rotation_axis"), fixed, settings


def _turned(axes: FloatArray, angles_deg: FloatArray) -> FloatArray:
    rotation = np.eye(3)
    for axis, angle in zip(axes, np.radians(angles_deg), strict=True):
        rotation = rotate_about(np.eye(3), unit(axis), float(angle)).T @ rotation
    return rotation


def _crystal(model: ModelFields | None, varies: bool) -> dict[str, Any]:
    if model is None:
        return {}
    real = np.array([model.numbers(f"real_space_{axis}", (3,)) for axis in "abc"])
    if abs(np.linalg.det(real)) <= 1e-12 * np.prod(np.linalg.norm(real, axis=1)):
        raise model.error("real_space_a", "is linearly dependent on real_space_b and real_space_c")
    matrices = np.linalg.inv(real)[np.newaxis]
    if varies:
        matrices = model.numbers("A_at_scan_points", (-1, 3, 3), matrices)
    return {
        "reciprocal": matrices,
        "space_group": _space_group(model),
        "mosaic": _mosaic(model, np.linalg.norm(real, axis=1)),
    }


def _space_group(model: ModelFields) -> str:
    import gemmi

    hall = model.text("space_group_hall_symbol")
    try:
        group = gemmi.find_spacegroup_by_ops(gemmi.symops_from_hall(hall)) if hall else None
    except (RuntimeError, ValueError):
        raise model.error("space_group_hall_symbol", f"{hall!r} is not a valid Hall symbol") from None
    return "" if group is None else str(group.xhm())


def _mosaic(model: ModelFields, axes_A: FloatArray) -> dict[str, Any]:
    """Return the fields of `Crystal` for the mosaicity of a crystal with cell edges `axes_A`.

    Kabsch's mosaicity is σ about the spindle, whose variance is a third of that of the angle about random axes. The
    half mosaicity of Nave and Sauter is the largest angle of a cap; the domain size of their model is that of a block.
    """
    fields: dict[str, Any] = {}
    half = model.fields.get("ML_half_mosaicity_deg")
    sigma = model.fields.get("mosaicity")
    if half:
        fields = {"mosaic_spread_deg": model.number("ML_half_mosaicity_deg"), "mosaic_model": "cap"}
    elif sigma:
        spread = math.sqrt(3) * model.number("mosaicity")
        fields = {"mosaic_spread_deg": spread, "mosaic_model": "gaussian"}
    size = model.number("ML_domain_size_ang", 0.0)
    if size > 0:
        fields["n_cells"] = tuple(max(1, math.ceil(size / edge)) for edge in axes_A.tolist())
    return fields
