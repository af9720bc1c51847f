"""Derivatives by the rates of radiation damage and the dose against numerical differences, and what they add up to."""

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

CELL = (50, 60, 70, 84, 101, 95)
HKL = np.indices((17, 17, 17)).reshape(3, -1).T - 8
WAVES = 100 + 50 * np.sin(HKL @ [1.0, 2.0, 3.0])
SPARSE = HKL.sum(axis=1) % 4 != 0
DAMAGE = nb.Damage(b_A2_per_MGy=1.3, cell_percent_per_MGy=0.03, half_dose_MGy=20)
NAMES = ("damage_b", "damage_cell", "half_dose", "dose")
ERROR = 1e-6  # of the largest derivative


def listed(**fields: Any) -> nb.StructureFactors:
    return nb.StructureFactors(**{"indices": HKL, "amplitudes": WAVES, "interpolate": False, **fields})


def experiment(crystal: dict[str, Any] | None = None, **fields: Any) -> nb.Config:
    """A crystal of 6 MGy in 9 x 8 pixels."""
    return config(**{
        "crystal": nb.Crystal(**{
            "cell": CELL, "misset_deg": (12, 34, 56), "shape": "gauss", "n_cells": (5, 6, 4), **(crystal or {})
        }),
        "structure_factors": listed(), "beam": nb.Beam(wavelength_A=1.0), "sampling": nb.Sampling(oversample=1),
        "detector": nb.Detector.flat(distance_mm=250, pixels=(9, 8), pixel_mm=5), "damage": DAMAGE, "dose_MGy": 6,
        **fields,
    })  # fmt: skip


SOURCES = nb.Sources(positions=[(-1, 0.002, 0.001), (-1, -0.003, 0.0)], weights=[1, 3], wavelengths_A=[0.99, 1.02])
THREE = nb.Diffuse(correlation_length_A=(20, 35, 15), displacement_A=(0.4, 0.6, 0.9))
SMEARED = {"mosaic_sampling": "analytic", "mosaic_spread_deg": (0.2, 0.3, 0.1), "mosaic_model": "gaussian"}
EXPERIMENTS: dict[str, nb.Config] = {
    "nearest": experiment(background=nb.Background(water_um=0.01)),
    "default_F": experiment(structure_factors=listed(indices=HKL[SPARSE], amplitudes=WAVES[SPARSE], default_F=40)),
    "tricubic": experiment(structure_factors=listed(interpolate=True, default_F=20)),
    "one amplitude": experiment(structure_factors=nb.StructureFactors.constant(80)),
    "one amplitude of few cells": experiment(
        {"n_cells": 2, "shape": "square"}, structure_factors=nb.StructureFactors.constant(80)
    ),
    "energies": experiment(
        beam=nb.Beam(wavelength_A=1.0, sources=SOURCES),
        structure_factors=listed(amplitudes=np.array([WAVES, 2 * WAVES + 5]), energies_eV=[12000, 12600]),
    ),
    "phased": experiment(
        {"n_cells": 2, "shape": "gauss_star"},
        structure_factors=listed(amplitudes=WAVES * np.exp(1j * (HKL @ [0.3, 0.5, -0.7])), interpolate="phased"),
    ),
    "phi, sources, strained domains of a general block": experiment(
        {"n_cells_off": (1, 0, -1), "strain_percent": (0.1, 0.2, 0, 0.1, 0, 0), "mosaic_domains": 3},
        scan=nb.Scan(range_deg=2, steps=2), beam=nb.Beam(wavelength_A=1.0, sources=SOURCES),
    ),
    "smeared": experiment({**SMEARED, "strain_percent": 0.2}),
    "smeared gauss_star": experiment({**SMEARED, "shape": "gauss_star"}, structure_factors=listed(default_F=30)),
    "halos": experiment({"diffuse": THREE}),
    "halos, interpolated": experiment({"diffuse": THREE}, structure_factors=listed(interpolate=True, default_F=20)),
    "wide halos of one amplitude": experiment(
        {"diffuse": nb.Diffuse(correlation_length_A=4, displacement_A=0.8)},
        structure_factors=nb.StructureFactors.constant(80),
    ),
    "matrix": experiment({"cell": None, "matrix": ((0.02, 0.001, 0), (0, 0.017, 0.002), (0, 0, 0.015))}),
    "beam smaller than the crystal": experiment(
        {"size_mm": 0.1, "n_cells": (4, 5, 6)}, beam=nb.Beam(wavelength_A=1.0, size_mm=0.05)
    ),
    "only the B factor": experiment(damage=nb.Damage(b_A2_per_MGy=0.8)),
}  # fmt: skip


QUICK = (
    "default_F",
    "tricubic",
    "one amplitude of few cells",
    "energies",
    "smeared gauss_star",
    "halos, interpolated",
    "wide halos of one amplitude",
)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in EXPERIMENTS]
)
def test_they_and_those_of_the_cell_agree_with_differences(name):
    scene = nb.Scene(EXPERIMENTS[name])
    for check in nb.check_derivatives(scene, [*rates(scene), "cell_a", "cell_beta"]):
        assert check.error < ERROR, check
        assert check.jumps < 8, check
        assert check.largest > 0, check


def rates(scene: nb.Scene) -> list[str]:
    """The parameters of damage that differences to either side exist for."""
    damage, known = scene.experiment.damage, {each.name for each in nb.parameters(scene)}
    absent = {"damage_cell", "half_dose"} if damage.half_dose_MGy is None else set()
    return [name for name in NAMES if name in known - absent]


@pytest.mark.parametrize("name", ["default_F", "tricubic", "energies", "one amplitude", "smeared gauss_star"])
def test_amplitudes_are_those_before_the_dose(name):
    scene = nb.Scene(EXPERIMENTS[name])
    index = [] if name == "one amplitude" else ["F(1,-2,2)"]
    for check in nb.check_derivatives(scene, ["default_F", *index]):
        assert check.error < ERROR, check
    gradient = nb.vjp(scene, np.ones(scene.shape), names=["default_F", *(["F"] if index else [])])
    image = nb.derivatives(scene, ["default_F"])[0]
    assert gradient["default_F"] == pytest.approx(image.sum(), rel=1e-9)
    if index:
        listing = scene.experiment.structure_factors.listing
        assert gradient["F"].shape == listing[1].shape
        row = int(np.flatnonzero((listing[0] == (1, -2, 2)).all(axis=1))[0])
        assert gradient["F"][..., row].sum() == pytest.approx(nb.derivatives(scene, index).sum(), rel=1e-9)


@settings(max_examples=15)
@given(
    dose=st.floats(0.1, 40), b=st.floats(0, 2), percent=st.floats(0, 0.1), half=st.floats(5, 100) | st.none(),
    factors=st.sampled_from(["default_F", "tricubic"]),
)  # fmt: skip
def test_an_image_depends_on_dose_times_rates(dose, b, percent, half, factors):
    """I(D·b, D·r, D/H): D ∂I/∂D = b ∂I/∂b + r ∂I/∂r - H ∂I/∂H."""
    damage = nb.Damage(b_A2_per_MGy=b, cell_percent_per_MGy=percent, half_dose_MGy=half)
    scene = nb.Scene(EXPERIMENTS[factors].replace(damage=damage, dose_MGy=dose))
    values = {each.name: each.value for each in nb.parameters(scene) if each.name in NAMES}
    images = dict(zip(values, nb.derivatives(scene, list(values)), strict=True))
    scaled = {name: values[name] * images[name] for name in values}
    expected = scaled["damage_b"] + scaled["damage_cell"] - scaled.get("half_dose", 0.0)
    size = max(np.abs(each).max() for each in scaled.values())
    assert np.abs(scaled.get("dose", 0.0) - expected).max() <= 1e-12 * size


@pytest.mark.parametrize("name", ["default_F", "one amplitude", "interpolated", "phased"])
def test_a_first_dose_has_the_slope_of_the_damage_that_it_does(name):
    given = experiment(structure_factors=listed(interpolate=True)) if name == "interpolated" else EXPERIMENTS[name]
    undosed = given.replace(dose_MGy=0.0)
    scene = nb.Scene(undosed)
    assert [each.name for each in nb.parameters(scene) if each.name in NAMES] == ["dose"]
    (exact,) = nb.derivatives(scene, ["dose"])
    step = 1e-3
    zero, one, two = (nb.simulate(undosed.replace(dose_MGy=dose), dtype="float64") for dose in (0.0, step, 2 * step))
    assert np.abs(exact - (4 * one - 3 * zero - two) / (2 * step)).max() < 2e-6 * np.abs(exact).max()


@pytest.mark.parametrize("name", ["halos, interpolated", "phi, sources, strained domains of a general block"])
def test_products_and_sums_are_those_of_the_images(name):
    scene, names = nb.Scene(EXPERIMENTS[name]), [*NAMES, "cell_b", "log_blocks"]
    images = nb.derivatives(scene, names)
    rng = np.random.default_rng(1)
    cotangent, changes = rng.normal(size=scene.shape), rng.normal(size=len(names))
    found = nb.vjp(scene, cotangent, names=names)
    np.testing.assert_allclose([found[each] for each in names], (images * cotangent).sum(axis=(1, 2)), rtol=1e-9)
    image = nb.jvp(scene, dict(zip(names, changes.tolist(), strict=True)))
    expected = np.tensordot(changes, images, 1)
    assert np.abs(image - expected).max() <= 1e-9 * np.abs(expected).max()
    model = nb.simulate(scene, dtype="float64", tolerance=0)
    data = model + rng.normal(size=scene.shape)
    weighted = images.reshape(len(names), -1) / 2.0
    equations = nb.normal_equations(scene, data, 2.0, names)
    np.testing.assert_allclose(equations.matrix, weighted @ images.reshape(len(names), -1).T, rtol=1e-9)
    loss = nb.loss_and_gradient(scene, data, nb.Likelihood("normal", 1.0), names=names)
    slopes = nb.Likelihood("normal", 1.0).terms(data.ravel(), model.ravel()).slope
    gradient = images.reshape(len(names), -1) @ slopes
    np.testing.assert_allclose([loss.gradient[each] for each in names], gradient, rtol=1e-7)


def test_single_precision_and_left_out_terms_stay_within_their_bounds():
    base = EXPERIMENTS["nearest"]
    scene = nb.Scene(base.replace({"crystal.n_cells": (20, 24, 16)}))
    exact = nb.derivatives(scene, NAMES)
    for image, single in zip(exact, nb.derivatives(scene, NAMES, dtype="float32"), strict=True):
        assert np.abs(single - image).max() < 1e-5 * np.abs(image).max()
    culled, report = nb.derivatives(scene, NAMES, tolerance=1e-4, report=True)
    assert set(report.bounds) == set(NAMES)
    for name, image, other in zip(NAMES, exact, culled, strict=True):
        assert np.abs(image - other).max() <= report.bounds[name] + 1e-9 * np.abs(image).max()


def test_a_config_keeps_its_damage_when_parameters_change():
    scene = nb.Scene(EXPERIMENTS["beam smaller than the crystal"])
    changes = {"cell_a": 1.0, "damage_b": 0.2, "damage_cell": 0.01, "half_dose": -5.0, "dose": 2.0, "n_a": 1.0}
    moved = moved_config(scene, changes)
    assert moved.damage == nb.Damage(b_A2_per_MGy=1.5, cell_percent_per_MGy=0.04, half_dose_MGy=15)
    assert moved.dose_MGy == 8
    assert moved.crystal.cell == pytest.approx((51, *CELL[1:]))
    assert nb.Scene(moved).blocks == pytest.approx(scene.blocks * 2 ** (6 / 20 - 8 / 15))
    np.testing.assert_allclose(
        nb.simulate(moved_config(scene, {}), dtype="float64"), nb.simulate(scene, dtype="float64"), rtol=1e-12
    )


def test_what_has_no_effect_is_said_and_a_trace_refuses():
    undamaged = nb.Scene(EXPERIMENTS["nearest"].replace(damage=None, dose_MGy=0))
    with pytest.warns(nb.errors.NanobraggWarning, match="damage_b, dose: the scene does not depend on them"):
        images = nb.derivatives(undamaged, ["damage_b", "dose"])
    assert not images.any()
    nothing = experiment(structure_factors=nb.StructureFactors.constant(0))
    assert not nb.derivatives(nothing, [*NAMES, "cell_a"]).any()
    with pytest.raises(ConfigError, match="'damage_cel' is not a parameter of this scene; did you mean damage_cell"):
        nb.derivatives(undamaged, ["damage_cel"])
    traced = nb.trace(experiment(), slow=3, fast=4)
    for name in ("damage_b", "dose", "cell_a", "F(1,2,3)"):
        with pytest.raises(ConfigError, match=r"a trace does not show its derivative; nb\.derivatives"):
            nb.trace_derivatives(traced, [name])
    shown = nb.trace_derivatives(traced, ["half_dose", "damage_cell"]).derivatives
    for each in shown:
        assert sum(each.terms) == pytest.approx(each.total, rel=1e-9)
