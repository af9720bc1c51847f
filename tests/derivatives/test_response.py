"""Derivatives of what a detector makes of the photons: a point-spread function and a gain."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError
from nanobragg.response.psf import blur
from tests.derivatives.scenes import config

NAMES = ["rot_x", "cell_a", "n_b", "log_fluence", "panel0_tz"]
pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")


@pytest.fixture(scope="module")
def scene() -> nb.Scene:
    """With water: no pixel expects less than the smallest number of photons of a likelihood."""
    return nb.Scene(config("square_constant", background={"water_um": 5.0}))


@pytest.fixture(scope="module", params=["gaussian", "fiber", "none"])
def response(request, scene) -> nb.Response:
    gain = np.random.default_rng(1).uniform(0.5, 2.0, scene.shape)
    return nb.Response(request.param, 0.0 if request.param == "none" else 1.7, gain)


def test_the_signal_is_the_blurred_image_times_the_gain(scene, response):
    image = nb.simulate(scene, dtype="float64")
    blurred = blur(image, response.psf, response.psf_fwhm_px, 1)
    np.testing.assert_allclose(response.apply(image, 1), blurred * response.gain, rtol=1e-9, atol=1e-12 * image.max())


def test_the_transpose_is_one(scene, response):
    one, other = np.random.default_rng(2).normal(size=(2, *scene.shape))
    assert np.vdot(response.apply(one, 1), other) == pytest.approx(
        np.vdot(one, response.transpose(other, 1)), rel=1e-12
    )


def test_images_products_and_sums_are_those_of_the_signal(scene, response):
    chosen = np.random.default_rng(3).random(scene.shape) < 0.6
    images = nb.derivatives(scene, NAMES)
    signals = np.where(chosen, response.apply(images, 1), 0.0)
    scale = np.abs(signals).max(axis=(1, 2))[:, np.newaxis, np.newaxis]
    found = nb.derivatives(scene, NAMES, pixels=chosen, response=response)
    np.testing.assert_allclose(found / scale, signals / scale, atol=1e-12)
    tangent = dict.fromkeys(NAMES, 1e-3)
    np.testing.assert_allclose(
        nb.jvp(scene, tangent, pixels=chosen, response=response), 1e-3 * signals.sum(axis=0), atol=1e-12 * scale.max()
    )
    cotangent = np.random.default_rng(4).normal(size=scene.shape)
    sums = nb.vjp(scene, cotangent, names=NAMES, pixels=chosen, response=response)
    for name, signal in zip(NAMES, signals, strict=True):
        assert sums[name] == pytest.approx(np.vdot(signal, cotangent), rel=1e-9)
    data = response.apply(nb.simulate(scene, dtype="float64"), 1) * 1.1 + 1.0
    equations = nb.normal_equations(scene, data, data, NAMES, pixels=chosen, response=response)
    rows = (signals / np.sqrt(data))[:, chosen]
    np.testing.assert_allclose(equations.matrix, rows @ rows.T, rtol=1e-9)


def test_the_loss_and_its_gradient_are_those_of_the_signal(scene, response):
    signal = response.apply(nb.simulate(scene, dtype="float64"), 1)
    data = 1.2 * signal + 0.3 * signal.mean()
    found = nb.loss_and_gradient(scene, data, "poisson", names=NAMES, response=response)
    terms = nb.Likelihood().terms(data.ravel(), signal.ravel())
    assert found.loss == pytest.approx(terms.loss.sum(), rel=1e-9)
    images = nb.derivatives(scene, NAMES, response=response)
    for name, image in zip(NAMES, images, strict=True):
        assert found.gradient[name] == pytest.approx(float(image.ravel() @ terms.slope), rel=1e-9)


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (nb.Response("gaussian"), "and a width"),
        (nb.Response("none", 2.0), "and a width"),
        (nb.Response("square", 2.0), "give one of"),
        (nb.Response(gain=np.ones((3, 3))), "image's shape"),
        (nb.Response(gain=0.0), "positive"),
        (nb.Response(gain=np.nan), "positive"),
    ],
)
def test_responses_that_are_not_valid_are_refused(scene, response, message):
    with pytest.raises(ConfigError, match=message):
        nb.derivatives(scene, ["rot_x"], response=response)
