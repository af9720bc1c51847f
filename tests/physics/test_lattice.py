"""Bragg's law, cells and the shapes' transforms, against theory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.config.crystal import build_lattice
from nanobragg.geometry import rotate
from nanobragg.unit_cell import cell_from_vectors

from .experiment import length, photons, positions

# Coarse pixels are what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")


@pytest.mark.parametrize(("distance", "wavelength"), [(50, 1.0), (100, 1.5), (200, 2.0)])
def test_at_parallel_006_a_reflection_appears_at_its_bragg_angle(distance, wavelength):
    """AT-PARALLEL-006: 0 3 0 of a 100 Å cell, turned by θ into the Ewald sphere, is 2θ from the beam ± 0.5 px."""
    theta = math.asin(wavelength * 3 / 100 / 2)
    detector = nb.Detector.flat(distance_mm=distance, pixels=(301, 101), pixel_mm=0.1)
    image = photons(
        detector=detector,
        beam=nb.Beam(wavelength_A=wavelength, polarized=False),
        crystal=nb.Crystal(cell=(100,), n_cells=10, misset_deg=(0, 0, math.degrees(theta))),
        sampling=nb.Sampling(oversample=4),
    )
    spot = detector.nominal
    expected = np.array([spot.beam_slow_mm - distance * math.tan(2 * theta), spot.beam_fast_mm]) / 0.1
    half = int(distance * wavelength / 100 / 0.1 / 2)  # way to the next reflection
    slow, fast = first = np.round(expected).astype(int) - half
    window = image[slow : slow + 2 * half, fast : fast + 2 * half]
    peak = first + np.unravel_index(np.argmax(window), window.shape) + 0.5
    assert np.abs(peak - expected).max() <= 0.5 + 1e-6


def reflection_peak(n_cells: int = 5, amplitude: float = 100, **options) -> float:
    """Return the brightest pixel around 0 3 0, which is on the Ewald sphere at 1 Å."""
    theta = math.degrees(math.asin(0.015))
    image = photons(
        detector=nb.Detector.flat(distance_mm=100, pixels=(16, 16), pixel_mm=0.02, beam_center_mm=(3.15, 0.15)),
        crystal=nb.Crystal(cell=(100,), n_cells=n_cells, misset_deg=(0, 0, theta), **options),
        structure_factors=nb.StructureFactors.constant(amplitude),
    )
    return float(image.max())


def test_at_parallel_009_intensity_grows_with_the_sixth_power_of_n_and_the_square_of_f():
    """AT-PARALLEL-009, AT-STR-003: slopes 6.0 ± 0.3 and 2.00 ± 0.05, for every shape."""
    sizes, amplitudes = np.array([2, 3, 5, 8, 12]), np.array([1.0, 10, 100, 500])
    for shape in ("square", "round", "gauss", "tophat", "gauss_star"):
        peaks = [reflection_peak(n_cells=int(n), shape=shape) for n in sizes]
        assert np.polyfit(np.log(sizes), np.log(peaks), 1)[0] == pytest.approx(6.0, abs=0.3)
    peaks = [reflection_peak(amplitude=f) for f in amplitudes]
    assert np.polyfit(np.log(amplitudes), np.log(peaks), 1)[0] == pytest.approx(2.0, abs=1e-9)


@pytest.mark.parametrize("shape", ["square", "round", "gauss", "tophat"])
def test_at_str_003_shapes_follow_their_formulas(shape):
    """AT-STR-003: F_latt² of the four shapes along the detector, from docs/theory.md, Shape transforms."""
    detector = nb.Detector.flat(distance_mm=100, pixels=(64, 80), pixel_mm=0.3)
    n = np.array([4, 5, 6])
    seen = photons(
        detector=detector,
        crystal=nb.Crystal(cell=(30, 40, 50), misset_deg=(7, 8, 9), n_cells=(4, 5, 6), shape=shape, fudge=0.8),
    ) / photons(detector=detector)
    d = positions(detector)
    q = d / length(d)[..., np.newaxis] - [1, 0, 0]
    axes = np.diag([30.0, 40.0, 50.0])
    angles = tuple(np.radians([7, 8, 9]))
    h = q @ np.array([rotate(axis, angles) for axis in axes]).T
    delta = h - np.round(h)
    rr = 0.8 * ((n * delta) ** 2).sum(axis=-1)
    x = np.pi * np.sqrt(rr)
    expected = {
        "square": np.prod(np.sin(np.pi * n * h) / np.sin(np.pi * h), axis=-1),
        "round": 120 * 0.723601254558268 * 3 * (np.sin(x) / x - np.cos(x)) / x**2,
        "gauss": 120 * np.exp(-rr / 0.63),
        "tophat": 120 * (rr < 0.3969),
    }[shape]
    np.testing.assert_allclose(seen, expected**2, rtol=1e-7, atol=1e-9 * 120**2)


CELLS = st.tuples(*[st.floats(5, 500)] * 3, *[st.floats(35, 140)] * 3)


def sine_of_volume(cell: tuple[float, ...]) -> float:
    """Return V/(abc), or 0 for angles that do not make a cell."""
    x, y, z = np.cos(np.radians(cell[3:]))
    return math.sqrt(max(1 - x * x - y * y - z * z + 2 * x * y * z, 0.0))


@given(cell=CELLS, misset=st.tuples(*[st.floats(-180, 180)] * 3))
def test_reciprocal_and_direct_vectors_belong_to_the_cell_asked_for(cell, misset):
    """a·a* = 1, a·b* = 0, and lengths, angles and volume are the cell's, for any triclinic cell and orientation."""
    openness = sine_of_volume(cell)
    assume(openness > 0.05 and sum(cell[3:]) < 359 and 2 * max(cell[3:]) < sum(cell[3:]) - 1)
    lattice = build_lattice(nb.Crystal(cell=cell, misset_deg=misset), 1.0, c_cell=False)
    np.testing.assert_allclose(lattice.direct @ lattice.reciprocal.T, np.eye(3), atol=1e-12 / openness**2)
    np.testing.assert_allclose(cell_from_vectors(lattice.direct), cell, rtol=1e-11 / openness**2)
    assert lattice.volume == pytest.approx(np.prod(cell[:3]) * openness, rel=1e-11 / openness**2)


def test_at_parallel_001_the_direct_beam_is_at_the_beam_centre():
    """AT-PARALLEL-001: whatever the size of the detector, the peak lies within 2 pixels of its middle."""
    for n in (64, 65, 128, 256, 512):
        image = photons(
            detector=nb.Detector.flat(distance_mm=100, pixels=n, pixel_mm=0.1),
            crystal=nb.Crystal(cell=(100,), n_cells=3),
            beam=nb.Beam(wavelength_A=6.2),
        )
        peak = np.array(np.unravel_index(np.argmax(image), image.shape))
        assert np.abs(peak - (n - 1) / 2).max() <= 2


@pytest.mark.parametrize(
    ("special", "near"),
    [
        ({"misset_deg": (0, 90, 0)}, {"misset_deg": (0, 90 - 1e-6, 0)}),
        ({"misset_deg": (0, 90, 0)}, {"misset_deg": (1e-6, 90, 0)}),
        ({"misset_deg": (0, 0, 0)}, {"misset_deg": (-1e-6, 1e-6, 1e-6)}),
        ({"misset_deg": (180, 0, 0)}, {"misset_deg": (-180 + 1e-6, 0, 0)}),
        ({"cell": (60, 60, 60, 90, 90, 90)}, {"cell": (60, 60, 60, 90 - 1e-6, 90 + 1e-6, 90)}),
        ({"cell": (60, 60, 60, 90, 90, 120)}, {"cell": (60, 60, 60, 90, 90 + 1e-6, 120 - 1e-6)}),
    ],
)
def test_at_parallel_018_images_are_continuous_near_singular_orientations(special, near):
    """AT-PARALLEL-018: a millionth of a degree from a special orientation or cell, nothing jumps."""
    detector = nb.Detector.flat(distance_mm=60, pixels=65, pixel_mm=0.5)
    base = {"cell": (60, 70, 80), "n_cells": 7}
    one, other = (photons(detector=detector, crystal=nb.Crystal(**{**base, **c})) for c in (special, near))
    assert np.isfinite(one).all()
    assert np.abs(one - other).max() <= 1e-5 * one.max()
