"""A beamstop shades a disc around the beam, in images and in all that is calculated from a scene."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError
from tests.builders import config

STOP = nb.Beamstop(diameter_mm=4.0, distance_mm=25.0, transmission=0.125)  # a shadow of 8 mm radius at 100 mm
FLAT: dict[str, Any] = {"distance_mm": 100, "pixels": (60, 80), "pixel_mm": 0.5}
RADIUS_MM = 8.0
pytestmark = pytest.mark.filterwarnings("ignore:oversample = ")
WATER = nb.Background(water_um=30)


def experiment(**fields: Any) -> nb.Config:
    """Return an experiment with crystal and water."""
    sensor = {"sensor_thickness_um": 300, "attenuation_um": 200}
    return config(**{"detector": nb.Detector.flat(**FLAT, **sensor), "background": WATER, **fields})


def stopped(made: nb.Config, **fields: Any) -> nb.Config:
    return made.replace({"detector.beamstop": STOP.replace(**fields)})


def radii(sub_pixels: int = 1) -> np.ndarray:
    """Return the distance (mm) of each sub-pixel, or of the centre of each pixel, from the beam on the panel."""
    panel = nb.Detector.flat(**FLAT).panels[0]
    fast, slow, _ = panel.axes()
    rows, columns = (0.5 * (np.arange(n * sub_pixels) + 0.5) / sub_pixels for n in FLAT["pixels"])
    places = np.array(panel.origin_mm) + columns[:, None] * fast + rows[:, None, None] * slow
    return np.hypot(places[..., 1], places[..., 2])  # the beam is along x


def shaded(sub_pixels: int = 1) -> np.ndarray:
    """Return the share of the sub-pixels of each pixel that are in the shadow."""
    return (radii(sub_pixels) <= RADIUS_MM).reshape(60, sub_pixels, 80, sub_pixels).mean(axis=(1, 3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sensor", [{}, {"sensor_thickness_um": 300, "attenuation_um": 200, "sensor_layers": 3}])
def test_the_shadow_is_a_disc_with_the_transmission(sensor, dtype):
    made = experiment(
        detector=nb.Detector.flat(**FLAT, **sensor),
        sampling=nb.Sampling(oversample=1),
        crystal=nb.Crystal(cell=(50, 60, 70), n_cells=2),
    )
    whole, image = (nb.simulate(each, dtype=dtype) for each in (made, stopped(made)))
    assert 700 < shaded().sum() < 900
    np.testing.assert_allclose(
        image, whole * np.where(shaded() > 0, 0.125, 1.0), rtol=1e-6 if dtype == "float32" else 1e-14
    )
    assert np.array_equal(nb.simulate(stopped(made, transmission=1.0), dtype=dtype), whole)


def test_sub_pixels_share_the_edge():
    made = config(
        detector=nb.Detector.flat(**FLAT), structure_factors=nb.StructureFactors.constant(0), background=WATER,
        sampling=nb.Sampling(oversample=4),
    )  # fmt: skip
    ratio = nb.simulate(stopped(made), dtype="float64") / nb.simulate(made, dtype="float64")
    np.testing.assert_allclose(ratio, 1 - 0.875 * shaded(4), rtol=1e-3)
    assert ((ratio > 0.13) & (ratio < 0.99)).sum() > 30


@pytest.mark.parametrize("shape", ["gauss", "tophat", "square"])
def test_terms_that_are_left_out_do_not_change_the_shadow(shape):
    crystal = nb.Crystal(
        cell=(50, 60, 70), n_cells=30, shape=shape, misset_deg=(3, 4, 5), mosaic_spread_deg=0.5, mosaic_domains=300
    )
    factors = nb.StructureFactors.wilson((50, 60, 70), "P 1", b_factor=20, d_min_A=3, seed=1)
    made = stopped(experiment(crystal=crystal, structure_factors=factors, sampling=nb.Sampling(oversample=2)))
    exact = nb.simulate(made, tolerance=0, dtype="float64")
    for tolerance in (None, 1e-3):
        image, report = nb.simulate(made, tolerance=tolerance, dtype="float64", report=True)
        assert np.abs(image - exact).max() <= report.bound_ph + 1e-12 * exact.max()
    assert report.terms_evaluated < report.terms


def test_the_trace_gives_the_pixel_and_says_what_is_left():
    made = stopped(experiment())
    image = nb.simulate(made, dtype="float64")
    for slow, fast in ((30, 40), (30, 56), (2, 3)):
        traced = nb.trace(made, slow=slow, fast=fast)
        assert traced.final.pixel == pytest.approx(image[slow, fast], rel=1e-12)
    assert "beamstop and sensor leave" in nb.trace(made, slow=30, fast=40).explain()


def test_predicted_spots_lose_what_the_image_loses():
    crystal = nb.Crystal(cell=(100, 110, 120), n_cells=20, misset_deg=(3, 4, 5))
    made = experiment(crystal=crystal, scan=nb.Scan(range_deg=10, steps=50), background=nb.Background())
    every, weakened = (nb.predict_spots(each, threshold=0) for each in (made, stopped(made)))
    radius = radii()[np.floor(every.slow_px).astype(int), np.floor(every.fast_px).astype(int)]
    inner, outer = radius < RADIUS_MM - 1, radius > RADIUS_MM + 1
    assert min(inner.sum(), outer.sum()) > 5
    ratio = dict(zip(map(tuple, weakened.hkl.tolist()), weakened.photons, strict=True))
    found = np.array([ratio[tuple(each)] for each in every.hkl.tolist()]) / every.photons
    for where, share in ((inner, 0.125), (outer, 1.0)):  # but for spots that reach across the edge
        assert np.isclose(found[where], share, rtol=1e-9).mean() > 0.99
    opaque = nb.predict_spots(stopped(made, transmission=0.0), threshold=0)
    assert len(opaque) < len(every)


def test_derivatives_are_weakened_too():
    made = experiment(sampling=nb.Sampling(oversample=1))
    names = ["cell_a", "panel0_tz"]
    whole, image = (nb.derivatives(each, names) for each in (made, stopped(made)))
    assert np.abs(whole).max(axis=(1, 2)).min() > 0
    for found, alone in zip(image, whole, strict=True):
        share = np.where(shaded() > 0, 0.125, 1.0)
        np.testing.assert_allclose(found, alone * share, rtol=1e-9, atol=1e-9 * np.abs(alone).max())


def test_files_hold_the_beamstop(tmp_path):
    made = stopped(experiment())
    made.to_toml(tmp_path / "a.toml")
    assert nb.Config.from_toml(tmp_path / "a.toml") == made
    assert made.resolved().replace(detector=made.detector.replace(beamstop=None)) != made
    (tmp_path / "hand.toml").write_text(
        '[crystal]\ncell = [50]\n[structure_factors]\ndefault_F = 5\n[detector]\nname = "EIGER2 1M"\n'
        "distance_mm = 90\n[detector.beamstop]\ndiameter_mm = 2\ndistance_mm = 30\n"
    )
    assert nb.Config.from_toml(tmp_path / "hand.toml").detector.beamstop == nb.Beamstop(diameter_mm=2, distance_mm=30)


REFUSED = {
    "C": (lambda: stopped(config(compat="c")), "Detector.beamstop: compat='c' does not support it"),
    "flags": (lambda: stopped(config()).to_flags(), "Detector.beamstop: the C program has none"),
    "behind": (lambda: nb.Scene(stopped(experiment(), distance_mm=100)), "must be less than the detector's, 100 mm"),
    "transmission": (lambda: STOP.replace(transmission=1.5), "Beamstop.transmission = 1.5"),
    "no distance": (lambda: nb.Beamstop(diameter_mm=1), "Beamstop.distance_mm"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_beamstop_is_refused(name):
    made, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message):
        made()
