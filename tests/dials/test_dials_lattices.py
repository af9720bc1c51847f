"""DIALS finds both lattices of two crystals that were simulated in one beam."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb

from .processing import NEEDS_DIALS, Dials, frame, lattice_differences, lattice_in
from .series import CRYSTALS, experiment, one_panel, write_series

pytestmark = NEEDS_DIALS
MISSETS = (10, 25, 40), (-35, 60, 5)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    """Two orthorhombic crystals, and what DIALS finds in their oscillation series when it is told the cell.

    Without the cell it doubles the edge of one of them.
    """
    cell, _ = CRYSTALS["orthorhombic"]
    crystals = [
        nb.Crystal(cell=cell, misset_deg=misset, n_cells=12, mosaic_spread_deg=0.1, mosaic_domains=6)
        for misset in MISSETS
    ]
    one = experiment("orthorhombic", one_panel())
    config = one.replace(crystals=crystals, fractions=(1.0, 0.6))
    dials = Dials(tmp_path_factory.mktemp("lattices"))
    dials("dials.import", *write_series(config, "nxs", dials.folder))
    dials("dials.find_spots", "imported.expt", "nproc=1")
    dials(
        "dials.index", "imported.expt", "strong.refl", "max_lattices=2", "unit_cell=50,60,70,90,90,90",
        "space_group=P212121", "indexing.nproc=1",
    )  # fmt: skip
    dials("dials.refine", "indexed.expt", "indexed.refl", "scan_varying=False")
    return config, dials.experiments("imported.expt")[0], dials.experiments("refined.expt")


def test_both_orientations_are_found(indexed):
    config, imported, found = indexed
    there = frame(imported.detector, np.asarray(imported.beam().direction))
    lattices = nb.Scene(config).lattices
    assert len(lattices) == len(found) == 2
    for lattice in lattices:
        true = lattice_in(there, lattice)
        length, angle, turned = min(
            (lattice_differences(true, each.a_matrix()) for each in found), key=lambda differences: differences[2]
        )
        assert length < 1e-3
        assert angle < 0.1  # degrees
        assert turned < 0.05  # degrees
