"""AT-NOISE: noise images of the C program, byte for byte."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nanobragg._noise import CRandom
from nanobragg.errors import ConfigError
from nanobragg.response.noise import c_noise
from tests.paths import GOLDEN

NOISE = np.load(GOLDEN / "AT-NOISE.npz")
IO = np.load(GOLDEN / "AT-IO.npz")
FACTS = json.loads((GOLDEN / "facts.json").read_text())
RUNS = {
    "few-photons": (123, 40),
    "many-photons": (123, 40),
    "overloads": (7, 40),
    "gaussian-branch": (7, 40),
    "water": (99, 40),
    "adc": (5, 100),
}


@pytest.mark.parametrize("run", RUNS)
def test_noise_image_is_the_c_programs(run):
    seed, adc_offset = RUNS[run]
    noisy, photons, overloads = c_noise(NOISE[f"{run}/image"], seed, adc_offset)
    np.testing.assert_array_equal(noisy, NOISE[f"{run}/noise"])
    assert [float(f"{photons:.0f}"), overloads] == FACTS[f"AT-NOISE/{run}"]["printed"]["photons_overloads"]


def test_masked_pixels_draw_too():
    image = IO["mask/image"]
    assert (image == 0).any()
    noisy, _, _ = c_noise(image, 1)
    np.testing.assert_array_equal(noisy, IO["mask/noise"])


def test_roi_draws_in_its_own_order_and_leaves_the_rest_0():
    image = NOISE["many-photons/image"]
    noisy, photons, overloads = c_noise(image, 11, roi=np.s_[30:34, 5:21])
    part, part_photons, part_overloads = c_noise(image[30:34, 5:21], 11)
    np.testing.assert_array_equal(noisy[30:34, 5:21], part)
    assert (photons, overloads) == (part_photons, part_overloads)
    noisy[30:34, 5:21] = 0
    assert not noisy.any()


def test_roi_beyond_the_image_is_the_image():
    image = NOISE["few-photons/image"]
    np.testing.assert_array_equal(c_noise(image, 1, roi=np.s_[0:1001, :65])[0], c_noise(image, 1)[0])


def test_roi_off_the_image_is_empty():
    noisy, photons, overloads = c_noise(np.ones((4, 4), np.float32), 1, roi=np.s_[0:4, 7:10])
    assert (noisy.any(), photons, overloads) == (False, 0.0, 0)


def test_the_sum_of_deviate_and_offset_is_truncated():
    noisy, photons, _ = c_noise([[3e6]], 4, adc_offset=-2999000.5)
    assert noisy[0, 0] == int(CRandom(4).poisson([3e6])[0] - 2999000.5) % 65536
    assert photons == CRandom(4).poisson([3e6])[0]


def test_overloads_are_counted_above_65535_only():
    below, _, none = c_noise([[0.0]], 1, adc_offset=65535)
    above, _, one = c_noise([[0.0]], 1, adc_offset=65535.5)
    assert (below[0, 0], none, above[0, 0], one) == (65535, 0, 65535, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_a_bad_pixel_is_named(value):
    image = np.zeros((3, 4), np.float32)
    image[2, 1] = value
    with pytest.raises(ConfigError, match=rf"pixel \(slow 2, fast 1\) is {value}"):
        c_noise(image, 1)


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_out_of_range_is_named(seed):
    with pytest.raises(ConfigError, match=f"seed = {seed}"):
        c_noise(np.zeros((2, 2)), seed)


def test_an_infinite_offset_is_named():
    with pytest.raises(ConfigError, match="adc_offset = inf"):
        c_noise(np.zeros((2, 2)), 1, adc_offset=np.inf)
