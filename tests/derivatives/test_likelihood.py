"""The loss of a single pixel and its slope."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb

MODELS = np.array([-2.0, -1e-3, 0.0, 4e-7, 3e-6, 0.02, 1.0, 37.5, 1e5])
NOISES = [("poisson", 0.0, None), ("normal", 0.0, None), ("normal", 2.5, None), ("normal", 2.5, 2.0)]


@pytest.mark.parametrize("noise", [nb.Likelihood(*noise) for noise in NOISES])
@pytest.mark.parametrize("measured", [0.0, 3.0, 80.0])
def test_the_slope_is_the_derivative_of_the_loss_even_where_nothing_is_expected(noise, measured):
    data, step = np.full(len(MODELS), measured), 1e-3 * np.maximum(np.abs(MODELS), 1e-6)
    up, down = (noise.terms(data, MODELS + h).loss for h in (step, -step))
    at = noise.terms(data, MODELS)
    rounding = 1e-15 * np.maximum(np.abs(at.loss), 1) / step
    np.testing.assert_array_less(np.abs((up - down) / (2 * step) - at.slope), 1e-5 * np.abs(at.slope) + 4 * rounding)


def test_the_loss_is_0_and_flat_where_the_model_is_the_data():
    at = nb.Likelihood().terms(np.array([1e-3, 2.0, 500.0]), np.array([1e-3, 2.0, 500.0]))
    assert np.abs(at.loss).max() < 1e-12
    assert np.abs(at.slope).max() < 1e-12
    assert nb.Likelihood().terms(np.zeros(1), np.zeros(1)).loss == 0
