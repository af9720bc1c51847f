"""Statistics of a selection of pixels."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from tests import builders


def test_statistics_of_chosen_pixels_are_those_of_a_masked_scene() -> None:
    chosen = np.random.default_rng(1).random((32, 48)) < 0.2
    plain = builders.scene()
    masked = builders.scene(detector=builders.DETECTOR.replace(mask=chosen))
    image = nb.simulate(plain)
    found = nb.statistics(image, plain, pixels=chosen)
    assert found == nb.statistics(image, masked)
    assert found.pixels == chosen.sum()
    assert found.maximum == image[chosen].max()
    assert found.solid_angle_sr == pytest.approx(nb.statistics(image, plain).solid_angle_sr * 0.2, rel=0.2)


def test_no_pixels_at_all_have_no_photons_and_no_solid_angle() -> None:
    plain = builders.scene()
    found = nb.statistics(np.zeros(plain.shape), plain, pixels=[])
    assert (found.pixels, found.maximum, found.mean, found.rmsd, found.solid_angle_sr) == (0, 0, 0, 0, 0)
