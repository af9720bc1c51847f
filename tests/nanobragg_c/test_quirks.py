"""Rows 1 to 14 and 25 to 28 of docs/quirks.md, physics: nanoBragg.c's behaviour, followed under compat="c", and ours.

Numbers named after C were measured with the C program on the flags that stand beside them.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.analysis.spots.absorption import mean_position
from nanobragg.analysis.statistics import statistics
from nanobragg.config.crystal import build_lattice, misset_angles
from nanobragg.config.mosaic import mean_rotation_deg, mosaic_rotations
from nanobragg.errors import ConfigError, NanobraggWarning
from nanobragg.nanobragg_c.flags.config_from_flags import parse_flags
from nanobragg.unit_cell import cell_from_vectors
from tests.nanobragg_c.quirk_images import FLAT, MARKS, image, measured

pytestmark = MARKS

SPOTS = (
    "-default_F 100 -cell 60 70 80 90 90 90 -misset 5 5 5 -N 6 -lambda 1 -distance 100 -detpixels 48 -pixel 0.6 "
    "-oversample 1"
)
SMOOTH = "-default_F 100 -cell 60 70 80 90 90 90 -N 1 -lambda 1 -distance 60 -detpixels 16 -pixel 3.2"


def both(flags: str) -> tuple[np.ndarray, np.ndarray]:
    """Return C's image and ours."""
    return image(flags), image(flags, exact=True)


SENSOR = f"{SMOOTH} -oversample 1 -detector_thick 450 -detector_abs 450"


def layered(flags: str, layers: int) -> np.ndarray:
    """Return our image with so many layers in the sensor."""
    config = nb.config_from_flags(flags, exact=True)
    return nb.simulate(config.replace(detector=config.detector.replace(sensor_layers=layers)), dtype="float64")


def test_row_1_a_phi_of_zero_keeps_the_orientation_before_it():
    """Row 1. φ = -1, -0.5, 0, 0.5°: C renders -0.5° twice and never 0°; a pixel is off by up to 13 % of the maximum
    (90 % of itself), the image's sum by 1.8 %."""
    c, ours = image(SPOTS + " -phi -1 -osc 2 -phisteps 4"), image(SPOTS + " -phi -1.25 -osc 2 -phisteps 4", exact=True)
    steps = {phi: image(f"{SPOTS} -phi {phi} -osc 0 -phisteps 1", exact=True) for phi in (-1, -0.5, 0, 0.5)}
    np.testing.assert_allclose(c, (steps[-1] + 2 * steps[-0.5] + steps[0.5]) / 4, rtol=1e-9)
    np.testing.assert_allclose(ours, sum(steps.values()) / 4, rtol=1e-9)
    assert [c[8, 28], ours[8, 28]] == measured(10060.74, 8076.178)
    assert np.abs(c - ours).max() / ours.max() == pytest.approx(0.133, abs=0.001)
    assert c.sum() / ours.sum() == pytest.approx(1.018, abs=0.001)


def test_row_1_only_before_the_first_rotation_is_phi_zero_unrotated():
    """Row 1. φ = 0, 0.5°: the first pixel sees 0° and 0.5°, every later one 0.5° twice; 21 % of the maximum."""
    c = image(SPOTS + " -phi 0 -osc 1 -phisteps 2")
    zero, half = (image(f"{SPOTS} -phi {phi} -osc 0 -phisteps 1", exact=True) for phi in (0, 0.5))
    assert c[0, :3] == measured(0.00283601, 1.2182899, 0.00167969)
    assert c[0, 0] == pytest.approx((zero + half)[0, 0] / 2, rel=1e-9)
    np.testing.assert_allclose(c.ravel()[1:], half.ravel()[1:], rtol=1e-9)
    ours = image(SPOTS + " -phi -0.25 -osc 1 -phisteps 2", exact=True)
    np.testing.assert_allclose(ours, (zero + half) / 2, rtol=1e-9)
    assert np.abs(c - ours).max() / ours.max() == pytest.approx(0.21, abs=0.001)


def test_row_2_solid_angle_and_polarization_are_the_first_sub_pixels():
    """Row 2. 3 × 3 sub-pixels of 3.2 mm pixels at 60 mm: C is up to 4.3 % off, the sum 0.5 % low (pixels of 0.1 mm:
    0.13 %)."""
    c, ours = both(SMOOTH + " -oversample 3 -polar 0.9")
    assert [c[14, 15], ours[14, 15]] == measured(20.089176, 19.3566066)
    assert np.abs(c / ours - 1).max() == pytest.approx(0.043, abs=0.001)
    assert c.sum() / ours.sum() == pytest.approx(0.9949, abs=0.0001)
    # Ours is the mean over the sub-pixels, which are pixels of a third the size.
    fine = image("-default_F 100 -cell 60 70 80 90 90 90 -N 1 -lambda 1 -distance 60 -detpixels 48 -oversample 1 "
                 f"-pixel {3.2 / 3!r} -Xbeam 28.8 -Ybeam 28.8 -denzo -polar 0.9", exact=True)  # fmt: skip
    np.testing.assert_allclose(ours, fine.reshape(16, 3, 16, 3).sum(axis=(1, 3)), rtol=1e-9)


def test_row_2_a_pixel_beyond_d_min_is_black_even_with_water():
    """Row 2. With -dmin and -water C's pixels beyond d_min hold 0 photons; ours the water."""
    c, ours = both(SMOOTH + " -oversample 1 -dmin 2.5 -water 20 -fluence 1e24")
    assert c[0, 0] == 0
    assert ours[0, 0] > 0.5 * ours[8, 8]
    assert c[8, 8] > 0


def test_row_3_the_last_layers_capture_stands_for_all():
    """Row 3. A sensor of 450 µm with a 450 µm attenuation depth, 2 layers: C counts the deeper one twice, 24 % of the
    photons are lost in the middle (10 layers: 38 %, with row 12's share)."""
    c, ours = image(SENSOR), layered(SENSOR, 2)
    assert [c[8, 8], ours[8, 8]] == measured(13.540653, 17.8612359)
    upper, lower = 1 - math.exp(-0.5), math.exp(-0.5) - math.exp(-1)
    assert c[8, 8] / ours[8, 8] == pytest.approx(2 * lower / (upper + lower), rel=0.01)
    assert c[8, 8] / ours[8, 8] == pytest.approx(0.758, abs=0.001)


def test_row_4_oversampling_switches_multiply_the_running_sum():
    """Row 4. -oversample_omega with 2 × 2 sub-pixels: each factor hits all terms before it, 75 % is lost; without the
    switch nothing is, for our sub-pixels always have their own solid angle."""
    c, ours = both(SMOOTH + " -oversample 2 -oversample_omega")
    assert [c[8, 8], ours[8, 8]] == measured(7.1161723, 28.3436781)
    assert np.array_equal(ours, image(SMOOTH + " -oversample 2", exact=True))
    assert c.sum() / ours.sum() == pytest.approx(0.251, abs=0.001)


def test_row_4_oversample_thick_needs_a_sensor():
    """Row 4. -oversample_thick without a sensor: C's image is black."""
    c, ours = both(SMOOTH + " -oversample 2 -oversample_thick")
    assert c.max() == 0
    assert np.array_equal(ours, image(SMOOTH + " -oversample 2", exact=True))


def test_row_4_oversample_polar_polarizes_in_spite_of_nopolar():
    """Row 4. -nopolar -oversample_polar: C applies the polarization all the same, 33 % in the corner."""
    c, ours = both(SMOOTH + " -oversample 2 -nopolar -oversample_polar")
    assert [c[0, 0], ours[0, 0]] == measured(11.39453, 16.96884)
    assert np.array_equal(ours, image(SMOOTH + " -oversample 2 -nopolar", exact=True))


def test_row_5_source_weights_are_ignored(tmp_path):
    """Row 5. Two wavelengths, 1 % apart and weighted 3:1: C weighs them alike; spots are wrong by a third of the
    brightest, the sum by 5 %."""
    lines = ["0 0 10 3 1e-10\n", "0 0 10 1 1.01e-10\n"]
    files = {"both": "".join(lines), "one": lines[0], "two": lines[1]}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    flags = f"{SPOTS} -xds -sourcefile {tmp_path}/"
    c, ours = both(flags + "both")
    one, two = (image(flags + name, exact=True) for name in ("one", "two"))
    np.testing.assert_allclose(c, (one + two) / 2, rtol=1e-9)
    np.testing.assert_allclose(ours, 0.75 * one + 0.25 * two, rtol=1e-9)
    assert [c[35, 21], ours[35, 21]] == measured(6569.216, 9853.818)


INTERPOLATED = (
    "-cell 40 50 60 90 90 90 -misset 10 20 30 -lambda 2 -oversample 1 -hkl inputs/wilson_f000.hkl -N 1 -distance 60 "
)


def test_row_6_the_first_point_outside_the_table_ends_interpolation():
    """Row 6. A table that ends inside the detector: C interpolates up to the first pixel beyond it and takes nearest
    reflections from there on, here everywhere; up to 126 % of the maximum."""
    flags = INTERPOLATED + "-detpixels 64 -pixel 1 -default_F 3"
    c, ours = both(flags)
    nearest = image(flags + " -nointerpolate", exact=True)
    assert [c[19, 41], ours[19, 41]] == measured(142.98709, 36.6606424)
    np.testing.assert_allclose(c, nearest, rtol=1e-9)
    alike = np.isclose(ours, nearest, rtol=1e-9)
    assert alike.any()
    assert not alike.all()
    assert not alike[32, 32]


CUBE = "-cell 100 100 100 90 90 90 -default_F 100 -N 5 -lambda 1 -distance 100 -detpixels 128 -pixel 0.1 -oversample 1"


@pytest.mark.parametrize(
    ("shape", "c_sum", "ratio"), [("-gauss_xtal", 1135521.1, 29.46), ("-tophat_spots", 1876599.5, 43.61)]
)
def test_row_7_radial_shapes_measure_the_radius_in_reciprocal_angstroms(shape, c_sum, ratio):
    """Row 7. 5 × 5 × 5 cells of 100 Å: C's radius is N²/a = 1/4 of ours, spots are 4 times as wide, so that the image
    holds 29 times (gauss) or 44 times (tophat) the photons."""
    c, ours = both(f"{CUBE} {shape}")
    assert c.sum() == measured(c_sum)
    assert c.sum() / ours.sum() == pytest.approx(ratio, rel=1e-3)
    narrowed = image(f"{CUBE} {shape} -fudge 16")  # a factor on the squared radius: 4²
    np.testing.assert_allclose(narrowed, ours, rtol=1e-6, atol=1e-9 * ours.max())


def test_row_8_random_missets_come_from_a_cap_of_90_radians():
    """Row 8. Seed 12345: C turns by (105.720755, -34.951318, -97.823571)°; ours is another orientation, one of a
    uniform distribution (physics/test_orientations); the two images do not correlate (-0.01)."""
    crystal = nb.Crystal(cell=(60, 70, 80), misset_deg="random", misset_seed=12345)
    c = np.degrees(misset_angles(crystal, c_cap=True))
    assert c == pytest.approx([105.720755, -34.951318, -97.823571], abs=1e-6)
    assert np.abs(np.degrees(misset_angles(crystal, c_cap=False)) - c).max() > 10
    pictures = both(SPOTS.replace("-misset 5 5 5", "-misset random -misset_seed 12345"))
    assert abs(np.corrcoef([p.ravel() for p in pictures])[0, 1]) < 0.1


def test_row_8_without_a_misset_seed_the_clock_is_the_seed():
    """Row 8. From flags the clock, with a warning that names the seed; a Config's seed is 1 unless given."""
    with pytest.warns(NanobraggWarning, match="seeded from the clock; -misset_seed [0-9]+ reproduces this orientation"):
        parse_flags(SPOTS.replace("-misset 5 5 5", "-misset random -seed 5"))
    assert nb.Crystal(cell=(60,), misset_deg="random").misset_seed == 1


@pytest.mark.parametrize(
    ("cell", "c_angles"),
    [((70, 80, 90, 75, 85, 95), (75.0391, 85.0136, 95.0081)), ((60, 60, 60, 60, 60, 60), (57.849, 57.849, 58.5252))],
)
def test_row_9_triclinic_cells_come_out_distorted(cell, c_angles):
    """Row 9. 70 80 90 75 85 95 becomes 75.04 85.01 95.01 (pixels off by up to 7 % of the maximum), six times 60
    becomes 57.85 57.85 58.53 (105 %: other spots)."""
    crystal = nb.Crystal(cell=cell)
    c, ours = (build_lattice(crystal, 1.0, c_cell=c_cell) for c_cell in (True, False))
    assert cell_from_vectors(c.direct) == pytest.approx((*cell[:3], *c_angles), rel=1e-5)
    assert cell_from_vectors(ours.direct) == pytest.approx(cell, rel=1e-13)


def test_row_9_effect_on_an_image():
    """Row 9. A 70 80 90 75 85 95 cell, 5 × 5 × 5 cells: a spot has 24 % less than it should, 7 % of the maximum."""
    flags = SPOTS.replace("60 70 80 90 90 90 -misset 5 5 5 -N 6", "70 80 90 75 85 95 -N 5")
    flags = flags.replace("-detpixels 48 -pixel 0.6", "-detpixels 128 -pixel 0.3")
    c, ours = both(flags)
    assert [c[39, 4], ours[39, 4]] == measured(296.4221, 388.3827)
    assert np.abs(c - ours).max() / ours.max() == pytest.approx(0.0728, abs=0.0001)


def test_row_9_a_cell_beside_a_matrix_is_forced_upon_it():
    """Row 9. Matrix of a 41.4 51.3 62.5 cell, -cell 41 51 61: C keeps the matrix' directions and the cell's lengths
    and volume, a·a* becomes 0.99; ours refuses the contradiction, and takes a cell that agrees."""
    crystal = nb.Crystal(cell=(41, 51, 61, 90, 90, 90), matrix_path=Path("inputs/A.mat"))
    lattice = build_lattice(crystal, 1.0, c_cell=True)
    assert np.linalg.norm(lattice.direct, axis=1) == pytest.approx((41, 51, 61), rel=1e-13)
    assert cell_from_vectors(lattice.direct)[3:] == pytest.approx((99.1602, 77.9332, 90.5312), abs=1e-4)
    assert lattice.volume == pytest.approx(41 * 51 * 61, rel=1e-12)
    assert np.diag(lattice.direct @ lattice.reciprocal.T).max() < 0.99
    with pytest.raises(ConfigError, match="contradicts the matrix, whose cell is"):
        build_lattice(crystal, 1.0, c_cell=False)
    of_matrix = cell_from_vectors(build_lattice(crystal.replace(cell=None), 1.0, c_cell=False).direct)
    ours = build_lattice(crystal.replace(cell=of_matrix), 1.0, c_cell=False)
    np.testing.assert_allclose(ours.direct @ ours.reciprocal.T, np.eye(3), atol=1e-13)


def test_row_10_a_curved_detector_is_transposed():
    """Row 10. Under MOSFLM C's picture is mirrored about a diagonal through the beam: every spot is elsewhere."""
    flags = SPOTS.replace("-distance 100", "-distance 90 -curved_det")
    c, ours = both(flags)
    beam = 25  # the spot lies between pixels 24 and 25
    mirrored = ours[2 * beam - 1 - np.arange(2, 48)][:, 2 * beam - 1 - np.arange(2, 48)].T
    np.testing.assert_allclose(c[2:, 2:], mirrored, rtol=1e-6, atol=1e-9 * ours.max())
    assert abs(np.corrcoef(c.ravel(), ours.ravel())[0, 1]) < 0.1


def test_row_10_with_another_beam_a_curved_detector_is_wrong():
    """Row 10. Under ADXV, whose beam is z, C's brightest pixel has 0.9 % of ours: the direct beam is lost."""
    c, ours = both(SPOTS.replace("-distance 100", "-adxv -distance 90 -curved_det"))
    assert c.max() == measured(183.2987)
    assert ours.max() == pytest.approx(20736.0, rel=1e-3)  # N⁶F²ω = 46656 · 1e4 · (0.6/90)²


def test_row_11_water_is_multiplied_by_the_fluence_twice_and_shared_out():
    """Row 11. 20 µm of water, 1e24 photons/m², 5 φ steps and 2 × 2 sub-pixels: C has 4e-7 of ours, r_e²·fluence
    divided by 20 (at the default fluence, 1/r_e², it is that 20 alone)."""
    flags = "-default_F 1e-9 -cell 60 70 80 90 90 90 -N 6 -lambda 1 -distance 100 -detpixels 8 -pixel 1 -oversample 2 "
    c, ours = both(flags + "-fluence 1e24 -water 20 -phi 1 -osc 1 -phisteps 5")
    assert [c[4, 4], ours[4, 4]] == measured(0.5572302, 1403603)
    assert c[4, 4] / ours[4, 4] == pytest.approx(7.94079248018965e-30 * 1e24 / 20, rel=1e-3)


def test_row_12_given_layers_cover_more_than_the_sensor():
    """Row 12. 450 µm in 2 layers: C's are 450 µm each, 900 µm together. With row 3: 26 % of the photons are lost
    (without the row it would be 24 %, with 10 layers 38 %)."""
    for layers, c_thickness in ((1, 900), (2, 900), (3, 675), (10, 500)):
        flags = f"{SMOOTH} -oversample 1 -detector_thick 450 -detector_abs 450 -thicksteps {layers}"
        c, ours = (nb.Scene(nb.config_from_flags(flags, exact=exact)).sensor for exact in (False, True))
        assert c.count * c.step == pytest.approx(c_thickness * 1e-6, rel=1e-12)
        assert (ours.count, ours.count * ours.step) == (layers, pytest.approx(450e-6, rel=1e-12))
    c, ours = both(SMOOTH + " -oversample 1 -detector_thick 450 -detector_abs 450 -thicksteps 2")
    assert [c[8, 8], ours[8, 8]] == measured(13.187768, 17.8612359)
    c, ours = both(SMOOTH + " -oversample 1 -detector_thick 450 -detector_abs 450 -thicksteps 10")
    assert [c[8, 8], ours[8, 8]] == measured(10.972494, 17.7894017)


@pytest.mark.filterwarnings("ignore:.*did you mean")
def test_row_13_a_whole_index_is_no_noise():
    """Row 13, not followed. At h = 2 exactly C's sin(πNh)/sin(πh) is the quotient of two rounding errors: 1.06e10
    photons in place of 1.5625e10, 32 % (at N = 5, h = 3 the formula gives 14.67 in place of 5)."""
    assert math.sin(5 * math.pi * 3) / math.sin(math.pi * 3) == pytest.approx(14.670036240310372)
    flags = (
        "-cell 3.162277660168379 5 5 90 90 90 -misset 0 18.434948822922014 0 -default_F 100 -N 5 -lambda 1 -xds "
        "-distance 80 -detpixels 1 -pixel 1 -oversample 1 -ORGX -59 -ORGY 1 -nopolar -point_pixel"
    )
    c_program = 1.061505e10
    for ours in both(flags):
        assert ours[0, 0] == pytest.approx(5**6 * 100**2 / 0.1**2, rel=1e-12)
        assert ours[0, 0] != pytest.approx(c_program, rel=0.3)


@pytest.mark.filterwarnings("ignore:.*did you mean")
def test_row_13_a_round_crystal_is_smooth_at_its_peak():
    """Row 13, not followed. 1 nm from the direct beam C's 3(sin x/x - cos x)/x² loses its digits: 0.06 % of the
    peak; ours is the series there."""
    flags = (
        "-default_F 100 -cell 5 5 5 90 90 90 -N 5 -lambda 1 -xds -distance 100 -detpixels 3 -pixel 1e-6 -oversample 1"
    )
    c_program = 8.176539e9
    for ours in both(flags + " -round_xtal -nopolar -point_pixel"):
        np.testing.assert_allclose(ours, ours[1, 1], rtol=1e-12)
        assert ours[0, 0] / c_program == pytest.approx(1.00057, abs=1e-5)


def test_row_14_statistics_count_masked_pixels():
    """Row 14. With a mask over 8 % of the pixels C's RMSD, and with it the scale of the PGM, is lower by 4 %."""
    flags = (
        "-hkl inputs/wilson_40_50_60.hkl -cell 40 50 60 90 90 90 -misset 10 20 30 -lambda 1 -N 8 -detpixels 64 "
        "-pixel 0.5 -distance 100 -oversample 1 -mask inputs/mask_64.img"
    )
    c, ours = (nb.Scene(nb.config_from_flags(flags, exact=exact)) for exact in (False, True))
    picture = nb.simulate(c)
    pixels = picture[ours.rendered].astype(float)
    found = statistics(picture, c)
    assert (found.mean, found.rms, found.rmsd) == measured(381.015, 6135.52, 5880.51)
    assert statistics(picture, ours).rmsd == pytest.approx(pixels.std(ddof=1), rel=1e-12)
    assert found.rmsd / statistics(picture, ours).rmsd == pytest.approx(0.96, abs=0.005)
    part = statistics(picture, ours, roi=np.s_[5:41, 3:21])
    assert (part.maximum, part.pixels) == (picture[5:41, 3:21].max(), ours.rendered[5:41, 3:21].sum())


def test_row_14_the_solid_angle_counts_layers_and_is_shared_out():
    """Row 14. 3 layers, 2 φ steps, 2 domains: C prints 3/4 of the detector's solid angle, 0.0524 sr in place of
    0.0698 sr."""
    flags = (
        FLAT + " -detector_thick 1 -detector_abs 1 -thicksteps 3 -phi 1 -osc 1 -phisteps 2 -mosaic 0.1 -mosaic_dom 2"
    )
    c, ours = (nb.Scene(nb.config_from_flags(flags, exact=exact)) for exact in (False, True))
    empty = np.zeros(c.shape)
    true = statistics(empty, nb.Scene(nb.config_from_flags(FLAT, exact=True))).solid_angle_sr
    assert statistics(empty, ours).solid_angle_sr == pytest.approx(true, rel=1e-12)
    assert true == pytest.approx(0.06985, abs=1e-5)
    assert statistics(empty, c).solid_angle_sr == pytest.approx(true * 3 / 4, rel=1e-4)


def test_row_14_the_place_of_the_maximum_is_its_last_sub_pixels():
    """Row 14. 4 × 4 sub-pixels: C's place is 3/8 of a pixel beyond the pixel's centre, along both axes."""
    flags = FLAT.replace("-oversample 1", "-oversample 4")
    c, ours = (nb.Scene(nb.config_from_flags(flags, exact=exact)) for exact in (False, True))
    picture = nb.simulate(ours)
    slow, fast = np.unravel_index(np.argmax(picture), picture.shape)
    assert statistics(picture, ours).maximum_at_mm == pytest.approx((slow + 0.5, fast + 0.5))
    assert statistics(picture, c).maximum_at_mm == pytest.approx((slow + 0.875, fast + 0.875))


def test_row_14_rms_squares_in_float32():
    """Row 14. Σx² of C's float32 squares: a relative error of up to 6e-8, seen only in the last digits."""
    scene = nb.Scene(nb.config_from_flags(FLAT))
    picture = np.full(scene.shape, 1.1, np.float32)
    square = float(np.float32(1.1) * np.float32(1.1))
    assert statistics(picture, scene).rms == pytest.approx(math.sqrt(square * 576 / 575), rel=1e-14)
    exact = nb.Scene(nb.config_from_flags(FLAT, exact=True))
    assert statistics(picture, exact).rms == pytest.approx(float(np.float32(1.1)) * math.sqrt(576 / 575), rel=1e-14)


def assert_close(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12 * other.max())


@pytest.mark.parametrize(("steps", "largest"), [(1, 0.44), (2, 0.19), (10, 0.042)])
def test_row_25_phi_is_sampled_at_the_start_of_each_step(steps, largest):
    """Row 25. φ from 1 to 2°: C's n steps begin at 1°, ours at 1° + 1°/2n: C renders an exposure that began half a step
    earlier. In two steps pixels are off by up to 19 % of the maximum, and C's error falls with 1/n only."""
    flags = f"{SPOTS} -osc 1 -phisteps {steps} -phi "
    c, ours = both(flags + "1")
    assert_close(c, image(f"{flags}{1 - 0.5 / steps!r}", exact=True))
    stills = [image(f"{SPOTS} -phi {1 + (i + 0.5) / steps!r} -osc 0 -phisteps 1") for i in range(steps)]
    assert_close(ours, np.mean(stills, axis=0))
    assert np.abs(c - ours).max() / ours.max() == pytest.approx(largest, rel=0.02)


def test_row_25_a_single_step_without_a_range_is_at_the_start():
    """Row 25. A still at φ = 3° is at 3° in both."""
    for exact in (False, True):
        assert np.degrees(nb.Scene(nb.config_from_flags(f"{SPOTS} -phi 3", exact=exact)).phi_angles) == [3.0]


def test_row_26_few_domains_turn_the_mean_lattice():
    """Row 26. Eight domains of up to 0.05°: over 100 seeds C's mean lattice is turned by up to 0.03°, ours by nothing.
    Flags draw as C does, with -exact too."""
    crystal = nb.Crystal(cell=(60, 70, 80), mosaic_spread_deg=0.05, mosaic_domains=8)
    seeds = [crystal.replace(mosaic_seed=seed) for seed in range(1, 101)]
    turned = {
        sampling: [
            np.linalg.norm(mean_rotation_deg(mosaic_rotations(one.replace(mosaic_sampling=sampling)))) for one in seeds
        ]
        for sampling in ("random", "balanced")
    }
    assert max(turned["random"]) == pytest.approx(0.03, abs=0.003)
    assert np.mean(turned["random"]) == pytest.approx(0.0135, abs=0.001)
    assert max(turned["balanced"]) < 1e-12
    flags = f"{SPOTS} -mosaic 0.5 -mosaic_dom 8"
    c, ours = both(flags)
    assert_close(ours, c)
    config = nb.config_from_flags(flags, exact=True)
    balanced = nb.simulate(config.replace(crystal=config.crystal.replace(mosaic_sampling="balanced")), dtype="float64")
    assert np.abs(balanced - c).max() / c.max() > 0.05
    again = config.replace(crystal=config.crystal.replace(mosaic_sampling="balanced"), compat="c")
    np.testing.assert_array_equal(nb.simulate(again, dtype="float64"), c)


OBLIQUE = (
    f"{SPOTS} -odet_vector 1 0 0 -fdet_vector 0 0 1 -sdet_vector 0 -1 0 -beam_vector 1 0 0 -polar_vector 1 0 1 "
    "-hdivrange 10 -hdivsteps 3 -vdivrange 10 -vdivsteps 3"
)


def test_row_27_the_polarization_axis_enters_as_given():
    """Row 27. An axis at 45° to the beam and a divergence of 10 × 10 mrad: C turns sources about that axis, so that a
    pixel is off by 80 % of the maximum; ours about the part of it that is across the beam."""
    c, ours = both(OBLIQUE)
    assert [c[46, 7], ours[46, 7]] == measured(3088.28131, 572.027459)
    assert_close(ours, image(OBLIQUE.replace("-polar_vector 1 0 1", "-polar_vector 0 0 1"), exact=True))
    assert np.abs(c - ours).max() / ours.max() == pytest.approx(0.796, abs=0.001)
    still = OBLIQUE.split(" -hdiv")[0] + " -polar 0.9"
    assert_close(*both(still))  # one source along the beam: only the part across it counts


@pytest.mark.parametrize("convention", ["-xds", "-adxv"])
@pytest.mark.parametrize(("flags", "legal"), [("-polar 0", True), ("-polar 0.9 -nopolar", True), ("-polar 0.9", False)])
def test_row_27_a_source_along_the_polarization_axis(tmp_path, convention, flags, legal):
    """Row 27. C takes ψ = 0 for a polarized source along the axis; ours refuses it, and renders unpolarized ones."""
    (tmp_path / "sources").write_text("-10 0 0 1 1e-10\n")
    line = f"{SPOTS} {convention} -sourcefile {tmp_path}/sources"
    c = image(f"{line} {flags}")
    unpolarized = image(line)
    if legal:
        assert_close(image(f"{line} {flags}", exact=True), c)
        return
    assert (c <= unpolarized).all()
    with pytest.raises(ConfigError, match="is parallel to a source's direction"):
        image(f"{line} {flags}", exact=True)
    scene = nb.Scene(nb.config_from_flags(line))
    slow, fast = np.indices(scene.shape) + 0.5
    cosine = scene.geometry.directions(slow, fast) @ scene.sources.directions[0]
    expected = unpolarized * (1 - 0.9 * (1 - cosine**2) / (1 + cosine**2))
    assert_close(c, expected)


THICK = (
    "-default_F 100 -cell 60 70 80 90 90 90 -misset 5 5 5 -N 20 -lambda 1 -distance 40 -detpixels 300 -pixel 0.2 "
    "-oversample 1 -gauss_xtal -detector_thick 450 -detector_abs 240"
)


def test_row_28_a_thick_sensor_counts_at_its_surface():
    """Row 28. 450 µm of silicon at 1 Å, 40 mm away: photons that arrive at 2θ = 35° lie 0.11 mm inwards of where the
    sensor absorbs them if they count at its surface; ours lie there to 0.01 mm without layers."""
    config = nb.config_from_flags(THICK, exact=True)
    scene = nb.Scene(config)
    assert (scene.sensor.count, scene.sensor.step) == (1, pytest.approx(450e-6))
    depth = 240 - 450 / math.expm1(450 / 240)
    assert config.detector.depth_um == pytest.approx(depth, rel=1e-12)
    ray = np.array([math.cos(math.radians(35)), math.sin(math.radians(35)), 0.0])
    c = nb.Scene(nb.config_from_flags(THICK))
    layers = nb.Scene(config.replace(detector=config.detector.replace(sensor_layers=450)))
    true = mean_position(layers, ray[np.newaxis], np.zeros(1, np.int32))[0] * 0.2
    at_surface, at_depth = (0.2 * each.geometry.pixels(ray) for each in (c, scene))
    assert np.linalg.norm(at_surface - true) == pytest.approx(0.105, abs=0.01)
    assert np.linalg.norm(at_depth - true) < 0.01
    assert scene.geometry.close_distance - c.geometry.close_distance == pytest.approx(depth * 1e-6, rel=1e-9)
