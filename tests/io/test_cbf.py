"""miniCBF: fabio reads the same pixels, the header is the Config's, and geometries that it cannot hold are refused."""

import os
import sys

import fabio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import nanobragg as nb
from nanobragg.config.digest import config_digest
from nanobragg.errors import ConfigError, FileError, FormatError
from nanobragg.io.cbf import read_cbf, write_cbf
from tests import builders

PIXELS = (6, 9)
COUNTS = np.random.default_rng(1).integers(0, 60000, PIXELS).astype(np.uint16)


def made(convention="mosflm", scan=None, beam=None, **detector):
    return builders.config(
        beam=beam or nb.Beam(),
        detector=nb.Detector.flat(
            **{"distance_mm": 80, "pixels": PIXELS, "pixel_mm": 0.172, "convention": convention, **detector}
        ),
        scan=scan or nb.Scan(),
    )


TURNING = made(scan=nb.Scan(start_deg=5, range_deg=0.5))


@settings(max_examples=60)
@given(arrays(np.int32, st.tuples(st.integers(1, 20), st.integers(1, 20)), elements=st.integers(-2, 2**31 - 3)))
def test_any_image_comes_back_and_fabio_reads_the_same(tmp_path_factory, image):
    path = tmp_path_factory.getbasetemp() / "any.cbf"
    write_cbf(path, image)
    again, _ = read_cbf(path)
    assert np.array_equal(again, image)
    assert again.dtype == np.int32
    with fabio.open(path) as theirs:
        assert np.array_equal(theirs.data, image)


def test_we_read_what_fabio_writes(tmp_path):
    fabio.cbfimage.CbfImage(data=COUNTS.astype(np.int32)).write(tmp_path / "a.cbf")
    assert np.array_equal(nb.read_image(tmp_path / "a.cbf")[0], COUNTS)


def test_the_header_is_the_configs(tmp_path):
    config = made(
        "xds", nb.Scan(start_deg=5, range_deg=0.5), nb.Beam(wavelength_A=0.9795, kahn_factor=0.98, exposure_s=0.2),
        beam_center_mm=(0.5, 0.75), sensor_thickness_um=320,
    )  # fmt: skip
    nb.write_image(tmp_path / "a.cbf", COUNTS, config=config, noise_seed=7)
    image, header = nb.read_image(tmp_path / "a.cbf")
    assert np.array_equal(image, COUNTS)
    told = {
        "Pixel_size": "172e-6 m x 172e-6 m",
        "Silicon": "sensor, thickness 0.000320000 m",
        "Exposure_time": "0.2000000 s",
        "Count_cutoff": "65533 counts",
        "Wavelength": "0.9795 A",
        "Detector_distance": "0.08 m",
        "Beam_xy": "(2.9070, 4.3605) pixels",
        "Start_angle": "5.000000 deg.",
        "Angle_increment": "0.500000 deg.",
        "Polarization": "0.9900",
        "Config_SHA256": config_digest(config),
        "Noise_seed": "7",
    }
    assert told.items() <= header.items()
    with fabio.open(tmp_path / "a.cbf") as theirs:
        assert theirs.header["_array_data.header_convention"].strip('"') == "GENERIC_MINI"
        assert "# Wavelength 0.9795 A" in theirs.header["_array_data.header_contents"]


@pytest.mark.parametrize(("convention", "beam_xy"), [("mosflm", (5.5, 4)), ("denzo", (5, 3.5)), ("xds", (4.5, 3))])
def test_beam_xy_counts_from_the_corner_of_the_first_pixel(tmp_path, convention, beam_xy):
    config = made(convention)
    nominal = config.detector.nominal
    nb.write_image(tmp_path / "a.cbf", COUNTS, config=config)
    header = nb.read_image(tmp_path / "a.cbf")[1]["Beam_xy"]
    x, y = (float(number) for number in header.removesuffix(" pixels").strip("()").split(","))
    assert (x, y) == pytest.approx((nominal.beam_fast_mm / 0.172, nominal.beam_slow_mm / 0.172), abs=1e-4)
    assert (x, y) == pytest.approx(beam_xy, abs=1e-4)


@pytest.mark.parametrize("convention", ["mosflm", "denzo", "xds"])
def test_a_scan_about_the_fast_axis_is_written(tmp_path, convention):
    nb.write_image(tmp_path / "a.cbf", COUNTS, config=made(convention, nb.Scan(range_deg=1)))


def test_a_still_needs_no_spindle(tmp_path):
    nb.write_image(tmp_path / "a.cbf", COUNTS, config=made("dials"))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (made("dials", nb.Scan(range_deg=1)), r"rotates about the fast axis, the spindle is \(0\.0, 1\.0, 0\.0\)"),
        (made("adxv"), "make the mirror image"),
        (made(twotheta_deg=5), "across the beam with perpendicular axes, this one is inclined"),
        (made(beam=nb.Beam(direction=(1, 0.01, 0))), "this one is inclined"),
        (made(curved=True), "this one is curved"),
        (
            made().replace(detector=nb.Detector(panels=[*made().detector.panels] * 2)),
            "holds one panel, the detector has 2",
        ),
    ],
)
def test_a_geometry_that_readers_would_misread_is_refused(tmp_path, config, told):
    with pytest.raises(ConfigError, match=rf"a\.cbf: miniCBF .*{told}; write NXmx \(\.nxs\) instead"):
        nb.write_image(tmp_path / "a.cbf", np.zeros(config.detector.shape), config=config)
    assert os.listdir(tmp_path) == []


def test_pixels_that_are_not_rendered_are_minus_one(tmp_path):
    mask = np.ones(PIXELS, bool)
    mask[2, 3] = False
    nb.write_image(tmp_path / "a.cbf", COUNTS, config=made(mask=mask))
    expected = COUNTS.astype(int)
    expected[2, 3] = -1
    assert np.array_equal(nb.read_image(tmp_path / "a.cbf")[0], expected)


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf, 2.0**31, -1])
def test_values_that_are_not_32_bit_integers_are_refused(tmp_path, value):
    image = COUNTS.astype(float)
    image[2, 3] = value
    with pytest.raises(FormatError, match=r"slow 2, fast 3\) = .* does not fit into CBF, which stores integers from 0"):
        nb.write_image(tmp_path / "a.cbf", image, config=TURNING)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("value", [-3, 2**31 - 2])
def test_values_beyond_the_range_of_cbf_are_refused(tmp_path, value):
    with pytest.raises(
        FormatError, match=rf"slow 0, fast 0\) = {value} does not fit into CBF, which stores integers from -2"
    ):
        write_cbf(tmp_path / "a.cbf", np.full((2, 2), value, np.int32))


def test_an_image_whose_shape_is_not_the_detectors_is_refused(tmp_path):
    with pytest.raises(FormatError, match=r"the image has shape \(9, 6\), the Config's detector \(6, 9\)"):
        nb.write_image(tmp_path / "a.cbf", COUNTS.T, config=TURNING)


def test_the_header_survives_a_second_writing(tmp_path):
    nb.write_image(tmp_path / "a.cbf", COUNTS, config=TURNING)
    image, header = nb.read_image(tmp_path / "a.cbf")
    nb.write_image(tmp_path / "b.cbf", image, header)
    assert nb.read_image(tmp_path / "b.cbf")[1] == header
    assert header["Timestamp"].count(":") == 2


@pytest.mark.parametrize("header", ["no comment\n", "# Straße 1\n", {"A": "two\nlines"}])
def test_a_header_that_would_break_the_file_is_refused(tmp_path, header):
    with pytest.raises(FormatError, match="cannot be written; use '# Key value' in ASCII"):
        write_cbf(tmp_path / "a.cbf", COUNTS.astype(np.int32), header)


def damaged(content, old, new):
    assert old in content
    return content.replace(old, new)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda content: b"", "is not a valid CBF image: it does not start with '###CBF'"),
        (lambda content: content[:200], "X-Binary-Size = '' is not a positive integer"),
        (lambda content: content[:-4200], r"X-Binary-Size = \d+, the file holds \d+ bytes"),
        (lambda content: damaged(content, b"\xd5", b"\xd5\x00"), "do not match their checksum"),
        (lambda content: damaged(content, b"x-CBF_BYTE_OFFSET", b"x-CBF_PACKED"), "only signed 32-bit pixels"),
        (
            lambda content: damaged(content, b"Second-Dimension: 6", b"Second-Dimension: 60000"),
            "cannot hold 60000 x 9 pixels",
        ),
        (
            lambda content: damaged(content, b"Second-Dimension: 6", b"Second-Dimension: -6"),
            "'-6' is not a positive",
        ),
        (lambda content: damaged(content, b"Second-Dimension: 6", b"Second-Dimension: 9"), "pixels"),
        (
            lambda content: damaged(content, b"Number-of-Elements: 54", b"Number-of-Elements: 45"),
            "X-Binary-Number-of-Elements = 45, but the image has 6 x 9 pixels",
        ),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, damage, told):
    nb.write_image(tmp_path / "a.cbf", COUNTS, config=TURNING)
    (tmp_path / "a.cbf").write_bytes(damage((tmp_path / "a.cbf").read_bytes()))
    with pytest.raises(FormatError, match=rf"a\.cbf(: .*| ){told}"):
        nb.read_image(tmp_path / "a.cbf")


def test_missing_file_folder_and_library_are_named(tmp_path, monkeypatch):
    with pytest.raises(FileError, match="check the path"):
        read_cbf(tmp_path / "none.cbf")
    with pytest.raises(FileError, match="make the folder first"):
        nb.write_image(tmp_path / "none" / "a.cbf", COUNTS, config=TURNING)
    monkeypatch.setitem(sys.modules, "fabio.compression", None)
    with pytest.raises(ConfigError, match=r"needs fabio\.compression .*nanobragg\[files\]"):
        nb.write_image(tmp_path / "a.cbf", COUNTS, config=TURNING)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("delta", [2**40, -(2**40), 2**31, 2**63 - 1, -(2**63)])
def test_differences_beyond_the_type_are_refused(tmp_path, delta):
    write_cbf(path := tmp_path / "a.cbf", np.zeros((2, 3), np.int32))
    packed = b"\x00" * 2 + b"\x80\x00\x80\x00\x00\x00\x80" + delta.to_bytes(8, "little", signed=True) + b"\x00" * 3
    head, start, _ = path.read_bytes().partition(b"\x0c\x1a\x04\xd5")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-MD5")]
    head = b"\r\n".join(b"X-Binary-Size: %d" % len(packed) if b"X-Binary-Size: " in line else line for line in lines)
    path.write_bytes(head + start + packed)
    with pytest.raises(FormatError, match="do not fit into int32"):
        read_cbf(path)
