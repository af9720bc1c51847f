"""Refinement of noisy stills."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError
from nanobragg.refinement import fit
from nanobragg.refinement.result import rotation_between
from tests.refinement.experiments import SPACE_GROUP, TRUTH, noisy, start, still

pytestmark = pytest.mark.filterwarnings(
    "ignore:oversample", "ignore:the table of structure factors ends", "ignore:the crystal's cell"
)
ROTATIONS = ("rot_x", "rot_y", "rot_z")


@pytest.fixture(scope="module")
def truth() -> nb.Scene:
    return still()


@pytest.fixture(scope="module")
def data(truth) -> np.ndarray:
    return noisy(truth, 1)


def pulls(result: nb.Refinement, truth: nb.Scene) -> dict[str, float]:
    """Return the errors of the refined values in standard errors."""
    turn = rotation_between(truth, nb.Scene(result.config), ROTATIONS)
    errors = {**turn, **{name: result.values[name] - value for name, value in TRUTH.items() if name in result.values}}
    return {name: error / result.errors[name] for name, error in errors.items()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_start_that_is_far_off_ends_at_the_truth(truth, data, seed):
    begun = start(truth, seed, distance=0.2)
    result = nb.refine(begun, data, ["rot", "cell", "n", "mosaic", "distance"], space_group=SPACE_GROUP)
    assert result.converged
    assert max(map(abs, pulls(result, truth).values())) < 4
    assert result.chi_squared / result.pixels == pytest.approx(1, abs=0.05)
    assert result.values["mosaic_spread"] == pytest.approx(0.15, rel=0.03)
    turn = rotation_between(truth, nb.Scene(result.config), ROTATIONS)
    assert np.degrees(np.linalg.norm(list(turn.values()))) < 0.01
    assert ("cell_a", "distance") in {pair[:2] for pair in result.strong_correlations(0.8)}


@pytest.mark.parametrize(("word", "factor"), [("blocks", 1e-4), ("blocks", 300.0), ("scale", 1e5), ("scale", 1e-6)])
def test_a_start_may_be_too_faint_or_too_bright_by_orders_of_magnitude(truth, data, word, factor):
    begun = start(truth, 4)
    if word == "blocks":
        begun = begun.replace(crystal=begun.crystal.replace(blocks=truth.blocks * factor))
    else:
        begun = begun.replace(beam=begun.beam.replace(fluence_ph_m2=truth.fluence * factor))
    result = nb.refine(begun, data, ["rot", "cell", "n", "mosaic", word], space_group=SPACE_GROUP)
    assert result.converged
    assert max(map(abs, pulls(result, truth).values())) < 5
    name = "log_blocks" if word == "blocks" else "log_fluence"
    assert result.values[name] == pytest.approx(-np.log(factor), abs=5 * result.errors[name])


def test_a_gain_is_no_brightness_of_the_crystal(truth, data):
    """Each photon is 40 units: the crystal is as bright as before, and a start that is too faint is found."""
    begun = start(truth, 4).replace({"crystal.blocks": truth.blocks / 30})
    response = nb.Response(gain=40.0)
    words = ["rot", "cell", "n", "mosaic", "blocks"]
    noise = nb.Likelihood("normal", 40.0)
    result = nb.refine(begun, 40.0 * data, words, noise=noise, response=response, space_group=SPACE_GROUP)
    assert result.converged
    assert result.values["log_blocks"] == pytest.approx(np.log(30), abs=0.05)


@pytest.mark.parametrize("noise", [1.0, nb.Likelihood("normal", 1.0, robust=3.0)])
def test_other_likelihoods_lead_to_the_truth_too(truth, data, noise):
    measured = data + np.random.default_rng(5).normal(0, 1.0, data.shape)
    result = nb.refine(start(truth, 4), measured, ["rot", "cell", "n", "mosaic"], noise=noise, space_group=SPACE_GROUP)
    assert result.converged
    assert max(map(abs, pulls(result, truth).values())) < 5


def test_outliers_do_not_matter_to_a_robust_fit(truth, data):
    spoilt = data.copy()
    spoilt.ravel()[np.random.default_rng(6).choice(data.size, 60, replace=False)] = 5000.0
    noise = nb.Likelihood("normal", 0.5, robust=3.0)
    result = nb.refine(truth, spoilt, ["rot", "mosaic"], noise=noise, start="given")
    assert max(map(abs, pulls(result, truth).values())) < 6
    plain = nb.refine(truth, spoilt, ["rot", "mosaic"], noise=0.5, start="given", most_iterations=6)
    assert max(map(abs, pulls(plain, truth).values())) > 10


@pytest.mark.slow
def test_the_scatter_over_noise_is_that_of_the_standard_errors(truth):
    image = nb.simulate(truth, dtype="float64")
    found = []
    for seed in range(100):
        measured = np.random.default_rng(seed).poisson(image).astype(float)
        result = nb.refine(
            start(truth, seed, distance=0.2), measured, ["rot", "cell", "n", "mosaic", "distance"],
            space_group=SPACE_GROUP,
        )  # fmt: skip
        found.append(list(pulls(result, truth).values()))
    assert np.std(found) == pytest.approx(1, abs=0.1)
    assert np.abs(np.mean(found, axis=0)).max() < 0.4


def test_a_prior_and_bounds_hold(truth, data):
    narrow = nb.refine(
        truth, data, ["rot", "distance"], start="given", prior={"distance": (100.05, 1e-6)}, pixels="shoeboxes"
    )
    assert narrow.values["distance"] == pytest.approx(100.05, abs=1e-4)
    bounded = nb.refine(
        truth, data, ["mosaic", "n"], start="given", bounds={"mosaic_spread": (0.15, 0.16), "n_a": (15, 16)}
    )
    assert 0.15 <= bounded.values["mosaic_spread"] <= 0.16
    assert 15 <= bounded.values["n_a"] <= 16


def test_tied_values_change_together(truth, data):
    result = nb.refine(truth, data, ["n"], start="given", tie=[("n_a", "n_b", "n_c")])
    assert result.names == ("n_a",)
    n = nb.Scene(result.config).n_cells
    assert n[1] - n[0] == pytest.approx(1)
    assert n[2] - n[0] == pytest.approx(5)


def test_a_constant_background_is_found(truth, data):
    result = nb.refine(truth, data + 2.0, ["offset", "rot"], start="given")
    assert result.values["offset"] == pytest.approx(2.0, abs=4 * result.errors["offset"])
    assert result.errors["offset"] < 0.1


@pytest.mark.slow
def test_several_images_share_the_detector():
    missets = [(10, 20, 30), (75, 5, 40), (33, -60, 12)]
    truths = [still(misset) for misset in missets]
    images = [noisy(scene, 10 + i) for i, scene in enumerate(truths)]
    starts = [start(scene, 20 + i, detector_ty=0.1, distance=0.2) for i, scene in enumerate(truths)]
    results = nb.refine_images(
        starts, images, own=["rot", "n", "mosaic"], shared=["cell", "distance", "detector_ty"], space_group=SPACE_GROUP
    )
    shared = {(result.values["distance"], result.values["cell_a"]) for result in results}
    assert len(shared) == 1
    for result, scene in zip(results, truths, strict=True):
        found = pulls(result, scene)
        assert max(map(abs, found.values())) < 4.5, found
        assert result.values["detector_ty"] == pytest.approx(-0.1, abs=4 * result.errors["detector_ty"])


def test_the_best_values_so_far_are_kept_after_an_interrupt(truth, data):
    def interrupt(iteration, loss, values):
        if iteration == 2:
            raise KeyboardInterrupt

    begun = start(truth, 3)
    result = nb.refine(begun, data, ["rot", "n", "mosaic"], progress=interrupt)
    assert not result.converged
    assert result.loss < result.start_loss


def test_a_fit_whose_steps_are_all_refused_has_not_converged(truth, data, monkeypatch):
    def refuse(*_):
        raise ConfigError("beyond what a Config allows")

    monkeypatch.setattr(fit, "moved_scene", refuse)
    result = nb.refine(start(truth, 3), data, ["rot"])
    assert (result.converged, result.iterations) == (False, 1)


def test_the_result_describes_itself(truth, data, tmp_path):
    result = nb.refine(truth, data, ["rot", "mosaic"], start="given", space_group=SPACE_GROUP)
    text = result.summary()
    assert "mosaic_spread" in text
    assert "converged after" in text
    assert sum(shell.pixels for shell in result.shells) == result.pixels
    assert sum(shell.chi_squared for shell in result.shells) == pytest.approx(result.chi_squared)
    assert all(shell.d_max_A >= shell.d_min_A for shell in result.shells)
    result.to_toml(tmp_path / "refined.toml")
    again = nb.Config.from_toml(tmp_path / "refined.toml")
    np.testing.assert_allclose(nb.simulate(again), nb.simulate(result.config), rtol=1e-5)
    assert result.plot() is not None


def test_a_refined_experiment_is_read_back_from_an_expt(truth, data, tmp_path):
    result = nb.refine(start(truth, 8), data, ["rot", "cell", "distance"], space_group=SPACE_GROUP)
    result.to_expt(tmp_path / "refined.expt")
    (experiment,) = nb.read_expt(tmp_path / "refined.expt")
    scene = nb.Scene(result.config)
    np.testing.assert_allclose(experiment.a_matrix(), scene.lattice.reciprocal.T, atol=1e-12)
    assert experiment.space_group.replace(" ", "") == "P43212"
    np.testing.assert_allclose(experiment.detector.panels[0].origin_mm, scene.config.detector.panels[0].origin_mm)
    assert experiment.beams[0].kahn_factor == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("vary", "options", "message"),
    [
        (["rott"], {}, "'rott' is not a parameter of this scene; did you mean rot_"),
        ([], {}, "vary: names nothing to refine"),
        (["log_bandwidth"], {}, "the scene does not depend on log_bandwidth"),
        (["F(1,2,3)"], {}, "amplitudes are refined by"),
        (["rot"], {"bounds": {"n_a": (1, 2)}}, "bounds: n_a is not refined"),
        (["n"], {"bounds": {"n_a": (1, 2)}}, "bounds: n_a starts at 15, outside 1 … 2"),
        (["n"], {"prior": {"n_a": (15, 0)}}, "prior: n_a has a standard deviation of 0"),
        (["n"], {"tie": [("n_a", "rot_x")]}, "tie: rot_x is not refined"),
        (["rot"], {"pixels": "some"}, "pixels = 'some': must be 'shoeboxes' or 'all'"),
        (["rot"], {"start": "here"}, "start = 'here'"),
        (["detector", "panel0"], {"start": "given"}, r"the data do not determine .*detector_t.*leave one of them out"),
        (["wavelength", "cell", "detector"], {"start": "given"}, r"the data do not determine"),
    ],
)
@pytest.mark.filterwarnings("ignore:log_bandwidth")
def test_bad_requests_are_refused(truth, data, vary, options, message):
    with pytest.raises(ConfigError, match=message):
        nb.refine(truth, data, vary, **options)


def test_bad_data_are_refused(truth):
    with pytest.raises(ConfigError, match=r"data of shape \(3, 3\)"):
        nb.refine(truth, np.zeros((3, 3)), ["rot"])
    with pytest.raises(ConfigError, match="all pixels are masked or without a value"):
        nb.refine(truth, np.full(truth.shape, np.nan), ["rot"])


def test_pixels_without_data_are_left_out(truth, data):
    holes = data.copy()
    holes[::7] = np.nan
    result = nb.refine(start(truth, 9), holes, ["rot", "cell", "n", "mosaic"], space_group=SPACE_GROUP)
    assert max(map(abs, pulls(result, truth).values())) < 4.5


def test_a_plane_of_background_in_every_box_takes_up_what_the_model_does_not_have(truth):
    """Scatter from something else, 5 to 45 photons, would draw block and scale away from the truth."""
    slow, fast = np.mgrid[:256, :256]
    extra = 5.0 + 0.1 * slow + 0.05 * fast
    measured = np.random.default_rng(11).poisson(nb.simulate(truth, dtype="float64") + extra).astype(float)
    words = ["rot", "n", "mosaic", "scale"]
    result = nb.refine(truth, measured, [*words, "planes"], start="given")
    assert result.converged
    assert max(map(abs, pulls(result, truth).values())) < 4
    assert abs(result.values["log_fluence"]) < 4 * result.errors["log_fluence"]
    assert result.chi_squared / result.pixels == pytest.approx(1, abs=0.05)
    compared = result.planes != 0
    assert np.median(np.abs(result.planes - extra)[compared]) < 1.0
    without = nb.refine(truth, measured, words, start="given", most_iterations=8)
    assert max(map(abs, pulls(without, truth).values())) > 10


def test_a_point_spread_function_and_a_gain_belong_to_the_model(truth):
    response = nb.Response("gaussian", 1.6, 1.3)
    expected = response.apply(nb.simulate(truth, dtype="float64"), 1)
    measured = np.random.default_rng(12).poisson(expected).astype(float)
    words = ["rot", "cell", "n", "mosaic"]
    result = nb.refine(start(truth, 2), measured, words, response=response, space_group=SPACE_GROUP)
    assert max(map(abs, pulls(result, truth).values())) < 4
    assert np.abs(result.model() - expected).max() < 0.05 * expected.max()
    without = nb.refine(truth, measured / 1.3, ["rot", "n", "mosaic"], start="given", most_iterations=8)
    assert max(map(abs, pulls(without, truth).values())) > 10


def test_options_that_do_not_exist_and_planes_without_boxes_are_refused(truth, data):
    with pytest.raises(ConfigError, match=r"refine: nois is not an option; did you mean noise\?"):
        nb.refine(truth, data, ["rot"], nois="poisson")
    with pytest.raises(ConfigError, match="planes of background need boxes"):
        nb.refine(truth, data, ["rot", "planes"], pixels="all")
    with pytest.raises(ConfigError, match="names nothing to refine"):
        nb.refine(truth, data, ["planes"])
    with pytest.raises(ConfigError, match="gain must be positive"):
        nb.refine(truth, data, ["rot"], response=nb.Response(gain=-1.0))


def test_three_spreads_and_the_bandwidth_of_smeared_spots_are_found():
    cell = (79, 79, 38, 90, 90, 90)
    crystal = nb.Crystal(
        cell=cell, misset_deg=(10, 20, 30), n_cells=(20, 20, 40), shape="gauss", mosaic_model="gaussian",
        mosaic_spread_deg=(0.2, 0.1, 0.3), mosaic_sampling="analytic",
    )  # fmt: skip
    config = nb.Config(
        crystal=crystal,
        structure_factors=nb.StructureFactors.wilson(cell, "P 43 21 2", b_factor=15, d_min_A=2.5, seed=1),
        beam=nb.Beam(fluence_ph_m2=1e24, bandwidth_percent=0.24),
        detector=nb.Detector.flat(distance_mm=150, pixels=300, pixel_mm=0.27),
        sampling=nb.Sampling(oversample=1),
    )
    photons = np.random.default_rng(0).poisson(nb.simulate(config, dtype="float64")).astype(float)
    begun = config.replace(
        crystal=crystal.replace(mosaic_spread_deg=(0.15, 0.15, 0.15), misset_deg=(10.03, 19.98, 30.02)),
        beam=config.beam.replace(bandwidth_percent=0.3),
    )
    result = nb.refine(begun, photons, ["rot", "mosaic", "bandwidth", "scale"])
    expected = {"mosaic_a": 0.2, "mosaic_b": 0.1, "mosaic_c": 0.3, "bandwidth": 0.24}
    assert result.converged
    assert max(abs(result.values[name] - value) / result.errors[name] for name, value in expected.items()) < 4
    assert max(result.errors[name] / value for name, value in expected.items()) < 0.05
