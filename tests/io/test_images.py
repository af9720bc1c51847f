"""Images in every other format, and the choice of the format by suffix."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

import nanobragg as nb
from nanobragg.errors import ConfigError, FileError, FormatError
from nanobragg.io import read_image, write_image
from nanobragg.io.float_image import read_float_image, write_float_image
from nanobragg.io.npy import read_npy
from nanobragg.io.pgm import read_pgm, write_pgm
from nanobragg.io.png import read_png, render_grey, write_png

BYTES = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
WORDS = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
PHOTONS = np.linspace(0, 7.5, 12).reshape(3, 4)


@pytest.mark.parametrize(
    ("name", "image"),
    [("a.img", WORDS), ("a.SMV", WORDS), ("a.npy", PHOTONS), ("a.bin", PHOTONS.astype(np.float32)),
     ("a.png", BYTES), ("b.png", WORDS), ("a.pgm", BYTES)],
)  # fmt: skip
def test_every_suffix_reads_back_what_it_wrote(tmp_path, name, image):
    write_image(tmp_path / name, image)
    again, _ = read_image(tmp_path / name, shape=(3, 4))
    assert np.array_equal(again, image)
    assert again.dtype == image.dtype
    assert again.flags.writeable


def test_metadata_are_kept_where_the_format_can_hold_them(tmp_path):
    write_image(tmp_path / "a.img", WORDS, {"DISTANCE": 123.456, "SIZE1": 99})
    assert read_image(tmp_path / "a.img")[1]["DISTANCE"] == "123.456"
    assert read_image(tmp_path / "a.img")[1]["SIZE1"] == "4"
    write_image(tmp_path / "a.pgm", BYTES, {"scale": 2.5})
    assert read_image(tmp_path / "a.pgm")[1] == {"scale": 2.5}


def test_format_overrides_the_suffix(tmp_path):
    write_image(tmp_path / "a.dat", WORDS, format="smv")
    assert np.array_equal(read_image(tmp_path / "a.dat", format="smv")[0], WORDS)


@pytest.mark.parametrize("name", ["a.jpg", "a", ".img"])
def test_unknown_suffix_lists_the_known_ones(tmp_path, name):
    for attempt in (lambda: read_image(tmp_path / name), lambda: write_image(tmp_path / name, WORDS)):
        with pytest.raises(ConfigError, match=r"\.img \.smv \.bin \.npy \.png \.pgm \.cbf \.tif \.tiff \.nxs"):
            attempt()


def test_unknown_format_lists_the_known_ones(tmp_path):
    with pytest.raises(ConfigError, match="'jpeg' is unknown; choose one of smv bin npy png pgm cbf tiff nexus"):
        read_image(tmp_path / "a.img", format="jpeg")


@pytest.mark.parametrize("value", [-1.0, 0.5, 65536.0, np.nan, np.inf])
def test_smv_refuses_photons_that_it_cannot_hold(tmp_path, value):
    image = np.array([[0.0, 1.0], [value, 65535.0]])
    with pytest.raises(FormatError, match=r"slow 1, fast 0\) = .* 0 to 65535; scale"):
        write_image(tmp_path / "a.img", image)
    assert list(tmp_path.iterdir()) == []


def test_smv_takes_whole_numbers_of_any_type(tmp_path):
    write_image(tmp_path / "a.img", WORDS.astype(np.float64))
    assert np.array_equal(read_image(tmp_path / "a.img")[0], WORDS)


@pytest.mark.parametrize("image", [[1, 2], [[[1]]], [[]], [["a"]], [[1j]], 5])
@pytest.mark.parametrize("suffix", ["img", "bin", "npy", "png", "pgm"])
def test_arrays_that_are_not_images_are_refused(tmp_path, suffix, image):
    with pytest.raises(FormatError, match=r"\(slow, fast\) image"):
        write_image(tmp_path / f"a.{suffix}", image)


def test_photons_become_a_picture(tmp_path):
    write_image(tmp_path / "a.png", PHOTONS)
    assert np.array_equal(read_image(tmp_path / "a.png")[0], render_grey(PHOTONS))
    nb.write_image(tmp_path / "a.pgm", PHOTONS, {"scale": 10})
    assert np.array_equal(read_image(tmp_path / "a.pgm")[0], np.floor(PHOTONS.astype(np.float32) * 10.0))
    nb.write_image(tmp_path / "b.pgm", np.array([[0.0, 0.0], [0.0, 8.0]]))
    grey, metadata = read_image(tmp_path / "b.pgm")
    assert grey.tolist() == [[0, 0], [0, 100]]  # 250 / (5 rmsd), rmsd 4
    assert metadata == {"scale": 12.5}


def test_a_comment_that_only_looks_like_a_scale_is_a_comment(tmp_path):
    write_image(tmp_path / "a.pgm", BYTES, {"scale": 2.5})
    content = (tmp_path / "a.pgm").read_bytes()
    assert content.count(b"scaled by 2.5\n") == 1
    (tmp_path / "a.pgm").write_bytes(content.replace(b"scaled by 2.5\n", b"scaled by 2.5.\n"))
    image, metadata = read_image(tmp_path / "a.pgm")
    assert np.array_equal(image, BYTES)
    assert metadata == {}


def test_image_of_another_shape_than_expected_is_refused(tmp_path):
    write_image(tmp_path / "a.npy", PHOTONS)
    with pytest.raises(FormatError, match=r"\(3, 4\), not shape=\(4, 3\)"):
        read_image(tmp_path / "a.npy", shape=(4, 3))


def test_importing_the_package_imports_no_format():
    code = "import sys, nanobragg.io; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "nanobragg.io" in loaded
    assert not {"PIL", "nanobragg.io.smv", "nanobragg.io.png"} & set(loaded)


# float image


def test_float_image_is_little_endian_floats_fast_first(tmp_path):
    write_float_image(tmp_path / "a.bin", PHOTONS)
    assert (tmp_path / "a.bin").read_bytes() == PHOTONS.astype("<f4").tobytes()


@given(arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5))))
def test_float_image_reads_back_bit_for_bit(tmp_path_factory, image):
    path = tmp_path_factory.getbasetemp() / "roundtrip.bin"
    write_float_image(path, image)
    assert read_float_image(path, image.shape).tobytes() == image.tobytes()


@pytest.mark.parametrize("shape", [None, (0, 4), (4,)])
def test_float_image_without_shape_suggests_one(tmp_path, shape):
    write_float_image(tmp_path / "a.bin", np.zeros((4, 4)))
    with pytest.raises(ConfigError, match=r"^shape: .*16 floats.*shape=\(4, 4\)"):
        read_float_image(tmp_path / "a.bin", shape)


def test_float_image_of_another_size_is_refused(tmp_path):
    write_float_image(tmp_path / "a.bin", PHOTONS)
    with pytest.raises(FormatError, match=r"shape = 5 x 4 needs 80 bytes of data, the file holds 48"):
        read_float_image(tmp_path / "a.bin", (5, 4))


def test_float_image_refuses_what_would_become_infinite(tmp_path):
    with pytest.raises(FormatError, match=r"exceeds 3\.4e38"):
        write_float_image(tmp_path / "a.bin", np.array([[1e39]]))


# npy


def test_npy_in_fortran_order_and_other_byte_order_is_read(tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(PHOTONS.astype(">f8")))
    image = read_npy(tmp_path / "a.npy")
    assert np.array_equal(image, PHOTONS)
    assert image.dtype.isnative
    assert image.flags.c_contiguous


def test_npy_with_a_false_size_is_refused_before_memory_is_allocated(tmp_path):
    np.save(tmp_path / "a.npy", PHOTONS)
    lie = (tmp_path / "a.npy").read_bytes().replace(b"(3, 4), }          ", b"(3, 4000000000), } ")
    (tmp_path / "a.npy").write_bytes(lie)
    with pytest.raises(FormatError, match="3 x 4000000000 needs 96000000000 bytes of data, the file holds 96"):
        read_npy(tmp_path / "a.npy")


def test_npy_with_objects_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[{}]]), allow_pickle=True)
    with pytest.raises(FormatError, match="numbers, not object"):
        read_npy(tmp_path / "a.npy")


# pgm


def test_pgm_is_what_the_c_program_writes(tmp_path):
    write_pgm(tmp_path / "a.pgm", BYTES, 7544.5793)
    expected = b"P5\n4 3\n# pixels scaled by 7544.58\n255\n" + BYTES.tobytes()
    assert (tmp_path / "a.pgm").read_bytes() == expected


def test_pillow_reads_our_pgm_and_we_read_pillows(tmp_path):
    write_pgm(tmp_path / "a.pgm", BYTES, 2.0)
    with Image.open(tmp_path / "a.pgm") as theirs:
        assert np.array_equal(np.array(theirs), BYTES)
    Image.fromarray(BYTES).save(tmp_path / "b.pgm")
    image, scale = read_pgm(tmp_path / "b.pgm")
    assert np.array_equal(image, BYTES)
    assert scale is None


def test_pgm_whose_first_pixels_look_like_blanks(tmp_path):
    image = np.full((2, 3), ord(" "), dtype=np.uint8)
    write_pgm(tmp_path / "a.pgm", image)
    assert np.array_equal(read_pgm(tmp_path / "a.pgm")[0], image)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "P5 header"),
        (b"P2\n1 1\n255\n0", "P5 header"),
        (b"P5\n4 3\n", "P5 header"),
        (b"P5\n4 -3\n255\n" + bytes(12), "P5 header"),
        (b"P5\n0 3\n255\n", "sizes must be positive"),
        (b"P5\n2 1\n65535\n" + bytes(4), "maximum 65535"),
        (b"P5\n4 3\n255\n" + bytes(11), "height x width = 3 x 4 needs 12 bytes of data, the file holds 11"),
        (b"P5\n9999999999 9999999999\n255\n", "the file holds 0"),
    ],
)
def test_broken_pgm_is_refused(tmp_path, content, complaint):
    (tmp_path / "a.pgm").write_bytes(content)
    with pytest.raises(FormatError, match=rf"a\.pgm: .*{complaint}"):
        read_pgm(tmp_path / "a.pgm")


# png


@pytest.mark.parametrize("image", [BYTES, WORDS])
def test_png_top_row_is_the_first_slow_row(tmp_path, image):
    write_png(tmp_path / "a.png", image)
    with Image.open(tmp_path / "a.png") as theirs:
        assert theirs.size == (4, 3)
        assert theirs.getpixel((1, 2)) == image[2, 1]
    assert np.array_equal(read_png(tmp_path / "a.png"), image)


def test_coloured_png_is_refused(tmp_path):
    Image.new("RGB", (3, 3)).save(tmp_path / "a.png")
    with pytest.raises(FormatError, match="colour mode RGB"):
        read_png(tmp_path / "a.png")


def test_broken_png_is_refused(tmp_path):
    write_png(tmp_path / "a.png", WORDS)
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:-30])
    with pytest.raises(FormatError, match=r"a\.png is not a valid PNG"):
        read_png(tmp_path / "a.png")


@pytest.mark.parametrize("reader", [read_png, read_npy, read_pgm])
def test_missing_image_is_a_file_error(tmp_path, reader):
    with pytest.raises(FileError, match="check the path"):
        reader(tmp_path / "none")


def test_spots_are_dark_on_a_white_background():
    image = np.random.default_rng(1).poisson(2.0, (100, 100)).astype(float)
    image[40:43, 50:60] = 1000.0
    grey = render_grey(image)
    assert (grey[40:43, 50:60] == 0).all()
    assert np.delete(grey, range(40, 43), axis=0).mean() > 245


def test_one_hot_pixel_does_not_bleach_the_picture():
    image = np.linspace(0, 100, 10_000).reshape(100, 100)
    calm = render_grey(image)
    image[50, 50] = 1e9
    assert np.abs(np.delete(render_grey(image), 50, axis=0).astype(int) - np.delete(calm, 50, axis=0)).max() <= 1


def test_a_single_lit_pixel_is_black():
    image = np.zeros((100, 100))
    image[3, 4] = 1e-20
    grey = render_grey(image)
    assert grey[3, 4] == 0
    assert (grey == 255).sum() == image.size - 1


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan, np.inf])
def test_flat_image_is_white(value):
    assert (render_grey(np.full((4, 4), value)) == 255).all()


def test_nan_is_white_and_infinity_is_black():
    image = np.linspace(0.0, 1.0, 1000).reshape(10, 100)
    image[0, :3] = np.nan, np.inf, -np.inf
    assert render_grey(image)[0, :3].tolist() == [255, 0, 255]
