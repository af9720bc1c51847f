"""DIALS indexes stills of a detector of several panels, read from one NXmx file."""

from __future__ import annotations

import numpy as np

import nanobragg as nb

from .processing import NEEDS_DIALS, Dials, frame, lattice_differences, lattice_in
from .series import CRYSTALS, experiment, four_panels, noisy

pytestmark = NEEDS_DIALS
STILLS = 50


def still(number: int) -> nb.Config:
    """Return a still of a crystal in a random orientation, with a wavelength of its own."""
    crystal = nb.Crystal(
        cell=CRYSTALS["orthorhombic"][0], misset_deg="random", misset_seed=number + 1,
        n_cells=16, shape="gauss", mosaic_spread_deg=0.1, mosaic_domains=12,
    )  # fmt: skip
    beam = nb.Beam(wavelength_A=1.0 + 0.002 * (number % 5 - 2), fluence_ph_m2=2e26, kahn_factor=0.98)
    return experiment(
        "orthorhombic",
        four_panels("xds"),
        crystal=crystal,
        beam=beam,
        scan=nb.Scan(),
        background=nb.Background(water_um=0.15),
    )


def test_dials_indexes_stills_with_the_right_cell(tmp_path):
    configs = [still(number) for number in range(STILLS)]
    nb.write_nexus(tmp_path / "stills.nxs", (noisy(each, seed) for seed, each in enumerate(configs)), configs)
    scenes, right = [nb.Scene(each) for each in configs], set()
    for found in Dials(tmp_path).index_stills(macro_cycles=1):
        there = frame(found.detector, np.asarray(found.beam().direction))
        for number, scene in enumerate(scenes):  # no two crystals lie alike
            length, angle, turned = lattice_differences(lattice_in(there, scene), found.a_matrix())
            if length < 0.01 and angle < 0.5 and turned < 0.2:
                right.add(number)
    assert len(right) >= 0.9 * STILLS
