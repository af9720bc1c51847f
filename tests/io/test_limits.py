"""No reader takes more memory than NANOBRAGG_MAX_BYTES, takes long, or raises an error that is not ours."""

from __future__ import annotations

import zipfile
import zlib

import h5py
import numpy as np
import pytest
from PIL import Image

import nanobragg as nb
from fuzzing.sample_files import PDB
from nanobragg import Config, StructureFactors, read_expt
from nanobragg.errors import ConfigError, FileError, FormatError, NanobraggError
from nanobragg.io.atoms import read_atoms
from nanobragg.io.hdf5 import open_hdf5, read_values
from nanobragg.io.hkl import read_hkl, write_hkl
from nanobragg.io.limits import DEFAULT_LIMIT, LIMIT_VARIABLE, byte_limit
from nanobragg.io.npy import read_npz
from nanobragg.io.png import read_png
from nanobragg.io.smv import read_smv, write_smv
from nanobragg.io.text_columns import read_sources
from tests.paths import TESTS


@pytest.fixture
def limited(monkeypatch):
    monkeypatch.setenv(LIMIT_VARIABLE, "10000")


def test_the_limit_is_8_gib_unless_the_environment_sets_it(monkeypatch):
    monkeypatch.delenv(LIMIT_VARIABLE, raising=False)
    assert byte_limit() == DEFAULT_LIMIT == 8 * 2**30
    monkeypatch.setenv(LIMIT_VARIABLE, "1000000")
    assert byte_limit() == 1_000_000


@pytest.mark.parametrize("text", ["", "0", "-1", "8 GB", "1e9", "9" * 30])
def test_a_limit_that_is_not_a_number_of_bytes(monkeypatch, text):
    monkeypatch.setenv(LIMIT_VARIABLE, text)
    with pytest.raises(ConfigError, match=LIMIT_VARIABLE):
        byte_limit()


def test_a_file_of_the_limit_is_read_and_a_larger_one_is_not(monkeypatch, tmp_path):
    write_smv(path := tmp_path / "a.img", np.zeros((10, 10), np.uint16))
    monkeypatch.setenv(LIMIT_VARIABLE, str(512 + 200))
    read_smv(path)
    monkeypatch.setenv(LIMIT_VARIABLE, str(512 + 199))
    with pytest.raises(FormatError, match=rf"needs 712 bytes.*711 allowed.*{LIMIT_VARIABLE}"):
        read_smv(path)


@pytest.mark.parametrize("read", [read_hkl, read_sources, Config.from_toml], ids=["hkl", "sources", "toml"])
def test_an_endless_device(limited, read):
    with pytest.raises(FormatError, match=LIMIT_VARIABLE):
        read("/dev/zero")


def test_a_picture_that_unpacks_beyond_the_limit(limited, tmp_path):
    Image.new("L", (1000, 1000)).save(path := tmp_path / "bomb.png")
    assert path.stat().st_size < 10_000
    with pytest.raises(FormatError, match=LIMIT_VARIABLE):
        read_png(path)


def test_arrays_that_unpack_beyond_the_limit(limited, tmp_path):
    np.savez_compressed(path := tmp_path / "bomb.npz", zeros=np.zeros(100_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(FormatError, match=LIMIT_VARIABLE):
        read_npz(path)


def test_a_table_beyond_the_limit(limited, tmp_path):
    write_hkl(path := tmp_path / "far.hkl", [[0, 0, 0], [20, 20, 20]], [1, 2])
    with pytest.raises(ConfigError, match=r"23 x 23 x 23.*remove the outlying reflections"):
        StructureFactors.from_hkl(path).table()


def test_strict_symmetry_with_too_many_atoms(limited, tmp_path):
    lines = PDB.splitlines()
    operation = "\n".join(lines[4:7])
    copies = [operation.replace("   2 ", f"{number:4} ") for number in range(2, 30)]
    (path := tmp_path / "copies.pdb").write_text("\n".join([*lines[:4], *copies, *lines[7:]]))
    with pytest.raises(FormatError, match=f"every copy of its atoms.*{LIMIT_VARIABLE}"):
        read_atoms(path)


@pytest.mark.parametrize("chunks", [(64, 64), None])
def test_a_dataset_that_was_never_written(limited, tmp_path, chunks):
    with h5py.File(path := tmp_path / "a.h5", "w") as root:
        root.create_dataset("endless", (2**20, 2**20), "f8", chunks=chunks)
        root.create_dataset("chunk", (4,), "u2", maxshape=(None,), chunks=(2**28,), compression="gzip")
    for name in ("endless", "chunk"):
        with open_hdf5(path) as root, pytest.raises(FormatError, match=f"{name} needs.*{LIMIT_VARIABLE}"):
            read_values(root[name])


@pytest.mark.parametrize("number", ["1" + "0" * 400, "NaN", "1e999"])
def test_a_number_beyond_what_floats_hold(tmp_path, number):
    text = (TESTS / "expt" / "made.expt").read_text()
    (path := tmp_path / "a.expt").write_text(text.replace("0.9795", number))
    with pytest.raises(FormatError, match="wavelength"):
        read_expt(path)


def test_arrays_whose_header_contradicts_their_size(tmp_path):
    np.savez(path := tmp_path / "a.npz", a=np.zeros(3))
    content = path.read_bytes()
    old, new = content, content.replace(b"(3,)", b"(9,)")
    header = old[old.index(b"\x93NUMPY") : old.index(b"PK\x01")]
    crc, changed = (zlib.crc32(part).to_bytes(4, "little") for part in (header, header.replace(b"(3,)", b"(9,)")))
    path.write_bytes(new.replace(crc, changed))
    with pytest.raises(FormatError, match=r"a.npz, .a.npy.: shape = 9 needs 72 bytes of data, the file holds 24"):
        read_npz(path)


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([1j]), np.array([(1,)], [("a", int)])])
def test_arrays_that_do_not_hold_numbers(tmp_path, array):
    np.savez(path := tmp_path / "a.npz", a=array)
    with pytest.raises(FormatError, match="must hold numbers, not"):
        read_npz(path)


@pytest.mark.parametrize(
    "array", [np.arange(12.0).reshape(3, 4).T, np.array(True), np.arange(3, dtype=">i2"), np.zeros(0)]
)
def test_arrays_are_read_back_unchanged(tmp_path, array):
    np.savez(path := tmp_path / "a.npz", a=array)
    found = read_npz(path)["a"]
    assert np.array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=")
    assert found.flags.writeable


def test_a_number_of_endless_digits_is_refused(tmp_path):
    (path := tmp_path / "long.txt").write_text("1" * 300_000 + "x")
    with pytest.raises(FormatError, match="is not a finite number"):
        read_sources(path)


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_a_name_that_no_file_can_have(name):
    with pytest.raises(FileError, match="is not a valid file name"):
        read_hkl(name)


@pytest.mark.parametrize("text", ["schema = 1\nx = " + "[" * 5000, "schema = 1\n" + "[a" + ".a" * 5000 + "]"])
def test_toml_nested_too_deeply(tmp_path, text):
    (path := tmp_path / "deep.toml").write_text(text)
    with pytest.raises(FormatError, match="nested too deeply"):
        Config.from_toml(path)


def test_a_number_of_more_digits_than_python_spells(tmp_path):
    """TOML's hexadecimal integers have no limit of digits."""
    (path := tmp_path / "a.toml").write_text("[beam]\nwavelength_A = 0x" + "f" * 4000)
    with pytest.raises(ConfigError, match=r"wavelength_A = an integer of 4817 digits"):
        nb.Config.from_toml(path)
    for number in (10**5000, -(10**5000), [10**5000]):
        for use in (
            lambda: nb.Crystal(cell=(10, 20, 30), n_cells=number),  # noqa: B023
            lambda: nb.Spectrum(wavelengths_A=number, weights=[1]),  # noqa: B023
            lambda: nb.c_noise([[1.0]], number),  # noqa: B023
            lambda: nb.read_image(path, format="npy", index=number),  # noqa: B023
            lambda: nb.Noise(seed=number),  # noqa: B023
        ):
            with pytest.raises(ConfigError) as caught:
                use()
            assert len(str(caught.value)) < 300


def test_toml_number_of_more_digits_than_python_reads(tmp_path):
    (path := tmp_path / "long.toml").write_text("schema = " + "1" * 5000)
    with pytest.raises(FormatError, match="is not valid TOML"):
        Config.from_toml(path)


def test_messages_hold_no_terminal_control_characters(tmp_path):
    assert str(NanobraggError("\x1b[2J \x9b \x07 é 中 \ud800")) == r"\x1b[2J \x9b \x07 é 中 \ud800"
    assert str(FileError("a\x1bb")) == r"a\x1bb"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_arrays_packed_by_methods_that_unpack_as_a_whole(tmp_path, method):
    """NumPy writes deflate only; a few hundred bytes of these make gigabytes."""
    with zipfile.ZipFile(path := tmp_path / "a.npz", "w", method) as packed:
        packed.writestr("a.npy", bytes(10**6))
    with pytest.raises(FormatError, match="only deflate is read"):
        read_npz(path)


def test_arrays_that_hold_more_than_their_stated_size(tmp_path):
    with zipfile.ZipFile(path := tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.npy", bytes(10**7))
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):  # uncompressed size of either header
        at = content.index(signature) + offset
        content[at : at + 4] = (100).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.npz"):
        read_npz(path)


@pytest.mark.parametrize(
    "text",
    [
        "a" + ".a" * 20_000 + " = 1",
        "[a" + ' . "b"' * 20_000 + "]",
        "x = " + "[" * 17 + "]" * 17,
        "x = " + "{a = " * 17 + "1" + "}" * 17,
        "x = '" + "y" * 2**18 + "'",
        'x = "' + '\\"' * 60_000,
    ],
    ids=["dotted key", "dotted table", "arrays", "inline tables", "size", "string without an end"],
)
def test_toml_that_would_take_quadratic_time_is_refused_before_it_is_parsed(tmp_path, text):
    (path := tmp_path / "a.toml").write_text(f"schema = 1\n{text}\n")
    with pytest.raises(NanobraggError, match=r"a\.toml"):
        Config.from_toml(path)


def test_dots_and_brackets_in_texts_and_comments_are_not_levels(tmp_path):
    text = "schema = 1 # " + "[a." * 50 + '\ncompat = "' + "a.[{" * 50 + '"\n'
    (path := tmp_path / "a.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"Config\.compat"):
        Config.from_toml(path)


@pytest.mark.filterwarnings("ignore:.*no occupancy:nanobragg.errors.NanobraggWarning")
@pytest.mark.parametrize("edge", ["5e-324", "1e-9", "1e-3", "1e9"])
def test_cells_that_libraries_cannot_process(tmp_path, edge):
    (path := tmp_path / "a.cif").write_text(small_cif(edge))
    with pytest.raises(FormatError, match=r"an edge|far too large"):
        StructureFactors.from_coordinates(path, d_min_A=8, k_sol=0)


def small_cif(edge):
    """Return a CIF of one atom in a cell with a given edge c."""
    lengths = f"_cell_length_a 20\n_cell_length_b 21\n_cell_length_c {edge}\n"
    angles = "_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n_space_group_name_H-M_alt 'P 1'\n"
    atoms = (
        "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    )
    return f"data_a\n{lengths}{angles}{atoms}C1 C 0.1 0.2 0.3\n"


@pytest.mark.parametrize("index", [2**31 - 1, -(2**31 - 1), 2**30 + 1])
def test_indices_whose_table_has_no_border_in_32_bits(tmp_path, index):
    (path := tmp_path / "a.hkl").write_text(f"{index} 0 0 5\n")
    with pytest.raises(FormatError, match="an index"):
        StructureFactors.from_hkl(path)
