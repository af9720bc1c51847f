"""SMV: the header is nanoBragg.c's byte for byte, fabio reads the same pixels, and false headers are refused."""

import re

import numpy as np
import pytest
from fabio import adscimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nanobragg.errors import FileError, FormatError
from nanobragg.io.smv import format_header, parse_header, read_smv, smv_header, write_smv

# headers of nanoBragg.c: the numbers that went in, and the text that came out
MOSFLM = (
    {"fast_pixels": 64, "slow_pixels": 64, "pixel_mm": 0.1, "distance_mm": 100, "wavelength_A": 6.2,
     "beam_center_x_mm": 3.2, "beam_center_y_mm": 3.2, "f_beam_mm": 3.25, "s_beam_mm": 3.25,
     "dials_origin_mm": (-3.25, 3.25, -100.0), "orgx_px": 33, "orgy_px": 33, "close_distance_mm": 100.0},
    "{\nHEADER_BYTES=512;\nDIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\nSIZE1=64;\nSIZE2=64;\n"
    "PIXEL_SIZE=0.1;\nDISTANCE=100;\nWAVELENGTH=6.2;\nBEAM_CENTER_X=3.2;\nBEAM_CENTER_Y=3.2;\n"
    "ADXV_CENTER_X=3.25;\nADXV_CENTER_Y=3.15;\nMOSFLM_CENTER_X=3.2;\nMOSFLM_CENTER_Y=3.2;\n"
    "DENZO_X_BEAM=3.25;\nDENZO_Y_BEAM=3.25;\nDIALS_ORIGIN=-3.25,3.25,-100\nXDS_ORGX=33;\nXDS_ORGY=33;\n"
    "CLOSE_DISTANCE=100;\nPHI=0;\nOSC_START=0;\nOSC_RANGE=0;\nTWOTHETA=0;\nDETECTOR_SN=000;\n"
    "BEAMLINE=fake;\n}",
)  # fmt: skip
TILTED = (
    {"fast_pixels": 256, "slow_pixels": 256, "pixel_mm": 0.1, "distance_mm": 99.08722, "wavelength_A": 6.2,
     "beam_center_x_mm": 12.85, "beam_center_y_mm": 12.85, "f_beam_mm": 12.86391, "s_beam_mm": 13.03071,
     "dials_origin_mm": (-11.71051, 13.92458, -101.3371), "orgx_px": 90.0003, "orgy_px": 272.66,
     "close_distance_mm": 98.89111, "phi_deg": 0.0, "osc_deg": 90.0, "twotheta_deg": 10.0},
    "{\nHEADER_BYTES=512;\nDIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\nSIZE1=256;\nSIZE2=256;\n"
    "PIXEL_SIZE=0.1;\nDISTANCE=99.0872;\nWAVELENGTH=6.2;\nBEAM_CENTER_X=12.85;\nBEAM_CENTER_Y=12.85;\n"
    "ADXV_CENTER_X=12.8639;\nADXV_CENTER_Y=12.5693;\nMOSFLM_CENTER_X=12.9807;\nMOSFLM_CENTER_Y=12.8139;\n"
    "DENZO_X_BEAM=13.0307;\nDENZO_Y_BEAM=12.8639;\nDIALS_ORIGIN=-11.7105,13.9246,-101.337\n"
    "XDS_ORGX=90.0003;\nXDS_ORGY=272.66;\nCLOSE_DISTANCE=98.8911;\nPHI=0;\nOSC_START=0;\nOSC_RANGE=90;\n"
    "TWOTHETA=10;\nDETECTOR_SN=000;\nBEAMLINE=fake;\n}",
)  # fmt: skip
ODD_SIZE = (
    {"fast_pixels": 67, "slow_pixels": 37, "pixel_mm": 0.3, "distance_mm": 90, "wavelength_A": 1,
     "beam_center_x_mm": 5.65, "beam_center_y_mm": 10.15, "f_beam_mm": 10.3, "s_beam_mm": 5.8,
     "dials_origin_mm": (-10.3, 5.8, -90), "orgx_px": 10.3 / 0.3 + 0.5, "orgy_px": 5.8 / 0.3 + 0.5,
     "close_distance_mm": 90.0, "detsize_s_mm": 11.0},
    "{\nHEADER_BYTES=512;\nDIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\nSIZE1=67;\nSIZE2=37;\n"
    "PIXEL_SIZE=0.3;\nDISTANCE=90;\nWAVELENGTH=1;\nBEAM_CENTER_X=5.65;\nBEAM_CENTER_Y=10.15;\n"
    "ADXV_CENTER_X=10.3;\nADXV_CENTER_Y=5.2;\nMOSFLM_CENTER_X=5.65;\nMOSFLM_CENTER_Y=10.15;\n"
    "DENZO_X_BEAM=5.8;\nDENZO_Y_BEAM=10.3;\nDIALS_ORIGIN=-10.3,5.8,-90\nXDS_ORGX=34.8333;\n"
    "XDS_ORGY=19.8333;\nCLOSE_DISTANCE=90;\nPHI=0;\nOSC_START=0;\nOSC_RANGE=0;\nTWOTHETA=0;\n"
    "DETECTOR_SN=000;\nBEAMLINE=fake;\n}",
)  # fmt: skip

IMAGE = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
PIXELS = IMAGE.astype("<u2").tobytes()
SIZES = "SIZE1=4;\nSIZE2=3;\n"


def smv_bytes(header=SIZES, data=PIXELS, header_bytes=512):
    """Return the bytes of a file with the given header entries."""
    start = f"{{\nHEADER_BYTES={header_bytes};\nDIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\n"
    return (start + header + "}\f").encode().ljust(512) + data


@pytest.mark.parametrize(("numbers", "text"), [MOSFLM, TILTED, ODD_SIZE], ids=["mosflm", "tilted", "odd"])
def test_header_equals_the_c_programs(numbers, text):
    assert smv_header(**numbers) == text


def test_file_is_header_form_feed_blanks_and_pixels(tmp_path):
    _, text = MOSFLM
    image = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    write_smv(tmp_path / "a.img", image, text)
    content = (tmp_path / "a.img").read_bytes()
    assert content[:512] == (text + "\f").encode().ljust(512, b" ")
    assert content[512:] == image.astype("<u2").tobytes()


@pytest.mark.parametrize("extra", [{}, {"VERSION": "0.1.0", "SEED": 42, "CONFIG_SHA256": "a" * 64}])
def test_fabio_reads_pixels_and_header(tmp_path, extra):
    numbers = {**MOSFLM[0], "fast_pixels": 4, "slow_pixels": 3}
    write_smv(tmp_path / "a.img", IMAGE, smv_header(**numbers, extra=extra))
    theirs = adscimage.adscimage().read(str(tmp_path / "a.img"))
    assert np.array_equal(theirs.data, IMAGE)
    assert theirs.header["WAVELENGTH"] == "6.2"
    assert {key: theirs.header[key] for key in extra} == {key: str(value) for key, value in extra.items()}


def test_fabio_written_file_is_read(tmp_path):
    header = {"DIM": "2", "DISTANCE": "123.4", "TYPE": "unsigned_short", "HEADER_BYTES": "1024"}
    adscimage.adscimage(data=IMAGE, header=header).write(str(tmp_path / "a.img"))
    image, header = read_smv(tmp_path / "a.img")
    assert np.array_equal(image, IMAGE)
    assert header["DISTANCE"] == "123.4"


def test_header_too_long_for_six_digits_is_shortened_to_five():
    numbers = {**TILTED[0], "beam_center_x_mm": 12.853, "beam_center_y_mm": 12.856, "phi_deg": 112.345}
    text = smv_header(**numbers)
    entries = parse_header(text)
    assert len(text) + 1 <= 512
    assert entries["HEADER_BYTES"] == "512"
    assert entries["DIALS_ORIGIN"] == "-11.711,13.925,-101.34"


def test_header_too_long_for_512_bytes_states_its_true_size(tmp_path):
    text = smv_header(**TILTED[0], extra={"NOTE": "x" * 600})
    entries = parse_header(text)
    assert entries["HEADER_BYTES"] == "1536"
    assert entries["DISTANCE"] == "99.0872"
    image = np.full((256, 256), 7, dtype=np.uint16)
    write_smv(tmp_path / "a.img", image, text)
    assert (tmp_path / "a.img").stat().st_size == 1536 + image.nbytes
    assert np.array_equal(read_smv(tmp_path / "a.img")[0], image)


@pytest.mark.parametrize("length", range(330, 350))
def test_the_header_length_never_shifts_the_data(tmp_path, length):
    write_smv(tmp_path / "a.img", IMAGE, {"NOTE": "x" * length})
    image, header = read_smv(tmp_path / "a.img")
    assert np.array_equal(image, IMAGE)
    assert header["NOTE"] == "x" * length


@given(
    image=arrays(np.uint16, st.tuples(st.integers(1, 5), st.integers(1, 5))),
    entries=st.dictionaries(
        st.from_regex(r"[A-Z][A-Z0-9_]{0,9}", fullmatch=True),
        st.from_regex(r"[!-:<-z]{0,20}", fullmatch=True) | st.integers(),
        max_size=40,
    ),
)
def test_what_is_written_is_read_back(tmp_path_factory, image, entries):
    path = tmp_path_factory.getbasetemp() / "roundtrip.img"
    write_smv(path, image, entries)
    again, header = read_smv(path)
    assert np.array_equal(again, image)
    assert again.dtype == np.uint16
    structure = {"HEADER_BYTES", "DIM", "BYTE_ORDER", "TYPE", "SIZE1", "SIZE2"}
    kept = {key: str(value) for key, value in entries.items() if key not in structure}
    assert {key: value for key, value in header.items() if key not in structure} == kept


def test_read_header_can_be_written_again_unchanged(tmp_path):
    text = smv_header(**{**MOSFLM[0], "fast_pixels": 4, "slow_pixels": 3})
    write_smv(tmp_path / "a.img", IMAGE, text)
    write_smv(tmp_path / "b.img", *read_smv(tmp_path / "a.img"))
    assert (tmp_path / "a.img").read_bytes() == (tmp_path / "b.img").read_bytes()


def test_big_endian_pixels_are_swapped(write):
    header = smv_bytes(data=b"").replace(b"little_endian;", b"big_endian;   ")
    image, _ = read_smv(write(header + IMAGE.astype(">u2").tobytes()))
    assert np.array_equal(image, IMAGE)
    assert image.dtype.isnative


def test_last_exact_key_wins_and_longer_keys_do_not_count(write):
    _, header = read_smv(
        write(smv_bytes("DISTANCE=1;\nSIZE1=9;\nSIZE1=4;\nSIZE2=3;\nDISTANCE=2;\nCLOSE_DISTANCE=3;\n"))
    )
    assert header["DISTANCE"] == "2"
    assert header["CLOSE_DISTANCE"] == "3"
    assert header["SIZE1"] == "4"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is not a valid SMV image: it does not start with '{'"),
        (b"P5 4 3 255\n", "is not a valid SMV image: it does not start with '{'"),
        (b"{\nDIM=2;\n}\f", "no HEADER_BYTES"),
        (smv_bytes(header_bytes="many"), "HEADER_BYTES='many' is not a positive integer"),
        (smv_bytes(header_bytes=-512), "HEADER_BYTES='-512' is not a positive integer"),
        (smv_bytes(header_bytes=0), "HEADER_BYTES='0' is not a positive integer"),
        (smv_bytes(header_bytes=99999), "HEADER_BYTES=99999 exceeds the file's 536 bytes"),
        (smv_bytes(header_bytes=40), "no '}' within HEADER_BYTES=40"),
        (smv_bytes("SIZE2=3;\n"), "no SIZE1; add"),
        (smv_bytes("SIZE1=-4;\nSIZE2=3;\n"), "SIZE1='-4' is not a positive integer"),
        (smv_bytes("SIZE1=4;\nSIZE2=0;\n"), "SIZE2='0' is not a positive integer"),
        (smv_bytes("SIZE1=4.5;\nSIZE2=3;\n"), r"SIZE1='4\.5' is not a positive integer"),
        (smv_bytes("SIZE1=4;\nSIZE2=5;\n"), "SIZE2 x SIZE1 = 5 x 4 needs 40 bytes .* the file holds 24"),
        (smv_bytes("SIZE1=9999999999;\nSIZE2=9999999999;\n"), "the file holds 24; correct"),
        (smv_bytes()[:-1], "needs 24 bytes of data, the file holds 23"),
        (smv_bytes() + b"\0", "needs 24 bytes of data, the file holds 25"),
        (smv_bytes(SIZES + "TYPE=long_integer;\n"), "TYPE='long_integer'"),
        (smv_bytes(SIZES + "DIM=3;\n"), "DIM='3'"),
        (smv_bytes(SIZES + "BYTE_ORDER=odd;\n"), "BYTE_ORDER='odd' is unknown; it must be little_endian"),
        (smv_bytes(header_bytes="512;\nHEADER_BYTES=x"), "HEADER_BYTES='x'"),
    ],
)  # fmt: skip
def test_false_header_values_are_reported_with_file_field_value_and_cure(write, content, complaint):
    with pytest.raises(FormatError, match=complaint) as caught:
        read_smv(write(content))
    assert re.search(r"x\.txt( is not a valid SMV image)?: ", str(caught.value))
    assert re.search(r"; [a-z]", str(caught.value))
    assert "\n" not in str(caught.value)


def test_second_header_size_beyond_the_first_block_is_refused(write):
    text = format_header({"NOTE": "x" * 600, "LAST": "y"}).replace("LAST=y", "HEADER_BYTES=7")
    with pytest.raises(FormatError, match="HEADER_BYTES is both 1024 and 7"):
        read_smv(write(text.encode().ljust(1024) + bytes(24)))


@pytest.mark.parametrize("image", [IMAGE.astype(float), IMAGE[0], IMAGE[:0], IMAGE.astype(np.int16)])
def test_values_that_smv_cannot_hold_are_not_written(tmp_path, image):
    with pytest.raises(FormatError, match="uint16"):
        write_smv(tmp_path / "a.img", image)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "entry", [{"A": "1;B=2"}, {"A": "}"}, {"A": "a\nb"}, {"A=B": "1"}, {"": "1"}, {"A": "µ"}, {"A B": 1}]
)
def test_entry_that_would_break_the_header_is_refused(tmp_path, entry):
    with pytest.raises(FormatError, match="cannot be written"):
        write_smv(tmp_path / "a.img", IMAGE, entry)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (MOSFLM[1], "SIZE1=64, the image 4"),
        (format_header({}), "DIM=None"),
        (MOSFLM[1][:-1], "from '{' to '}'"),
        (smv_bytes(header_bytes=80, data=b"").decode().rstrip(" \f"), "HEADER_BYTES=80 is less than"),
    ],
)
def test_text_that_describes_another_file_is_refused(tmp_path, text, complaint):
    with pytest.raises(FormatError, match=complaint):
        write_smv(tmp_path / "a.img", IMAGE, text)


def test_missing_file_is_a_file_error(tmp_path):
    with pytest.raises(FileError, match=r"none\.img: .*check the path"):
        read_smv(tmp_path / "none.img")
    with pytest.raises(FileError, match="name a file in it"):
        read_smv(tmp_path)
