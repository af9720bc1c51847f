"""Models of crystals against formulas and limits: photons of a scan are conserved, shapes follow their formulas."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg._functions import block_of
from tests.builders import TRICLINIC, config

from .reflection import Reflection

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

N = np.array([[12.0, 3.0, -2.0], [3.0, 15.0, 4.0], [-2.0, 4.0, 10.0]])
BLOCK = {"n_cells": (12, 15, 10), "n_cells_off": (3, 4, -2)}


def test_the_general_gaussian_follows_its_formula():
    """F_latt² = (det N)² exp(-2 fudge |N δ|²/0.63), far and near."""
    scene = nb.Scene(config(crystal=TRICLINIC.replace(**BLOCK, fudge=0.7)))
    for slow, fast in ((3, 5), (16, 20), (30, 40)):
        (term,) = nb.trace(scene, slow=slow, fast=fast, strongest=None).terms[:1]
        v = N @ np.array(term.delta)
        expected = np.linalg.det(N) ** 2 * np.exp(-2 * 0.7 * (v @ v) / 0.63)
        assert term.F_latt_sqr == pytest.approx(expected, rel=1e-12)


def test_a_general_gaussian_turned_into_its_own_axes_is_a_plain_one():
    """In a cubic cell, N turned by a rotation R about the axes is the plain block of a crystal turned by R."""
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    matrix = turn @ np.diag([8.0, 16.0, 12.0]) @ turn.T
    crystal = nb.Crystal(
        cell=(60,), shape="gauss", n_cells=tuple(np.diag(matrix).tolist()), n_cells_off=(matrix[0, 1], 0.0, 0.0)
    )
    star = nb.Scene(config(crystal=crystal))
    cells, inverse = block_of((*crystal.n_cells, *crystal.n_cells_off))
    assert cells == pytest.approx(8 * 16 * 12, rel=1e-12)
    np.testing.assert_allclose(inverse[[0, 1, 2, 3]], np.linalg.inv(matrix)[[0, 1, 2, 0], [0, 1, 2, 1]], atol=1e-15)
    assert star.illuminated_volume == pytest.approx(8 * 16 * 12 * 60**3 * 1e-30)


MODELS = {
    "three spreads": {"mosaic_spread_deg": (0.3, 0.1, 0.5), "mosaic_model": "gaussian", "mosaic_domains": 50},
    "strain": {"strain_percent": 0.2, "mosaic_domains": 50},
    "strain tensor": {"strain_percent": (0.2, 0.1, 0.3, 0.05, 0.1, 0.2), "mosaic_domains": 50},
    "spread and strain": {"strain_percent": 0.1, "mosaic_spread_deg": 0.2, "mosaic_domains": 50},
    "listed": {
        "mosaic_rotations_deg": np.random.default_rng(1).normal(0, 0.2, (20, 3)),
        "mosaic_weights": np.random.default_rng(2).random(20),
    },
    "general Gaussian": {"n_cells": (12, 15, 13), "n_cells_off": (3, 4, -2)},
}


@pytest.mark.parametrize("band", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_a_whole_reflection_has_the_photons_of_darwins_formula(model, band):
    """Within 0.5 %, in 2000 steps through the sphere: models move photons, they do not make or lose any."""
    reflection = Reflection(cell=(30, 40, 50, 75, 85, 105), hkl=(5, -7, 6), n_cells=(11, 12, 13), shape="gauss",
                            spread_deg=2.0)  # fmt: skip
    config = reflection.config()
    crystal = config.crystal.replace(mosaic_spread_deg=None, mosaic_domains=None).replace(**MODELS[model])
    beam = config.beam.replace(dispersion_percent=0.4, dispersion_steps=5) if band else config.beam
    scene = nb.Scene(config.replace(crystal=crystal, beam=beam))
    cells = np.prod(reflection.n_cells)
    expected = reflection.theory() * (0.63 * np.pi / 2) ** 1.5 * scene.cells_per_block / cells
    assert nb.simulate(scene, dtype="float64").sum() == pytest.approx(expected, rel=5e-3)


def test_listed_domains_with_weights_are_the_weighted_sum_of_single_ones():
    vectors, weights = np.array([[0.2, 0.0, -0.1], [0.0, 0.3, 0.1], [-0.4, 0.1, 0.0]]), np.array([0.5, 0.2, 0.3])
    listed = TRICLINIC.replace(mosaic_rotations_deg=vectors, mosaic_weights=7 * weights)
    scan = nb.Scan(range_deg=3, steps=3)
    expected = sum(
        weight * nb.simulate(
            config(crystal=TRICLINIC.replace(mosaic_rotations_deg=vector[np.newaxis]), scan=scan), dtype="float64"
        )
        for vector, weight in zip(vectors, weights, strict=True)
    )  # fmt: skip
    for tolerance in (0, None):
        image = nb.simulate(config(crystal=listed, scan=scan), dtype="float64", tolerance=tolerance)
        np.testing.assert_allclose(image, expected, rtol=1e-12, atol=1e-13 * expected.max())
    square = listed.replace(shape="square", n_cells=3)
    image = nb.simulate(config(crystal=square, scan=scan), dtype="float64")
    slow, fast = np.unravel_index(image.argmax(), image.shape)
    trace = nb.trace(config(crystal=square, scan=scan), slow=int(slow), fast=int(fast), strongest=None)
    assert trace.final.pixel == pytest.approx(image.max(), rel=1e-12)
    assert sum(term.contribution for term in trace.terms) == pytest.approx(trace.final.sum, rel=1e-12)
    assert trace.terms[-1].running_sum == pytest.approx(trace.final.sum, rel=1e-12)


def test_predicted_photons_of_listed_domains_are_those_of_single_ones():
    vectors, weights = np.array([[0.5, 0.0, -0.1], [0.0, 0.3, 0.4]]), np.array([0.9, 0.1])
    scan = nb.Scan(range_deg=2, steps=10)

    def photons(vectors, weights=None):
        crystal = TRICLINIC.replace(mosaic_rotations_deg=vectors, mosaic_weights=weights)
        return nb.predict_spots(config(crystal=crystal, scan=scan), threshold=0).photons.sum()

    expected = sum(weight * photons(vectors[[i]]) for i, weight in enumerate(weights))
    assert photons(vectors, weights) == pytest.approx(expected, rel=1e-9)


def test_an_anisotropic_spread_broadens_spots_across_its_axis():
    """Domains turned about a* spread the reflections of b*, and leave those of a* where they are."""
    crystal = nb.Crystal(
        cell=(60,), n_cells=20, shape="gauss", mosaic_model="gaussian", mosaic_spread_deg=(0.5, 0, 0), mosaic_domains=50
    )
    scene = nb.Scene(config(crystal=crystal))
    star = np.linalg.inv(scene.cells).transpose(0, 2, 1)
    assert np.ptp(star[:, 0], axis=0).max() < 1e-6 * np.linalg.norm(star[0, 0])
    angle = np.degrees(np.arccos(np.clip((star[:, 1] @ star[:, 1].mean(axis=0))
                                         / np.linalg.norm(star[:, 1], axis=1)
                                         / np.linalg.norm(star[:, 1].mean(axis=0)), -1, 1)))  # fmt: skip
    assert np.sqrt((angle**2).mean()) == pytest.approx(0.5, rel=1e-3)
