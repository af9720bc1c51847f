"""F(000) of calculated amplitudes does not scatter unless asked for; one that a file lists does."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from tests.builders import config
from tests.paths import ROOT

SMALL = ROOT / "tests" / "inputs" / "small.cif"
CRYSTAL = nb.Crystal(n_cells=20, shape="gauss")


def centre(factors: nb.StructureFactors) -> float:
    """Return the photons near the direct beam."""
    detector = nb.Detector.flat(distance_mm=100, pixels=40, pixel_mm=0.5)
    crystal = CRYSTAL if factors.may_know_cell else CRYSTAL.replace(cell=(60, 70, 80))
    return float(nb.simulate(config(structure_factors=factors, crystal=crystal, detector=detector))[18:22, 18:22].sum())


def test_a_calculated_f000_scatters_only_if_asked_for():
    without, with_it = (nb.StructureFactors.from_coordinates(SMALL, d_min_A=1, f000=f000) for f000 in (False, True))
    indices, amplitudes = without.listing
    (row,) = np.flatnonzero(~indices.any(axis=1))
    assert amplitudes[row] > 50  # it is listed
    assert centre(with_it) > 1e3 * centre(without)
    table = without.table()
    assert table.values[tuple(1 - np.array(table.limits.first))] == 0
    others = indices.any(axis=1)
    places = tuple((indices[others] - np.array(table.limits.first) + 1).T)
    np.testing.assert_array_equal(table.values[places], amplitudes[others])


def test_a_listed_f000_scatters(tmp_path):
    (tmp_path / "a.hkl").write_text("0 0 0 100\n1 0 0 5\n")
    listed = nb.StructureFactors.from_hkl(tmp_path / "a.hkl")
    arrays = nb.StructureFactors(indices=[[0, 0, 0], [1, 0, 0]], amplitudes=[100, 5])
    assert centre(listed) == pytest.approx(centre(arrays))
    assert centre(listed) > 1
