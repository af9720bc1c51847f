"""`PanelGeometry`: pixels to rays and back, and everything that uses it against the compiled core's own trace."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.analysis.resolution import resolution
from nanobragg.analysis.spots.absorption import mean_position
from nanobragg.analysis.spots.ewald_crossings import longest_q
from nanobragg.errors import NanobraggWarning
from nanobragg.nanobragg_c.quirks import active_quirks
from nanobragg.plotting.panel_layout import panel_layout
from nanobragg.plotting.rings import ring_arcs
from nanobragg.scene.panel_geometry import PanelGeometry

BEAM = np.array([1.0, 0.0, 0.0])
SIZE = (180, 200)

tilts = st.floats(-0.4, 0.4)
places = st.tuples(st.floats(0, SIZE[0]), st.floats(0, SIZE[1]))


@st.composite
def geometries(draw: st.DrawFn) -> PanelGeometry:
    """One panel about 100 mm along x: upright or tilted, axes perpendicular or not, flat or curved, both ways."""
    fast, slow = (draw(tilts), draw(tilts), 1.0), (draw(tilts), -1.0, draw(tilts))
    if draw(st.booleans()):
        slow = tuple((np.cross(fast, (1.0, 0.0, 0.0))).tolist())
    origin = (100.0, draw(st.floats(0, 40)), draw(st.floats(-40, 0)))
    panel = nb.Panel(
        origin_mm=origin, fast_axis=fast, slow_axis=slow, pixel_mm=draw(st.floats(0.05, 0.25)), pixels=SIZE
    )
    depth, curved = draw(st.sampled_from([0.0, 300.0])), draw(st.booleans())
    point = draw(st.booleans())
    detector = nb.Detector(panels=(panel,), sensor_depth_um=depth, curved=curved, point_pixel=point)
    return PanelGeometry(detector, BEAM, 0.1, like_c=draw(st.booleans()))


@given(geometries(), places, st.floats(0, 1e-3), st.floats(0.1, 1e10))
def test_a_ray_leads_back_to_the_pixel_that_it_came_from(geometry, place, depth, length):
    ray = geometry.directions(*place, depth=depth)
    assert np.linalg.norm(ray) == pytest.approx(1.0, rel=1e-14)
    assert geometry.pixels(length * ray, depth=depth) == pytest.approx(place, abs=1e-7)
    if not geometry.curved:
        assert np.isnan(geometry.pixels(-ray, depth=depth)).all()


@given(geometries(), places, st.floats(0.5, 2.0))
def test_angles_and_resolutions_are_those_of_the_directions(geometry, place, wavelength):
    """2θ, λ/(2 sin θ) and 1/|q| are one; the panel's axes need not be perpendicular."""
    ray = geometry.directions(*place)
    assert geometry.cos_two_theta(*place) == pytest.approx(ray @ BEAM, rel=1e-13)
    q = np.linalg.norm(ray - BEAM) / wavelength
    if q > 1e-3:
        assert geometry.two_theta(*place) == pytest.approx(2 * np.arcsin(q * wavelength / 2), rel=1e-8)
        assert geometry.resolution(wavelength, *place) == pytest.approx(1 / q, rel=1e-8)
    other = np.array([0.8, 0.6, 0.0])
    assert geometry.two_theta(*place, beam=other) == pytest.approx(np.arccos(ray @ other), abs=1e-7)


@given(geometries(), places)
def test_the_solid_angle_of_a_pixel_is_that_spanned_by_its_directions(geometry, place):
    """|∂d/∂slow × ∂d/∂fast|, by differences; what a pixel counts with is pixel² cos/R² or 1/R²."""
    slow, fast = place
    along_slow, along_fast = (
        geometry.directions(slow + s, fast + f) - geometry.directions(slow - s, fast - f)
        for s, f in ((0.01, 0.0), (0.0, 0.01))
    )
    spanned = np.linalg.norm(np.cross(along_slow, along_fast)) / 0.02**2
    assert geometry.spanned_solid_angles(slow, fast) == pytest.approx(spanned, rel=1e-5)
    r = np.linalg.norm(geometry.positions(slow, fast))
    area = 1.0 if geometry.point_pixel else geometry.pixel[0] ** 2 * geometry.close_distance[0] / r
    assert geometry.solid_angles(slow, fast) == pytest.approx(area / r**2, rel=1e-13)


def test_arguments_broadcast_and_panels_are_chosen_by_number():
    panel = {"fast_axis": (0, 0, 1), "slow_axis": (0, -1, 0), "pixels": (4, 6)}
    detector = nb.Detector(panels=[nb.Panel(origin_mm=(x, 1, -1), **panel) for x in (100, 200, 300)])
    geometry = PanelGeometry(detector, BEAM, 0.1, like_c=False)
    slow, fast, every = np.arange(4)[:, None] + 0.5, np.arange(6) + 0.5, np.arange(3)[:, None, None]
    whole = geometry.positions(slow, fast, every)
    assert whole.shape == (3, 4, 6, 3)
    for number in range(3):
        np.testing.assert_array_equal(geometry.positions(slow, fast, number), whole[number])
        alone = geometry.two_theta(slow, fast, number)
        np.testing.assert_array_equal(alone, geometry.two_theta(slow, fast, every)[number])
        np.testing.assert_allclose(geometry.corners[number, 1, 0], geometry.directions(4, 0, number), rtol=1e-15)
    assert whole[1, 2, 3] == pytest.approx((0.2, 0.00075, -0.00065), rel=1e-14)


@pytest.mark.parametrize("curved", [False, True])
def test_a_ray_faces_the_nearest_panel_that_it_meets(curved):
    """Behind each other, beside every panel, backwards, and without a direction; of curved ones the first."""
    panel = {"fast_axis": (0, 0, 1), "slow_axis": (0, -1, 0), "pixels": (40, 40)}
    origins = [(200, 2, -2), (100, 2, -2), (100, 2, 3)]
    detector = nb.Detector(panels=[nb.Panel(origin_mm=origin, **panel) for origin in origins], curved=curved)
    geometry = PanelGeometry(detector, BEAM, 0.1, like_c=False)
    rays = np.array([(1, 0, 0), (2, 0, 0.09), (1, 0.5, 0.5), (-1, 0, 0), (np.nan, 0, 0)])
    assert geometry.first_panel(rays).tolist() == [0 if curved else 1, 2, -1, -1, -1]


PANEL = {"origin_mm": (100, 8, -12), "fast_axis": (0.2, 0.1, 1), "slow_axis": (0.1, -1, 0.3), "pixels": (32, 48)}
FLAT = {"distance_mm": 40, "pixels": (32, 48), "pixel_mm": 1.1, "beam_center_mm": (8, 9)}
SWUNG = FLAT | {"twotheta_deg": 15, "rotation_deg": (3, 5, 7)}
SENSOR = {"sensor_thickness_um": 450, "sensor_layers": 3, "attenuation_um": 400, "sensor_depth_um": 100}
STRETCHED = {"convention": "custom", "twotheta_axis": (0, 0, 1.02), "beam_direction": (1, 0, 0)}
DETECTORS = {
    "flat": nb.Detector.flat(**FLAT),
    "swung": nb.Detector.flat(**SWUNG),
    "two-theta axis of another length": nb.Detector.flat(**SWUNG, **STRETCHED),
    "thick sensor": nb.Detector.flat(**SWUNG, **SENSOR),
    "point pixels": nb.Detector.flat(**FLAT, point_pixel=True),
    "axes not perpendicular": nb.Detector(panels=(nb.Panel(**PANEL),)),
    "curved": nb.Detector.flat(**FLAT, curved=True),
    "curved, swung, thick sensor": nb.Detector.flat(**SWUNG, **SENSOR, curved=True),
    "curved, axes not perpendicular": nb.Detector(panels=(nb.Panel(**PANEL),), curved=True),
}
PIXELS = ((0, 0), (31, 47), (12, 40))


def scene(detector: nb.Detector, **fields) -> nb.Scene:
    if fields.get("compat") == "c":  # which counts photons at the surface
        detector = detector.replace(sensor_depth_um=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NanobraggWarning)
        return nb.Scene(
            nb.Config(
                **{
                    "detector": detector,
                    "crystal": nb.Crystal(cell=(20, 22, 24, 90, 90, 90), misset_deg=(12, 34, 56), n_cells=3),
                    "structure_factors": nb.StructureFactors.constant(100),
                    "beam": nb.Beam(wavelength_A=1.0),
                    **fields,
                }
            )
        )


@pytest.fixture(params=[None, "c"])
def compat(request):
    return request.param


@pytest.fixture(params=DETECTORS)
def detector(request):
    return DETECTORS[request.param]


def test_places_and_solid_angles_are_the_compiled_cores(detector, compat):
    """Every sub-pixel in every sensor layer; the C program's solid angle is that of the first one."""
    made = scene(detector, compat=compat, sampling=nb.Sampling(oversample=2))
    for slow, fast in PIXELS:
        for i, place in enumerate(nb.trace(made, slow=slow, fast=fast, strongest=None).places):
            at = slow + (place.sub_slow + 0.5) / 2, fast + (place.sub_fast + 0.5) / 2
            depth = place.layer * made.sensor.step
            np.testing.assert_allclose(made.geometry.positions(*at, depth=depth), place.position_m, rtol=0, atol=1e-15)
            np.testing.assert_allclose(made.geometry.directions(*at, depth=depth), place.direction, rtol=0, atol=1e-14)
            if compat is None or i == 0:
                assert made.geometry.solid_angles(*at, depth=depth) == pytest.approx(place.omega_sr, rel=1e-12)
            np.testing.assert_allclose(made.geometry.pixels(np.array(place.direction), depth=depth), at, atol=1e-9)


def test_resolution_and_coverage_are_the_compiled_cores(detector, compat):
    """2θ and d of a pixel's centre; the image's resolution when that pixel is the only one rendered."""
    made = scene(detector, compat=compat, sampling=nb.Sampling(oversample=1))
    seen = resolution(made)
    table = nb.StructureFactors(indices=[(1, 0, 0)], amplitudes=[1])
    for slow, fast in PIXELS:
        ray = nb.trace(made, slow=slow, fast=fast).rays[0][1]
        assert np.cos(np.radians(seen.two_theta_deg[slow, fast])) == pytest.approx(ray.cos_2theta, rel=1e-12)
        assert seen.d_A[slow, fast] == pytest.approx(ray.d_A, rel=1e-9)
        alone = scene(detector, compat=compat, structure_factors=table, roi=np.s_[slow : slow + 1, fast : fast + 1])
        assert alone.coverage.image_d_min_A == pytest.approx(ray.d_A, rel=1e-9)


def test_reach_and_table_checks_look_where_the_compiled_core_does(detector, compat):
    """Traced indices and |q| are within the reach; a table around one of them is seen, one beyond the reach is not."""
    sampling = nb.Sampling(oversample=1)
    made = scene(detector, compat=compat, sampling=sampling)
    for slow, fast in PIXELS:
        last = nb.trace(made, slow=slow, fast=fast).last
        hkl = np.array(last.hkl)
        assert last.ray.q_length_per_m <= longest_q(made)
        assert (np.abs(hkl) < made.reach).all()
        for at, warned in ((np.rint(hkl), False), (np.rint(hkl) + np.array(made.reach) * 3, True)):
            box = np.array(list(itertools.product((-1, 0, 1), repeat=3))) + at.astype(int)
            table = nb.StructureFactors(indices=box, amplitudes=np.ones(27))
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                nb.Scene(made.config.replace(structure_factors=table))
            assert any("outside the table" in str(each.message) for each in caught) == warned


def test_row_6_applies_where_the_compiled_core_leaves_the_table(detector):
    """The table that just holds four reflections around every traced index, and one that is a reflection smaller."""
    small = detector.replace(panels=tuple(panel.replace(pixels=(3, 4)) for panel in detector.panels), nominal=None)
    made = scene(small, compat="c", sampling=nb.Sampling(oversample=1))
    traced = [nb.trace(made, slow=s, fast=f, strongest=None).last.hkl for s in range(3) for f in range(4)]
    first, last = np.floor(np.min(traced, axis=0)).astype(int) - 2, np.ceil(np.max(traced, axis=0)).astype(int) + 2
    for low, met in ((first, False), (first + np.array([1, 0, 0]), True)):
        factors = nb.StructureFactors(indices=[low, last], amplitudes=[1, 1], interpolate=True)
        again = scene(small, compat="c", sampling=made.config.sampling, structure_factors=factors)
        assert (6 in active_quirks(again)) == met


def test_spots_land_where_the_compiled_core_looks(detector, compat):
    """Without layers; with layers the mean depth is between the first and the last one."""
    made = scene(detector, compat=compat, sampling=nb.Sampling(oversample=1))
    for slow, fast in PIXELS:
        rays = np.array([place.direction for place in nb.trace(made, slow=slow, fast=fast, strongest=None).places])
        at = mean_position(made, rays, np.zeros(len(rays), np.int32)) - (slow + 0.5, fast + 0.5)
        if made.sensor.count == 1:
            assert np.abs(at).max() < 1e-9
        else:
            assert (at[0] * at[-1] < 1e-12).all()
        assert (made.geometry.first_panel(rays[:1]) == 0).all()


def test_rings_pass_through_pixels_of_their_resolution(detector, compat):
    made = scene(detector.replace(curved=False), compat=compat, sampling=nb.Sampling(oversample=1))
    for slow, fast in PIXELS:
        d = nb.trace(made, slow=slow, fast=fast).rays[0][1].d_A
        (arc,) = ring_arcs(made, panel_layout(made), [d])
        assert np.nanmin(np.linalg.norm(arc.points - (fast + 0.5, slow + 0.5), axis=1)) < 0.2


@pytest.mark.parametrize("swing", [{}, {"twotheta_deg": 25, "rotation_deg": (3, 5, 7)}], ids=["upright", "swung"])
def test_the_way_back_from_curved_panels_goes_beyond_a_right_angle(compat, swing):
    options = {"distance_mm": 36, "pixels": (280, 330), "pixel_mm": 0.2, "beam_center_mm": (0.2, 0.2), "curved": True}
    geometry = scene(nb.Detector.flat(**options, **swing), compat=compat).geometry
    place = np.random.default_rng(1).uniform(0, (280, 330), (200, 2))
    ray = geometry.directions(*place.T)
    assert (ray @ geometry.beam).min() < 0
    np.testing.assert_allclose(geometry.pixels(ray), place, atol=1e-9)
    assert (geometry.first_panel(3 * ray) == 0).all()


@pytest.mark.parametrize("curved", [False, True])
def test_methods_take_the_first_panel_by_default_and_the_plane_of_the_first_layer(curved):
    axes = {"fast_axis": (0.1, 0, 1), "slow_axis": (0, -1, 0), "pixel_mm": 0.1, "pixels": SIZE}
    panels = [nb.Panel(origin_mm=origin, **axes) for origin in ((100, 10, -10), (104, 5, -20))]
    geometry = PanelGeometry(nb.Detector(panels=panels, curved=curved), BEAM, 0.1, like_c=False)
    calls = {
        name: getattr(geometry, name)
        for name in ("positions", "directions", "cos_two_theta", "two_theta", "solid_angles", "spanned_solid_angles")
    }
    calls["resolution"] = lambda slow, fast, *panel: geometry.resolution(1.0, slow, fast, *panel)
    calls["pixels"] = lambda slow, fast, *panel: geometry.pixels(np.array([1.0, slow / 1e3, fast / 1e3]), *panel)
    for name, call in calls.items():
        usual = call(30.0, 40.0)
        assert np.array_equal(usual, call(30.0, 40.0, 0)), name
        assert not np.array_equal(usual, call(30.0, 40.0, 1)), name
    for name in ("positions", "directions", "solid_angles"):
        assert np.array_equal(calls[name](30.0, 40.0), calls[name](30.0, 40.0, 0, 0.0)), name
        if not curved:  # where the layers of a curved panel have one place
            assert not np.array_equal(calls[name](30.0, 40.0), calls[name](30.0, 40.0, 0, 1e-3)), name
