"""C flags end to end: output files equal the C program's, byte for byte (AT-CLI, AT-IO, AT-NOISE)."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import nanobragg as nb
from nanobragg import cli
from nanobragg.export.smv_header import smv_header_of
from nanobragg.io.fdump import read_fdump
from nanobragg.io.pgm import read_pgm
from nanobragg.io.smv import read_smv, write_smv
from tests.paths import GOLDEN, INPUTS, TESTS

FACTS = json.loads((GOLDEN / "facts.json").read_text())
C_FILES = ["floatimage.bin", "image.pgm", "intimage.img", "noiseimage.img"]
FILE_CASES = {
    f"{case['id']}/{run}": shlex.split(f"{case['base']} {extra}")
    for case in yaml.safe_load((TESTS / "parity" / "cases.yaml").read_text())["cases"]
    for run, extra in case["runs"].items()
    if case["id"] in ("AT-IO", "AT-NOISE")
}
SMALL = "-cell 70 80 90 -default_F 100 -N 5 -detpixels 32 -pixel 0.5 -fluence 1e28"


class Folder:
    """An empty working folder in which command lines run."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path, self.capsys = path, capsys
        self.out = self.err = ""
        (path / "inputs").symlink_to(INPUTS)

    def run(self, line: str | list[str], code: int = 0) -> None:
        words = shlex.split(line) if isinstance(line, str) else line
        returned = cli.main([*words, "-noprogress"])
        self.out, self.err = self.capsys.readouterr()
        assert returned == code, self.err

    def files(self) -> list[str]:
        return sorted(path.name for path in self.path.iterdir() if path.name != "inputs")

    def bytes(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def floats(self, shape: tuple[int, int], name: str = "floatimage.bin") -> np.ndarray:
        return np.fromfile(self.path / name, "<f4").reshape(shape)

    def smv(self, name: str = "intimage.img") -> tuple[np.ndarray, dict[str, str]]:
        return read_smv(self.path / name)


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path, capsys)


@pytest.mark.parametrize("name", FILE_CASES)
def test_at_io_and_at_noise_files_equal_the_c_programs_byte_for_byte(folder, name):
    """AT-IO-001, AT-IO-002, AT-NOISE: header and integers of all files; float images equal in the reference's tests."""
    argv = FILE_CASES[name]
    folder.run(argv if "-seed" in argv else [*argv, "-seed", "1"])
    family, run = name.split("/")
    with np.load(GOLDEN / f"{family}.npz") as golden:
        pixels = {kind: golden[f"{run}/{kind}"] for kind in ("image", "int", "noise", "pgm")}
    facts = FACTS[name]
    header = f"{facts['smv_header']}\f".encode().ljust(512)
    np.testing.assert_allclose(
        folder.floats(pixels["image"].shape), pixels["image"], rtol=1e-5, atol=1e-7 * facts["max"]
    )
    assert folder.bytes("intimage.img") == header + pixels["int"].astype("<u2").tobytes()
    assert folder.bytes("noiseimage.img") == header + pixels["noise"].astype("<u2").tobytes()
    start = f"P5\n64 64\n# pixels scaled by {facts['printed']['pgm_scale']:g}\n255\n".encode()
    assert folder.bytes("image.pgm") == start + pixels["pgm"].tobytes()


@pytest.mark.usefixtures("in_tests_folder")
@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
def test_header_equals_the_c_programs(case):
    """AT-IO: every reference case's SMV header; one that the C program lets grow beyond 512 bytes is shortened."""
    expected = case.facts["smv_header"]
    header = smv_header_of(nb.Scene(nb.config_from_flags(list(case.argv))))
    if len(expected) < 512:
        assert header == expected
    else:
        assert len(header) < 512


def test_at_cli_002_a_minimal_line_writes_the_four_default_files(folder):
    """AT-CLI-002: minimal render and headers."""
    folder.run(SMALL)
    assert folder.files() == C_FILES
    assert folder.floats((32, 32)).max() > 0
    header = folder.smv()[1]
    assert list(header) == [
        "HEADER_BYTES", "DIM", "BYTE_ORDER", "TYPE", "SIZE1", "SIZE2", "PIXEL_SIZE", "DISTANCE", "WAVELENGTH",
        "BEAM_CENTER_X", "BEAM_CENTER_Y", "ADXV_CENTER_X", "ADXV_CENTER_Y", "MOSFLM_CENTER_X", "MOSFLM_CENTER_Y",
        "DENZO_X_BEAM", "DENZO_Y_BEAM", "DIALS_ORIGIN", "XDS_ORGX", "XDS_ORGY", "CLOSE_DISTANCE", "PHI",
        "OSC_START", "OSC_RANGE", "TWOTHETA", "DETECTOR_SN", "BEAMLINE",
    ]  # fmt: skip
    assert folder.smv("noiseimage.img")[1] == header
    assert len(folder.bytes("intimage.img")) == 512 + 2 * 32 * 32


def test_at_cli_002_summary_and_statistics_tell_the_resolved_experiment(folder):
    """AT-CLI-002: the printed summary."""
    folder.run(f"{SMALL} -misset 10 20 30 -mosaic 0.5 -mosaic_seed 7 -phi 3 -osc 1 -phisteps 2 -seed 5")
    told = dict(line.split(maxsplit=1) for line in folder.out.splitlines())
    assert told["crystal"].startswith("cell 70 80 90 90 90 90 Å, degrees, 504000 Å³; 5 x 5 x 5 cells")
    assert "10 mosaic domains, 0.5 degrees (cap, seed 7)" in told["crystal"]
    assert told["orientation"].startswith("misset 10 20 30 degrees")
    assert told["beam"].startswith("1 Å (12398.4 eV), 1e+28 photons/m²")
    assert "distance 100 mm" in told["geometry"]
    assert "φ from 3 over 1 degrees in 2 steps" in told["rotation"]
    assert "(automatic)" in told["sampling"]
    assert told["maximum"].endswith("mm)")
    assert "rmsd" in told["mean"]
    assert " sr " in told["solid"]
    assert "-seed 5 reproduces this noise" in folder.out
    assert told["noise"].endswith("overloads")
    assert told["written"] == "floatimage.bin, intimage.img, image.pgm, noiseimage.img"


def test_table_limits_are_printed(folder):
    folder.run(f"{SMALL} -hkl inputs/six.hkl -nonoise")
    h, k, l, table = read_fdump(folder.path / "Fdump.bin")
    limits = [f"{low} to {low + n - 1}" for low, n in zip((h, k, l), table.shape, strict=True)]
    assert f"6 reflections, h {limits[0]}, k {limits[1]}, l {limits[2]}, 100 elsewhere" in folder.out


@pytest.mark.parametrize(
    ("flags", "missing"), [("-nonoise", "noiseimage.img"), ("-nopgm", "image.pgm"), ("-pgmscale 2 -nopgm", "image.pgm")]
)
def test_unwanted_files_are_not_written(folder, flags, missing):
    folder.run(f"{SMALL} {flags}")
    assert folder.files() == [name for name in C_FILES if name != missing]


def test_file_names_replace_the_defaults_one_by_one(folder):
    folder.run(f"{SMALL} -floatfile f.bin -nonoise -noisefile n.img")
    assert folder.files() == ["f.bin", "image.pgm", "intimage.img", "n.img"]
    folder.run(f"{SMALL} -floatimage g.bin -intimage i.img -pgmimage p.pgm -noiseimage o.img")
    assert {"g.bin", "i.img", "p.pgm", "o.img"} <= set(folder.files())


def test_at_cli_003_conventions_and_pivots_show_in_the_header(folder):
    """AT-CLI-003: conventions."""
    seen = {}
    for convention in ("mosflm", "xds"):
        folder.run(f"{SMALL} -{convention} -twotheta 10 -nonoise")
        seen[convention] = {
            key: float(text)
            for key, text in folder.smv()[1].items()
            if key in ("DISTANCE", "CLOSE_DISTANCE", "TWOTHETA")
        }
    assert seen["mosflm"]["DISTANCE"] == pytest.approx(100 * np.cos(np.radians(10)), rel=1e-5)  # pivot beam, row 15
    assert seen["xds"] == {"DISTANCE": 100.0, "CLOSE_DISTANCE": 100.0, "TWOTHETA": 10.0}  # pivot sample
    folder.run(f"{SMALL} -mosflm -nonoise")
    assert folder.smv()[1]["MOSFLM_CENTER_X"] == "8.25"
    folder.run(f"{SMALL} -xds -ORGX 5 -ORGY 6 -nonoise")
    header = folder.smv()[1]
    assert (header["XDS_ORGX"], header["XDS_ORGY"]) == ("5", "6")


def test_at_cli_004_flags_win_over_the_image_header_and_that_over_the_masks(folder):
    """AT-CLI-004: precedence."""
    pixels, header = read_smv(INPUTS / "mask_64.img")
    for name, wavelength in (("mask.img", "1.1"), ("image.img", "1.5")):
        write_smv(folder.path / name, pixels, {**header, "WAVELENGTH": wavelength})
    line = "-cell 70 80 90 -default_F 100 -N 2 -fluence 1e28 -nonoise -nopgm"
    folder.run(f"{line} -mask mask.img")
    assert folder.smv()[1]["WAVELENGTH"] == "1.1"
    folder.run(f"{line} -img image.img -mask mask.img")
    assert folder.smv()[1]["WAVELENGTH"] == "1.5"
    folder.run(f"{line} -lambda 1.25 -img image.img -mask mask.img")
    assert folder.smv()[1]["WAVELENGTH"] == "1.25"


def test_at_cli_005_outside_the_region_every_image_is_zero(folder):
    """AT-CLI-005: ROI, limits included."""
    folder.run(f"{SMALL} -roi 4 20 10 15 -seed 1 -water 50 -fluence 1e30")
    inside = np.zeros((32, 32), bool)
    inside[10:16, 4:21] = True
    images = folder.floats((32, 32)), folder.smv()[0], folder.smv("noiseimage.img")[0]
    for image in images:
        assert (image[inside] > 0).all()
        assert (image[~inside] == 0).all()
    grey, _ = read_pgm(folder.path / "image.pgm")
    assert (grey[~inside] == 0).all()
    assert grey[inside].any()


def test_masked_pixels_are_zero_photons_and_the_offset_in_integers(folder):
    mask, _ = read_smv(INPUTS / "mask_64.img")
    folder.run("-cell 70 80 90 -default_F 100 -N 2 -fluence 1e28 -mask inputs/mask_64.img -adc 25 -seed 1")
    masked = mask == 0
    assert masked.any()
    assert (folder.floats(mask.shape)[masked] == 0).all()
    assert (folder.smv()[0][masked] == 25).all()
    assert (folder.smv("noiseimage.img")[0][masked] == 25).all()


def test_at_cli_006_scales_of_integers_and_picture(folder):
    """AT-CLI-006: scaling."""
    folder.run(f"{SMALL} -adc 10 -nonoise")
    photons = folder.floats((32, 32)).astype(float)
    assert folder.smv()[0].max() == 55010
    folder.run(f"{SMALL} -scale 0.5 -adc 10 -pgmscale 2 -nonoise")
    assert (folder.smv()[0] == np.floor(np.minimum(photons * 0.5 + 10.5, 65535))).all()
    grey, scale = read_pgm(folder.path / "image.pgm")
    assert scale == 2
    assert (grey == np.floor(np.minimum(photons * 2, 255))).all()
    assert "0.5 (integers), 2 (picture)" in folder.out


def test_at_cli_007_the_seed_decides_the_noise(folder):
    """AT-CLI-007: seeds."""
    noise = []
    for seed in (1, 1, 2):
        folder.run(f"{SMALL} -seed {seed} -noisefile n.img")
        noise.append(folder.bytes("n.img"))
    assert noise[0] == noise[1] != noise[2]


def test_at_cli_007_without_a_seed_the_clock_gives_one_that_is_printed(folder, monkeypatch):
    """AT-CLI-007: seeds."""
    monkeypatch.setattr("nanobragg.cli.c_flags.time.time", lambda: 1234567.9)
    folder.run(SMALL)
    assert "seed 1234567 (-seed 1234567 reproduces" in folder.out
    by_clock = folder.bytes("noiseimage.img")
    folder.run(f"{SMALL} -seed 1234567")
    assert folder.bytes("noiseimage.img") == by_clock


def test_overloads_are_counted(folder):
    folder.run(f"{SMALL} -fluence 1e34 -seed 1")
    clipped = int((folder.smv("noiseimage.img")[0] == 65535).sum())
    assert clipped > 0
    assert f" photons, {clipped} overloads" in folder.out


def test_at_cli_008_d_min_leaves_out_high_resolution(folder):
    """AT-CLI-008: d_min."""
    folder.run(f"{SMALL} -nonoise")
    whole = folder.floats((32, 32))
    folder.run(f"{SMALL} -dmin 20 -nonoise")
    limited = folder.floats((32, 32))
    assert 0 < limited.sum() < whole.sum()
    assert limited[0, 0] == 0 < whole[0, 0]


def test_exact_writes_the_same_files_with_exact_physics(folder):
    folder.run(f"{SMALL} -seed 1 -water 30")
    like_c = folder.floats((32, 32))
    folder.run(f"{SMALL} -seed 1 -water 30 -exact")
    assert folder.files() == C_FILES
    assert 'compat="c"' not in folder.out
    assert not np.allclose(folder.floats((32, 32)), like_c)


def test_structure_factors_are_dumped_and_read_again(folder):
    line = "-cell 40 50 60 -N 5 -detpixels 32 -pixel 0.5 -fluence 1e30 -seed 1"
    folder.run(f"{line} -hkl inputs/wilson_40_50_60.hkl")
    assert folder.files() == ["Fdump.bin", *C_FILES]
    before = folder.bytes("floatimage.bin"), folder.bytes("Fdump.bin")
    folder.run(line)
    assert "nanobragg: warning: no -hkl: reading Fdump.bin" in folder.err
    assert (folder.bytes("floatimage.bin"), folder.bytes("Fdump.bin")) == before


def test_dumpfile_names_the_dump(folder):
    folder.run(f"{SMALL} -hkl inputs/six.hkl -dumpfile other.bin")
    assert folder.files() == [*C_FILES, "other.bin"]


def test_a_dump_that_cannot_be_written_is_only_a_warning_as_in_c(folder):
    folder.run(f"{SMALL} -hkl inputs/six.hkl -dumpfile nowhere/Fdump.bin")
    assert folder.files() == C_FILES
    assert "nanobragg: warning: nowhere/Fdump.bin: cannot be written" in folder.err


def test_printout_pixel_prints_that_pixel_and_printout_all_of_the_region(folder):
    folder.run(f"{SMALL} -printout_pixel 7 9 -nonoise")
    image = folder.floats((32, 32))
    assert f"\npixel   {image[9, 7]:15.10g}\n" in folder.out
    assert folder.out.count("\npixel ") == 1
    folder.run(f"{SMALL} -printout -roi 7 8 9 9 -nonoise")
    assert folder.out.count("\npixel ") == 2
    assert f"\npixel   {image[9, 8]:15.10g}\n" in folder.out


def test_threads_do_not_change_a_byte(folder):
    folder.run(f"{SMALL} -seed 1 -threads 1")
    one = [folder.bytes(name) for name in C_FILES]
    folder.run(f"{SMALL} -seed 1 -threads 3")
    assert [folder.bytes(name) for name in C_FILES] == one


def test_independent_readers_open_the_files(folder):
    fabio = pytest.importorskip("fabio")
    folder.run(f"{SMALL} -seed 1 -detpixels_f 40")
    for name in ("intimage.img", "noiseimage.img"):
        opened = fabio.open(str(folder.path / name))
        pixels, header = folder.smv(name)
        assert opened.data.shape == (32, 40)
        assert (opened.data == pixels).all()
        assert opened.header["DISTANCE"] == header["DISTANCE"]
    with Image.open(folder.path / "image.pgm") as picture:  # fabio trips over the comment that C writes
        assert (np.asarray(picture) == read_pgm(folder.path / "image.pgm")[0]).all()


def test_the_summary_describes_the_sensor(folder):
    folder.run(SMALL + " -lambda 1 -distance 100 -detector_thick 100 -detector_thicksteps 2 -detector_abs 300")
    assert "100 µm thick in 2 layers, attenuation depth 300 µm" in folder.out
    folder.run(SMALL + " -lambda 1 -distance 100")
    assert "thick" not in folder.out
