"""Derivatives with terms left out: what they miss is within the bound of each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.errors import ConfigError
from nanobragg.rendering import culling
from nanobragg.scene import culling_plan
from tests.rendering.test_culling import scenes

ROUNDING = 1e-10  # of each derivative's largest value: sums in another order
pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")


@pytest.fixture(autouse=True)
def _always(monkeypatch):
    """Leave terms out of small images too, and of regions where it takes longer."""
    monkeypatch.setattr(culling, "FEWEST_TERMS", 0)
    monkeypatch.setattr(culling, "TERMS_PER_REFLECTION", 0)
    monkeypatch.setattr(culling_plan, "WORTHWHILE", 10.0)


def crystal(**options):
    return nb.Crystal(
        cell=(60, 70, 80, 85, 95, 100), n_cells=(20, 25, 30), misset_deg=(12, 34, 56), mosaic_spread_deg=0.3,
        mosaic_domains=12, **options,
    )  # fmt: skip


def still(shape: str, **options) -> nb.Scene:
    factors = nb.StructureFactors.wilson((60, 70, 80, 85, 95, 100), "P 1", b_factor=15, seed=1, d_min_A=3)
    parts = {
        "beam": nb.Beam(wavelength_A=1.0, dispersion_percent=1, dispersion_steps=20),
        "detector": nb.Detector.flat(distance_mm=100, pixels=(70, 90), pixel_mm=0.5, twotheta_deg=10),
        "sampling": nb.Sampling(oversample=2), "background": nb.Background(water_um=20),
    }  # fmt: skip
    return nb.Scene(nb.Config(crystal=crystal(shape=shape), structure_factors=factors, **{**parts, **options}))


def names_of(scene: nb.Scene) -> list[str]:
    return [parameter.name for parameter in nb.parameters(scene) if parameter.name != "default_F"]


def check(scene: nb.Scene, limit: float, device: str = "cpu") -> tuple[float, float]:
    """Check every derivative at a tolerance (photons); return the largest error over its bound, and the bound (ph)."""
    names = names_of(scene)
    exact = nb.derivatives(scene, names, tolerance=0)
    found, report = nb.derivatives(scene, names, tolerance_ph=limit, report=True, device=device)
    assert report.bound_ph <= limit
    worst, peak = 0.0, float(nb.simulate(scene, dtype="float64").max())
    for name, one, other in zip(names, found, exact, strict=True):
        largest = max(float(np.abs(other).max()), 1e-3 * peak)  # of sums that cancel, the rounding remains
        error, rounding = float(np.abs(one - other).max()), ROUNDING * largest
        assert error <= report.bounds[name] + rounding, name
        if 10 * rounding < error:
            worst = max(worst, error / report.bounds[name])
    return worst, report.bound_ph


@pytest.mark.parametrize("relative", [1e-3, 1e-7])
@pytest.mark.parametrize("shape", ["square", "gauss", "gauss_star", "round", "tophat"])
def test_no_derivative_misses_more_than_its_bound(shape, relative):
    scene = still(shape)
    worst, bound = check(scene, relative * float(nb.simulate(scene).max()))
    assert bound > 0 or shape == "tophat"
    assert worst < 1


@pytest.mark.parametrize("shape", ["gauss", "square"])
@pytest.mark.parametrize(
    "options",
    [
        {"detector": nb.Detector.flat(distance_mm=60, pixels=(40, 50), pixel_mm=1.0, curved=True)},
        {"detector": nb.Detector.flat(distance_mm=60, pixels=(40, 50), pixel_mm=1.0, sensor_thickness_um=500,
                                      sensor_layers=3)},
        {"beam": nb.Beam(wavelength_A=1.0, divergence_mrad=(3.0, 1.0), divergence_steps=(3, 2))},
        {"sampling": nb.Sampling(oversample=1, d_min_A=3.5)},
        {"scan": nb.Scan(range_deg=1.0, steps=4)},
    ],
    ids=["curved", "sensor", "divergence", "d_min", "scan"],
)  # fmt: skip
def test_so_it_is_for_other_experiments(shape, options):
    scene = still(shape, **options)
    check(scene, 1e-5 * float(nb.simulate(scene).max()))


def test_gaussian_spots_leave_out_by_default_what_no_double_holds():
    scene = still("gauss")
    names = names_of(scene)
    found, report = nb.derivatives(scene, names, report=True)
    exact = nb.derivatives(scene, names, tolerance=0)
    assert 0 < report.bound_ph < 1e-15 * nb.simulate(scene).max()
    for one, other in zip(found, exact, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-11 * np.abs(other).max())


def test_sums_and_chosen_pixels_leave_out_the_same_terms():
    scene = still("gauss")
    names = names_of(scene)
    images = nb.derivatives(scene, names)
    chosen = np.random.default_rng(1).random(scene.shape) < 0.3
    some = nb.derivatives(scene, names, pixels=chosen)
    assert not some[:, ~chosen].any()
    np.testing.assert_allclose(some[:, chosen], images[:, chosen], rtol=0, atol=1e-12 * np.abs(images).max())
    cotangent = np.random.default_rng(2).normal(size=scene.shape)
    sums, two, three = (nb.vjp(scene, cotangent, names=names, pixels=chosen, threads=n) for n in (1, 2, 3))
    assert sums == two == three
    for name, image in zip(names, images, strict=True):
        expected = float((image * cotangent)[chosen].sum())
        assert sums[name] == pytest.approx(expected, rel=1e-9, abs=1e-12 * np.abs(image).sum())
    data = nb.simulate(scene, dtype="float64") + 1.0
    equations = nb.normal_equations(scene, data, data, names[:5], pixels=chosen)
    columns = images[:5, chosen] / np.sqrt(data[chosen])
    np.testing.assert_allclose(equations.matrix, columns @ columns.T, rtol=1e-8)


def test_single_precision_leaves_out_the_same_terms():
    scene = still("square")
    names = names_of(scene)
    limit = 1e-6 * float(nb.simulate(scene).max())
    exact = nb.derivatives(scene, names, tolerance=0)
    found, report = nb.derivatives(scene, names, tolerance_ph=limit, dtype="float32", report=True)
    for name, one, other in zip(names, found, exact, strict=True):
        assert np.abs(one - other).max() <= report.bounds[name] + 2e-5 * np.abs(other).max(), name


@settings(max_examples=15, deadline=None)
@given(scenes(), st.floats(-9, -2))
def test_random_experiments_keep_the_bounds(scene, exponent):
    try:
        peak = float(nb.simulate(scene, dtype="float64").max())
    except ConfigError:  # rays through a sensor from behind
        return
    if peak > 0:
        check(scene, 10.0**exponent * peak)
