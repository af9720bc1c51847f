"""Descriptions: shots depend on nothing but the description, the seed and their number; errors name the entry."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.analysis.spots.ground_truth import orientation
from nanobragg.dataset.plan_file import plan_digest
from nanobragg.errors import ConfigError

from .plans import BASE, CELL, ROTATED, plan

pytestmark = pytest.mark.filterwarnings("ignore:oversample")
JITTER = {**ROTATED, "beam.exposure_s": nb.log_normal(0.1, 0.3), "crystal.n_cells": nb.integers(8, 12)}


def test_shots_are_the_same_in_any_order_and_alone():
    data = plan(vary=JITTER, crystals_per_shot=nb.poisson(1.0))
    forward = [shot.image for shot in data]
    for k in (3, 0, 5, 1):
        np.testing.assert_array_equal(plan(vary=JITTER, crystals_per_shot=nb.poisson(1.0)).shot(k).image, forward[k])
    np.testing.assert_array_equal(data.shot(-1, threads=1).image, forward[-1])


def test_shots_differ_and_the_seed_decides_them():
    data = plan(vary=JITTER)
    assert len({data.shot(k).image.tobytes() for k in range(6)}) == 6
    assert (plan(vary=JITTER, seed=6).shot(0).image != data.shot(0).image).any()


def test_a_field_does_not_change_when_another_one_varies_too():
    alone, more = plan(vary={"beam.exposure_s": JITTER["beam.exposure_s"]}), plan(vary=JITTER)
    assert [alone.values(k).shot for k in range(6)] == [more.values(k).shot for k in range(6)]


def test_a_shot_of_one_crystal_is_what_its_config_renders():
    shot = plan(vary=JITTER).shot(2)
    expected = nb.simulate(shot.config)
    np.testing.assert_array_equal(shot.image, nb.add_noise(expected, shot.config, seed=shot.noise_seed))
    assert shot.photons == pytest.approx(expected.sum(dtype=float))


def test_several_crystals_add_up_over_one_background():
    data = plan(base=BASE.replace(noise=None), crystals_per_shot=3)
    configs = data.configs(1)
    assert len(configs) == 3
    dark = BASE.background
    alone = [nb.simulate(c.replace(background=nb.Background())).astype(float) for c in configs]
    water = nb.simulate(BASE.replace(noise=None, structure_factors=nb.StructureFactors.constant(0))).astype(float)
    np.testing.assert_allclose(data.shot(1).image, sum(alone) + water, rtol=1e-5)
    assert all(c.background == dark for c in configs)


def test_crystals_of_a_shot_have_values_of_their_own_and_share_the_beam():
    values = plan(vary=JITTER, crystals_per_shot=2).values(0)
    assert set(values.shot) == {"beam.exposure_s"}
    first, second = values.crystals
    assert not np.array_equal(first["crystal.rotation"], second["crystal.rotation"])


def test_the_hit_rate_is_the_share_of_shots_with_crystals():
    data = plan(n=1500, crystals_per_shot=nb.poisson(1.3), hit_rate=0.8)
    counts = np.array([len(data.values(k).crystals) for k in range(1500)])
    assert abs((counts > 0).mean() - 0.8) < 4 * (0.16 / 1500) ** 0.5
    mean_of_hits = 1.3 / (1 - np.exp(-1.3))
    assert counts[counts > 0].mean() == pytest.approx(mean_of_hits, rel=0.06)


def test_without_a_hit_rate_the_number_of_crystals_decides():
    data = plan(n=1500, crystals_per_shot=nb.poisson(1.3))
    misses = np.mean([not data.values(k).crystals for k in range(1500)])
    assert misses == pytest.approx(np.exp(-1.3), abs=0.05)


def test_a_miss_shows_the_background_alone():
    data = plan(base=BASE.replace(noise=None), crystals_per_shot=0)
    water = nb.simulate(BASE.replace(noise=None, structure_factors=nb.StructureFactors.constant(0)))
    np.testing.assert_allclose(data.shot(0).image, water, rtol=1e-6)
    empty = plan(base=BASE.replace(noise=None, background=nb.Background()), crystals_per_shot=0)
    assert not empty.shot(0).image.any()
    assert not empty.shot(0).truth


SMALL = nb.Crystal(cell=(40, 40, 50, 90, 90, 120), n_cells=12, size_mm=0.02, shape="gauss")
SMEARED = BASE.crystal.replace(
    mosaic_sampling="analytic", mosaic_model="gaussian", mosaic_spread_deg=(0.1, 0.1, 0.1), mosaic_domains=None
)


@pytest.mark.parametrize(
    "fields",
    [
        {"crystals": (BASE.crystal, SMALL), "fractions": (1, 2), "factors_of_crystals": (BASE.structure_factors,) * 2},
        {"crystal": SMEARED, "beam.bandwidth_percent": 1.0},
    ],
)
def test_a_miss_of_any_base_shows_the_background_alone(fields):
    base = BASE.replace({"noise": None, **fields})
    miss, water = (plan(base=given, vary={}, crystals_per_shot=0).shot(0) for given in (base, BASE.replace(noise=None)))
    np.testing.assert_array_equal(miss.image, water.image)
    assert miss.wavelength_A == water.wavelength_A


@pytest.mark.parametrize(
    "base",
    [BASE.replace(crystals=(BASE.crystal, SMALL)), BASE.replace(crystal=SMALL.twinned("-h,-k,l", 0.3))],
)
def test_every_lattice_of_a_crystal_is_in_the_truth(base):
    shot = plan(base=base.replace(noise=None), vary={"beam.wavelength_A": nb.normal(1, 0.01)}).shot(0)
    np.testing.assert_array_equal(shot.image, nb.simulate(shot.config))
    expected, lattices = nb.predict_spots(shot.config), nb.Scene(shot.config).lattices
    assert len(shot.truth) == len(lattices) == 2
    for i, (truth, lattice) in enumerate(zip(shot.truth, lattices, strict=True)):
        assert truth.number == 0
        np.testing.assert_array_equal(truth.orientation.A, orientation(lattice).A)
        np.testing.assert_array_equal(truth.spots.hkl, expected.hkl[expected.lattice == i])
        assert truth.spots.photons.sum() == pytest.approx(expected.photons[expected.lattice == i].sum(), rel=1e-12)


def test_a_rotation_turns_the_crystal_from_its_orientation_in_the_base():
    base = BASE.replace({"crystal.misset_deg": (10, 20, 30)})
    data = plan(base=base)
    turn = data.values(4).crystals[0]["crystal.rotation"]
    found = orientation(nb.Scene(data.configs(4)[0])).A
    np.testing.assert_allclose(found, turn @ orientation(nb.Scene(base)).A, atol=1e-15)


def test_the_truth_of_a_crystal_is_that_of_its_config():
    shot = plan(vary=JITTER).shot(0)
    truth, exact = shot.truth[0], nb.ground_truth(shot.config)
    np.testing.assert_array_equal(truth.orientation.A, exact.A)
    np.testing.assert_array_equal(truth.spots.photons, exact.spots.photons)
    assert truth.wavelength_A == exact.wavelength_A
    np.testing.assert_allclose(truth.orientation.cell, CELL)


def tetragonal(values, generator):
    """Return a cell with equal a and b, and an exposure that goes with them."""
    a = 60 + generator.normal()
    return {"crystal.cell": (a, a, 80), "beam.exposure_s": a / 600}


def test_a_function_makes_values_depend_on_each_other(tmp_path):
    data = plan(correlate=tetragonal, crystals_per_shot=2)
    first, second = data.configs(3)
    assert first.crystal.cell[0] == first.crystal.cell[1] != second.crystal.cell[0]
    assert first.beam.exposure_s == second.beam.exposure_s == first.crystal.cell[0] / 600
    (tmp_path / "cells.py").write_text(inspect.getsource(tetragonal))
    named = plan(correlate=f"{tmp_path / 'cells.py'}:tetragonal", crystals_per_shot=2)
    assert named.configs(3)[0].crystal.cell == first.crystal.cell


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"vary": {"beam.wavelngth_A": nb.uniform(1, 2)}}, "did you mean wavelength_A"),
        ({"vary": {"bean.wavelength_A": nb.uniform(1, 2)}}, "did you mean|the parts are"),
        ({"vary": {"crystal.rotatoin": nb.random_orientations()}}, "did you mean crystal.rotation"),
        ({"vary": {"crystal.rotation": nb.uniform(0, 1)}}, "is not a rotation matrix"),
        ({"vary": {"beam.wavelength_A": nb.uniform(-1, 1)}}, "Beam.wavelength_A = -1.0: must be greater than 0"),
        ({"vary": {"beam.wavelength_A": 1.0}}, "belongs into the base"),
        ({"vary": {"beam.wavelength_A": {"kind": "norml"}}}, "did you mean normal"),
        ({"vary": {"beam.wavelength_A": {"kind": "normal", "mean": 1}}}, "Normal.sd: is required"),
        ({"vary": {"beam.wavelength_A": [1, 2]}}, "2 values for 6 shots"),
        ({"vary": {"noise.seed": nb.integers(1, 9)}}, "leave it out"),
        ({"vary": {"beam.fluence_ph_m2": nb.uniform(1, 2)}}, "the base gives flux_ph_s"),
        ({"vary": 3}, "must be a mapping"),
        ({"base": BASE.replace(noise=None), "vary": {"noise.flicker": nb.uniform(0, 1)}}, "the base has no noise"),
        ({"base": BASE.replace(compat="c", background=nb.Background())}, "compat='c'"),
        ({"n": 0}, "n = 0"),
        ({"hit_rate": 1.5}, "hit_rate = 1.5"),
        ({"crystals_per_shot": 1.5}, "must be a whole number, or a distribution"),
        ({"crystals_per_shot": -1}, "from 0 to 1000"),
        ({"crystals_per_shot": nb.uniform(0, 1)}, "must be a whole number from 0 to"),
        ({"crystals_per_shot": nb.choice([0]), "hit_rate": 1.0}, "no shot can be a hit"),
        ({"correlate": "nowhere:f"}, "cannot be imported"),
        ({"correlate": "f"}, "module:function"),
        ({"correlate": lambda values, generator: 3}, "must return a dict"),
        ({"correlate": lambda values, generator: {"beam.colour": 3}}, "is not a field"),
        ({"shots": 3}, "shots: is not a field"),
    ],
)
def test_bad_descriptions_are_refused_with_the_entry(fields, message):
    with pytest.raises(ConfigError, match=message):
        plan(**fields)


@pytest.mark.parametrize("k", [6, -7, 1.5, "1"])
def test_shots_that_do_not_exist_are_refused(k):
    with pytest.raises(ConfigError, match="shot"):
        plan().shot(k)


def test_descriptions_are_written_and_read_as_toml(tmp_path):
    vary = {
        **JITTER,
        "beam.spectrum": nb.sase_spectrum(lines=8),
        "background": nb.choice([nb.Background(), nb.Background(water_um=9)]),
        "scan.start_deg": np.linspace(0, 1, 6),
    }
    data = plan(vary=vary, crystals_per_shot=nb.poisson(2), hit_rate=0.9)
    data.to_toml(tmp_path / "plan.toml")
    again = nb.Dataset.from_toml(tmp_path / "plan.toml")
    np.testing.assert_array_equal(again.shot(3).image, data.shot(3).image)
    assert plan_digest(again) == plan_digest(nb.Dataset.from_toml(tmp_path / "plan.toml"))


def test_the_digest_changes_with_the_description():
    digests = {
        plan_digest(each) for each in (plan(), plan(seed=6), plan(n=7), plan(vary={}), plan(correlate=tetragonal))
    }
    assert len(digests) == 5
    assert plan_digest(plan()) == plan_digest(plan())


def test_a_plan_names_its_base_and_function_relative_to_itself(tmp_path):
    BASE.to_toml(tmp_path / "still.toml")
    (tmp_path / "physics.py").write_text("def f(values, generator):\n    return {'beam.exposure_s': 0.25}\n")
    (tmp_path / "plan.toml").write_text(
        'base = "still.toml"\nn = 4\nseed = 2\ncorrelate = "physics.py:f"\ncrystals_per_shot = 2\n'
        '[vary]\n"crystal.rotation" = { kind = "random_orientations" }\n'
        '"beam.wavelength_A" = { kind = "normal", mean = 1.0, sd = 0.002 }\n'
    )
    data = nb.Dataset.from_toml(tmp_path / "plan.toml")
    assert (data.n, data.seed, data.base) == (4, 2, BASE)
    assert data.configs(1)[0].beam.exposure_s == 0.25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n = 3\n", "base = None: must be the name of an experiment"),
        ('base = "still.toml"\n', "n: is required"),
        ('base = "still.toml"\nn = 3\nsed = 1\n', "sed: is not a field of Dataset; did you mean seed"),
        ('base = "still.toml"\nn = 3\n[vary]\n"beam.x" = { kind = "normal", mean = 1, sd = 1 }\n', "is not a field"),
    ],
)
def test_bad_plans_name_the_entry(tmp_path, text, message):
    BASE.to_toml(tmp_path / "still.toml")
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        nb.Dataset.from_toml(tmp_path / "plan.toml")
