"""Configs with changed parameters."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.derivatives.moved import moved_config
from tests.builders import config
from tests.derivatives.scenes import SCENES
from tests.derivatives.scenes import config as golden

pytestmark = pytest.mark.filterwarnings("ignore:.*does not hit the detector", "ignore:oversample")


@pytest.mark.parametrize("scene", SCENES)
def test_nothing_changes_without_changes(scene):
    resolved = nb.Scene(golden(scene))
    changes = {parameter.name: 0.0 for parameter in nb.parameters(resolved)}
    np.testing.assert_array_equal(nb.simulate(moved_config(resolved, changes)), nb.simulate(resolved))


def test_a_cell_and_a_rotation_change_the_crystal():
    moved = nb.Scene(moved_config(nb.Scene(config()), {"cell_a": 1.5, "cell_beta": 2.0, "rot_z": 0.1}))
    assert moved.config.crystal.cell == pytest.approx((61.5, 70, 80, 90, 92, 90))
    turned = np.arctan2(moved.lattice.reciprocal[0, 1], moved.lattice.reciprocal[0, 0])
    assert turned == pytest.approx(0.1)


def test_a_crystal_given_as_a_matrix_keeps_its_orientation():
    plain = nb.Scene(config(crystal=nb.Crystal(cell=(60, 70, 80, 85, 95, 100), misset_deg=(10, 20, 30), n_cells=5)))
    matrix = tuple(map(tuple, plain.lattice.reciprocal.T.tolist()))
    given = nb.Scene(config(crystal=nb.Crystal(matrix=matrix, n_cells=5)))
    for scene in (plain, given):
        moved = nb.Scene(moved_config(scene, {"rot_x": 0.01}))
        expected = nb.Scene(moved_config(plain, {"rot_x": 0.01}))
        np.testing.assert_allclose(moved.cells, expected.cells, rtol=1e-12, atol=1e-22)


def test_brightness_is_kept_when_the_block_changes():
    crystal = nb.Crystal(cell=(60, 70, 80), n_cells=5, volume_mm3=1e-6)
    scene = nb.Scene(config(crystal=crystal))
    assert nb.Scene(moved_config(scene, {"n_a": 0.5})).blocks == pytest.approx(scene.blocks)


def test_a_crystal_of_blocks_with_an_edge_keeps_its_cells():
    crystal = nb.Crystal(cell=(60, 70, 80), block_um=0.05, size_mm=0.01, shape="gauss")
    scene = nb.Scene(config(crystal=crystal))
    moved = nb.Scene(moved_config(scene, {"rot_x": 0.01}))
    assert (moved.n_cells, moved.blocks) == (scene.n_cells, pytest.approx(scene.blocks))


def test_panels_move_as_a_group():
    scene = nb.Scene(golden("two_panels"))
    panels = moved_config(scene, {"both_rz": 0.3, "both_tx": 2.0}, {"both": (0, 1)}).detector.panels
    before = [np.array(panel.origin_mm) for panel in scene.config.detector.panels]
    after = [np.array(panel.origin_mm) for panel in panels]
    assert np.linalg.norm(after[0] - after[1]) == pytest.approx(np.linalg.norm(before[0] - before[1]))
    assert (np.mean([p.corners_mm().mean(axis=0) for p in panels], axis=0)
            - np.mean([p.corners_mm().mean(axis=0) for p in scene.config.detector.panels], axis=0)
            ) == pytest.approx([2.0, 0.0, 0.0])  # fmt: skip
