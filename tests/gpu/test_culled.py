"""Device code that leaves terms out keeps its bound."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg._functions import SHAPES
from nanobragg.rendering import culling, gpu_image
from nanobragg.rendering.cuda import culled
from tests import builders
from tests.gpu import scenes
from tests.rendering import test_culling, test_diffuse_culling
from tests.rendering.test_culling import BAND, MANY, wilson

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

ROUNDING = 1e-12  # of the brightest pixel
SINGLE = 4e-6  # of a pixel


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave terms out of small images too."""
    monkeypatch.setattr(culling, "FEWEST_TERMS", 0)
    monkeypatch.setattr(culling, "TERMS_PER_REFLECTION", 0)
    monkeypatch.setattr(gpu_image, "FEWEST_TERMS", 0)


def check(scene: nb.Scene, device: str, limit: float) -> tuple[float, nb.RenderReport]:
    """Check an image that may miss `limit` photons; return what it misses, as a share of that, and the report."""
    exact = nb.simulate(scene, dtype="float64", tolerance=0)
    image, report = nb.simulate(scene, dtype="float64", tolerance_ph=limit, report=True, device=device)
    rounding = ROUNDING * exact.max()
    lost = float((exact - image).max())
    assert lost <= report.bound_ph + rounding
    assert report.bound_ph <= limit
    assert float((image - exact).max()) <= rounding
    return lost / limit, report


def brightest(scene: nb.Scene) -> float:
    return float(nb.simulate(scene, dtype="float64", tolerance=0).max())


def brightest_or_rejected(scene: nb.Scene) -> float:
    """Return the photons of the brightest pixel; reject examples of Hypothesis that devices cannot render."""
    assume(scene.lookup != "phased")  # which is for processors
    try:
        return brightest(scene)
    except nb.errors.ConfigError as error:  # rays through a sensor from behind
        assume("photons" not in str(error) and "faces away" not in str(error))
        raise


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(scene=test_culling.scenes(), exponent=st.floats(-9, 0))
def test_no_pixel_misses_more_than_the_tolerance(device, scene, exponent):
    peak = brightest_or_rejected(scene)
    if peak > 0:
        check(scene, device, 10.0**exponent * peak)


@pytest.mark.slow
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(scene=test_diffuse_culling.scenes(), exponent=st.floats(-9, 0))
def test_halos_are_left_out_within_the_tolerance(device, scene, exponent):
    peak = brightest_or_rejected(scene)
    if peak > 0:
        check(scene, device, 10.0**exponent * peak)


def test_the_parts_of_a_scene_share_what_a_pixel_may_miss(device):
    """The spots, and the halos of each orientation of the crystal's point group."""
    scene = scenes.scene("halos")
    limit = 1e-4 * brightest(scene)
    _, report = check(scene, device, limit)
    assert report.bound_ph > 0.7 * limit
    assert report.terms == scene.terms * math.prod(scene.shape)
    assert 0.5 < report.terms_evaluated / report.terms < 0.9


@pytest.mark.parametrize("shape", SHAPES)
def test_terms_are_left_out(shape, device):
    detector = nb.Detector.flat(distance_mm=100, pixels=(50, 70), pixel_mm=0.1)
    crystal = MANY.replace(shape=shape, mosaic_domains=5)
    scene = builders.scene(crystal=crystal, beam=BAND, detector=detector, structure_factors=wilson(crystal.cell))
    _, report = check(scene, device, 1e-5 * brightest(scene))
    assert report.terms == scene.terms * 50 * 70
    assert report.terms_evaluated < (0.9 if shape == "round" else 0.7) * report.terms


def test_the_bound_is_nearly_reached(device):
    """A single term that is just allowed to be missing, but for the width of the classes of bounds."""
    detector = nb.Detector.flat(distance_mm=100, pixels=(8, 8), pixel_mm=0.001)
    scene = builders.scene(crystal=builders.TRICLINIC.replace(n_cells=3), detector=detector)
    level = float(nb.simulate(scene, dtype="float64", tolerance=0).min())
    assert max(check(scene, device, level * factor)[0] for factor in np.geomspace(1, 3, 25)) > 0.6


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["tophat", "gauss", "panels", "mask", "water", "ice", "curved", "layers", "sub-pixels", "weighted domains"]
)
def test_single_precision_and_the_default_tolerance(kind, device):
    scene = scenes.scene(kind)
    exact = nb.simulate(scene, dtype="float64", tolerance=0)
    image = nb.simulate(scene, device=device, tolerance=None if kind in ("tophat", "gauss") else 1e-7)
    np.testing.assert_allclose(image, exact, rtol=SINGLE, atol=(1e-7 + 1e-9) * exact.max())


@pytest.mark.parametrize("most", [None, 700])
def test_pixels_do_not_depend_on_which_are_rendered(most, device, monkeypatch):
    """Nor on the strips that they are rendered in."""
    scene = scenes.scene("panels")
    options: dict[str, Any] = {"device": device, "tolerance": 1e-6}
    whole = nb.simulate(scene, **options)
    if most is not None:
        monkeypatch.setattr(culled, "most_pixels", lambda *_: most)
    assert np.array_equal(nb.simulate(scene, **options), whole)
    part = nb.simulate(scene, roi=np.s_[5:19, 11:54], **options)
    assert np.array_equal(part[:, 5:19, 11:54], whole[:, 5:19, 11:54])
    chosen = np.random.default_rng(1).random(whole.shape) < 0.01
    out = np.full(scene.shape, 7, np.float32)
    nb.simulate(scene, pixels=chosen, out=out, **options)
    assert np.array_equal(out, np.where(chosen, whole, 7))
    nb.simulate(scene, out=out, add=True, **options)
    np.testing.assert_allclose(out, np.where(chosen, 2 * whole, 7 + whole), rtol=2e-7)
    assert np.array_equal(nb.simulate(scene, **options), whole)
