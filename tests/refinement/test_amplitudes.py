"""Amplitudes of many reflections from several stills."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError
from nanobragg.structure_factors.symmetry import equivalent_groups, find_space_group, rotations_of
from tests.builders import config
from tests.refinement.experiments import SPACE_GROUP, noisy, still

pytestmark = pytest.mark.filterwarnings("ignore:oversample", "ignore:the table of structure factors ends")


@pytest.fixture(scope="module")
def stills() -> list[nb.Scene]:
    return [still((10 * i, 25 * i, 40 * i)) for i in range(6)]


@pytest.fixture(scope="module")
def unknown(stills) -> list[nb.Config]:
    """The stills with one amplitude for all reflections."""
    indices, amplitudes = stills[0].config.structure_factors.listing
    flat = nb.StructureFactors(
        indices=indices, amplitudes=np.full(len(indices), amplitudes.mean()), cell=stills[0].config.crystal.cell,
        interpolate=False,
    )  # fmt: skip
    return [scene.config.replace(structure_factors=flat) for scene in stills]


def true_amplitudes(scene: nb.Scene, indices: np.ndarray) -> np.ndarray:
    listed, amplitudes = scene.config.structure_factors.listing
    by_index = dict(zip(map(tuple, listed.tolist()), amplitudes.tolist(), strict=True))
    return np.array([by_index[tuple(index)] for index in indices.tolist()])


def test_amplitudes_are_recovered_within_their_errors(stills, unknown):
    data = [noisy(scene, seed) for seed, scene in enumerate(stills)]
    result = nb.refine_amplitudes(unknown, data, space_group=SPACE_GROUP)
    assert result.converged
    assert result.loss < 0.1 * result.start_loss
    truth = true_amplitudes(stills[0], result.indices)
    good = result.errors < 0.2 * truth
    assert good.sum() > 300
    deviation = ((result.amplitudes - truth) / result.errors)[good]
    assert np.median(np.abs(deviation)) / 0.6745 == pytest.approx(1, abs=0.15)
    assert np.abs(result.amplitudes - truth)[good].sum() / truth[good].sum() < 0.08
    at = {tuple(index): F for index, F in zip(result.indices.tolist(), result.amplitudes.tolist(), strict=True)}
    h, k, l = max(at, key=at.get)
    listed, amplitudes = result.structure_factors.listing
    for mate in ((h, k, l), (k, h, -l), (-h, -k, -l)):
        assert amplitudes[(listed == mate).all(axis=1)] == pytest.approx(at[h, k, l])


def test_amplitudes_without_noise_are_exact(stills, unknown):
    data = [nb.simulate(scene, dtype="float64") for scene in stills[:2]]
    result = nb.refine_amplitudes(unknown[:2], data, space_group=SPACE_GROUP, most_iterations=60)
    truth = true_amplitudes(stills[0], result.indices)
    strong = result.errors < 0.05 * truth
    np.testing.assert_allclose(result.amplitudes[strong], truth[strong], rtol=1e-3)


def test_both_methods_find_the_same_amplitudes(stills, unknown):
    data = [noisy(scene, seed) for seed, scene in enumerate(stills[:3])]
    newton = nb.refine_amplitudes(unknown[:3], data, space_group=SPACE_GROUP)
    other = nb.refine_amplitudes(
        unknown[:3], data, space_group=SPACE_GROUP, method="l-bfgs-b", most_iterations=500
    )  # fmt: skip
    assert other.loss == pytest.approx(newton.loss, rel=1e-4)
    difference = np.abs(other.amplitudes - newton.amplitudes) / newton.errors
    assert np.quantile(difference, 0.99) < 0.3
    with pytest.raises(ConfigError, match="method = 'simplex': must be one of newton, l-bfgs-b"):
        nb.refine_amplitudes(unknown[:3], data, method="simplex")


def test_equivalents_are_grouped():
    indices = np.array([(1, 2, 3), (-1, -2, 3), (2, 1, -3), (-1, -2, -3), (1, 2, 4), (3, 2, 1)], np.int32)
    rotations = rotations_of(find_space_group(SPACE_GROUP, "").operations())
    unique, group = equivalent_groups(indices, rotations, friedel=True)
    assert len(unique) == 3
    assert len(set(group[:4].tolist())) == 1
    assert len(equivalent_groups(indices, rotations, friedel=False)[0]) == 4


@pytest.mark.parametrize(
    ("experiments", "message"),
    [
        ([], "0 experiments and 1 images"),
        ([config()], "structure factors are one constant"),
        ([config(structure_factors=nb.StructureFactors(indices=[(h, k, l) for h in range(-2, 3) for k in range(-2, 3)
                                                                for l in range(-2, 3)], amplitudes=np.ones(125),
                                                       interpolate=True))], "amplitudes are interpolated"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_refined_is_refused(experiments, message):
    with pytest.raises(ConfigError, match=message):
        nb.refine_amplitudes(experiments, [np.zeros((32, 48))])
