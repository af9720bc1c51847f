"""`python -m benchmarks` from end to end on tiny images, and the numbers that it computes from given times."""

from __future__ import annotations

import json
import re
import shlex
import stat

import pytest

from benchmarks import crystal_models, datasets, measure, noise, tolerance
from benchmarks.__main__ import main
from benchmarks.measure import Timing
from benchmarks.report import Results, as_markdown
from benchmarks.workloads import load_workloads, operations
from nanobragg import _core

MACHINE = {
    "cpu": "a CPU", "processors": 2, "system": "Linux", "load_average": 0.0, "load_average_end": 0.0,
    "nanobragg": "1.0", "compiler": None, "python": "3.11", "numpy": "2.0", "c_compiler": None, "c_program": "/c",
    "editable": False,
}  # fmt: skip
AROUND = {
    "import_s": 0.25, "small_roi_s": {"1": 0.0005}, "memory_pixels": 4096, "memory_beyond_image_bytes": 12_000_000,
}  # fmt: skip


@pytest.fixture(autouse=True)
def same_instruction_set():
    before = _core.instruction_set()
    yield
    _core.use_instruction_set(before)


@pytest.fixture
def c_program(tmp_path, monkeypatch):
    """Write a stand-in for the C program that records its arguments."""
    script = tmp_path / "c program"
    asked = tmp_path / "asked.txt"
    script.write_text(f'#!/bin/sh\necho "$@" >> {shlex.quote(str(asked))}\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("NB_C_BIN", str(script))
    return asked


def timing(workload="mosaic", mode="float32", kind="kernel", isa="v3", threads=1, seconds=(0.1,)):
    return Timing(workload, mode, kind, isa, threads, steps=10_000_000, operations=1e9, seconds=list(seconds))


@pytest.fixture
def results():
    c = {"mode": "C program", "isa": ""}
    timings = [
        timing(**c, seconds=(4.0, 4.2, 9.0)),
        timing(**c, kind="process", seconds=(4.4,)),
        *(timing(mode=mode, threads=n, seconds=(0.2 / n,)) for n in (1, 2) for mode in measure.MODES),
        *(timing(mode="c", kind="process", threads=n, seconds=(0.5,)) for n in (1, 2)),
    ]
    return Results(MACHINE, {"repeats": 3, "threads": [1, 2], "pixels": None}, {"v3": 2e10}, AROUND, timings)


def test_suite_runs_from_end_to_end(tmp_path, capsys, c_program):
    best = _core.instruction_sets()[-1]
    words = ["--quick", "--pixels", "16", "--workload", "single", "--threads", "1", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    kinds = [(t["mode"], t["kind"], t["isa"], t["threads"]) for t in found["timings"]]
    ours = [(mode, "kernel", best, 1) for mode in measure.MODES]
    theirs = [("C program", kind, "", 1) for kind in ("process", "one pixel", "kernel")]
    assert sorted(kinds) == sorted([*ours, ("c", "process", best, 1), *theirs])
    assert all(len(t["seconds"]) == 1 and t["steps"] == 256 for t in found["timings"])
    assert all(t["median_s"] > 0 for t in found["timings"] if t["mode"] != "C program")
    assert found["multiply_adds_per_s"][best] > 0
    assert found["overheads"]["import_s"] > 0
    whole, one_pixel = c_program.read_text().splitlines()
    assert one_pixel == f"{whole} -roi 0 0 0 0"
    assert "-detpixels 16 -pixel 6.4" in whole
    assert (tmp_path / "out" / "table.md").read_text() == capsys.readouterr().out.removesuffix("\n")


def test_contestants_take_turns(tmp_path, monkeypatch):
    turns = []
    monkeypatch.setattr(measure, "_kernel_seconds", lambda scene, mode, isa, threads: turns.append(mode) or 1.0)
    monkeypatch.setattr(measure, "our_seconds", lambda *_: turns.append("ours") or 1.0)

    def c_seconds(*_, one_pixel=False):
        turns.append("C, one pixel" if one_pixel else "C")
        return 1.0 if one_pixel else 5.0

    monkeypatch.setattr(measure, "c_seconds", c_seconds)
    timings = measure.measure(load_workloads(["single"], 8)[0], isas=["v2"], threads=[1], repeats=2, c_program=tmp_path)
    assert turns == ["C", "C, one pixel", "float32", "float64", "c", "ours"] * 2
    assert timings[-1].seconds == [4.0, 4.0]  # the C program's kernel


def test_workloads_have_the_stated_number_of_steps():
    for workload in load_workloads():
        scene = workload.scene(None)
        assert workload.steps == scene.terms * scene.sensor.count * scene.shape[0] * scene.shape[1], workload.name


def test_operations_in_single_precision_count_half():
    mosaic = load_workloads(["mosaic"], 32)[0]
    rays = 32 * 32 * 75
    scene, like_c = mosaic.scene(None), mosaic.scene("c")
    assert operations(mosaic, scene, single=False) == mosaic.steps * 88 + rays
    assert operations(mosaic, scene, single=True) == mosaic.steps * 53 + rays
    assert operations(mosaic, like_c, single=True) == mosaic.steps * 88 + rays


def test_resized_detector_keeps_its_size():
    usual, small = (load_workloads(["tricubic"], pixels)[0] for pixels in (None, 32))
    assert small.steps == 1024
    corners = [w.scene(None).config.detector.panels[0].corners_mm() for w in (usual, small)]
    assert corners[1] == pytest.approx(corners[0], abs=25.6 / 32)  # a pixel
    assert small.scene(None).shape == (32, 32)


def test_ratios_rates_and_table_follow_from_medians(results):
    ours = results.find("mosaic", "float32", isa="v3")
    assert ours.ns_per_step == pytest.approx(20)
    assert results.ratio(ours) == pytest.approx(21)  # medians: 4.2 s over 0.2 s
    assert results.fraction(ours) == pytest.approx(0.25)  # 1e9 operations in 0.2 s at 2e10 a second
    assert results.fraction(results.find("mosaic", "float32", isa="v3", threads=2)) == pytest.approx(0.25)
    table = as_markdown(results)
    row = next(line for line in table.splitlines() if line.startswith("| mosaic"))
    assert row == "| mosaic | 4.2 | 200 | 200 | 200 | 21.0 | 21.0 | 21.0 | 20.00 | 25% | 25% | 2.00 |"
    assert "| mosaic | 4.4 | 0.5 | 0.5 |" in table
    assert "| geometric mean |  |  |  |  | 21.0 | 21.0 | 21.0 |  |  |  |  |" in table
    assert "busy" not in table


def test_table_says_when_the_machine_was_busy(results):
    busy = Results(**{**vars(results), "machine": {**MACHINE, "load_average": 1000.0}})
    assert "busy" in as_markdown(busy)


def test_without_the_c_program_ratios_are_missing(results):
    alone = Results(**{**vars(results), "timings": [t for t in results.timings if t.mode != "C program"]})
    assert "| mosaic | — | 200 | 200 | 200 | — | — | — | 20.00 | 25% | 25% | 2.00 |" in as_markdown(alone)


def test_plot_is_a_picture(results, tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks.plot import draw

    draw(results, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("words", [["--workload", "nothing"], ["--isa", "v9"]])
def test_unknown_names_are_refused_with_those_that_exist(words, capsys):
    assert main([*words, "--pixels", "8"]) == 2
    assert words[1] in capsys.readouterr().err


def test_the_benchmark_of_tolerances_runs_and_plots(tmp_path, monkeypatch, capsys, c_program):
    monkeypatch.setattr(tolerance, "PIXELS", 64)
    monkeypatch.setattr(tolerance, "TOLERANCES", (1e-3, None))
    words = ["--crystal", "square", "64²", "--repeats", "1", "--out", str(tmp_path)]
    assert tolerance.main(words) == 0
    assert "| square, N 60, one domain, 64² pixels | default | 0" in capsys.readouterr().out.replace("0.00", "0")
    rows = json.loads((tmp_path / "tolerance.json").read_text())["rows"]
    assert [row["tolerance"] for row in rows] == [1e-3, None]
    assert (tmp_path / "tolerance.png").stat().st_size > 10_000
    assert "-roi" in c_program.read_text()
    assert tolerance.main(["--crystal", "octagonal"]) == 2


def test_the_benchmark_of_crystal_models_runs(capsys):
    assert crystal_models.main(["--pixels", "32", "--repeats", "1", "--domains", "4", "--wavelengths", "3"]) == 0
    assert "| 4 domains × 3 wavelengths |" in capsys.readouterr().out


def test_the_benchmark_of_noise_runs(capsys):
    assert noise.main(["--pixels", "32", "--repeats", "1"]) == 0
    output = capsys.readouterr().out
    assert "| 1e+18 | " in output
    assert "| compressed NXmx file | " in output


def test_the_benchmark_of_data_sets_runs(capsys):
    pytest.importorskip("distributed")
    assert datasets.main(["--shots", "4", "--pixels", "32", "--workers", "2", "--rounds", "1"]) == 0
    assert re.search(r"\| data set, 2 workers \| [\d.]+ \| [\d.]+ \|", capsys.readouterr().out)
