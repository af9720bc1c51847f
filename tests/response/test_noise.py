"""Noise: the Poisson law over all means, independence of threads, and each effect of the detector."""

from __future__ import annotations

import math

import numpy as np
import pytest
from nanobragg._photons import normal_deviates, poisson_deviates
from scipy.stats import chisquare, kstest, norm, poisson

from nanobragg import _core
from nanobragg.errors import ConfigError
from nanobragg.response.noise import add_noise, c_noise

SHAPE = (300, 1000)
DECADES = [10.0**k for k in range(-2, 9)]
JOINTS = [15.999, 16.0, 999.0, 1000.0]  # where the method changes


def photons(mean: float, seed: int = 1, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return add_noise(np.full(shape, mean), seed=seed, adc_offset=0, saturation_adu=np.inf, dtype=np.float64)


def p_of_the_poisson_law(counts: np.ndarray, mean: float) -> float:
    """Return the p value of a chi-square test that counts follow the Poisson law, in at most a thousand bins."""
    law = poisson(mean)
    edges = np.unique(law.ppf(np.arange(1, 1000) / 1000))
    probabilities = np.diff([0.0, *law.cdf(edges), 1.0])
    found = np.bincount(np.searchsorted(edges, counts.ravel()), minlength=len(probabilities))
    return float(chisquare(found, probabilities * counts.size).pvalue)


@pytest.mark.parametrize("mean", [*DECADES, *JOINTS])
def test_counts_follow_the_poisson_law(mean):
    assert 1e-3 < p_of_the_poisson_law(photons(mean), mean) < 1 - 1e-3


def test_the_chi_square_test_sees_a_mean_that_is_off_by_two_percent_of_sigma():
    assert p_of_the_poisson_law(photons(100.2), 100.0) < 1e-6


def deviates(mean: float, count: int = 300_000, first: int = 0, key: int = 3) -> np.ndarray:
    out = np.empty(count)
    poisson_deviates(np.full(count, float(mean)), first, 1, key, out)
    return out


@pytest.mark.parametrize("mean", [*DECADES, *JOINTS, 1e12, 1e15])
def test_the_third_moment_is_poissons(mean):
    """E(n - m)³ = m; the sample's has the variance (15 m³ + 25 m² + m)/N plus what the mean's error adds."""
    z = (deviates(mean, 1_000_000) - mean) / math.sqrt(mean)
    skewness = (z**3).mean() - 3 * z.mean() * (z**2).mean()
    assert abs(skewness - 1 / math.sqrt(mean)) < 5 * math.sqrt((15 + 25 / mean + 1 / mean**2) / len(z))


def test_deviates_of_a_pixel_do_not_depend_on_its_neighbours():
    """Pixels are drawn in chunks, sorted by method and retried; each has its own numbers."""
    means = 10.0 ** np.random.default_rng(1).uniform(-2, 6, 3000)
    whole = np.empty(3000)
    poisson_deviates(means, 10, 1, 99, whole)
    for first, after in ((0, 1), (5, 700), (511, 513), (1234, 3000)):
        part = np.empty(after - first)
        poisson_deviates(means[first:after].copy(), 10 + first, 1, 99, part)
        np.testing.assert_array_equal(part, whole[first:after])


def test_every_instruction_set_draws_the_same_numbers():
    means = 10.0 ** np.random.default_rng(2).uniform(-2, 16, 20_000)
    drawn, normal = [], []
    before = _core.instruction_set()
    try:
        for name in _core.instruction_sets():
            _core.use_instruction_set(name)
            drawn.append(np.empty(20_000))
            normal.append(np.empty(20_000))
            poisson_deviates(means, 0, 1, 7, drawn[-1])
            normal_deviates(0, 2, 7, normal[-1])
    finally:
        _core.use_instruction_set(before)
    for other in drawn[1:]:
        np.testing.assert_array_equal(other, drawn[0])
    for other in normal[1:]:
        np.testing.assert_array_equal(other, normal[0])


def test_the_generator_is_threefry_and_the_deviates_are_box_and_mullers():
    normal = np.empty(5)
    normal_deviates(2**33 + 5, 7, 0x0123456789ABCDEF, normal)
    expected = [box_muller(*threefry((2**33 + 5 + i, 0), (0x0123456789ABCDEF, 7))) for i in range(5)]
    np.testing.assert_allclose(normal, expected, rtol=1e-13)


def threefry(counter: tuple[int, int], key: tuple[int, int]) -> tuple[int, int]:
    """Return the two words of Threefry-2x64-20, in Python's integers."""
    mask = 0xFFFFFFFFFFFFFFFF
    keys = [*key, 0x1BD11BDAA9FC1A22 ^ key[0] ^ key[1]]
    a, b = (word + of & mask for word, of in zip(counter, key, strict=True))
    for turn, count in enumerate([16, 42, 12, 31, 16, 32, 24, 21, 16, 42, 12, 31, 16, 32, 24, 21, 16, 42, 12, 31], 1):
        a = a + b & mask
        b = (b << count & mask | b >> 64 - count) ^ a
        if turn % 4 == 0:
            a, b = a + keys[turn // 4 % 3] & mask, b + keys[(turn // 4 + 1) % 3] + turn // 4 & mask
    return a, b


def unit(word: int) -> float:
    return ((word >> 12) + 0.5) * 2.0**-52


def box_muller(a: int, b: int) -> float:
    return math.sqrt(-2 * math.log(unit(a))) * math.cos(2 * math.pi * unit(b))


def test_known_answers_of_threefry():
    """Test vectors of the Random123 library, threefry2x64-20."""
    assert threefry((0, 0), (0, 0)) == (0xC2B6E3A8C2C69865, 0x6F81ED42F350084D)
    full = 0xFFFFFFFFFFFFFFFF
    assert threefry((full, full), (full, full)) == (0xE02CB7C4D95D277A, 0xD06633D0893B8B68)
    pi = ((0x243F6A8885A308D3, 0x13198A2E03707344), (0xA4093822299F31D0, 0x082EFA98EC4E6C89))
    assert threefry(*pi) == (0x263C7D30BB0F0AF1, 0x56BE8361D3311526)


@pytest.mark.parametrize("purpose", [1, 2])
def test_normal_deviates_are_normal(purpose):
    normal = np.empty(1_000_000)
    normal_deviates(0, purpose, 5, normal)
    assert kstest(normal, norm.cdf).pvalue > 1e-3
    assert abs((normal[1:] * normal[:-1]).mean()) < 4e-3


@pytest.mark.parametrize("mean", [12.0, 12.7, 16.0, 50.5, 1000.0, 5000.3, 1e6 + 0.3])
def test_means_of_12_and_more_are_quantiles_of_the_poisson_law(mean):
    """A few of 300,000 counts differ from the exact quantile, by one: six of them for a mean of 12."""
    counts, normal = deviates(mean, 300_000), np.empty(300_000)
    normal_deviates(0, 1, 3, normal)
    share = norm.cdf(normal)
    below, to_count = poisson.cdf(counts - 1, mean), poisson.cdf(counts, mean)
    assert np.count_nonzero((share <= below) | (share > to_count)) < 20
    assert (share > poisson.cdf(counts - 2, mean)).all()
    assert (share <= poisson.cdf(counts + 1, mean)).all()


@pytest.mark.parametrize("mean", [*DECADES, 1e12, 1e15, 1e18])
def test_mean_and_variance_are_poissons(mean):
    counts = photons(mean, seed=2)
    error = math.sqrt(mean / counts.size)
    assert abs((counts - mean).mean()) < 4 * error
    assert abs(counts.var() / mean - 1) < 4 * math.sqrt((2 + 1 / mean) / counts.size)


def test_counts_are_whole_numbers():
    counts = photons(1e7)
    np.testing.assert_array_equal(counts, np.rint(counts))


def test_mean_0_gives_0():
    assert not photons(0.0).any()


def test_neighbouring_pixels_of_different_means_keep_their_means():
    means = np.tile(10.0 ** np.arange(-2, 10), (2000, 1))
    counts = add_noise(means, seed=5, adc_offset=0, saturation_adu=np.inf, dtype=np.float64)
    off = (counts.mean(axis=0) - means[0]) / np.sqrt(means[0] / len(counts))
    assert np.abs(off).max() < 4


def test_neighbouring_pixels_and_blocks_are_independent():
    counts = photons(50.0)
    z = (counts - 50) / math.sqrt(50)
    limit = 4 / math.sqrt(z.size)
    assert abs((z[:, 1:] * z[:, :-1]).mean()) < limit
    assert abs((z[1:] * z[:-1]).mean()) < limit
    blocks = z[:288].reshape(9, -1)  # 32 rows each
    correlation = np.corrcoef(blocks) - np.eye(9)
    assert np.abs(correlation).max() < 4.5 / math.sqrt(blocks.shape[1])


EVERYTHING = {
    "gain_adu_per_photon": 1.7,
    "readout_noise_adu": 2.5,
    "calibration_error": 0.02,
    "flicker": 0.05,
    "psf": "fiber",
    "psf_fwhm_px": 1.4,
}


@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["plain", "everything"])
def test_any_number_of_threads_gives_the_same_image(options):
    image = np.geomspace(0.01, 1e7, 200 * 900).reshape(200, 900)
    one, two, three = (add_noise(image, seed=9, threads=n, **options) for n in (1, 2, 3))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, three)


def test_the_seed_decides_the_image():
    image = np.full((64, 64), 20.0, np.float32)
    np.testing.assert_array_equal(add_noise(image, seed=3), add_noise(image, seed=3))
    assert (add_noise(image, seed=3) != add_noise(image, seed=4)).mean() > 0.8
    assert (add_noise(image) != add_noise(image)).mean() > 0.8


def test_the_input_is_unchanged_and_its_precision_does_not_matter():
    image = np.full((20, 30), 7.25, np.float32)
    noisy = add_noise(image, seed=1, **EVERYTHING)
    assert (image == 7.25).all()
    np.testing.assert_array_equal(noisy, add_noise(image.astype(np.float64), seed=1, **EVERYTHING))


def test_gain_and_offset():
    counts = photons(30.0, seed=6)
    adu = add_noise(np.full(SHAPE, 30.0), seed=6, gain_adu_per_photon=2.5, adc_offset=11.25, dtype=np.float64)
    np.testing.assert_array_equal(adu, 2.5 * counts + 11.25)
    np.testing.assert_array_equal(
        add_noise(np.full(SHAPE, 30.0), seed=6, gain_adu_per_photon=2.5, adc_offset=11.25), np.rint(adu)
    )


def test_readout_noise_has_its_width_in_adu():
    adu = add_noise(
        np.zeros(SHAPE), seed=1, readout_noise_adu=3.0, adc_offset=5, gain_adu_per_photon=7, dtype=np.float64
    )
    n = adu.size
    assert abs(adu.mean() - 5) < 4 * 3 / math.sqrt(n)
    assert abs(adu.std() / 3 - 1) < 4 / math.sqrt(2 * n)
    assert adu.min() < 0


def test_unsigned_integers_stop_at_0_and_signed_ones_do_not():
    dark = np.zeros((50, 50))
    assert add_noise(dark, seed=1, readout_noise_adu=9.0, adc_offset=0).min() == 0
    signed = add_noise(dark, seed=1, readout_noise_adu=9.0, adc_offset=0, dtype=np.int32)
    assert signed.dtype == np.int32
    assert signed.min() < -9


def test_calibration_error_is_the_same_pattern_in_every_exposure():
    image = np.full(SHAPE, 1e10)
    options = {"calibration_error": 0.03, "adc_offset": 0, "saturation_adu": np.inf, "dtype": np.float64}
    first, second = (add_noise(image, seed=seed, **options) / 1e10 - 1 for seed in (1, 2))
    assert first.std() == pytest.approx(0.03, rel=0.01)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.999
    other = add_noise(image, seed=1, calibration_seed=5, **options) / 1e10 - 1
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 4 / math.sqrt(image.size)


def test_flicker_is_one_factor_per_exposure():
    image = np.full((40, 40), 1e12)
    ratios = []
    for seed in range(400):
        adu = add_noise(image, seed=seed, flicker=0.1, adc_offset=0, saturation_adu=np.inf, dtype=np.float64)
        assert adu.std() / adu.mean() < 1e-5
        ratios.append(adu.mean() / 1e12)
    assert abs(np.mean(ratios) - 1) < 4 * 0.1 / 20
    assert np.std(ratios) == pytest.approx(0.1, rel=0.15)


def test_saturation():
    image = np.array([[10.0, 5e4, 1e6]])
    np.testing.assert_array_equal(add_noise(image, seed=1, saturation_adu=900)[0, 1:], [900, 900])
    assert add_noise(image, seed=1)[0, 2] == 65535
    assert add_noise(image, seed=1, saturation_adu=2**31 - 1, dtype=np.int32)[0, 2] > 990000


@pytest.mark.parametrize(
    ("dtype", "largest"),
    [(np.uint8, 255), (np.uint16, 65535), (np.int32, 2**31 - 1), (np.int64, 2**63 - 1024), (np.uint64, 2**64 - 2048)],
)
def test_without_saturation_the_type_limits_a_pixel(dtype, largest):
    dim, bright = add_noise(np.array([[10.0, 1e24]]), seed=1, dtype=dtype)[0]
    assert 40 < dim < 80
    assert bright == largest
    assert add_noise(np.array([[1e24]]), seed=1, dtype=np.float64) == pytest.approx(1e24)


def test_panels_keep_their_shape():
    image = np.full((3, 40, 50), 9.0)
    adu = add_noise(image, seed=2)
    assert adu.shape == image.shape
    np.testing.assert_array_equal(adu.reshape(120, 50), add_noise(image.reshape(120, 50), seed=2))


@pytest.mark.parametrize("value", [-0.5, np.nan, np.inf])
def test_a_bad_pixel_is_named(value):
    image = np.zeros((4, 5))
    image[3, 2] = value
    with pytest.raises(ConfigError, match=rf"image: pixel \(slow 3, fast 2\) is {value}"):
        add_noise(image, seed=1)
    with pytest.raises(ConfigError, match=rf"image: pixel \(panel 0, slow 3, fast 2\) is {value}"):
        add_noise(image[np.newaxis], seed=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed = -1"),
        ({"seed": 1.5}, "seed = 1.5 is not a valid seed"),
        ({"calibration_seed": "a"}, "calibration_seed = 'a'"),
        ({"calibration_seed": -2}, "calibration_seed = -2"),
        ({"gain_adu_per_photon": -1.0}, "gain_adu_per_photon = -1.0"),
        ({"adc_offset": np.nan}, "adc_offset = nan"),
        ({"readout_noise_adu": np.inf}, "readout_noise_adu = inf"),
        ({"calibration_error": -0.1}, "calibration_error = -0.1"),
        ({"flicker": np.nan}, "flicker = nan"),
        ({"psf": "square", "psf_fwhm_px": 1.0}, "psf = 'square'"),
        ({"psf": "gaussian"}, "psf_fwhm_px = 0.0"),
        ({"psf_fwhm_px": 1.0}, "psf_fwhm_px = 1.0"),
        ({"psf": "fiber", "psf_fwhm_px": -1.0}, "psf_fwhm_px = -1.0"),
        ({"saturation_adu": 0}, "saturation_adu = 0"),
        ({"saturation_adu": 256, "dtype": np.uint8}, "saturation_adu = 256.0: must be positive and fit uint8"),
        ({"saturation_adu": 2**63 - 1, "dtype": np.int64}, "saturation_adu"),
        ({"saturation_adu": np.inf}, "saturation_adu = inf"),
        ({"dtype": np.complex64}, "dtype = complex64"),
        ({"threads": 0}, "threads = 0"),
    ],
)
def test_a_bad_option_is_named(options, message):
    with pytest.raises(ConfigError, match=message):
        add_noise(np.ones((2, 2)), **options)


def test_an_image_without_pixels_is_refused():
    with pytest.raises(ConfigError, match=r"shape \(0, 4\)"):
        add_noise(np.ones((0, 4)))


@pytest.mark.parametrize("effect", ["flicker", "calibration_error"])
def test_a_factor_below_zero_gives_no_photons(effect):
    """A relative standard deviation of 2 gives factors below 0 for three deviates in ten."""
    options = {"adc_offset": 0.0, "saturation_adu": np.inf, "dtype": np.float64, effect: 2.0}
    images = np.array([add_noise(np.full((8, 8), 1e4), seed=seed, **options) for seed in range(100)])
    assert images.min() == 0
    dark = np.mean(images == 0)
    if effect == "flicker":
        assert dark == np.mean((images == 0).all(axis=(1, 2)))
    assert dark == pytest.approx(norm.cdf(-0.5), abs=0.15)


def test_a_saturation_below_one_unit_limits_floating_types():
    assert add_noise(np.full((2, 2), 10.0), seed=1, saturation_adu=0.5, dtype=np.float32).tolist() == [[0.5, 0.5]] * 2


def words(seed: int, purpose: int, count: int) -> list[tuple[int, int]]:
    key = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
    return [threefry((pixel, 0), (key, purpose)) for pixel in range(count)]


def test_the_random_numbers_of_a_seed_never_change():
    """Streams 0 to 3 are for flicker, photons, read-out and calibration; each pixel has its own numbers in them."""
    shape, plain = (7, 100), {"adc_offset": 0, "saturation_adu": np.inf, "dtype": np.float64}
    photons = [unit(a) for a, _ in words(7, 1, 700)]
    readout, calibration = ([box_muller(*two) for two in words(*of, 700)] for of in ((7, 2), (5, 3)))
    noisy = add_noise(np.full(shape, 3.0), seed=7, **plain)
    np.testing.assert_array_equal(noisy.ravel(), poisson.ppf(photons, 3.0))
    dark = add_noise(np.zeros(shape), seed=7, readout_noise_adu=2.0, **plain)
    np.testing.assert_allclose(dark.ravel(), 2.0 * np.array(readout), rtol=1e-12)
    calibrated = add_noise(np.full(shape, 3.0), seed=7, calibration_error=0.1, calibration_seed=5, **plain)
    factor = np.maximum(0, 1 + 0.1 * np.array(calibration))
    np.testing.assert_allclose(calibrated.ravel(), noisy.ravel() * factor, rtol=1e-12)
    flickering = add_noise(np.full((2, 2), 1e12), seed=7, flicker=0.1, **plain)
    np.testing.assert_allclose(flickering, 1e12 * (1 + 0.1 * box_muller(*words(7, 0, 1)[0])), rtol=1e-5)


@pytest.mark.parametrize("name", ["flicker", "calibration_error", "readout_noise_adu", "gain_adu_per_photon"])
def test_small_negative_options_are_refused_and_zero_is_not(name):
    with pytest.raises(ConfigError, match=f"{name} = -0.01"):
        add_noise(np.ones((2, 2)), seed=1, **{name: -0.01})
    assert add_noise(np.zeros((2, 2)), seed=1, **{name: 0.0}).tolist() == [[40, 40], [40, 40]]


def test_seeds_of_the_c_program_end_at_31_bits():
    assert c_noise(np.zeros((1, 1)), 2**31 - 1)[2] == 0
    for seed in (-1, 2**31):
        with pytest.raises(ConfigError, match=f"seed = {seed}: must be from 0 to 2147483647"):
            c_noise(np.zeros((1, 1)), seed)
