"""Derivatives of images of smeared spots against numerical differences, and their products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.derivatives.moved import moved_config
from nanobragg.geometry import FloatArray
from tests.builders import config

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

HKL = np.indices((17, 17, 17)).reshape(3, -1).T - 8
FACTORS = nb.StructureFactors(indices=HKL, amplitudes=100 + 50 * np.sin(HKL @ [1.0, 2.0, 3.0]), default_F=30)
ERROR = 1e-6  # of the largest derivative
SCENES: dict[str, tuple[dict[str, Any], float]] = {
    "everything": ({"n_cells": (5, 6, 9), "mosaic_spread_deg": (0.6, 0.3, 0.4), "strain_percent": 0.3}, 0.6),
    "turned": ({"n_cells": 8, "mosaic_spread_deg": (0.5, 0, 0)}, 0.0),
    "reciprocal": ({"n_cells": (8, 8, 12), "shape": "gauss_star", "mosaic_spread_deg": (0.1, 0.1, 0.1)}, 0.2),
    "large": ({"n_cells": (30, 30, 50), "mosaic_spread_deg": (0.5, 0.8, 0.2)}, 0.3),
    "general": ({"n_cells_off": (2, -1, 1), "mosaic_spread_deg": (0.3, 0.2, 0.1)}, 0.2),
    "strained": ({"n_cells": (4, 5, 6), "strain_percent": (0.5, 0.1, 0, 0.3, 0.2, 0)}, 0.0),
}


def smeared(name: str, **fields: Any) -> nb.Scene:
    crystal, bandwidth = SCENES[name]
    model = {"mosaic_model": "gaussian"} if "mosaic_spread_deg" in crystal else {}
    return nb.Scene(config(
        crystal=nb.Crystal(**{
            "cell": (60, 70, 80, 85, 95, 100), "misset_deg": (12, 34, 56), "shape": "gauss", "n_cells": (6, 7, 8),
            "mosaic_sampling": "analytic", **model, **crystal,
        }),
        structure_factors=FACTORS, beam=nb.Beam(wavelength_A=1.0, bandwidth_percent=bandwidth),
        sampling=nb.Sampling(oversample=1),
        **{"detector": nb.Detector.flat(distance_mm=100, pixels=(12, 14), pixel_mm=3), **fields},
    ))  # fmt: skip


def difference(scene: nb.Scene, name: str, scale: float) -> FloatArray:
    """Return the central difference of an image, extrapolated from steps of 1e-3 and 5e-4 of a typical change."""

    def central(step: float) -> FloatArray:
        up, down = (nb.simulate(moved_config(scene, {name: h}), dtype="float64") for h in (step, -step))
        return (up - down) / (2 * step)

    return (4 * central(5e-4 * scale) - central(1e-3 * scale)) / 3


@pytest.mark.parametrize("name", SCENES)
def test_every_parameter_agrees_with_differences(name):
    scene = smeared(name)
    parameters = nb.parameters(scene)
    images = nb.derivatives(scene, [each.name for each in parameters], dtype="float64")
    for parameter, image in zip(parameters, images, strict=True):
        expected = difference(scene, parameter.name, parameter.scale)
        error = np.abs(image - expected).max()
        assert error <= ERROR * np.abs(expected).max(), f"{parameter.name}: {error / np.abs(expected).max():.1e}"


def test_widths_are_parameters_where_they_are_not_zero():
    def widths(name: str) -> list[str]:
        known = ("mosaic", "strain", "bandwidth", "n_ab", "n_bc", "n_ac")
        return [each.name for each in nb.parameters(smeared(name)) if each.name.startswith(known)]

    assert widths("everything") == ["mosaic_a", "mosaic_b", "mosaic_c", "strain", "bandwidth"]
    assert widths("turned") == ["mosaic_a"]
    assert widths("strained") == ["strain_11", "strain_22", "strain_23", "strain_13"]
    assert widths("general") == ["n_ab", "n_bc", "n_ac", "mosaic_a", "mosaic_b", "mosaic_c", "bandwidth"]


def test_check_derivatives_knows_smeared_spots():
    names = ["cell_b", "rot_z", "n_a", "mosaic_b", "strain", "bandwidth", "log_wavelength", "F(1,2,-3)"]
    for check in nb.check_derivatives(smeared("everything"), names):
        assert check.error < ERROR, check


@pytest.mark.parametrize("name", ["everything", "large"])
def test_amplitudes_have_derivatives(name):
    """An image is a sum of squares of amplitudes, so that a central difference is exact."""
    scene = smeared(name)
    slow, fast = map(int, np.unravel_index(nb.simulate(scene).argmax(), scene.shape))
    h, k, l = max(nb.trace(scene, slow=slow, fast=fast).terms, key=lambda term: term.contribution).nearest
    place = int(np.flatnonzero(((h, k, l) == HKL).all(axis=1))[0])

    def image(change: float) -> FloatArray:
        amplitudes = np.array(FACTORS.amplitudes)
        amplitudes[place] += change
        factors = FACTORS.replace(amplitudes=amplitudes)
        return nb.simulate(scene.config.replace(structure_factors=factors), dtype="float64")

    found = nb.derivatives(scene, [f"F({h},{k},{l})"])[0]
    expected = (image(5.0) - image(-5.0)) / 10
    assert expected.max() > 0
    assert np.abs(found - expected).max() <= 1e-9 * expected.max()


@pytest.mark.parametrize(
    "detector",
    [
        nb.Detector.flat(distance_mm=100, pixels=(70, 10), pixel_mm=1),
        nb.Detector.flat(distance_mm=100, pixels=(12, 14), pixel_mm=3, curved=True),
    ],
    ids=["searched", "walked"],
)
def test_products_are_consistent(detector):
    scene = smeared("everything", detector=detector)
    names = ["cell_a", "rot_y", "n_b", "mosaic_a", "strain", "bandwidth", "log_wavelength", "F(1,2,-3)", "default_F"]
    images = nb.derivatives(scene, names)
    tangent = dict(zip(names, np.random.default_rng(1).normal(size=len(names)).tolist(), strict=True))
    expected = np.tensordot(list(tangent.values()), images, 1)
    np.testing.assert_allclose(nb.jvp(scene, tangent), expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    cotangent = np.random.default_rng(2).normal(size=scene.shape)
    found = nb.vjp(scene, cotangent)
    for name, image in zip(names, images, strict=True):
        row = int(np.flatnonzero((HKL == (1, 2, -3)).all(axis=1))[0])
        value = found["F"][row] if name.startswith("F(") else found[name]
        assert value == pytest.approx((image * cotangent).sum(), abs=1e-11 * np.abs(image * cotangent).sum()), name


def test_derivatives_have_the_same_bits_for_any_number_of_threads():
    scene = smeared("everything", detector=nb.Detector.flat(distance_mm=100, pixels=(70, 10), pixel_mm=1))
    names = ["cell_a", "mosaic_a", "bandwidth", "log_wavelength"]
    one, two = (nb.derivatives(scene, names, threads=n) for n in (1, 3))
    assert one.tobytes() == two.tobytes()


def test_the_gradient_of_a_loss_agrees_with_differences():
    scene = smeared("everything")
    truth = nb.simulate(scene, dtype="float64")
    data = truth * np.random.default_rng(3).uniform(0.8, 1.2, truth.shape)
    loss, gradient = nb.loss_and_gradient(scene, data)[:2]
    assert loss > 0
    for name, step in {"mosaic_b": 1e-4, "strain": 1e-4, "bandwidth": 1e-4, "cell_c": 1e-4, "n_c": 1e-3}.items():
        up, down = (nb.loss_and_gradient(moved_config(scene, {name: h}), data)[0] for h in (step, -step))
        assert gradient[name] == pytest.approx((up - down) / (2 * step), rel=1e-4), name
