"""The physics of compat=None against theory, independent of the C program."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg import _core
from nanobragg.crystal import build_lattice, cell_of, misset_angles, mosaic_rotations
from nanobragg.geometry import rotate

# Coarse pixels are what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

NO_CRYSTAL = nb.Crystal(cell=(100,))  # one cell: every pixel scatters F²
PLAIN = nb.Beam(wavelength_A=1.0, polarized=False)


def config(**fields) -> nb.Config:
    """A small experiment at default fluence, 1/r_e²: photons are F² · F_latt² · solid angle."""
    return nb.Config(
        **{
            "crystal": NO_CRYSTAL,
            "structure_factors": nb.StructureFactors.constant(1),
            "beam": PLAIN,
            "detector": nb.Detector.flat(distance_mm=60, pixels=(48, 64), pixel_mm=1),
            "sampling": nb.Sampling(oversample=1),
            **fields,
        }
    )


def photons(**fields) -> np.ndarray:
    return nb.simulate(config(**fields), dtype="float64")


def positions(detector: nb.Detector) -> np.ndarray:
    """Centres of a flat detector's pixels in the lab, m, shape (slow, fast, 3)."""
    panel = detector.panels[0]
    fast, slow, _ = panel.axes()
    s, f = ((np.arange(n) + 0.5) * panel.pixel_mm for n in panel.pixels)
    return (np.array(panel.origin_mm) + s[:, None, None] * slow + f[None, :, None] * fast) / 1000


def length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt((vectors**2).sum(axis=-1))


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


# --- solid angle, polarization, absorption ---------------------------------------------------------------------


@pytest.mark.parametrize("convention", ["mosflm", "xds", "dials"])
@pytest.mark.parametrize("kahn", [0.0, 0.95, 1.0, -0.4])
def test_at_parallel_011_polarization_is_that_of_two_dipoles(convention, kahn):
    """AT-PARALLEL-011, AT-POL: (1 ± K)/2 of the electrons swing along E and B, and send 1 - (d·E)² and 1 - (d·B)²."""
    detector = nb.Detector.flat(
        distance_mm=60, pixels=(48, 64), pixel_mm=2, convention=convention, rotation_deg=(10, 20, 5)
    )
    beam, axis = np.array([0.2, 0.3, 1.0]), np.array([0.9, 0.1, -0.3])
    seen = photons(
        detector=detector,
        beam=nb.Beam(kahn_factor=kahn, direction=tuple(beam), polarization_axis=tuple(axis)),
    )
    unpolarized = photons(detector=detector, beam=nb.Beam(polarized=False, direction=tuple(beam)))
    b = np.cross(axis, beam) / length(np.cross(axis, beam))
    e = np.cross(beam / length(beam), b)
    d = positions(detector)
    d /= length(d)[..., np.newaxis]
    theory = (1 + kahn) / 2 * (1 - (d @ e) ** 2) + (1 - kahn) / 2 * (1 - (d @ b) ** 2)
    assert np.abs(seen / unpolarized - theory).max() <= 1e-12


@pytest.mark.parametrize("tilt", [0, 10, 30])
def test_at_parallel_010_solid_angle_of_point_pixels_and_of_tilted_ones(tilt):
    """AT-PARALLEL-010, AT-GEO-006: 1/R² for point pixels, else area/R² times close_distance/R."""
    options = {"pixels": (48, 64), "pixel_mm": 1, "rotation_deg": (tilt, 0, 0)}
    flat = nb.Detector.flat(distance_mm=60, **options)
    r = length(positions(flat))
    close = np.array(flat.panels[0].origin_mm) @ flat.panels[0].axes()[2] / 1000
    points = photons(detector=nb.Detector.flat(distance_mm=60, point_pixel=True, **options))
    np.testing.assert_allclose(points, 1 / r**2, rtol=1e-12)
    np.testing.assert_allclose(photons(detector=flat), 1e-6 / r**2 * close / r, rtol=1e-12)


def test_at_parallel_010_the_peak_falls_with_the_square_of_the_distance():
    """AT-PARALLEL-010: a point pixel in the beam, 50 … 400 mm away."""
    distances = np.array([50.0, 100.0, 200.0, 400.0])
    peaks = [
        photons(detector=nb.Detector.flat(distance_mm=d, pixels=65, pixel_mm=0.1, point_pixel=True)).max()
        for d in distances
    ]
    assert np.polyfit(np.log(distances), np.log(peaks), 1)[0] == pytest.approx(-2, abs=1e-5)


@pytest.mark.parametrize("layers", [1, 2, 7])
@pytest.mark.parametrize("depth_um", [100, 450, 3000])
def test_at_abs_the_layers_of_a_sensor_capture_what_the_sensor_captures(layers, depth_um):
    """AT-ABS: Σ capture = 1 - exp(-thickness·µ/ρ), however many layers; they lie a few µm apart at 1 km."""
    far = {"distance_mm": 1e6, "pixels": (20, 24), "pixel_mm": 4e4, "rotation_deg": (20, 15, 0)}
    detector = nb.Detector.flat(**far)
    sensor = nb.Detector.flat(**far, sensor_thickness_um=450, sensor_layers=layers, attenuation_um=depth_um)
    d = positions(detector)
    slant = d @ detector.panels[0].axes()[2] / length(d)
    captured = photons(detector=sensor) / photons(detector=detector)
    np.testing.assert_allclose(captured, 1 - np.exp(-450 / depth_um / slant), rtol=2e-6)


def test_at_abs_a_layer_has_its_own_depth_solid_angle_and_obliquity():
    """AT-ABS: layer t lies t·Δ below the surface and takes what the layers above it left."""
    options = {"distance_mm": 20, "pixels": (20, 24), "pixel_mm": 2}
    sensor = nb.Detector.flat(**options, sensor_thickness_um=3000, sensor_layers=3, attenuation_um=2000)
    normal = sensor.panels[0].axes()[2]
    expected = 0.0
    for layer in range(3):
        place = positions(sensor) + layer * 1e-3 * normal
        r = length(place)
        depth = 1e-3 / 2e-3 / (place @ normal / r)
        expected += 4e-6 / r**2 * 0.02 / r * (np.exp(-layer * depth) - np.exp(-(layer + 1) * depth))
    np.testing.assert_allclose(photons(detector=sensor), expected, rtol=1e-12)


def test_at_bkg_water_scatters_2_57_electrons_a_molecule():
    """AT-BKG: 20 µm of water at 1 g/cm³ hold 2.7e14 molecules, whatever the beam and the sampling."""
    molecules = 20e-6**3 * 1e6 / 18 * 6.02214179e23
    beam = nb.Beam(polarized=False, divergence_mrad=(1, 1), divergence_steps=(3, 3))
    dark = {"structure_factors": nb.StructureFactors.constant(0), "beam": beam, "scan": nb.Scan(range_deg=1, steps=3)}
    detector = nb.Detector.flat(distance_mm=60, pixels=16, pixel_mm=1, point_pixel=True)
    wet = photons(**dark, detector=detector, background=nb.Background(water_um=20))
    np.testing.assert_allclose(wet, 2.57**2 * molecules / length(positions(detector)) ** 2, rtol=1e-12)


# --- Bragg's law and the lattice -------------------------------------------------------------------------------


@pytest.mark.parametrize(("distance", "wavelength"), [(50, 1.0), (100, 1.5), (200, 2.0)])
def test_at_parallel_006_a_reflection_appears_at_its_bragg_angle(distance, wavelength):
    """AT-PARALLEL-006: 0 3 0 of a 100 Å cell, turned by θ into the Ewald sphere, is 2θ from the beam ± 0.5 px."""
    theta = math.asin(wavelength * 3 / 100 / 2)
    detector = nb.Detector.flat(distance_mm=distance, pixels=(301, 101), pixel_mm=0.1)
    image = photons(
        detector=detector,
        beam=nb.Beam(wavelength_A=wavelength, polarized=False),
        crystal=nb.Crystal(cell=(100,), n_cells=10, misset_deg=(0, 0, math.degrees(theta))),
        sampling=nb.Sampling(oversample=4),
    )
    spot = detector.nominal
    expected = np.array([spot.beam_slow_mm - distance * math.tan(2 * theta), spot.beam_fast_mm]) / 0.1
    half = int(distance * wavelength / 100 / 0.1 / 2)  # way to the next reflection
    slow, fast = first = np.round(expected).astype(int) - half
    window = image[slow : slow + 2 * half, fast : fast + 2 * half]
    peak = first + np.unravel_index(np.argmax(window), window.shape) + 0.5
    assert np.abs(peak - expected).max() <= 0.5 + 1e-6


def reflection_peak(n_cells: int = 5, amplitude: float = 100, **options) -> float:
    """Brightest of the pixels around 0 3 0, in the Ewald sphere at 1 Å."""
    theta = math.degrees(math.asin(0.015))
    image = photons(
        detector=nb.Detector.flat(distance_mm=100, pixels=(16, 16), pixel_mm=0.02, beam_center_mm=(3.15, 0.15)),
        crystal=nb.Crystal(cell=(100,), n_cells=n_cells, misset_deg=(0, 0, theta), **options),
        structure_factors=nb.StructureFactors.constant(amplitude),
    )
    return float(image.max())


def test_at_parallel_009_intensity_grows_with_the_sixth_power_of_n_and_the_square_of_f():
    """AT-PARALLEL-009, AT-STR-003: slopes 6.0 ± 0.3 and 2.00 ± 0.05, for every shape."""
    sizes, amplitudes = np.array([2, 3, 5, 8, 12]), np.array([1.0, 10, 100, 500])
    for shape in ("square", "round", "gauss", "tophat"):
        peaks = [reflection_peak(n_cells=int(n), shape=shape) for n in sizes]
        assert np.polyfit(np.log(sizes), np.log(peaks), 1)[0] == pytest.approx(6.0, abs=0.3)
    peaks = [reflection_peak(amplitude=f) for f in amplitudes]
    assert np.polyfit(np.log(amplitudes), np.log(peaks), 1)[0] == pytest.approx(2.0, abs=1e-9)


@pytest.mark.parametrize("shape", ["square", "round", "gauss", "tophat"])
def test_at_str_003_shapes_follow_their_formulas(shape):
    """AT-STR-003: F_latt² of the four shapes along the detector, from the formulas of section 5."""
    detector = nb.Detector.flat(distance_mm=100, pixels=(64, 80), pixel_mm=0.3)
    n = np.array([4, 5, 6])
    seen = photons(
        detector=detector,
        crystal=nb.Crystal(cell=(30, 40, 50), misset_deg=(7, 8, 9), n_cells=(4, 5, 6), shape=shape, fudge=0.8),
    ) / photons(detector=detector)
    d = positions(detector)
    q = d / length(d)[..., np.newaxis] - [1, 0, 0]
    axes = np.diag([30.0, 40.0, 50.0])
    angles = tuple(np.radians([7, 8, 9]))
    h = q @ np.array([rotate(axis, angles) for axis in axes]).T
    delta = h - np.round(h)
    rr = 0.8 * ((n * delta) ** 2).sum(axis=-1)
    x = np.pi * np.sqrt(rr)
    expected = {
        "square": np.prod(np.sin(np.pi * n * h) / np.sin(np.pi * h), axis=-1),
        "round": 120 * 0.723601254558268 * 3 * (np.sin(x) / x - np.cos(x)) / x**2,
        "gauss": 120 * np.exp(-rr / 0.63),
        "tophat": 120 * (rr < 0.3969),
    }[shape]
    np.testing.assert_allclose(seen, expected**2, rtol=1e-7, atol=1e-9 * 120**2)


CELLS = st.tuples(*[st.floats(5, 500)] * 3, *[st.floats(35, 140)] * 3)


def sine_of_volume(cell: tuple[float, ...]) -> float:
    """V/(abc), or 0 for angles that close no cell."""
    x, y, z = np.cos(np.radians(cell[3:]))
    return math.sqrt(max(1 - x * x - y * y - z * z + 2 * x * y * z, 0.0))


@settings(deadline=None)
@given(cell=CELLS, misset=st.tuples(*[st.floats(-180, 180)] * 3))
def test_reciprocal_and_direct_vectors_belong_to_the_cell_asked_for(cell, misset):
    """a·a* = 1, a·b* = 0, and lengths, angles and volume are the cell's, for any triclinic cell and orientation."""
    openness = sine_of_volume(cell)
    assume(openness > 0.05 and sum(cell[3:]) < 359 and 2 * max(cell[3:]) < sum(cell[3:]) - 1)
    lattice = build_lattice(nb.Crystal(cell=cell, misset_deg=misset), 1.0, c_cell=False)
    np.testing.assert_allclose(lattice.direct @ lattice.reciprocal.T, np.eye(3), atol=1e-12 / openness**2)
    np.testing.assert_allclose(cell_of(lattice.direct), cell, rtol=1e-11 / openness**2)
    assert lattice.volume == pytest.approx(np.prod(cell[:3]) * openness, rel=1e-11 / openness**2)


def test_at_parallel_001_the_direct_beam_is_at_the_beam_centre():
    """AT-PARALLEL-001: whatever the size of the detector, the peak lies within 2 pixels of its middle."""
    for n in (64, 65, 128, 256, 512):
        image = photons(
            detector=nb.Detector.flat(distance_mm=100, pixels=n, pixel_mm=0.1),
            crystal=nb.Crystal(cell=(100,), n_cells=3),
            beam=nb.Beam(wavelength_A=6.2),
        )
        peak = np.array(np.unravel_index(np.argmax(image), image.shape))
        assert np.abs(peak - (n - 1) / 2).max() <= 2


@pytest.mark.parametrize(
    ("special", "near"),
    [
        ({"misset_deg": (0, 90, 0)}, {"misset_deg": (0, 90 - 1e-6, 0)}),
        ({"misset_deg": (0, 90, 0)}, {"misset_deg": (1e-6, 90, 0)}),
        ({"misset_deg": (0, 0, 0)}, {"misset_deg": (-1e-6, 1e-6, 1e-6)}),
        ({"misset_deg": (180, 0, 0)}, {"misset_deg": (-180 + 1e-6, 0, 0)}),
        ({"cell": (60, 60, 60, 90, 90, 90)}, {"cell": (60, 60, 60, 90 - 1e-6, 90 + 1e-6, 90)}),
        ({"cell": (60, 60, 60, 90, 90, 120)}, {"cell": (60, 60, 60, 90, 90 + 1e-6, 120 - 1e-6)}),
    ],
)
def test_at_parallel_018_images_are_continuous_near_singular_orientations(special, near):
    """AT-PARALLEL-018: a millionth of a degree from a special orientation or cell, nothing jumps."""
    detector = nb.Detector.flat(distance_mm=60, pixels=65, pixel_mm=0.5)
    base = {"cell": (60, 70, 80), "n_cells": 7}
    one, other = (photons(detector=detector, crystal=nb.Crystal(**{**base, **c})) for c in (special, near))
    assert np.isfinite(one).all()
    assert np.abs(one - other).max() <= 1e-5 * one.max()


# --- random orientations and mosaic domains --------------------------------------------------------------------


def test_at_parallel_024_a_seed_means_an_orientation():
    """AT-PARALLEL-024: the same seed gives the same image, another one an image that correlates below 0.7."""

    def image(seed: int) -> np.ndarray:
        crystal = nb.Crystal(cell=(60, 70, 80), n_cells=5, misset_deg="random", misset_seed=seed)
        return photons(crystal=crystal, detector=nb.Detector.flat(distance_mm=100, pixels=100, pixel_mm=0.4))

    assert np.array_equal(image(12345), image(12345))
    assert correlation(image(12345), image(54321)) <= 0.7


def kolmogorov(values: np.ndarray, cdf) -> float:
    """Largest distance between the values' empirical distribution and a cumulative distribution, times √n."""
    values = np.sort(values)
    n = len(values)
    expected = cdf(values)
    steps = np.arange(n + 1) / n
    return float(max((steps[1:] - expected).max(), (expected - steps[:-1]).max()) * math.sqrt(n))


def test_random_missets_are_uniform_over_all_rotations():
    """The angle of uniform rotations has density (1 - cos ω)/π, and where each axis goes is uniform on the sphere."""
    missets = [
        misset_angles(nb.Crystal(cell=(60,), misset_deg="random", misset_seed=seed), c_cap=False)
        for seed in range(1, 6001)
    ]
    rotations = np.array([[rotate(axis, angles) for axis in np.eye(3)] for angles in missets])
    angles = np.arccos(np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1, 1))
    limit = 1.95  # of Kolmogorov's distribution: exceeded once in a thousand times
    assert kolmogorov(angles, lambda w: (w - np.sin(w)) / np.pi) < limit
    for component in rotations.reshape(-1, 9).T:
        assert kolmogorov(component, lambda x: (x + 1) / 2) < limit


def rotation_vectors(rotations: np.ndarray) -> np.ndarray:
    """Axis times angle (small ones), shape (n, 3)."""
    r = rotations
    return np.stack([r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]], axis=1) / 2


def test_at_mos_gaussian_domains_have_the_spread_as_sigma():
    """AT-MOS: 4000 domains of 0.2°: σ of the angle ± 4 standard errors, axes alike in all directions, normal tails."""
    n, sigma = 4000, math.radians(0.2)
    crystal = nb.Crystal(cell=(60,), mosaic_spread_deg=0.2, mosaic_domains=n, mosaic_model="gaussian")
    rotations = mosaic_rotations(crystal)
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (n, 3, 3)), atol=1e-12
    )
    assert np.array_equal(rotations[0], np.eye(3))
    vectors = rotation_vectors(rotations[1:])
    angles = length(vectors)
    assert math.sqrt((angles**2).mean()) == pytest.approx(sigma, rel=4 / math.sqrt(2 * n))
    assert np.sqrt((vectors**2).mean(axis=0)) == pytest.approx(sigma / math.sqrt(3), rel=0.06)
    assert np.abs(vectors.mean(axis=0)).max() < 4 * sigma / math.sqrt(3 * n)
    assert (angles > 2 * sigma).mean() == pytest.approx(0.0455, abs=0.012)


def test_at_mos_cap_domains_stay_within_the_spread():
    """AT-MOS: the first domain is not turned, the others by at most the spread, and by all angles below it."""
    rotations = mosaic_rotations(nb.Crystal(cell=(60,), mosaic_spread_deg=0.5, mosaic_domains=500))
    angles = np.degrees(length(rotation_vectors(rotations)))
    assert angles[0] == 0
    assert angles.max() <= 0.5 * (1 + 1e-6)
    assert angles.max() > 0.49
    assert angles[1:].min() < 0.1


# --- sampling, parts of images, sums of images -----------------------------------------------------------------


def test_at_parallel_029_sub_pixels_remove_aliasing():
    """AT-PARALLEL-029, AT-SAM: spots narrower than a pixel: the error falls steeply with sub-pixels."""
    crystal = nb.Crystal(cell=(60, 70, 80), misset_deg=(5, 5, 5), n_cells=6)
    detector = nb.Detector.flat(distance_mm=60, pixels=64, pixel_mm=0.5)

    def image(n: int) -> np.ndarray:
        return photons(crystal=crystal, detector=detector, sampling=nb.Sampling(oversample=n))

    fine = image(32)
    errors = [float(np.abs(image(n) - fine).max() / fine.max()) for n in (2, 4, 8, 16)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0.1
    assert errors[-1] < 0.01


@pytest.fixture(scope="module")
def busy() -> nb.Config:
    """Everything at once: sources, φ, domains, layers, sub-pixels, a table, water, a mask."""
    rng = np.random.default_rng(1)
    indices = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return config(
        crystal=nb.Crystal(
            cell=(20, 25, 30, 80, 95, 105),
            n_cells=(3, 4, 5),
            misset_deg=(10, 20, 30),
            mosaic_spread_deg=1,
            mosaic_domains=3,
        ),
        structure_factors=nb.StructureFactors(
            indices=indices, amplitudes=rng.uniform(1, 50, len(indices)), default_F=2, interpolate=True
        ),
        beam=nb.Beam(kahn_factor=0.9, divergence_mrad=(2, None), divergence_steps=(2, None), dispersion_percent=1),
        detector=nb.Detector.flat(
            distance_mm=60,
            pixels=(37, 150),
            pixel_mm=1,
            rotation_deg=(5, -4, 3),
            sensor_thickness_um=300,
            sensor_layers=2,
            mask=rng.uniform(size=(37, 150)) > 0.1,
        ),
        scan=nb.Scan(range_deg=1, steps=2),
        sampling=nb.Sampling(oversample=2, d_min_A=1.4),
        background=nb.Background(water_um=1),
    )


@pytest.mark.parametrize("compat", [None, "c"])
def test_at_parallel_013_the_bits_do_not_depend_on_the_threads(busy, compat):
    """AT-PARALLEL-013: 1, 2, 3 and 5 threads, in both physics."""
    scene = nb.Scene(busy.replace(compat=compat))
    images = [nb.simulate(scene, threads=n, dtype="float64") for n in (1, 2, 3, 5)]
    assert images[0].max() > 0
    assert all(np.array_equal(images[0], other) for other in images[1:])


@pytest.mark.parametrize("roi", [(0, 149, 0, 36), (3, 3, 5, 5), (70, 149, 36, 36), (1, 64, 2, 30), (63, 66, 0, 36)])
def test_at_roi_a_part_is_the_crop_of_the_whole_bit_for_bit(busy, roi):
    """AT-ROI: pixels inside have the same bits, those outside are 0."""
    scene = nb.Scene(busy)
    whole, part = nb.simulate(scene), nb.simulate(scene, roi=roi)
    window = np.zeros(whole.shape, bool)
    window[roi[2] : roi[3] + 1, roi[0] : roi[1] + 1] = True
    assert np.array_equal(part, np.where(window, whole, 0))
    assert np.array_equal(nb.simulate(busy.replace(roi=roi)), part)


def test_at_roi_masked_pixels_are_not_rendered_and_the_others_do_not_notice(busy):
    """AT-ROI: the mask takes pixels away and changes no bit of the rest."""
    unmasked = nb.simulate(busy.replace(detector=busy.detector.replace(mask=None)))
    assert (unmasked > 0).all()
    assert np.array_equal(nb.simulate(busy), np.where(busy.detector.mask, unmasked, 0))


def test_several_lattices_add_up(busy):
    """`add=True`: the sum of the single images; pixels that are not rendered keep what they had."""
    other = busy.replace(crystal=busy.crystal.replace(misset_deg=(1, 2, 3)), roi=(10, 99, 3, 20))
    one, two = (nb.simulate(c, dtype="float64") for c in (busy, other))
    both = nb.simulate(busy, dtype="float64")
    assert nb.simulate(other, out=both, add=True) is both
    np.testing.assert_allclose(both, one + two, rtol=1e-15)
    replaced = nb.simulate(other, out=one.copy())
    window = np.zeros(one.shape, bool)
    window[3:21, 10:100] = True
    assert np.array_equal(replaced, np.where(window & busy.detector.mask, two, one))


def test_a_detector_of_two_panels_is_the_single_one_cut_in_two(busy):
    """The image of several panels has them in front: (panels, slow, fast)."""
    single = busy.detector.replace(mask=None, nominal=None)
    panel = single.panels[0]
    halves = []
    for k in range(2):
        origin = np.array(panel.origin_mm) + k * 75 * panel.pixel_mm * panel.axes()[0]
        halves.append(panel.replace(origin_mm=tuple(origin), pixels=(37, 75)))
    whole = nb.simulate(busy.replace(detector=single), dtype="float64")
    scene = nb.Scene(busy.replace(detector=single.replace(panels=tuple(halves))))
    cut = nb.simulate(scene, dtype="float64")
    assert cut.shape == scene.shape == (2, 37, 75)
    assert np.array_equal(cut[0], whole[:, :75])
    np.testing.assert_allclose(cut[1], whole[:, 75:], rtol=1e-9, atol=1e-12 * whole.max())


@pytest.mark.parametrize("convention", ["mosflm", "adxv", "xds", "dials"])
def test_at_geo_005_on_a_curved_detector_all_pixels_are_alike(convention):
    """AT-GEO-005: one distance, so one solid angle; and the picture of a symmetric crystal is symmetric."""
    options = {"pixels": 41, "pixel_mm": 1, "convention": convention, "curved": True, "beam_center_mm": (20.5, 20.5)}
    if convention == "mosflm":
        options["beam_center_mm"] = (20, 20)
    detector = nb.Detector.flat(distance_mm=60, **options)
    np.testing.assert_allclose(photons(detector=detector), 1e-6 / 0.06**2, rtol=1e-12)
    image = photons(detector=detector, crystal=nb.Crystal(cell=(30,), n_cells=4))
    for mirrored in (image[::-1], image[:, ::-1]):
        np.testing.assert_allclose(image, mirrored, rtol=1e-9, atol=1e-9 * image.max())


def test_at_geo_005_a_curved_detector_turns_by_arc_over_distance():
    """AT-GEO-005: F'/distance and S'/distance from the beam spot are the angles to a pixel on the axes."""
    detector = nb.Detector.flat(distance_mm=60, pixels=41, pixel_mm=1, convention="xds", curved=True)
    polarized = photons(detector=detector, beam=nb.Beam(kahn_factor=1.0))
    arc = (np.arange(41) - 20) * 1.0 / 60
    np.testing.assert_allclose(polarized[20] / polarized[20, 20], np.cos(arc) ** 2, rtol=1e-12)  # along E: cos²2θ
    np.testing.assert_allclose(polarized[:, 20] / polarized[20, 20], 1, rtol=1e-12)


# --- instruction sets ------------------------------------------------------------------------------------------


@pytest.fixture
def keep_instruction_set():
    name = _core.instruction_set()
    yield
    _core.use_instruction_set(name)


@pytest.mark.usefixtures("keep_instruction_set")
@pytest.mark.parametrize("lookup", _core.LOOKUPS)
@pytest.mark.parametrize("shape", _core.SHAPES)
def test_all_instruction_sets_agree(busy, shape, lookup):
    """To 1e-12 of the maximum, for every shape and every way to find an amplitude."""
    factors = {
        "constant": nb.StructureFactors.constant(9),
        "nearest": busy.structure_factors.replace(interpolate=False),
        "tricubic": busy.structure_factors,
    }[lookup]
    scene = nb.Scene(busy.replace(crystal=busy.crystal.replace(shape=shape), structure_factors=factors))
    assert scene.lookup == _core.LOOKUPS.index(lookup)
    images = []
    for name in _core.instruction_sets():
        _core.use_instruction_set(name)
        images.append(nb.simulate(scene, dtype="float64"))
    for other in images[1:]:
        assert np.abs(images[0] - other).max() <= 1e-12 * images[0].max()


def test_an_unknown_instruction_set_is_refused():
    with pytest.raises(ValueError, match="this machine has baseline"):
        _core.use_instruction_set("mmx")
