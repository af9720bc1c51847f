"""A trace as text, as JSON and explained in sentences."""

from __future__ import annotations

import json
import math

import pytest

import nanobragg as nb
from tests.rendering.trace.experiments import RICH, case_config, config

pytestmark = [
    pytest.mark.usefixtures("in_tests_folder"),
    pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning"),
]


def test_text_and_json_hold_the_same_values_in_the_same_order() -> None:
    traced = nb.trace(config(**RICH), slow=20, fast=11, strongest=3)
    values = traced.values()
    lines = [line.split(" = ", 1) for line in traced.to_text().splitlines()]
    stored = json.loads(traced.to_json())
    assert [name for name, _ in lines] == list(values) == list(stored)
    for name, text in lines:
        value = values[name]
        if isinstance(value, tuple):
            assert tuple(float(word) for word in text.split()) == tuple(value) == tuple(stored[name])
        elif isinstance(value, float):
            assert float(text) == value == stored[name]
    assert lines[-1][0] == "final.pixel"


def test_direct_beam_is_valid_json() -> None:
    traced = nb.trace(case_config("AT-PARALLEL-002/pixel-0.4"), slow=64, fast=64)
    assert traced.rays[0][1].d_A == math.inf
    assert json.loads(traced.to_json())["place[0,0,0].source[0].d_A"] is None


def test_explanation_has_ten_lines_and_names_every_factor() -> None:
    crystal = nb.Crystal(cell=(40, 50, 60, 80, 95, 100), misset_deg=(10, 20, 30), n_cells=6)
    text = nb.trace(config(crystal=crystal, background=nb.Background(water_um=1)), slow=20, fast=11).explain()
    assert len(text.splitlines()) == 10
    for word in (
        "photons",
        "1 term",
        "2theta",
        "h k l",
        "F_latt^2",
        "peak",
        "F_cell",
        "Solid angle",
        "Background is ",
        "fluence",
    ):
        assert word in text
