"""Models at the prompt: reprs, completion, signatures, messages, changed copies, sweeps and scripts."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError
from tests.builders import CRYSTAL, DETECTOR, FACTORS, config

MODELS = (
    nb.Config, nb.Crystal, nb.StructureFactors, nb.Beam, nb.Sources, nb.Spectrum, nb.Detector, nb.Panel, nb.Scan,
    nb.Sampling, nb.Background,
)  # fmt: skip
PANEL = nb.Panel(origin_mm=(100, 8, -12), fast_axis=(0, 0, 1), slow_axis=(0, -1, 0), pixels=(32, 48))


def test_a_repr_shows_what_was_set():
    assert repr(CRYSTAL) == "Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=(5, 5, 5))"
    assert str(nb.Beam(energy_eV=12658)) == "Beam(energy_eV=12658)"
    assert repr(nb.Scan()) == "Scan()"
    assert eval(repr(CRYSTAL), {"Crystal": nb.Crystal}) == CRYSTAL
    many = nb.Detector.named("JUNGFRAU 16M", distance_mm=100)
    assert "panels=<32 Panels>" in repr(many)
    arrays = nb.StructureFactors(indices=np.zeros((1000, 3), int), amplitudes=np.ones(1000))
    assert repr(arrays) == "StructureFactors(indices=<1000 x 3 int32>, amplitudes=<1000 float64>)"


def test_reprs_are_short():
    whole = config(detector=nb.Detector.named("EIGER2 16M", distance_mm=150))
    assert len(repr(whole)) < 600
    assert len(repr(nb.Scene(whole.replace(detector=DETECTOR)))) < 600


def test_notebooks_show_a_table():
    html = config()._repr_html_()
    assert html.startswith("<table>")
    for text in ("<b>Config</b>", "cell 60 70 80 90 90 90 Å", "distance 100 mm", "1 Å (12398.4 eV)"):
        assert text in html
    assert "<b>Scene</b>" in nb.Scene(config())._repr_html_()
    assert "(5, 5, 5)" in CRYSTAL._repr_html_()
    broken = config(structure_factors=nb.StructureFactors(path="none.hkl"), crystal=nb.Crystal(cell=60))
    assert "none.hkl" in broken._repr_html_()  # what cannot be resolved is shown as it was given


@pytest.mark.parametrize("model", MODELS)
def test_completion_offers_fields_and_our_methods_only(model):
    names = {name for name in dir(model) if not name.startswith("__")}
    assert not [name for name in names if name.startswith(("model_", "_"))]
    assert not names & {"copy", "dict", "json", "parse_obj", "schema", "construct", "validate", "from_orm"}
    assert "replace" in names


def test_completion_of_an_instance_offers_its_fields():
    assert {"cell", "misset_deg", "replace"} <= set(dir(CRYSTAL))
    assert not [name for name in dir(CRYSTAL) if name.startswith("model_")]


@pytest.mark.parametrize("model", MODELS)
def test_signatures_can_be_read(model):
    text = str(inspect.signature(model))
    assert all(f"{name}: " in text for name in model.model_fields)
    assert "Validator" not in text
    assert "FieldInfo" not in text
    assert "<" not in text.replace("<class", "")


CALLED = {
    "unit_cell": (nb.Crystal, "cell"), "mosaicity": (nb.Crystal, "mosaic_spread_deg"),
    "mosaic": (nb.Crystal, "mosaic_spread_deg"), "orientation": (nb.Crystal, "misset_deg"),
    "ncells": (nb.Crystal, "n_cells"), "Ncells_abc": (nb.Crystal, "n_cells"), "misset": (nb.Crystal, "misset_deg"),
    "wavelength": (nb.Beam, "wavelength_A"), "energy_keV": (nb.Beam, "energy_eV"), "energy": (nb.Beam, "energy_eV"),
    "flux": (nb.Beam, "flux_ph_s"), "wavelenght_A": (nb.Beam, "wavelength_A"), "polarization": (nb.Beam, "kahn_factor"),
    "exposure_time": (nb.Beam, "exposure_s"), "osc_range": (nb.Scan, "range_deg"), "d_min": (nb.Sampling, "d_min_A"),
    "water": (nb.Background, "water_um"), "Crystal": (nb.Config, "crystal"), "space_grp": (nb.StructureFactors,
    "space_group"), "oversampling": (nb.Sampling, "oversample"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLED)
def test_a_wrong_keyword_gets_the_right_one(name):
    model, right = CALLED[name]
    with pytest.raises(ConfigError, match=rf"{model.__name__}.{name}: is not a field of .*; did you mean {right}\b"):
        model(**{name: 1})


@pytest.mark.parametrize(
    ("name", "right"), [("distance", "distance_mm"), ("pixel_size", "pixel_mm"), ("beam_centre_mm", "beam_center_mm")]
)
def test_parameters_of_a_flat_detector_are_suggested_too(name, right):
    with pytest.raises(ConfigError, match=f"did you mean {right}"):
        nb.Detector.flat(**{name: 1})
    with pytest.raises(ConfigError, match=rf"Detector.{right}: is not a field; it is a parameter of Detector.flat"):
        nb.Detector(panels=(PANEL,), **{right: 1})


def test_a_name_like_no_other_lists_the_fields():
    with pytest.raises(ConfigError, match=r"Scan.xyzzy: is not a field of Scan; the fields are start_deg, range_deg"):
        nb.Scan(xyzzy=1)


MESSAGES = {
    "positional": (lambda: nb.Crystal((60, 70, 80)), r"Crystal: takes named fields only; write Crystal\(cell=\(60, 70"),
    "one number": (lambda: nb.Crystal(misset_deg=5), r"misset_deg = 5: must be 3 numbers, or 'random'"),
    "two of three": (lambda: nb.Crystal(misset_deg=(5, 3)), r"misset_deg = \(5, 3\): must be 3 numbers, got 2"),
    "four of three": (
        lambda: PANEL.replace(origin_mm=(1, 2, 3, 4)),
        r"origin_mm = \(1, 2, 3, 4\): must be 3 numbers, got 4",
    ),
    "text": (lambda: nb.Beam(wavelength_A="long"), r"Beam.wavelength_A = 'long': must be a number$"),
    "a number in quotes": (lambda: nb.Beam(wavelength_A="1"), r"_A = '1': must be a number, not text or a bool$"),
    "truth": (lambda: nb.Sampling(oversample=True), r"oversample = True: must be a number, not text or a bool$"),
    "text among numbers": (
        lambda: nb.Crystal(misset_deg=(1, "2", 3)),
        r"misset_deg = \(1, '2', 3\): must be numbers, not text or a bool$",
    ),
    "texts": (
        lambda: nb.Spectrum(wavelengths_A=["1", "2"], weights=[1, 1]),
        r"wavelengths_A = .*: must hold numbers, not text or bools$",
    ),
    "fraction": (lambda: nb.Scan(steps=1.5), r"Scan.steps = 1.5: must be an integer$"),
    "switch": (lambda: nb.Beam(polarized="x"), r"Beam.polarized = 'x': must be True or False$"),
    "choice": (lambda: nb.Crystal(shape="sqare"), r"Crystal.shape = 'sqare': must be 'square', 'round'"),
    "part": (lambda: config(beam=5), r"Config.beam = 5: must be a Beam, as made by nanobragg.Beam\("),
    "limit": (lambda: nb.Beam(kahn_factor=2), r"Beam.kahn_factor = 2: must be less than or equal to 1$"),
    "setting": (lambda: setattr(CRYSTAL, "n_cells", 3), r"a Crystal is frozen; replace\(n_cells=3\) returns"),
    "deleting": (lambda: delattr(CRYSTAL, "n_cells"), r"a Crystal is frozen"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_are_in_our_words(name):
    make, message = MESSAGES[name]
    with pytest.raises(ConfigError, match=message) as caught:
        make()
    assert "Input should" not in str(caught.value)
    assert "pydantic" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_number_serves_for_all_axes():
    crystal = nb.Crystal(cell=60, n_cells=7, size_mm=0.1)
    assert (crystal.cell, crystal.n_cells, crystal.size_mm) == ((60, 60, 60, 90, 90, 90), (7, 7, 7), (0.1, 0.1, 0.1))


def test_names_with_dots_replace_fields_of_parts():
    changed = config().replace({"crystal.n_cells": 7, "beam.wavelength_A": 2, "scan": nb.Scan(range_deg=1)}, compat="c")
    assert changed == config(
        crystal=CRYSTAL.replace(n_cells=7), beam=nb.Beam(wavelength_A=2), scan=nb.Scan(range_deg=1), compat="c"
    )
    assert config().replace({}) == config()
    for name, message in {
        "crytal.n_cells": "Config.crytal: is not a part of Config; did you mean crystal",
        "roi.x": "Config.roi: is not a part of Config; the parts are crystal, structure_factors, beam",
        "crystal.ncells": "Crystal.ncells: is not a field of Crystal; did you mean n_cells",
        "beam.spectrum.bins": "Beam.spectrum: is not a part of Beam; the parts are none",
    }.items():
        with pytest.raises(ConfigError, match=message):
            config().replace({name: 5})


@pytest.mark.parametrize("copy", ["update", "plain", "deep"])
def test_model_copy_cannot_make_a_broken_config(copy):
    if copy == "update":
        with pytest.raises(ConfigError, match=r"Crystal.n_cells = .*at least 1"):
            CRYSTAL.model_copy(update={"n_cells": 0})
        with pytest.raises(ConfigError, match="is not a field"):
            CRYSTAL.model_copy(update={"nonsense": 0})
        assert CRYSTAL.model_copy(update={"n_cells": 3}) == CRYSTAL.replace(n_cells=3)
    else:
        assert CRYSTAL.model_copy(deep=copy == "deep") == CRYSTAL


@pytest.mark.parametrize("convention", ["mosflm", "xds"])
def test_a_flat_detector_moves_as_if_it_had_been_placed_there(convention):
    base = {"pixels": (100, 120), "pixel_mm": 0.5, "convention": convention, "beam_center_mm": (20, 12)}
    start = nb.Detector.flat(distance_mm=100, **base)
    for moved, expected in (
        (start.moved(distance_mm=120), nb.Detector.flat(distance_mm=120, **base)),
        (start.moved(beam_center_mm=(30, 9)), nb.Detector.flat(distance_mm=100, **{**base, "beam_center_mm": (30, 9)})),
        (start.moved(rotation_deg=(0, 4, 9)), nb.Detector.flat(rotation_deg=(0, 4, 9), pivot="beam", **base)),
        (config(detector=start).replace({"detector.distance_mm": 120, "detector.sensor_thickness_um": 3}).detector,
         nb.Detector.flat(distance_mm=120, sensor_thickness_um=3, **base)),
    ):  # fmt: skip
        np.testing.assert_allclose(moved.panels[0].origin_mm, expected.panels[0].origin_mm, atol=1e-12)
        np.testing.assert_allclose(moved.panels[0].axes(), expected.panels[0].axes(), atol=1e-14)
        for name in ("distance_mm", "close_distance_mm", "beam_center_mm", "beam_fast_mm", "near_slow_mm"):
            np.testing.assert_allclose(getattr(moved.nominal, name), getattr(expected.nominal, name), atol=1e-12)
    assert start.moved() == start


def test_several_panels_move_together():
    pair = nb.Detector(panels=(PANEL, PANEL.replace(origin_mm=(110, 40, -12))))
    farther = pair.moved(distance_mm=150, shift_mm=(0, 1, 2))
    origins = np.array([panel.origin_mm for panel in farther.panels])
    np.testing.assert_allclose(origins, [(150, 9, -10), (160, 41, -10)])
    turned = pair.moved(rotation_deg=(0, 0, 90), pivot="sample")
    np.testing.assert_allclose(turned.panels[0].origin_mm, (-8, 100, -12), atol=1e-12)
    with pytest.raises(ConfigError, match="needs a single panel"):
        pair.moved(beam_center_mm=(1, 2))
    with pytest.raises(ConfigError, match="distance_mm = -1: must be from 1e-09"):
        pair.moved(distance_mm=-1)
    with pytest.raises(ConfigError, match="the beam does not meet the plane of a panel; use shift_mm"):
        pair.moved(shift_mm=(-500, 0, 0)).moved(distance_mm=5)


def test_a_sweep_makes_every_combination_on_demand():
    made = nb.sweep(config(), {"crystal.mosaic_spread_deg": np.array([0.0, 0.5]), "beam.wavelength_A": [1, 2]})
    assert iter(made) is made
    found = [(each.crystal.mosaic_spread_deg, each.beam.wavelength_A) for each in made]
    assert found == [(0, 1), (0, 2), (0.5, 1), (0.5, 2)]
    with pytest.raises(ConfigError, match="did you mean mosaic_spread_deg"):
        nb.sweep(config(), {"crystal.mosaicity": [1]})
    with pytest.raises(ConfigError, match="must be a list of values"):
        nb.sweep(config(), {"crystal.fudge": 1})


def test_a_script_makes_the_same_config():
    named = config(
        crystal=nb.Crystal(matrix=((0.01, 0, 0), (0, 0.02, 0), (0, 0, 0.03)), misset_deg="random"),
        structure_factors=nb.StructureFactors.wilson((60, 70, 80), "P 1", b_factor=20, d_min_A=8, seed=1),
        detector=nb.Detector.named("PILATUS3 300K", distance_mm=150), scan=nb.Scan(range_deg=0.1),
        roi=np.s_[3:31, 1:21],
        beam=nb.Beam(sources=nb.Sources(positions=[[-1, 0, 0], [-1, 0.1, 0]], weights=[1, 3])),
    )  # fmt: skip
    for made in (config(), named, config(detector=nb.Detector(panels=(PANEL, PANEL.replace(name="b"))))):
        names: dict[str, object] = {}
        exec(made.to_python(), names)
        assert names["config"] == made
        assert max(map(len, made.to_python().splitlines())) < 200


def test_a_config_becomes_flags(tmp_path):
    assert config().to_flags(tmp_path) == nb.config_to_flags(config(), tmp_path)


def test_wilson_and_constant_amplitudes_give_the_crystal_its_cell():
    for factors in (
        nb.StructureFactors.wilson((60, 70, 80), "P 1", b_factor=20, d_min_A=8, seed=1),
        nb.StructureFactors.constant(5, cell=(60, 70, 80)),
    ):
        made = nb.Scene(config(crystal=nb.Crystal(n_cells=5), structure_factors=factors))
        assert made.config.crystal.cell == (60, 70, 80, 90, 90, 90)


def test_models_survive_pickling():
    assert pickle.loads(pickle.dumps(config())) == config()
    assert pickle.loads(pickle.dumps(FACTORS)) == FACTORS


def test_every_kind_of_file_has_a_reader(tmp_path):
    made = nb.Config(
        crystal=nb.Crystal(cell=(50, 60, 70)), structure_factors=nb.StructureFactors.constant(1),
        detector=nb.Detector.flat(pixels=8),
    )  # fmt: skip
    made.to_toml(tmp_path / "a.toml")
    assert nb.read_toml(tmp_path / "a.toml") == made
    (tmp_path / "a.hkl").write_text("1 0 0 5\n")
    assert nb.read_hkl(tmp_path / "a.hkl", default_F=1).listing[1].tolist() == [5.0]
    (tmp_path / "a.txt").write_text("-1 0 0 1 1e-10\n")
    assert nb.read_sources(tmp_path / "a.txt").rows().tolist() == [[-1, 0, 0, 1, 1e-10]]
    (tmp_path / "a.mat").write_text("0.02 0 0\n0 0.02 0\n0 0 0.02\n")
    assert nb.read_matrix(tmp_path / "a.mat")[1, 1] == 0.02
    (tmp_path / "s.txt").write_text("energy_eV weight\n12000 1\n")
    assert nb.read_spectrum(tmp_path / "s.txt").mean_wavelength_A == pytest.approx(1.0332, rel=1e-4)
    readers = {"cif", "coordinates", "expt", "fdump", "ground_truth", "image", "mtz", "nxmx", "shelx"}
    assert all(callable(getattr(nb, f"read_{kind}")) for kind in readers)
