"""Images of derivatives and their products: consistency, selections of pixels, threads, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.errors import ConfigError, NanobraggWarning
from tests.builders import config
from tests.derivatives.scenes import config as golden

pytestmark = pytest.mark.filterwarnings("ignore:.*does not hit the detector", "ignore:oversample")
NAMES = ["cell_a", "cell_gamma", "rot_y", "n_b", "mosaic_spread", "log_wavelength", "panel0_tz", "panel0_rx", "kahn"]


@pytest.fixture(scope="module")
def everything() -> nb.Scene:
    return nb.Scene(golden("all"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_images_have_the_same_bits_for_any_number_of_threads(everything, dtype):
    one, two, three = (nb.derivatives(everything, NAMES, threads=n, dtype=dtype) for n in (1, 2, 3))
    assert one.tobytes() == two.tobytes() == three.tobytes()


def test_products_have_the_same_bits_for_any_number_of_threads(everything):
    cotangent = np.random.default_rng(1).normal(size=everything.shape)
    one, two, three = (nb.vjp(everything, cotangent, threads=n) for n in (1, 2, 3))
    assert one["F"].tobytes() == two["F"].tobytes() == three["F"].tobytes()
    del one["F"], two["F"], three["F"]
    assert one == two == three


def test_chosen_pixels_have_the_values_of_the_whole_image(everything):
    chosen = np.random.default_rng(2).random(everything.shape) < 0.3
    whole = nb.derivatives(everything, [*NAMES, "F(2,-10,-2)"])
    part = nb.derivatives(everything, [*NAMES, "F(2,-10,-2)"], pixels=chosen)
    np.testing.assert_allclose(part, np.where(chosen, whole, 0.0), rtol=1e-12)


def test_masked_pixels_and_those_outside_the_roi_are_zero():
    mask = np.ones((32, 48), bool)
    mask[3:9, 5:20] = False
    masked = config(
        detector=nb.Detector.flat(distance_mm=100, pixels=(32, 48), pixel_mm=0.5, mask=mask), roi=np.s_[1:21, 2:41]
    )
    image, derivative = nb.simulate(masked, dtype="float64"), nb.derivatives(masked, ["log_fluence"])[0]
    np.testing.assert_allclose(derivative, image, rtol=1e-13)
    assert not derivative[~mask].any()
    assert not derivative[21:].any()


def test_the_jvp_is_the_combination_of_images(everything):
    tangent = {"rot_x": 1e-3, "cell_b": -0.2, "panel0_ry": 2e-4, "F(2,-10,-2)": 3.0, "default_F": 0.5}
    images = nb.derivatives(everything, list(tangent))
    expected = np.tensordot(list(tangent.values()), images, 1)
    np.testing.assert_allclose(nb.jvp(everything, tangent), expected, rtol=0, atol=1e-13 * np.abs(expected).max())


def test_the_vjp_is_the_transpose(everything):
    cotangent = np.random.default_rng(3).normal(size=everything.shape)
    found = nb.vjp(everything, cotangent)
    names = [name for name in found if name != "F"]
    images = nb.derivatives(everything, names)
    for name, image in zip(names, images, strict=True):
        assert found[name] == pytest.approx((image * cotangent).sum(), abs=1e-12 * np.abs(image * cotangent).sum())
    indices, _ = everything.config.structure_factors.listing
    row = int(np.flatnonzero((indices == (2, -10, -2)).all(axis=1))[0])
    image = nb.derivatives(everything, ["F(2,-10,-2)"])[0]
    assert found["F"][row] == pytest.approx((image * cotangent).sum(), rel=1e-11)
    assert found["F"].shape == (len(indices),)


def test_amplitudes_at_several_energies_share_out_the_derivative():
    indices = np.array([(h, k, l) for h in range(-9, 10) for k in range(-9, 10) for l in range(-9, 10)])
    rows = np.random.default_rng(4).uniform(20, 100, (3, len(indices)))
    factors = nb.StructureFactors(
        indices=indices, amplitudes=rows, energies_eV=[12900.0, 13000.0, 13200.0], interpolate=False
    )
    scene = nb.Scene(golden("sources_table").replace(structure_factors=factors))
    cotangent = np.random.default_rng(5).normal(size=scene.shape)
    found = nb.vjp(scene, cotangent, names=["F"])["F"]
    assert found.shape == rows.shape
    strongest = np.unravel_index(np.abs(found).argmax(), found.shape)

    def product(change: float) -> float:
        moved = rows.copy()
        moved[strongest] += change
        image = nb.simulate(scene.config.replace(structure_factors=factors.replace(amplitudes=moved)), dtype="float64")
        return float((image * cotangent).sum())

    assert found[strongest] == pytest.approx((product(1e-3) - product(-1e-3)) / 2e-3, rel=1e-7)


cells = st.tuples(*[st.floats(40, 80)] * 3, *[st.floats(75, 110)] * 3)


@settings(deadline=None, max_examples=25)
@given(
    cell=cells,
    misset=st.tuples(*[st.floats(-180, 180)] * 3),
    shape=st.sampled_from(["square", "round", "gauss", "gauss_star"]),
    n_cells=st.tuples(*[st.floats(3, 9)] * 3),
    scene=st.sampled_from(["square_constant", "gauss_mosaic_sensor_water", "two_panels", "curved", "all", "tricubic"]),
    seed=st.integers(0, 10),
)
def test_random_scenes_agree_with_differences(cell, misset, shape, n_cells, scene, seed):
    crystal = {"cell": cell, "misset_deg": misset, "shape": shape, "n_cells": n_cells, "mosaic_seed": seed}
    resolved = nb.Scene(golden(scene, crystal=crystal))
    every = [parameter.name for parameter in nb.parameters(resolved)]
    names = np.random.default_rng(seed).choice(every, 8, replace=False).tolist()
    for check in nb.check_derivatives(resolved, names):
        assert check.error < 2e-5, check
        assert check.jumps < 0.1 * np.prod(resolved.shape), check


@pytest.mark.parametrize("shape", ["square", "gauss"])
def test_groups_and_sources_agree_with_differences(shape):
    scene = nb.Scene(golden("two_panels", crystal={"shape": shape}))
    names = ["both_tx", "both_ry", "detector_rz", "distance", "log_bandwidth", "source_weight1", "log_blocks"]
    for check in nb.check_derivatives(scene, names, groups={"both": (0, 1)}):
        assert check.error < 2e-5, check


def test_an_amorphous_background_agrees_with_differences():
    stol = np.linspace(0.0, 0.6, 61)
    table = np.stack([stol, 3.0 + 2.0 * stol - 4.0 * stol**2], axis=1)
    background = {"table": table, "thickness_um": 50.0, "water_um": 0.0}
    scene = nb.Scene(golden("two_panels", background=background))
    for check in nb.check_derivatives(scene, ["source_h", "source_v", "panel1_tx", "panel0_ry", "log_background"]):
        assert check.error < 1e-6, check
    (check,) = nb.check_derivatives(scene, ["log_wavelength"])
    assert check.error < 1e-3, check  # the points between which the background is linear move with the wavelength


def test_unknown_parameters_are_refused_with_the_nearest_names():
    with pytest.raises(ConfigError, match=r"'rotx' is not a parameter of this scene; did you mean rot_x"):
        nb.derivatives(config(), ["rotx"])
    with pytest.raises(ConfigError, match=r"'nothing_like_it' is not a parameter.*nb\.parameters"):
        nb.derivatives(config(), ["nothing_like_it"])
    with pytest.raises(ConfigError, match=r"panel3_tx.*did you mean panel0_tx"):
        nb.derivatives(config(), ["panel3_tx"])
    with pytest.raises(ConfigError, match="7 is not the name of a parameter; give a list of names"):
        nb.derivatives(config(), 7)
    with pytest.raises(ConfigError, match=r"domain_weight.*did you mean domain_weight0"):
        nb.derivatives(config(), ["domain_weight"])


def test_changes_that_are_not_numbers_by_name_are_refused():
    with pytest.raises(ConfigError, match="jvp: takes changes by the names of parameters"):
        nb.jvp(config(), ["rot_x"])
    for change in ("much", None, np.inf):
        with pytest.raises(ConfigError, match="jvp: the change of rot_x is not a finite number"):
            nb.jvp(config(), {"cell_a": 0.1, "rot_x": change})


def test_reflections_that_are_not_listed_are_refused(everything):
    with pytest.raises(ConfigError, match=r"F\(90,0,0\): the reflection is not listed; use default_F"):
        nb.derivatives(everything, ["F(90,0,0)"])
    with pytest.raises(ConfigError, match=r"F\(1,2,3\): the structure factors are one constant"):
        nb.derivatives(config(), ["F(1,2,3)"])
    with pytest.raises(ConfigError, match="source_weight4: there are 4 sources, 0 to 3"):
        nb.derivatives(everything, ["source_weight4"])


def test_parameters_that_do_not_matter_are_zero_and_said():
    with pytest.warns(NanobraggWarning, match="mosaic_spread, log_background: the scene does not depend on them"):
        images = nb.derivatives(config(), ["mosaic_spread", "log_background"])
    assert not images.any()


def test_flat_spots_warn():
    with pytest.warns(NanobraggWarning, match=r"rot_x: a tophat has flat spots.*use shape='gauss'"):
        images = nb.derivatives(config(crystal=nb.Crystal(cell=(60, 70, 80), n_cells=5, shape="tophat")), ["rot_x"])
    assert not images.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cotangent": np.zeros((3, 3))}, r"cotangent of shape \(3, 3\): must have the image's shape \(32, 48\)"),
        ({"cotangent": np.full((32, 48), np.nan)}, "cotangent: has values that are not finite"),
        ({"cotangent": np.zeros((32, 48)), "names": ["F"]}, "F: the structure factors are one constant"),
        ({"cotangent": np.zeros((32, 48)), "dtype": "float16"}, "dtype = 'float16'"),
        ({"cotangent": np.zeros((32, 48)), "groups": {"panel0": (0,)}}, "groups: 'panel0' is not a valid name"),
        ({"cotangent": np.zeros((32, 48)), "groups": {"half": (0, 1)}}, "groups: half = .*numbers of panels, 0 to 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        nb.vjp(config(), **arguments)


def test_the_original_walk_is_not_differentiated():
    with pytest.raises(ConfigError, match="compat"):
        nb.derivatives(config(compat="c"), ["rot_x"])
