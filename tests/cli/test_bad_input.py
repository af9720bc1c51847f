"""Bad input gives one clear line, exit code 2, no traceback and no output file; unwanted images give a warning."""

from __future__ import annotations

import os
import shlex
import struct
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg import cli
from nanobragg.io.smv import write_smv
from tests.paths import INPUTS

GOOD = "-cell 70 80 90 -default_F 100 -N 3 -detpixels 16 -pixel 0.5 -noprogress -seed 1"
KEPT = {
    "floatimage.bin": b"an earlier run's",
    "intimage.img": b"files",
    "image.pgm": b"stay",
    "noiseimage.img": b"as they are",
}


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Return a function that runs a command line which must fail, and returns its one line on stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inputs").symlink_to(INPUTS)

    def run(line: str) -> str:
        for name, content in KEPT.items():
            (tmp_path / name).write_bytes(content)
        before = sorted(path.name for path in tmp_path.iterdir())
        code = cli.main(shlex.split(line))
        _, err = capsys.readouterr()
        *warned, error = err.splitlines()
        assert code == 2
        assert error.startswith("nanobragg: error: ")
        assert all(text.startswith("nanobragg: warning: ") for text in warned)
        assert sorted(path.name for path in tmp_path.iterdir()) == before
        assert {name: (tmp_path / name).read_bytes() for name in KEPT} == KEPT
        return error

    return run


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("-cell 70 80 90 90 90 200", "200"),
        ("-cell 70 80 90 30 30 100", "100"),
        ("-cell 70 80 90 120 120 130", "360"),
        ("-cell 0 80 90", "positive"),
        ("-cell -70 80 90", "positive"),
        ("-pixel 0", "-pixel 0"),
        ("-pixel -0.1", "-pixel -0.1"),
        ("-detpixels -5", "-detpixels"),
        ("-detpixels 0 -detsize -4", "-detsize_"),
        ("-distance 0", "-distance 0"),
        ("-distance -10", "-distance -10"),
        ("-lambda 0", "wavelength"),
        ("-lambda -1", "wavelength"),
        ("-beam_vector 0 0 1 -polar_vector 0 0 1", "contains the sample"),
        ("-fdet_vector 0 0 1 -sdet_vector 0 0 1", "parallel"),
        ("-fdet_vector 0 0 0", "zero"),
        ("-distance nan", "-distance nan"),
        ("-cell 70 nan 90", "nan"),
        ("-lambda inf", "-lambda inf"),
        ("-distance", "-distance: needs D in mm; got nothing"),
        ("-misset 1 2", "-misset"),
        ("-hkl", "-hkl"),
        ("-distanc 3", "did you mean -distance"),
        ("-detpixel 3", "did you mean -detpixels"),
        ("stray", "stray"),
        ("-hkl nowhere.hkl", "nowhere.hkl"),
        ("-hkl inputs", "inputs"),
        ("-mat nowhere.mat", "nowhere.mat"),
        ("-sourcefile nowhere.txt", "nowhere.txt"),
        ("-mask nowhere.img", "nowhere.img"),
        ("-img nowhere.img", "nowhere.img"),
        ("-seed many", "-seed many"),
        ("-threads 0", "-threads 0"),
        ("-roi 10 5 0 15", "roi"),
        ("-osc 0 -phistep 1", "-osc 0"),
        ("-exact -polar 2", "kahn"),
        (
            "-floatfile nowhere/f.bin",
            "nowhere/f.bin: cannot be written (No such file or directory); make the folder first",
        ),
        ("-intfile inputs", "it is a folder"),
        ("-noisefile floatimage.bin/n.img", "floatimage.bin/n.img"),
    ],
)
def test_a_mistake_in_the_flags(refused, flags, told):
    assert told in refused(f"{GOOD} {flags}")


def test_an_hkl_line_that_is_not_four_numbers_is_shown_with_file_and_number(refused, tmp_path):
    (tmp_path / "bad.hkl").write_text("1 2 3 4.5\n1 2 x 4.5\n")
    error = refused(f"{GOOD} -hkl bad.hkl")
    assert "bad.hkl" in error
    assert "2" in error
    assert "1 2 x 4.5" in error


def test_an_mtz_file_given_as_hkl(refused, tmp_path):
    (tmp_path / "data.MTZ").write_bytes(b"MTZ \x00\x00\xff")
    assert "data.MTZ is not a text file of h k l F; read it with StructureFactors.from_mtz" in refused(
        f"{GOOD} -hkl data.MTZ"
    )


def test_a_table_too_large_for_memory(refused, tmp_path):
    (tmp_path / "wide.hkl").write_text("-900000 -900000 -900000 1\n900000 900000 900000 1\n")
    error = refused(f"{GOOD} -hkl wide.hkl")
    assert "wide.hkl" in error
    assert "1800003" in error


def test_contradicting_fields_of_a_toml_file(refused, tmp_path):
    (tmp_path / "two.toml").write_text(
        "schema = 1\n[crystal]\ncell = [70, 80, 90, 90, 90, 90]\n[structure_factors]\ndefault_F = 1\n"
        "[beam]\nwavelength_A = 1\nenergy_eV = 12000\n[[detector.panels]]\norigin_mm = [100, 0, 0]\n"
        "fast_axis = [0, 0, 1]\nslow_axis = [0, -1, 0]\npixels = [4, 4]\n"
    )
    error = refused("simulate two.toml -o out.img")
    assert "energy_eV" in error
    assert "wavelength_A" in error


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("simulate nowhere.toml -o out.img", "nowhere.toml"),
        ("simulate broken.toml -o out.img", "is not valid TOML"),
        ("simulate inputs/six.hkl -o out.img", "is not valid TOML"),
        ("simulate still.toml -o out.jpg", "'.jpg' is not a valid image suffix"),
        ("simulate still.toml -o out.nxs --images 0", "--images 0: must be at least 1"),
        ("simulate still.toml -o out.nxs --images 2", "Scan.range_deg: a series needs the width of an image"),
        ("simulate still.toml -o out.img --images 1", "out.img: a series needs a placeholder for the number of"),
        ("simulate still.toml -o missing/out.nxs", "make the folder first"),
        ("convert inputs/mask_64.img out.nxs", "an NXmx file describes the whole experiment; give its Config"),
        ("convert inputs/mask_64.img out.npy --image 0", "--image 0: must be at least 1"),
        ("convert inputs/mask_64.img out.npy --image 2", "holds one image; only NXmx files hold several"),
        ("convert inputs/mask_64.img out.nxs --config still.toml", "has shape (64, 64), the Config's detector"),
        ("simulate still.toml -o nowhere/out.img", "make the folder first"),
        ("simulate still.toml", "-o/--output"),
        ("simulate still.toml -o out.img --seed 3", "--noise"),
        ("simulate still.toml -o out.img --noise --seed -3", "seed"),
        ("simulate still.toml -o out.img --threads 0", "threads = 0"),
        ("simulate still.toml -o out.img --roi :4 :999", "roi = np.s_[:4, :999]: is empty or not within"),
        ("simulate still.toml -o out.img --roi :4 x:1", "argument --roi: 'x:1' is not START:STOP"),
        ("convert nowhere.img out.npy", "nowhere.img"),
        ("convert inputs/mask_64.img out.jpeg", "'.jpeg' is not a valid image suffix"),
        ("convert inputs/mask_64.img nowhere/out.npy", "make the folder first"),
        ("convert inputs/six.hkl out.npy", "is not a valid image suffix"),
        ("convert floatimage.bin out.npy", "--shape"),
        ("convert floatimage.bin out.npy --shape 3 3", "16"),
        ("convert inputs/mask_64.img out.npy --adc 3", "--scale"),
        ("convert inputs/mask_64.img out.npy --scale -1", "scale"),
    ],
)
def test_a_mistake_in_a_command(refused, tmp_path, line, told):
    (tmp_path / "broken.toml").write_text("schema = = 1")
    (tmp_path / "still.toml").write_text(
        "schema = 1\n[crystal]\ncell = [70, 80, 90, 90, 90, 90]\n[structure_factors]\ndefault_F = 1\n"
        "[[detector.panels]]\norigin_mm = [100, 0, 0]\nfast_axis = [0, 0, 1]\nslow_axis = [0, -1, 0]\npixels = [4, 4]\n"
    )
    assert told in refused(line)


@pytest.mark.parametrize("output", ["--truth still.npz", "-o mask.img", "-o ./mask.img", "-o sub/../mask.img"])
def test_an_output_that_would_overwrite_an_input(refused, tmp_path, output):
    (tmp_path / "sub").mkdir()
    shape = (64, 64)
    nb.write_image(tmp_path / "mask.img", np.ones(shape, np.uint16))
    config = nb.Config(
        crystal=nb.Crystal(cell=(70,)),
        structure_factors=nb.StructureFactors(indices=[[1, 0, 0]], amplitudes=[5.0], default_F=1),
        detector=nb.Detector.flat(distance_mm=100, pixels=shape, pixel_mm=0.4, mask=tmp_path / "mask.img"),
    )
    config.to_toml(tmp_path / "still.toml")
    kept = (tmp_path / "still.npz").read_bytes(), (tmp_path / "mask.img").read_bytes()
    message = refused(f"simulate still.toml -o out.img {output}")
    assert "is an input file; choose another name" in message
    nb.write_image(tmp_path / "some.npy", np.ones(shape))
    assert refused(f"simulate still.toml -o out.img {output} --pixels some.npy") == message
    assert ((tmp_path / "still.npz").read_bytes(), (tmp_path / "mask.img").read_bytes()) == kept


@pytest.mark.parametrize(
    "line",
    ["convert a.png a.png", "convert a.png ./a.png", "plot a.png -o a.png", "refine a.toml a.png --vary n -o a.toml"],
)
def test_a_command_does_not_overwrite_its_input(refused, tmp_path, line):
    nb.write_image(tmp_path / "a.png", np.arange(9.0).reshape(3, 3))
    (tmp_path / "a.toml").write_text("")
    kept = (tmp_path / "a.png").read_bytes()
    assert "is an input file; choose another name" in refused(line)
    assert (tmp_path / "a.png").read_bytes() == kept
    assert (tmp_path / "a.toml").read_text() == ""


def test_an_output_that_would_overwrite_the_mask_of_pixels(refused, tmp_path):
    nb.Config(
        crystal=nb.Crystal(cell=(70,)),
        structure_factors=nb.StructureFactors.constant(1),
        detector=nb.Detector.flat(distance_mm=100, pixels=(8, 9), pixel_mm=0.4),
    ).to_toml(tmp_path / "still.toml")
    nb.write_image(tmp_path / "mask.npy", np.ones((8, 9), np.uint8))
    assert "is an input file" in refused("simulate still.toml -o mask.npy --pixels mask.npy")
    nb.write_image(tmp_path / "wide.npy", np.ones((8, 10), np.uint8))
    assert "not shape=(8, 9)" in refused("simulate still.toml -o a.npy --pixels wide.npy")
    assert "not allowed with" in refused("simulate still.toml -o a.npy --pixels mask.npy --shoeboxes 3")
    assert "radius = -1.0" in refused("simulate still.toml -o a.npy --shoeboxes -1")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder_is_found_before_rendering(refused, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert "that you may write to" in refused(f"{GOOD} -floatfile locked/f.bin")


def test_an_unwritable_target_is_found_before_rendering(refused, monkeypatch):
    monkeypatch.setattr("nanobragg.io.atomic.os.access", lambda path, mode: False)
    monkeypatch.setattr("nanobragg.cli.c_flags.simulate", None)  # must not be reached
    assert "that you may write to" in refused(GOOD)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk(refused):
    assert "No space left" in refused(f"{GOOD} -floatfile /dev/full")


def test_a_mask_of_another_shape(refused, tmp_path):
    write_smv(tmp_path / "mask.img", np.ones((8, 9), np.uint16), {"PIXEL_SIZE": 0.5})
    error = refused(f"{GOOD} -mask mask.img -detpixels 16")
    assert "mask.img" in error
    assert "(8, 9)" in error
    assert "(16, 16)" in error


@pytest.mark.parametrize(
    ("flag", "old", "new"),
    [
        ("-mask", b"SIZE1=64;", b"SIZE1=65;"),  # of -img, only the header is used
        ("-img", b"SIZE1=64;", b"SIZE1=-4;"),
        ("-img", b"SIZE2=64;", b"SIZE2=9999999999;"),
        ("-mask", b"SIZE2=64;", b"SIZE2=9999999999;"),
        ("-img", b"HEADER_BYTES=512;", b"HEADER_BYTES=999999;"),
        ("-mask", b"TYPE=unsigned_short;", b"TYPE=float;"),
    ],
)
def test_a_header_that_contradicts_the_file(refused, tmp_path, flag, old, new):
    whole = (INPUTS / "mask_64.img").read_bytes()
    header = whole[:512].replace(old, new)
    assert header != whole[:512]
    (tmp_path / "lies.img").write_bytes(header.rstrip(b" ").ljust(512) + whole[512:])
    assert "lies.img" in refused(f"{GOOD} {flag} lies.img")


def test_a_truncated_image(refused, tmp_path):
    (tmp_path / "short.img").write_bytes((INPUTS / "mask_64.img").read_bytes()[:-1])
    assert "short.img" in refused(f"{GOOD} -mask short.img")


def test_a_dump_whose_counts_exceed_the_file(refused, tmp_path):
    (tmp_path / "Fdump.bin").write_bytes(b"-5 5 -5 5 -5 5\n\f" + struct.pack("<3d", 1, 2, 3))
    assert "Fdump.bin" in refused(GOOD)


@pytest.fixture
def warned(tmp_path, monkeypatch, capsys):
    """Return a function that runs a command line which must work, and returns its warnings."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inputs").symlink_to(INPUTS)

    def run(line: str) -> list[str]:
        assert cli.main(shlex.split(line)) == 0
        lines = capsys.readouterr().err.splitlines()
        assert all(text.startswith("nanobragg: warning: ") for text in lines)
        return lines

    return run


@pytest.mark.parametrize("line", ["convert odd.npy new.img --scale 1", "convert odd.npy new.pgm"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_pixel_that_is_not_finite_makes_no_integer_image(refused, tmp_path, line, value):
    np.save(tmp_path / "odd.npy", np.array([[1.0, value], [2.0, 3.0]]))
    assert f"pixel (slow 0, fast 1) is {value}" in refused(line)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("-hkl inputs/six.hkl -N 5 -lambda 0.05 -distance 2 -Xbeam 60 -Ybeam 60 -oversample 1", "outside the table"),
        ("-Xbeam 400 -Ybeam 400", "the direct beam does not hit the detector"),
        ("-N 300 -oversample 1", "is recommended"),
        ("-pix0_vector 1 2 3", "-pix0_vector has no effect"),
        ("-coherent", "-coherent has no effect"),
    ],
)
def test_a_valid_but_unwanted_image_is_a_warning(warned, flags, told):
    assert any(told in line for line in warned(f"{GOOD} {flags}"))


def test_a_sensible_line_does_not_warn(warned):
    assert warned(GOOD) == []
