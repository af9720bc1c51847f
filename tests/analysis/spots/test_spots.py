"""`predict_spots` against the rendered image: places, photons, φ."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.analysis.spots.amplitude_lookup import amplitude_lookup
from nanobragg.analysis.spots.ewald_crossings import find_crossings
from nanobragg.analysis.spots.plane_sections import largest_reach, plane_section, shape_of
from nanobragg.constants import R_E_SQR
from nanobragg.errors import ConfigError
from nanobragg.geometry import rotate_about
from tests import builders

SENSOR = {"sensor_thickness_um": 450, "sensor_layers": 9, "attenuation_um": 400}
FINE = {"distance_mm": 100, "pixels": (500, 500), "pixel_mm": 0.06, "beam_center_mm": (5, 8)}
AROUND = {"distance_mm": 36, "pixels": (280, 330), "pixel_mm": 0.025, "beam_center_mm": (0.2, 0.2), "curved": True}
BOX = 8  # pixels either side of a spot that are summed


crystal = builders.TRICLINIC.replace
scene = partial(
    builders.scene,
    crystal=builders.TRICLINIC,
    beam=nb.Beam(wavelength_A=1.0, kahn_factor=0.9),
    detector=nb.Detector.flat(**FINE),
)


def panels() -> nb.Detector:
    """Return four tilted panels around the beam, with gaps."""
    places = [(i, j) for i in (0, 1) for j in (0, 1)]
    return nb.Detector(
        panels=[
            nb.Panel(
                origin_mm=(100 + 5 * i, -18 + 22 * i, -5 - 20 * j),
                fast_axis=(0.05, 0.1, 1),
                slow_axis=(0.1, -1, 0.095),
                pixel_mm=0.06,
                pixels=(280, 300),
            )
            for i, j in places
        ],
        **SENSOR,
    )


def isolated(spots: nb.Spots, pixels: tuple[int, int], least: float = 0.05) -> np.ndarray:
    """Return the rows of the brighter spots whose box holds no other spot and lies on the panel."""
    place = np.stack([1e6 * spots.panel, spots.slow_px, spots.fast_px], axis=1)
    apart = np.abs(place[:, None] - place).max(axis=2) + np.diag(np.full(len(spots), np.inf))
    alone = apart.min(axis=1) > 2 * BOX + 1
    inside = (place[:, 1:] > BOX + 1).all(axis=1) & (place[:, 1:] < np.array(pixels) - BOX - 1).all(axis=1)
    clear = (spots.photons > least * spots.photons[0]) & (spots.partiality > 0.1 * spots.partiality.max())
    return np.flatnonzero(alone & inside & clear)


def rendered(made: nb.Scene, spots: nb.Spots, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the photons in each spot's box, and the centroid (slow, fast) in DIALS' pixels."""
    image = nb.simulate(made, dtype="float64").reshape(-1, *made.config.detector.panels[0].pixels)
    steps = np.arange(-BOX, BOX + 1)
    slow = np.floor(spots.slow_px[rows]).astype(int)[:, None, None] + steps[:, None]
    fast = np.floor(spots.fast_px[rows]).astype(int)[:, None, None] + steps
    box = image[spots.panel[rows][:, None, None], slow, fast]
    total = box.sum(axis=(1, 2))
    centre = [(box * (at + 0.5)).sum(axis=(1, 2)) / total for at in (slow, fast)]
    return total, np.stack(centre, axis=1)


SCAN = nb.Scan(start_deg=10, range_deg=0.5, steps=25)
MOSAIC = {"mosaic_spread_deg": 0.1, "mosaic_domains": 6}
SPECTRUM = nb.Beam(dispersion_percent=0.5, dispersion_steps=5, kahn_factor=-0.5)
INDICES = np.indices((61, 61, 61)).reshape(3, -1).T - 30
EDGE = nb.StructureFactors(  # as steep as at no absorption edge
    indices=INDICES, amplitudes=np.outer([20.0, 400.0], np.ones(len(INDICES))), energies_eV=[12360, 12440]
)
EXPERIMENTS = {
    "still": {},
    "still, tilted detector": {"detector": nb.Detector.flat(**FINE, twotheta_deg=15, rotation_deg=(3, 5, 7))},
    "still, thick sensor": {"detector": nb.Detector.flat(**FINE, twotheta_deg=15, **SENSOR)},
    "still, point pixels": {"detector": nb.Detector.flat(**FINE, point_pixel=True)},
    "still, curved": {"detector": nb.Detector.flat(**AROUND)},
    "still, curved, as C bends": {
        "detector": nb.Detector.flat(**AROUND), "crystal": crystal(shape="round"), "compat": "c",
    },
    "still, curved, swung, thick sensor": {
        "detector": nb.Detector.flat(**AROUND, **SENSOR, twotheta_deg=15, rotation_deg=(3, 5, 7)),
        "sampling": nb.Sampling(oversample=3),
    },
    "rotation, two curved panels, point pixels": {
        "detector": panels().replace(curved=True, point_pixel=True, panels=panels().panels[::3], sensor_thickness_um=0),
        "scan": nb.Scan(range_deg=0.1, steps=2), "sampling": nb.Sampling(oversample=3),
    },
    "still, four panels": {"detector": panels()},
    "still, unequal edges": {"crystal": crystal(n_cells=(25, 20, 16))},
    "still, mosaic": {"crystal": crystal(**MOSAIC)},
    "still, spectrum": {"beam": SPECTRUM},
    "still, amplitudes by energy": {"structure_factors": EDGE, "beam": SPECTRUM},
    "still, divergence": {"beam": nb.Beam(divergence_mrad=(1, 1), divergence_steps=(3, 3), polarized=False)},
    "still, fudge": {"crystal": crystal(fudge=1.2)},
    "rotation": {"scan": SCAN},
    "rotation, mosaic, spectrum": {
        "crystal": crystal(**MOSAIC), "beam": SPECTRUM, "scan": nb.Scan(range_deg=0.1, steps=3),
    },
    "rotation, four panels": {"detector": panels(), "scan": nb.Scan(start_deg=-30, range_deg=0.2, steps=5)},
    "dials frame": {"detector": nb.Detector.flat(**FINE, convention="dials"), "scan": SCAN},
}  # fmt: skip


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_centroids_and_photons_of_the_rendered_image(name):
    """Within 0.05 pixel and 1 % of the prediction, for shapes whose transform has no tails."""
    made = scene(**EXPERIMENTS[name])
    spots = nb.predict_spots(made)
    rows = isolated(spots, made.config.detector.panels[0].pixels)
    assert len(rows) >= 10
    photons, centre = rendered(made, spots, rows)
    predicted = np.stack([spots.slow_px, spots.fast_px], axis=1)[rows]
    assert np.abs(centre - predicted).max() < 0.05
    np.testing.assert_allclose(photons, spots.photons[rows], rtol=0.01)


TURNED = nb.Scan(start_deg=10, range_deg=1, steps=20)
FRINGES = {
    "square, still": ("square", 20, nb.Scan(), 1.0, 0.05, 0.02),
    "square, rotation": ("square", 20, TURNED, 0.5, 0.06, 0.02),  # its partial spots have long one-sided tails
    "round, still": ("round", 20, nb.Scan(), 1.0, 0.05, 0.02),
    "round, rotation": ("round", 20, TURNED, 1.0, 0.05, 0.03),
    "tophat, still": ("tophat", 12, nb.Scan(), 1.0, 0.05, 0.04),
    "tophat, rotation": ("tophat", 12, TURNED, 1.0, 0.05, 0.04),
}


@pytest.mark.parametrize("name", FRINGES)
def test_shapes_with_fringes_and_edges(name):
    """Most spots agree in place, and their photons within a few percent, although tails leave the box."""
    shape, n_cells, scan, share, pixels, part = FRINGES[name]
    sampling = nb.Sampling(oversample=8 if shape == "tophat" else None)
    made = scene(crystal=crystal(shape=shape, n_cells=n_cells), scan=scan, sampling=sampling)
    spots = nb.predict_spots(made, threshold=0.3)
    rows = isolated(spots, (500, 500))
    assert len(rows) >= 10
    photons, centre = rendered(made, spots, rows)
    away = np.abs(centre - np.stack([spots.slow_px, spots.fast_px], axis=1)[rows]).max(axis=1)
    assert np.quantile(away, share) < pixels
    assert np.quantile(np.abs(photons / spots.photons[rows] - 1), 0.95) < part


def test_a_square_crystals_partial_spots_lie_where_all_their_photons_do():
    """Each reflection is rendered alone, as far as halfway to its neighbours."""
    made = scene(
        crystal=crystal(shape="square", n_cells=40), scan=nb.Scan(start_deg=9.985, range_deg=0.3, steps=10),
        detector=nb.Detector.flat(**(FINE | {"pixels": (1000, 1000), "pixel_mm": 0.03})),
    )  # fmt: skip
    spots, half = nb.predict_spots(made, threshold=0.3), 30
    inside = (np.abs(spots.fast_px - 500) < 500 - half) & (np.abs(spots.slow_px - 500) < 500 - half)
    spots = spots[inside & (spots.partiality < 0.9)]
    assert len(spots) > 10
    for i in range(len(spots)):
        at = np.floor([spots.fast_px[i], spots.slow_px[i]]).astype(int)
        alone = nb.StructureFactors(indices=spots.hkl[i : i + 1], amplitudes=[100])
        roi = np.s_[at[1] - half : at[1] + half + 1, at[0] - half : at[0] + half + 1]
        image = nb.simulate(made.config.replace(structure_factors=alone, roi=roi), dtype="float64")
        slow, fast = (image * (np.indices(image.shape) + 0.5)).sum(axis=(1, 2)) / image.sum()
        assert np.hypot(slow - spots.slow_px[i], fast - spots.fast_px[i]) < 0.08
        assert spots.photons[i] == pytest.approx(image.sum(), rel=0.01)


def test_crossings_lie_on_the_sphere_and_meet_the_detector_there():
    """|q + k| = |k| at phi_deg, and the ray leads to crossing_fast_px, crossing_slow_px."""
    made = scene(scan=nb.Scan(start_deg=10, range_deg=2, steps=40))
    spots = nb.predict_spots(made)
    star = np.linalg.inv(made.lattice.direct).T
    k = made.beam_direction / made.config.beam.wavelength
    panel = made.config.detector.panels[0]
    fast, slow, normal = panel.axes()
    origin = np.array(panel.origin_mm)
    crossed = 0
    for i in range(len(spots)):
        q = rotate_about(spots.hkl[i] @ star, made.spindle_axis, np.radians(spots.phi_deg[i]))
        assert spots.d_A[i] == pytest.approx(1 / np.linalg.norm(q), rel=1e-9)
        if abs(np.linalg.norm(q + k) - 1) > 1e-9:  # it only comes near, where the lattice point turns back
            continue
        crossed += 1
        place = (q + k) * (origin @ normal) / ((q + k) @ normal) - origin
        assert spots.crossing_fast_px[i] == pytest.approx(place @ fast / 0.06, abs=1e-6)
        assert spots.crossing_slow_px[i] == pytest.approx(place @ slow / 0.06, abs=1e-6)
    assert crossed > 0.9 * len(spots) > 50


def test_a_full_passage_has_partiality_one_and_darwins_photons():
    """Photons = r_e² λ³ fluence F² V_crystal/V_cell² · Lorentz · polarization / Δφ (C. G. Darwin, 1914)."""
    made = scene(beam=nb.Beam(polarized=False), scan=nb.Scan(start_deg=10, range_deg=3, steps=300))
    spots = nb.predict_spots(made)
    inner = spots[(spots.phi_deg > 11.2) & (spots.phi_deg < 11.7) & (spots.lorentz < 20)]
    assert len(inner) > 20
    np.testing.assert_allclose(inner.partiality, 1, rtol=2e-3)
    wavelength, cells, volume = 1e-10, 20**3, abs(np.linalg.det(made.lattice.direct)) * 1e-30
    spread = (np.pi * 0.63 / 2) ** 1.5  # of the gauss shape: ∫ F_latt² d³h per number of cells
    photons = R_E_SQR * made.fluence * 100**2 * wavelength**3 * cells * spread / volume * inner.lorentz
    np.testing.assert_allclose(inner.photons, photons / np.radians(3), rtol=3e-3)
    away = np.hypot(inner.fast_px - inner.crossing_fast_px, inner.slow_px - inner.crossing_slow_px)
    assert np.median(away) < 0.03


def test_a_spot_at_the_edge_of_the_range_is_divided_between_two_images():
    whole = nb.predict_spots(scene(scan=nb.Scan(start_deg=10, range_deg=3, steps=300)), threshold=0.5)
    scans = [nb.Scan(start_deg=start, range_deg=1.5, steps=150) for start in (10, 11.5)]
    halves = [nb.predict_spots(scene(scan=scan), threshold=0) for scan in scans]
    both = {}
    for half in halves:
        for hkl, phi, photons in zip(half.hkl.tolist(), half.phi_deg, half.photons, strict=True):
            key = (*hkl, round(phi, 6))
            both[key] = both.get(key, 0.0) + photons / 2  # an image of half the range shows every term twice as long
    inner = [i for i in range(len(whole)) if whole.partiality[i] > 0.99]
    assert len(inner) > 30
    shared = [both.get((*whole.hkl[i].tolist(), round(whole.phi_deg[i], 6)), 0.0) / whole.photons[i] for i in inner]
    np.testing.assert_allclose(shared, 1, rtol=1e-6)


CHOSEN = ((1, 2, 3), (-4, 0, 5), (3, -2, 1), (0, 5, 0))


def test_a_whole_turn_finds_every_crossing():
    """Each reflection crosses as often as its distance from the sphere changes sign: twice here."""
    made = scene(
        crystal=crystal(cell=(20, 22, 24), n_cells=30),
        structure_factors=nb.StructureFactors(indices=CHOSEN, amplitudes=[1] * 4),
        scan=nb.Scan(start_deg=-200, range_deg=360, steps=36000),
        detector=nb.Detector.flat(distance_mm=20, pixels=200, pixel_mm=1),
    )
    spots = nb.predict_spots(made, threshold=0)
    star = np.linalg.inv(made.lattice.direct).T
    phi = np.radians(np.arange(-200, 160, 0.1) + 0.003)
    turned = np.array([rotate_about(star, made.spindle_axis, angle) for angle in phi])
    for hkl in CHOSEN:
        g = np.linalg.norm(np.array(hkl) @ turned + made.beam_direction, axis=1) - 1
        changes = phi[np.flatnonzero(np.sign(g) != np.sign(np.roll(g, -1)))]
        found = np.sort(np.radians(spots.phi_deg[(spots.hkl == hkl).all(axis=1)]))
        np.testing.assert_allclose(found, changes, atol=0.002)
        assert len(found) == 2


def test_amplitudes_come_from_the_table_and_its_gaps_have_none():
    listed = nb.StructureFactors(indices=[[1, 2, 3], [2, 1, 0], [-1, -2, -3], [5, 5, 5]], amplitudes=[10, 20, 30, 0])
    detector = nb.Detector.flat(distance_mm=20, pixels=200, pixel_mm=0.2)
    spots = nb.predict_spots(
        scene(structure_factors=listed, detector=detector, scan=nb.Scan(range_deg=180, steps=9000)), threshold=0
    )
    expected = {(1, 2, 3): 10, (2, 1, 0): 20, (-1, -2, -3): 30}
    assert {tuple(hkl): F for hkl, F in zip(spots.hkl.tolist(), spots.amplitude, strict=True)} == expected
    everywhere = nb.predict_spots(scene(structure_factors=listed.replace(default_F=7)))
    assert set(everywhere.amplitude) <= {7, 10, 20, 30}
    assert len(everywhere) > 20


def test_nothing_is_predicted_where_nothing_scatters_or_is_rendered():
    assert len(nb.predict_spots(scene(structure_factors=nb.StructureFactors.constant(0)))) == 0
    spots = nb.predict_spots(scene())
    mask = np.ones((500, 500), bool)
    mask[:, :250] = False
    right = nb.predict_spots(scene(detector=nb.Detector.flat(**FINE, mask=mask)), threshold=0)
    assert right.fast_px.min() >= 250
    part = nb.predict_spots(scene(roi=np.s_[200:500, 0:100]), threshold=0)
    assert part.fast_px.max() < 100
    assert part.slow_px.min() >= 200
    assert 0 < len(part) < len(spots)
    assert not (spots.hkl == 0).all(axis=1).any()
    assert (nb.predict_spots(scene(sampling=nb.Sampling(d_min_A=4.0)), threshold=0).d_A >= 4.0).all()


def test_spots_are_sorted_and_immutable_and_can_be_indexed():
    spots = nb.predict_spots(scene())
    assert (np.diff(spots.photons) <= 0).all()
    with pytest.raises(ValueError, match="read-only"):
        spots.photons[0] = 1
    strong = spots[spots.photons > spots.photons[5]]
    assert len(strong) == 5
    table = strong.table()
    assert table.dtype.names[:5] == ("h", "k", "l", "panel", "fast_px")
    assert table[2]["l"] == spots.hkl[2, 2]
    assert table["photons"].tolist() == strong.photons.tolist()
    assert np.isnan(spots.phi_deg).all()
    assert len(nb.Spots.none()) == 0


def test_a_notebook_shows_the_brightest_spots():
    found = nb.predict_spots(builders.config(crystal=builders.TRICLINIC))
    html = found._repr_html_()
    assert html.count("<tr>") == min(len(found), 10)
    assert " ".join(map(str, found.hkl[0])) in html
    assert f"{found.photons[0]:.4g} photons" in html


def test_the_threshold_is_of_the_largest_partiality():
    every = nb.predict_spots(scene(), threshold=0)
    half = nb.predict_spots(scene(), threshold=0.5)
    assert len(half) == (every.partiality >= 0.5 * every.partiality.max()).sum()
    assert 0 < every.partiality.max() <= 1


def test_invalid_thresholds_are_refused():
    with pytest.raises(ConfigError, match=r"threshold = 2"):
        nb.predict_spots(scene(), threshold=2)


@pytest.mark.parametrize("shape", ["square", "round", "gauss", "tophat", "gauss_star"])
def test_sections_are_those_of_the_kernels_transform(shape):
    """Plane sections added up over their distance give the whole spot; their mean offsets lie on the plane."""
    made = scene(crystal=crystal(shape=shape, n_cells=(12, 9, 15)))
    form = shape_of(made)
    normal = np.array([0.36, 0.48, -0.8])
    slope = np.linalg.inv(made.lattice.direct * 1e-10).T @ normal
    distance = np.linspace(-8e8, 8e8, 40001)
    cut = plane_section(form, np.tile(slope, (len(distance), 1)), distance)
    assert cut.area.sum() * (distance[1] - distance[0]) == pytest.approx(form.whole, rel=0.01)
    assert cut.area.max() == pytest.approx(cut.largest[0], rel=1e-9)
    near = np.abs(distance) < 1e7
    np.testing.assert_allclose(cut.offset[near] @ slope, distance[near], atol=1e-3)


# The shape: the least part of a spot's photons that lies within its reach, whatever way it passes through the sphere
WITHIN_REACH = {"square": 0.985, "round": 0.974, "gauss": 0.999, "tophat": 0.999, "gauss_star": 0.999}


@pytest.mark.parametrize("shape", WITHIN_REACH)
def test_nearly_all_photons_of_a_spot_lie_within_the_reach_of_its_shape(shape):
    """The square's tails are longest along the body diagonal of a cube: √3/(12 π²) of its photons are beyond 12."""
    made = scene(crystal=crystal(cell=(50, 50, 50), shape=shape, n_cells=20))
    form, star = shape_of(made), np.linalg.inv(made.lattice.direct * 1e-10).T
    for hkl in ((1, 0, 0), (1, 1, 0), (1, 1, 1)):
        normal = hkl @ star / np.linalg.norm(hkl @ star)
        distance = np.linspace(-1, 1, 20001) * largest_reach(form, star)
        cut = plane_section(form, np.tile(star @ normal, (len(distance), 1)), distance)
        assert np.trapezoid(cut.area, distance) >= WITHIN_REACH[shape] * form.whole


def test_closed_forms_of_the_parallelepiped_agree_with_quadrature():
    """∫ (1-x_a t)(1-x_b t)(1-x_c t) cos, and products of two factors times a sine, with and without the series."""
    made = scene(crystal=crystal(shape="square", n_cells=(12, 9, 15)))
    form = shape_of(made)
    slope = np.tile([[2e8, -1e8, 1.4e8]], (7, 1))
    g = np.abs(slope[0]) / form.n_cells
    u = (np.arange(200000) + 0.5) / 200000 / g.max()
    distance = np.array([0.01, 0.5, 0.99, 1.01, 3.0, 12.0, -2.0]) * g.max() / (2 * np.pi)
    cut = plane_section(form, slope, distance)
    for i, at in enumerate(distance):
        factors = 1 - u[:, None] * g
        area = 2 * (factors.prod(axis=1) * np.cos(2 * np.pi * at * u)).mean() / g.max() * form.cells / form.volume
        assert cut.area[i] == pytest.approx(area, rel=1e-6)
        for axis in range(3):
            others = np.delete(factors, axis, axis=1).prod(axis=1)
            moment = (others * np.sin(2 * np.pi * at * u)).mean() / g.max() / np.pi / form.n_cells[axis]
            expected = np.sign(slope[0, axis]) * moment * form.cells / form.volume / area
            assert cut.offset[i, axis] == pytest.approx(np.clip(expected, -0.5, 0.5), rel=1e-5)


def test_only_orientations_near_the_sphere_are_looked_at():
    """For a hundred thousand reflections and fifty φ steps, fewer than one term in a hundred is computed."""
    factors = nb.StructureFactors.wilson((79.1, 79.1, 38.4, 90, 90, 90), "P 43 21 2", b_factor=15, d_min_A=2.1, seed=1)
    made = scene(
        crystal=crystal(cell=(79.1, 79.1, 38.4), n_cells=100), structure_factors=factors,
        scan=nb.Scan(range_deg=0.5, steps=50), detector=nb.Detector.flat(distance_mm=100, pixels=1000, pixel_mm=0.1),
        sampling=nb.Sampling(oversample=30),
    )  # fmt: skip
    reflections = len(factors.listing[1])
    assert reflections > 100_000
    found = find_crossings(made, shape_of(made), amplitude_lookup(made))
    assert 300 < len(nb.predict_spots(made)) <= len(found.hkl)
    assert (found.last - found.first + 1).sum() < 0.01 * 50 * reflections
