"""Compressed files and byte-order marks: recognised by their first bytes, unpacked within the limit, or named."""

import bz2
import codecs
import gzip
import lzma

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import FileError, FormatError, NanobraggError
from nanobragg.io.fdump import read_fdump, write_fdump
from nanobragg.io.input_file import read_text
from nanobragg.io.limits import LIMIT_VARIABLE
from nanobragg.io.mosflm_matrix import read_matrix
from nanobragg.io.mtz import read_mtz
from nanobragg.io.text_columns import read_sources
from tests import builders
from tests.paths import INPUTS
from tests.structure_factors.mtz_files import write_mtz

IMAGE = np.arange(12, dtype=np.uint16).reshape(3, 4)
PACK = {".gz": gzip.compress, ".bz2": bz2.compress}
SUFFIXES = [".img", ".cbf", ".tif", ".npy", ".png", ".pgm", ".bin"]


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_compressed_image_is_read_under_either_name(tmp_path, suffix, packing):
    plain = tmp_path / f"a{suffix}"
    nb.write_image(plain, IMAGE.astype(np.uint8) if suffix == ".pgm" else IMAGE)
    content = PACK[packing](plain.read_bytes())
    (tmp_path / f"a{suffix}{packing}").write_bytes(content)
    options = {"shape": IMAGE.shape} if suffix == ".bin" else {}
    assert np.array_equal(nb.read_image(tmp_path / f"a{suffix}{packing}", **options)[0], IMAGE)
    if suffix != ".bin":  # raw numbers may start with any bytes
        plain.write_bytes(content)
        assert np.array_equal(nb.read_image(plain)[0], IMAGE)


@pytest.mark.parametrize("packing", PACK)
def test_compressed_reflections_and_coordinates_are_read(tmp_path, packing):
    pack = PACK[packing]
    mtz = write_mtz(tmp_path / "a.mtz", {"F": ("F", [1, 2, 3, 4])})
    small = INPUTS / "small.cif"
    for path in (mtz, small):
        (tmp_path / f"{path.name}{packing}").write_bytes(pack(path.read_bytes()))
    assert read_mtz(tmp_path / f"a.mtz{packing}").amplitudes.tolist() == [1, 2, 3, 4]
    of_type = nb.StructureFactors(path=tmp_path / f"a.mtz{packing}")
    assert of_type.kind == "mtz"
    plain, packed = (
        nb.StructureFactors.from_coordinates(path, d_min_A=2) for path in (small, tmp_path / f"small.cif{packing}")
    )
    assert np.array_equal(plain.listing[1], packed.listing[1])


def test_other_compressed_inputs_are_read(tmp_path):
    (tmp_path / "A.mat").write_bytes(gzip.compress(b"1 0 0 0 1 0 0 0 1"))
    assert np.array_equal(read_matrix(tmp_path / "A.mat"), np.eye(3))
    write_fdump(tmp_path / "F.bin", 0, 0, 0, np.ones((2, 3, 4)))
    (tmp_path / "F.bin").write_bytes(bz2.compress((tmp_path / "F.bin").read_bytes()))
    assert read_fdump(tmp_path / "F.bin")[3].shape == (2, 3, 4)


def test_an_image_is_not_written_under_the_name_of_a_compressed_one(tmp_path):
    with pytest.raises(NanobraggError, match=r"'\.gz' is not a valid image suffix"):
        nb.write_image(tmp_path / "a.cbf.gz", IMAGE)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (lzma.compress(b"data_x"), "is compressed with xz, which is not read; unpack it first"),
        (b"\x28\xb5\x2f\xfd rest", "is compressed with Zstandard"),
        (b"PK\x03\x04 rest", "is a zip archive, which is not read; unpack it first"),
        (gzip.compress(b"data_x\n" * 99)[:-9], "is not valid gzip .*fetch the whole file again"),
        (bz2.compress(b"data_x\n" * 99)[:-9], "is not valid bzip2"),
        (gzip.compress(b"data_x\n")[:-8] + b"12345678", "is not valid gzip"),
    ],
)
def test_what_cannot_be_unpacked_is_named(write, content, told):
    with pytest.raises(FormatError, match=told):
        nb.StructureFactors.from_cif(write(content))


@pytest.mark.parametrize("packing", PACK)
def test_unpacking_stops_at_the_limit(write, monkeypatch, packing):
    monkeypatch.setenv(LIMIT_VARIABLE, "100000")
    with pytest.raises(FormatError, match=r"its unpacked content needs .* more than the 100000 allowed"):
        read_text(write(PACK[packing](bytes(10_000_000))))


def test_a_compressed_hdf5_file_is_named(tmp_path):
    (tmp_path / "a.h5").write_bytes(gzip.compress(b"\x89HDF"))
    with pytest.raises(FormatError, match="is compressed as a whole, which is not read for HDF5; unpack it first"):
        nb.read_image(tmp_path / "a.h5")


MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("encoding", MARKS)
def test_a_byte_order_mark_is_skipped(tmp_path, encoding):
    def marked(name, text):
        (tmp_path / name).write_bytes(MARKS[encoding] + text.encode(encoding))
        return tmp_path / name

    small = (INPUTS / "small.cif").read_text()
    plain = nb.StructureFactors.from_coordinates(INPUTS / "small.cif", d_min_A=2)
    again = nb.StructureFactors.from_coordinates(marked("a.cif", small), d_min_A=2)
    assert np.array_equal(again.listing[1], plain.listing[1])
    assert read_sources(marked("sources", "-10 0 0 1 1e-10\n")).tolist() == [[-10, 0, 0, 1, 1e-10]]
    assert nb.StructureFactors.from_hkl(marked("a.hkl", "1 2 3 4\n")).listing[1].tolist() == [4]
    builders.config().to_toml(tmp_path / "plain.toml")
    assert nb.Config.from_toml(marked("a.toml", (tmp_path / "plain.toml").read_text())) == builders.config()


def test_a_missing_compressed_file_is_a_file_error(tmp_path):
    with pytest.raises(FileError, match="check the path"):
        nb.read_image(tmp_path / "none.cbf.gz")
