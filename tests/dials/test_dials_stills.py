"""DIALS indexes stills of a detector of several panels, read from one NXmx file."""

from __future__ import annotations

import numpy as np

import nanobragg as nb

from .processing import NEEDS_DIALS, Dials, frame, lattice_differences
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
    dials = Dials(tmp_path)
    dials("dials.import", "stills.nxs")
    dials("dials.find_spots", "imported.expt", "nproc=1")
    # Debian's DIALS comes without the extension that its indexer of stills needs
    dials(
        "dials.index", "imported.expt", "strong.refl", "joint_indexing=False", "stills.indexer=sequences",
        "unit_cell=50,60,70,90,90,90", "space_group=P212121", "method=real_space_grid_search", "n_macro_cycles=1",
        "detector.fix=all", "beam.fix=all", "indexing.nproc=1",
    )  # fmt: skip
    scenes = [nb.Scene(each) for each in configs]
    right = set()
    for found in dials.experiments("indexed.expt"):
        there = frame(found.detector, np.asarray(found.beam().direction))
        for number, scene in enumerate(scenes):  # no two crystals lie alike
            true = there @ frame(scene.config.detector, scene.beam_direction).T @ scene.lattice.reciprocal.T
            length, angle, turned = lattice_differences(true, found.a_matrix())
            if length < 0.01 and angle < 0.5 and turned < 0.2:
                right.add(number)
    assert len(right) >= 0.9 * STILLS
