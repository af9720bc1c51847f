"""Logging is silent by default; messages appear with the standard module or with --verbose."""

from __future__ import annotations

import logging
import shlex
import subprocess
import sys

import numpy as np
import pytest

import nanobragg as nb
from nanobragg import _core, cli
from nanobragg.cli.verbose import logged, take_switch
from nanobragg.rendering.instruction_sets import select_instruction_set

MINIMAL = shlex.split("-cell 100 100 100 90 90 90 -default_F 100 -lambda 1 -distance 100 -detpixels 16 -seed 1")


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_an_experiment_is_logged_from_scene_to_file(caplog):
    select_instruction_set.cache_clear()
    caplog.set_level(logging.DEBUG, "nanobragg")
    config = nb.Config(
        crystal=nb.Crystal(cell=(60, 70, 80), n_cells=3, mosaic_spread_deg=1, mosaic_domains=4),
        structure_factors=nb.StructureFactors(indices=[[0, 0, 1], [1, 2, 3]], amplitudes=[5.0, 6.0], default_F=1.0),
        detector=nb.Detector.flat(distance_mm=100, pixels=(12, 20), pixel_mm=0.5),
        sampling=nb.Sampling(oversample=2),
    )
    nb.write_image("image.npy", nb.simulate(config, threads=1))
    told = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert [(name, level) for name, level, _ in told] == [
        ("nanobragg.rendering.instruction_sets", "DEBUG"),
        ("nanobragg.scene.scene", "DEBUG"),
        ("nanobragg.config.structure_factors", "DEBUG"),
        ("nanobragg.rendering.simulate", "INFO"),
        ("nanobragg.io.atomic", "INFO"),
    ]
    isa, scene, table, rendered, wrote = (message for *_, message in told)
    assert isa == f"instruction set {_core.instruction_set()}, of {', '.join(_core.instruction_sets())}"
    assert scene == ("scene of 12 x 20 pixels: 1 sources, 1 phi steps, 4 mosaic domains, 4 sub-pixels, 1 sensor layers")
    assert table.startswith("table of ")
    assert table.endswith(" reflections of an array")
    assert rendered.startswith("rendered 240 pixels on 1 threads in ")
    assert wrote == "wrote image.npy"


def test_reading_a_file_is_logged(caplog, tmp_path):
    np.save(tmp_path / "image.npy", np.ones((2, 3)))
    caplog.set_level(logging.DEBUG, "nanobragg")
    nb.read_image("image.npy")
    assert "reading image.npy" in caplog.messages


def test_a_failed_write_is_not_logged(caplog):
    caplog.set_level(logging.DEBUG, "nanobragg")
    with pytest.raises(nb.errors.FileError):
        nb.write_image("nowhere/image.npy", np.ones((2, 3)))
    assert caplog.messages == []


def test_the_library_is_silent_by_default():
    code = "import logging, nanobragg; logging.getLogger('nanobragg.scene.scene').error('said')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_verbose_works_with_c_flags_and_changes_no_output(capsys):
    assert cli.main([*MINIMAL, "-noprogress"]) == 0
    quiet = capsys.readouterr()
    assert cli.main([*MINIMAL, "-noprogress", "--verbose"]) == 0
    told = capsys.readouterr()
    assert quiet.err == ""
    assert [line for line in told.out.splitlines() if not line.startswith("rendered")] == [
        line for line in quiet.out.splitlines() if not line.startswith("rendered")
    ]
    lines = told.err.splitlines()
    assert all(line.startswith("nanobragg: ") for line in lines)
    assert lines[-4:] == [
        "nanobragg: wrote floatimage.bin",
        "nanobragg: wrote intimage.img",
        "nanobragg: wrote image.pgm",
        "nanobragg: wrote noiseimage.img",
    ]


def test_verbose_ends_with_the_command_line_that_asked(capsys):
    logger = logging.getLogger("nanobragg")
    before = (logger.level, list(logger.handlers))
    with pytest.raises(ZeroDivisionError), logged(wanted=True):
        raise ZeroDivisionError
    assert (logger.level, list(logger.handlers)) == before
    assert cli.main(["--verbose", "info"]) == 0
    assert (logger.level, list(logger.handlers)) == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--verbose", "info"], (True, ["info"])),
        (["info", "--verbose"], (True, ["info"])),
        (["compare", "--verbose", "--", "-cell", "9"], (True, ["compare", "--", "-cell", "9"])),
        (["compare", "--", "--verbose"], (False, ["compare", "--", "--verbose"])),
        (["-cell", "9", "-noprogress"], (False, ["-cell", "9", "-noprogress"])),
    ],
)
def test_verbose_may_stand_anywhere_before_the_c_flags_of_compare(words, expected):
    assert take_switch(words) == expected
