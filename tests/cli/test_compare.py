"""AT-TOOLS-001: `nanobragg compare`, with stand-ins for the original program."""

from __future__ import annotations

import itertools
import json
import os
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import nanobragg as nb
from nanobragg.analysis.compare.difference_maps import diverging_colours, write_maps
from nanobragg.cli import main
from nanobragg.export.smv_header import smv_header_of
from nanobragg.io.smv import write_smv
from nanobragg.nanobragg_c.compare_runs import flags_for_original, quirks_of_flags
from nanobragg.nanobragg_c.quirks import QUIRKS, explaining_quirks, unreproduced_quirks
from nanobragg.nanobragg_c.reference.trace_comparison import scene_values
from tests.reference_cases import load_cases

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="the stand-ins are shell scripts"),
    pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning"),
]

LINE = "-cell 40 50 60 90 90 90 -misset 10 20 30 -N 6 -default_F 10 -oversample 1 -detpixels 32 -pixel 0.5 -phi 1"
FILES = {
    "metrics.json", "summary.json", "ours.npy", "theirs.npy", "ours.png", "theirs.png", "difference.png", "ratio.png",
    "trace.txt",
}  # fmt: skip
PRINTED = {  # as the C program words it
    "cell": "Unit Cell: {}", "volume_A3": "volume = {} A^3", "sources": "total of {} sources", "phisteps":
    "{} phi steps from", "mosaic_domains": "total of {} mosaic domains", "fluence": "fluence: {}",
    "oversample": "{0}x{0} pixel oversample", "fast_axis": "DETECTOR_X-AXIS= {}", "slow_axis": "DETECTOR_Y-AXIS= {}",
    "dials_origin_mm": "dials origin= {}",
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("NB_C_BIN", "NB_C_LIB"):
        monkeypatch.delenv(name, raising=False)


def stand_in(folder: Path, flags: str, pixel: tuple[int, int], *, scale: float = 1.0) -> Path:
    """Write a program that prints and writes what nanoBragg.c would for these flags, whatever flags it is given."""
    scene = nb.Scene(nb.config_from_flags(flags))
    image = scale * nb.simulate(scene)
    folder.mkdir()
    (folder / "floatimage.bin").write_bytes(image.astype("<f4").tobytes())
    write_smv(folder / "intimage.img", np.zeros(image.shape, np.uint16), smv_header_of(scene))
    lines = [
        PRINTED[name].format(" ".join(f"{x:g}" for x in values))
        for name, values in scene_values(scene).items()
        if name in PRINTED
    ]
    slow, fast = pixel
    lines += [*nb.c_printout(nb.trace(scene, slow=slow, fast=fast)), "solid angle subtended"]
    (folder / "stdout").write_text("\n".join(lines) + "\n")
    return script(folder, f"cp {folder}/floatimage.bin {folder}/intimage.img .; cat {folder}/stdout")


def script(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "nanoBragg"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def compare(*options: object, flags: str = LINE) -> int:
    return main(["compare", "--quiet", *map(str, options), "--", *shlex.split(flags)])


def brightest() -> tuple[int, int]:
    image = nb.simulate(nb.config_from_flags(LINE))
    slow, fast = np.unravel_index(image.argmax(), image.shape)
    return int(slow), int(fast)


def test_equal_programs_agree(tmp_path, capsys):
    pixel = brightest()
    program = stand_in(tmp_path / "c", LINE, pixel)
    assert compare("--reference", program, "--out", "left") == 0
    out = capsys.readouterr().out
    assert "correlation       1 (threshold 0.9999)" in out
    assert f"pixel             slow {pixel[0]}, fast {pixel[1]}: " in out
    assert "first divergence  none: 25 quantities agree" in out
    assert "explained by" not in out
    assert {path.name for path in Path("left").iterdir()} == FILES
    metrics = json.loads(Path("left/metrics.json").read_text())
    assert metrics["correlation"] == 1
    assert metrics["max_abs"] == 0
    summary = json.loads(Path("left/summary.json").read_text())
    assert summary["flags"] == LINE
    assert summary["exit_code"] == 0
    assert summary["pixel"]["first_divergence"] is None
    ours, theirs = np.load("left/ours.npy"), np.load("left/theirs.npy")
    np.testing.assert_array_equal(ours, theirs)
    picture = np.array(Image.open("left/difference.png"))[..., :3]
    assert picture[picture.shape[0] // 2, picture.shape[1] // 3].min() >= 254  # white: no difference
    assert (picture == 0).all(axis=2).any()  # axes and a title
    assert Path("left/trace.txt").read_text().startswith("panel = 0\n")


def test_a_divergence_is_named_and_sets_the_exit_status(tmp_path, capsys, monkeypatch):
    planted = f"{LINE} -polar 0.9"
    ours, theirs = (nb.simulate(nb.config_from_flags(line)) for line in (LINE, planted))
    slow, fast = map(int, np.unravel_index(np.abs(ours.astype(float) - theirs).argmax(), ours.shape))
    monkeypatch.setenv("NB_C_BIN", str(stand_in(tmp_path / "c", planted, (slow, fast))))
    assert compare("--threshold", 1.0, "--out", "left") == 3
    out = capsys.readouterr().out
    assert f"pixel             slow {slow}, fast {fast}: " in out
    assert "first divergence  polar: " in out
    assert "explained by      no row of docs/quirks.md applies to these flags" in out
    summary = json.loads(Path("left/summary.json").read_text())
    assert summary["exit_code"] == 3
    assert summary["pixel"]["first_divergence"]["name"] == "polar"
    assert summary["pixel"]["values"]["polar"]["ours"] != summary["pixel"]["values"]["polar"]["theirs"]


def test_the_row_of_the_quirks_is_named(tmp_path, capsys):
    """Exact physics against the original's, which distorts triclinic cells (row 9)."""
    flags = f"{LINE} -cell 40 50 60 75 85 95"
    program = stand_in(tmp_path / "c", flags, (3, 4))
    assert compare("--reference", program, "--pixel", 3, 4, flags=f"{flags} -exact -threads 1") == 3
    out = capsys.readouterr().out
    assert "first divergence  cell: 40 50 60 75 85 95 against 40 50 60 75.0" in out
    assert f"explained by      row 9 of docs/quirks.md: {QUIRKS[9]} (a pixel by up to " in out


def test_without_a_program_the_option_that_names_it_is_named(capsys):
    assert compare() == 1
    error = capsys.readouterr().err
    assert "--reference: name the C program, an executable or a shared library, or set NB_C_BIN or NB_C_LIB" in error


def test_every_row_that_matters_is_named_with_its_size(tmp_path, capsys):
    """Water makes a factor of 1e6 (row 11), layers a few percent (row 12): the larger one is named first."""
    flags = f"{LINE} -water 20 -fluence 1e24 -gauss_xtal -detector_thick 450 -detector_abs 450 -thicksteps 3"
    program = stand_in(tmp_path / "c", flags, (3, 4))
    compare("--reference", program, "--out", "left", flags=f"{flags} -exact")
    lines = [line[18:] for line in capsys.readouterr().out.splitlines() if "of docs/quirks.md" in line]
    assert [line.split(" of docs")[0] for line in lines] == ["row 11", "rows 2 and 3", "row 12", "row 7"]
    sizes = json.loads(Path("left/summary.json").read_text())["pixel"]["sizes_of_rows"]
    assert [size["rows"] for size in sizes] == [[11], [2, 3], [12], [7]]
    assert sizes[0]["ratio"] < 1e-5
    assert all(one["largest"] >= other["largest"] > 1e-6 for one, other in itertools.pairwise(sizes))


def test_region_and_image_in_place_of_the_original(capsys):
    image = nb.simulate(nb.config_from_flags(LINE))
    changed = image.copy()
    changed[20, 10] += 1000
    nb.write_image("other.npy", changed)
    nb.write_image("other.bin", changed)
    for name in ("other.npy", "other.bin"):
        assert compare("--against", name) == 3
        assert "pixel             slow 20, fast 10: " in capsys.readouterr().out
    assert compare("--against", "other.npy", "--roi", ":32", "11:") == 0
    out = capsys.readouterr().out
    assert "672 compared" in out
    assert "first divergence" not in out
    assert compare("--against", "other.npy", "--roi", "20:21", "10:11") == 3


def test_region_without_rendered_pixels_has_none_to_trace(capsys):
    nb.write_image("other.npy", np.zeros((32, 32)))
    assert compare("--against", "other.npy", "--roi", ":6", ":6", flags=f"{LINE} -roi 10 20 10 20") == 0
    assert "pixel             no rendered pixel" in capsys.readouterr().out


class TestExitStatus:
    @pytest.mark.parametrize(
        ("options", "flags", "message"),
        [
            (["--nonsense"], LINE, "--nonsense"),
            (["--against", "other.npy"], "", "give C flags after --"),
            (["--against", "other.npy", "--pixel", "1"], LINE, "--pixel 1: give SLOW FAST"),
            (["--against", "other.npy", "--pixel", "99", "0"], LINE, "a panel has 32 by 32 pixels"),
            (["--against", "other.npy", "--threshold", "7"], LINE, "--threshold 7.0"),
            (["--against", "other.npy", "--roi", "0:2", "0:99"], LINE, "roi = "),
            (["--against", "other.npy", "--record", "AT-X/y"], LINE, "--against"),
            (["--record", "nonsense"], LINE, "ID/RUN"),
            ([], LINE, "NB_C_BIN"),
            (["--against", "other.npy"], f"{LINE} -nonsense", "-nonsense"),
        ],
    )
    def test_1_usage(self, options, flags, message, capsys):
        nb.write_image("other.npy", np.zeros((32, 32)))
        assert compare(*options, flags=flags) == 1
        assert message in capsys.readouterr().err

    @pytest.mark.parametrize("text", ["exit 1", "kill -9 $$", "exit 0"])
    def test_2_a_program_failed(self, text, tmp_path, capsys):
        program = script(tmp_path / "c", text)
        assert compare("--reference", program, "--out", "left") == 2
        assert str(program) in capsys.readouterr().err

    def test_2_too_slow_or_no_library(self, tmp_path, capsys):
        assert compare("--reference", script(tmp_path / "c", "sleep 60"), "--timeout", 0.3) == 2
        assert "stopped after" in capsys.readouterr().err
        (tmp_path / "lib.so").write_bytes(b"no library")
        assert compare("--reference", tmp_path / "lib.so") in (1, 2)  # 1: an installation without the extension

    def test_4_shapes_differ(self, capsys):
        nb.write_image("other.npy", np.zeros((32, 31)))
        assert compare("--against", "other.npy") == 4
        assert "(32, 32), the original's (32, 31)" in capsys.readouterr().err

    def test_5_input_or_output(self, tmp_path, capsys):
        nb.write_image("other.npy", np.zeros((32, 32)))
        assert compare("--against", "missing.npy") == 5
        assert compare("--reference", "missing") == 5
        assert compare("--against", "other.npy", flags=f"{LINE} -hkl missing.hkl") == 5
        assert compare("--against", "other.npy", "--out", "other.npy") == 5
        assert all("error: " in line for line in capsys.readouterr().err.splitlines() if "warning" not in line)


def test_without_scipy_the_rest_is_compared(monkeypatch, capsys):
    nb.write_image("other.npy", nb.simulate(nb.config_from_flags(LINE)))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert compare("--against", "other.npy") == 0
    told = capsys.readouterr()
    assert "nanobragg[compare]" in told.err
    assert "peaks" not in told.out


class TestRecord:
    def test_recorded_cases_are_read_like_the_others(self, tmp_path, capsys):
        flags = f"{LINE} -hkl some/table.hkl"
        Path("some").mkdir()
        Path("some/table.hkl").write_text("1 0 0 30\n0 2 1 40\n")
        program = stand_in(tmp_path / "c", flags, (0, 0))
        wide_flags = f"{LINE} -detpixels 120"
        wide = stand_in(tmp_path / "wide", wide_flags, (0, 0))
        keep = ("--into", "kept", "--record")
        assert compare("--reference", program, *keep, "AT-NEW/one", flags=f"{flags} -threads 1") == 0
        assert compare("--reference", wide, *keep, "AT-NEW/two", flags=wide_flags) == 0
        assert "recorded          AT-NEW/two in kept" in capsys.readouterr().out
        one, two = load_cases(Path("kept/cases.yaml"), Path("kept"))
        assert one.argv == (*shlex.split(LINE), "-hkl", "inputs/table.hkl")
        assert Path("kept/inputs/table.hkl").read_text() == Path("some/table.hkl").read_text()
        assert one.thresholds == {"corr_min": 0.9999, "sum_ratio": [0.98, 1.02]}
        image = nb.simulate(nb.config_from_flags(flags))
        np.testing.assert_array_equal(one.golden["image"], image)
        assert one.facts["sum"] == image.sum(dtype=float)
        assert one.facts["printed"]["cell"] == [40, 50, 60, 90, 90, 90]
        image = nb.simulate(nb.config_from_flags(list(two.argv)))
        assert set(two.golden) == {"window", "window_origin", "samples"}
        assert two.deviation(image) == 0
        image[two.facts["argmax"][0], two.facts["argmax"][1]] *= 1.001
        assert two.deviation(image) > 1

    def test_nothing_is_overwritten(self, tmp_path, capsys):
        program = stand_in(tmp_path / "c", LINE, (0, 0))
        for code in (0, 1):
            assert compare("--reference", program, "--record", "AT-NEW/one") == code
        assert "AT-NEW/one: recorded already has this case" in capsys.readouterr().err
        assert len(yaml.safe_load(Path("recorded/cases.yaml").read_text())["cases"]) == 1
        for name, content in (("a", "1 0 0 3\n"), ("b", "1 0 0 4\n")):
            Path(name).mkdir()
            Path(name, "table.hkl").write_text(content)
        for name, code in (("a", 0), ("b", 1)):
            flags = f"{LINE} -hkl {name}/table.hkl"
            program = stand_in(tmp_path / f"c-{name}", flags, (0, 0))
            assert compare("--reference", program, "--record", f"AT-NEW/{name}", flags=flags) == code
        assert "a different recorded/inputs/table.hkl already exists" in capsys.readouterr().err


class TestRows:
    def test_our_own_options_are_not_passed_to_the_original(self):
        words = flags_for_original(shlex.split("-cell 1 -exact -threads 4 -lambda 2"))
        assert words == ["-cell", "1", "-lambda", "2"]

    def test_rows_not_followed_are_found_from_the_flags(self):
        for flags, rows in {
            "": {13}, "-misset random": {8, 13}, "-misset random -misset_seed 3": {13, 19}, "-mask a": {13, 20},
            "-curved_det -lambda 1": {13}, "-lambda 1 -curved_det": {13, 22},
        }.items():  # fmt: skip
            assert unreproduced_quirks(flags.split()) == rows

    def test_followed_rows_explain_only_corrected_physics(self):
        flags = shlex.split(f"{LINE} -gauss_xtal -osc 2 -phi -1 -phisteps 4")
        assert quirks_of_flags(flags) == {13}
        assert quirks_of_flags([*flags, "-exact"]) == {1, 7, 13, 25}

    def test_a_row_explains_what_it_acts_on(self):
        assert explaining_quirks("F_latt", {1, 7, 9, 13}) == [7, 13]
        assert explaining_quirks("real_space_b", {1, 7, 19}) == [1, 19]
        assert explaining_quirks("fast_axis", set(QUIRKS)) == []
        assert set().union(*(explaining_quirks(name, QUIRKS) for name in ("cell", "polar", "pixel_pos_meters"))) <= set(
            QUIRKS
        )


class TestMaps:
    def test_colours_say_which_is_larger(self):
        colours = diverging_colours(np.array([[1.0, 0.5, 0.0, -1.0, np.nan, np.inf, -np.inf]]))
        expected = [(255, 0, 0), (255, 128, 128), (255,) * 3, (0, 0, 255), (128,) * 3, (255, 0, 0), (0, 0, 255)]
        np.testing.assert_array_equal(colours[0], expected)

    def test_rounding_is_white(self, tmp_path):
        theirs = np.full((4, 4), 100.0)
        ours = theirs * (1 + 1e-9)
        assert write_maps(tmp_path, ours, theirs) == {
            "difference_scale_photons": pytest.approx(1e-3),
            "ratio_scale": 2,
        }
        for name in ("difference", "ratio"):
            assert np.array(Image.open(tmp_path / f"{name}.png")).min() == 255
        ours[0, 0] = 200
        assert write_maps(tmp_path, ours, theirs)["difference_scale_photons"] == 100
        for name in ("difference", "ratio"):
            np.testing.assert_array_equal(np.array(Image.open(tmp_path / f"{name}.png"))[0, 0], (255, 0, 0))
