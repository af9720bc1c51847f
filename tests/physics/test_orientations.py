"""Distributions of random orientations and mosaic domains."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.config.crystal import misset_angles
from nanobragg.config.mosaic import mosaic_rotations
from nanobragg.geometry import rotate

from .experiment import length, photons

# Coarse pixels are what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")


def test_at_parallel_024_a_seed_gives_one_orientation():
    """AT-PARALLEL-024: the same seed gives the same image, another one an image that correlates below 0.7."""

    def image(seed: int) -> np.ndarray:
        crystal = nb.Crystal(cell=(60, 70, 80), n_cells=5, misset_deg="random", misset_seed=seed)
        return photons(crystal=crystal, detector=nb.Detector.flat(distance_mm=100, pixels=100, pixel_mm=0.4))

    assert np.array_equal(image(12345), image(12345))
    assert np.corrcoef(image(12345).ravel(), image(54321).ravel())[0, 1] <= 0.7


def kolmogorov(values: np.ndarray, cdf) -> float:
    """Return √n times the largest distance of the empirical distribution from a cumulative one."""
    values = np.sort(values)
    n = len(values)
    expected = cdf(values)
    steps = np.arange(n + 1) / n
    return float(max((steps[1:] - expected).max(), (expected - steps[:-1]).max()) * math.sqrt(n))


def test_random_missets_are_uniform_over_all_rotations():
    """The angle of uniform rotations has density (1 - cos ω)/π, and where each axis goes is uniform on the sphere."""
    missets = [
        misset_angles(nb.Crystal(cell=(60,), misset_deg="random", misset_seed=seed), c_cap=False)
        for seed in range(1, 6001)
    ]
    rotations = np.array([[rotate(axis, angles) for axis in np.eye(3)] for angles in missets])
    angles = np.arccos(np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1, 1))
    limit = 1.95  # of Kolmogorov's distribution: exceeded once in a thousand times
    assert kolmogorov(angles, lambda w: (w - np.sin(w)) / np.pi) < limit
    for component in rotations.reshape(-1, 9).T:
        assert kolmogorov(component, lambda x: (x + 1) / 2) < limit


def rotation_vectors(rotations: np.ndarray) -> np.ndarray:
    """Return axis times angle of small rotations, shape (n, 3)."""
    r = rotations
    return np.stack([r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]], axis=1) / 2


def test_at_mos_gaussian_domains_have_the_spread_as_sigma():
    """AT-MOS: 4000 domains of 0.2°: σ of the angle ± 4 standard errors, axes alike in all directions, normal tails."""
    n, sigma = 4000, math.radians(0.2)
    crystal = nb.Crystal(cell=(60,), mosaic_spread_deg=0.2, mosaic_domains=n, mosaic_model="gaussian")
    rotations = mosaic_rotations(crystal.replace(mosaic_sampling="random"))
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (n, 3, 3)), atol=1e-12
    )
    assert np.array_equal(rotations[0], np.eye(3))
    vectors = rotation_vectors(rotations[1:])
    angles = length(vectors)
    assert math.sqrt((angles**2).mean()) == pytest.approx(sigma, rel=4 / math.sqrt(2 * n))
    assert np.sqrt((vectors**2).mean(axis=0)) == pytest.approx(sigma / math.sqrt(3), rel=0.06)
    assert np.abs(vectors.mean(axis=0)).max() < 4 * sigma / math.sqrt(3 * n)
    assert (angles > 2 * sigma).mean() == pytest.approx(0.0455, abs=0.012)


def test_at_mos_cap_domains_stay_within_the_spread():
    """AT-MOS: the first domain is not turned, the others by at most the spread, and by all angles below it."""
    crystal = nb.Crystal(cell=(60,), mosaic_spread_deg=0.5, mosaic_domains=500, mosaic_sampling="random")
    rotations = mosaic_rotations(crystal)
    angles = np.degrees(length(rotation_vectors(rotations)))
    assert angles[0] == 0
    assert angles.max() <= 0.5 * (1 + 1e-6)
    assert angles.max() > 0.49
    assert angles[1:].min() < 0.1
