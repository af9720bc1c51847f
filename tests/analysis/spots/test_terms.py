"""Terms of spots: those of all orientations and sources that are close to the Ewald sphere."""

import numpy as np
import pytest

from nanobragg._functions import scattered, terms_in_reach

REACH = 0.5


def test_terms_in_reach_and_their_rays():
    generator = np.random.default_rng(5)
    hkl = generator.integers(-9, 10, (200, 3)).astype(float)
    first, steps = generator.integers(0, 3, 200), generator.integers(0, 3, 200)
    domains, stars, waves = 2, generator.normal(0, 1, (5 * 2, 3, 3)), generator.normal(0, 3, (4, 3))
    radii = np.linalg.norm(waves, axis=1)
    found = terms_in_reach(hkl, first, first + steps, stars, domains, waves, radii, REACH)
    out = np.einsum("ri,oij->roj", hkl, stars)[:, :, np.newaxis] + waves
    step = np.arange(len(stars)) // domains
    taken = (step >= first[:, np.newaxis]) & (step <= (first + steps)[:, np.newaxis])
    near = np.abs(radii - np.linalg.norm(out, axis=3)) <= REACH
    row, orientation, source = found
    assert len(row) > 50
    np.testing.assert_array_equal(found, np.nonzero(near & taken[:, :, np.newaxis]))

    ray, length, along = scattered(hkl[row], orientation, source, stars, waves)
    assert ray * length[:, np.newaxis] == pytest.approx(out[row, orientation, source])
    assert np.linalg.norm(ray, axis=1) == pytest.approx(1)
    assert along == pytest.approx(np.einsum("tij,tj->ti", stars[orientation], ray))
