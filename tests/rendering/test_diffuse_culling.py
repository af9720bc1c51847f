"""Halos that are left out of an image (docs/culling.md, Halos): no pixel misses more than the report says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanobragg as nb
from tests import builders

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

ROUNDING = 1e-12  # of the brightest pixel
numbers = st.floats(0.0, 1.0)


@st.composite
def triples(draw: st.DrawFn, low: float, high: float) -> float | tuple[float, float, float]:
    def one() -> float:
        return low * (high / low) ** draw(numbers)

    return one() if draw(st.booleans()) else (one(), one(), one())


@st.composite
def scenes(draw: st.DrawFn) -> nb.Scene:
    cell = tuple(10 + 40 * draw(numbers) for _ in range(3)) + tuple(75 + 35 * draw(numbers) for _ in range(3))
    hkl = np.indices((9, 9, 9)).reshape(3, -1).T - 4
    amplitudes = np.random.default_rng(draw(st.integers(0, 99))).exponential(50, len(hkl))
    if draw(st.booleans()):
        amplitudes[draw(st.integers(0, len(hkl) - 1))] = 1e4
    factors = nb.StructureFactors(indices=hkl, amplitudes=amplitudes, default_F=draw(st.sampled_from([0.0, 20.0])))
    if draw(st.booleans()):
        factors = nb.StructureFactors.constant(100)  # as long lists
    crystal = nb.Crystal(
        cell=cell, n_cells=tuple(draw(st.sampled_from([1, 2, 4.7, 20, 60])) for _ in range(3)),
        shape=draw(st.sampled_from(["square", "round", "gauss", "tophat", "gauss_star"])),
        misset_deg=tuple(360 * draw(numbers) for _ in range(3)),
        mosaic_spread_deg=draw(st.sampled_from([0.0, 0.3, 3.0])), mosaic_domains=draw(st.integers(1, 9)),
        diffuse=nb.Diffuse(
            correlation_length_A=draw(triples(1.0, 1000.0)), displacement_A=draw(triples(0.05, 2.0)),
            neighbours=draw(st.integers(0, 2)), space_group=draw(st.sampled_from([None, "P 4", "P 2 3"])),
        ),
    )  # fmt: skip
    detector = nb.Detector.flat(
        distance_mm=draw(st.sampled_from([50, 200])), pixels=(10, 13), pixel_mm=draw(st.sampled_from([0.1, 1.0, 5.0])),
        beam_center_mm=(draw(st.sampled_from([-10, 30])), -5), curved=draw(st.booleans()), rotation_deg=(5, -9, 3),
        sensor_thickness_um=300, sensor_layers=draw(st.integers(1, 2)), attenuation_um=400,
    )  # fmt: skip
    beams = [{}, {"dispersion_percent": 3, "dispersion_steps": 30},
             {"divergence_mrad": (3.0, 2.0), "divergence_steps": (2, 2)}]  # fmt: skip
    return nb.Scene(builders.config(
        crystal=crystal, structure_factors=factors, detector=detector,
        beam=nb.Beam(wavelength_A=1.0 + draw(numbers), **draw(st.sampled_from(beams))),
        sampling=nb.Sampling(
            oversample=draw(st.integers(1, 3)), d_min_A=draw(st.sampled_from([0.0, 3.0]))
        ),
        background=nb.Background(water_um=draw(st.sampled_from([0.0, 1e-4]))),
    ))  # fmt: skip


def check(scene: nb.Scene, exponent: float, monkeypatch: pytest.MonkeyPatch) -> float:
    """Compare an image with all terms with one that may miss 10^exponent of the brightest pixel of the halos alone."""
    monkeypatch.setattr("nanobragg.rendering.culling.FEWEST_TERMS", 0)
    monkeypatch.setattr("nanobragg.rendering.culling.TERMS_PER_REFLECTION", 0)
    monkeypatch.setattr("nanobragg.scene.culling_plan.WORTHWHILE", 1e9)  # so that everything is searched
    exact = nb.simulate(scene, dtype="float64", tolerance=0)
    spots = nb.simulate(scene.changed(halos=(), halo_factors=()), dtype="float64", tolerance=0)
    limit = 10.0**exponent * float((exact - spots).max())
    if not limit > 0:
        return 0.0
    image, report = nb.simulate(scene.changed(), dtype="float64", tolerance_ph=limit, report=True)
    room = ROUNDING * exact.max()
    assert report.bound_ph <= limit * (1 + 1e-9)
    assert (exact - image <= report.bound_ph + room).all()
    assert (image - exact <= room).all()
    return float((exact - image).max() / limit)


@settings(max_examples=15)
@given(scene=scenes(), exponent=st.floats(-6, 0.5))
def test_no_pixel_misses_more_than_the_report_says(scene: nb.Scene, exponent: float) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        check(scene, exponent, monkeypatch)


@pytest.mark.slow
@settings(max_examples=150)
@given(scene=scenes(), exponent=st.floats(-6, 0.5))
def test_no_pixel_of_many_scenes_misses_more(scene: nb.Scene, exponent: float) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        check(scene, exponent, monkeypatch)


def test_halos_are_left_out_and_the_report_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    crystal = builders.TRICLINIC.replace(
        n_cells=20, shape="gauss", mosaic_spread_deg=0.3, mosaic_domains=20,
        diffuse=nb.Diffuse(correlation_length_A=20, displacement_A=0.4),
    )  # fmt: skip
    scene = nb.Scene(builders.config(
        crystal=crystal,
        structure_factors=nb.StructureFactors.wilson(crystal.cell, "P 1", b_factor=20, d_min_A=5, seed=1),
        detector=nb.Detector.flat(distance_mm=150, pixels=160, pixel_mm=0.3),
        sampling=nb.Sampling(oversample=1),
    ))  # fmt: skip
    _, everything = nb.simulate(scene, tolerance=0, report=True)
    _, some = nb.simulate(scene, tolerance=1e-3, report=True)
    assert everything.terms == everything.terms_evaluated == 160**2 * 20 * 28
    assert 0 < some.terms_evaluated < 0.7 * everything.terms_evaluated
    assert some.bound_ph > 0
    assert check(scene, -2, monkeypatch) > 0.01


@pytest.mark.parametrize("neighbours", [1, 2])
@pytest.mark.parametrize("exponent", [-1.0, -0.8, -0.5, -0.3])
def test_wide_halos_of_many_reflections_miss_no_more_together(
    neighbours: int, exponent: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All reflections have equal halos, about as wide as they are apart."""
    hkl = np.indices((41, 41, 41)).reshape(3, -1).T - 20
    crystal = nb.Crystal(
        cell=30, n_cells=3, shape="gauss", misset_deg=(10, 20, 30),
        diffuse=nb.Diffuse(correlation_length_A=2, displacement_A=0.8, neighbours=neighbours),
    )  # fmt: skip
    scene = nb.Scene(builders.config(
        crystal=crystal, structure_factors=nb.StructureFactors(indices=hkl, amplitudes=np.full(len(hkl), 100.0)),
        detector=nb.Detector.flat(distance_mm=100, pixels=20, pixel_mm=0.5, beam_center_mm=(-15, -10)),
        sampling=nb.Sampling(oversample=1),
    ))  # fmt: skip
    check(scene, exponent, monkeypatch)
