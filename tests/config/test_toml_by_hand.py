"""TOML files as a person writes them: the constructors of detectors and structure factors, and the guide's page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.config.flat_panel import FlatPanelParameters
from nanobragg.config.toml import parse_toml
from nanobragg.errors import ConfigError
from tests.paths import ROOT

CRYSTAL = "[crystal]\ncell = [60, 70, 80]\nn_cells = 5\n"
FACTORS = "[structure_factors]\nconstant = 100\n"
FLAT = "[detector.flat]\npixels = [32, 48]\npixel_mm = 0.5\n"
GUIDE = ROOT / "docs" / "guide" / "toml.md"


def read(folder: Path, *tables: str) -> nb.Config:
    path = folder / "still.toml"
    path.write_text("\n".join(tables), encoding="utf-8")
    return nb.Config.from_toml(path)


def test_a_named_detector_is_placed_with_the_wavelength_of_the_beam(tmp_path):
    table = '[detector]\nname = "eiger2 16m"\ndistance_mm = 150\nconvention = "xds"\norg_px = [2000, 2100]\n'
    found = read(tmp_path, CRYSTAL, FACTORS, table, "[beam]\nenergy_eV = 9000\n").detector
    assert found == nb.Detector.named(
        "EIGER2 16M", energy_eV=9000, distance_mm=150, convention="xds", org_px=(2000, 2100)
    )
    named = nb.Detector.named("EIGER2 16M", distance_mm=150, convention="xds", org_px=(2000, 2100))
    assert read(tmp_path, CRYSTAL, FACTORS, table).detector == named


def test_a_flat_detector_takes_the_parameters_of_detector_flat(tmp_path):
    table = "[detector.flat]\ndistance_mm = 90\npixels = 64\npixel_mm = 0.3\nsensor_thickness_um = 300\n"
    more = '[detector]\nsensor_material = "Si"\nname = "mine"\n'
    assert read(tmp_path, CRYSTAL, FACTORS, table, more).detector == nb.Detector.flat(
        distance_mm=90, pixels=64, pixel_mm=0.3, sensor_thickness_um=300, sensor_material="Si", name="mine"
    )


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("constant = 7", nb.StructureFactors.constant(7)),
        ("constant = 7\ncell = [50]", nb.StructureFactors.constant(7, cell=(50,))),
        ("default_F = 7", nb.StructureFactors(default_F=7)),
    ],
)
def test_one_amplitude(tmp_path, table, expected):
    assert read(tmp_path, CRYSTAL, f"[structure_factors]\n{table}\n", FLAT).structure_factors == expected


@pytest.mark.parametrize("kind", ["hkl", "dump", "shelx", "mtz", "cif", "coordinates"])
def test_a_file_is_named_by_its_format_relative_to_the_toml_file(tmp_path, kind):
    options = {"shelx": 'space_group = "P 1"\n', "coordinates": "d_min_A = 2\n"}.get(kind, "default_F = 3\n")
    table = f'[structure_factors]\n{kind} = "sub/data"\n{options}'
    found = read(tmp_path, CRYSTAL, table, FLAT).structure_factors
    assert (found.path, found.file_format, found.kind) == (tmp_path / "sub" / "data", kind, kind)


def test_an_mtz_file_gives_the_crystal_its_cell(tmp_path):
    from tests.structure_factors.mtz_files import write_mtz

    write_mtz(tmp_path / "data.mtz", {"FP": ("F", np.ones(4))})
    table = '[structure_factors]\nmtz = "data.mtz"\n'
    made = nb.Scene(read(tmp_path, "[crystal]\nn_cells = 5\n", table, FLAT))
    assert made.config.crystal.cell == nb.StructureFactors.from_mtz(tmp_path / "data.mtz").known_cell


def test_wilson_amplitudes_and_the_crystal_share_a_cell(tmp_path):
    table = '[structure_factors.wilson]\nspace_group = "P 21 21 21"\nb_factor = 20\nd_min_A = 4\nseed = 3\n'
    expected = nb.StructureFactors.wilson((60, 70, 80), "P 21 21 21", b_factor=20, d_min_A=4, seed=3)
    assert read(tmp_path, CRYSTAL, table, FLAT).structure_factors == expected
    own = read(tmp_path, "[crystal]\nn_cells = 5\n", table + "cell = [60, 70, 80]\n", FLAT)
    assert own.structure_factors == expected
    assert nb.Scene(own).config.crystal.cell == (60, 70, 80, 90, 90, 90)


def test_the_schema_may_be_left_out(tmp_path):
    tables = CRYSTAL, FACTORS, FLAT
    assert read(tmp_path, "schema = 1\n", *tables) == read(tmp_path, *tables)


REFUSED = {
    "no detector": ("[detector]\npoint_pixel = true\n", r'\[detector\]: give name = "EIGER2 16M"'),
    "unknown detector": ('[detector]\nname = "EIGR2 16M"\n', "did you mean 'EIGER2 16M'"),
    "pixels of a named detector": ('[detector]\nname = "EIGER2 16M"\npixels = 5\n', "is fixed by Detector.named"),
    "unknown entry": ("[detector.flat]\ndistance = 5\n", "Detector.distance: is not a field"),
    "a number for a table": ("[detector]\nflat = 5\n", r"detector.flat = 5: must be a table, \[detector.flat\]"),
    "twice": (
        "[detector]\ncurved = true\n[detector.flat]\ncurved = true\n",
        r"\[detector.flat\]: curved is given twice",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_detectors_that_are_refused(tmp_path, name):
    table, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, CRYSTAL, FACTORS, table)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[structure_factors]\nmtz = "a"\ncif = "b"\n', r"mtz and cif contradict each other"),
        ('[structure_factors]\nconstant = 5\npath = "b"\n', r"constant and path contradict each other"),
        ("[structure_factors.wilson]\nseed = 5\n", r"\[structure_factors.wilson\]: space_group, b_factor and"),
        (
            "[structure_factors]\nmzt = 'a'\n",
            r"\[structure_factors\] mzt: is not an entry of this table; did you mean mtz\?",
        ),
        (
            "[structure_factors]\nfoo = 5\n",
            r"foo: is not an entry of this table; the entries are hkl, .*, wilson, path",
        ),
        ("[structure_factors]\nwilson = 5\n", r"must be a table, \[structure_factors.wilson\]"),
        ("[structure_factors]\nmtz = 5\n", r"StructureFactors.path = 5"),
    ],
)
def test_structure_factors_that_are_refused(tmp_path, table, message):
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, CRYSTAL, table, FLAT)


def guide_blocks() -> list[str]:
    return re.findall(r"^```toml\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(guide_blocks())))
def test_every_block_of_the_guide_is_valid(tmp_path, number):
    (tmp_path / "spectrum.txt").write_text("energy_eV weight\n12650 1\n12660 2\n")
    nb.write_image(tmp_path / "mask.img", np.ones((512, 400), np.uint16))
    block = guide_blocks()[number]
    tables = {
        "crystal": "[crystal]\ncell = [60]\n",
        "structure_factors": FACTORS,
        "detector": "[detector.flat]\npixels = [512, 400]\n",
    }
    given = parse_toml(block)
    if isinstance(given.get("beam"), dict) and "path" in given["beam"].get("sources", {}):
        (tmp_path / "sources.txt").write_text("-1 0 0\n")
    found = read(tmp_path, block, *(text for name, text in tables.items() if name not in given))
    assert found.to_toml(tmp_path / "again.toml") is None


def test_the_guide_names_every_entry():
    text = GUIDE.read_text("utf-8")
    models = (
        nb.Config, nb.Crystal, nb.Diffuse, nb.Damage, nb.StructureFactors, nb.Beam, nb.Sources, nb.Spectrum,
        nb.Detector, nb.Panel, nb.Scan,
        nb.Sampling, nb.Background, nb.Noise, FlatPanelParameters,
    )  # fmt: skip
    missing = [
        f"{model.__name__}.{name}"
        for model in models
        for name in model.model_fields
        if not re.search(rf"\b{name}\b", text)
    ]
    assert not missing
