"""`Detector.perturbed`: panels slightly out of place, by the deviations that are asked for."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError

MODULES = nb.Detector.named("JUNGFRAU 16M", distance_mm=150, convention="xds")


def centres(detector: nb.Detector) -> np.ndarray:
    return np.array([panel.corners_mm().mean(axis=0) for panel in detector.panels])


def test_shifts_have_their_deviations_along_the_axes():
    moved = [MODULES.perturbed(seed, shift_um=(100, 50, 200)) for seed in range(20)]
    shifts = np.concatenate([centres(each) - centres(MODULES) for each in moved]) * 1000
    np.testing.assert_allclose(shifts.std(axis=0), (100, 50, 200), rtol=0.1)
    assert np.abs(shifts.mean(axis=0) / shifts.std(axis=0)).max() < 4 / np.sqrt(len(shifts))
    for one, other in zip(MODULES.panels, moved[0].panels, strict=True):
        np.testing.assert_allclose(one.axes(), other.axes(), atol=1e-15)


def test_rotations_turn_panels_about_their_centres():
    turned = [MODULES.perturbed(seed, rotation_mrad=(0, 0, 2)) for seed in range(20)]
    angles = []
    for each in turned:
        np.testing.assert_allclose(centres(each), centres(MODULES), atol=1e-9)
        for one, other in zip(MODULES.panels, each.panels, strict=True):
            fast, slow, normal = one.axes()
            np.testing.assert_allclose(other.axes()[2], normal, atol=1e-12)
            angles.append(1000 * np.arctan2(other.axes()[0] @ slow, other.axes()[0] @ fast))
            assert other.axes()[0] @ other.axes()[1] == pytest.approx(0, abs=1e-12)
    assert np.std(angles) == pytest.approx(2, rel=0.1)


def test_a_seed_makes_a_detector_and_nothing_else_changes():
    one = MODULES.perturbed(3, shift_um=50, rotation_mrad=1)
    assert one == MODULES.perturbed(3, shift_um=50, rotation_mrad=1)
    assert one != MODULES.perturbed(4, shift_um=50, rotation_mrad=1)
    assert one.replace(panels=MODULES.panels) == MODULES
    still = MODULES.perturbed(3)
    np.testing.assert_allclose(centres(still), centres(MODULES), atol=1e-12)
    flat = nb.Detector.flat(pixels=50)
    assert flat.perturbed(1, shift_um=10).nominal == flat.nominal


@pytest.mark.parametrize("options", [{"shift_um": -1}, {"rotation_mrad": (1, 2)}, {"shift_um": np.nan}])
def test_impossible_deviations_are_refused(options):
    with pytest.raises(ConfigError, match=r"Detector.perturbed: .* must be one or three numbers of at least 0"):
        MODULES.perturbed(1, **options)
    with pytest.raises(ConfigError, match="seed = -1: must be an integer of at least 0"):
        MODULES.perturbed(-1)
