"""Where prediction begins and ends: the ROI, masks, d_min, the table's border, single steps, and no spots at all."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.analysis.spots.amplitude_lookup import amplitude_lookup
from nanobragg.analysis.spots.ewald_crossings import find_crossings, longest_q
from nanobragg.analysis.spots.plane_sections import largest_reach, plane_section, shape_of
from tests.builders import TRICLINIC, scene

DETECTOR = nb.Detector.flat(distance_mm=100, pixels=(300, 320), pixel_mm=0.1, beam_center_mm=(5, 8))
TURN = nb.Scan(start_deg=10, range_deg=0.5, steps=10)


def predicted(**fields: object) -> nb.Spots:
    """Return all predicted spots, however weak."""
    return nb.predict_spots(scene(**{"crystal": TRICLINIC, "detector": DETECTOR, "scan": TURN, **fields}), threshold=0)


def same(one: nb.Spots, other: nb.Spots) -> None:
    assert len(one) == len(other) > 5
    for name, column in one.columns().items():
        np.testing.assert_allclose(column, other.columns()[name], rtol=1e-12, atol=1e-12, err_msg=name)


def read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def test_a_roi_keeps_the_spots_whose_centre_lies_in_it() -> None:
    """Limits through the pixels of spots, which belong to the ROI."""
    every = predicted()
    slow, fast = np.floor(every.slow_px).astype(int), np.floor(every.fast_px).astype(int)
    low, high = len(every) // 3, 2 * len(every) // 3
    x0, x1 = np.sort(fast)[[low // 2, high]].tolist()
    y0, y1 = np.sort(slow)[[low // 2, high]].tolist()
    same(
        predicted(roi=np.s_[y0 : y1 + 1, x0 : x1 + 1]), every[(fast >= x0) & (fast <= x1) & (slow >= y0) & (slow <= y1)]
    )


def test_a_mask_keeps_the_spots_whose_centre_it_lets_through() -> None:
    every = predicted()
    mask = np.ones((300, 320), bool)
    mask[np.floor(every.slow_px[::2]).astype(int), np.floor(every.fast_px[::2]).astype(int)] = False
    lit = mask[np.floor(every.slow_px).astype(int), np.floor(every.fast_px).astype(int)]
    same(predicted(detector=DETECTOR.replace(mask=mask)), every[lit])


def test_d_min_leaves_out_spots_of_a_higher_resolution() -> None:
    every = predicted()
    limit = float(np.median(every.d_A))
    same(predicted(sampling=nb.Sampling(d_min_A=limit)), every[every.d_A >= limit])


@pytest.mark.filterwarnings("ignore:the direct beam does not hit")
def test_a_spot_on_the_second_panel_is_that_of_the_panel_alone() -> None:
    fields = {"fast_axis": (0, 0, 1), "slow_axis": (0, -1, 0), "pixel_mm": 0.1, "pixels": (150, 300)}
    upper, lower = (nb.Panel(origin_mm=(100, y, -10), **fields) for y in (16, 0.5))
    both = predicted(detector=nb.Detector(panels=[upper, lower]))
    assert set(both.panel) == {0, 1}
    first = predicted(detector=nb.Detector(panels=[upper]))
    same(both[both.panel == 0], first)


def test_two_phi_steps_have_crossings_and_one_has_none() -> None:
    crossings = ("phi_deg", "crossing_fast_px", "crossing_slow_px", "lorentz")
    for steps in (1, 2):
        spots = predicted(scan=nb.Scan(start_deg=10, range_deg=0.2, steps=steps))
        assert len(spots) > 5
        for name in crossings:
            assert np.isnan(spots.columns()[name]).all() == (steps == 1)


def test_no_spots_have_the_columns_of_spots() -> None:
    none, some = nb.Spots.none(), predicted()
    assert len(none) == 0
    for name, column in none.columns().items():
        assert column.shape == (0, *some.columns()[name].shape[1:])
        assert column.dtype == some.columns()[name].dtype
    assert none.table().dtype == some.table().dtype
    with pytest.raises(ValueError, match="read-only"):
        some.photons[0] = 1


@pytest.mark.filterwarnings("ignore:every pixel lies outside the table")
def test_indices_beyond_the_table_have_default_F_on_every_side() -> None:
    box = np.indices((3, 4, 5)).reshape(3, -1).T + 1  # from 1 1 1 to 3 4 5
    factors = nb.StructureFactors(indices=box, amplitudes=np.arange(60.0) + 10, default_F=3)
    table = amplitude_lookup(scene(structure_factors=factors))
    np.testing.assert_array_equal(table.amplitudes(box.astype(np.int32)), np.arange(60.0) + 10)
    edges = np.array(
        [(0, 1, 1), (4, 1, 1), (9, 1, 1), (1, 0, 1), (1, 5, 1), (1, 9, 1), (1, 1, 0), (1, 1, 6), (1, 1, 9)]
    )
    np.testing.assert_array_equal(table.amplitudes(edges.astype(np.int32)), 3.0)
    np.testing.assert_array_equal(table.amplitudes(-box.astype(np.int32)), 3.0)


@pytest.mark.filterwarnings("ignore:oversample")
@pytest.mark.parametrize(
    ("shape", "compat"), [("round", None), ("gauss", None), ("tophat", None), ("gauss_star", None), ("gauss", "c")]
)
def test_the_shape_of_a_spot_has_the_kernels_metric(shape: str, compat: str | None) -> None:
    made = scene(crystal=TRICLINIC.replace(shape=shape, n_cells=(5, 7, 11)), compat=compat)
    metric = np.linalg.inv(shape_of(made).metric_inverse)
    np.testing.assert_allclose(metric, metric.T, rtol=1e-9, atol=1e-12 * metric.max())
    h, k, l = delta = np.array([0.3, -0.7, 0.4])
    expected = made.radius_metric @ (h * h, k * k, l * l, k * l, h * l, h * k)
    assert delta @ metric @ delta == pytest.approx(expected, rel=1e-9)
    cell = made.lattice.direct
    assert shape_of(made).volume == pytest.approx(1e-30 * abs(cell[0] @ np.cross(cell[1], cell[2])), rel=1e-12)


@pytest.mark.parametrize(
    "scan",
    [
        nb.Scan(start_deg=10, range_deg=0.4, steps=4),
        nb.Scan(start_deg=-170, range_deg=360, steps=5),
        nb.Scan(start_deg=200, range_deg=800, steps=5),
    ],
)
@pytest.mark.parametrize(("domains", "spindle_axis"), [(1, (0, 0, 1)), (3, (0.5, 0, 1))])
def test_the_photons_of_a_rotation_are_the_mean_of_its_steps(
    scan: nb.Scan, domains: int, spindle_axis: tuple[float, float, float]
) -> None:
    """Each step as a still of the same crystal; a reflection's spots within 20 pixels of each other count as one."""
    fields = {
        "crystal": TRICLINIC.replace(
            mosaic_spread_deg=0.3 * (domains > 1), mosaic_domains=domains, n_cells=10, spindle_axis=spindle_axis
        ),
        "beam": nb.Beam(dispersion_percent=0.5, dispersion_steps=2),
    }
    rotation = predicted(scan=scan, **fields)

    def close(spots: nb.Spots) -> np.ndarray:
        """Return which spots (columns) are those of the rotation (rows)."""
        same = (rotation.hkl[:, np.newaxis] == spots.hkl).all(axis=2)
        apart = np.hypot(*(at[:, np.newaxis] - to for at, to in (
            (rotation.slow_px, spots.slow_px), (rotation.fast_px, spots.fast_px))))  # fmt: skip
        return same & (apart < 20)

    def inner(spots: nb.Spots) -> np.ndarray:
        place = np.stack([spots.fast_px, spots.slow_px], axis=1)
        return ((place > 20) & (place < [300, 280])).all(axis=1) & (spots.photons > 1e-3 * rotation.photons[0])

    found = np.zeros(len(rotation))
    for i in range(scan.steps):
        middle = scan.start_deg + (i + 0.5) * scan.range_deg / scan.steps
        still = predicted(scan=nb.Scan(start_deg=middle, steps=1, range_deg=0), **fields)
        found += close(still) @ still.photons / scan.steps
        assert close(still).any(axis=0)[inner(still)].all()
    chosen = inner(rotation)
    assert chosen.sum() > 100
    np.testing.assert_allclose(found[chosen], (close(rotation) @ rotation.photons)[chosen], rtol=1e-6)


@pytest.mark.parametrize("spindle_axis", [(0, 0, 1), (0.5, 0, 1)])
def test_phi_is_where_the_lattice_point_crosses_the_sphere_or_comes_nearest_to_it(spindle_axis) -> None:
    crystal = TRICLINIC.replace(n_cells=6, spindle_axis=spindle_axis)
    made = scene(crystal=crystal, detector=DETECTOR, scan=nb.Scan(range_deg=360, steps=90))
    spots = nb.predict_spots(made, threshold=0)
    u, k = made.spindle_axis, 1e10 * made.beam_direction
    q = spots.hkl @ np.linalg.inv(made.lattice.direct * 1e-10).T
    along = np.outer(q @ u, u)

    def distance(phi_deg: np.ndarray) -> np.ndarray:
        """Return how far (1/m) each lattice point is from the sphere at a φ of its own."""
        phi = np.radians(phi_deg)[:, np.newaxis]
        turned = along + (q - along) * np.cos(phi) + np.cross(u, q) * np.sin(phi)
        return np.abs(np.linalg.norm(turned + k, axis=1) - 1e10)

    nearest = np.min([distance(np.full(len(q), phi)) for phi in range(0, 360, 5)], axis=0)
    reported = distance(spots.phi_deg)
    assert (reported <= nearest + 1.0).all()
    assert (reported > 1e3).sum() > 5  # not even the nearest points of all are on the sphere


def test_a_lattice_point_that_moves_along_the_sphere_has_its_photons_spread_over_the_turn_it_lingers_for() -> None:
    """The photons of whole passages go with 1/√(v² + w b/8): speed, width of the spot, and acceleration."""
    made = scene(
        crystal=nb.Crystal(cell=(60, 60, 60), n_cells=8, shape="gauss", misset_deg=(12, 34, 56)),
        beam=nb.Beam(polarized=False, wavelength_A=1.2), detector=DETECTOR, scan=nb.Scan(range_deg=40, steps=50),
    )  # fmt: skip
    spots, form, k = nb.predict_spots(made, threshold=1e-4), shape_of(made), 1 / 1.2e-10
    star = np.linalg.inv(made.lattice.direct * 1e-10).T
    q = spots.hkl @ star
    acceleration = np.linalg.norm(np.cross(q, made.spindle_axis), axis=1)
    speed = k / spots.lorentz
    width = form.whole / plane_section(form, star[np.newaxis, :, 0], np.zeros(1)).largest[0]
    bent = width * acceleration / 8
    assert (bent > speed**2).any()
    assert (bent > 0.01 * speed**2).sum() > 10
    assert len(spots) > 100
    constant = spots.photons / spots.partiality * np.sqrt(speed**2 + bent)
    np.testing.assert_allclose(constant, np.median(constant), rtol=1e-6)


def test_constant_amplitudes_give_the_spots_of_a_list_of_all_reflections() -> None:
    crystal = nb.Crystal(cell=(30, 60, 90, 90, 95, 90), n_cells=12, misset_deg=(12, 34, 56))
    box = np.indices((25, 49, 73)).reshape(3, -1).T - (12, 24, 36)
    listed = nb.StructureFactors(indices=box, amplitudes=np.full(len(box), 100.0), interpolate=False)
    same(predicted(crystal=crystal), predicted(crystal=crystal, structure_factors=listed))


@pytest.mark.parametrize(("range_deg", "steps", "n_cells"), [(1, 1, 300), (2, 3, 300), (360, 90, 10)])
@pytest.mark.parametrize(
    ("spread_deg", "dispersion_percent", "divergence_mrad"), [(2.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 20.0)]
)
def test_every_reflection_that_comes_near_the_sphere_is_found(
    range_deg: float, steps: int, n_cells: int, spread_deg: float, dispersion_percent: float, divergence_mrad: float
) -> None:
    """In the first and last φ step, any domain and source: against a look at all reflections."""
    made = scene(
        crystal=TRICLINIC.replace(n_cells=n_cells, mosaic_spread_deg=spread_deg, mosaic_domains=4 if spread_deg else 1),
        beam=nb.Beam(
            dispersion_percent=dispersion_percent, dispersion_steps=3 if dispersion_percent else 1,
            divergence_mrad=(divergence_mrad, divergence_mrad), divergence_steps=(2, 2) if divergence_mrad else (1, 1),
        ),
        detector=DETECTOR, scan=nb.Scan(start_deg=20, range_deg=range_deg, steps=steps),
        sampling=nb.Sampling(oversample=200),
    )  # fmt: skip
    form = shape_of(made)
    found = find_crossings(made, form, amplitude_lookup(made))
    hkl = np.indices((41, 41, 41)).reshape(3, -1).T - 20
    stars = np.linalg.inv(made.cells).swapaxes(1, 2).reshape(steps, -1, 3, 3)
    reach = largest_reach(form, stars[0, 0])
    inner = (hkl != 0).any(axis=1) & (np.linalg.norm(hkl @ stars[0, 0], axis=1) <= longest_q(made))
    waves = made.sources.directions / made.sources.wavelengths[:, np.newaxis]
    for step in {0, steps - 1}:
        q = np.einsum("ri,dij->rdj", hkl, stars[step])
        away = np.linalg.norm(q[:, :, np.newaxis] + waves, axis=3) - np.linalg.norm(waves, axis=1)
        near = hkl[inner & (np.abs(away) <= reach).any(axis=(1, 2))]
        listed = {tuple(row) for row in found.hkl[(found.first <= step) & (step <= found.last)].tolist()}
        assert len(near) > 20
        assert {tuple(row) for row in near.tolist()} <= listed


def test_unpolarized_sources_along_the_polarization_axis_give_the_spots_of_any_axis() -> None:
    sources = nb.Sources(positions=[[-10, 0, 0], [0, 0, -10]])
    crystal = TRICLINIC.replace(cell=(15, 16, 17, 85, 95, 100))
    one, other = (
        predicted(crystal=crystal, scan=nb.Scan(), beam=nb.Beam(sources=sources, polarization_axis=axis))
        for axis in ((0, 0, 1), (0, 1, 1))
    )
    same(one, other)


@pytest.mark.parametrize("change", [lambda array: np.repeat(array, 2, axis=0)[::2], np.asfortranarray, read_only])
def test_sources_that_are_changed_may_lie_anywhere_in_memory(change) -> None:
    plain = scene(crystal=TRICLINIC, detector=DETECTOR, beam=nb.Beam(dispersion_percent=1, dispersion_steps=3))
    changed = plain.changed(sources=type(plain.sources)(*map(change, plain.sources)))
    same(nb.predict_spots(plain), nb.predict_spots(changed))
