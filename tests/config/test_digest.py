"""An experiment has one digest, which every writer records."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.cli import main
from nanobragg.config.digest import canonical_text, config_digest, text_digest

GIVEN = nb.Config(  # completed with the cell of its structure factors
    crystal=nb.Crystal(n_cells=5),
    structure_factors=nb.StructureFactors(indices=[[0, 0, 0], [1, 2, 3]], amplitudes=[9, 8], cell=(30, 40, 50)),
    detector=nb.Detector.flat(distance_mm=80, pixels=(6, 9), pixel_mm=0.2, convention="xds"),
)
IMAGE = np.ones((6, 9), np.uint16)


def in_header(key, name):
    def written(folder, what):
        nb.write_image(folder / name, IMAGE, config=what)
        return nb.read_image(folder / name)[1][key]

    return written


def in_tiff(folder, what):
    words = in_header("description", "a.tif")(folder, what).replace(",", "").split()
    return words[words.index("CONFIG_SHA256") + 1]


def in_nexus(folder, what):
    nb.write_image(folder / "a.nxs", IMAGE, config=what)
    with h5py.File(folder / "a.nxs") as file:
        process = file["entry/process"]
        assert text_digest(process["config/data"].asstr()[()]) == process["config_sha256"].asstr()[()]
        return process["config_sha256"].asstr()[()]


def from_the_command_line(folder, what):
    config = what.config if isinstance(what, nb.Scene) else what
    config.to_toml(folder / "a.toml")
    words = ["--noise", "--seed", "1", "--threads", "1", "--truth", str(folder / "truth.npz")]
    assert main(["simulate", str(folder / "a.toml"), "-o", str(folder / "a.img"), *words]) == 0
    written = nb.read_image(folder / "a.img")[1]["CONFIG_SHA256"]
    assert nb.GroundTruth.load(folder / "truth.npz").config_sha256 == written
    return written


WRITERS = {
    "smv": in_header("CONFIG_SHA256", "a.img"),
    "minicbf": in_header("Config_SHA256", "a.cbf"),
    "tiff": in_tiff,
    "nexus": in_nexus,
    "ground truth": lambda folder, what: nb.ground_truth(what).config_sha256,
    "command line": from_the_command_line,
}
FORMS = {"given": lambda config: config, "completed": lambda config: config.resolved(), "scene": nb.Scene}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("writer", WRITERS)
def test_every_writer_records_the_same_digest(writer, form, tmp_path):
    assert WRITERS[writer](tmp_path, FORMS[form](GIVEN)) == config_digest(GIVEN)


CHANGES = {
    "a number": {"scan": nb.Scan(range_deg=0.1)},
    "an array": {"structure_factors": GIVEN.structure_factors.replace(amplitudes=[9, 8.000001])},
    "the cell": {"crystal": GIVEN.crystal.replace(cell=(30, 40, 50.001))},
    "what is rendered": {"roi": (slice(0, 4), slice(0, 4))},
    "the physics": {"compat": "c"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_different_experiments_have_different_digests(change):
    assert config_digest(GIVEN.replace(**CHANGES[change])) != config_digest(GIVEN)


def test_equal_experiments_have_the_same_digest():
    cell = GIVEN.crystal.replace(cell=(30, 40, 50, 90, 90, 90))
    for equal in (GIVEN.replace(scan=nb.Scan(start_deg=0)), GIVEN.replace(crystal=cell), GIVEN.replace(roi=None)):
        assert config_digest(equal) == config_digest(GIVEN)
    assert config_digest(GIVEN) == text_digest(canonical_text(GIVEN))
