"""Radiation damage: amplitudes, cell and photons at a dose against independent formulas."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.analysis.summary import summarize_scene
from nanobragg.config.digest import config_digest
from nanobragg.dataset.shared_tables import share_tables
from nanobragg.errors import ConfigError
from tests.builders import TRICLINIC, config

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

CELL = (60, 70, 80, 85, 95, 100)
LIST = nb.StructureFactors.wilson(CELL, "P 1", b_factor=10, d_min_A=3, seed=1)
DAMAGE = nb.Damage(b_A2_per_MGy=1.5, cell_percent_per_MGy=0.05, half_dose_MGy=40)
BASE = config(crystal=TRICLINIC, structure_factors=LIST, damage=DAMAGE)


def inverse_d_squared(indices, cell=CELL):
    """1/d² from the metric of the cell."""
    a, b, c = cell[:3]
    ca, cb, cg = np.cos(np.radians(cell[3:]))
    metric = np.array(
        [[a * a, a * b * cg, a * c * cb], [a * b * cg, b * b, b * c * ca], [a * c * cb, b * c * ca, c * c]]
    )
    return np.einsum("ij,jk,ik->i", indices, np.linalg.inv(metric), indices)


def slope(before: nb.StructureFactors, after: nb.StructureFactors) -> float:
    """B from the slope of ln(F'/F) against 1/4d²."""
    (indices, one), (others, other) = before.listing, after.listing
    np.testing.assert_array_equal(indices, others)
    kept = one > 0
    return float(-np.polyfit(inverse_d_squared(indices[kept]) / 4, np.log(other[kept] / one[kept]), 1)[0])


def test_no_dose_is_no_damage():
    undamaged = BASE.replace(damage=None)
    np.testing.assert_array_equal(nb.simulate(BASE), nb.simulate(undamaged))
    assert BASE.damaged() == undamaged
    assert undamaged.damaged() is undamaged


@pytest.mark.parametrize("dose", [0.1, 7.0])
def test_the_wilson_slope_is_the_growth_of_b(dose):
    after = BASE.replace(dose_MGy=dose).damaged().structure_factors
    assert slope(LIST, after) == pytest.approx(1.5 * dose, rel=1e-6)


def test_structure_factors_of_every_kind_are_damped(tmp_path):
    indices, amplitudes = LIST.listing
    np.savetxt(tmp_path / "list.hkl", np.column_stack([indices, amplitudes]), fmt="%d %d %d %.17g")
    energies = nb.StructureFactors(
        indices=indices, amplitudes=np.array([amplitudes, 2 * amplitudes]), energies_eV=[9000, 9500]
    )
    for factors in (nb.read_hkl(tmp_path / "list.hkl"), nb.StructureFactors(indices=indices, amplitudes=amplitudes)):
        after = BASE.replace(structure_factors=factors, dose_MGy=4).damaged().structure_factors
        assert slope(factors, after) == pytest.approx(6, rel=1e-6)
    after = BASE.replace(structure_factors=energies, dose_MGy=4).damaged().structure_factors
    expected = energies.amplitudes * np.exp(-6 / 4 * inverse_d_squared(indices))
    np.testing.assert_allclose(after.amplitudes, expected, rtol=1e-12)
    np.testing.assert_array_equal(after.energies, [9000, 9500])


@pytest.mark.parametrize(
    "factors",
    [
        nb.StructureFactors.constant(100),
        nb.StructureFactors(indices=[[1, 0, 0]], amplitudes=[100], default_F=100),
    ],
    ids=["constant", "few"],
)
@pytest.mark.parametrize("two_theta", [0, 60])
def test_amplitudes_that_are_not_listed_are_damped_to_the_edge_of_the_image(factors, two_theta):
    """Every pixel has exp(-ΔB/2d²) of its photons, with d of the nearest reflection."""
    detector = nb.Detector.flat(distance_mm=60, pixels=(48, 64), pixel_mm=1, twotheta_deg=two_theta, pivot="sample")
    sampling = nb.Sampling(oversample=1)
    crystal = TRICLINIC.replace(n_cells=8)
    before = config(
        crystal=crystal, structure_factors=factors, detector=detector, sampling=sampling, beam=nb.Beam(wavelength_A=2)
    )
    after = before.replace(damage=nb.Damage(b_A2_per_MGy=2), dose_MGy=3)
    scene = nb.Scene(before)
    images = [nb.simulate(each, dtype="float64", tolerance=0) for each in (scene, after)]
    bright = np.argwhere(images[0] > 1e-6 * images[0].max())
    assert len(bright) > 20
    slow, fast = bright.T
    q = (scene.geometry.directions(slow + 0.5, fast + 0.5) - scene.beam_direction) / scene.wavelength
    expected = np.exp(-6 / 2 * inverse_d_squared(np.round(q @ scene.cells[0].T)))
    np.testing.assert_allclose(images[1][slow, fast] / images[0][slow, fast], expected, rtol=1e-6)


def test_the_cell_grows_and_keeps_its_angles():
    grown = BASE.replace(dose_MGy=20)
    scene = nb.Scene(grown)
    np.testing.assert_allclose(scene.lattice.direct, 1.01 * nb.Scene(BASE).lattice.direct, rtol=1e-12)


def test_spots_move_inwards_as_the_cell_grows():
    """sin θ falls by the factor by which the cell grows: the radius is D tan 2θ."""
    scan = nb.Scan(range_deg=20, steps=2000)
    growing = BASE.replace(damage=nb.Damage(cell_percent_per_MGy=0.1), scan=scan, crystal=TRICLINIC.replace(n_cells=30))
    before, after = (nb.predict_spots(growing.replace(dose_MGy=dose), threshold=0) for dose in (0, 5))
    common = {tuple(hkl): i for i, hkl in enumerate(before.hkl.tolist())}
    pairs = [(common[tuple(hkl)], j) for j, hkl in enumerate(after.hkl.tolist()) if tuple(hkl) in common]
    assert len(pairs) > 10
    sines = [half_angle_sines(growing, spots) for spots in (before, after)]
    ratios = [sines[1][j] / sines[0][i] for i, j in pairs]
    assert np.median(ratios) == pytest.approx(1 / 1.005, rel=1e-4)


def half_angle_sines(config, spots):
    """sin θ of spots, from their places on the panel."""
    (panel,) = config.detector.panels
    fast, slow, _ = panel.axes()
    rays = np.array(panel.origin_mm) + panel.pixel_mm * (
        np.outer(spots.crossing_fast_px, fast) + np.outer(spots.crossing_slow_px, slow)
    )
    return np.sqrt((1 - rays[:, 0] / np.linalg.norm(rays, axis=1)) / 2)


@pytest.mark.parametrize(
    "size",
    [
        {"n_cells": 10, "size_mm": 0.01}, {"block_um": 0.1, "size_mm": 0.01}, {"n_cells": 10, "volume_mm3": 1e-6},
        {"n_cells": 10, "blocks": 1e4},
    ],
    ids=["size", "block", "volume", "blocks"],
)  # fmt: skip
def test_a_crystal_keeps_its_unit_cells(size):
    crystal = nb.Crystal(cell=CELL, shape="gauss", **size)
    before, after = (
        nb.Scene(config(crystal=crystal, damage=nb.Damage(cell_percent_per_MGy=0.3), dose_MGy=dose)) for dose in (0, 9)
    )
    assert after.n_cells == before.n_cells
    assert after.blocks == pytest.approx(before.blocks, rel=1e-12)
    assert after.lattice.volume == pytest.approx(1.027**3 * before.lattice.volume, rel=1e-12)


def test_a_matrix_grows_like_its_cell(tmp_path):
    scene = nb.Scene(BASE)
    matrix = tuple(map(tuple, scene.lattice.reciprocal.T.tolist()))
    np.savetxt(tmp_path / "A.mat", np.array(matrix), fmt="%.17g")
    growing = BASE.replace(dose_MGy=10, damage=nb.Damage(cell_percent_per_MGy=0.2))
    for fields in ({"matrix": matrix}, {"matrix_path": tmp_path / "A.mat"}, {"matrix": matrix, "cell": CELL}):
        crystal = nb.Crystal(n_cells=20, **fields)
        one, other = (nb.Scene(growing.replace(crystal=crystal, dose_MGy=dose)).lattice for dose in (0, 10))
        np.testing.assert_allclose(other.direct, 1.02 * one.direct, rtol=1e-9)


def test_half_of_the_photons_is_left_at_the_half_dose():
    fading = BASE.replace(damage=nb.Damage(half_dose_MGy=12))
    images = [nb.simulate(fading.replace(dose_MGy=dose), dtype="float64", tolerance=0) for dose in (0, 12, 24)]
    np.testing.assert_allclose(images[1], images[0] / 2, rtol=1e-12)
    np.testing.assert_allclose(images[2], images[0] / 4, rtol=1e-12)


def test_every_crystal_and_twin_is_damaged():
    other = nb.Crystal(cell=(40, 50, 65), n_cells=12, shape="gauss", misset_deg=(3, 4, 5)).twinned("-h,-k,l", 0.3)
    few = nb.StructureFactors(indices=LIST.indices, amplitudes=LIST.amplitudes[::-1])
    both = nb.Config(
        crystals=[TRICLINIC, other], fractions=(1, 0.5), factors_of_crystals=[LIST, few], detector=BASE.detector
    )
    dosed = both.replace(damage=DAMAGE, dose_MGy=8)
    expected = nb.simulate(both, dtype="float64", tolerance=0)
    alone = [
        config(crystal=crystal.replace(fraction=share), structure_factors=factors, damage=DAMAGE, dose_MGy=8)
        for crystal, share, factors in ((TRICLINIC, 1, LIST), (other, 0.5, few))
    ]
    image = nb.simulate(dosed, dtype="float64", tolerance=0)
    assert image.sum() < expected.sum()
    total = sum(nb.simulate(each, dtype="float64", tolerance=0) for each in alone)
    np.testing.assert_allclose(image, total, rtol=1e-12)
    damaged = dosed.damaged()
    assert damaged.damage is None
    assert damaged.crystals[1].twins == other.twins
    np.testing.assert_allclose(nb.simulate(damaged, dtype="float64", tolerance=0), image, rtol=1e-12)


def test_each_image_of_a_series_has_the_dose_in_the_middle_of_its_exposure():
    scan = nb.Scan(start_deg=3, range_deg=0.4, steps=2)
    series = BASE.replace(scan=scan, dose_MGy=1).series(4, dose_per_image_MGy=0.5)
    assert [each.dose_MGy for each in series] == [1.25, 1.75, 2.25, 2.75]
    assert [each.scan.start_deg for each in series] == pytest.approx([3, 3.4, 3.8, 4.2])
    still = BASE.series(3, dose_per_image_MGy=2)
    assert [each.dose_MGy for each in still] == [1, 3, 5]


def test_a_finer_series_adds_up_to_the_damage_within_an_image():
    """Slices of one φ step each, faded by 2^(-dose/half dose), add up to the image of a decaying crystal."""
    fading = BASE.replace(damage=nb.Damage(half_dose_MGy=2), scan=nb.Scan(range_deg=0.05, steps=1))
    slices = fading.series(8, dose_per_image_MGy=0.5)
    expected = sum(
        nb.simulate(each.replace(damage=None, dose_MGy=0), dtype="float64", tolerance=0) * 2 ** -((i + 0.5) * 0.5 / 2)
        for i, each in enumerate(slices)
    )
    image = sum(nb.simulate(each, dtype="float64", tolerance=0) for each in slices)
    np.testing.assert_allclose(image, expected, rtol=1e-12)


def test_the_dose_varies_in_a_data_set():
    plan = nb.Dataset(base=BASE, n=5, vary={"dose_MGy": nb.uniform(0, 30)}, seed=3)
    doses = [plan.values(k).shot["dose_MGy"] for k in range(5)]
    assert len(set(doses)) == 5
    shot = plan.shot(2)
    assert shot.truth[0].orientation.cell[0] == pytest.approx(60 * (1 + 0.0005 * doses[2]), rel=1e-9)
    np.testing.assert_array_equal(shot.image, nb.simulate(BASE.replace(dose_MGy=doses[2])))


def test_tables_that_workers_share_are_damaged_once(tmp_path):
    plan = nb.Dataset(base=BASE.replace(dose_MGy=6), n=2, vary={"crystal.misset_deg": [(1, 2, 3), (4, 5, 6)]})
    shared = share_tables(plan, tmp_path)
    assert shared is not None
    np.testing.assert_array_equal(shared.attached_to(plan).shot(1).image, plan.shot(1).image)


def test_the_summary_states_the_dose():
    lines = summarize_scene(nb.Scene(BASE.replace(dose_MGy=4)))
    (line,) = (line for line in lines if line.startswith("dose"))
    assert line.split(None, 1)[1] == (
        "4 MGy, by which B has grown by 6 Å² and the cell by 0.2 %; 0.933 of the photons are left"
    )
    assert not any(line.startswith("dose") for line in summarize_scene(nb.Scene(BASE)))


def test_toml_and_python_keep_the_dose(tmp_path):
    dosed = BASE.replace(dose_MGy=3.5)
    dosed.to_toml(tmp_path / "dosed.toml")
    assert nb.read_toml(tmp_path / "dosed.toml") == dosed
    names: dict[str, object] = {}
    exec(dosed.to_python(), names)
    assert names["config"] == dosed


def test_a_truth_names_the_experiment_before_its_dose():
    dosed = BASE.replace(dose_MGy=3.5)
    assert nb.ground_truth(nb.Scene(dosed)).config_sha256 == config_digest(dosed) != config_digest(BASE)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"damage": None, "dose_MGy": 3}, r"Config.dose_MGy = 3: needs the damage"),
        ({"dose_MGy": -1}, r"Config.dose_MGy = -1"),
        ({"compat": "c"}, r"Config.damage: compat='c' does not support it"),
        (
            {"damage": nb.Damage(cell_percent_per_MGy=2), "dose_MGy": 30},
            r"dose_MGy = 30: with .* grow by more than 50 %",
        ),
        ({"damage": nb.Damage(half_dose_MGy=1), "dose_MGy": 200}, r"dose_MGy = 200: with .* nothing is left"),
    ],
)
def test_a_dose_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        BASE.replace(**fields)


def test_bad_damage_is_refused():
    with pytest.raises(ConfigError, match=r"Damage.b_A2_per_MGy = -1"):
        nb.Damage(b_A2_per_MGy=-1)
    with pytest.raises(ConfigError, match=r"Damage.half_dose_MGy = 0"):
        nb.Damage(half_dose_MGy=0)
    with pytest.raises(ConfigError, match=r"Damage.b: is not a field"):
        nb.Damage(b=1)
    with pytest.raises(ConfigError, match=r"series: dose_per_image_MGy = -1"):
        BASE.series(2, dose_per_image_MGy=-1)
    with pytest.raises(ConfigError, match=r"dose_MGy = 0.5: needs the damage"):
        BASE.replace(damage=None).series(2, dose_per_image_MGy=1)


def test_too_many_reflections_for_a_constant_are_refused(monkeypatch):
    monkeypatch.setenv("NANOBRAGG_MAX_BYTES", "100000")
    constant = BASE.replace(structure_factors=nb.StructureFactors.constant(1), dose_MGy=1)
    with pytest.raises(ConfigError, match=r"Damage.b_A2_per_MGy: StructureFactors.default_F stands for .* list them"):
        nb.Scene(constant)
