"""Smeared spots are found by a search (docs/culling.md, Smeared spots): it finds what a walk over every pixel finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg import _core
from nanobragg.errors import ConfigError
from tests import builders

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

ROUNDING = 1e-12  # of the brightest pixel
TAIL_ROUNDING = 2e-9  # of a pixel: far from a sharp spot, where an exponential is steep
MOST_TERMS = 5e5  # of a walk, to save time
REACH = 74**0.5  # of a spot, in standard deviations
TRICLINIC = builders.TRICLINIC.replace(
    mosaic_sampling="analytic", mosaic_model="gaussian", mosaic_spread_deg=(0.3, 0.1, 0.6), strain_percent=0.2
)
numbers = st.floats(0.0, 1.0)


def walked(scene: nb.Scene) -> np.ndarray:
    """The image by the walk over the reflections around every pixel, which a search replaces."""
    image = np.zeros(scene.shape)
    rows, columns = scene.shape[-2:]
    roi, stop, done = (0, columns - 1, 0, rows - 1), np.zeros(1, np.int32), np.zeros(1, np.int64)
    core = scene.core(np.dtype("float64"))
    _core.render(core, image.reshape(-1, rows, columns), roi, scene.mask, False, 2, stop, done)
    return image


def terms(scene: nb.Scene) -> float:
    """Reflections around all pixels, roughly."""
    smear = scene.smear[0]
    longest = 2e-10 / scene.sources.wavelengths.min()
    width = smear["edges"] * longest * np.sqrt(1.2 * (smear["widest"] + smear["band"]))
    half = REACH * np.sqrt(smear["block"][:3] + width**2) + 37 * smear["widest"] * smear["edges"] * longest
    return float(np.prod(2 * half + 1) * np.prod(scene.shape) * scene.terms * scene.sensor.count)


@st.composite
def widths(draw: st.DrawFn, most: float, count: int) -> tuple[float, ...]:
    """Standard deviations from zero to the largest that is allowed."""
    return tuple(draw(st.sampled_from([0.0, most, most * draw(numbers), most * 10 ** (-3 * draw(numbers))]))
                 for _ in range(count))  # fmt: skip


@st.composite
def detectors(draw: st.DrawFn) -> nb.Detector:
    """Flat panels anywhere around the sample, tilted."""
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    normal, other = random.normal(size=(2, 3))
    normal /= np.linalg.norm(normal)
    tilted = normal + 0.5 * draw(numbers) * other / np.linalg.norm(other)
    fast = np.cross(tilted, random.normal(size=3))
    fast /= np.linalg.norm(fast)
    slow = np.cross(tilted, fast)
    slow /= np.linalg.norm(slow)
    rows, columns, pixel = draw(st.integers(2, 9)), draw(st.integers(2, 9)), 10 ** (-2 + 2.5 * draw(numbers))
    if draw(st.booleans()):
        return nb.Detector.flat(distance_mm=100, pixels=(rows, columns), pixel_mm=pixel, rotation_deg=(5, -9, 3))
    corner = (20 + 100 * draw(numbers)) * normal - pixel / 2 * (columns * fast + rows * slow)
    panel = nb.Panel(
        origin_mm=tuple(corner), fast_axis=tuple(fast), slow_axis=tuple(slow), pixel_mm=pixel, pixels=(rows, columns)
    )
    layers = draw(st.sampled_from([{}, {}, {"sensor_thickness_um": 500, "sensor_layers": 3}]))
    return nb.Detector(panels=(panel,), **layers)


@st.composite
def scenes(draw: st.DrawFn) -> nb.Scene:
    cell = tuple(10 + 70 * draw(numbers) for _ in range(3)) + tuple(75 + 35 * draw(numbers) for _ in range(3))
    n_cells = tuple(draw(st.sampled_from([1, 1.5, 3, 4.7, 8, 20, 60.3, 200])) for _ in range(3))
    shape = draw(st.sampled_from(["gauss", "gauss", "gauss_star"]))
    off = tuple(0.9 * min(n_cells) * (draw(numbers) - 0.5) for _ in range(3))
    strain = draw(st.sampled_from([0.0, draw(widths(1.0, 1))[0], draw(widths(1.0, 6))]))
    beams = [{}, {"divergence_mrad": (3.0, 2.0), "divergence_steps": (2, 2)},
             {"dispersion_percent": 2.0, "dispersion_steps": 3}]  # fmt: skip
    factors = nb.StructureFactors.constant(100)
    if draw(st.booleans()):
        hkl = np.indices((9, 9, 9)).reshape(3, -1).T - 4
        amplitudes = 50 + 50 * np.sin(hkl @ [1.0, 2.0, 3.0])
        factors = nb.StructureFactors(indices=hkl, amplitudes=amplitudes, default_F=draw(st.sampled_from([0.0, 20.0])))
    return nb.Scene(
        nb.Config(
            crystal=nb.Crystal(
                cell=cell, n_cells=n_cells, shape=shape, n_cells_off=off if shape == "gauss" else (0, 0, 0),
                misset_deg=tuple(360 * draw(numbers) for _ in range(3)), mosaic_sampling="analytic",
                mosaic_model="gaussian", mosaic_spread_deg=draw(widths(1.0, 3)), strain_percent=strain,
                fudge=draw(st.sampled_from([1.0, 1.0, 0.3, 3.0])),
            ),
            structure_factors=factors,
            beam=nb.Beam(
                wavelength_A=10 ** (1.0 * draw(numbers)), bandwidth_percent=draw(widths(7.0, 1))[0],
                kahn_factor=draw(st.sampled_from([0.0, 0.98])), **draw(st.sampled_from(beams)),
            ),
            detector=draw(detectors()),
            scan=nb.Scan(range_deg=2.0, steps=3) if draw(st.booleans()) else nb.Scan(),
            sampling=nb.Sampling(
                oversample=draw(st.sampled_from([1, 1, 2, 3])), d_min_A=draw(st.sampled_from([0.0, 0.0, 3.0]))
            ),
            background=nb.Background(water_um=draw(st.sampled_from([0.0, 20.0]))),
        )
    )  # fmt: skip


def check(scene: nb.Scene, *exponents: float) -> None:
    """Compare with the walk: an image with all terms, and those that may miss 10^exponent of the brightest pixel."""
    exact = walked(scene)
    peak = float(exact.max())
    room = ROUNDING * peak + TAIL_ROUNDING * exact
    image, report = nb.simulate(scene, dtype="float64", tolerance=0, report=True)
    assert (np.abs(image - exact) <= room).all()
    assert report.bound_ph == 0
    for exponent in exponents:
        image, report = nb.simulate(scene, dtype="float64", tolerance_ph=10.0**exponent * peak, report=True)
        assert (exact - image <= report.bound_ph + room).all()
        assert (image - exact <= room).all()
        assert report.bound_ph <= 10.0**exponent * peak * (1 + 1e-12)


@st.composite
def seen_scenes(draw: st.DrawFn) -> nb.Scene:
    try:
        scene = draw(scenes())
    except ConfigError as error:  # panels that the sample does not see, and spots that are too wide
        assume("edge-on" not in str(error) and "too wide" not in str(error))
        raise
    assume(terms(scene) < MOST_TERMS)
    return scene


@settings(max_examples=60)
@given(scene=seen_scenes(), exponent=st.floats(-9, -0.5))
def test_no_pixel_misses_more_than_the_report_says(scene: nb.Scene, exponent: float) -> None:
    check(scene, exponent)


@pytest.mark.slow
@settings(max_examples=1000)
@given(scene=seen_scenes(), exponent=st.floats(-9, -0.5))
def test_no_pixel_of_many_scenes_misses_more(scene: nb.Scene, exponent: float) -> None:
    check(scene, exponent)


CLOSE = nb.Detector.flat(distance_mm=100, pixels=(24, 30), pixel_mm=0.05, beam_center_mm=(-20, -20))
WIDE = nb.Detector.flat(distance_mm=100, pixels=(16, 18), pixel_mm=2.0, beam_center_mm=(-20, -20))


def experiment(crystal: nb.Crystal, detector: nb.Detector = WIDE, **beam: Any) -> nb.Config:
    return builders.config(
        crystal=crystal, detector=detector, beam=nb.Beam(wavelength_A=1.0, **beam), sampling=nb.Sampling(oversample=1)
    )


@pytest.mark.parametrize(
    "config",
    [
        experiment(TRICLINIC.replace(n_cells=200), bandwidth_percent=0.3),
        experiment(TRICLINIC.replace(n_cells=60, mosaic_spread_deg=(1.0, 1.0, 1.0), strain_percent=0)),
        experiment(TRICLINIC.replace(n_cells=60, mosaic_spread_deg=(0, 0, 0), strain_percent=0), bandwidth_percent=7),
        experiment(TRICLINIC.replace(n_cells=8), CLOSE, bandwidth_percent=7),
        experiment(TRICLINIC.replace(n_cells=3, mosaic_spread_deg=(0, 0, 0), strain_percent=0)),
    ],
    ids=["sharp", "turned", "many energies", "close", "blocks"],
)
def test_every_way_that_a_spot_can_be_wide(config: nb.Config) -> None:
    check(nb.Scene(config), -12.0, -6.0, -2.0)


def test_sharp_blocks_with_wide_spreads_lose_no_digits() -> None:
    """The widths of a spot differ by a factor of 1000."""
    crystal = TRICLINIC.replace(n_cells=200, fudge=3, mosaic_spread_deg=(0, 0, 1), strain_percent=0)
    for pixel in (0.01, 1.0):
        detector = nb.Detector.flat(distance_mm=60, pixels=(9, 12), pixel_mm=pixel, beam_center_mm=(-40, 20))
        check(nb.Scene(experiment(crystal, detector, bandwidth_percent=0.5)), -3)


def test_many_spots_in_each_pixel_miss_no_more_together() -> None:
    crystal = TRICLINIC.replace(n_cells=1, mosaic_spread_deg=(1, 1, 1))
    detector = nb.Detector.flat(distance_mm=60, pixels=(3, 4), pixel_mm=0.5, beam_center_mm=(-60, 20))
    check(nb.Scene(experiment(crystal, detector, bandwidth_percent=7)), -2.0, -1.0, -0.5)


@pytest.mark.parametrize("spread", [(1.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.0, 1.0, 0.3)])
def test_ends_of_long_arcs_are_found(spread: tuple[float, float, float]) -> None:
    """Rotations bend an arc by many widths of a sharp spot; where it ends is all that these small panels see."""
    random = np.random.default_rng(1)
    for _ in range(100):
        x, y, z = random.uniform(0, 360, 3).tolist()
        crystal = nb.Crystal(
            cell=(20, 26, 33, 85, 95, 100), n_cells=200, shape="gauss", misset_deg=(x, y, z),
            mosaic_sampling="analytic", mosaic_model="gaussian", mosaic_spread_deg=spread,
        )  # fmt: skip
        pixel, centre = 10 ** random.uniform(-1.5, 0), tuple(random.uniform(-90, 90, 2).tolist())
        detector = nb.Detector.flat(distance_mm=60, pixels=(6, 8), pixel_mm=pixel, beam_center_mm=centre)
        scene = nb.Scene(experiment(crystal, detector, bandwidth_percent=random.choice([0.0, 0.1])))
        if walked(scene).any():
            check(scene, random.uniform(-9, -0.5))


def test_terms_are_left_out_and_the_report_says_how_many() -> None:
    scene = nb.Scene(experiment(TRICLINIC, bandwidth_percent=0.3))
    _, all_of_them = nb.simulate(scene, tolerance=0, report=True)
    _, some = nb.simulate(scene, tolerance=1e-3, report=True)
    assert 0 < some.terms_evaluated < 0.7 * all_of_them.terms_evaluated
    assert some.bound_ph > 0


def test_a_trace_is_the_walk() -> None:
    scene = nb.Scene(experiment(TRICLINIC, bandwidth_percent=0.3))
    image = nb.simulate(scene, dtype="float64")
    slow, fast = map(int, np.unravel_index(image.argmax(), image.shape))
    assert nb.trace(scene, slow=slow, fast=fast).final.pixel == pytest.approx(image[slow, fast], rel=1e-12)


def test_curved_detectors_and_wide_pixels_are_walked() -> None:
    curved = nb.Detector.flat(distance_mm=60, pixels=(10, 12), pixel_mm=4.0, curved=True)
    near = nb.Detector.flat(distance_mm=20, pixels=(10, 12), pixel_mm=8.0)
    for detector in (curved, near):
        scene = nb.Scene(experiment(TRICLINIC.replace(n_cells=3), detector, bandwidth_percent=0.3))
        np.testing.assert_array_equal(nb.simulate(scene, dtype="float64", tolerance=1e-3), walked(scene))
