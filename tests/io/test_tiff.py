"""TIFF: Pillow and fabio read what was written, and values that do not fit are refused."""

import fabio
import numpy as np
import pytest
from PIL import Image

import nanobragg as nb
from nanobragg.config.digest import config_digest
from nanobragg.errors import FileError, FormatError
from nanobragg.io.tiff import read_tiff, write_tiff
from tests import builders

VALUES = np.arange(12).reshape(3, 4)


@pytest.mark.parametrize(
    ("given", "stored"),
    [("u1", "u1"), ("u2", "u2"), (">u2", "u2"), ("i4", "i4"), ("f4", "f4"), ("f8", "f4"), ("u4", "i4"), ("i8", "i4"),
     ("i2", "i4")],
)  # fmt: skip
def test_images_come_back_equal(tmp_path, given, stored):
    image = (VALUES * 20).astype(given)
    nb.write_image(tmp_path / "a.tif", image)
    again, metadata = nb.read_image(tmp_path / "a.tif")
    assert np.array_equal(again, image)
    assert again.dtype == np.dtype(stored)
    assert again.flags.writeable
    assert metadata == {}
    with Image.open(tmp_path / "a.tif") as theirs:
        assert np.array_equal(np.array(theirs), image)
    with fabio.open(tmp_path / "a.tif") as theirs:
        assert np.array_equal(theirs.data, image)


def test_extreme_values_fit(tmp_path):
    for image in (np.array([[0, 65535]], np.uint16), np.array([[-(2**31), 2**31 - 1]], np.int32)):
        write_tiff(tmp_path / "a.tiff", image)
        assert np.array_equal(read_tiff(tmp_path / "a.tiff")[0], image)


def test_the_description_stores_the_provenance(tmp_path):
    config = builders.config(detector=nb.Detector.flat(pixels=(3, 4)))
    nb.write_image(tmp_path / "a.tif", VALUES.astype(np.float32), config=config, noise_seed=5)
    _, metadata = nb.read_image(tmp_path / "a.tif")
    assert f"CONFIG_SHA256 {config_digest(config)}" in metadata["description"]
    assert "NOISE_SEED 5" in metadata["description"]


@pytest.mark.parametrize("image", [np.full((2, 2), 2**32 - 1, np.uint32), np.full((2, 2), -(2**40))])
def test_what_does_not_fit_is_refused(tmp_path, image):
    with pytest.raises(FormatError, match=r"slow 0, fast 0\) = .* does not fit into TIFF's int32"):
        nb.write_image(tmp_path / "a.tif", image)
    assert list(tmp_path.iterdir()) == []


def test_colours_are_refused(tmp_path):
    Image.new("RGB", (3, 3)).save(tmp_path / "a.tif")
    with pytest.raises(FormatError, match="only one grey channel is read"):
        read_tiff(tmp_path / "a.tif")


@pytest.mark.parametrize("length", [0, 8, 60, -5])
def test_a_truncated_file_is_refused(tmp_path, length):
    write_tiff(tmp_path / "a.tif", VALUES.astype(np.float32))
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:length])
    with pytest.raises(FormatError, match=r"a\.tif is not a valid TIFF"):
        read_tiff(tmp_path / "a.tif")


def test_wrong_and_missing_files_are_refused(tmp_path):
    Image.fromarray(VALUES.astype(np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(FormatError, match="is not a valid TIFF"):
        read_tiff(tmp_path / "a.png")
    with pytest.raises(FileError, match="check the path"):
        read_tiff(tmp_path / "none.tif")
    with pytest.raises(FileError, match="make the folder first"):
        write_tiff(tmp_path / "none" / "a.tif", VALUES)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_missing_strips_are_not_read_as_zeros(tmp_path, compression):
    """The directory promises more rows than it has strips for."""
    picture = Image.fromarray(np.arange(40, dtype=np.uint16).reshape(8, 5))
    picture.save(path := tmp_path / "a.tif", compression=compression, tiffinfo={278: 8})
    content = bytearray(path.read_bytes())
    assert content.count(b"\x01\x01\x03\x00\x01\x00\x00\x00\x08\x00") + content.count(
        b"\x01\x01\x04\x00\x01\x00\x00\x00\x08\x00"
    )
    for kind in (3, 4):
        old = b"\x01\x01" + bytes([kind]) + b"\x00\x01\x00\x00\x00\x08\x00"
        content = bytearray(bytes(content).replace(old, old[:-2] + b"\x10\x00"))
    path.write_bytes(content)
    with pytest.raises(FormatError, match="is not a valid TIFF"):
        read_tiff(path)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_libtiff_prints_nothing_about_a_damaged_strip(tmp_path, compression, capfd):
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 60000, (30, 40)).astype(np.uint16))
    picture.save(path := tmp_path / "a.tif", compression=compression)
    content = bytearray(path.read_bytes())
    with Image.open(path) as picture:
        start = picture.tag_v2[273][0]
    content[start : start + 40] = b"\xff" * 40
    path.write_bytes(content)
    with pytest.raises(FormatError, match="is not a valid TIFF"):
        read_tiff(path)
    assert capfd.readouterr() == ("", "")
