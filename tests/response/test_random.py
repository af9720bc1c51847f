"""The C program's deviates and rotations, against values that its functions returned."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nanobragg._noise import (
    CRandom,
    gammln,
    mosaic_rotations,
    ordered_sum,
    random_misset_c,
    umat_to_misset,
)
from tests.paths import GOLDEN

FUNCTIONS = np.load(GOLDEN / "functions.npz")


@pytest.mark.parametrize("seed", [1, 12345, 12345678])
def test_uniform_deviates_are_the_c_programs(seed):
    np.testing.assert_array_equal(CRandom(seed).ran1(200), FUNCTIONS[f"ran1/seed-{seed}"])


def test_a_sequence_may_be_drawn_in_pieces():
    whole, pieces = CRandom(5), CRandom(5)
    np.testing.assert_array_equal(whole.ran1(7), np.concatenate([pieces.ran1(3), pieces.ran1(4)]))
    np.testing.assert_array_equal(whole.gauss(5), np.concatenate([pieces.gauss(3), pieces.gauss(2)]))


def test_seed_0_is_seed_1():
    np.testing.assert_array_equal(CRandom(0).ran1(50), CRandom(1).ran1(50))


@pytest.mark.parametrize("seed", [2**31, 5 * 10**14, 2**63 - 1])
def test_a_seed_beyond_the_generators_modulus_is_its_remainder(seed):
    remainder = seed % (2**31 - 1)
    np.testing.assert_array_equal(CRandom(seed).ran1(50), CRandom(remainder).ran1(50))
    before = CRandom(5)
    np.testing.assert_array_equal(CRandom(-seed, before).ran1(50), CRandom(-remainder, before).ran1(50))


def test_the_least_seed_gives_the_stream_of_1():
    np.testing.assert_array_equal(CRandom(-(2**63)).ran1(50), CRandom(1).ran1(50))


def test_uniform_deviates_stop_below_1():
    drawn = CRandom(3).ran1(20_000_000)
    assert drawn.max() == np.float32(1 - 1.2e-7)  # one in eight million is capped
    assert drawn.min() > 0


def test_gaussian_deviates_are_the_c_programs():
    np.testing.assert_array_equal(CRandom(99).gauss(100), FUNCTIONS["gaussdev/seed-99"])


def test_poisson_deviates_of_all_three_methods_are_the_c_programs():
    means = FUNCTIONS["poidev/means"]
    assert {0, 1, 2} == set(np.digitize(means, [12, 1e6]))
    np.testing.assert_array_equal(CRandom(7).poisson(means), FUNCTIONS["poidev/seed-7"])


def test_poisson_keeps_the_shape_and_the_means():
    means = np.full((2, 3), 4, np.float32)
    drawn = CRandom(1).poisson(means)
    assert drawn.shape == (2, 3)
    assert (means == 4).all()


def test_mean_0_costs_one_uniform_deviate():
    random, uniform = CRandom(8), CRandom(8)
    assert random.poisson([0.0]) == 0
    assert random.ran1(1) == uniform.ran1(2)[1]


def test_log_gamma_is_the_c_programs():
    np.testing.assert_array_equal([gammln(x) for x in FUNCTIONS["gammln/x"]], FUNCTIONS["gammln/value"])


@pytest.mark.parametrize("x", [0.5, 3.25, 77.0, 1e5])
def test_log_gamma_is_the_log_of_gamma(x):
    assert gammln(x) == pytest.approx(math.lgamma(x), rel=6e-8)


@pytest.mark.parametrize("name", [key for key in FUNCTIONS.files if key.startswith("mosaic_umat/")])
def test_mosaic_rotations_are_the_c_programs(name):
    _, spread, seed = name.split("/")
    spread_rad = float(spread.split("-")[1]) * math.pi / 180
    ours = mosaic_rotations(spread_rad, 25, int(seed.split("-")[1]))
    np.testing.assert_array_equal(ours[0], np.eye(3))
    np.testing.assert_allclose(ours[1:], FUNCTIONS[name][1:], rtol=0, atol=1e-15)


def test_mosaic_rotations_are_proper_and_within_the_spread():
    rotations = mosaic_rotations(0.03, 200, 42)
    products = rotations @ rotations.transpose(0, 2, 1)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(3), (200, 3, 3)), atol=1e-14)
    np.testing.assert_allclose(np.linalg.det(rotations), 1, rtol=1e-14)
    angles = np.arccos((np.trace(rotations, axis1=1, axis2=2) - 1) / 2)
    assert 0.029 < angles.max() <= 0.03 * (1 + 1e-6)


def test_no_mosaic_domains():
    assert mosaic_rotations(0.1, 0, 1).shape == (0, 3, 3)


@pytest.mark.parametrize("seed", [12345, 54321])
def test_random_misset_is_the_c_programs(seed):
    np.testing.assert_allclose(random_misset_c(seed), FUNCTIONS[f"random_misset_rad/seed-{seed}"], rtol=0, atol=1e-12)


def about(axis: int, angle: float) -> np.ndarray:
    j, k = (axis + 1) % 3, (axis + 2) % 3
    rotation = np.eye(3)
    rotation[j, j] = rotation[k, k] = math.cos(angle)
    rotation[k, j], rotation[j, k] = math.sin(angle), -math.sin(angle)
    return rotation


def test_misset_angles_turn_about_x_then_y_then_z():
    angles = (0.3, -0.7, 2.1)
    rotation = about(2, angles[2]) @ about(1, angles[1]) @ about(0, angles[0])
    np.testing.assert_allclose(umat_to_misset(rotation), angles, rtol=1e-14)


def test_misset_angles_at_the_pole_are_the_c_programs():
    np.testing.assert_allclose(umat_to_misset([[0, 0, 1], [0, 1, 0], [-1, 0, 0]]), [np.pi, np.pi / 2, np.pi])


def test_ordered_sum_rounds_as_one_loop_does():
    values = np.geomspace(1e-3, 1e12, 1001).astype(np.float32)
    total = 0.0
    for value in values.tolist():
        total += value
    assert ordered_sum(values) == total
