"""Derivatives of device code that leaves terms out: what they miss is within the bound of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg._functions import SHAPES
from nanobragg.rendering import culling, gpu_image
from nanobragg.rendering.cuda import primitives
from nanobragg.rendering.cuda.primitives import GpuCulledPrimitives, squares_of
from tests.derivatives.scenes import SCENES, config
from tests.derivatives.test_missing import check, names_of, still
from tests.gpu import scenes
from tests.gpu.test_culled import brightest_or_rejected
from tests.gpu.test_derivatives import DOUBLE, SINGLE
from tests.rendering import test_culling

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

SMALL = {"detector": nb.Detector.flat(distance_mm=100, pixels=(20, 37), pixel_mm=1.5, twotheta_deg=10)}
TINY = 1e-13  # of the brightest pixel


def few_of(names: Iterable[str], *few: str) -> list[Any]:
    """Return parameters of a test, of which all but a few are slow: each takes its own device code."""
    return [name if name in few else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.fixture(autouse=True)
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Leave terms out of small images too; returns a list of the numbers of pixels that were computed so."""
    monkeypatch.setattr(culling, "FEWEST_TERMS", 0)
    monkeypatch.setattr(culling, "TERMS_PER_REFLECTION", 0)
    monkeypatch.setattr(gpu_image, "FEWEST_TERMS", 0)
    calls, compute = [], GpuCulledPrimitives.compute

    def counted(self, places):
        calls.append(len(places))
        return compute(self, places)

    monkeypatch.setattr(GpuCulledPrimitives, "compute", counted)
    return calls


@pytest.mark.parametrize("shape", few_of(SHAPES, "square", "gauss"))
def test_no_derivative_misses_more_than_its_bound(shape, device, computed):
    scene = still(shape, **SMALL)
    worst, bound = check(scene, 1e-5 * float(nb.simulate(scene).max()), device)
    assert computed
    assert bound > 0
    assert worst < 1


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(scene=test_culling.scenes(), exponent=st.floats(-9, 0))
def test_so_it_is_for_random_experiments(device, scene, exponent):
    peak = brightest_or_rejected(scene)
    if peak > 0:
        check(scene, 10.0**exponent * peak, device)


def assert_nearly_exact(scene: nb.Scene, device: str, dtype: str, tolerance: float) -> None:
    """Check the derivatives by all parameters where next to nothing is left out."""
    names, brightest = names_of(scene), float(nb.simulate(scene).max())
    images = nb.derivatives(scene, names, dtype=dtype, device=device, tolerance_ph=TINY * brightest)
    for name, ours, theirs in zip(names, images, nb.derivatives(scene, names, tolerance=0), strict=True):
        largest = max(np.abs(theirs).max(), brightest if name == "log_blocks" else 0.0)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * largest, err_msg=name)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", DOUBLE), pytest.param("float32", SINGLE, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", few_of(SCENES, "gauss_mosaic_sensor_water"))
def test_derivatives_of_every_parameter_are_the_cpus(name, dtype, tolerance, device, computed):
    assert_nearly_exact(nb.Scene(config(name)), device, dtype, tolerance)
    assert computed


@pytest.mark.parametrize(
    "kind",
    few_of(
        ("sources", "weighted domains", "many orientations", "layers", "curved", "panels", "mask", "water", "ice",
         "sub-pixels"),
        "sources", "weighted domains",
    ),
)  # fmt: skip
def test_so_are_those_of_other_scenes(kind, device, computed):
    """Sources in the order of the plan, and the rotations of domains, which are copied with their orientations."""
    assert_nearly_exact(scenes.scene(kind), device, "float64", DOUBLE)
    assert computed


def test_pixels_do_not_depend_on_which_are_computed(device, computed, monkeypatch):
    scene = scenes.scene("panels")
    names = ["rot_x", "n_a", "panel1.shift_fast"]
    known = [name for name in names if name in {parameter.name for parameter in nb.parameters(scene)}]
    whole = nb.derivatives(scene, known, device=device, tolerance=1e-5)
    chosen = np.random.default_rng(1).random(scene.shape) < 0.02
    some = nb.derivatives(scene, known, device=device, tolerance=1e-5, pixels=chosen)
    assert np.array_equal(some, np.where(chosen, whole, 0))
    monkeypatch.setattr(primitives, "BLOCK_PIXELS", 333)
    assert np.array_equal(nb.derivatives(scene, known, device=device, tolerance=1e-5), whole)
    assert len(computed) > 10


def test_losses_leave_out_the_same_terms(device):
    scene = still("gauss", **SMALL)
    data = np.random.default_rng(1).poisson(nb.simulate(scene) + 2.0).astype(float)
    names = ["rot_x", "cell_a", "n_a"]
    ours, theirs = (nb.loss_and_gradient(scene, data, 3.0, names=names, device=name) for name in (device, "cpu"))
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-10)
    for name in names:
        assert ours.gradient[name] == pytest.approx(theirs.gradient[name], rel=1e-9)


@pytest.mark.parametrize(("rows", "columns"), [(24, 70), (16, 16), (5, 3)])
def test_squares_hold_the_pixels(rows, columns):
    places = np.arange(2 * rows * columns)
    down, across = -(-rows // 16), -(-columns // 16)
    assert np.array_equal(squares_of(places, rows, columns), np.arange(2 * down * across))
    last = squares_of(places[-1:], rows, columns)
    assert last.tolist() == [2 * down * across - 1]
