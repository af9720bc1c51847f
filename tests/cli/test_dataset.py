"""The command `nanobragg dataset`."""

from __future__ import annotations

from pathlib import Path

import pytest

import nanobragg as nb
from nanobragg.cli import main
from nanobragg.io.png import read_png
from tests.dataset.plans import plan

pytest.importorskip("pyarrow")
pytest.importorskip("h5py")
pytestmark = pytest.mark.filterwarnings("ignore:oversample")


@pytest.fixture
def plan_file(tmp_path: Path) -> str:
    plan(n=5).to_toml(tmp_path / "plan.toml")
    return str(tmp_path / "plan.toml")


def test_a_data_set_is_made_resumed_and_verified(plan_file, tmp_path, capsys):
    out = str(tmp_path / "out")
    options = ["-o", out, "--workers", "1", "--images-per-file", "2"]
    assert main(["dataset", plan_file, *options, "--only", "2:4"]) == 0
    assert "2 shots made" in capsys.readouterr().out
    assert main(["dataset", "--verify", out]) == 2
    assert main(["dataset", plan_file, *options, "--resume", "--quiet"]) == 0
    assert main(["dataset", "--verify", out]) == 0
    assert "5 of 5 shots verified, complete" in capsys.readouterr().out
    assert nb.verify_dataset(out).complete


def test_a_dry_run_measures_and_draws_shots_and_leaves_the_folder_usable(plan_file, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["dataset", plan_file, "-o", str(out), "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "5 of 24 x 40 uint16" in printed
    assert "MB a shot" in printed
    assert read_png(out / "contact_sheet.png").std() > 20
    assert main(["dataset", plan_file, "-o", str(out), "--workers", "1", "--quiet"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give a PLAN.toml and -o OUT"),
        (["{plan}"], "give a PLAN.toml and -o OUT"),
        (["{plan}", "-o", "{out}", "--only", "2"], "must be A:B"),
        (["{plan}", "-o", "{out}", "--only", "4:9"], "has 5 shots"),
        (["{plan}", "-o", "{out}", "--workers", "0"], "workers = 0"),
        (["{plan}", "-o", "{out}", "--images-per-file", "0"], "images_per_file = 0: must be from 1"),
        (
            ["{plan}", "-o", "{out}", "--scheduler", "tcp://127.0.0.1:1", "--timeout", "0.5"],
            "does not answer within 0.5 s",
        ),
        (["{plan}", "-o", "{out}", "--scheduler", "nowhere:x", "--timeout", "0.5"], "scheduler nowhere:x"),
        (["--verify", "{out}"], "is not the folder of a data set"),
    ],
)
def test_bad_command_lines_are_refused_in_one_line(plan_file, tmp_path, capsys, words, message):
    words = [word.format(plan=plan_file, out=tmp_path / "out") for word in words]
    assert main(["dataset", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
