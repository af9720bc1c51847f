"""Derivatives by weights and rotations of listed domains: differences, what they add up to, and their names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.derivatives.moved import moved_config
from nanobragg.errors import ConfigError
from tests.builders import config

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

ROTATIONS = [[0.5, 0.0, -0.1], [0.0, 0.3, 0.4], [-200.6, 40.2, 0.0]]
NAMES = ["domain_weight0", "domain_weight1", "domain_weight2"]
HKL = np.indices((17, 17, 17)).reshape(3, -1).T - 8
FACTORS = nb.StructureFactors(indices=HKL, amplitudes=100 + 50 * np.sin(HKL @ [1.0, 2.0, 3.0]), interpolate=False)
SOURCES = nb.Sources(
    positions=[(-1, 0.002, 0.001), (-1, -0.003, 0.0)], weights=[1, 3], wavelengths_A=[0.99, 1.02]
)  # fmt: skip
CRYSTALS: dict[str, dict[str, Any]] = {
    "phi and sources": {"mosaic_weights": [2.0, 0.5, 7.0]},
    "no weights given": {"shape": "square"},
    "strained general blocks": {
        "n_cells_off": (1, 0, -1), "strain_percent": (0.1, 0.2, 0, 0.1, 0, 0), "mosaic_weights": [0.2, 0.0, 0.1],
    },
    "halos": {
        "diffuse": nb.Diffuse(correlation_length_A=25, displacement_A=0.8), "mosaic_weights": [1.0, 2.0, 3.0],
    },
}  # fmt: skip


def experiment(name: str = "phi and sources", **fields: Any) -> nb.Config:
    return config(**{
        "crystal": nb.Crystal(**{
            "cell": (50, 60, 70, 84, 101, 95), "misset_deg": (12, 34, 56), "shape": "gauss", "n_cells": (5, 6, 4),
            "mosaic_rotations_deg": ROTATIONS, **CRYSTALS[name],
        }),
        "structure_factors": FACTORS, "beam": nb.Beam(wavelength_A=1.0, sources=SOURCES),
        "sampling": nb.Sampling(oversample=1), "scan": nb.Scan(range_deg=2, steps=2),
        "detector": nb.Detector.flat(distance_mm=250, pixels=(20, 24), pixel_mm=3),
        "background": nb.Background(water_um=0.01), **fields,
    })  # fmt: skip


def given_weights(config: nb.Config) -> np.ndarray:
    weights = config.crystal.mosaic_weights
    return np.ones(3) if weights is None else weights


@pytest.mark.parametrize("name", CRYSTALS)
def test_they_agree_with_differences(name):
    base = experiment(name)
    weights = given_weights(base)
    step = 1e-3 * weights.max()

    def image(number: int, steps: int) -> np.ndarray:
        moved = weights + steps * step * np.eye(3)[number]
        return nb.simulate(base.replace({"crystal.mosaic_weights": moved}), dtype="float64", tolerance=0)

    for number, exact in enumerate(nb.derivatives(base, NAMES)):
        one_sided = weights[number] == 0
        taken = {0: -25, 1: 48, 2: -36, 3: 16, 4: -3} if one_sided else {1: 8, -1: -8, 2: -1, -2: 1}
        difference = sum(factor * image(number, steps) for steps, factor in taken.items()) / (12 * step)
        assert np.abs(exact - difference).max() < 1e-8 * np.abs(exact).max()


@pytest.mark.parametrize("name", CRYSTALS)
def test_those_by_rotations_agree_with_differences(name):
    scene = nb.Scene(experiment(name))
    names = [f"domain_rotation{domain}_{axis}" for domain, axis in ("0a", "0c", "2b")]
    for check in nb.check_derivatives(scene, names):
        assert check.error < 1e-6, check
        assert check.jumps < 25, check
        assert check.largest > 0, check


def test_rotations_of_all_domains_add_up_to_that_of_the_crystal():
    """About the crystal's own axes, which are also those of the lab here."""
    crystal = nb.Crystal(
        cell=(50, 60, 70), shape="gauss", n_cells=5, mosaic_rotations_deg=np.zeros((3, 3)), mosaic_weights=[1, 2, 3]
    )
    scene = nb.Scene(experiment(crystal=crystal))
    for axis, direction in zip("abc", "xyz", strict=True):
        names = [f"domain_rotation{domain}_{axis}" for domain in range(3)]
        (whole,) = np.radians(nb.derivatives(scene, [f"rot_{direction}"]))
        parts = nb.derivatives(scene, names)
        np.testing.assert_allclose(parts.sum(axis=0), whole, rtol=0, atol=1e-12 * np.abs(whole).max())
        np.testing.assert_allclose(parts[2], 3 * parts[0], rtol=0, atol=1e-12 * np.abs(whole).max())


@settings(max_examples=20)
@given(weights=st.lists(st.floats(0, 100), min_size=3, max_size=3).filter(lambda x: max(x) > 1e-3))
def test_only_their_ratios_matter(weights):
    images = nb.derivatives(experiment().replace({"crystal.mosaic_weights": weights}), NAMES)
    assert np.abs(np.tensordot(weights, images, 1)).max() <= 1e-12 * sum(weights) * np.abs(images).max()


def test_products_and_sums_are_those_of_the_images():
    scene, names = (
        nb.Scene(experiment("halos")),
        [*NAMES, "rot_x", "displacement", "source_weight1", "domain_rotation1_c"],
    )
    images = nb.derivatives(scene, names).reshape(len(names), -1)
    rng = np.random.default_rng(1)
    cotangent, changes = rng.normal(size=scene.shape), rng.normal(size=len(names))
    found = nb.vjp(scene, cotangent, names=names)
    np.testing.assert_allclose([found[each] for each in names], images @ cotangent.ravel(), rtol=1e-9)
    image = nb.jvp(scene, dict(zip(names, changes.tolist(), strict=True))).ravel()
    assert np.abs(image - changes @ images).max() <= 1e-9 * np.abs(images).max()
    data = nb.simulate(scene, dtype="float64", tolerance=0) + rng.normal(size=scene.shape)
    equations = nb.normal_equations(scene, data, 2.0, names)
    np.testing.assert_allclose(equations.matrix, images @ images.T / 2.0, rtol=1e-7, atol=1e-9 * equations.matrix.max())
    single = nb.derivatives(scene, NAMES, dtype="float32").reshape(3, -1)
    np.testing.assert_allclose(single, images[:3], atol=1e-5 * np.abs(images[:3]).max())
    sharp = nb.derivatives(scene, NAMES, tolerance=1e-3, report=True)
    np.testing.assert_allclose(sharp[0].reshape(3, -1), images[:3], atol=1e-12 * np.abs(images).max())
    assert set(sharp[1].bounds.values()) == {0.0}


def test_a_changed_config_has_the_changed_weights():
    moved = moved_config(nb.Scene(experiment()), {"domain_weight2": -1.0, "domain_weight0": 0.5})
    assert moved.crystal.mosaic_weights.tolist() == [2.5, 0.5, 6.0]
    moved = moved_config(nb.Scene(experiment()), {"domain_rotation1_b": 0.2, "domain_rotation1_c": -0.1})
    assert moved.crystal.mosaic_rotations_deg == pytest.approx(np.array([ROTATIONS[0], [0.0, 0.5, 0.3], ROTATIONS[2]]))
    moved = moved_config(nb.Scene(experiment("no weights given")), {"domain_weight1": 1.0})
    assert moved.crystal.mosaic_weights.tolist() == [1.0, 2.0, 1.0]
    assert nb.check_derivatives(experiment(), ["domain_weight1"])[0].error < 1e-6


def test_weights_that_do_not_exist_are_refused():
    with pytest.raises(ConfigError, match="domain_weight3: there are 3 listed domains, 0 to 2"):
        nb.derivatives(experiment(), ["domain_weight3"])
    with pytest.raises(ConfigError, match="domain_rotation5_a: there are 3 listed domains, 0 to 2"):
        nb.derivatives(experiment(), ["domain_rotation5_a"])
    with pytest.raises(ConfigError, match="'domain_rotation0_d' is not a parameter of this scene"):
        nb.derivatives(experiment(), ["domain_rotation0_d"])
    spread = experiment().replace(crystal=nb.Crystal(cell=(50, 60, 70), mosaic_spread_deg=0.2))
    with pytest.raises(ConfigError, match=r"domain_weight0: the domains are not listed; give .*mosaic_rotations_deg"):
        nb.vjp(spread, np.ones((20, 24)), names=["domain_weight0"])
    traced = nb.trace(experiment(), slow=3, fast=4)
    with pytest.raises(ConfigError, match=r"domain_weight0: a trace does not show .*nb\.derivatives"):
        nb.trace_derivatives(traced, ["domain_weight0"])
    assert not any(each.name.startswith("domain_weight") for each in nb.parameters(experiment()))
