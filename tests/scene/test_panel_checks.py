"""Panels that overlap or face away from the sample are found."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.errors import NanobraggWarning
from nanobragg.scene.panel_checks import overlapping_panels, panels_facing_away
from tests.builders import scene


def tile(x: float, y: float, z: float = 100.0, turn_deg: float = 0.0, **fields: object) -> nb.Panel:
    """Return a panel of 10 x 20 pixels of 0.1 mm."""
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    axes = {"fast_axis": (c, s, 0), "slow_axis": (-s, c, 0)}
    return nb.Panel(**{**axes, "origin_mm": (x, y, z), "pixels": (20, 10), "name": f"{x:g}", **fields})


def warned(*panels: nb.Panel) -> list[str]:
    detector = nb.Detector(panels=panels, convention="dials")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scene(detector=detector)
    assert all(issubclass(warning.category, NanobraggWarning) for warning in caught)
    return [str(warning.message) for warning in caught]


def test_neighbours_do_not_overlap() -> None:
    assert overlapping_panels([tile(0, 0), tile(1, 0), tile(0, 2), tile(-1, -2), tile(3, 0, turn_deg=30)]) == []


def test_an_overlap_of_one_pixel_is_tolerated_and_two_are_not() -> None:
    assert overlapping_panels([tile(0, 0), tile(0.91, 0)]) == []
    assert overlapping_panels([tile(0, 0), tile(0.79, 0)]) == [(0, 1)]


def test_a_nearer_panel_shadows_a_farther_one() -> None:
    assert overlapping_panels([tile(5, 5), tile(2.5, 2.5, 50.0)]) == [(0, 1)]
    assert overlapping_panels([tile(5, 5), tile(5, 5, 50.0)]) == []


def test_opposite_panels_do_not_overlap() -> None:
    assert overlapping_panels([tile(0, 0), tile(0, 0, -100.0)]) == []


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-180, 180))
def test_overlap_is_found_where_points_coincide(x: float, y: float, turn: float) -> None:
    """Against brute force: a point of one panel lies a pixel within the other."""
    fixed, moved = tile(0, 0), tile(x, y, turn_deg=turn)
    fast, slow, _ = moved.axes()
    f, s = np.meshgrid(np.linspace(0.15, 0.85, 40), np.linspace(0.15, 1.85, 40))
    points = np.array([x, y]) + f.reshape(-1, 1) * fast[:2] + s.reshape(-1, 1) * slow[:2]
    inside = (points > 0.15).all(axis=1) & (points < [0.85, 1.85]).all(axis=1)
    if inside.any():
        assert overlapping_panels([fixed, moved]) == [(0, 1)]
    reach = np.hypot(*(points.T - [[0.5], [1.0]])).min()
    if reach > 1.6:
        assert overlapping_panels([fixed, moved]) == []


def test_edge_on_and_backward_panels_face_away() -> None:
    through = nb.Panel(origin_mm=(1, 0, 100), fast_axis=(1, 0, 0), slow_axis=(0, 0, 1), pixels=(9, 9))
    backward = tile(0, 0, normal_axis=(0, 0, -1))
    assert panels_facing_away([tile(0, 0), through, backward]) == [1, 2]


def test_the_scene_warns_and_names_the_panels() -> None:
    (message,) = warned(tile(-0.5, -1), tile(0.0, 0.0), tile(0.1, 0.0))
    assert re.match(r"panels 0 \(-0.5\) and 1 \(0\) overlap as seen from the sample, and 2 more pairs", message)
    (message,) = warned(tile(-0.5, -1), tile(4, 4, normal_axis=(0, 0, -1)))
    assert re.match(r"panel 1 \(4\): is edge-on to the sample or faces away", message)
    assert warned(tile(-0.5, -1), tile(4, 4)) == []


def test_a_thousand_panels_side_by_side_do_not_overlap() -> None:
    panels = [tile(1.2 * i, 2.2 * j) for i in range(32) for j in range(32)]
    assert overlapping_panels(panels) == []


def test_overlapping_panels_can_still_be_simulated() -> None:
    with pytest.warns(NanobraggWarning, match="overlap"):
        image = nb.simulate(scene(detector=nb.Detector(panels=(tile(-0.5, -1), tile(-0.5, -1)), convention="dials")))
    assert image.shape == (2, 20, 10)
    np.testing.assert_array_equal(image[0], image[1])


@pytest.mark.parametrize(("count", "more"), [(2, ""), (3, ", and 2 more pairs")])
def test_the_number_of_further_overlapping_pairs_is_given(count: int, more: str) -> None:
    """Panels in one place overlap pairwise: one pair of two, three of three."""
    (message,) = warned(*(tile(-0.5, -0.5, name=name) for name in "abc"[:count]))
    assert message.startswith(f"panels 0 (a) and 1 (b) overlap as seen from the sample{more}: photons there")


def test_two_overlapping_pairs_are_one_more() -> None:
    (message,) = warned(tile(-0.5, -0.5), tile(0.1, -0.5), tile(0.7, -0.5))
    assert "overlap as seen from the sample, and 1 more pairs: " in message
