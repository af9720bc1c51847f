"""DIALS finds the cell and the orientation that an oscillation series was simulated with."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb

from .processing import NEEDS_DIALS, Dials, frame, lattice_differences, lattice_in, rmsd_px, shift
from .series import BEAM_PX, experiment, four_panels, one_panel, write_series

pytestmark = NEEDS_DIALS
THREE = {"mosaic_spread_deg": (0.05, 0.25, 0.1), "mosaic_model": "gaussian"}
MODELS = {  # of the orthorhombic crystal
    "plain": {},
    "anisotropic": {**THREE, "mosaic_domains": 12},
    "in closed form": {**THREE, "mosaic_domains": None, "mosaic_sampling": "analytic", "shape": "gauss"},
    "diffuse": {"diffuse": nb.Diffuse(correlation_length_A=30, displacement_A=0.3, neighbours=0)},
}


@pytest.fixture(scope="module")
def processed(tmp_path_factory):
    """Simulate a series and let DIALS import, find spots, index and refine; once for each."""
    done = {}

    def process(crystal: str, kind: str, panels: int, model: str = "plain"):
        key = crystal, kind, panels, model
        if key not in done:
            dials = Dials(tmp_path_factory.mktemp("dials"))
            config = experiment(crystal, one_panel() if panels == 1 else four_panels())
            config = config.replace(crystal=config.crystal.replace(**MODELS[model]))
            # DIALS takes SMV's beam centre for ADXV's, see docs/files.md
            told = [f"fast_slow_beam_centre={BEAM_PX[0]},{BEAM_PX[1]}"] if kind == "img" else []
            dials("dials.import", *write_series(config, kind, dials.folder), *told)
            dials("dials.find_spots", "imported.expt", "nproc=1")
            dials("dials.index", "imported.expt", "strong.refl", "indexing.nproc=1")
            printed = dials("dials.refine", "indexed.expt", "indexed.refl", "scan_varying=False")
            done[key] = config, dials, printed
        return done[key]

    return process


@pytest.mark.parametrize(
    ("crystal", "kind", "panels", "model"),
    [
        ("triclinic", "img", 1, "plain"),
        ("orthorhombic", "cbf", 1, "plain"),
        ("hexagonal", "nxs", 1, "plain"),
        ("orthorhombic", "nxs", 4, "plain"),
        ("orthorhombic", "nxs", 1, "anisotropic"),
        ("orthorhombic", "nxs", 1, "in closed form"),
        ("orthorhombic", "nxs", 1, "diffuse"),
    ],
)
def test_dials_recovers_cell_orientation_and_positions(processed, crystal, kind, panels, model):
    config, dials, printed = processed(crystal, kind, panels, model)
    imported, refined = dials.experiments("imported.expt")[0], dials.experiments("refined.expt")[0]
    there = frame(imported.detector, np.asarray(imported.beam().direction))
    length, angle, turned = lattice_differences(lattice_in(there, nb.Scene(config)), refined.a_matrix())
    assert length < 1e-3
    assert angle < 0.1  # degrees
    assert turned < 0.05  # degrees
    assert max(rmsd_px(printed)) < 0.2


def test_a_refined_model_puts_the_spots_where_dials_predicts_them(processed):
    config, dials, _ = processed("orthorhombic", "nxs", 4)
    refined = dials.experiments("refined.expt")[0]
    dials("dials.predict", "refined.expt", "d_min=1.7")
    panel, place = dials.predictions()
    middle = 10  # the image that spots are in; those near the spindle axis reach into its second neighbours
    photons = sum(
        nb.simulate(refined.config(config.structure_factors, image, phi_steps=12, n_cells=10, shape="gauss"))
        for image in range(middle - 2, middle + 3)
    )
    shifts: dict[int, list[float]] = {}
    for number in np.flatnonzero(np.floor(place[:, 2]) == middle):
        near = (panel == panel[number]) & (np.abs(place - place[number]) < (9, 9, 4)).all(axis=1)
        off = shift(photons[panel[number]], place[number])
        if near.sum() == 1 and off is not None:
            shifts.setdefault(int(panel[number]), []).append(off)
    assert sorted(shifts) == [0, 1, 2, 3]
    assert min(map(len, shifts.values())) >= 5
    assert max(map(max, shifts.values())) < 0.1
