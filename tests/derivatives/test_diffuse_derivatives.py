"""Derivatives of images with diffuse halos against numerical differences, and a refinement of their widths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.errors import ConfigError
from tests.builders import config

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

HKL = np.indices((17, 17, 17)).reshape(3, -1).T - 8
FACTORS = nb.StructureFactors(indices=HKL, amplitudes=100 + 50 * np.sin(HKL @ [1.0, 2.0, 3.0]), interpolate=False)
ERROR = 1e-6  # of the largest derivative
THREE = nb.Diffuse(correlation_length_A=(20, 35, 15), displacement_A=(0.4, 0.6, 0.9))
SCENES: dict[str, dict[str, Any]] = {
    "three widths": {"diffuse": THREE, "mosaic_spread_deg": 0.3, "mosaic_domains": 3},
    "one width": {"diffuse": nb.Diffuse(correlation_length_A=25, displacement_A=0.8), "shape": "square"},
    "averaged": {"diffuse": THREE.replace(space_group="P 1 21 1"), "strain_percent": 0.2, "mosaic_domains": 3},
    "no rotation tells apart": {
        "cell": (50, 50, 70, 90, 90, 90), "diffuse": nb.Diffuse(
            correlation_length_A=(30, 30, 20), displacement_A=(0.5, 0.5, 0.7), space_group="P 4", neighbours=0
        ),
    },
    "turning domains": {
        "diffuse": THREE, "n_cells_off": (1, 0, -1), "mosaic_spread_deg": (0.1, 0.2, 0.3), "mosaic_model": "gaussian",
        "mosaic_domains": 4,
    },
}  # fmt: skip
WIDTHS = ("correlation_length", "displacement", *(f"{x}_{i}" for x in ("correlation", "displacement") for i in "abc"))


def scene(name: str, **fields: Any) -> nb.Scene:
    return nb.Scene(config(
        crystal=nb.Crystal(**{
            "cell": (50, 60, 70, 90, 101, 90), "misset_deg": (12, 34, 56), "shape": "gauss", "n_cells": (5, 6, 4),
            **SCENES[name],
        }),
        beam=nb.Beam(wavelength_A=1.0), sampling=nb.Sampling(oversample=1), **{
            "structure_factors": FACTORS,
            "detector": nb.Detector.flat(distance_mm=100, pixels=(12, 14), pixel_mm=3), **fields,
        },
    ))  # fmt: skip


@pytest.mark.parametrize("name", SCENES)
def test_every_parameter_agrees_with_differences(name):
    differentiated = scene(name)
    names = [each.name for each in nb.parameters(differentiated) if not each.name.startswith(("panel", "detector_r"))]
    for check in nb.check_derivatives(differentiated, names):
        assert check.error < ERROR, check
        assert check.jumps < 100, check


def test_those_with_interpolated_spots_agree_with_differences():
    """Amplitudes between reflections are sums over neighbours, which the displacements damp each by its own factor."""
    factors = FACTORS.replace(interpolate=True)
    for check in nb.check_derivatives(scene("three widths", structure_factors=factors), [*WIDTHS[2:], "cell_a"]):
        assert check.error < ERROR, check


def test_widths_are_parameters_as_they_were_given():
    def widths(name: str) -> list[str]:
        return [each.name for each in nb.parameters(scene(name)) if each.name in WIDTHS]

    assert widths("one width") == ["correlation_length", "displacement"]
    assert widths("three widths") == list(WIDTHS[2:])


def test_products_are_those_of_the_images():
    differentiated = scene("averaged")
    names = ["cell_b", "rot_x", "n_a", "strain", *WIDTHS[2:]]
    cotangent = np.random.default_rng(1).normal(size=differentiated.shape)
    images = nb.derivatives(differentiated, names)
    found = nb.vjp(differentiated, cotangent, names=names)
    np.testing.assert_allclose([found[name] for name in names], (images * cotangent).sum(axis=(1, 2)), rtol=1e-9)
    tangent = dict(zip(names, np.linspace(-1, 1, len(names)), strict=True))
    image = nb.jvp(differentiated, tangent)
    expected = np.einsum("n,nsf->sf", list(tangent.values()), images)
    assert np.abs(image - expected).max() <= 1e-9 * np.abs(expected).max()


def test_amplitudes_are_refused_with_the_reason():
    differentiated = scene("one width")
    for call in (
        lambda: nb.derivatives(differentiated, ["F(1,2,3)"]),
        lambda: nb.vjp(differentiated, np.ones((12, 14)), names=["F"]),
        lambda: nb.derivatives(differentiated, ["default_F"]),
        lambda: nb.jvp(differentiated, {"default_F": 1.0}),
        lambda: nb.vjp(differentiated, np.ones((12, 14)), names=["default_F"]),
        lambda: nb.check_derivatives(differentiated, ["default_F"]),
    ):
        with pytest.raises(ConfigError, match=r"Crystal\.diffuse are not differentiated by amplitudes; leave it out"):
            call()
    assert "F" not in nb.vjp(differentiated, np.ones((12, 14)))
    with pytest.raises(ConfigError, match=r"Crystal\.diffuse: a trace does not show its derivatives"):
        nb.trace_derivatives(nb.trace(differentiated, slow=3, fast=4), ["rot_x"])


def test_a_refinement_finds_the_widths_in_a_noisy_image():
    detector = nb.Detector.flat(distance_mm=100, pixels=(50, 60), pixel_mm=1.0)
    beam = nb.Beam(wavelength_A=1.0, fluence_ph_m2=1e28)
    true = scene("one width", detector=detector).config.replace(beam=beam)
    data = np.random.default_rng(2).poisson(nb.simulate(true, dtype="float64")).astype(float)
    start = true.replace({"crystal.diffuse": nb.Diffuse(correlation_length_A=18, displacement_A=0.6)})
    found = nb.refine(start, data, vary=["correlation_length", "displacement", "scale"])
    widths = found.config.crystal.diffuse
    for name, value in (("correlation_length", widths.correlation_length_A), ("displacement", widths.displacement_A)):
        truth = {"correlation_length": 25, "displacement": 0.8}[name]
        assert abs(value - truth) < 4 * found.errors[name], found
        assert found.errors[name] < 0.1 * truth


@pytest.mark.slow
@settings(max_examples=12)
@given(
    lengths=st.tuples(*[st.floats(10, 60)] * 3), displacements=st.tuples(*[st.floats(0.1, 1.2)] * 3),
    angles=st.tuples(*[st.floats(75, 105)] * 3), group=st.sampled_from([None, "P -1", "P 1 21 1", "P 21 21 21"]),
    neighbours=st.integers(0, 1),
)  # fmt: skip
def test_halos_of_any_widths_agree_with_differences(lengths, displacements, angles, group, neighbours):
    diffuse = nb.Diffuse(
        correlation_length_A=lengths, displacement_A=displacements, space_group=group, neighbours=neighbours
    )
    crystal = nb.Crystal(
        cell=(50, 60, 70, *angles), misset_deg=(12, 34, 56), shape="gauss", n_cells=(5, 6, 4), diffuse=diffuse
    )
    differentiated = nb.Scene(scene("one width").config.replace(crystal=crystal))
    for check in nb.check_derivatives(differentiated, [*WIDTHS[2:], "cell_a", "cell_beta", "rot_y"]):
        assert check.error < ERROR, check
