"""Derivatives of experiments with several lattices: crystals, and individuals of twins."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.derivatives.experiment import moved_experiment
from nanobragg.derivatives.flat import ImageFunction
from nanobragg.errors import ConfigError, NanobraggWarning
from nanobragg.rendering import culling
from nanobragg.scene import culling_plan
from tests.builders import TRICLINIC

pytestmark = pytest.mark.filterwarnings("ignore:oversample", "ignore:the table of structure factors ends")
HKL = np.indices((15, 15, 15)).reshape(3, -1).T - 7
FIRST = nb.StructureFactors(
    indices=HKL, amplitudes=100 + 50 * np.sin(HKL @ [1.0, 2.0, 3.0]), interpolate=False, default_F=7
)
SECOND = nb.StructureFactors(indices=HKL, amplitudes=200 + 50 * np.cos(HKL @ [3.0, 1.0, 2.0]), interpolate=True)
ONE = TRICLINIC.replace(n_cells=8, blocks=1e10)
OTHER = nb.Crystal(
    cell=(50, 60, 70, 92, 90, 90), misset_deg=(70, -20, 5), n_cells=(7, 6, 5), blocks=2e10, mosaic_spread_deg=0.3,
    mosaic_domains=3,
)  # fmt: skip
TETRAGONAL = ONE.replace(cell=(60, 60, 80, 90, 90, 90))
MONOCLINIC = ONE.replace(cell=(60, 70, 80, 90, 91, 90))
LISTED = OTHER.replace(
    mosaic_spread_deg=None, mosaic_domains=None, mosaic_rotations_deg=[(0, 0, 0), (0.3, 0, 0.1)], mosaic_weights=[2, 1]
)
DOMAINS = {"mosaic_spread_deg": (0.2, 0.3, 0.1), "mosaic_model": "gaussian", "mosaic_domains": 3, "strain_percent": 0.2}
SMEARED = {"mosaic_spread_deg": (0.2, 0.3, 0.1), "mosaic_model": "gaussian", "mosaic_sampling": "analytic"}
USUAL = {
    "structure_factors": FIRST, "detector": nb.Detector.flat(distance_mm=100, pixels=(12, 16), pixel_mm=1.6),
    "beam": nb.Beam(dispersion_percent=1, dispersion_steps=2, divergence_mrad=(1, 1), divergence_steps=(2, 1)),
    "sampling": nb.Sampling(oversample=2), "scan": nb.Scan(start_deg=3, range_deg=2, steps=2),
    "background": nb.Background(water_um=100),
}  # fmt: skip


def experiment(*crystals: nb.Crystal, **fields) -> nb.Config:
    """Return a small experiment of one twinned crystal, or of several crystals."""
    several = {"crystals": crystals} if len(crystals) > 1 else {"crystal": crystals[0]}
    return nb.Config(**{**USUAL, **several, **fields})


def two(**fields) -> nb.Config:
    return experiment(ONE, OTHER, **{"fractions": (0.3, 2.0), "factors_of_crystals": (FIRST, SECOND), **fields})


def names_of(config: nb.Config | nb.Scene) -> list[str]:
    return [parameter.name for parameter in nb.parameters(config)]


def image(config: nb.Config | nb.Scene) -> np.ndarray:
    return nb.simulate(config, dtype="float64", tolerance=0, threads=1)


EXPERIMENTS = {
    "two crystals": two(),
    "two crystals, one list": experiment(ONE, OTHER.replace(shape="gauss")),
    "merohedral twin": experiment(TETRAGONAL.twinned("k,h,-l", 0.3)),
    "twin that is not merohedral": experiment(MONOCLINIC.twinned("-h,-k,l", 0.3).twinned("-h,-k,-l", 0.2)),
    "twin and another": experiment(OTHER, MONOCLINIC.twinned("-h,-k,l", 0.3), fractions=(0.5, 1.5)),
    "domains": experiment(MONOCLINIC.replace(**DOMAINS).twinned("-h,-k,l", 0.3)),
    "domains of one crystal": experiment(ONE, MONOCLINIC.replace(**DOMAINS)),
    "smeared": experiment(
        MONOCLINIC.replace(**SMEARED).twinned("-h,-k,l", 0.3), ONE.replace(**SMEARED),
        beam=nb.Beam(bandwidth_percent=0.5), scan=nb.Scan(),
    ),
    "diffuse": experiment(
        MONOCLINIC.replace(diffuse=nb.Diffuse(correlation_length_A=20, displacement_A=0.5, neighbours=0)).twinned(
            "-h,-k,l", 0.3), scan=nb.Scan(), beam=nb.Beam(), structure_factors=nb.StructureFactors.constant(100),
    ),
    "an individual alone": experiment(MONOCLINIC.replace(twin_law="-h,-k,l")),
    "damaged": experiment(
        LISTED, MONOCLINIC.twinned("-h,-k,l", 0.3), dose_MGy=5,
        damage=nb.Damage(b_A2_per_MGy=1, cell_percent_per_MGy=0.05, half_dose_MGy=20),
    ),
}  # fmt: skip


def brightest(scene: nb.Scene, name: str) -> str:
    """Return the reflection of a list, such as crystal1_F, by whose amplitude the photons change most."""
    found = np.abs(nb.vjp(scene, np.ones(scene.shape), names=[name])[name])
    h, k, l = HKL[found.argmax()].tolist()
    return f"{name}({h},{k},{l})"


def check_all(scene: nb.Scene, names: list[str]) -> None:
    for check in nb.check_derivatives(scene, names, threads=1):
        assert check.error < 2e-6, check
        assert check.jumps <= 0.1 * np.prod(scene.shape), check
        assert check.largest > 0 or check.name.endswith("default_F"), check  # which is 0 in one list


@pytest.mark.parametrize("kind", EXPERIMENTS)
def test_they_agree_with_differences(kind):
    """The numbers that are of one crystal, and one of each sort of the others."""
    scene = nb.Scene(EXPERIMENTS[kind])
    own = r"(cell_(b|beta)|rot_y|n_c|mosaic_\w+|strain|fraction|twin._share|correlation_length|displacement)"
    common = r"(log_(blocks|wavelength)|bandwidth|source_v|phi_start|panel0_rx|default_F|damage_b|damage_cell|dose)"
    names = [name for name in names_of(scene) if re.fullmatch(rf"(crystal\d_)?({own}|{common})", name)]
    lists = [name for name in nb.vjp(scene, np.ones(scene.shape)) if re.fullmatch(r"(crystal\d_)?F", name)]
    check_all(scene, [*names, *(brightest(scene, name) for name in lists)])


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXPERIMENTS)
def test_all_of_them_agree_with_differences(kind):
    scene = nb.Scene(EXPERIMENTS[kind])
    check_all(scene, names_of(scene))


def test_those_of_listed_domains_agree_with_differences():
    listed = ["domain_weight1", "domain_rotation1_a"]
    check_all(nb.Scene(EXPERIMENTS["damaged"]), [f"crystal0_{name}" for name in listed])
    check_all(nb.Scene(experiment(LISTED.twinned("-h,-k,l", 0.3))), listed)


def difference(up: nb.Config, down: nb.Config, step: float) -> np.ndarray:
    return (image(up) - image(down)) / (2 * step)


@pytest.mark.parametrize("name", ["crystal0_cell_b", "crystal1_cell_beta", "crystal1_n_b", "crystal0_fraction"])
def test_each_crystal_changes_by_itself(name):
    """Differences of images of Configs whose fields are changed by hand."""
    config = two()
    number, field = int(name[7]), name[9:]

    def changed(step: float) -> nb.Config:
        if field == "fraction":
            return config.replace(fractions=(0.3 + step, 2.0))
        crystal, key, i = config.crystals[number], field[0], {"b": 1, "beta": 4}[field.split("_")[1]]
        values = list(crystal.n_cells if key == "n" else crystal.cell)
        values[i] += step
        crystals = list(config.crystals)
        crystals[number] = crystal.replace(**{"n_cells" if key == "n" else "cell": tuple(values)})
        return config.replace(crystals=crystals)

    found = nb.derivatives(config, [name])[0]
    expected = difference(changed(1e-5), changed(-1e-5), 1e-5)
    assert np.abs(found - expected).max() < 1e-6 * np.abs(found).max()


@pytest.mark.parametrize("name", ["twin0_share", "twin1_share", "cell_a", "cell_beta"])
def test_the_parameters_of_a_twin_are_those_of_all_its_individuals(name):
    """The cell turns an individual whose law is only nearly a symmetry; the rest shrinks as a twin grows."""
    config = EXPERIMENTS["twin that is not merohedral"]
    crystal = config.crystal

    def changed(step: float) -> nb.Config:
        if name.startswith("cell"):
            cell = list(crystal.cell)
            cell[0 if name == "cell_a" else 4] += step
            return config.replace(crystal=crystal.replace(cell=tuple(cell)))
        twins = [(law, share + step * (name == f"twin{i}_share")) for i, (law, share) in enumerate(crystal.twins)]
        return config.replace(crystal=crystal.replace(twins=tuple(twins)))

    found = nb.derivatives(config, [name])[0]
    expected = difference(changed(1e-5), changed(-1e-5), 1e-5)
    assert np.abs(found - expected).max() < 1e-6 * np.abs(found).max()


@settings(deadline=None, max_examples=6)
@given(
    law=st.sampled_from(["-h,-k,l", "h,-k,-l", "k,h,-l", "-k,-h,-l", "-h,-k,-l"]),
    edges=st.tuples(*[st.floats(58, 60)] * 2, st.floats(70, 80)),
    angles=st.tuples(*[st.floats(88.5, 91.5)] * 3),
    misset=st.tuples(*[st.floats(-180, 180)] * 3),
    name=st.sampled_from(["cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma"]),
)
def test_any_nearly_symmetric_law_turns_with_the_cell(law, edges, angles, misset, name):
    crystal = ONE.replace(cell=(*edges, *angles), misset_deg=misset, n_cells=5).twinned(law, 0.6)
    check_all(nb.Scene(experiment(crystal, beam=nb.Beam(), scan=nb.Scan(), sampling=nb.Sampling(oversample=1))), [name])


def test_fractions_make_the_photons_of_the_crystals():
    scene = nb.Scene(EXPERIMENTS["twin and another"])
    by_fraction = nb.derivatives(scene, ["crystal0_fraction", "crystal1_fraction"])
    whole, blocks, water = nb.derivatives(scene, ["log_fluence", "log_blocks", "log_background"])
    np.testing.assert_allclose(np.tensordot([0.5, 1.5], by_fraction, 1), whole - water, rtol=1e-10)
    np.testing.assert_allclose(blocks, whole - water, rtol=1e-10)
    np.testing.assert_allclose(whole, image(scene), rtol=1e-12)
    assert np.abs(by_fraction).max() > 0.1 * whole.max()


@settings(deadline=None, max_examples=10)
@given(share=st.floats(0.05, 0.95), number=st.integers(0, 1), seed=st.integers(0, 1000))
def test_equal_crystals_have_together_the_derivatives_of_one(share, number, seed):
    one = nb.Scene(experiment(OTHER))
    both = nb.Scene(experiment(OTHER, OTHER, fractions=(share, 1 - share)))
    names = np.random.default_rng(seed).choice(names_of(one), 5, replace=False).tolist()
    expected = nb.derivatives(one, names)
    for name, image_of_one in zip(names, expected, strict=True):
        parts, tiny = [f"crystal{i}_{name}" for i in (0, 1)], 1e-12 * np.abs(image_of_one).max()
        if parts[0] in names_of(both):
            found = nb.derivatives(both, parts)
            share_of_one = (share, 1 - share)[number]
            np.testing.assert_allclose(found[number], share_of_one * image_of_one, rtol=1e-9, atol=tiny)
            total = found.sum(axis=0)
        else:
            total = nb.derivatives(both, [name])[0]
        np.testing.assert_allclose(total, image_of_one, rtol=1e-9, atol=tiny)


@settings(deadline=None, max_examples=5)
@example(kind="domains of one crystal", seed=0)
@given(
    kind=st.sampled_from(["two crystals", "twin and another", "domains", "domains of one crystal"]),
    seed=st.integers(0, 1000),
)
def test_products_and_sums_are_those_of_the_images(kind, seed):
    scene, rng = nb.Scene(EXPERIMENTS[kind]), np.random.default_rng(seed)
    prefix = "crystal1_" if kind == "two crystals" else ""
    names = [*rng.choice(names_of(scene), 6, replace=False).tolist(), f"{prefix}F(0,1,2)", "source_weight1"]
    if kind == "domains of one crystal":
        names = list(dict.fromkeys([*names, "crystal1_mosaic_a", "crystal1_strain"]))
    images = nb.derivatives(scene, names)
    tangent, cotangent = rng.normal(size=len(names)), rng.normal(size=scene.shape)
    expected = np.tensordot(tangent, images, 1)
    found = nb.jvp(scene, dict(zip(names, tangent.tolist(), strict=True)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    products = nb.vjp(scene, cotangent, names=[*names, f"{prefix}F", names[0]])
    for name, each in zip(names, images, strict=True):
        assert products[name] == pytest.approx((each * cotangent).sum(), abs=1e-11 * np.abs(each * cotangent).sum())
    row = int(np.flatnonzero((HKL == (0, 1, 2)).all(axis=1))[0])
    assert products[f"{prefix}F"][row] == pytest.approx(products[f"{prefix}F(0,1,2)"])
    model = image(scene)
    data = 1.1 * model + rng.normal(size=scene.shape) * model.mean()
    gradient = nb.loss_and_gradient(scene, data, 2.5, names=names).gradient
    slopes = nb.Likelihood("normal", 2.5).terms(data.ravel(), model.ravel()).slope.reshape(scene.shape)
    for name, value in nb.vjp(scene, slopes, names=names).items():
        assert gradient[name] == pytest.approx(value, rel=1e-8, abs=1e-11 * np.abs(slopes).sum())
    check_equations(scene, names, images, data, np.abs(data) + 1)


def check_equations(scene: nb.Scene, names: list[str], images: np.ndarray, data: np.ndarray, variance) -> None:
    found = nb.normal_equations(scene, data, variance, names)
    rows, weights, residual = images.reshape(len(names), -1), 1 / variance.ravel(), (data - image(scene)).ravel()
    matrix, vector = (rows * weights) @ rows.T, rows @ (weights * residual)
    scale = np.sqrt(np.where(matrix.diagonal() > 0, matrix.diagonal(), 1.0))
    np.testing.assert_allclose(found.matrix / np.outer(scale, scale), matrix / np.outer(scale, scale), atol=1e-11)
    np.testing.assert_allclose(found.gradient / scale, vector / scale, atol=1e-9 * np.abs(vector / scale).max())
    assert found.chi_squared == pytest.approx(residual @ (weights * residual), rel=1e-9)


SOME = [
    "crystal0_rot_x", "crystal1_cell_b", "crystal1_mosaic_spread", "crystal0_fraction", "panel0_tz", "log_background",
]  # fmt: skip


def test_a_response_is_part_of_the_signal():
    scene, response = nb.Scene(two()), nb.Response("gaussian", 1.5, 2.0)
    images, signal = nb.derivatives(scene, SOME), response.apply(image(scene), 1)
    signals = nb.derivatives(scene, SOME, response=response)
    np.testing.assert_allclose(signals, response.apply(images, 1), rtol=0, atol=1e-12 * np.abs(signals).max())
    data = 1.1 * signal
    equations = nb.normal_equations(scene, data, 1.0, SOME, response=response)
    rows = signals.reshape(len(SOME), -1)
    np.testing.assert_allclose(equations.matrix, rows @ rows.T, rtol=1e-9, atol=1e-9 * np.abs(equations.matrix).max())
    loss, gradient = nb.loss_and_gradient(scene, data, 1.0, names=SOME, response=response)
    terms = nb.Likelihood("normal", 1.0).terms(data.ravel(), signal.ravel())
    assert loss == pytest.approx(terms.loss.sum(), rel=1e-9)
    expected = rows @ terms.slope
    np.testing.assert_allclose([gradient[name] for name in SOME], expected, rtol=1e-7)


def test_pixels_threads_and_precision():
    scene = nb.Scene(two())
    whole = nb.derivatives(scene, SOME)
    chosen = np.random.default_rng(2).random(scene.shape) < 0.3
    one, three = (nb.derivatives(scene, SOME, pixels=chosen, threads=n) for n in (1, 3))
    assert one.tobytes() == three.tobytes()
    np.testing.assert_allclose(one, np.where(chosen, whole, 0.0), rtol=1e-10)
    single = nb.derivatives(scene, SOME, dtype="float32")
    assert single.dtype == np.float32
    for found, expected in zip(single, whole, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    data = image(scene) + 1.0
    first, second = (nb.normal_equations(scene, data, 2.0, SOME, pixels=chosen, threads=n) for n in (1, 3))
    assert first.matrix.tobytes() == second.matrix.tobytes()
    assert first.pixels == chosen.sum()


def test_together_the_lattices_miss_no_more_than_the_tolerance(monkeypatch):
    monkeypatch.setattr(culling, "FEWEST_TERMS", 0)
    monkeypatch.setattr(culling, "TERMS_PER_REFLECTION", 0)
    monkeypatch.setattr(culling_plan, "WORTHWHILE", 10.0)
    sharp = two(crystals=[ONE.replace(n_cells=40), OTHER.replace(n_cells=30, shape="gauss")])
    scene, peak = nb.Scene(sharp), float(image(sharp).max())
    names = [name for name in names_of(scene) if not name.endswith("default_F")]
    found, report = nb.derivatives(scene, names, tolerance_ph=1e-6 * peak, report=True)
    assert 0 < report.bound_ph <= 1e-6 * peak
    for name, one, exact in zip(names, found, nb.derivatives(scene, names, tolerance=0), strict=True):
        assert np.abs(one - exact).max() <= report.bounds[name] + 1e-10 * np.abs(exact).max(), name


def test_parameters_are_those_of_each_crystal_and_common_ones():
    known = {parameter.name: parameter for parameter in nb.parameters(two())}
    assert known["crystal0_cell_a"].value == 60
    assert known["crystal1_cell_a"].value == 50
    assert known["crystal1_fraction"].value == 2.0
    assert {"crystal0_default_F", "crystal1_mosaic_spread", "log_blocks", "kahn", "panel0_tx"} <= known.keys()
    assert not {"cell_a", "default_F", "crystal0_mosaic_spread", "crystal0_kahn", "crystal0_log_blocks"} & known.keys()
    twin = {parameter.name: parameter.value for parameter in nb.parameters(EXPERIMENTS["domains"])}
    assert twin["twin0_share"] == 0.3
    assert {"cell_a", "default_F", "strain", "mosaic_c"} <= twin.keys()
    assert names_of(experiment(ONE, OTHER)).count("default_F") == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rot_x", "rot_x: there are 2 crystals; give crystal0_rot_x … crystal1_rot_x"),
        ("fraction", "fraction: there are 2 crystals; give crystal0_fraction"),
        ("F(0,1,2)", r"F\(0,1,2\): there are 2 crystals; give crystal0_F\(0,1,2\)"),
        ("crystal2_rot_x", "crystal2_rot_x: there are 2 crystals, 0 to 1"),
        ("crystal0_kahn", "crystal0_kahn: kahn is of all crystals together; give kahn"),
        ("crystal0_log_blocks", "of all crystals together; give log_blocks, or crystal0_fraction"),
        ("crystal0_source_weight0", "source_weight0 is of all crystals together; give source_weight0"),
        ("crystal0_rot_xx", "'crystal0_rot_xx' is not a parameter of this scene; did you mean crystal0_rot_x"),
        ("crystal0_twin0_share", "'crystal0_twin0_share' is not a parameter of this scene"),
        ("crystal1_F(99,1,2)", r"crystal1_F\(99,1,2\): the reflection is not listed"),
        ("rotx", "'rotx' is not a parameter of this scene; did you mean rot_x"),
        ("crystal1_crystal0_rot_x", "'crystal1_crystal0_rot_x' is not a parameter of this scene"),
        ("crystal0_domain_weigth1", "did you mean .*crystal0_domain_weight0"),
        ("crystal0_F", "crystal0_F: stands for all amplitudes of a list in gradients"),
        (5, "5 is not the name of a parameter"),
    ],
)
def test_wrong_names_are_refused_with_the_cure(name, message):
    with pytest.raises(ConfigError, match=message):
        nb.derivatives(two(), [name])


def test_a_group_of_panels_has_another_name_than_a_crystal():
    for name in ("crystal0", "crystal1_half"):
        with pytest.raises(ConfigError, match=f"groups: '{name}' is not a valid name"):
            nb.parameters(two(), groups={name: (0,)})


def test_amplitudes_that_a_crystal_cannot_be_differentiated_by_are_refused():
    diffuse = nb.Diffuse(correlation_length_A=20, displacement_A=0.5)
    config = experiment(ONE, OTHER.replace(diffuse=diffuse))
    assert "default_F" not in names_of(config)
    with pytest.raises(ConfigError, match=r"crystal 1: default_F: images with Crystal\.diffuse"):
        nb.derivatives(config, ["default_F"])
    with pytest.raises(ConfigError, match=r"F: images with Crystal\.diffuse"):
        nb.vjp(config, np.ones(config.detector.shape), names=["F"])
    constant = two(factors_of_crystals=(nb.StructureFactors.constant(9), SECOND))
    with pytest.raises(ConfigError, match="crystal0_F: the structure factors are one constant"):
        nb.vjp(constant, np.ones(constant.detector.shape), names=["crystal0_F"])


def test_parameters_that_a_crystal_does_not_depend_on_are_zero_and_said():
    with pytest.warns(NanobraggWarning, match="crystal0_mosaic_spread: the scene does not depend on it"):
        assert not nb.derivatives(two(), ["crystal0_mosaic_spread"]).any()
    with pytest.warns(NanobraggWarning, match="crystal0_rot_x: a tophat has flat spots"):
        nb.derivatives(two(crystals=(ONE.replace(shape="tophat"), OTHER)), ["crystal0_rot_x", "crystal1_rot_x"])


def test_a_change_goes_into_the_field_that_it_is_of():
    scene = nb.Scene(EXPERIMENTS["twin and another"])
    np.testing.assert_allclose(image(moved_experiment(scene, {})), image(scene), rtol=1e-12)
    chosen = nb.Scene(two(sampling=nb.Sampling()))  # where each lattice has its own sub-pixels
    assert len({lattice.oversample for lattice in chosen.lattices}) == 2
    np.testing.assert_allclose(image(moved_experiment(chosen, {})), image(chosen), rtol=1e-12)
    changes = {"crystal1_cell_a": 0.5, "crystal1_twin0_share": 0.1, "crystal0_fraction": 0.25, "crystal0_n_b": 1.0}
    moved = moved_experiment(scene, {**changes, "log_blocks": np.log(2), "distance": 1.0})
    assert moved.crystals[1].cell[0] == pytest.approx(60.5)
    assert moved.crystals[1].twins == (("-h,-k,l", pytest.approx(0.4)),)
    assert moved.fractions == pytest.approx((0.75, 1.5))
    assert moved.crystals[0].n_cells == (7, 7, 5)
    assert [crystal.blocks for crystal in moved.crystals] == pytest.approx([4e10, 2e10])
    assert nb.Scene(moved).distance == pytest.approx(0.101)


def test_images_are_functions_of_the_parameters_of_every_crystal():
    """Rotations of each crystal by large angles do not commute; their derivatives take that into account."""
    names = ["crystal0_rot_x", "crystal0_rot_z", "crystal1_rot_y", "crystal1_fraction", "crystal0_cell_a"]
    function = ImageFunction(two(), names)
    values = function.start + np.array([0.2, -0.3, 0.1, 0.5, 1.0])
    cotangent = np.random.default_rng(1).normal(size=function.shape)
    gradient = function.vjp(values, cotangent)
    for i, step in enumerate([1e-7, 1e-7, 1e-7, 1e-5, 1e-5]):
        move = step * np.eye(len(names))[i]
        expected = (function.image(values + move) - function.image(values - move)) / (2 * step)
        np.testing.assert_allclose(function.jvp(values, move / step), expected, atol=1e-5 * np.abs(expected).max())
        assert gradient[i] == pytest.approx((expected * cotangent).sum(), abs=1e-4 * np.abs(expected).sum())


def test_a_trace_has_the_shares_of_its_lattice():
    config = two(structure_factors=FIRST, factors_of_crystals=(FIRST, FIRST), background=nb.Background())
    whole = nb.derivatives(config, ["crystal1_rot_x"], tolerance=0)[0]
    slow, fast = np.unravel_index(int(np.abs(whole).argmax()), whole.shape)
    trace = nb.trace(config, slow=int(slow), fast=int(fast), lattice=1, strongest=None)
    (found,) = nb.trace_derivatives(trace, ["rot_x"]).derivatives
    assert sum(found.terms) == pytest.approx(whole[slow, fast], rel=1e-9)
