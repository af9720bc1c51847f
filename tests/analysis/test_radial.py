"""Resolution of every pixel, and averages over rings."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, ShapeError
from tests import builders

PANEL = nb.Panel(
    origin_mm=(60, 8, -12), fast_axis=(0.1, 0.2, 1), slow_axis=(0.05, -1, 0.195), pixel_mm=0.5, pixels=(30, 40)
)


config = partial(
    builders.config,
    beam=nb.Beam(wavelength_A=1.2),
    detector=nb.Detector(panels=[PANEL, PANEL.replace(origin_mm=(60, 24, -12))]),
)


def traced_angle(cfg: nb.Config, panel: int, slow: int, fast: int) -> float:
    """Return 2θ (degrees) of a pixel's centre from the kernel's trace."""
    one = nb.Config(
        **{**{name: getattr(cfg, name) for name in cfg.model_fields_set}, "sampling": nb.Sampling(oversample=1)}
    )
    ray = nb.trace(one, panel=panel, slow=slow, fast=fast).rays[0][1]
    return float(np.degrees(np.arccos(ray.cos_2theta)))


@pytest.mark.filterwarnings("ignore:oversample:nanobragg.errors.NanobraggWarning")
@pytest.mark.parametrize(
    "detector",
    [
        nb.Detector(panels=[PANEL, PANEL.replace(origin_mm=(60, 24, -12))]),
        nb.Detector(panels=[PANEL.replace(slow_axis=(0.05, -1, 0.5))]),
        nb.Detector.flat(distance_mm=40, pixels=(30, 40), pixel_mm=1, twotheta_deg=20, rotation_deg=(3, 4, 5)),
        nb.Detector.flat(distance_mm=40, pixels=(30, 40), pixel_mm=1, curved=True),
        nb.Detector.flat(distance_mm=40, pixels=(30, 40), pixel_mm=1, curved=True, twotheta_deg=20),
    ],
    ids=["panels", "axes not perpendicular", "tilted", "curved", "curved and swung"],
)
def test_every_pixel_sees_the_angle_that_the_kernel_traces(detector):
    cfg = config(detector=detector)
    seen = nb.resolution(cfg)
    assert seen.two_theta_deg.shape == detector.shape
    for panel in range(len(detector.panels)):
        for slow, fast in ((0, 0), (29, 0), (11, 23), (29, 39)):
            at = (slow, fast) if len(detector.panels) == 1 else (panel, slow, fast)
            angle = traced_angle(cfg, panel, slow, fast)
            assert seen.two_theta_deg[at] == pytest.approx(angle, abs=1e-6)
            assert seen.d_A[at] == pytest.approx(0.6 / np.sin(np.radians(angle / 2)), rel=1e-6)
    np.testing.assert_allclose(seen.q_per_A * seen.d_A, 2 * np.pi, rtol=1e-12)


def test_mean_wavelength_and_direction_are_weighted():
    sources = nb.Sources(positions=[[-10, 0, 0], [-10, 0, 1]], weights=[3, 1], wavelengths_A=[1.0, 1.4])
    middle = nb.Detector.flat(pixels=3, pixel_mm=1, beam_center_mm=(1.0, 1.0))
    centre = nb.resolution(config(beam=nb.Beam(sources=sources), detector=middle))
    tilt = np.degrees(np.arctan2(np.sin(np.arctan(0.1)) / 4, 0.75 + np.cos(np.arctan(0.1)) / 4))
    assert centre.two_theta_deg[1, 1] == pytest.approx(tilt, rel=1e-6)
    assert centre.d_A[0, 0] == pytest.approx(1.1 / 2 / np.sin(np.radians(centre.two_theta_deg[0, 0] / 2)), rel=1e-9)


def test_the_direct_beam_has_infinite_d():
    middle = nb.Detector.flat(pixels=3, pixel_mm=1, convention="xds")
    assert nb.resolution(config(detector=middle)).d_A[1, 1] == np.inf


def test_radial_averages_recover_a_function_of_the_angle():
    cfg = config()
    angle = nb.resolution(cfg).two_theta_deg
    average = nb.radial_average(3 * angle + 1, cfg, bins=40)
    width = np.ptp(angle) / 40
    some = average.pixels > 0
    assert average.pixels.sum() == angle.size
    assert np.abs(average.value - 3 * average.two_theta_deg - 1)[some].max() < 3 * width / 2
    assert np.nanmax(average.deviation) < 3 * width / 2
    assert average.two_theta_deg[0] == pytest.approx(angle.min() + width / 2)
    np.testing.assert_allclose(average.q_per_A * average.d_A, 2 * np.pi)


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_rings_are_those_of_numpy(statistic):
    cfg = config()
    image = np.random.default_rng(1).poisson(5.0, cfg.detector.shape).astype(float)
    angle = nb.resolution(cfg).two_theta_deg
    average = nb.radial_average(image, cfg, bins=13, statistic=statistic)
    ring = np.minimum((13 * (angle - angle.min()) / np.ptp(angle)).astype(int), 12)
    for i in range(13):
        assert average.value[i] == pytest.approx(getattr(np, statistic)(image[ring == i]))
        assert average.deviation[i] == pytest.approx(image[ring == i].std())


def test_masked_and_nan_pixels_do_not_count():
    mask = np.ones((2, 30, 40), bool)
    mask[:, :10] = False
    cfg = config(detector=config().detector.replace(mask=mask), roi=np.s_[0:30, 5:40])
    image = np.ones((2, 30, 40))
    image[:, :10], image[:, :, :5] = 1e9, 1e9
    image[0, 20, 20:30] = np.nan
    average = nb.radial_average(image, cfg, bins=7)
    assert average.pixels.sum() == 2 * 20 * 35 - 10
    np.testing.assert_allclose(average.value, 1)
    nothing = nb.radial_average(np.full((2, 30, 40), np.nan), cfg, bins=3)
    assert np.isnan(nothing.value).all()


def test_stacked_panels_are_the_same_image():
    cfg = config()
    image = np.random.default_rng(2).random((2, 30, 40))
    one, other = (nb.radial_average(x, cfg).value for x in (image, image.reshape(60, 40)))
    np.testing.assert_array_equal(one, other)


def test_bad_input_is_refused():
    image = np.zeros((2, 30, 40))
    with pytest.raises(ShapeError, match=r"image of shape \(30, 40\).*\(60, 40\) with panels stacked"):
        nb.radial_average(image[0], config())
    with pytest.raises(ConfigError, match="bins = 0"):
        nb.radial_average(image, config(), bins=0)
    with pytest.raises(ConfigError, match="statistic = 'mode'"):
        nb.radial_average(image, config(), statistic="mode")
