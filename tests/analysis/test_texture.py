"""Powders with preferred orientation: the densities, rings, and many grains that are drawn from the distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.derivatives.mosaic import rotation_vectors, rotations_from_vectors
from nanobragg.errors import ConfigError
from tests.builders import config

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
FLAT = nb.Detector.flat(distance_mm=60, pixels=(80, 80), pixel_mm=1.0)
CELL = (40.0, 46.0, 52.0, 90.0, 90.0, 90.0)
X, WEIGHTS = np.polynomial.legendre.leggauss(100)
RATIOS = st.floats(0.3, 3.0)
COSINES = st.floats(-1.0, 1.0)


def textured(ratio: float, hkl: tuple[int, int, int] = (0, 0, 1), axis: tuple[float, ...] = (0, 1, 0)) -> nb.Texture:
    return nb.Texture(hkl=hkl, ratio=ratio, axis=axis)


def march_dollase(ratio: float, cosine: np.ndarray) -> np.ndarray:
    return (ratio**2 * cosine**2 + (1 - cosine**2) / ratio) ** -1.5


def around(ratio: float, to_planes: float, to_axis: float) -> float:
    """Return the mean over turns about the scattering vector, by summation."""
    psi = np.arange(2000) * 2 * np.pi / 2000
    sines = math.sqrt(1 - to_planes**2) * math.sqrt(1 - to_axis**2)
    return float(march_dollase(ratio, to_planes * to_axis + sines * np.cos(psi)).mean())


@settings(max_examples=30)
@given(ratio=st.floats(0.2, 5.0), to_planes=COSINES, to_axis=COSINES)
def test_the_pole_density_is_the_mean_over_turns_about_the_reflection(ratio, to_planes, to_axis):
    found = textured(ratio).pole_density(np.array(to_planes), np.array(to_axis))
    assert found == pytest.approx(around(ratio, to_planes, to_axis), abs=2e-4)


@given(ratio=RATIOS, to_planes=COSINES)
def test_densities_are_1_in_the_mean_over_the_sphere(ratio, to_planes):
    texture = textured(ratio)
    assert WEIGHTS @ texture.density(X) / 2 == pytest.approx(1.0, abs=1e-6)
    assert WEIGHTS @ texture.pole_density(np.full(100, to_planes), X) / 2 == pytest.approx(1.0, abs=1e-6)


def axes_family() -> nb.Config:
    """Return an experiment with the reflections 600, 060 and 006 of a cubic crystal, and so on."""
    hkl = 6 * np.concatenate([np.eye(3, dtype=int), -np.eye(3, dtype=int)])
    factors = nb.StructureFactors(indices=hkl, amplitudes=np.full(6, 50.0), interpolate=False)
    crystal = nb.Crystal(cell=(40,), n_cells=15, shape="gauss")
    return config(crystal=crystal, structure_factors=factors, beam=nb.Beam(wavelength_A=1.5, polarized=False),
                  detector=FLAT)  # fmt: skip


def test_equivalent_reflections_count_by_their_own_angles():
    """Of the ring {600} a third is along the normal of the planes, and two thirds are across it."""
    experiment = axes_family()
    texture = nb.Texture(hkl=(1, 0, 0), ratio=0.5, axis=(0.3, -0.2, 0.8))
    plain, found = nb.powder(experiment), nb.powder(experiment, texture=texture)
    scene = nb.Scene(experiment)
    rays = scene.geometry.directions(*np.mgrid[0.5:80, 0.5:80], 0).reshape(-1, 3)
    q = rays - scene.beam_direction
    to_axis = (q @ np.array(texture.axis)) / np.linalg.norm(q, axis=1) / np.linalg.norm(texture.axis)
    ring = np.flatnonzero(plain.ravel() > 0.3 * plain.max())[::7]
    assert len(ring) > 10
    for pixel in ring.tolist():
        expected = (around(0.5, 1.0, to_axis[pixel]) + 2 * around(0.5, 0.0, to_axis[pixel])) / 3
        assert found.flat[pixel] / plain.flat[pixel] == pytest.approx(expected, rel=0.03)
    assert found.ravel()[ring].max() > 1.5 * found.ravel()[ring].min()


def test_a_texture_along_the_beam_leaves_rings_even():
    experiment = axes_family()
    beam = tuple(nb.Scene(experiment).beam_direction.tolist())
    plain, found = (
        nb.powder(experiment, texture=each) for each in (None, nb.Texture(hkl=(1, 0, 0), ratio=2, axis=beam))
    )
    theta = math.asin(1.5 / 2 * 6 / 40)
    expected = (around(2, 1.0, math.sin(theta)) + 2 * around(2, 0.0, math.sin(theta))) / 3
    bright = plain > 0.3 * plain.max()
    np.testing.assert_allclose(found[bright] / plain[bright], expected, rtol=0.01)


def test_a_ratio_of_1_is_no_texture():
    experiment = axes_family().replace({"crystal.strain_percent": 0.5})
    found = nb.powder(experiment, texture=textured(1.0))
    np.testing.assert_allclose(found, nb.powder(experiment), rtol=1e-9)


def grains(texture: nb.Texture, count: int) -> np.ndarray:
    """Return rotations (degrees) of grains from the distribution, for a crystal with a* along its first axis.

    The share of grains below cos α = x is x·r/√(1/r - (1/r - r²)x²), the integral of the density.
    """
    rng = np.random.default_rng(3)
    share, r = rng.random(count), texture.ratio
    cosine = np.sqrt(share**2 / r / (r**2 + share**2 * (1 / r - r**2))) * rng.choice([-1, 1], count)
    azimuth, spin = rng.uniform(0, 2 * np.pi, (2, count))
    axis = np.array(texture.axis) / np.linalg.norm(texture.axis)
    one = np.cross(axis, [0.3, 0.5, 0.7])
    one /= np.linalg.norm(one)
    sine = np.sqrt(1 - cosine**2)
    normals = (
        cosine[:, np.newaxis] * axis + (sine * np.cos(azimuth))[:, np.newaxis] * one
        + (sine * np.sin(azimuth))[:, np.newaxis] * np.cross(axis, one)
    )  # fmt: skip
    scene = nb.Scene(config(crystal=nb.Crystal(cell=CELL)))
    first = np.array(texture.hkl) @ scene.lattice.reciprocal
    first /= np.linalg.norm(first)
    spun = rotations_from_vectors(spin[:, np.newaxis] * first)
    across = np.cross(first, normals)
    angle = np.arctan2(np.linalg.norm(across, axis=1), normals @ first)
    tilted = rotations_from_vectors(angle[:, np.newaxis] * across / np.linalg.norm(across, axis=1)[:, np.newaxis])
    return np.degrees(rotation_vectors(tilted @ spun))


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [0.5, 1.8])
def test_many_grains_from_the_distribution_become_the_powder(ratio):
    """40,000 grains: twelve sectors of two rings have the powder's photons, with a scatter of less than 5 %."""
    texture = nb.Texture(hkl=(0, 1, 2), ratio=ratio, axis=(0.2, 0.5, -0.8))
    crystal = nb.Crystal(cell=CELL, n_cells=5, shape="gauss", mosaic_rotations_deg=grains(texture, 40_000), blocks=1e6)
    hkl = [(0, 1, 2), (0, -1, -2), (0, 1, -2), (0, -1, 2), (2, 0, 0), (-2, 0, 0)]
    factors = nb.StructureFactors(indices=hkl, amplitudes=np.full(6, 50.0), interpolate=False)
    experiment = config(
        crystal=crystal, structure_factors=factors, detector=FLAT, beam=nb.Beam(wavelength_A=1.5),
        sampling=nb.Sampling(oversample=3),
    )  # fmt: skip
    images = [nb.powder(experiment, texture=each) for each in (texture, None)]
    images.append(nb.simulate(experiment, dtype="float64"))
    places = np.mgrid[0.5:80, 0.5:80] - 40.0
    sector = np.floor((np.arctan2(*places) + np.pi) / (2 * np.pi) * 12).astype(int).clip(0, 11).ravel()
    smooth, even, found = (np.bincount(sector, image.ravel(), 12) for image in images)
    assert np.std(found - smooth) < 0.05 * smooth.mean()
    assert found.sum() == pytest.approx(smooth.sum(), rel=0.03)
    assert np.std(even - smooth) > 0.1 * smooth.mean()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hkl": (0, 0, 0)}, r"Texture.hkl = \(0, 0, 0\): must be the indices of planes, not all 0, up to 1000"),
        ({"axis": (0, 0, 0)}, r"Texture.axis = \(0, 0, 0\): has no direction; give one"),
        ({"hkl": (0, 0, 10**6)}, r"Texture.hkl = \(0, 0, 1000000\): must be the indices"),
        ({"ratio": 0.01}, "Texture.ratio = 0.01: must be greater than or equal to 0.2"),
        ({"ratio": 7}, "Texture.ratio = 7: must be"),
    ],
)
def test_impossible_textures_are_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        nb.Texture(**{"hkl": (0, 0, 1), "ratio": 0.5, "axis": (0, 0, 1), **fields})
