"""The command `nanobragg refine`."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.cli import main
from tests.refinement.experiments import SPACE_GROUP, noisy, start, still

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("refine")
    truth = still()
    start(truth, 1).to_toml(path / "start.toml")
    np.save(path / "image.npy", (2.0 * noisy(truth, 1) + 10.0).astype(np.float32))
    return path


def test_a_still_is_refined_from_files(folder, capsys):
    words = ["refine", "start.toml", "image.npy", "--vary", "rot", "cell", "n", "mosaic", "--gain", "2"]
    words = [str(folder / word) if "." in word else word for word in words]
    done = main([*words, "--adc-offset", "10", "--space-group", SPACE_GROUP, "-o", str(folder / "refined.toml")])
    out, err = capsys.readouterr()
    assert done == 0
    assert "converged after" in out
    assert "loss" in err
    refined = nb.Config.from_toml(folder / "refined.toml")
    assert refined.crystal.cell[0] == pytest.approx(60.0, abs=0.01)
    assert refined.crystal.mosaic_spread_deg == pytest.approx(0.15, rel=0.03)


def test_an_expt_and_a_picture_are_written(folder):
    words = [
        str(folder / "start.toml"),
        str(folder / "image.npy"),
        "--vary",
        "rot",
        "--gain",
        "2",
        "--adc-offset",
        "10",
    ]
    done = main(["refine", *words, "-o", str(folder / "r.expt"), "--plot", str(folder / "r.png"), "--iterations", "1"])
    assert done in (0, 3)
    assert nb.read_expt(folder / "r.expt")[0].cell[2] == pytest.approx(40.0, rel=0.01)
    assert (folder / "r.png").stat().st_size > 10000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "refined.txt"], "is a .toml or .expt file"),
        (["-o", "refined.toml", "--gain", "0"], "--gain 0: must be positive"),
        (["-o", "refined.toml", "--factors", "model.mtz"], "--factors: is for a .expt start"),
        (["-o", "refined.toml", "--n-cells", "5"], "--n-cells: is for a .expt start"),
        (["-o", "refined.toml", "--experiment", "0"], "--experiment: is for a .expt start"),
    ],
)
def test_bad_options_are_refused(folder, capsys, words, message):
    done = main(["refine", str(folder / "start.toml"), str(folder / "image.npy"), "--vary", "rot", *words])
    assert done == 2
    assert message in capsys.readouterr().err


def test_an_image_of_another_detector_is_refused(folder, capsys):
    np.save(folder / "small.npy", np.ones((7, 5), np.float32))
    words = [str(folder / "start.toml"), str(folder / "small.npy"), "--vary", "rot", "-o", str(folder / "x.toml")]
    assert main(["refine", *words]) == 2
    assert "is an image of shape (7, 5); the detector of the start has (" in capsys.readouterr().err


def test_a_dials_start_needs_structure_factors(folder, capsys):
    nb.write_expt(folder / "start.expt", still().config)
    words = [str(folder / "start.expt"), str(folder / "image.npy"), "--vary", "rot", "-o", str(folder / "x.toml")]
    assert main(["refine", *words]) == 2
    assert "give --factors FILE" in capsys.readouterr().err


def test_an_image_of_a_dials_scan_has_its_own_angle(folder, capsys):
    truth = still().config.replace(scan=nb.Scan(start_deg=2.0, range_deg=0.5, steps=5))
    nb.write_expt(folder / "scan.expt", truth)
    scan = json.loads((folder / "scan.expt").read_text())
    scan["scan"][0]["image_range"] = [1, 3]
    (folder / "scan.expt").write_text(json.dumps(scan))
    np.savetxt(folder / "one.hkl", [[1, 2, 3, 100]], fmt="%d")
    words = ["refine", str(folder / "scan.expt"), str(folder / "image.npy"), "--factors", str(folder / "one.hkl")]
    assert main([*words, "--vary", "rot", "-o", str(folder / "x.toml"), "--index", "3"]) == 2
    assert "image = 3: the experiment has images 0 to 2" in capsys.readouterr().err
