"""Crystal.realistic: the block, the domains and the sub-pixels that it leads to converge."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.config.realistic import block_cells, block_edge_A, converged_domains
from nanobragg.errors import ConfigError

TETRAGONAL = (79.1, 79.1, 38.4, 90.0, 90.0, 90.0)
SMALL = (50.0, 50.0, 38.0, 90.0, 90.0, 90.0)
SKEW = (35.0, 42.0, 50.0, 85.0, 95.0, 100.0)
TRICLINIC = (60.0, 70.0, 80.0, 85.0, 95.0, 100.0)
DETECTOR = nb.Detector.flat(distance_mm=150, pixels=1200, pixel_mm=0.2)


def config(crystal: nb.Crystal, **fields: Any) -> nb.Config:
    return nb.Config(
        crystal=crystal.replace(misset_deg=(12, 34, 56)),
        structure_factors=nb.StructureFactors.constant(100),
        **{"detector": DETECTOR, **fields},
    )


def integrated(crystal: nb.Crystal) -> dict[tuple[int, ...], float]:
    """Return the photons of the predicted spots of a still to 3 Å; sub-pixels do not enter."""
    sampling = nb.Sampling(d_min_A=3.0, oversample=1)
    with pytest.warns(nb.errors.NanobraggWarning, match="oversample = 1"):
        scene = nb.Scene(config(crystal, sampling=sampling))
    spots = nb.predict_spots(scene, threshold=0)
    return dict(zip(map(tuple, spots.hkl.tolist()), spots.photons.tolist(), strict=True))


@pytest.mark.parametrize("model", ["cap", "gaussian"])
@pytest.mark.parametrize("drawn", ["balanced", "random"])
@pytest.mark.parametrize(("cell", "spread"), [(SMALL, 0.1), (SKEW, 0.3), (SMALL, 0.04)])
def test_twice_as_many_domains_change_a_still_by_the_accuracy(model: Any, drawn: Any, cell: Any, spread: float) -> None:
    changes = []
    for seed in (1, 2):
        crystal = nb.Crystal.realistic(
            0.05, cell=cell, mosaic_spread_deg=spread, d_min_A=3, accuracy=0.2, mosaic_model=model,
            mosaic_sampling=drawn, mosaic_seed=seed,
        )  # fmt: skip
        once, twice = (integrated(crystal.replace(mosaic_domains=n * crystal.domains())) for n in (1, 2))
        both = [(once.get(hkl, 0.0), photons) for hkl, photons in twice.items()]
        changes.append(sum(abs(a - b) for a, b in both) / sum(b for _, b in both))
    assert 0 < np.mean(changes) < 0.2


def test_twice_as_many_sub_pixels_hardly_change_the_spots() -> None:
    crystal = nb.Crystal.realistic(0.05, cell=TETRAGONAL, mosaic_domains=10)
    small = nb.Detector.flat(distance_mm=150, pixels=500, pixel_mm=0.075, beam_center_mm=(1, 1))
    scene = nb.Scene(config(crystal, detector=small))
    boxes = nb.shoeboxes(scene, 5)
    fine = scene.config.replace(sampling=nb.Sampling(oversample=2 * scene.oversample))
    once, twice = (nb.simulate(each, pixels=boxes, dtype="float64") for each in (scene, fine))
    sums = np.array([[box.cut(once).sum(), box.cut(twice).sum()] for box in boxes])
    assert len(boxes) > 10
    assert np.abs(sums[:, 0] - sums[:, 1]).sum() < 1e-3 * sums[:, 1].sum()
    assert np.abs(once - twice).sum() < 0.02 * twice.sum()


def test_the_block_is_half_as_wide_as_the_mosaic_spread_makes_spots() -> None:
    crystal = nb.Crystal.realistic(0.05, cell=TETRAGONAL)
    assert (crystal.size_mm, crystal.shape) == ((0.05, 0.05, 0.05), "gauss")
    assert crystal.n_cells == (27, 27, 56)  # 0.93/(0.5 · 2 · 0.1° / 4 Å) = 2140 Å
    assert crystal.mosaic_domains == converged_domains(("cap", "balanced"), 0.1, 56 * 38.4, 2.0, 0.05) == 155
    assert nb.Scene(config(crystal)).blocks == pytest.approx(0.05**3 * 1e21 / (79.1**2 * 38.4 * 27 * 27 * 56))
    assert block_edge_A(0.0, 2.0) == block_edge_A(0.01, 2.0) == 3000
    assert nb.Crystal.realistic(0.05, cell=TETRAGONAL, mosaic_spread_deg=0).domains() == 1
    assert nb.Crystal.realistic(0.05, cell=TETRAGONAL, mosaic_spread_deg=2).n_cells == (10, 10, 21)


def test_a_block_is_not_larger_than_the_crystal() -> None:
    assert block_cells((79.1, 79.1, 38.4), (0.0001, 0.05, 1e-6), 2140) == (12, 27, 1)
    thin = nb.Crystal.realistic((0.0001, 0.05, 0.05), cell=TETRAGONAL)
    assert thin.n_cells == (12, 27, 56)


def test_a_matrix_serves_in_place_of_the_cell() -> None:
    matrix = np.linalg.inv(nb.Scene(config(nb.Crystal(cell=TRICLINIC))).lattice.direct)
    from_matrix = nb.Crystal.realistic(0.05, matrix=tuple(map(tuple, matrix.tolist())))
    assert from_matrix.n_cells == nb.Crystal.realistic(0.05, cell=TRICLINIC).n_cells


def test_the_cell_may_come_with_the_structure_factors(caplog: Any) -> None:
    with caplog.at_level(logging.INFO, "nanobragg"):
        crystal = nb.Crystal.realistic(0.05)
    assert "gauss blocks of 0.21 µm; 154 mosaic domains" in caplog.messages[0]
    factors = nb.StructureFactors.wilson(TETRAGONAL, "P 43 21 2", b_factor=20, d_min_A=8, seed=1)
    scene = nb.Scene(nb.Config(crystal=crystal, structure_factors=factors, detector=DETECTOR))
    assert scene.n_cells == (27, 27, 56)
    given = nb.Crystal.realistic(0.05, block_um=0.1)
    assert (given.block_um, given.mosaic_domains) == (0.1, converged_domains(("cap", "balanced"), 0.1, 1e3, 2.0, 0.05))


def test_a_crystal_without_mosaic_spread_has_one_domain() -> None:
    assert nb.Crystal.realistic(0.05, cell=TETRAGONAL, mosaic_spread_deg=None).domains() == 1


def test_given_fields_replace_what_would_be_chosen_and_the_choice_is_logged(caplog: Any) -> None:
    with caplog.at_level(logging.INFO, "nanobragg"):
        crystal = nb.Crystal.realistic(0.05, cell=TETRAGONAL, n_cells=20, shape="square", mosaic_domains=7)
    assert (crystal.n_cells, crystal.shape, crystal.mosaic_domains) == ((20, 20, 20), "square", 7)
    (line,) = caplog.messages
    start = "realistic crystal of 0.05 x 0.05 x 0.05 mm: square blocks of 0.16 µm, 20 x 20 x 20 cells; 7 mosaic domains"
    assert line.startswith(start)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": TETRAGONAL, "accuracy": 0}, r"Crystal.realistic\(accuracy\) = 0: must be a number from 0.0001 to 1"),
        ({"cell": TETRAGONAL, "accuracy": float("nan")}, r"realistic\(accuracy\) = nan: must be a number"),
        ({"cell": TETRAGONAL, "d_min_A": -1}, r"realistic\(d_min_A\) = -1: must be a number from 0.1 to 1000"),
        ({"cell": TETRAGONAL, "d_min_A": None}, r"realistic\(d_min_A\) = None: must be a number"),
        ({"matrix": ((0, 0, 0), (0, 0, 0), (0, 0, 0))}, "an edge of the cell of Crystal.matrix = nan"),
        ({"cell": TETRAGONAL, "size_mm": (0.1, 0, 0.1)}, "has a size along each axis"),
        ({"cell": TETRAGONAL, "size_mm": -0.1}, "must not be negative"),
        ({"cell": TETRAGONAL, "mosaic_spread_deg": -0.1}, "mosaic_spread_deg = -0.1"),
        ({"cell": TETRAGONAL, "colour": "red"}, "colour: is not a field of Crystal"),
    ],
)
def test_invalid_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        nb.Crystal.realistic(**{"size_mm": 0.05, **options})


def test_spread_in_closed_form_takes_the_place_of_domains():
    listed = nb.Crystal.realistic(0.05, cell=TETRAGONAL, mosaic_spread_deg=0.1)
    for spread in (0.1, (0.1, 0.05, 0.1)):
        smeared = nb.Crystal.realistic(0.05, cell=TETRAGONAL, mosaic_spread_deg=spread, mosaic_sampling="analytic")
        assert smeared.n_cells == listed.n_cells
        assert smeared.domains() == 1
        assert smeared.mosaic_spread_deg == ((0.1, 0.1, 0.1) if spread == 0.1 else spread)
    still = nb.Crystal.realistic(0.05, cell=TETRAGONAL, mosaic_spread_deg=0, mosaic_sampling="analytic")
    assert still.mosaic_spread_deg == 0
