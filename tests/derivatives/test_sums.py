"""Losses, their gradients, and normal equations."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.derivatives.check import displaced
from nanobragg.errors import ConfigError
from tests.builders import config
from tests.derivatives.scenes import config as golden

pytestmark = pytest.mark.filterwarnings("ignore:.*does not hit the detector", "ignore:oversample")
NAMES = ["rot_x", "cell_b", "n_c", "mosaic_spread", "log_fluence", "panel0_tz", "log_background", "F(2,-10,-2)"]
NOISES = ["poisson", 2.5, nb.Likelihood("normal", 2.5, robust=2.0)]


@pytest.fixture(scope="module")
def scene() -> nb.Scene:
    bright = golden("all", beam={"fluence_ph_m2": 1e30})
    return nb.Scene(bright)


@pytest.fixture(scope="module")
def data(scene) -> np.ndarray:
    return np.random.default_rng(1).poisson(1.1 * nb.simulate(scene, dtype="float64")).astype(float)


@pytest.mark.parametrize("noise", NOISES)
def test_the_gradient_is_that_of_the_loss(scene, data, noise):
    found = nb.loss_and_gradient(scene, data, noise)
    steps = {"rot_x": 1e-7, "cell_b": 1e-5, "log_fluence": 1e-5, "panel0_tz": 1e-5, "mosaic_spread": 1e-6}
    for name, step in steps.items():
        up, down = (
            nb.loss_and_gradient(displaced(scene, name, h, None), data, noise, names=[]).loss for h in (step, -step)
        )
        scale = max(abs(found.gradient[name]), 1e-6 * found.loss / step)
        assert (up - down) / (2 * step) == pytest.approx(found.gradient[name], abs=1e-5 * scale)


def test_the_gradient_by_amplitudes_is_that_of_the_product(scene, data):
    found = nb.loss_and_gradient(scene, data).gradient
    model = nb.simulate(scene, dtype="float64")
    expected = nb.vjp(scene, 1 - data / np.maximum(model, 1e-6))
    np.testing.assert_allclose(found["F"], expected["F"], rtol=1e-9, atol=1e-12 * np.abs(expected["F"]).max())


def test_the_loss_of_a_model_equal_to_the_data_is_zero(scene):
    image = nb.simulate(scene, dtype="float64")
    assert nb.loss_and_gradient(scene, image, "poisson").loss == pytest.approx(0, abs=1e-9 * image.sum())
    assert nb.loss_and_gradient(scene, image, 3.0).loss == pytest.approx(0, abs=1e-9 * image.size)


def test_normal_equations_are_those_of_the_images(scene, data):
    variance = 1.0 + data
    found = nb.normal_equations(scene, data, variance, NAMES)
    jacobian = nb.derivatives(scene, NAMES).reshape(len(NAMES), -1)
    residual, weight = (data - nb.simulate(scene, dtype="float64")).ravel(), 1 / variance.ravel()
    assert found.names == tuple(NAMES)
    assert found.pixels == data.size
    assert found.chi_squared == pytest.approx(residual @ (weight * residual))
    expected = jacobian @ (weight * residual)
    np.testing.assert_allclose(found.gradient, expected, rtol=1e-9, atol=1e-10 * np.abs(expected).max())
    matrix = (jacobian * weight) @ jacobian.T
    scale = np.sqrt(np.outer(matrix.diagonal(), matrix.diagonal()))
    np.testing.assert_allclose(found.matrix / scale, matrix / scale, atol=1e-12)


def test_several_panels_are_kept_apart():
    scene = nb.Scene(golden("two_panels"))
    found = nb.normal_equations(scene, np.zeros(scene.shape), 1.0, ["panel0_tx", "panel1_tx", "rot_x"])
    assert found.matrix[0, 1] == 0
    assert found.matrix[0, 2] != 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_have_the_same_bits_for_any_number_of_threads(scene, data, dtype):
    results = [nb.normal_equations(scene, data, 2.0, NAMES, threads=n, dtype=dtype) for n in (1, 2, 3)]
    assert len({result.matrix.tobytes() + result.gradient.tobytes() for result in results}) == 1
    losses = [nb.loss_and_gradient(scene, data, threads=n, dtype=dtype) for n in (1, 2, 3)]
    assert len({(result.loss, result.gradient.pop("F").tobytes(), *result.gradient.values()) for result in losses}) == 1


def test_pixels_that_are_not_chosen_may_hold_anything(scene, data):
    spoilt = data.copy()
    spoilt[3, 4] = np.nan
    with pytest.raises(ConfigError, match=r"data: 1 of 576 pixels are not finite.*pixels=np.isfinite"):
        nb.loss_and_gradient(scene, spoilt)
    assert np.isfinite(nb.loss_and_gradient(scene, spoilt, pixels=np.isfinite(spoilt)).loss)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (np.zeros((4, 4)), {}, r"data of shape \(4, 4\): must have the image's shape \(32, 48\)"),
        (np.zeros((32, 48)), {"pixels": np.zeros((32, 48), bool)}, "all pixels are masked or not chosen"),
        (np.zeros((32, 48)), {"noise": "gamma"}, "noise = 'gamma': must be 'poisson' or 'normal'"),
        (np.zeros((32, 48)), {"noise": -1.0}, "sigma must not be negative"),
        (np.zeros((32, 48)), {"noise": nb.Likelihood("poisson", 1.0)}, "sigma and robust are for kind='normal'"),
    ],
)
def test_bad_data_are_refused(data, options, message):
    with pytest.raises(ConfigError, match=message):
        nb.loss_and_gradient(config(), data, **options)


@pytest.mark.parametrize(
    ("variance", "message"), [(0.0, "must be positive"), (np.ones(3), r"variance of shape \(3,\)")]
)
def test_bad_variances_are_refused(variance, message):
    with pytest.raises(ConfigError, match=message):
        nb.normal_equations(config(), np.zeros((32, 48)), variance, ["rot_x"])
