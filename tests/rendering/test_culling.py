"""Images with terms left out (docs/culling.md): the bound holds, and is nearly reached."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg import _core
from nanobragg._functions import SHAPES
from nanobragg.errors import ConfigError
from nanobragg.rendering import culling
from nanobragg.scene import culling_plan
from tests import builders

ROUNDING = 1e-12  # of the brightest pixel: sums in another order, and fused otherwise under sanitizers
FLOAT_ROUNDING = 2e-7  # of a pixel
MANY = nb.Crystal(cell=(60, 70, 80, 85, 95, 100), n_cells=20, misset_deg=(12, 34, 56), mosaic_spread_deg=0.3,
                  mosaic_domains=10)  # fmt: skip
BAND = nb.Beam(wavelength_A=1.0, dispersion_percent=1, dispersion_steps=20)


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave terms out of small images too, and of regions where it takes longer."""
    monkeypatch.setattr(culling, "FEWEST_TERMS", 0)
    monkeypatch.setattr(culling, "TERMS_PER_REFLECTION", 0)
    monkeypatch.setattr(culling_plan, "WORTHWHILE", 10.0)


def wilson(cell: tuple[float, ...], **options: Any) -> nb.StructureFactors:
    return nb.StructureFactors.wilson(cell, "P 1", b_factor=15, seed=1, **{"d_min_A": 3, **options})


def missing(scene: nb.Scene, **tolerance: float) -> tuple[float, float, nb.RenderReport, np.ndarray[Any, Any]]:
    """Return the most that a pixel misses and gains, the report, and the exact image."""
    exact = nb.simulate(scene, dtype="float64", tolerance=0)
    image, report = nb.simulate(scene, dtype="float64", report=True, **tolerance)
    return float((exact - image).max()), float((image - exact).max()), report, exact


numbers = st.floats(0.0, 1.0)


@st.composite
def domain_fields(draw: st.DrawFn, count: int) -> dict[str, Any]:
    """A number of domains: rotated by a spread or three, or listed with weights; also strained."""
    if count == 1:
        return {}
    spread = 10 ** (-2 + 2.7 * draw(numbers))
    fields = draw(st.sampled_from([
        {"mosaic_spread_deg": spread, "mosaic_domains": count},
        {"mosaic_spread_deg": (spread, 0.1 * spread, 2 * spread), "mosaic_model": "gaussian", "mosaic_domains": count},
        {"mosaic_rotations_deg": spread * np.random.default_rng(1).standard_normal((count, 3)),
         "mosaic_weights": np.arange(count)},
    ]))  # fmt: skip
    return {**fields, "strain_percent": draw(st.sampled_from([0.0, 0.0, 0.5]))}


@st.composite
def scenes(draw: st.DrawFn) -> nb.Scene:
    """Random experiments of every kind that terms are left out of."""
    shape = draw(st.sampled_from(sorted(SHAPES)))
    cell = tuple(20 + 70 * draw(numbers) for _ in range(3)) + tuple(75 + 35 * draw(numbers) for _ in range(3))
    domains, waves = draw(st.sampled_from([1, 2, 5, 30])), draw(st.sampled_from([1, 3, 17, 40]))
    beams = draw(st.sampled_from([1, 1, 2]))
    lookup = draw(st.sampled_from(["constant", "nearest", "nearest", "tricubic", "phased", "one large"]))
    factors = nb.StructureFactors.constant(100)
    if lookup != "constant":
        default = draw(st.sampled_from([0.0, 30.0]))
        factors = wilson(cell, d_min_A=2.5 + 2.5 * draw(numbers), default_F=default,
                         interpolate=lookup == "tricubic")  # fmt: skip
    if lookup == "one large":
        hkl, amplitudes = factors.listing
        amplitudes = np.where((hkl == hkl[len(hkl) // 2]).all(axis=1), 1e5, amplitudes)
        factors = nb.StructureFactors(indices=hkl, amplitudes=amplitudes)
    if lookup == "phased":
        hkl, amplitudes = factors.listing
        waves_of_cell = amplitudes * np.exp(2j * np.pi * np.random.default_rng(2).random(len(hkl)))
        factors = nb.StructureFactors(indices=hkl, amplitudes=waves_of_cell, interpolate="phased")
    n_cells = tuple(draw(st.sampled_from([1, 2, 3, 5, 8, 20, 60, 200])) for _ in range(3))
    off = tuple(0.9 * min(n_cells) * (draw(numbers) - 0.5) if shape == "gauss" else 0.0 for _ in range(3))
    return nb.Scene(
        nb.Config(
            crystal=nb.Crystal(
                cell=cell, n_cells=n_cells, shape=shape, misset_deg=tuple(360 * draw(numbers) for _ in range(3)),
                n_cells_off=off,
                **draw(domain_fields(domains)),
            ),
            structure_factors=factors,
            beam=nb.Beam(
                wavelength_A=1.0, dispersion_percent=10 ** (-1.5 + 2.7 * draw(numbers)) if waves > 1 else 0.0,
                dispersion_steps=waves if waves > 1 else None, kahn_factor=draw(st.sampled_from([0.0, 0.98])),
                divergence_mrad=(3.0, 0.0) if beams > 1 else (None, None),
                divergence_steps=(beams, 1) if beams > 1 else (None, None),
            ),
            detector=nb.Detector.flat(
                distance_mm=20 + 180 * draw(numbers), pixels=(23, 37), pixel_mm=10 ** (-2 + 2.3 * draw(numbers)),
                beam_center_mm=tuple(draw(st.sampled_from([0.0, 1.0, 40.0])) for _ in range(2)),
                curved=draw(st.sampled_from([False, False, True])),
                twotheta_deg=draw(st.sampled_from([0.0, 0.0, 35.0])),
                **draw(st.sampled_from([{}, {"sensor_thickness_um": 500, "sensor_layers": 3}])),
            ),
            scan=nb.Scan(range_deg=2.0, steps=3) if draw(st.booleans()) else nb.Scan(),
            sampling=nb.Sampling(
                oversample=draw(st.sampled_from([1, 1, 3])), d_min_A=draw(st.sampled_from([0.0, 2.0]))
            ),
            background=nb.Background(water_um=draw(st.sampled_from([0.0, 20.0]))),
        )
    )  # fmt: skip


def check_bound(scene: nb.Scene, exponent: float) -> float:
    """Check an image with a tolerance of 10^exponent of the brightest pixel; return the error over the bound."""
    try:
        exact = nb.simulate(scene, dtype="float64", tolerance=0)
    except ConfigError as error:  # rays through a sensor from behind
        assume("photons" not in str(error) and "faces away" not in str(error))
        raise
    peak = float(exact.max())
    if peak == 0:
        return 0.0
    limit = 10.0**exponent * peak
    image, report = nb.simulate(scene, dtype="float64", tolerance_ph=limit, report=True)
    lost, gained = float((exact - image).max()), float((image - exact).max())
    assert lost <= report.bound_ph + ROUNDING * peak
    assert report.bound_ph <= limit
    assert gained <= ROUNDING * peak
    return lost / limit


@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
@settings(deadline=None, max_examples=30)
@given(scene=scenes(), exponent=st.floats(-9, 0))
def test_no_pixel_misses_more_than_the_tolerance(scene: nb.Scene, exponent: float) -> None:
    check_bound(scene, exponent)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
@pytest.mark.parametrize("instruction_set", _core.instruction_sets())
@settings(deadline=None, max_examples=400)
@given(scene=scenes(), exponent=st.floats(-9, 0))
def test_the_bound_holds_on_every_instruction_set(instruction_set: str, scene: nb.Scene, exponent: float) -> None:
    before = _core.instruction_set()
    _core.use_instruction_set(instruction_set)
    try:
        check_bound(scene, exponent)
    finally:
        _core.use_instruction_set(before)


@pytest.mark.parametrize("shape", ["gauss", "gauss_star", "round", "square"])
def test_the_bound_is_nearly_reached(shape: str) -> None:
    """A single term that is just allowed to be missing: the error is at least 0.9 of the tolerance."""
    detector = nb.Detector.flat(distance_mm=100, pixels=(32, 48), pixel_mm=0.02)
    scene = builders.scene(crystal=builders.TRICLINIC.replace(shape=shape, n_cells=3), detector=detector)
    exact = nb.simulate(scene, dtype="float64", tolerance=0)
    levels = np.quantile(exact[exact > 0], np.linspace(0.05, 0.95, 40))
    images = [nb.simulate(scene, dtype="float64", tolerance_ph=level) for level in levels]
    assert max((exact - image).max() / level for image, level in zip(images, levels, strict=True)) > 0.9


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_terms_are_left_out_and_the_report_says_how_many(shape: str) -> None:
    detector = nb.Detector.flat(distance_mm=100, pixels=(64, 70), pixel_mm=0.1)
    crystal = MANY.replace(shape=shape)
    scene = builders.scene(crystal=crystal, beam=BAND, detector=detector, structure_factors=wilson(crystal.cell))
    lost, gained, report, exact = missing(scene, tolerance=1e-5)
    peak = exact.max()
    assert report.terms == exact.size * scene.terms
    assert report.terms_evaluated < 0.7 * report.terms
    assert lost <= report.bound_ph + ROUNDING * peak
    assert report.bound_ph <= 1e-5 * peak * (1 + 1e-12)
    assert gained <= ROUNDING * peak
    assert f"{report.terms_evaluated:.4g} of {report.terms:.4g} terms" in str(report)


@pytest.mark.parametrize("shape", ["gauss", "gauss_star", "tophat"])
def test_compact_spots_lose_nothing_by_default(shape: str) -> None:
    crystal = MANY.replace(shape=shape)
    scene = builders.scene(crystal=crystal, beam=BAND, structure_factors=wilson(crystal.cell))
    lost, gained, report, exact = missing(scene)
    assert report.terms_evaluated < 0.5 * report.terms
    assert max(lost, gained) <= ROUNDING * exact.max()
    single = nb.simulate(scene)
    np.testing.assert_allclose(single, nb.simulate(scene, tolerance=0), rtol=FLOAT_ROUNDING, atol=1e-9 * exact.max())


@pytest.mark.parametrize("shape", ["square", "round"])
def test_other_shapes_are_exact_by_default(shape: str) -> None:
    scene = builders.scene(crystal=MANY.replace(shape=shape))
    image, report = nb.simulate(scene, report=True)
    assert (report.bound_ph, report.terms_evaluated) == (0, report.terms)
    np.testing.assert_array_equal(image, nb.simulate(scene, tolerance=0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_pixels_do_not_depend_on_threads_or_on_which_are_rendered(shape: str, dtype: Any) -> None:
    crystal, detector = MANY.replace(shape=shape), nb.Detector.flat(distance_mm=100, pixels=(70, 80), pixel_mm=0.1)
    scene = builders.scene(crystal=crystal, beam=BAND, detector=detector, structure_factors=wilson(crystal.cell))
    image = nb.simulate(scene, tolerance=1e-6, dtype=dtype, threads=1)
    np.testing.assert_array_equal(nb.simulate(scene, tolerance=1e-6, dtype=dtype, threads=3), image)
    part = nb.simulate(nb.Scene(scene.config), tolerance=1e-6, dtype=dtype, roi=np.s_[17:67, 51:74])
    np.testing.assert_array_equal(part[17:67, 51:74], image[17:67, 51:74])
    chosen = np.random.default_rng(1).random(image.shape) < 0.05
    some = nb.simulate(scene, tolerance=1e-6, dtype=dtype, pixels=chosen)
    np.testing.assert_array_equal(some, np.where(chosen, image, 0))


def test_a_relative_tolerance_is_of_the_brightest_pixel_of_the_whole_image() -> None:
    crystal, detector = MANY.replace(shape="square"), nb.Detector.flat(distance_mm=100, pixels=130, pixel_mm=0.1)
    scene = builders.scene(crystal=crystal, beam=BAND, detector=detector, structure_factors=wilson(crystal.cell))
    exact = nb.simulate(scene, dtype="float64", tolerance=0)
    dark = np.s_[100:120, 10:30]
    image, report = nb.simulate(scene, dtype="float64", tolerance=1e-4, roi=dark, report=True)
    assert 0.5e-4 * exact.max() < report.bound_ph <= 1e-4 * exact.max()
    lost = (exact - image)[100:120, 10:30].max()
    assert 0 < lost <= report.bound_ph


def test_a_mask_and_what_surrounds_the_crystal_are_kept() -> None:
    mask = np.ones((32, 48), bool)
    mask[:, ::3] = False
    out = np.full((32, 48), 7.0)
    detector = builders.DETECTOR.replace(mask=mask)
    scene = builders.scene(crystal=MANY, beam=BAND, detector=detector, background=nb.Background(water_um=50))
    image = nb.simulate(scene, out=out, tolerance=1e-3)
    exact = nb.simulate(scene, dtype="float64", tolerance=0)
    assert (image[:, ::3] == 7).all()
    assert (np.abs(image - exact)[mask] <= 1e-3 * exact.max()).all()


def test_a_trace_says_what_an_image_leaves_out() -> None:
    scene = builders.scene(crystal=MANY.replace(shape="gauss"), beam=BAND, sampling=nb.Sampling(tolerance=1e-3))
    exact = nb.simulate(scene, dtype="float64", tolerance=0)
    image = nb.simulate(scene, dtype="float64")
    slow, fast = np.unravel_index(int(np.argmax(exact - image)), exact.shape)
    trace = nb.trace(scene, slow=int(slow), fast=int(fast))
    assert trace.final.pixel == pytest.approx(exact[slow, fast], rel=1e-12)
    assert trace.left_out_ph == pytest.approx((exact - image)[slow, fast], rel=1e-6)
    assert trace.left_out_ph <= trace.bound_ph <= 1e-3 * exact.max()
    assert f"An image leaves out {trace.n_left_out} terms" in trace.explain()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": 1.0}, "tolerance = 1.0: must be a share of the brightest pixel"),
        ({"tolerance": -1e-9}, "tolerance = -1e-09"),
        ({"tolerance": math.nan}, "tolerance = nan"),
        ({"tolerance_ph": -1.0}, "tolerance_ph = -1.0: must be a number of photons"),
        ({"tolerance_ph": math.inf}, "tolerance_ph = inf"),
        ({"tolerance": 1e-3, "tolerance_ph": 1.0}, "give one of them"),
    ],
)
def test_an_invalid_tolerance_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        nb.simulate(builders.config(), **options)
    with pytest.raises(ConfigError, match="tolerance"):
        nb.Sampling(**options)


def test_the_c_programs_images_are_never_culled() -> None:
    flags = "-default_F 100 -cell 60 70 80 90 90 90 -N 5 -lambda 1 -detpixels 20 -pixel 1"
    with pytest.raises(ConfigError, match="compat='c' evaluates every term"):
        nb.config_from_flags(f"{flags} -tolerance 1e-3")
    with pytest.raises(ConfigError, match=r"tolerance: .*compat"):
        nb.simulate(nb.config_from_flags(flags), tolerance=1e-3)
    assert nb.config_from_flags(f"{flags} -exact -tolerance_ph 2").sampling.tolerance_ph == 2


def test_a_changed_scene_is_culled_by_its_own_orientations() -> None:
    sampling = nb.Sampling(oversample=13)
    scene = builders.scene(crystal=builders.TRICLINIC, sampling=sampling)
    nb.simulate(scene, dtype="float64")  # makes the plan of the scene itself
    turned = builders.scene(crystal=builders.TRICLINIC.replace(misset_deg=(50, 20, 70)), sampling=sampling)
    expected = nb.simulate(turned, dtype="float64", tolerance=0)
    limit = 1e-9 * expected.max()
    changed = scene.changed(cells=turned.cells).changed(fluence=scene.fluence)
    image = nb.simulate(changed, dtype="float64", tolerance_ph=limit)
    np.testing.assert_allclose(image, expected, rtol=0, atol=limit)


@pytest.mark.parametrize("interpolate", [False, True])
def test_bounds_derived_in_parts_are_those_of_the_whole_table(interpolate, monkeypatch):
    factors = wilson(MANY.cell, interpolate=interpolate)
    core = nb.Scene(builders.config(crystal=MANY, structure_factors=factors)).core("float32")
    found = []
    for planes in (10**6, 1, 3):
        monkeypatch.setattr(culling_plan, "PLANES", planes)
        found.append(culling_plan.amplitude_bounds(core))
    assert len(found[0][0]) > 10
    for bounds, largest in found[1:]:
        np.testing.assert_array_equal(bounds, found[0][0])
        assert largest == found[0][1]
