"""Words and constraints of a refinement."""

from __future__ import annotations

import pytest

import nanobragg as nb
from nanobragg.refinement.degrees import choose_degrees, free_numbers, symmetric_changes
from tests.builders import config

A, B, C, ALPHA, BETA, GAMMA = "cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma"


@pytest.mark.parametrize(
    ("group", "cell", "expected"),
    [
        ("P 1", (50, 60, 70, 80, 85, 95), [(A,), (B,), (C,), (ALPHA,), (BETA,), (GAMMA,)]),
        ("P 1 21 1", (50, 60, 70, 90, 100, 90), [(A,), (B,), (C,), (BETA,)]),
        ("P 1 1 21", (50, 60, 70, 90, 90, 100), [(A,), (B,), (C,), (GAMMA,)]),
        ("P 21 21 21", (50, 60, 70, 90, 90, 90), [(A,), (B,), (C,)]),
        ("P 43 21 2", (50, 50, 70, 90, 90, 90), [(A, B), (C,)]),
        ("P 31 2 1", (50, 50, 70, 90, 90, 120), [(A, B), (C,)]),
        ("R 3 :H", (50, 50, 70, 90, 90, 120), [(A, B), (C,)]),
        ("R 3 :R", (50, 50, 50, 80, 80, 80), [(A, B, C), (ALPHA, BETA, GAMMA)]),
        ("P 61 2 2", (50, 50, 70, 90, 90, 120), [(A, B), (C,)]),
        ("F 4 3 2", (50, 50, 50, 90, 90, 90), [(A, B, C)]),
    ],
)
def test_the_crystal_system_constrains_the_cell(group, cell, expected):
    assert free_numbers(group, cell) == expected


def test_a_cell_is_made_symmetric():
    scene = nb.Scene(config(crystal=nb.Crystal(cell=(50, 51, 70, 90, 90.4, 90), n_cells=5)))
    changes = symmetric_changes(scene, "P 43 21 2")
    assert changes == pytest.approx({"cell_a": 0.5, "cell_b": -0.5, "cell_beta": -0.4})


def test_words_stand_for_parameters():
    scene = nb.Scene(config())
    names = [degree.name for degree in choose_degrees(scene, ["rot", "n", "distance", "offset", "panel0"])]
    motions = [f"panel0_{motion}" for motion in ("tx", "ty", "tz", "rx", "ry", "rz")]
    assert names == ["rot_x", "rot_y", "rot_z", "n_a", "n_b", "n_c", "distance", "offset", *motions]
