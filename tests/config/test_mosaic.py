"""Rotations of mosaic domains: balanced draws have a mean of zero and the second moment of their model."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.config.mosaic import mean_rotation_deg, mosaic_rotations
from nanobragg.geometry import rotate_about
from tests.builders import config

SPREAD_DEG = 0.3
# Mean square of the angle in units of the spread: the cap's (1 - r²)^⅓, r uniform, and σ
MEAN_SQUARE = {"cap": math.gamma(0.5) * math.gamma(5 / 3) / math.gamma(13 / 6) / 2, "gaussian": 1.0}


def rotation_vectors(rotations: np.ndarray) -> np.ndarray:
    """Return axis times angle of rotations below 90 degrees, shape (n, 3)."""
    r = rotations
    sines = np.stack([r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]], axis=1) / 2
    length = np.linalg.norm(sines, axis=1, keepdims=True)
    return sines * np.arcsin(length) / length


def crystal(count: int, **fields) -> nb.Crystal:
    return nb.Crystal(cell=(60,), **{"mosaic_spread_deg": SPREAD_DEG, "mosaic_domains": count, **fields})


@pytest.mark.parametrize("model", MEAN_SQUARE)
@given(count=st.integers(2, 60) | st.integers(500, 520), seed=st.integers(0, 2**31 - 1))
def test_balanced_domains_have_no_mean_and_the_second_moment_of_the_model(model, count, seed):
    rotations = mosaic_rotations(crystal(count, mosaic_model=model, mosaic_seed=seed))
    assert rotations.shape == (count, 3, 3)
    np.testing.assert_allclose(
        rotations @ rotations.swapaxes(1, 2), np.broadcast_to(np.eye(3), rotations.shape), atol=1e-14
    )
    vectors = rotation_vectors(rotations)
    spread = math.radians(SPREAD_DEG)
    assert np.abs(vectors.mean(axis=0)).max() < 1e-14 * spread + 1e-17
    assert np.linalg.norm(mean_rotation_deg(rotations)) < 1e-12
    moments = vectors.T @ vectors / count / spread**2
    assert np.trace(moments) == pytest.approx(MEAN_SQUARE[model], rel=1e-9)
    if count >= 4:
        np.testing.assert_allclose(moments, np.eye(3) * MEAN_SQUARE[model] / 3, atol=1e-9)
    if model == "cap":
        assert np.linalg.norm(vectors, axis=1).max() <= spread


def test_angles_follow_the_cap_in_double_precision():
    """4000 domains: the share of angles below x is that of (1 - r²)^⅓; they are no staircase of float32 numbers."""
    angles = np.linalg.norm(rotation_vectors(mosaic_rotations(crystal(4000))), axis=1) / math.radians(SPREAD_DEG)
    for x in (0.3, 0.6, 0.9):
        assert (angles < x).mean() == pytest.approx(1 - math.sqrt(1 - x**3), abs=2e-3)
    assert np.mean(angles.astype(np.float32).astype(float) == angles) < 0.01


def test_directions_are_uniform():
    vectors = rotation_vectors(mosaic_rotations(crystal(4000)))
    cosines = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for along in cosines.T:
        assert np.abs(np.sort(along) - np.linspace(-1, 1, len(along))).max() < 0.05


def test_seeds_differ_and_repeat():
    one, again, other = (mosaic_rotations(crystal(10, mosaic_seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 1e-3


@given(angle=st.floats(0, 179), axis=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1))
def test_the_mean_of_one_rotation_is_that_rotation(angle, axis):
    axis = np.array(axis) / np.linalg.norm(axis)
    rotation = rotate_about(np.eye(3), axis, math.radians(angle)).T
    np.testing.assert_allclose(mean_rotation_deg(rotation[np.newaxis]), angle * axis, atol=1e-6)


@pytest.mark.parametrize("sampling", ["balanced", "random"])
def test_the_truth_states_the_mean_rotation(sampling):
    mosaic = crystal(8, n_cells=5, mosaic_sampling=sampling)
    made = nb.Scene(config(crystal=mosaic))
    stated = nb.ground_truth(made).mosaic_mean_deg
    np.testing.assert_array_equal(stated, mean_rotation_deg(mosaic_rotations(mosaic)))
    assert (np.linalg.norm(stated) > 0.01) == (sampling == "random")
