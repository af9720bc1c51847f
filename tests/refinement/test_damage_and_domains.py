"""Refinement of rates of radiation damage from a series of doses, and of weights and rotations of domains."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

CELL = (50.0, 60.0, 70.0, 90.0, 100.0, 90.0)
FACTORS = nb.StructureFactors.wilson(CELL, "P 1 21 1", b_factor=15, d_min_A=2.4, seed=1, interpolate=False)
RATES = {"damage_b": 1.5, "damage_cell": 0.04, "half_dose": 25.0}
START = nb.Damage(b_A2_per_MGy=0.7, cell_percent_per_MGy=0.03, half_dose_MGy=40)
DOSES = (0.5, 4.0, 9.0)


def still(**fields) -> nb.Config:
    return nb.Config(**{
        "crystal": nb.Crystal(cell=CELL, misset_deg=(10, 20, 30), n_cells=(14, 12, 10), shape="gauss", blocks=1e6),
        "structure_factors": FACTORS, "beam": nb.Beam(wavelength_A=1.0, fluence_ph_m2=1e22),
        "detector": nb.Detector.flat(distance_mm=100, pixels=128, pixel_mm=0.7), "sampling": nb.Sampling(oversample=1),
        "background": nb.Background(water_um=2), **fields,
    })  # fmt: skip


def noisy(config: nb.Config, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).poisson(nb.simulate(config, dtype="float64")).astype(float)


@pytest.fixture(scope="module")
def series() -> tuple[list[nb.Config], list[np.ndarray]]:
    damage = nb.Damage(**dict(zip(nb.Damage.model_fields, RATES.values(), strict=True)))
    configs = [still(damage=damage, dose_MGy=dose) for dose in DOSES]
    return configs, [noisy(config, seed) for seed, config in enumerate(configs)]


def test_a_series_of_doses_determines_the_rates_and_the_cell_before(series):
    configs, images = series
    begun = [config.replace(damage=START) for config in configs]
    found = nb.refine_images(begun, images, [], [*RATES, "cell_a", "log_blocks"], start="given")
    result = found[-1]
    assert result.converged
    for name, truth in {**RATES, "cell_a": 50.0, "log_blocks": 0.0}.items():
        assert abs(result.values[name] - truth) < 4 * result.errors[name], (name, result.values, result.errors)
    for name, truth in RATES.items():
        assert result.errors[name] < 0.1 * truth
    assert result.chi_squared / result.pixels == pytest.approx(1, abs=0.05)
    damage = result.config.damage
    assert damage.b_A2_per_MGy == pytest.approx(result.values["damage_b"], rel=1e-9)
    assert damage.cell_percent_per_MGy == pytest.approx(result.values["damage_cell"], rel=1e-9)
    assert damage.half_dose_MGy == pytest.approx(result.values["half_dose"], rel=1e-9)
    assert [each.config.dose_MGy for each in found] == list(DOSES)
    assert [each.config.crystal.cell[0] for each in found] == pytest.approx([result.values["cell_a"]] * 3)
    assert result.begun == begun[-1]


def test_a_series_may_start_with_a_fresh_crystal(series):
    """Its image does not depend on the rates; they start from the mean of all images all the same."""
    configs, images = series
    starts = [START.replace(b_A2_per_MGy=b) for b in (0.6, 0.7, 0.8)]
    begun = [configs[0].replace(dose_MGy=0.0), *configs[1:]]
    begun = [config.replace(damage=damage) for config, damage in zip(begun, starts, strict=True)]
    fresh = noisy(begun[0], 3)
    found = nb.refine_images(begun, [fresh, *images[1:]], [], [*RATES], start="given")
    assert found[0].start["damage_b"] == 0.6
    for name, truth in RATES.items():
        assert abs(found[0].values[name] - truth) < 4 * found[0].errors[name]
    for each in found:
        assert each.config.damage.b_A2_per_MGy == pytest.approx(found[0].values["damage_b"], rel=1e-9)


def test_images_without_a_number_that_is_refined_are_named(series):
    configs, images = series
    other = configs[0].replace(damage=None, dose_MGy=0.0)
    lasting = configs[0].replace({"damage.half_dose_MGy": None})
    for one, name in ((other, "damage_b"), (lasting, "half_dose")):
        with pytest.raises(ConfigError, match=f"refine_images: image 1 does not depend on {name}; describe it like"):
            nb.refine_images([configs[1], one], images[:2], [], [name], start="given")


def test_known_rates_give_the_dose_of_an_image(series):
    configs, images = series
    result = nb.refine(configs[1].replace(dose_MGy=2.0), images[1], ["dose", "rot"])
    assert result.converged
    assert abs(result.values["dose"] - DOSES[1]) < 4 * result.errors["dose"]
    assert result.config.dose_MGy == pytest.approx(result.values["dose"])
    assert result.config.damage == configs[1].damage


def test_one_image_does_not_tell_dose_and_rates_apart(series):
    configs, images = series
    with pytest.raises(ConfigError, match=r"do not determine .*dose"):
        nb.refine(configs[1], images[1], ["dose", *RATES], start="given")


def test_amplitudes_of_images_of_several_doses_are_those_before(series):
    configs, images = series
    indices, amplitudes = FACTORS.listing
    brighter = nb.StructureFactors(indices=indices, amplitudes=1.3 * amplitudes, cell=CELL, interpolate=False)
    begun = [config.replace(structure_factors=brighter) for config in configs]
    found = nb.refine_amplitudes(begun, images, space_group="P 1 21 1")
    truth = dict(zip(map(tuple, indices.tolist()), amplitudes.tolist(), strict=True))
    expected = np.array([truth[index] for index in map(tuple, found.indices.tolist())])
    assert len(expected) > 50
    pulls = (found.amplitudes - expected) / found.errors
    assert np.sqrt(np.mean(pulls**2)) < 1.4
    assert abs(np.mean(pulls)) < 0.5
    again = configs[0].replace(structure_factors=found.structure_factors)
    np.testing.assert_allclose(nb.simulate(again).sum(), nb.simulate(configs[0]).sum(), rtol=0.02)


def listed(weights: list[float]) -> nb.Config:
    crystal = still().crystal.replace(
        mosaic_rotations_deg=[[0.3, 0.0, -0.1], [0.0, 0.3, 0.2], [-0.4, 0.2, 0.0]], mosaic_weights=weights
    )
    return still(crystal=crystal)


def test_weights_of_domains_are_found_beside_the_first():
    data = noisy(listed([1.0, 0.4, 2.0]), 3)
    names = ["domain_weight1", "domain_weight2"]
    result = nb.refine(listed([1.0, 1.0, 1.0]), data, [*names, "log_blocks"], start="given")
    assert result.converged
    for name, truth in zip(names, (0.4, 2.0), strict=True):
        assert abs(result.values[name] - truth) < 4 * result.errors[name]
        assert result.errors[name] < 0.1 * truth
    refined = result.config.crystal.mosaic_weights
    np.testing.assert_allclose(refined, [1.0, *(result.values[name] for name in names)], rtol=1e-12)
    assert result.chi_squared / result.pixels == pytest.approx(1, abs=0.05)


def test_rotations_of_domains_are_found():
    true = listed([1.0, 0.4, 2.0])
    rotations = true.crystal.mosaic_rotations_deg
    off = rotations + np.array([[0.0, 0.0, 0.0], [0.04, -0.03, 0.05], [-0.05, 0.02, 0.03]])
    begun = true.replace({"crystal.mosaic_rotations_deg": off})
    names = [f"domain_rotation{domain}_{axis}" for domain in (1, 2) for axis in "abc"]
    result = nb.refine(begun, noisy(true, 3), names, start="given")
    assert result.converged
    for name, truth in zip(names, rotations[1:].ravel().tolist(), strict=True):
        assert abs(result.values[name] - truth) < 4 * result.errors[name]
        assert result.errors[name] < 0.02
    np.testing.assert_allclose(result.config.crystal.mosaic_rotations_deg[1:].ravel(), list(result.values.values()))


def test_all_weights_at_once_are_not_determined():
    data = noisy(listed([1.0, 0.4, 2.0]), 3)
    with pytest.raises(ConfigError, match=r"do not determine .*domain_weight"):
        nb.refine(listed([1.0, 0.5, 2.0]), data, [f"domain_weight{i}" for i in range(3)], start="given")


def test_a_weight_that_does_not_exist_is_named():
    with pytest.raises(ConfigError, match="domain_weight7: there are 3 listed domains, 0 to 2"):
        nb.refine(listed([1.0, 0.5, 2.0]), np.ones((128, 128)), ["domain_weight7"])


def test_what_starts_at_zero_is_refused(series):
    configs, images = series
    with pytest.raises(ConfigError, match="vary: dose starts at 0; steps are factors, so start above 0"):
        nb.refine(configs[0].replace(dose_MGy=0.0), images[0], ["dose"], start="given")
    with pytest.raises(ConfigError, match="vary: domain_weight1 starts at 0; steps are factors"):
        nb.refine(listed([1.0, 0.0, 2.0]), np.ones((128, 128)), ["domain_weight1"], start="given")
