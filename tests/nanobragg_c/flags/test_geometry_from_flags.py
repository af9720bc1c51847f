"""C flags and headers that place the detector (numbers from nanoBragg.c's own output)."""

from __future__ import annotations

import numpy as np
import pytest

from nanobragg.errors import FileError, FormatError, NanobraggWarning
from nanobragg.nanobragg_c.flags.config_from_flags import parse_flags
from nanobragg.nanobragg_c.flags.flag_values import read_flags
from tests.nanobragg_c.flags.flag_lines import parse, quietly


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    """A folder without an Fdump.bin, which would be read."""
    monkeypatch.chdir(tmp_path)


def write_image(path, pixels=(3, 5), **header):
    keys = {"HEADER_BYTES": 512, "DIM": 2, "BYTE_ORDER": "little_endian", "TYPE": "unsigned_short",
            "SIZE1": pixels[1], "SIZE2": pixels[0], **header}  # fmt: skip
    text = "{\n" + "".join(f"{key}={value};\n" for key, value in keys.items()) + "}\f"
    path.write_bytes(text.encode().ljust(512) + np.ones(pixels, "<u2").tobytes())
    return str(path)


# --- geometry -----------------------------------------------------------------------------------------------


TILT = "-cell 100 90 80 -detpixels 128 -detector_rotx 4 -detector_roty -3 -detector_rotz 2 "
WIDE = "-detpixels 96 -pixel 0.3 "


@pytest.mark.parametrize(
    ("line", "dials_origin", "distance", "center", "beam_spot", "near"),
    [
        ("-detpixels 256 -Xbeam 12.1 -Ybeam 13.4",
         (-13.45, 12.15, -100), 100, (12.1, 13.4), (13.45, 12.15), (13.45, 12.15)),
        ("-detpixels 256 -Xbeam 12.1 -Ybeam 13.4 -denzo",
         (-13.4, 12.1, -100), 100, (12.1, 13.4), (13.4, 12.1), (13.4, 12.1)),
        ("-detpixels 256 -Xbeam 12.1 -Ybeam 13.4 -adxv",
         (100, 12.2, 12.1), 100, (12.1, 13.4), (12.1, 12.2), (12.1, 12.2)),
        (TILT + "-xds -ORGX 60.5 -ORGY 71.25",
         (98.434, -14.3881, 10.6713), 100, (6, 7.075), (11.2336, 14.0411), (6, 7.075)),
        (TILT + "-xds -close_distance 100 -Xclose 6.1 -Yclose 7.2",
         (98.8389, -13.7564, 11.1154), 100.382, (6.1, 7.2), (11.6536, 13.3927), (6.4, 6.4)),
        (TILT + "-close_distance 100 -Xbeam 6.1 -Ybeam 7.2",
         (-6.79401, 6.64913, -100.322), 100.198, (6.1, 7.2), (7.25, 6.15), (12.2341, 2.29607)),
        (TILT + "-dials -pivot beam",
         (98.4601, -13.7292, 11.0965), 100, (6.4, 6.4), (11.6336, 13.3661), (6.4, 6.4)),
        (TILT + "-xds -twotheta 12",
         (93.454, -33.9001, 11.0965), 100, (6.4, 6.4), (12.2438, 33.9391), (6.4, 6.4)),
        (TILT + "-twotheta 12",
         (-6.02248, 6.77738, -101.516), 98.5408, (6.45, 6.45), (6.5927, 6.74752), (12.8528, 23.463)),
        (WIDE + "-distance 90 -fdet_vector 0.1 0.2 0.97 -sdet_vector 0 -1 0.2 -beam_vector 1 0.02 0 "
         "-Xbeam 13 -Ybeam 15",
         (-15.6095, 13.8964, -88.676), 88.6938, (13, 15), (12.7749, 14.9488), (3.51034, 16.6879)),
        (WIDE + "-close_distance 90 -fdet_vector 0 0 1 -sdet_vector 0 -1 0 -beam_vector 1 0.05 0 "
         "-Xclose 13 -Yclose 15 -detector_rotx 3",
         (-12.1971, 15.6598, -90), 90.1124, (13, 15), (12.7645, 10.5062), (13, 15)),
        (WIDE + "-distance 90 -twotheta_axis 0 1 0 -twotheta 20",
         (-44.3134, 14.4, -79.6472), 90, (14.4, 14.4), (45.1818, 14.4), (14.4, 14.4)),
    ],
)  # fmt: skip
def test_geometry_is_the_c_programs_to_the_digits_that_it_prints(line, dials_origin, distance, center, beam_spot, near):
    detector = quietly(line).config.detector
    x, y, z = detector.panels[0].origin_mm
    nominal = detector.nominal
    assert (z, y, -x) == pytest.approx(dials_origin, rel=5e-6)
    assert nominal.distance_mm == pytest.approx(distance, rel=5e-6)
    assert nominal.beam_center_mm == pytest.approx(center, rel=5e-6)
    assert (nominal.beam_fast_mm, nominal.beam_slow_mm) == pytest.approx(beam_spot, rel=5e-6)
    assert (nominal.near_fast_mm, nominal.near_slow_mm) == pytest.approx(near, rel=5e-6)


def test_exact_states_the_true_distance_after_a_two_theta_swing():
    swung = TILT + "-xds -twotheta 12"
    c, true = parse(swung).config, parse(swung + " -exact").config
    assert (c.compat, true.compat) == ("c", None)
    assert c.detector.nominal.distance_mm == pytest.approx(100.0, rel=1e-12)
    panel = true.detector.panels[0]
    hit = np.dot(panel.origin_mm, panel.normal_axis) / panel.normal_axis[2]  # where the beam, along z, meets the plane
    assert true.detector.nominal.distance_mm == pytest.approx(hit, rel=1e-12)
    assert hit == pytest.approx(103.8187, abs=5e-5)
    assert c.detector.panels == true.detector.panels
    assert parse(swung, exact=True).config == true


def test_exact_drops_the_c_programs_switches():
    sampling = parse("-oversample_omega -oversample_polar -oversample_thick -exact").config.sampling
    assert (sampling.oversample_omega, sampling.oversample_polar, sampling.oversample_thick) == (False,) * 3


def test_a_two_theta_axis_not_of_length_one_is_reported_and_normalised_when_exact():
    line = "-twotheta_axis 0 2 0 -twotheta 20"
    with pytest.warns(NanobraggWarning, match="has length 2, not 1"):
        parse(line)
    exact = quietly(line, exact=True).config.detector
    assert exact == parse("-twotheta_axis 0 1 0 -twotheta 20", exact=True).config.detector


def test_pixel_counts_round_the_size_half_down():
    assert parse("-detpixels_x 0 -detpixels_y 50 -detsize_f 20.05").config.detector.shape == (50, 200)
    assert parse("-detpixels 0 -detsize_f 20.06 -detsize_s 11").config.detector.shape == (110, 201)


@pytest.mark.parametrize(
    ("line", "pivot"),
    [
        ("", "beam"),
        ("-close_distance 5 -distance 5", "beam"),
        ("-distance 5 -close_distance 5", "sample"),
        ("-pivot sample -Xbeam 5", "beam"),
        ("-Ybeam 5 -ORGX 5", "sample"),
        ("-Ybeam 5 -Yclose 5", "sample"),
        ("-pivot beam -twotheta 0", "sample"),
        ("-twotheta_axis 0 1 0", "sample"),
        ("-twotheta 1 -pivot beam", "beam"),
        ("-xds", "sample"),
        ("-xds -dials", "beam"),
        ("-xds -adxv", "beam"),
    ],
)
def test_the_last_flag_sets_the_pivot_of_custom_vectors(line, pivot):
    values = read_flags([*line.split(), "-beam_vector", "1", "0", "0"])
    assert (values.convention, values.pivot) == ("custom", pivot)


def test_a_vector_keeps_the_custom_row_for_the_others():
    config = parse("-xds -spindle_axis 0 1 0").config
    assert config.detector.convention == "custom"
    assert (config.beam.direction, config.beam.polarization_axis) == ((1, 0, 0), (0, 0, 1))
    assert config.crystal.spindle_axis == (0, 1, 0)
    assert config.detector.panels[0].slow_axis == (0, -1, 0)


def test_a_later_convention_resets_the_vectors():
    with pytest.warns(NanobraggWarning, match="-spindle_axis has no effect: the later -xds wins"):
        parsed = parse("-spindle_axis 0 1 0 -xds")
    assert parsed.config.detector == parse("-xds").config.detector
    assert (parsed.config.beam.direction, parsed.config.crystal.spindle_axis) == (None, None)
    assert parsed.unused == ["-spindle_axis"]


@pytest.mark.parametrize(
    ("flag", "without", "row"),
    [
        ("-pix0_vector 0.1 0 0", "-beam_vector 1 0 0", 16),
        ("-Xclose 3", "", 17),
        ("-Yclose 3", "-adxv", 17),
        ("-ORGX 3", "", 17),
        ("-ORGY 3", "-denzo", 17),
        ("-pivot sample", "", 18),
        ("-pivot beam", "-dials", 18),
    ],
)
def test_flag_that_does_not_move_the_detector_is_reported_with_its_row(flag, without, row):
    name = flag.split()[0]
    with pytest.warns(NanobraggWarning, match=rf"{name} has no effect: .*\(docs/quirks\.md row {row}\)"):
        parsed = parse(f"{without} {flag} -detector_rotx 5")
    assert parsed.unused == [name]
    assert parsed.config.detector.panels == parse(without + " -detector_rotx 5").config.detector.panels


@pytest.mark.parametrize("convention", ["-xds", "-dials"])
def test_xbeam_under_xds_changes_only_the_header(convention):
    with pytest.warns(NanobraggWarning, match="-Xbeam has no effect.*headers.*row 17"):
        moved = parse(f"{convention} -Xbeam 3").config.detector
    plain = parse(convention).config.detector
    assert moved.panels == plain.panels
    assert moved.nominal.beam_center_mm == (3.0, 6.4)
    assert plain.nominal.beam_center_mm == (6.4, 6.4)


def test_pivot_that_agrees_with_the_convention_is_not_reported():
    assert parse("-pivot beam").unused == []
    assert parse("-xds -pivot sample -ORGX 3").unused == []


# --- headers ------------------------------------------------------------------------------------------------


HEADER = {"PIXEL_SIZE": 0.2, "DISTANCE": 80, "WAVELENGTH": 1.2, "BEAM_CENTER_X": 0.5, "BEAM_CENTER_Y": 0.1,
          "PHI": 3, "OSC_RANGE": 0.5}  # fmt: skip


def test_image_header_initialises_what_flags_then_change(tmp_path):
    """AT-PRE: flags come after the header."""
    path = write_image(tmp_path / "a.img", **HEADER)
    line = f"-default_F 1 -cell 50 -img {path} "
    config = parse_flags(line).config
    detector = config.detector
    assert (detector.shape, detector.panels[0].pixel_mm, detector.mask) == ((3, 5), 0.2, None)
    assert detector.nominal.distance_mm == pytest.approx(80)
    assert detector.nominal.beam_center_mm == pytest.approx((0.5, 0.1))
    assert (config.beam.wavelength_A, config.scan.start_deg, config.scan.range_deg) == (1.2, 3, 0.5)
    config = parse_flags("-distance 70 -lambda 2 -pixel 0.1 " + line).config
    assert config.detector.nominal.distance_mm == pytest.approx(70)
    assert (config.beam.wavelength_A, config.detector.shape) == (2, (3, 5))
    assert parse_flags(line + "-detpixels_x 0 -pixel 0.1").config.detector.shape == (3, 10)


def test_mask_counts_its_beam_centre_from_the_far_edge_and_the_image_wins(tmp_path):
    """AT-PRE: the mask's header is read first, then the image's."""
    mask = write_image(tmp_path / "m.img", (4, 6), **HEADER)
    image = write_image(tmp_path / "a.img", (4, 6), DISTANCE=90)
    detector = parse_flags(f"-default_F 1 -cell 50 -mask {mask}").config.detector
    assert (str(detector.mask), detector.shape) == (mask, (4, 6))
    assert detector.nominal.beam_center_mm == pytest.approx((0.5, 0.7))
    both = parse_flags(f"-default_F 1 -cell 50 -img {image} -mask {mask}").config.detector.nominal
    assert both.distance_mm == pytest.approx(90)
    assert both.beam_center_mm == pytest.approx((0.5, 0.7))


def test_header_close_distance_overrides_the_distance_flag(tmp_path):
    """AT-PRE: a header's CLOSE_DISTANCE overrides -distance."""
    path = write_image(tmp_path / "a.img", DISTANCE=80, CLOSE_DISTANCE=75)
    assert read_flags(["-img", path]).distance_mm == 80  # row 20: the exact key
    detector = parse_flags(f"-default_F 1 -cell 50 -img {path} -distance 60").config.detector
    assert detector.nominal.distance_mm == pytest.approx(75)


@pytest.mark.parametrize("key", ["ORGX", "XDS_ORGX"])
def test_header_org_places_the_detector_under_xds(tmp_path, key):
    path = write_image(tmp_path / "a.img", **{key: 2.5})
    nominal = parse_flags(f"-default_F 1 -cell 50 -xds -img {path}").config.detector.nominal
    assert (nominal.near_fast_mm, nominal.near_slow_mm) == pytest.approx((0.2, 0.15))


def test_header_two_theta_is_dropped_and_reported(tmp_path):
    path = write_image(tmp_path / "a.img", TWOTHETA=5)
    with pytest.warns(NanobraggWarning, match="TWOTHETA=5 is not applied.*row 20"):
        config = parse_flags(f"-default_F 1 -cell 50 -img {path}").config
    assert config.detector.nominal.twotheta_deg == 0


def test_missing_or_spoilt_header_is_an_error(tmp_path):
    with pytest.raises(FileError, match=r"none\.img"):
        parse("-img none.img")
    with pytest.raises(FileError, match=r"none\.img"):
        parse("-mask none.img")
    with pytest.raises(FormatError, match="DISTANCE=far is not a finite number"):
        parse("-img " + write_image(tmp_path / "a.img", DISTANCE="far"))


def test_numbers_of_a_header_may_be_followed_by_their_unit(tmp_path):
    """C's atof reads as far as a number goes."""
    path = write_image(tmp_path / "a.img", DISTANCE="80 mm", WAVELENGTH=" 1.2 Angstrom", PIXEL_SIZE="0.25mm")
    config = parse_flags(f"-default_F 1 -cell 50 -img {path}").config
    assert (config.detector.nominal.distance_mm, config.beam.wavelength_A) == (80, 1.2)
    path = write_image(tmp_path / "a.img", DISTANCE="8 cm")
    with pytest.warns(NanobraggWarning, match="DISTANCE=8 cm: 8 is used and 'cm' is ignored, as the C program does"):
        assert parse_flags(f"-default_F 1 -cell 50 -img {path}").config.detector.nominal.distance_mm == 8


def test_a_header_with_braces_in_a_value_sets_the_whole_geometry(tmp_path):
    path = write_image(tmp_path / "a.img", HOLDER="{ Z X Y }", DISTANCE=80, WAVELENGTH=1.2)
    config = parse_flags(f"-default_F 1 -cell 50 -img {path}").config
    assert (config.detector.nominal.distance_mm, config.beam.wavelength_A) == (80, 1.2)
