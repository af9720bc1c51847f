"""Point-spread functions: the published formula, its width, and the sum of the photons."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nanobragg.response.noise import add_noise
from nanobragg.response.psf import blur

SHAPES = ["gaussian", "fiber"]


def spot(psf: str, fwhm_px: float, size: int = 61) -> np.ndarray:
    """Return the blurred image of one unit in the central pixel."""
    image = np.zeros((size, size + 10))
    image[size // 2, size // 2] = 1.0
    return blur(image, psf, fwhm_px, threads=1)


def density(psf: str, fwhm_px: float, r: np.ndarray) -> np.ndarray:
    if psf == "gaussian":
        k = 4 * math.log(2) / fwhm_px**2
        return k / math.pi * np.exp(-k * r**2)
    g = 0.652383013252053 * fwhm_px  # 1 / (2 √(2^(2/3) - 1)), as Holton et al. (2012) print it
    return g / (2 * math.pi * (g**2 + r**2) ** 1.5)


@pytest.mark.parametrize("psf", SHAPES)
def test_half_of_the_maximum_lies_at_half_the_width(psf):
    assert density(psf, 3.0, np.array(1.5)) == pytest.approx(density(psf, 3.0, np.array(0.0)) / 2, rel=1e-12)


@pytest.mark.parametrize("psf", SHAPES)
@pytest.mark.parametrize("fwhm_px", [0.7, 2.5])
def test_each_pixel_holds_the_integral_of_the_density_over_it(psf, fwhm_px):
    found = spot(psf, fwhm_px)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    nodes, weights = nodes / 2, weights / 2
    for slow, fast in [(0, 0), (0, 1), (1, 1), (2, -1), (-3, 4), (20, 7)]:
        r = np.hypot(slow + nodes[:, np.newaxis], fast + nodes)
        wanted = weights @ density(psf, fwhm_px, r) @ weights
        assert found[30 + slow, 30 + fast] == pytest.approx(wanted, rel=1e-7, abs=1e-15)


def test_a_gaussian_keeps_all_photons_and_a_fiber_loses_those_that_leave_the_image():
    assert spot("gaussian", 2.0).sum() == pytest.approx(1, abs=1e-11)
    g = 0.652383013252053 * 2.0
    corner = np.arctan(30.5**2 / (g * math.sqrt(g**2 + 2 * 30.5**2))) * 2 / math.pi  # of the central square
    assert spot("fiber", 2.0)[:, :61].sum() == pytest.approx(corner, rel=1e-12)


@pytest.mark.parametrize("psf", SHAPES)
def test_nothing_wraps_around_the_edges(psf):
    image = np.zeros((40, 33))
    image[0, 0] = 1e6
    corner = blur(image, psf, 1.5, threads=2)
    centred = spot(psf, 1.5, size=101)[50:90, 50:83] * 1e6
    np.testing.assert_allclose(corner, centred, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("psf", SHAPES)
def test_a_point_spread_function_narrower_than_a_pixel_changes_little(psf):
    image = np.random.default_rng(1).uniform(0, 9, (20, 30))
    np.testing.assert_allclose(blur(image, psf, 1e-4, threads=1), image, rtol=0, atol=0.01)


def test_psf_none_leaves_the_image_unchanged():
    image = np.ones((2, 3))
    assert blur(image, "none", 0.0, threads=1) is image


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (7, 500)])
@pytest.mark.parametrize("psf", SHAPES)
def test_any_shape_can_be_blurred(psf, shape):
    blurred = blur(np.ones(shape), psf, 2.0, threads=3)
    assert blurred.shape == shape
    assert (blurred > 0).all()
    assert (blurred <= 1 + 1e-12).all()


def test_blurred_noise_is_correlated_between_neighbours_and_panels_do_not_mix():
    image = np.zeros((2, 200, 200))
    image[0] = 1000.0
    adu = add_noise(image, seed=1, psf="gaussian", psf_fwhm_px=2.0, adc_offset=0, dtype=np.float64)
    inside = adu[0, 20:-20, 20:-20] - 1000
    assert inside.std() < 0.5 * math.sqrt(1000)
    # two pixels share exp(-d²/4σ²) of the variance, σ = 2 / 2.355, before the pixels' own width is added
    assert 0.6 < np.corrcoef(inside[:, 1:].ravel(), inside[:, :-1].ravel())[0, 1] < 0.8
    assert not adu[1].any()


@pytest.mark.parametrize("shape", [(4, 60), (60, 4)])
def test_nothing_wraps_around_in_long_and_narrow_images(shape):
    """The same image in the corner of a square one, of which the rest is dark."""
    narrow = np.zeros(shape)
    narrow[0, 0] = narrow[-1, -1] = 1.0
    square = np.zeros((60, 60))
    square[: shape[0], : shape[1]] = narrow
    expected = blur(square, "fiber", 3.0, threads=1)[: shape[0], : shape[1]]
    np.testing.assert_allclose(blur(narrow, "fiber", 3.0, threads=1), expected, rtol=1e-9)


@pytest.mark.parametrize("psf", SHAPES)
def test_no_pixel_of_a_blurred_image_is_negative(psf):
    assert blur(np.eye(50) * 1e6, psf, 1.0, threads=1).min() >= 0
