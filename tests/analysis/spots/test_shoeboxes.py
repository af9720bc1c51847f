"""Boxes around predicted spots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError
from tests import builders
from tests.analysis.spots.test_spots import panels, scene


@pytest.mark.parametrize("detector", [nb.Detector.flat(distance_mm=100, pixels=(150, 130), pixel_mm=0.2), panels()])
def test_each_box_is_centred_on_the_pixel_of_its_spot(detector: nb.Detector) -> None:
    what = scene(detector=detector)
    spots, boxes = nb.predict_spots(what), nb.shoeboxes(what, 3)
    assert len(boxes) == len(spots) > 10
    for i, box in enumerate(boxes):
        assert box.panel == spots.panel[i]
        for part, centre, size in zip(box[1:], (spots.slow_px[i], spots.fast_px[i]), what.geometry.size, strict=True):
            assert (part.start, part.stop) == (max(int(centre) - 3, 0), min(int(centre) + 4, size))


def test_boxes_end_at_the_edges_of_the_panel() -> None:
    what = scene(detector=nb.Detector.flat(distance_mm=100, pixels=(150, 130), pixel_mm=0.2))
    assert all(box == nb.Box(0, slice(0, 150), slice(0, 130)) for box in nb.shoeboxes(what, 200))


def test_the_radius_may_be_a_fraction() -> None:
    what = scene()
    spots, boxes = nb.predict_spots(what), nb.shoeboxes(what, 1.5)
    for centre, box in zip(spots.fast_px, boxes, strict=True):
        assert box.fast == slice(max(int(np.floor(centre - 1.5)), 0), min(int(np.floor(centre + 1.5)) + 1, 500))
    assert all(box.slow.stop - box.slow.start == 1 for box in nb.shoeboxes(what, 0))


def test_shoeboxes_contain_the_photons_of_the_spots() -> None:
    dark_beam = nb.StructureFactors(indices=[[0, 0, 0]], amplitudes=[0.0], default_F=100)
    what = scene(crystal=builders.TRICLINIC.replace(n_cells=40), structure_factors=dark_beam)
    whole, boxes = nb.simulate(what), nb.simulate(what, pixels=nb.shoeboxes(what, 8))
    assert np.array_equal(boxes, np.where(boxes > 0, whole, 0))
    assert boxes.sum(dtype=float) > 0.97 * whole.sum(dtype=float)
    assert (boxes > 0).mean() < 0.3


def test_the_threshold_is_that_of_predicted_spots() -> None:
    assert len(nb.shoeboxes(scene(), 2, threshold=0.5)) == len(nb.predict_spots(scene(), threshold=0.5))


@pytest.mark.parametrize("radius", [-1, float("nan"), float("inf"), "3", None])
def test_an_invalid_radius_is_refused(radius: Any) -> None:
    with pytest.raises(ConfigError, match=r"radius = .*: must be a number"):
        nb.shoeboxes(scene(), radius)
