"""Several lattices in the beam: crystals, twins; images, traces, spots and files of all of them together."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.config.twin_law import law_matrix, twin_rotation
from nanobragg.errors import ConfigError
from tests.builders import DETECTOR, FACTORS, TRICLINIC, config

TETRAGONAL = nb.Crystal(cell=(60, 60, 40), n_cells=8, shape="gauss", misset_deg=(12, 34, 56))
OTHER = TRICLINIC.replace(misset_deg=(70, -20, 5), n_cells=12)
STRONG = nb.StructureFactors.constant(300)


def several(**fields):
    return nb.Config(**{"crystals": [TRICLINIC, OTHER], "structure_factors": FACTORS, "detector": DETECTOR, **fields})


def image(experiment, **options):
    return nb.simulate(experiment, **{"dtype": "float64", **options})


def wilson(cell, group="P 1"):
    return nb.StructureFactors.wilson(cell, group, b_factor=20, d_min_A=2, seed=1)


def test_lattices_add_up_with_their_fractions_and_structure_factors():
    both = several(fractions=(0.25, 2.0), factors_of_crystals=[FACTORS, STRONG], background=nb.Background(water_um=20))
    first = image(config(crystal=TRICLINIC))
    second = image(config(crystal=OTHER, structure_factors=STRONG))
    water = image(config(crystal=TRICLINIC.replace(blocks=1e-20), background=nb.Background(water_um=20)))
    expected = 0.25 * first + 2.0 * second + water
    np.testing.assert_allclose(image(both), expected, rtol=1e-12)
    out = np.ones(expected.shape)
    nb.simulate(both, out=out, add=True)
    np.testing.assert_allclose(out, 1 + expected, rtol=1e-12)
    part = image(both, roi=np.s_[10:20, :30])
    np.testing.assert_allclose(part[10:20, :30], expected[10:20, :30], rtol=1e-12)
    assert part[:10].max() == 0
    singles = both.lattices()
    np.testing.assert_allclose(sum(image(each) for each in singles), expected, rtol=1e-12)


@pytest.mark.parametrize("tolerance", [{"tolerance": 1e-3}, {"tolerance_ph": 1e-9}])
def test_all_lattices_together_miss_no_more_than_the_tolerance(tolerance, monkeypatch):
    from nanobragg.rendering import culling

    monkeypatch.setattr(culling, "FEWEST_TERMS", 0)
    exact = image(several(), tolerance=0)
    culled, report = image(several(), report=True, **tolerance)
    assert report.bound_ph <= max(tolerance.get("tolerance", 0) * exact.max(), tolerance.get("tolerance_ph", 0))
    assert (exact - culled).max() <= report.bound_ph + 1e-12 * exact.max()  # and rounding
    assert report.terms == exact.size * sum(each.terms for each in nb.Scene(several()).lattices)


def test_the_individuals_of_a_merohedral_twin_overlap():
    """A twin by a symmetry of the lattice equals the sum of two crystals, the second with the amplitudes of k h -l."""
    factors = wilson(TETRAGONAL.cell, "P 4")
    hkl, amplitudes = factors.listing
    swapped = nb.StructureFactors(indices=hkl @ law_matrix("k,h,-l").astype(int), amplitudes=amplitudes)
    twin = image(config(crystal=TETRAGONAL.twinned("k,h,-l", 0.3), structure_factors=factors))
    one = image(config(crystal=TETRAGONAL, structure_factors=factors))
    other = image(config(crystal=TETRAGONAL, structure_factors=swapped))
    np.testing.assert_allclose(twin, 0.7 * one + 0.3 * other, rtol=1e-9, atol=1e-12 * one.max())
    assert np.abs(one - other).max() > 0.1 * one.max()


def test_an_inversion_twin_has_the_friedel_mates():
    factors = wilson(TRICLINIC.cell)
    hkl, amplitudes = factors.listing
    amplitudes = amplitudes * (1 + 0.3 * np.sign(hkl[:, 0]))
    factors = nb.StructureFactors(indices=hkl, amplitudes=amplitudes)
    mates = nb.StructureFactors(indices=-hkl, amplitudes=amplitudes)
    twin = image(config(crystal=TRICLINIC.twinned("-h,-k,-l", 0.5), structure_factors=factors))
    expected = sum(image(config(crystal=TRICLINIC, structure_factors=each)) for each in (factors, mates)) / 2
    np.testing.assert_allclose(twin, expected, rtol=1e-9, atol=1e-12 * expected.max())


def test_a_twin_that_is_not_merohedral_is_a_rotation_of_the_lattice():
    """β = 91°: the law -h,-k,l turns the lattice by 180° about c*, and misses a symmetry by two degrees."""
    crystal = TRICLINIC.replace(cell=(60, 70, 80, 90, 91, 90))
    first, second = nb.Scene(config(crystal=crystal.twinned("-h,-k,l", 0.4))).lattices
    turn = np.linalg.solve(first.lattice.direct, second.lattice.direct)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    moved = law_matrix("-h,-k,l").T @ first.lattice.reciprocal
    apart = np.linalg.norm(moved - second.lattice.reciprocal, axis=1) / np.linalg.norm(moved, axis=1)
    assert 0.001 < apart.max() < 0.02
    assert (first.blocks, second.blocks) == pytest.approx((0.6, 0.4))


@pytest.mark.parametrize(
    ("law", "rows"),
    [
        ("-h,-k,l", [[-1, 0, 0], [0, -1, 0], [0, 0, 1]]),
        ("k, h, -l", [[0, 1, 0], [1, 0, 0], [0, 0, -1]]),
        ("h,-h-k,-l", [[1, 0, 0], [-1, -1, 0], [0, 0, -1]]),
        ("h,-k,-1/2h-l", [[1, 0, 0], [0, -1, 0], [-0.5, 0, -1]]),
        ("H,-K,-h/2-L", [[1, 0, 0], [0, -1, 0], [-0.5, 0, -1]]),
        ("0.5*h+k,k,l", [[0.5, 1, 0], [0, 1, 0], [0, 0, 1]]),
    ],
)
def test_laws_are_read_as_they_are_written(law, rows):
    np.testing.assert_allclose(law_matrix(law), rows)


@pytest.mark.parametrize("law", ["", "h,k", "h,k,l,h", "h,k,k", "h,k,m", "x,y,z", "h k,k,l", "h,k,2", "h/0,k,l"])
def test_invalid_laws_are_refused(law):
    with pytest.raises(ConfigError, match=r"twin law .*is not valid"):
        TRICLINIC.twinned(law, 0.3)


def test_a_law_far_from_a_symmetry_is_refused():
    with pytest.raises(ConfigError, match=r"would strain the lattice by .* %"):
        twin_rotation("k,h,-l", np.diag([50.0, 80.0, 90.0]))


def test_twins_of_twins_and_crystals_combine():
    twinned = TETRAGONAL.twinned("k,h,-l", 0.3).twinned("-h,k,-l", 0.2)
    scene = nb.Scene(several(crystals=[twinned, OTHER], fractions=(1.0, 0.5)))
    assert [each.blocks for each in scene.lattices] == pytest.approx([0.5, 0.3, 0.2, 0.5])
    assert "lattice 3" in scene._repr_html_()


def test_spots_and_ground_truth_are_of_all_lattices():
    both = several()
    spots, truth = nb.predict_spots(both), nb.ground_truth(both)
    assert set(spots.lattice.tolist()) == {0, 1}
    assert (np.diff(spots.photons) <= 0).all()
    for number, crystal in enumerate((TRICLINIC, OTHER)):
        alone = nb.predict_spots(config(crystal=crystal))
        mine = spots[spots.lattice == number]
        np.testing.assert_array_equal(mine.hkl, alone.hkl)
        np.testing.assert_array_equal(mine.photons, alone.photons)
        np.testing.assert_array_equal(truth.lattices[number], nb.ground_truth(config(crystal=crystal)).A)
    assert truth.bragg_mask.sum() > nb.ground_truth(config(crystal=TRICLINIC)).bragg_mask.sum()


def test_a_trace_is_of_one_lattice_and_has_the_photons_of_all():
    both = several()
    whole = image(both, tolerance=0)
    slow, fast = np.unravel_index(int(whole.argmax()), whole.shape)
    traces = [nb.trace(both, slow=int(slow), fast=int(fast), lattice=number) for number in (0, 1)]
    for number, each in enumerate(traces):
        assert each.final.pixel == each.lattices_ph[number]
        assert sum(each.lattices_ph) == pytest.approx(whole.max(), rel=1e-12)
        assert "image.lattices_ph = " in each.to_text()
    with pytest.raises(ConfigError, match="lattice = 2: there are 2, 0 to 1"):
        nb.trace(both, slow=1, fast=1, lattice=2)
    with pytest.raises(ConfigError, match="lattice = 1: there is one"):
        nb.trace(config(), slow=1, fast=1, lattice=1)


def test_files_hold_all_lattices(tmp_path):
    both = several(fractions=(0.25, 2.0), factors_of_crystals=[FACTORS, wilson(OTHER.cell)])
    both.to_toml(tmp_path / "both.toml")
    assert nb.Config.from_toml(tmp_path / "both.toml") == both
    twinned = config(crystal=TETRAGONAL.twinned("k,h,-l", 0.3))
    twinned.to_toml(tmp_path / "twin.toml")
    assert nb.Config.from_toml(tmp_path / "twin.toml") == twinned
    (tmp_path / "hand.toml").write_text(
        '[[crystals]]\ncell = [50]\n[[crystals]]\ncell = [60]\ntwins = [["k,h,-l", 0.25]]\n'
        "[structure_factors]\nconstant = 100\n[detector.flat]\npixels = [32, 32]\ndistance_mm = 100\n"
    )
    assert len(nb.Config.from_toml(tmp_path / "hand.toml").lattices()) == 3
    (tmp_path / "wilson.toml").write_text(
        "[[crystals]]\ncell = [50]\n[[crystals]]\ncell = [50]\nmisset_deg = [10, 20, 30]\n[structure_factors.wilson]\n"
        'space_group = "P 1"\nd_min_A = 5\nb_factor = 20\nseed = 1\n'
        "[detector.flat]\npixels = [32, 32]\ndistance_mm = 100\n"
    )
    assert nb.Config.from_toml(tmp_path / "wilson.toml").structure_factors.known_cell == (50, 50, 50, 90, 90, 90)
    nb.write_expt(tmp_path / "both.expt", both)
    models = json.loads((tmp_path / "both.expt").read_text())
    assert [each["crystal"] for each in models["experiment"]] == [0, 1]
    directs = [each.lattice.direct for each in nb.Scene(both).lattices]
    for model, direct in zip(models["crystal"], directs, strict=True):
        np.testing.assert_allclose([model[f"real_space_{x}"] for x in "abc"], direct)
    script: dict = {}
    exec(both.to_python(), script)
    assert script["config"] == both


def test_replacing_the_crystals_replaces_the_first():
    both = several()
    assert both.replace(crystals=[OTHER, TRICLINIC]).crystal == OTHER
    assert both.replace({"detector.mask": None}).crystals == both.crystals
    with pytest.raises(ConfigError, match=r"Config.crystal and Config.crystals: give one of them"):
        both.replace(crystal=TETRAGONAL)


def test_the_cost_is_that_of_all_lattices():
    scene = nb.Scene(several())
    assert scene.cost().terms == sum(each.cost().terms for each in scene.lattices)


REFUSED = {
    "no crystals": (lambda: several(crystals=[], crystal=TRICLINIC), "give at least one crystal"),
    "fractions alone": (lambda: config(fractions=(0.5, 0.5)), "fractions: belong to crystals"),
    "one fraction": (lambda: several(fractions=(0.5,)), "fractions: 1 for 2 crystals; give one for each"),
    "fraction of zero": (lambda: several(fractions=(0.5, 0.0)), "fractions"),
    "factors alone": (lambda: config(factors_of_crystals=[FACTORS]), "factors_of_crystals: belong to crystals"),
    "compat": (lambda: several(compat="c"), "Config.crystals: compat='c' does not support it"),
    "twins of compat": (lambda: config(crystal=TETRAGONAL.twinned("k,h,-l", 0.5), compat="c"), "twins: compat='c'"),
    "flags": (lambda: several().to_flags(), "the C program"),
    "all of it": (lambda: TETRAGONAL.twinned("k,h,-l", 1.0), "must be positive and add up to less than 1"),
    "negative share": (lambda: TETRAGONAL.twinned("k,h,-l", -0.1), "must be positive"),
    "twin of an individual": (
        lambda: TETRAGONAL.replace(twin_law="k,h,-l").twinned("-h,k,-l", 0.1),
        "twin has no twins",
    ),
    "slice": (lambda: nb.plot_slice(several(), "hk0"), "2 lattices: a slice takes one"),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_several_lattices_cannot_do_is_refused(mistake):
    function, message = REFUSED[mistake]
    with pytest.raises(ConfigError, match=message):
        function()


@pytest.mark.parametrize("text", ["crystals = 5", "factors_of_crystals = [{constant = 1}, {constant = 2}]"])
def test_lists_of_crystals_that_do_not_fit_are_refused(tmp_path, text):
    config().to_toml(tmp_path / "still.toml")
    told = (tmp_path / "still.toml").read_text()
    (tmp_path / "still.toml").write_text(f"{text}\n{told}")
    with pytest.raises(ConfigError, match=text.split()[0]):
        nb.Config.from_toml(tmp_path / "still.toml")
