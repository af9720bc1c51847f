"""The table of parameters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import nanobragg as nb
from nanobragg.derivatives.parameters import MEANINGS, SINGLE
from tests.builders import config
from tests.derivatives.scenes import config as golden

PAGE = Path(__file__).parents[2] / "docs" / "derivatives.md"


def test_the_documentation_has_the_table_of_the_code():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text(), re.MULTILINE))
    assert rows == {name: f"{unit} | {meaning}" for name, (unit, _, meaning) in MEANINGS.items()}


CHOICES = {  # fields that are no numbers to vary: counts, seeds, switches, files and what is found in them
    "Config": "crystal crystals structure_factors factors_of_crystals beam detector scan sampling background damage"
    " noise roi compat",
    "Crystal": "misset_seed shape mosaic_domains mosaic_seed mosaic_model mosaic_sampling diffuse twin_law",
    "Diffuse": "neighbours space_group",
    "Damage": "",
    "Beam": "polarized divergence_steps round_divergence dispersion_steps",
    "Background": "table_path table_axis",
    "Scan": "steps",
    "StructureFactors": "path file_format column indices phase_column space_group block unknown_atoms f000 interpolate",
}


@pytest.mark.parametrize("owner", CHOICES)
def test_the_documentation_has_a_parameter_or_a_reason_for_every_number(owner):
    rows = re.findall(rf"^\| `{owner}\.(.*?) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    listed = [field for fields, _ in rows for field in re.findall(r"\w+", fields)]
    assert sorted([*listed, *CHOICES[owner].split()]) == sorted(getattr(nb, owner).model_fields)
    known = {*MEANINGS, *SINGLE, "crystal0_fraction", "twin0_share"}
    for _, meaning in rows:
        if not meaning.startswith("none: "):
            named = set(re.findall(r"`(\w+)`", meaning))
            assert named
            assert named <= known


@pytest.mark.filterwarnings("ignore:.*does not hit the detector", "ignore:oversample")
def test_parameters_have_the_values_of_the_scene():
    found = {parameter.name: parameter for parameter in nb.parameters(golden("two_panels"))}
    assert found["cell_c"].value == pytest.approx(80)
    assert found["n_a"].value == 6
    assert found["mosaic_spread"][:3] == ("mosaic_spread", "deg", 0.5)
    assert found["distance"].value == pytest.approx(nb.Scene(golden("two_panels")).distance * 1000)
    assert {"panel0_tx", "panel1_rz", "detector_ty", "log_background", "log_bandwidth"} <= found.keys()


def test_parameters_that_do_not_matter_are_not_listed():
    names = {parameter.name for parameter in nb.parameters(config(beam=nb.Beam(polarized=False)))}
    assert not names & {"kahn", "mosaic_spread", "log_background", "log_bandwidth", "panel1_tx"}


def test_groups_are_listed():
    names = [parameter.name for parameter in nb.parameters(config(), groups={"all_of_it": (0,)})]
    assert names[-6:] == [f"all_of_it_{motion}" for motion in ("tx", "ty", "tz", "rx", "ry", "rz")]
