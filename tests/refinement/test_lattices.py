"""Refinement of images of several lattices: two crystals, and a twin."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.cli import main
from nanobragg.errors import ConfigError
from nanobragg.io.hkl import write_hkl
from nanobragg.refinement.degrees import choose_degrees
from nanobragg.refinement.spots import find_spots, start_from_spots

pytestmark = pytest.mark.filterwarnings(
    "ignore:oversample", "ignore:the table of structure factors ends", "ignore:the crystal's cell"
)
CELL, OTHER_CELL = (60.0, 60.0, 40.0, 90.0, 90.0, 90.0), (50.0, 65.0, 70.0, 90.0, 90.0, 90.0)
CRYSTAL = nb.Crystal(cell=CELL, misset_deg=(10, 20, 30), n_cells=(15, 16, 20), shape="gauss", blocks=1e6)
OTHER = nb.Crystal(cell=OTHER_CELL, misset_deg=(-40, 70, 5), n_cells=(18, 15, 13), shape="gauss", blocks=1e6)
TETRAGONAL, ORTHORHOMBIC = (
    nb.StructureFactors.wilson(cell, group, b_factor=15, d_min_A=2.2, seed=seed, interpolate=False)
    for seed, (cell, group) in enumerate([(CELL, "P 4"), (OTHER_CELL, "P 21 21 21")], 1)
)
USUAL = {
    "beam": nb.Beam(wavelength_A=1.0, fluence_ph_m2=4e20, kahn_factor=0.9), "sampling": nb.Sampling(oversample=1),
    "detector": nb.Detector.flat(distance_mm=100, pixels=180, pixel_mm=0.4), "background": nb.Background(water_um=8.5),
}  # fmt: skip


def noisy(config: nb.Config, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).poisson(nb.simulate(config, dtype="float64")).astype(float)


@pytest.fixture(scope="module")
def truth() -> nb.Config:
    return nb.Config(
        crystals=[CRYSTAL, OTHER], fractions=(1.0, 0.6), factors_of_crystals=[TETRAGONAL, ORTHORHOMBIC], **USUAL
    )


@pytest.fixture(scope="module")
def data(truth) -> np.ndarray:
    return noisy(truth)


@pytest.fixture(scope="module")
def begun(truth) -> nb.Config:
    """The start: 0.2 degrees and half a percent off, with crystals that are too faint and too bright."""
    one = CRYSTAL.replace(cell=(60.3, 60.3, 39.8, 90, 90, 90), misset_deg=(10.2, 19.85, 30.1))
    other = OTHER.replace(cell=(49.8, 65.3, 70.3, 90, 90, 90), misset_deg=(-40.15, 70.1, 5.2))
    return truth.replace(crystals=[one, other], fractions=(0.8, 0.9))


def turned_deg(one: nb.Scene, other: nb.Scene) -> float:
    """Return the angle between two orientations of a lattice."""
    rotation = np.linalg.solve(one.lattice.direct, other.lattice.direct)
    left, _, right = np.linalg.svd(rotation)
    return float(np.degrees(np.arccos(np.clip((np.trace(left @ right) - 1) / 2, -1, 1))))


def test_two_crystals_are_refined_from_one_noisy_image(truth, data, begun, tmp_path):
    result = nb.refine(begun, data, ["rot", "cell", "fractions"])
    assert result.converged
    assert result.chi_squared / result.pixels == pytest.approx(1, abs=0.03)
    expected = {"crystal0_fraction": 1.0, "crystal1_fraction": 0.6}
    for number, cell in enumerate((CELL, OTHER_CELL)):
        expected |= {f"crystal{number}_cell_{x}": edge for x, edge in zip("abc", cell, strict=False)}
    pulls = {name: (result.values[name] - value) / result.errors[name] for name, value in expected.items()}
    assert max(map(abs, pulls.values())) < 4, pulls
    lattices = zip(nb.Scene(truth).lattices, nb.Scene(result.config).lattices, strict=True)
    assert max(turned_deg(*each) for each in lattices) < 0.005
    assert result.config.fractions == pytest.approx([result.values[f"crystal{i}_fraction"] for i in (0, 1)])
    assert result.config.crystals[1].cell[0] == pytest.approx(result.values["crystal1_cell_a"])
    assert result.begun == begun
    result.to_expt(tmp_path / "refined.expt")
    assert len(json.loads((tmp_path / "refined.expt").read_text())["crystal"]) == 2
    result.to_toml(tmp_path / "refined.toml")
    again = nb.Config.from_toml(tmp_path / "refined.toml")
    np.testing.assert_allclose(nb.simulate(again), nb.simulate(result.config), rtol=1e-5)


def test_each_crystal_is_first_fitted_to_its_own_spots(truth, begun):
    """Orientations that are 0.2 degrees off, and cells by half a percent, come close to the truth."""
    fine = nb.Detector.flat(distance_mm=100, pixels=400, pixel_mm=0.25)
    far, right = (nb.Scene(each.replace(detector=fine)) for each in (begun, truth))
    data = noisy(right.experiment)
    spots = find_spots(far, data, np.ones(data.size, bool))
    near = start_from_spots(far, spots, choose_degrees(far, ["rot", "cell"]), None)
    for number in (0, 1):
        before, after, expected = (scene.lattices[number] for scene in (far, near, right))
        assert turned_deg(before, expected) > 0.2
        assert turned_deg(after, expected) < 0.03
        np.testing.assert_allclose(after.config.crystal.cell[:3], expected.config.crystal.cell[:3], rtol=2e-3)


def test_rotations_are_those_of_each_crystal(truth, data):
    begun = truth.replace(crystals=[CRYSTAL, OTHER.replace(misset_deg=(-40.15, 70.1, 5.2))])
    result = nb.refine(begun, data, ["crystal1_rot"])
    assert result.names == ("crystal1_rot_x", "crystal1_rot_y", "crystal1_rot_z")
    assert result.config.crystals[0] == CRYSTAL
    before, after, right = (nb.Scene(each).lattices[1] for each in (begun, result.config, truth))
    turn = np.degrees(np.linalg.norm(list(result.values.values())))
    assert turn == pytest.approx(turned_deg(before, after), rel=1e-6)
    assert turned_deg(after, right) < 0.005


def test_fractions_start_at_the_brightness_of_the_image(truth, data):
    """They are scaled together, and then meet the truth in few iterations."""
    bright = truth.replace(fractions=(1e4, 1e4))
    result = nb.refine(bright, data, ["fractions"], start="given", most_iterations=5)
    assert result.converged
    assert result.config.fractions == pytest.approx((1.0, 0.6), abs=0.02)
    assert result.start["crystal0_fraction"] == 1e4
    bounded = nb.refine(bright, data, ["fractions"], start="given", bounds={"crystal1_fraction": (5e3, 2e4)})
    assert bounded.config.fractions[1] == pytest.approx(5e3)
    prior = {"crystal0_fraction": (1e4, 1.0)}
    kept = nb.refine(bright, data, ["fractions"], start="given", prior=prior, most_iterations=1)
    assert kept.config.fractions[0] == pytest.approx(1e4, rel=0.6)


@pytest.mark.parametrize("law", ["k,h,-l", "-h,-k,l"])
def test_the_share_of_a_twin_is_refined(law):
    """One law is only nearly a symmetry of the lattice, so that the spots of the individuals separate."""
    cell = (60.0, 60.4, 40.0, 90.0, 90.0, 90.0) if law == "k,h,-l" else (60.0, 60.0, 40.0, 90.0, 90.6, 90.0)
    twin = nb.Config(crystal=CRYSTAL.replace(cell=cell).twinned(law, 0.3), structure_factors=TETRAGONAL, **USUAL)
    start = twin.replace(crystal=twin.crystal.replace(twins=((law, 0.45),), misset_deg=(10.1, 19.95, 30.1)))
    result = nb.refine(start, noisy(twin), ["rot", "cell_a", "cell_b", "cell_beta", "twins", "blocks"])
    assert result.converged
    assert result.values["twin0_share"] == pytest.approx(0.3, abs=4 * result.errors["twin0_share"])
    assert result.errors["twin0_share"] < 0.01
    assert result.config.crystal.twins == ((law, pytest.approx(result.values["twin0_share"])),)
    for name, value in zip(("cell_a", "cell_b", "cell_beta"), (cell[0], cell[1], cell[4]), strict=True):
        assert result.values[name] == pytest.approx(value, abs=4 * result.errors[name])
    assert turned_deg(nb.Scene(twin), nb.Scene(result.config)) < 0.005


def orbit(h: int, k: int, l: int) -> tuple[int, int, int]:
    """Return the same reflection for all that are equivalent in P 4."""
    mates = [(h, k, l), (-k, h, l), (-h, -k, l), (k, -h, l)]
    return max(*mates, *((-h, -k, -l) for h, k, l in mates))


def test_amplitudes_of_a_twin_are_those_of_the_crystal():
    """Without noise they are those of the crystal, where the images have both spots that two reflections make."""
    crystals = [CRYSTAL.replace(misset_deg=(10 * i, 25 * i, 40 * i)).twinned("k,h,-l", 0.3) for i in range(4)]
    twins = [nb.Config(crystal=each, structure_factors=TETRAGONAL, **USUAL) for each in crystals]
    indices, amplitudes = TETRAGONAL.listing
    flat = nb.StructureFactors(
        indices=indices, amplitudes=np.full(len(indices), amplitudes.mean()), cell=CELL, interpolate=False
    )
    images = [nb.simulate(each, dtype="float64") for each in twins]
    starts = [each.replace(structure_factors=flat) for each in twins]
    result = nb.refine_amplitudes(starts, images, space_group="P 4", most_iterations=60)
    assert result.loss < 1e-4 * result.start_loss
    spots = [nb.predict_spots(each, threshold=0.2) for each in twins]
    seen = {orbit(*hkl) for each in spots for hkl in each[each.lattice == 0].hkl.tolist()}
    right = dict(zip(map(tuple, indices.tolist()), amplitudes.tolist(), strict=True))
    errors = [
        amplitude / right[h, k, l] - 1
        for (h, k, l), amplitude in zip(result.indices.tolist(), result.amplitudes.tolist(), strict=True)
        if {orbit(h, k, l), orbit(k, h, -l)} <= seen
    ]  # fmt: skip
    assert len(errors) > 50
    assert np.quantile(np.abs(errors), 0.9) < 1e-3  # some spots are hardly recorded


def test_words_are_of_all_crystals_or_of_one(truth):
    scene = nb.Scene(truth)

    def names(*words: str) -> list[str]:
        return [degree.name for degree in choose_degrees(scene, words, space_group="P 1 21 1")]

    rotations = [[f"crystal{number}_rot_{x}" for x in "xyz"] for number in (0, 1)]
    assert names("rot") == rotations[0] + rotations[1]
    assert names("crystal1_rot") == rotations[1]
    assert names("crystal0_cell") == [f"crystal0_cell_{x}" for x in ("a", "b", "c", "beta")]
    assert names("fractions", "blocks") == ["crystal0_fraction", "crystal1_fraction", "log_blocks"]
    mosaic = nb.Scene(truth.replace(crystals=[CRYSTAL, OTHER.replace(mosaic_spread_deg=0.1)]))
    assert [degree.name for degree in choose_degrees(mosaic, ["mosaic"])] == ["crystal1_mosaic_spread"]


def test_words_are_of_what_a_crystal_has(truth):
    twin = CRYSTAL.twinned("k,h,-l", 0.2).replace(mosaic_spread_deg=(0.1, 0, 0.3), mosaic_model="gaussian")
    scene = nb.Scene(truth.replace(crystals=[OTHER.twinned("-h,-k,l", 0.1), twin.replace(mosaic_domains=5)]))

    def names(word: str) -> list[str]:
        return [degree.name for degree in choose_degrees(scene, [word])]

    assert names("twins") == ["crystal0_twin0_share", "crystal1_twin0_share"]
    assert names("crystal1_twins") == ["crystal1_twin0_share"]
    assert names("mosaic") == ["crystal1_mosaic_a", "crystal1_mosaic_c"]


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        (["rot_x"], "rot_x: there are 2 crystals; give crystal0_rot_x"),
        (["crystal2_rot"], "vary: crystal2_rot: there are 2 crystals, 0 to 1"),
        (["crystal2_rot_x"], "crystal2_rot_x: there are 2 crystals, 0 to 1"),
        (["twins"], "vary: twins: the experiment has none"),
        (["crystal1_twins"], "vary: crystal1_twins: the experiment has none"),
        ([7], "7 is not the name of a parameter"),
        (["crystal1_F(1,2,3)"], "amplitudes are refined by nb.refine_amplitudes"),
        (["fractions", "blocks", "rot"], "the data do not determine .*log_blocks"),
    ],
)
def test_bad_requests_are_refused(truth, data, vary, message):
    with pytest.raises(ConfigError, match=message):
        nb.refine(truth, data, vary, start="given")


def test_images_of_other_crystals_are_refused(truth, data):
    one = nb.Config(crystal=CRYSTAL, structure_factors=TETRAGONAL, **USUAL)
    with pytest.raises(ConfigError, match=r"image 1 has \[1\] lattices of its crystals, image 0 has \[1, 1\]"):
        nb.refine_images([truth, one], [data, data], ["fractions"], [])
    with pytest.raises(ConfigError, match="refine_amplitudes: the crystals have amplitudes of their own"):
        nb.refine_amplitudes([truth], [data])


def test_the_command_line_refines_both_crystals(truth, data, tmp_path, capsys):
    truth.replace(fractions=(0.8, 0.9)).to_toml(tmp_path / "start.toml")
    nb.write_image(tmp_path / "still.npy", data)
    command = ["refine", str(tmp_path / "start.toml"), str(tmp_path / "still.npy"), "--vary", "fractions", "--as-given"]
    assert main([*command, "-o", str(tmp_path / "refined.toml")]) == 0
    assert "crystal1_fraction" in capsys.readouterr().out
    refined = nb.Config.from_toml(tmp_path / "refined.toml")
    assert refined.fractions == pytest.approx((1.0, 0.6), abs=0.02)


@pytest.fixture(scope="module")
def dials_start(truth, tmp_path_factory):
    """A DIALS file of two crystals that are 0.2 degrees off, the amplitudes of each, and their image on a level."""
    folder = tmp_path_factory.mktemp("dials")
    crystals = [each.replace(shape="square", n_cells=8) for each in truth.crystals]
    dry = {"background": nb.Background(water_um=0), "sampling": nb.Sampling()}
    expected = nb.simulate(truth.replace(crystals=crystals, **dry), dtype="float64")
    nb.write_image(folder / "still.npy", np.random.default_rng(1).poisson(expected + 1.0).astype(float))
    angles = [(10.2, 19.85, 30.1), (-40.15, 70.1, 5.2)]
    turned = [each.replace(misset_deg=misset) for each, misset in zip(crystals, angles, strict=True)]
    nb.write_expt(folder / "start.expt", truth.replace(crystals=turned))
    for number, factors in enumerate(truth.factors_of_crystals):
        write_hkl(folder / f"{number}.hkl", *factors.listing)
    return folder


def refine_dials(folder, *words: str) -> int:
    command = ["refine", str(folder / "start.expt"), str(folder / "still.npy"), "--n-cells", "8"]
    return main([*command, "-o", str(folder / "refined.expt"), *words])


def test_a_dials_file_of_two_crystals_is_refined_and_written(truth, dials_start, capsys):
    factors = [word for number in (0, 1) for word in ("--factors", str(dials_start / f"{number}.hkl"))]
    assert refine_dials(dials_start, *factors, "--vary", "rot", "fractions", "offset") == 0
    assert "crystal1_rot_x" in capsys.readouterr().out
    written = nb.read_expt(dials_start / "refined.expt")
    assert [each.image_set for each in written] == [0, 0]
    for each, lattice in zip(written, nb.Scene(truth).lattices, strict=True):
        assert turned_deg(nb.Scene(each.config(nb.StructureFactors.constant(1), n_cells=10)), lattice) < 0.01
        assert each.cell == pytest.approx(lattice.config.crystal.cell)


def test_a_dials_file_of_two_images_needs_a_number(dials_start, capsys):
    whole = json.loads((dials_start / "start.expt").read_text())
    whole["experiment"][1]["beam"] = 1
    whole["beam"] *= 2
    (dials_start / "apart.expt").write_text(json.dumps(whole))
    words = [str(dials_start / name) for name in ("apart.expt", "still.npy")]
    command = ["refine", *words, "--vary", "rot", "--iterations", "0", "-o", str(dials_start / "one.expt")]
    command += ["--factors", str(dials_start / "1.hkl"), "--as-given"]
    for extra, message in (
        ([], "has experiments of several images; give --experiment N, 0 to 1"),
        (["--experiment", "2"], "--experiment 2: .* has the experiments 0 to 1"),
        (["--experiment", "1", "--factors", "no.hkl"], "--factors: is given 2 times; crystals of the image: 1"),
    ):
        assert main([*command, *extra]) == 2
        assert re.search(message, capsys.readouterr().err)
    main([*command, "--experiment", "1"])
    (written,) = nb.read_expt(dials_start / "one.expt")
    assert written.cell == pytest.approx(OTHER_CELL)
    assert main([*command[:1], str(dials_start / "start.expt"), *command[2:]]) in (0, 3)  # amplitudes for both
    assert len(nb.read_expt(dials_start / "one.expt")) == 2
