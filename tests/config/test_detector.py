"""Detector.flat and panels: how conventions, beam centres, pivots and rotations place the detector."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nanobragg as nb

PANEL = {"origin_mm": (100, 8, -12), "fast_axis": (0, 0, 1), "slow_axis": (0, -1, 0), "pixels": (32, 48)}


def test_at_geo_001_mosflm_pix0():
    """AT-GEO-001: 51.2 mm, 0.1 mm pixels, 1024²: pix0 = (0.1, 0.05125, -0.05125) m."""
    options = {"distance_mm": 100, "pixels": 1024, "pixel_mm": 0.1, "convention": "mosflm"}
    detector = nb.Detector.flat(**options, beam_center_mm=(51.2, 51.2))
    assert np.array(detector.panels[0].origin_mm) / 1000 == pytest.approx([0.1, 0.05125, -0.05125], rel=1e-14)
    fast, slow, normal = detector.panels[0].axes()
    assert (fast.tolist(), slow.tolist(), normal.tolist()) == ([0, 0, 1], [0, -1, 0], [1, 0, 0])
    default = nb.Detector.flat(**options).panels[0].origin_mm
    assert default == pytest.approx((100, 51.3, -51.3), rel=1e-14)  # X = (102.4 + 0.1)/2, and half a pixel


@pytest.mark.parametrize(
    ("convention", "centre", "origin"),
    [
        ("mosflm", (5, 7), (100, 5.25, -7.25)),
        ("denzo", (5, 7), (100, 5, -7)),
        ("adxv", (7, 5), (-7, 16 - 5, 100)),
        ("xds", (7, 5), (-7, -5, 100)),
        ("dials", (7, 5), (-7, -5, 100)),
        ("custom", (7, 5), (100, 5, -7)),
    ],
)
def test_at_parallel_004_beam_centres_follow_the_convention(convention, centre, origin):
    """AT-PARALLEL-004, AT-GEO-001: X, Y of each program, on 32 × 48 pixels of 0.5 mm."""
    detector = nb.Detector.flat(
        distance_mm=100, pixels=(32, 48), pixel_mm=0.5, convention=convention, beam_center_mm=centre
    )
    assert detector.panels[0].origin_mm == pytest.approx(origin, rel=1e-14)


ROTATED = {"distance_mm": 100, "pixels": (32, 48), "pixel_mm": 0.5, "rotation_deg": (5, 10, -4), "twotheta_deg": 12}
BEAMS = {"mosflm": (1, 0, 0), "xds": (0, 0, 1)}


@pytest.mark.parametrize("convention", BEAMS)
def test_at_geo_002_pivots_keep_the_beam_spot_or_the_distance_of_the_plane(convention):
    """AT-GEO-002: about the beam spot: the same pixel sees the beam; about the sample: the near point stays."""
    flat = {key: value for key, value in ROTATED.items() if not key.endswith("_deg")}
    straight = nb.Detector.flat(**flat, convention=convention)
    beam = nb.Detector.flat(**ROTATED, convention=convention, pivot="beam").nominal
    sample = nb.Detector.flat(**ROTATED, convention=convention, pivot="sample").nominal
    spot = (straight.nominal.beam_fast_mm, straight.nominal.beam_slow_mm)
    assert (beam.beam_fast_mm, beam.beam_slow_mm) == pytest.approx(spot, rel=1e-12)
    assert beam.distance_mm == pytest.approx(100, rel=1e-12)
    assert (sample.near_fast_mm, sample.near_slow_mm) == pytest.approx(spot, rel=1e-12)
    before_swing = nb.Detector.flat(**{**ROTATED, "twotheta_deg": 0}, convention=convention, pivot="sample").nominal
    assert sample.close_distance_mm == pytest.approx(before_swing.close_distance_mm, rel=1e-12)


@pytest.mark.parametrize("convention", BEAMS)
@pytest.mark.parametrize("pivot", ["beam", "sample"])
def test_at_geo_003_distance_and_beam_spot_are_where_the_beam_meets_the_plane(convention, pivot):
    """AT-GEO-003: distance along the beam, close distance along the normal, both in the panel's plane."""
    detector = nb.Detector.flat(**ROTATED, convention=convention, pivot=pivot)
    panel, stated = detector.panels[0], detector.nominal
    fast, slow, normal = panel.axes()
    origin = np.array(panel.origin_mm)
    spot = origin + stated.beam_fast_mm * fast + stated.beam_slow_mm * slow
    near = origin + stated.near_fast_mm * fast + stated.near_slow_mm * slow
    np.testing.assert_allclose(spot, stated.distance_mm * np.array(BEAMS[convention]), atol=1e-11)
    np.testing.assert_allclose(near, stated.close_distance_mm * normal, atol=1e-11)
    np.testing.assert_allclose(np.array([fast, slow, normal]) @ np.array([fast, slow, normal]).T, np.eye(3), atol=1e-14)


def test_at_geo_003_close_distance_is_before_the_swing():
    """AT-GEO-003: given in place of the distance; a tilt of 10° makes the distance 1/cos 10° of it."""
    detector = nb.Detector.flat(close_distance_mm=100, pixels=8, rotation_deg=(0, 10, 0), pivot="sample")
    assert detector.nominal.close_distance_mm == pytest.approx(100, rel=1e-12)
    assert detector.nominal.distance_mm == pytest.approx(100 / math.cos(math.radians(10)), rel=1e-12)


@pytest.mark.parametrize(
    ("convention", "moved"),
    [("mosflm", (0, -1, 0)), ("adxv", (0, 1, 0)), ("xds", (0, -1, 0)), ("dials", (1, 0, 0)), ("custom", (0, 0, -1))],
)
def test_at_geo_004_two_theta_swings_about_the_conventions_axis(convention, moved):
    """AT-GEO-004: which way the detector goes for a small positive two-theta about the sample."""
    options = {"distance_mm": 100, "pixels": 8, "convention": convention, "pivot": "sample"}
    still, swung = (
        np.array(nb.Detector.flat(**options, twotheta_deg=angle).panels[0].origin_mm) for angle in (0, 1e-4)
    )
    np.testing.assert_allclose((swung - still) / (100 * math.radians(1e-4)), moved, atol=0.02)
    swung = nb.Detector.flat(**options, twotheta_deg=30)
    along = np.array(BEAMS["mosflm" if convention in ("mosflm", "custom") else "xds"])
    assert swung.panels[0].axes()[2] @ along == pytest.approx(math.cos(math.radians(30)), rel=1e-12)
    given = nb.Detector.flat(**options, twotheta_deg=30, twotheta_axis=tuple(along))  # about the beam: no swing
    assert given.panels[0].axes()[2] == pytest.approx(along, abs=1e-12)


def test_org_px_and_explicit_vectors():
    """XDS' ORGX, ORGY count from 1 at the centre of the first pixel; given axes are normalised."""
    xds = nb.Detector.flat(distance_mm=100, pixels=8, pixel_mm=0.5, convention="xds", org_px=(1, 3))
    assert xds.panels[0].origin_mm == pytest.approx((-0.25, -1.25, 100))
    tilted = nb.Detector.flat(distance_mm=100, pixels=8, fast_axis=(0, 0.3, 3), slow_axis=(0, -2, 0.2))
    fast, slow, normal = tilted.panels[0].axes()
    assert np.linalg.norm([fast, slow, normal], axis=1) == pytest.approx([1, 1, 1], rel=1e-14)
    assert normal == pytest.approx([1, 0, 0], abs=1e-14)
    assert fast == pytest.approx(np.array([0, 0.3, 3]) / math.hypot(0.3, 3))


def test_a_panels_normal_points_away_from_the_sample():
    panel = nb.Panel(**PANEL)
    turned = nb.Panel(**{**PANEL, "slow_axis": (0, 1, 0)})
    assert panel.axes()[2].tolist() == turned.axes()[2].tolist() == [1, 0, 0]
    assert nb.Panel(**PANEL, normal_axis=(-2, 0, 0)).axes()[2].tolist() == [-1, 0, 0]
