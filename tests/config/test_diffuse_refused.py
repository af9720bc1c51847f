"""Errors for diffuse scattering that is not valid (`Crystal.diffuse`): field, value and cure in one line."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.analysis.summary import summarize_scene
from nanobragg.errors import ConfigError
from tests.builders import CRYSTAL, config

DIFFUSE = nb.Diffuse(correlation_length_A=20, displacement_A=0.4)
DIFFUSING = CRYSTAL.replace(diffuse=DIFFUSE)

REFUSED = {
    "no correlation": (
        lambda: nb.Diffuse(displacement_A=0.4), "Diffuse.correlation_length_A: is required; give 3 numbers"
    ),
    "a length of zero": (
        lambda: DIFFUSE.replace(correlation_length_A=(0, 20, 20)), "Diffuse.correlation_length_A = 0: must be from 0.1"
    ),
    "two lengths": (lambda: DIFFUSE.replace(correlation_length_A=(10, 20)), "Diffuse.correlation_length_A"),
    "a large displacement": (
        lambda: DIFFUSE.replace(displacement_A=40), "Diffuse.displacement_A = 40: must be from 0.0001 to 10"
    ),
    "too many neighbours": (lambda: DIFFUSE.replace(neighbours=50), "Diffuse.neighbours = 50: must be from 0 to 10"),
    "half a neighbour": (lambda: DIFFUSE.replace(neighbours=0.5), "Diffuse.neighbours = 0.5"),
    "an unknown group": (lambda: DIFFUSE.replace(space_group="P 99"), "Diffuse.space_group: 'P 99' is not a valid"),
    "another name": (
        lambda: nb.Diffuse(correlation_length=20, displacement_A=0.4), "did you mean correlation_length_A?"
    ),
    "values without names": (lambda: nb.Diffuse(20, 0.4), r"takes named fields only; write Diffuse\("),
    "numbers in its place": (lambda: CRYSTAL.replace(diffuse=20), "Crystal.diffuse = 20"),
    "smeared spots": (
        lambda: DIFFUSING.replace(
            shape="gauss", mosaic_sampling="analytic", mosaic_spread_deg=(0.1, 0.1, 0.1), mosaic_model="gaussian"
        ),
        'Crystal.diffuse: mosaic_sampling = "analytic" has no halos; list domains',
    ),
    "the C program's image": (lambda: config(crystal=DIFFUSING, compat="c"), "Crystal.diffuse: compat='c' does not"),
    "the C program's flags": (lambda: config(crystal=DIFFUSING).to_flags(), "Crystal.diffuse: the C program does not"),
    "a transform with phases": (
        lambda: config(
            crystal=DIFFUSING,
            structure_factors=nb.StructureFactors(indices=[[1, 0, 0]], amplitudes=[1 + 1j], interpolate="phased"),
        ),
        "interpolate = 'phased': contradicts Crystal.diffuse, .*leave one of them out",
    ),
    "a powder": (lambda: nb.powder(config(crystal=DIFFUSING)), "Crystal.diffuse: the rings of a powder have no halos"),
    "refined amplitudes": (
        lambda: nb.refine_amplitudes([config(crystal=DIFFUSING)], [np.ones((32, 48))]), "Crystal.diffuse"
    ),
    "more reflections than fit": (
        lambda: nb.Scene(config(crystal=DIFFUSING.replace(cell=20000))), "Crystal.diffuse: StructureFactors.default_F"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_the_error_names_field_value_and_cure(name):
    build, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message):
        build()


def test_it_is_kept_by_files_and_scripts(tmp_path):
    given = config(
        crystal=CRYSTAL.replace(diffuse=DIFFUSE.replace(correlation_length_A=(10, 20, 30), space_group="P 2"))
    )
    given.to_toml(tmp_path / "experiment.toml")
    assert nb.Config.from_toml(tmp_path / "experiment.toml") == given
    namespace: dict[str, object] = {}
    exec(given.to_python(), namespace)
    assert namespace["config"] == given
    assert "displacements of 0.4 Å, correlated over 10 20 30 Å" in "\n".join(summarize_scene(nb.Scene(given)))
