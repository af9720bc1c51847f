"""The bridges to PyTorch and JAX, and the image function under them."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.derivatives.flat import ImageFunction
from nanobragg.errors import ConfigError
from tests.derivatives.scenes import config as golden

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not hit the detector", "ignore:oversample", "ignore::DeprecationWarning"
)
NAMES = ["rot_x", "rot_z", "cell_b", "n_a", "log_fluence", "panel0_tz", "panel1_ry"]
AWAY = np.array([0.2, -0.3, 1.0, 0.5, 0.1, 0.7, 0.05])


@pytest.fixture(scope="module")
def function() -> ImageFunction:
    return ImageFunction(golden("two_panels"), NAMES)


def test_products_agree_with_differences_far_from_the_start(function):
    """Rotations by large angles do not commute; the rotation vector's derivative takes that into account."""
    values = function.start + AWAY
    cotangent = np.random.default_rng(1).normal(size=function.shape)
    gradient = function.vjp(values, cotangent)
    steps = np.array([1e-7, 1e-7, 1e-5, 1e-5, 1e-5, 1e-5, 1e-7])
    for i, step in enumerate(steps):
        move = step * np.eye(len(NAMES))[i]
        difference = (function.image(values + move) - function.image(values - move)) / (2 * step)
        scale = np.abs(difference).max() * np.abs(cotangent).sum() ** 0.5
        assert gradient[i] == pytest.approx((difference * cotangent).sum(), abs=1e-4 * scale)
        np.testing.assert_allclose(
            function.jvp(values, np.eye(len(NAMES))[i]), difference, atol=1e-5 * np.abs(difference).max()
        )


def test_values_of_another_number_are_refused(function):
    with pytest.raises(ConfigError, match="must be 7 finite numbers"):
        function.image(np.zeros(3))
    with pytest.raises(ConfigError, match="is not a number that an image function can vary"):
        ImageFunction(golden("sources_table"), ["F(2,7,0)"])


def test_pytorch_gradients_are_exact():
    torch = pytest.importorskip("torch")
    import nanobragg.torch

    config = golden("square_constant")
    start = {parameter.name: parameter.value for parameter in nb.parameters(config)}
    names = ["rot_y", "cell_a", "n_c", "panel0_tx"]
    values = [torch.tensor(start[name], dtype=torch.float64, requires_grad=True) for name in names]

    def total(*given):
        return nanobragg.torch.simulate(config, dict(zip(names, given, strict=True))) / 1e9

    assert torch.autograd.gradcheck(total, values, eps=1e-6, atol=1e-4, rtol=1e-4)
    total(*values).sum().backward()
    expected = nb.vjp(config, np.full(total(*values).shape, 1e-9), names=names)
    assert [value.grad.item() for value in values] == pytest.approx([expected[name] for name in names])


def test_jax_gradients_are_exact():
    jax = pytest.importorskip("jax")
    import nanobragg.jax

    config = golden("square_constant")
    start = {parameter.name: parameter.value for parameter in nb.parameters(config)}
    names = ["rot_y", "cell_a", "n_c", "panel0_tx"]
    with jax.enable_x64(True):
        given = {name: start[name] for name in names}
        gradient = jax.grad(lambda params: nanobragg.jax.simulate(config, params).sum() / 1e9)(given)
        compiled = jax.jit(lambda params: nanobragg.jax.simulate(config, params))(given)
        np.testing.assert_allclose(compiled, nb.simulate(config, dtype="float64"), rtol=1e-12)
    expected = nb.vjp(config, np.full(nb.Scene(config).shape, 1e-9), names=names)
    assert {name: float(value) for name, value in gradient.items()} == pytest.approx(expected)
