"""Derivatives against automatic differentiation of an independent implementation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg._core import instruction_set, instruction_sets, use_instruction_set
from tests.derivatives.scenes import SCENES, config

GOLDEN = Path(__file__).parent / "golden"
INDEX = json.loads((GOLDEN / "index.json").read_text())
LIMITS = {"float64": 1e-9, "float32": 5e-6}  # of an image's largest value
IDENTITY = 1e-12


@pytest.fixture(params=instruction_sets())
def each_instruction_set(request):
    before = instruction_set()
    yield use_instruction_set(request.param)
    use_instruction_set(before)


def names_of(scene: str) -> list[str]:
    return [parameter["name"] for parameter in INDEX[scene]["parameters"]]


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    scale = np.abs(expected).max() or 1.0
    return float(np.abs(found - expected).max() / scale)


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.filterwarnings("ignore:.*tophat has flat spots", "ignore:.*does not hit the detector", "ignore:oversample")
def test_every_derivative_is_the_golden_one(scene, dtype, each_instruction_set):
    golden, names = np.load(GOLDEN / f"{scene}.npz"), names_of(scene)
    found = nb.derivatives(config(scene), names, dtype=dtype)
    assert found.dtype == dtype
    worst = {name: relative_error(image, golden[name]) for name, image in zip(names, found, strict=True)}
    assert max(worst.values()) <= LIMITS[dtype], worst


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.filterwarnings("ignore:.*tophat has flat spots", "ignore:.*does not hit the detector", "ignore:oversample")
def test_identities_of_derivatives(scene):
    """Scaling the cell is scaling the wavelength, and φ is a rotation about the spindle."""
    resolved = nb.Scene(config(scene))
    names = ["cell_a", "cell_b", "cell_c", "rot_x", "rot_y", "rot_z", "log_wavelength", "phi_start"]
    *by_cell, x, y, z, by_wavelength, by_phi = nb.derivatives(resolved, names)
    cell = nb.parameters(resolved)[:3]
    scaled = -sum(parameter.value * image for parameter, image in zip(cell, by_cell, strict=True))
    largest = max(np.abs(parameter.value * image).max() for parameter, image in zip(cell, by_cell, strict=True))
    assert np.abs(by_wavelength - scaled).max() <= IDENTITY * largest
    turned = np.tensordot(resolved.spindle_axis, [x, y, z], 1)
    assert np.abs(np.degrees(by_phi) - turned).max() <= IDENTITY * max(
        np.abs(x).max(), np.abs(y).max(), np.abs(z).max()
    )


@pytest.mark.parametrize("scene", ["square_constant", "gauss_mosaic_sensor_water", "two_panels", "curved"])
@pytest.mark.filterwarnings("ignore:.*does not hit the detector", "ignore:oversample")
def test_a_constant_amplitude_is_differentiated_as_a_square(scene):
    resolved = nb.Scene(config(scene))
    by_F, by_blocks = nb.derivatives(resolved, ["default_F", "log_blocks"])
    dry = nb.simulate(config(scene, background={"water_um": 0.0}), dtype="float64")
    amplitude = resolved.config.structure_factors.default_F
    assert relative_error(by_F * amplitude, 2 * dry) <= IDENTITY
    assert relative_error(by_blocks, dry) <= IDENTITY
