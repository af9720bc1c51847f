"""Orientations of noisy stills that DIALS indexes, before and after a refinement; DIALS reads the refined ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nanobragg as nb

from .processing import NEEDS_DIALS, Dials, frame, lattice_differences, lattice_in
from .series import CRYSTALS, experiment, one_panel

pytestmark = [*NEEDS_DIALS, pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")]
STILLS = 8
READ = """
import json, sys
from dxtbx.model.experiment_list import ExperimentListFactory
(found,) = ExperimentListFactory.from_json_file(sys.argv[1], check_format=False)
panel = found.detector[0]
print(json.dumps({"a": found.crystal.get_A(), "cell": found.crystal.get_unit_cell().parameters(),
                  "group": str(found.crystal.get_space_group().info()), "origin": panel.get_origin(),
                  "wavelength": found.beam.get_wavelength()}))
"""


def still(number: int) -> nb.Config:
    """Return a still of a crystal in a random orientation."""
    crystal = nb.Crystal(
        cell=CRYSTALS["orthorhombic"][0], misset_deg="random", misset_seed=number + 1, n_cells=16, shape="gauss",
        mosaic_spread_deg=0.1, mosaic_domains=20,
    )  # fmt: skip
    beam = nb.Beam(wavelength_A=1.0, fluence_ph_m2=1e26, kahn_factor=0.98)
    return experiment(
        "orthorhombic", one_panel(), crystal=crystal, beam=beam, scan=nb.Scan(),
        background=nb.Background(water_um=0.3),
    )  # fmt: skip


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    """Stills, their noisy images, and the experiments that DIALS found in them, by number."""
    folder = tmp_path_factory.mktemp("refined")
    configs = [still(number) for number in range(STILLS)]
    images = [np.random.default_rng(seed).poisson(nb.simulate(each)) for seed, each in enumerate(configs)]
    nb.write_nexus(folder / "stills.nxs", (image.astype(np.uint16) for image in images), configs)
    dials = Dials(folder)
    return dials, configs, images, dials.index_stills(macro_cycles=3)


def test_a_refinement_brings_what_dials_indexed_closer_to_the_truth(indexed):
    _, configs, images, found = indexed
    scenes, before, after = [nb.Scene(each) for each in configs], [], []
    for one in found:
        there = frame(one.detector, np.asarray(one.beam().direction))
        missets = [lattice_differences(lattice_in(there, each), one.a_matrix())[2] for each in scenes]
        number = int(np.argmin(missets))
        if missets[number] > 0.2:
            continue
        start = one.config(configs[number].structure_factors, n_cells=12)
        crystal = start.crystal.replace(shape="gauss", mosaic_spread_deg=0.15, mosaic_domains=20)
        start = start.replace(crystal=crystal, background=configs[number].background, sampling=configs[number].sampling)
        photons, vary = images[number].astype(float), ["rot", "cell", "n", "mosaic", "scale"]
        result = nb.refine(start, photons, vary, space_group="P 21 21 21")
        true, refined = (lattice_in(there, each) for each in (scenes[number], nb.Scene(result.config)))
        before.append(missets[number])
        after.append(lattice_differences(true, refined)[2])
    assert len(before) >= 0.8 * STILLS
    assert max(after) < 0.005
    assert np.median(after) < 0.1 * np.median(before)


def test_dials_reads_the_refined_experiment(indexed):
    dials, configs, images, _ = indexed
    photons, vary = images[0].astype(float), ["rot", "cell", "distance"]
    result = nb.refine(configs[0], photons, vary, start="given", space_group="P 21 21 21")
    result.to_expt(dials.folder / "refined.expt")
    read = json.loads(dials("/usr/bin/python3", "-c", READ, "refined.expt").splitlines()[-1])
    scene, panel = nb.Scene(result.config), result.config.detector.panels[0]
    np.testing.assert_allclose(np.reshape(read["a"], (3, 3)), scene.lattice.reciprocal.T, atol=1e-9)
    np.testing.assert_allclose(read["origin"], panel.origin_mm, atol=1e-6)
    np.testing.assert_allclose(read["cell"], result.config.crystal.cell, rtol=1e-6)
    assert read["wavelength"] == pytest.approx(1.0)
    assert read["group"].replace(" ", "") == "P212121"
