"""Images of device code are those of the CPU, within the bounds of docs/performance.md."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import nanobragg as nb
from nanobragg.rendering.cuda import render
from tests.config.test_lattices import several
from tests.gpu import scenes
from tests.rendering import test_smeared_culling
from tests.rendering.test_single_precision import FROM_FLOATS, OF_ITSELF, TRICUBIC, square_bound

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

ROUNDING = 6e-8  # of float32
DOUBLE = 1e-12  # of the brightest pixel


def per_electron(scene: nb.Scene) -> np.ndarray:
    """Return the photons of a single electron."""
    config = scene.config.replace(
        beam=scene.config.beam.replace(bandwidth_percent=0.0),
        crystal=nb.Crystal(cell=(1,)),
        structure_factors=nb.StructureFactors.constant(1),
        background=nb.Background(),
    )
    return nb.simulate(config, dtype="float64", tolerance=0)


def allowed(scene: nb.Scene, exact: np.ndarray) -> np.ndarray:
    """Return how far a float32 image may be from the exact one (docs/performance.md, Single precision)."""
    core = scene.core("float32")
    one, strongest = per_electron(scene), (scene.config.structure_factors.largest * math.prod(scene.n_cells)) ** 2
    limit = (OF_ITSELF if core.precision == "single" else FROM_FLOATS) * exact + ROUNDING * exact + DOUBLE * exact.max()
    if core.precision == "single":
        limit = limit + square_bound(scene.n_cells) * strongest * one * (1.25**6 if core.lookup == "tricubic" else 1)
    if core.lookup == "tricubic":
        limit = limit + TRICUBIC * strongest * one
    return limit


@pytest.mark.parametrize("kind", scenes.KINDS)
def test_a_float64_image_is_the_cpus(kind, device):
    scene = scenes.scene(kind)
    exact, image = nb.simulate(scene, dtype="float64", tolerance=0), nb.simulate(scene, dtype="float64", device=device)
    assert image.dtype == np.float64
    assert exact.max() > 0
    np.testing.assert_allclose(image, exact, rtol=0, atol=DOUBLE * exact.max())


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(scene=test_smeared_culling.seen_scenes())
def test_smeared_spots_of_any_width_are_the_cpus(device, scene):
    exact = test_smeared_culling.walked(scene)
    image = nb.simulate(scene, dtype="float64", device=device)
    room = DOUBLE * exact.max() + test_smeared_culling.TAIL_ROUNDING * exact
    assert (np.abs(image - exact) <= room).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", scenes.KINDS)
def test_a_float32_image_keeps_the_cpus_bound(kind, device):
    scene = scenes.scene(kind)
    exact, image = nb.simulate(scene, dtype="float64", tolerance=0), nb.simulate(scene, device=device)
    assert image.dtype == np.float32
    assert (np.abs(image - exact) <= allowed(scene, exact)).all()


def test_an_image_is_the_same_each_time(device):
    scene = scenes.scene("many orientations")
    assert np.array_equal(nb.simulate(scene, device=device), nb.simulate(scene, device=device))


@pytest.mark.parametrize("kind", ["square", "panels", "mask"])
def test_only_the_pixels_asked_for_are_rendered(kind, device):
    scene = scenes.scene(kind)
    whole = nb.simulate(scene, device=device)
    few = np.zeros(scene.shape, bool)
    few[..., 3:9, 11:18] = few[..., 20, 60:] = True
    many = ~few
    for pixels in (few, many):
        out = np.full(scene.shape, 7, np.float32)
        inside = pixels if scene.mask is None else pixels & (scene.mask.reshape(scene.shape) != 0)
        nb.simulate(scene, device=device, pixels=pixels, out=out, roi=(slice(1, 23), slice(2, 66)))
        region = np.zeros(scene.shape, bool)
        region[..., 1:23, 2:66] = True
        assert np.array_equal(out, np.where(inside & region, whole, 7))


def test_add_adds_to_what_is_there(device):
    scene = scenes.scene("panels")
    image = nb.simulate(scene, device=device)
    for pixels in (None, image > np.quantile(image, 0.9)):
        out = np.full(scene.shape, 3, np.float32)
        nb.simulate(scene, device=device, out=out, add=True, pixels=pixels)
        expected = np.where(True if pixels is None else pixels, 3 + image, 3)
        np.testing.assert_allclose(out, expected, rtol=1.2e-7)


@pytest.mark.parametrize("most", [1, 100, 5000])
def test_an_image_in_strips_is_the_same(most, device, monkeypatch):
    """Strips that end within a panel, and lists of pixels in parts."""
    scene = scenes.scene("panels")
    whole = nb.simulate(scene, device=device)
    few = np.zeros(scene.shape, bool)
    few[:, 5:9, ::3] = True
    monkeypatch.setattr(render.GpuImage, "_most_pixels", lambda self: most)
    calls = []
    assert np.array_equal(nb.simulate(scene, device=device, progress=lambda n, total: calls.append((n, total))), whole)
    assert calls[-1] == (whole.size, whole.size)
    if most > 1:
        assert np.array_equal(nb.simulate(scene, device=device, pixels=few), np.where(few, whole, 0))


def test_an_image_stays_in_the_gpus_memory(device):
    import cupy

    scene = scenes.scene("panels")
    image = nb.simulate(scene, device=device)
    out = cupy.zeros(scene.shape, np.float32)
    for name in (device, "auto"):
        assert nb.simulate(scene, device=name, out=out) is out
        assert np.array_equal(cupy.asnumpy(out), image)
    nb.simulate(scene, device=device, out=out, add=True)
    np.testing.assert_allclose(cupy.asnumpy(out), 2 * image, rtol=1.2e-7)
    nb.simulate(scene, device=device, out=out, pixels=image > image.mean())
    np.testing.assert_allclose(cupy.asnumpy(out), np.where(image > image.mean(), image, 2 * image), rtol=1.2e-7)


def test_photons_beyond_float32_are_an_error(device):
    import cupy

    config = scenes.scene("square").config
    bright = nb.Scene(config.replace(beam=nb.Beam(fluence_ph_m2=1e75)))
    for out in (None, cupy.zeros(bright.shape, np.float32)):
        with pytest.raises(nb.errors.ConfigError, match="float64"):
            nb.simulate(bright, device=device, out=out)


def test_the_report_counts_every_term(device):
    scene = scenes.scene("panels")
    _, report = nb.simulate(scene, device=device, report=True)
    assert report.terms_evaluated == report.terms == scene.terms * math.prod(scene.shape)


def test_several_lattices_are_rendered_into_one_array(device):
    import cupy

    scene = nb.Scene(several())
    expected = nb.simulate(scene, tolerance=0)
    out = cupy.zeros(scene.shape, np.float32)
    assert nb.simulate(scene, device=device, out=out) is out
    for image in (cupy.asnumpy(out), nb.simulate(scene, device=device)):
        np.testing.assert_allclose(image, expected, rtol=1e-6, atol=1e-9 * expected.max())
