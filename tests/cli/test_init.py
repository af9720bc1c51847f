"""`nanobragg init` writes a commented experiment that renders, and `nanobragg help` helps with everything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.cli import main
from nanobragg.cli.commands import COMMANDS


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_example_renders_without_a_warning(capsys):
    assert main(["init"]) == 0
    assert main(["simulate", "experiment.toml", "-o", "still.npy", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    image = np.load("still.npy")
    assert image.shape == (619, 487)
    assert (image > 1).mean() > 0.5  # most pixels see photons
    spots = nb.predict_spots(nb.Config.from_toml("experiment.toml"))
    assert (spots.photons > 100).sum() > 50


def test_every_possibility_in_a_comment_is_one():
    """Each commented entry that stands alone can take the place of the table that it replaces."""
    main(["init", "a.toml"])
    text = Path("a.toml").read_text("utf-8")
    before, factors, rest = text.partition("[structure_factors.wilson]")
    assert factors
    after = rest[rest.index("[beam]") :]
    Path("b.toml").write_text(f"{before}[structure_factors]\nconstant = 100\n{after}", "utf-8")
    assert nb.Config.from_toml("b.toml").structure_factors == nb.StructureFactors.constant(100)
    flat = "[detector.flat]\ndistance_mm = 150\npixels = [1024, 1024]\npixel_mm = 0.1\nbeam_center_mm = [51.2, 51.2]\n"
    assert "".join(f"# {line}\n" for line in flat.splitlines()) in text.replace("                # slow, fast", "")
    head, tail = text.split("[detector]\n")[0], text[text.index("[scan]") :]
    Path("c.toml").write_text(head + flat + tail, "utf-8")
    assert nb.Config.from_toml("c.toml").detector.shape == (1024, 1024)


def test_an_existing_file_is_kept_unless_forced(capsys):
    Path("a.toml").write_text("mine")
    assert main(["init", "a.toml"]) == 2
    assert "a.toml: exists; choose another name, or give --force" in capsys.readouterr().err
    assert Path("a.toml").read_text() == "mine"
    assert main(["init", "a.toml", "--force"]) == 0
    assert nb.Config.from_toml("a.toml")
    assert main(["init", "a.txt"]) == 2
    assert "must have the suffix .toml" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["help"], ["help", "--help"], ["help", "-h"], ["help", "help"], ["--help"], ["-h"]])
def test_every_way_to_ask_for_help_prints_it(capsys, words):
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("usage: nanobragg ")


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"help"}))
def test_help_on_a_command_is_its_own(capsys, command):
    assert main(["help", command]) == 0
    first = capsys.readouterr().out
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out == first
    assert "usage: nanobragg" in first


def test_help_lists_the_detectors(capsys):
    assert main(["help", "detectors"]) == 0
    assert tuple(capsys.readouterr().out.splitlines()) == nb.Detector.names()


def test_the_example_is_recorded_in_16_bits_too(capsys):
    """Brighter pixels than an SMV file holds are clipped, and counted in the summary."""
    assert main(["init"]) == 0
    assert main(["simulate", "experiment.toml", "--noise", "--seed", "1", "-o", "still.img", "-o", "still.npy"]) == 0
    recorded, image = nb.read_image("still.img")[0], np.load("still.npy")
    assert np.array_equal(recorded, np.minimum(image, 65535))
    assert f"{(image > 65535).sum()} pixels above 65535 are clipped" in capsys.readouterr().out
