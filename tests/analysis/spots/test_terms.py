"""Terms of spots: those of all orientations and sources that are close to the Ewald sphere, and sums of them."""

import numpy as np
import pytest

from nanobragg._functions import plane_sections, polarization, spot_terms

REACH = 0.5
COUNT = 200


def blocks(shape: str, generator: np.random.Generator):
    """Return the first arguments of compiled functions for blocks of any metric."""
    root = generator.normal(0, 1, (3, 3))
    return shape, np.array([3.0, 4.0, 5.0]), 7.0, root @ root.T + np.eye(3)


@pytest.mark.parametrize("shape", ["gauss", "square"])
def test_terms_in_reach_with_their_rays_and_sections(shape):
    generator = np.random.default_rng(5)
    hkl = generator.integers(-9, 10, (COUNT, 3)).astype(float)
    first, steps = generator.integers(0, 3, COUNT), generator.integers(0, 3, COUNT)
    domains, stars, waves = 2, generator.normal(0, 1, (5 * 2, 3, 3)), generator.normal(0, 3, (4, 3))
    radii, crystal = np.linalg.norm(waves, axis=1), blocks(shape, generator)
    found, ray, area, largest = spot_terms(
        *crystal, None, hkl, first, first + steps, stars, domains, waves, radii, REACH
    )
    out = np.einsum("ri,oij->roj", hkl, stars)[:, :, np.newaxis] + waves
    step = np.arange(len(stars)) // domains
    taken = (step >= first[:, np.newaxis]) & (step <= (first + steps)[:, np.newaxis])
    near = np.abs(radii - np.linalg.norm(out, axis=3)) <= REACH
    row, orientation, source = found
    assert len(row) > 50
    np.testing.assert_array_equal(found, np.nonzero(near & taken[:, :, np.newaxis]))

    scattered = out[row, orientation, source]
    length = np.linalg.norm(scattered, axis=1)
    slope = np.einsum("tij,tj->ti", stars[orientation], scattered / length[:, np.newaxis])
    cut = plane_sections(*crystal, slope, radii[source] - length)
    assert area == pytest.approx(cut[0], rel=1e-12)
    assert largest == pytest.approx(cut[1], rel=1e-12)
    mean = scattered + np.einsum("ti,tij->tj", cut[2], stars[orientation])
    assert ray == pytest.approx(mean / np.linalg.norm(mean, axis=1)[:, np.newaxis], abs=1e-12)


def test_each_spot_has_a_metric_of_its_own():
    """Smeared spots: those of all reflections together are those of each with its metric."""
    generator = np.random.default_rng(6)
    hkl, stars = generator.integers(-9, 10, (COUNT, 3)).astype(float), generator.normal(0, 1, (3, 3, 3))
    waves, still = generator.normal(0, 3, (2, 3)), np.zeros(COUNT, np.int64)
    radii, crystal = np.linalg.norm(waves, axis=1), blocks("gauss", generator)
    spots = np.stack([blocks("gauss", generator)[3] for _ in range(COUNT)])
    (row, _, _), *together = spot_terms(*crystal, spots, hkl, still, still, stars, 3, waves, radii, REACH)
    assert len(np.unique(row)) > 10
    _, _, _, sharp = spot_terms(*crystal, None, hkl, still, still, stars, 3, waves, radii, REACH)
    np.testing.assert_allclose(together[2], sharp, rtol=1e-12)  # the largest section is that of a spot without smearing
    for i in np.unique(row):
        _, *alone = spot_terms(
            *crystal, spots[i : i + 1], hkl[i : i + 1], still[:1], still[:1], stars, 3, waves, radii, REACH
        )
        for all_of_them, own in zip(together, alone, strict=True):
            np.testing.assert_array_equal(all_of_them[row == i], own)


def test_polarization_of_rays_of_some_waves_is_that_of_each():
    generator = np.random.default_rng(7)
    kahn, incident, axis = generator.uniform(-1, 1, 4), generator.normal(0, 1, (4, 3)), generator.normal(0, 1, (4, 3))
    ray, wave = generator.normal(0, 1, (COUNT, 3)), generator.integers(0, 4, COUNT)
    expected = polarization(kahn[wave], incident[wave], ray, axis[wave])
    np.testing.assert_array_equal(polarization(kahn, incident, ray, axis, wave), expected)
