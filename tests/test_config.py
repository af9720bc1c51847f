"""Config: what is refused and how, what is warned of, equality, immutability, TOML; and the placing of detectors."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.errors import ConfigError, FileError, FormatError, NanobraggError, NanobraggWarning
from nanobragg.toml import tomllib

CRYSTAL = nb.Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=5)
FACTORS = nb.StructureFactors.constant(100)
DETECTOR = nb.Detector.flat(distance_mm=100, pixels=(32, 48), pixel_mm=0.5)
PANEL = {"origin_mm": (100, 8, -12), "fast_axis": (0, 0, 1), "slow_axis": (0, -1, 0), "pixels": (32, 48)}


def config(**fields) -> nb.Config:
    return nb.Config(**{"crystal": CRYSTAL, "structure_factors": FACTORS, "detector": DETECTOR, **fields})


def scene(**fields) -> nb.Scene:
    return nb.Scene(config(**fields))


# --- What is refused -------------------------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")
REFUSED = {
    # impossible cells
    "angles close no cell": (lambda: nb.Crystal(cell=(50, 60, 70, 60, 60, 150)), "cell .*60, 60, 150; each must be"),
    "flat cell": (lambda: nb.Crystal(cell=(50, 60, 70, 120, 120, 120)), "120, 120, 120; .*below 360"),
    "cell of length zero": (lambda: nb.Crystal(cell=(50, 0, 70, 90, 90, 90)), "cell .*lengths must be positive"),
    "negative cell length": (lambda: nb.Crystal(cell=(50, 60, -70, 90, 90, 90)), "cell .*lengths must be positive"),
    "angle of zero": (lambda: nb.Crystal(cell=(50, 60, 70, 0, 90, 90)), "must be positive"),
    "cell of nan": (lambda: nb.Crystal(cell=(50, NAN, 70, 90, 90, 90)), r"Crystal.cell.* finite"),
    "no cell": (lambda: nb.Crystal(), "Crystal: give a cell .*, a matrix or a matrix_path"),
    "empty cell": (lambda: nb.Crystal(cell=()), "Crystal.cell"),
    "singular matrix": (
        lambda: scene(crystal=nb.Crystal(matrix=((0.01, 0.01, 0), (0, 0, 0.01), (0, 0, 0)))),
        "matrix .*columns .*span no cell",
    ),
    "left-handed zero matrix": (lambda: scene(crystal=nb.Crystal(matrix=((0,) * 3,) * 3)), "matrix .*span no cell"),
    # sizes
    "no unit cells": (lambda: nb.Crystal(cell=(50,), n_cells=0), r"n_cells = \(0, 0, 0\): .*at least one"),
    "negative crystal": (lambda: nb.Crystal(cell=(50,), size_mm=(0.1, -1, 0)), "size_mm .*must not be negative"),
    "no domains": (
        lambda: nb.Crystal(cell=(50,), mosaic_domains=0),
        "mosaic_domains = 0: .*greater than or equal to 1",
    ),
    "negative spread": (lambda: nb.Crystal(cell=(50,), mosaic_spread_deg=-1), "mosaic_spread_deg = -1: "),
    "unknown shape": (lambda: nb.Crystal(cell=(50,), shape="cube"), "shape = 'cube': .*'square', 'round', 'gauss'"),
    "no pixels": (lambda: nb.Detector.flat(pixels=0), r"pixels = \(0, 0\): .*at least 1"),
    "too many pixels": (lambda: nb.Detector.flat(pixels=2**70), "pixels .*at most a million"),
    "panels of a flat detector": (lambda: nb.Detector.flat(panels=()), "Detector.panels: is made by Detector.flat"),
    "negative pixels": (lambda: nb.Panel(**{**PANEL, "pixels": (32, -1)}), r"Panel.pixels = \(32, -1\): .*at least 1"),
    "pixel of zero": (lambda: nb.Detector.flat(pixel_mm=0), "pixel_mm = 0: must be a positive number"),
    "panel with a pixel of zero": (lambda: nb.Panel(**PANEL, pixel_mm=0), "Panel.pixel_mm = 0: .*greater than 0"),
    "negative sensor": (lambda: nb.Detector.flat(sensor_thickness_um=-3), "sensor_thickness_um = -3.*: "),
    "no layers": (lambda: nb.Detector.flat(sensor_thickness_um=3, sensor_layers=0), "sensor_layers = 0: "),
    "attenuation depth of zero": (lambda: nb.Detector.flat(attenuation_um=0), "attenuation_um = 0: .*greater than 0"),
    "no sub-pixels": (lambda: nb.Sampling(oversample=0), "oversample = 0: .*greater than or equal to 1"),
    "negative d_min": (lambda: nb.Sampling(d_min_A=-1), "d_min_A = -1: "),
    "negative water": (lambda: nb.Background(water_um=-1), "water_um = -1: "),
    "wavelength of zero": (lambda: nb.Beam(wavelength_A=0), "wavelength_A = 0: .*greater than 0"),
    "negative energy": (lambda: nb.Beam(energy_eV=-12000), "energy_eV = -12000: "),
    "beam of no size": (lambda: nb.Beam(size_mm=0), "size_mm = 0: .*greater than 0"),
    "negative fluence": (lambda: nb.Beam(fluence_ph_m2=-1), "fluence_ph_m2 = -1: "),
    "Kahn factor": (lambda: nb.Beam(kahn_factor=1.5), "kahn_factor = 1.5: .*less than or equal to 1"),
    "negative divergence": (lambda: nb.Beam(divergence_mrad=(-1, 0)), "divergence_mrad .*must not be negative"),
    "negative steps": (lambda: nb.Scan(steps=-1), "steps = -1: "),
    # distances and vectors
    "distance of zero": (lambda: nb.Detector.flat(distance_mm=0), "distance_mm = 0: must be a positive number"),
    "negative close distance": (
        lambda: nb.Detector.flat(close_distance_mm=-5),
        "close_distance_mm = -5: must be a pos",
    ),
    "distance of nan": (lambda: nb.Detector.flat(distance_mm=NAN), "distance_mm = nan: .*finite"),
    "parallel axes": (
        lambda: nb.Panel(**{**PANEL, "slow_axis": (0, 0, -2)}),
        "Panel.slow_axis .*parallel to fast_axis .*span a plane",
    ),
    "parallel flat axes": (lambda: nb.Detector.flat(fast_axis=(0, 1, 0), slow_axis=(0, 2, 0)), "parallel"),
    "axis of length zero": (lambda: nb.Panel(**{**PANEL, "fast_axis": (0, 0, 0)}), "Panel.fast_axis .*length zero"),
    "beam of length zero": (lambda: nb.Beam(direction=(0, 0, 0)), "Beam.direction .*length zero"),
    "spindle of length zero": (lambda: nb.Crystal(cell=(50,), spindle_axis=(0, 0, 0)), "spindle_axis .*length zero"),
    "two-theta axis of length zero": (lambda: nb.Detector.flat(twotheta_axis=(0, 0, 0)), "length zero"),
    "normal of length zero": (lambda: nb.Panel(**PANEL, normal_axis=(0, 0, 0)), "Panel.normal_axis .*length zero"),
    "polarization along the beam": (
        lambda: scene(beam=nb.Beam(polarization_axis=(-2, 0, 0))),
        "polarization_axis .*parallel to the beam; give a direction across it",
    ),
    "source along the polarization axis": (
        lambda: scene(beam=nb.Beam(kahn_factor=0.5, sources=nb.Sources(positions=[[0, 0, 1.0]]))),
        "polarization_axis .*parallel to a source's direction",
    ),
    "detector behind the sample": (
        lambda: scene(detector=nb.Detector(panels=(nb.Panel(**{**PANEL, "origin_mm": (-100, 8, -12)}),))),
        "no panel's plane is hit by the beam",
    ),
    "infinite rotation": (lambda: nb.Detector.flat(rotation_deg=(0, INF, 0)), "rotation_deg.1 = inf: .*finite"),
    "infinite beam centre": (
        lambda: nb.Detector.flat(beam_center_mm=(INF, 3)),
        "beam_center_mm.0 = inf: .*(finite|less)",
    ),
    "infinite ORGX": (lambda: nb.Detector.flat(org_px=(NAN, 3)), "org_px.0 = nan: "),
    "axis of nan": (lambda: nb.Detector.flat(fast_axis=(NAN, 0, 1)), "finite|nan"),
    "unknown convention": (
        lambda: nb.Detector.flat(convention="hkl"),
        "convention = 'hkl': .*'mosflm', 'denzo'",
    ),
    "unknown pivot": (lambda: nb.Detector.flat(pivot="crystal"), "pivot = 'crystal': .*beam.*sample"),
    # not finite
    "misset of infinity": (lambda: nb.Crystal(cell=(50,), misset_deg=(0, INF, 0)), "Crystal.misset_deg"),
    "phi of nan": (lambda: nb.Scan(start_deg=NAN), "start_deg = nan: .*finite"),
    "default_F of infinity": (lambda: nb.StructureFactors(default_F=INF), "default_F = inf: .*finite"),
    "amplitudes of nan": (
        lambda: nb.StructureFactors(indices=[[0, 0, 0]], amplitudes=[NAN]),
        "StructureFactors.amplitudes .*not finite",
    ),
    "source at infinity": (lambda: nb.Sources(positions=[[INF, 0, 0]]), "Sources.positions .*not finite"),
    # contradictions and shapes
    "energy and wavelength": (
        lambda: nb.Beam(energy_eV=12000, wavelength_A=1),
        "energy_eV .*wavelength_A .*one of them",
    ),
    "distance and close distance": (
        lambda: nb.Detector.flat(distance_mm=1, close_distance_mm=1),
        "distance_mm and close_distance_mm .*one of them",
    ),
    "matrix and its path": (
        lambda: nb.Crystal(matrix=((1, 0, 0), (0, 1, 0), (0, 0, 1)), matrix_path="a.mat"),
        "matrix and Crystal.matrix_path .*one of them",
    ),
    "cell and another matrix": (
        lambda: scene(crystal=nb.Crystal(cell=(50,), matrix=((0.01, 0, 0), (0, 0.01, 0), (0, 0, 0.01)))),
        r"Crystal.cell .*contradicts the matrix, whose cell is \(100, 100, 100, 90, 90, 90\)",
    ),
    "path and arrays": (
        lambda: nb.StructureFactors(path="a.hkl", indices=[[0, 0, 0]], amplitudes=[1]),
        "path = a.hkl: contradicts the arrays",
    ),
    "indices alone": (lambda: nb.StructureFactors(indices=[[0, 0, 0]]), "indices and amplitudes belong together"),
    "too few amplitudes": (
        lambda: nb.StructureFactors(indices=[[0, 0, 0], [1, 0, 0]], amplitudes=[1]),
        r"indices: shape \(2, 3\) does not fit 1 amplitudes",
    ),
    "indices between reflections": (
        lambda: nb.StructureFactors(indices=[[0, 0, 0.5]], amplitudes=[1]),
        "StructureFactors.indices .*no whole numbers of 32 bits",
    ),
    "indices beyond 32 bits": (
        lambda: nb.StructureFactors(indices=np.array([[0, 0, 2**40]]), amplitudes=[1]),
        "StructureFactors.indices .*no whole numbers of 32 bits",
    ),
    "complex amplitudes": (
        lambda: nb.StructureFactors(indices=[[0, 0, 0]], amplitudes=np.array([1j])),
        "StructureFactors.amplitudes .*complex",
    ),
    "no reflections": (lambda: nb.StructureFactors(indices=np.zeros((0, 3)), amplitudes=[]), "indices: is empty"),
    "sources twice": (lambda: nb.Sources(path="a", positions=[[1, 0, 0]]), "either a path or an array"),
    "no sources": (lambda: nb.Sources(), "either a path or an array"),
    "too many weights": (
        lambda: nb.Sources(positions=[[1, 0, 0]], weights=[1, 2]),
        "weights: 2 values for 1 positions",
    ),
    "negative weights": (
        lambda: scene(beam=nb.Beam(sources=nb.Sources(positions=[[-1, 0, 0]], weights=[-1]))),
        "weights must not be negative",
    ),
    "flux on no area": (lambda: nb.Beam(flux_ph_s=1e9, size_mm=None), "flux_ph_s needs Beam.size_mm"),
    "switch without C": (
        lambda: config(sampling=nb.Sampling(oversample_omega=True)),
        "oversample_omega = True: only exists with compat='c'",
    ),
    "ROI outside": (lambda: config(roi=(0, 48, 0, 31)), r"roi = \(0, 48, 0, 31\): .*within 0…47 and 0…31"),
    "ROI upside down": (lambda: config(roi=(5, 4, 0, 31)), r"roi = \(5, 4, 0, 31\): must be first and last"),
    "mask of another shape": (
        lambda: nb.Detector.flat(pixels=(32, 48), mask=np.ones((48, 32))),
        r"mask: shape \(48, 32\) is not the image's \(32, 48\)",
    ),
    "panels of different sizes": (
        lambda: nb.Detector(panels=(nb.Panel(**PANEL), nb.Panel(**{**PANEL, "pixels": (3, 4)}))),
        "all panels must have the same number of pixels",
    ),
    "no panels": (lambda: nb.Detector(panels=()), "Detector.panels"),
    "unknown compat": (lambda: config(compat="C"), "Config.compat = 'C': .*'c'"),
    "unknown field": (
        lambda: nb.Crystal(cell=(50,), mosaic=0.1),
        "Crystal.mosaic: unknown field; Crystal has no such name",
    ),
    "unknown field of a flat detector": (lambda: nb.Detector.flat(distance=100), "Detector.distance: unknown field"),
    "text for a number": (lambda: nb.Beam(wavelength_A="long"), "Beam.wavelength_A = 'long': .*number"),
    "missing field": (lambda: nb.Config(crystal=CRYSTAL, detector=DETECTOR), "Config.structure_factors: is required"),
    "wavelengths below zero": (
        lambda: scene(beam=nb.Beam(dispersion_percent=200)),
        "dispersion_percent = 200.*reduce it",
    ),
    "steps without end": (
        lambda: scene(scan=nb.Scan(range_deg=1, step_deg=1e-320)),
        "phi sweep: more than 10000000 steps; .*larger step",
    ),
    "sources without end": (
        lambda: scene(beam=nb.Beam(divergence_mrad=(1, 1), divergence_steps=(10000, 10000))),
        "more than 10000000 sources; take fewer",
    ),
    "orientations without end": (
        lambda: scene(
            crystal=CRYSTAL.replace(mosaic_spread_deg=1, mosaic_domains=10**6), scan=nb.Scan(range_deg=1, steps=100)
        ),
        "100 phi steps of 1000000 mosaic domains are more than 10000000 orientations",
    ),
    "table beyond memory": (
        lambda: nb.StructureFactors(indices=[[-9999, -9999, -9999], [9999, 9999, 9999]], amplitudes=[1, 2]).table(),
        "indices span a table of 20001 x 20001 x 20001 = .* GiB, .*remove the outlying reflections",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_one_line_with_field_value_and_cure(name):
    bad, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message) as caught:
        bad()
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert len(str(caught.value)) < 300


def test_every_bad_field_is_told_in_its_own_line():
    with pytest.raises(ConfigError) as caught:
        nb.Beam(wavelength_A=-1, kahn_factor=7)
    lines = str(caught.value).splitlines()
    assert [line.split(" = ")[0] for line in lines] == ["Beam.wavelength_A", "Beam.kahn_factor"]


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(
        ["random", "c", "gaussian", 10**400, b"x", object(), 1j, np.float32(2), np.zeros(3), np.array(None)]
    ),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=8,
)
MODELS = (nb.Crystal, nb.StructureFactors, nb.Sources, nb.Beam, nb.Panel, nb.Detector, nb.Scan, nb.Sampling, nb.Config)
FIELDS = st.sampled_from([(model, name) for model in MODELS for name in model.model_fields])
COMPLETE = {
    nb.Crystal: {"cell": (60,)},
    nb.Sources: {"positions": [[-1, 0, 0]]},
    nb.Panel: PANEL,
    nb.Detector: {"panels": (nb.Panel(**PANEL),)},
    nb.Config: {"crystal": CRYSTAL, "structure_factors": FACTORS, "detector": DETECTOR},
}


@settings(deadline=None, max_examples=300)
@given(field=FIELDS, value=ANYTHING)
def test_any_value_in_any_field_makes_a_noun_or_a_config_error(field, value):
    model, name = field
    try:
        model(**{**COMPLETE.get(model, {}), name: value})
    except ConfigError:
        event("refused")


FLAT_OPTIONS = (
    "distance_mm", "close_distance_mm", "pixels", "pixel_mm", "convention", "beam_center_mm", "org_px", "pivot",
    "rotation_deg", "twotheta_deg", "twotheta_axis", "fast_axis", "slow_axis", "normal_axis", "beam_direction",
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(name=st.sampled_from(FLAT_OPTIONS), value=ANYTHING)
def test_any_value_in_a_flat_detector_makes_one_or_a_config_error(name, value):
    try:
        nb.Detector.flat(**{name: value})
    except ConfigError:
        event("refused")


# --- Files that a Config names ---------------------------------------------------------------------------------


def test_missing_files_are_told_by_name():
    """A path is read when it is needed: the Scene tells that it is not there."""
    cases = {
        "no.hkl": {"structure_factors": nb.StructureFactors(path="no.hkl")},
        "no.mat": {"crystal": nb.Crystal(matrix_path="no.mat")},
        "no.txt": {"beam": nb.Beam(sources=nb.Sources.from_file("no.txt"))},
        "no.img": {"detector": nb.Detector.flat(pixels=(32, 48), mask=Path("no.img"))},
    }
    for name, fields in cases.items():
        with pytest.raises(FileError, match=rf"{re.escape(name)}.*No such file") as caught:
            scene(**fields)
        assert "\n" not in str(caught.value)
    with pytest.raises(FileError, match=r"no\.hkl"):
        nb.StructureFactors.from_hkl("no.hkl")
    with pytest.raises(FileError, match=r"no\.bin"):
        nb.StructureFactors.from_dump("no.bin")


@pytest.mark.parametrize("line", ["1 2 3 4 5", "1 2 3 four", "1 2 3.5 4", "1 2", "1 2 3 nan"])
def test_an_hkl_line_that_is_not_four_numbers_is_quoted_with_its_number(tmp_path, line):
    path = tmp_path / "bad.hkl"
    path.write_text(f"0 0 0 1\n0 0 1 2\n{line}\n")
    with pytest.raises(FormatError, match=rf"bad\.hkl.*3.*{re.escape(line)}"):
        nb.StructureFactors.from_hkl(path)


def test_a_mask_file_of_another_shape_is_refused(tmp_path):
    from nanobragg.io.smv import write_smv

    path = tmp_path / "mask.img"
    write_smv(path, np.ones((5, 6), np.uint16))
    with pytest.raises(ConfigError, match=r"mask.img: .*\(5, 6\) is not the detector's \(32, 48\)"):
        scene(detector=nb.Detector.flat(pixels=(32, 48), mask=path))


# --- What is warned of -----------------------------------------------------------------------------------------


def test_unwanted_images_are_warned_of():
    table = nb.StructureFactors(indices=[[40, 40, 40]], amplitudes=[1])
    warned = {
        "oversample = 1: intensity varies strongly within a pixel .*; [0-9]+ is recommended": {
            "crystal": nb.Crystal(cell=(60,), n_cells=50),
            "sampling": nb.Sampling(oversample=1),
        },
        "the direct beam does not hit the detector: check distance, beam centre and two-theta": {
            "detector": nb.Detector.flat(pixels=(32, 48), pixel_mm=0.5, beam_center_mm=(-5, 3))
        },
        r"every pixel lies outside the table of structure factors \(arrays\) and gets default_F = 0": {
            "structure_factors": table
        },
        r"size_mm\[1\] = 0.2 is larger than the beam and clipped to its 0.1 mm": {
            "crystal": nb.Crystal(cell=(600, 600, 600), size_mm=(0.2, 0.2, 0.05)),
            "detector": nb.Detector.flat(pixels=8, pixel_mm=0.01),
        },
    }
    for message, fields in warned.items():
        with pytest.warns(NanobraggWarning, match=message) as caught:
            scene(**fields)
        assert len(caught) == 1


def test_a_clipped_crystal_has_the_beams_size_across_and_its_own_along():
    """AT-FLU: only b and c are clipped, to the beam's 0.1 mm."""
    with pytest.warns(NanobraggWarning, match="clipped"):
        found = scene(crystal=nb.Crystal(cell=(600, 700, 800), size_mm=(0.2, 0.2, 0.05)))
    assert found.n_cells == (3334, 1429, 625)


# --- Nouns -----------------------------------------------------------------------------------------------------


def test_nouns_do_not_change():
    with pytest.raises((ConfigError, ValueError), match="frozen"):
        CRYSTAL.n_cells = (1, 1, 1)
    given = np.ones((32, 48), bool)
    detector = DETECTOR.replace(mask=given)
    given[:] = False
    assert detector.mask.all()
    with pytest.raises(ValueError, match="read-only"):
        detector.mask[0, 0] = False


def test_replace_makes_a_checked_copy():
    changed = CRYSTAL.replace(n_cells=(1, 2, 3))
    assert (CRYSTAL.n_cells, changed.n_cells, changed.cell) == ((5, 5, 5), (1, 2, 3), CRYSTAL.cell)
    with pytest.raises(ConfigError, match="n_cells"):
        CRYSTAL.replace(n_cells=0)
    with pytest.raises(ConfigError, match="unknown field"):
        CRYSTAL.replace(cells=3)
    beam = nb.Beam(energy_eV=12000)
    assert beam.replace(kahn_factor=0.5).wavelength == pytest.approx(12398.42 / 12000)
    assert nb.Beam(wavelength_A=2).replace(energy_eV=None).wavelength == 2


def test_equality_looks_into_arrays():
    factors = {"indices": [[0, 0, 1], [1, 0, 0]], "amplitudes": [1.0, 2.0]}
    one, same = nb.StructureFactors(**factors), nb.StructureFactors(**factors)
    assert one == same
    assert one != nb.StructureFactors(**{**factors, "amplitudes": [1.0, 3.0]})
    assert one != FACTORS
    assert config() == config()
    assert config() != config(roi=(1, 2, 3, 4))
    assert config() != CRYSTAL
    assert config(structure_factors=one) == config(structure_factors=same)


def test_fewer_cell_numbers_are_completed():
    assert nb.Crystal(cell=(50,)).cell == (50, 50, 50, 90, 90, 90)
    assert nb.Crystal(cell=(50, 60)).cell == (50, 60, 50, 90, 90, 90)
    assert nb.Crystal(cell=(50, 60, 70)).cell == (50, 60, 70, 90, 90, 90)
    assert nb.Crystal(cell=(50, 60, 70, 80)).cell == (50, 60, 70, 80, 90, 90)
    assert nb.Crystal(cell=[50, 60, 70, 80, 85, 95]).cell == (50, 60, 70, 80, 85, 95)
    assert nb.Crystal(cell=np.array([50.0, 60, 70, 80, 85, 95])).cell == (50, 60, 70, 80, 85, 95)


# --- TOML ------------------------------------------------------------------------------------------------------


def rich() -> nb.Config:
    """Every noun with something in it that is not its default."""
    rng = np.random.default_rng(3)
    return nb.Config(
        crystal=nb.Crystal(
            cell=(60.1, 70, 80, 85, 95, 100), misset_deg=(1, 2, 3.5), n_cells=(3, 4, 5), shape="gauss", fudge=0.7,
            mosaic_spread_deg=0.25, mosaic_domains=3, mosaic_seed=4, mosaic_model="gaussian", spindle_axis=(0, 1, 0),
        ),
        structure_factors=nb.StructureFactors(
            indices=rng.integers(-9, 9, (40, 3)), amplitudes=rng.uniform(0, 9, 40), default_F=0.5, interpolate=False
        ),
        beam=nb.Beam(
            wavelength_A=1.1, fluence_ph_m2=1e24, size_mm=None, kahn_factor=0.9, direction=(1, 0.01, 0),
            sources=nb.Sources(positions=[[-1, 0, 0], [-1, 0.01, 0]], weights=[1, 2], wavelengths_A=[1, 1.01]),
        ),
        detector=nb.Detector.flat(
            distance_mm=90, pixels=(32, 48), pixel_mm=0.5, convention="xds", rotation_deg=(1, 2, 3), twotheta_deg=4,
            sensor_thickness_um=300, sensor_layers=2, attenuation_um=math.inf, mask=rng.uniform(size=(32, 48)) > 0.2,
        ),
        scan=nb.Scan(start_deg=1, range_deg=2, steps=3),
        sampling=nb.Sampling(oversample=2, d_min_A=1.5, oversample_polar=True),
        background=nb.Background(water_um=3),
        roi=(1, 40, 2, 30),
        compat="c",
    )  # fmt: skip


def test_a_config_survives_toml_with_its_arrays(tmp_path):
    """Values bit for bit; arrays in the .npz beside it; nothing else left behind."""
    path = tmp_path / "rich.toml"
    rich().to_toml(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rich.npz", "rich.toml"]
    assert nb.Config.from_toml(path) == rich()
    document = tomllib.loads(path.read_text())
    assert (document["schema"], document["arrays"]) == (1, "rich.npz")


def test_a_plain_config_needs_no_arrays_and_names_only_what_is_not_default(tmp_path):
    path = tmp_path / "plain.toml"
    config(scan=nb.Scan(start_deg=1.5)).to_toml(path)
    assert [p.name for p in tmp_path.iterdir()] == ["plain.toml"]
    document = tomllib.loads(path.read_text())
    assert document["scan"] == {"start_deg": 1.5}
    assert "beam" not in document
    assert nb.Config.from_toml(path) == config(scan=nb.Scan(start_deg=1.5))


@pytest.mark.parametrize(
    "fields",
    [
        {"beam": nb.Beam(energy_eV=12000)},
        {"beam": nb.Beam(size_mm=None, dispersion_percent=None, divergence_mrad=(None, 2))},
        {"crystal": nb.Crystal(cell=(60,), misset_deg="random", misset_seed=7)},
        {"crystal": nb.Crystal(matrix=((0.01, 0, 0), (0, 0.02, 0), (0, 0, 0.03)))},
        {"detector": nb.Detector(panels=(nb.Panel(**PANEL, name="a"), nb.Panel(**PANEL, name="b")))},
        {"structure_factors": nb.StructureFactors(default_F=3, interpolate=True)},
    ],
    ids=["energy", "none", "random", "matrix", "panels", "interpolate"],
)
def test_toml_round_trips(tmp_path, fields):
    path = tmp_path / "again.toml"
    config(**fields).to_toml(path)
    assert nb.Config.from_toml(path) == config(**fields)


def test_paths_in_toml_are_relative_to_the_file(tmp_path, monkeypatch):
    data, home, elsewhere = tmp_path / "data", tmp_path / "home", tmp_path / "elsewhere"
    for folder in (data, home, elsewhere):
        folder.mkdir()
    (data / "a.hkl").write_text("0 0 1 5\n1 2 3 4\n")
    (data / "s.txt").write_text("-1 0 0\n")
    monkeypatch.chdir(home)
    original = config(
        structure_factors=nb.StructureFactors.from_hkl(data / "a.hkl"),
        beam=nb.Beam(sources=nb.Sources.from_file(Path("../data/s.txt"))),
    )
    original.to_toml("still.toml")
    document = tomllib.loads((home / "still.toml").read_text())
    assert document["structure_factors"]["path"] == "../data/a.hkl"
    assert document["beam"]["sources"]["path"] == "../data/s.txt"
    monkeypatch.chdir(elsewhere)
    again = nb.Config.from_toml("../home/still.toml")
    indices, amplitudes = again.structure_factors.listing
    assert (indices.tolist(), amplitudes.tolist()) == ([[0, 0, 1], [1, 2, 3]], [5, 4])
    assert again.beam.sources.rows()[0, 0] == -1
    tmp_path.rename(tmp_path.with_name("moved"))  # the folder as a whole goes elsewhere
    moved = nb.Config.from_toml(tmp_path.with_name("moved") / "home" / "still.toml")
    assert len(moved.structure_factors.listing[1]) == 2


def test_toml_written_by_hand():
    """The example of the user guide: plain names and units, nothing else needed."""
    text = """
schema = 1

[crystal]
cell = [40, 50, 60, 90, 90, 90]
misset_deg = [10, 20, 30]
n_cells = 20

[structure_factors]
default_F = 100

[[detector.panels]]
origin_mm = [100, 51.25, -51.25]
fast_axis = [0, 0, 1]
slow_axis = [0, -1, 0]
pixels = [1024, 1024]
"""
    document = tomllib.loads(text)
    document.pop("schema")
    found = nb.Config(**document)
    assert found.crystal.n_cells == (20, 20, 20)
    assert found.detector.panels[0].pixels == (1024, 1024)


DAMAGED = {
    "no TOML": ("crystal = [", FormatError, "is no TOML"),
    "not text": (b"\xff\xfe\x00", FormatError, "is no TOML"),
    "empty": ("", FormatError, "schema = None: this version reads schema = 1"),
    "of the future": ("schema = 2\n", FormatError, "schema = 2: this version reads schema = 1"),
    "schema as text": ("schema = 'one'\n", FormatError, "schema = 'one'"),
    "without a crystal": ("schema = 1\n[structure_factors]\ndefault_F = 1\n", ConfigError, "Config.crystal"),
    "unknown table": ("schema = 1\n[cristal]\ncell = [50]\n", ConfigError, "Config.cristal: unknown field"),
    "text for a number": ("schema = 1\n[scan]\nstart_deg = 'x'\n", ConfigError, "Scan.start_deg = 'x'"),
    "a table that is a number": ("schema = 1\ncrystal = 5\n", ConfigError, "Config.crystal = 5"),
    "arrays that are not there": ("schema = 1\narrays = 'no.npz'\n", FileError, "no.npz"),
    "arrays that are no name": ("schema = 1\narrays = 5\n", FormatError, "arrays = 5: must be the name"),
    "an array that is not there": (
        "schema = 1\n[structure_factors]\nindices = {npz = 'x'}\n", FormatError, "holds no array 'x'"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_toml_is_refused_with_its_name(tmp_path, name):
    content, kind, message = DAMAGED[name]
    path = tmp_path / "bad.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(kind, match=message) as caught:
        nb.Config.from_toml(path)
    if kind is not ConfigError:
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_missing_or_damaged_file_is_told(tmp_path):
    with pytest.raises(FileError, match=r"none\.toml: .*No such file"):
        nb.Config.from_toml(tmp_path / "none.toml")
    with pytest.raises(FileError, match="directory"):
        nb.Config.from_toml(tmp_path)
    rich().to_toml(tmp_path / "a.toml")
    whole = (tmp_path / "a.npz").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole[:40] + bytes(40) + whole[80:]):
        (tmp_path / "a.npz").write_bytes(damaged)
        with pytest.raises((FormatError, FileError), match=r"a\.npz"):
            nb.Config.from_toml(tmp_path / "a.toml")


def test_an_npz_of_objects_is_not_unpickled(tmp_path):
    rich().to_toml(tmp_path / "a.toml")
    np.savez(tmp_path / "a.npz", **{"structure_factors.indices": np.array([{}], dtype=object)})
    with pytest.raises(NanobraggError, match=r"a\.npz"):
        nb.Config.from_toml(tmp_path / "a.toml")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.toml"
    config().to_toml(path)
    before = path.read_bytes()
    with pytest.raises(FileError, match="missing"):
        config().to_toml(tmp_path / "missing" / "a.toml")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.toml"]


# --- Detector.flat ---------------------------------------------------------------------------------------------


def test_at_geo_001_mosflm_pix0():
    """AT-GEO-001: 51.2 mm, 0.1 mm pixels, 1024²: pix0 = (0.1, 0.05125, -0.05125) m."""
    options = {"distance_mm": 100, "pixels": 1024, "pixel_mm": 0.1, "convention": "mosflm"}
    detector = nb.Detector.flat(**options, beam_center_mm=(51.2, 51.2))
    assert np.array(detector.panels[0].origin_mm) / 1000 == pytest.approx([0.1, 0.05125, -0.05125], rel=1e-14)
    fast, slow, normal = detector.panels[0].axes()
    assert (fast.tolist(), slow.tolist(), normal.tolist()) == ([0, 0, 1], [0, -1, 0], [1, 0, 0])
    default = nb.Detector.flat(**options).panels[0].origin_mm
    assert default == pytest.approx((100, 51.3, -51.3), rel=1e-14)  # X = (102.4 + 0.1)/2, and half a pixel


@pytest.mark.parametrize(
    ("convention", "centre", "origin"),
    [
        ("mosflm", (5, 7), (100, 5.25, -7.25)),
        ("denzo", (5, 7), (100, 5, -7)),
        ("adxv", (7, 5), (-7, 16 - 5, 100)),
        ("xds", (7, 5), (-7, -5, 100)),
        ("dials", (7, 5), (-7, -5, 100)),
        ("custom", (7, 5), (100, 5, -7)),
    ],
)
def test_at_parallel_004_beam_centres_are_the_conventions(convention, centre, origin):
    """AT-PARALLEL-004, AT-GEO-001: X, Y of each program, on 32 × 48 pixels of 0.5 mm."""
    detector = nb.Detector.flat(
        distance_mm=100, pixels=(32, 48), pixel_mm=0.5, convention=convention, beam_center_mm=centre
    )
    assert detector.panels[0].origin_mm == pytest.approx(origin, rel=1e-14)


ROTATED = {"distance_mm": 100, "pixels": (32, 48), "pixel_mm": 0.5, "rotation_deg": (5, 10, -4), "twotheta_deg": 12}
BEAMS = {"mosflm": (1, 0, 0), "xds": (0, 0, 1)}


@pytest.mark.parametrize("convention", BEAMS)
def test_at_geo_002_pivots_keep_the_beam_spot_or_the_distance_of_the_plane(convention):
    """AT-GEO-002: about the beam spot: the same pixel sees the beam; about the sample: the near point stays."""
    flat = {key: value for key, value in ROTATED.items() if not key.endswith("_deg")}
    straight = nb.Detector.flat(**flat, convention=convention)
    beam = nb.Detector.flat(**ROTATED, convention=convention, pivot="beam").nominal
    sample = nb.Detector.flat(**ROTATED, convention=convention, pivot="sample").nominal
    spot = (straight.nominal.beam_fast_mm, straight.nominal.beam_slow_mm)
    assert (beam.beam_fast_mm, beam.beam_slow_mm) == pytest.approx(spot, rel=1e-12)
    assert beam.distance_mm == pytest.approx(100, rel=1e-12)
    assert (sample.near_fast_mm, sample.near_slow_mm) == pytest.approx(spot, rel=1e-12)
    before_swing = nb.Detector.flat(**{**ROTATED, "twotheta_deg": 0}, convention=convention, pivot="sample").nominal
    assert sample.close_distance_mm == pytest.approx(before_swing.close_distance_mm, rel=1e-12)


@pytest.mark.parametrize("convention", BEAMS)
@pytest.mark.parametrize("pivot", ["beam", "sample"])
def test_at_geo_003_distance_and_beam_spot_are_where_the_beam_meets_the_plane(convention, pivot):
    """AT-GEO-003: distance along the beam, close distance along the normal, both in the panel's plane."""
    detector = nb.Detector.flat(**ROTATED, convention=convention, pivot=pivot)
    panel, stated = detector.panels[0], detector.nominal
    fast, slow, normal = panel.axes()
    origin = np.array(panel.origin_mm)
    spot = origin + stated.beam_fast_mm * fast + stated.beam_slow_mm * slow
    near = origin + stated.near_fast_mm * fast + stated.near_slow_mm * slow
    np.testing.assert_allclose(spot, stated.distance_mm * np.array(BEAMS[convention]), atol=1e-11)
    np.testing.assert_allclose(near, stated.close_distance_mm * normal, atol=1e-11)
    np.testing.assert_allclose(np.array([fast, slow, normal]) @ np.array([fast, slow, normal]).T, np.eye(3), atol=1e-14)


def test_at_geo_003_close_distance_is_before_the_swing():
    """AT-GEO-003: given in place of the distance; a tilt of 10° makes the distance 1/cos 10° of it."""
    detector = nb.Detector.flat(close_distance_mm=100, pixels=8, rotation_deg=(0, 10, 0), pivot="sample")
    assert detector.nominal.close_distance_mm == pytest.approx(100, rel=1e-12)
    assert detector.nominal.distance_mm == pytest.approx(100 / math.cos(math.radians(10)), rel=1e-12)


@pytest.mark.parametrize(
    ("convention", "moved"),
    [("mosflm", (0, -1, 0)), ("adxv", (0, 1, 0)), ("xds", (0, -1, 0)), ("dials", (1, 0, 0)), ("custom", (0, 0, -1))],
)
def test_at_geo_004_two_theta_swings_about_the_conventions_axis(convention, moved):
    """AT-GEO-004: which way the detector goes for a small positive two-theta about the sample."""
    options = {"distance_mm": 100, "pixels": 8, "convention": convention, "pivot": "sample"}
    still, swung = (
        np.array(nb.Detector.flat(**options, twotheta_deg=angle).panels[0].origin_mm) for angle in (0, 1e-4)
    )
    np.testing.assert_allclose((swung - still) / (100 * math.radians(1e-4)), moved, atol=0.02)
    swung = nb.Detector.flat(**options, twotheta_deg=30)
    along = np.array(BEAMS["mosflm" if convention in ("mosflm", "custom") else "xds"])
    assert swung.panels[0].axes()[2] @ along == pytest.approx(math.cos(math.radians(30)), rel=1e-12)
    given = nb.Detector.flat(**options, twotheta_deg=30, twotheta_axis=tuple(along))  # about the beam: no swing
    assert given.panels[0].axes()[2] == pytest.approx(along, abs=1e-12)


def test_org_px_and_explicit_vectors():
    """XDS' ORGX, ORGY count from 1 at the centre of the first pixel; given axes are normalised."""
    xds = nb.Detector.flat(distance_mm=100, pixels=8, pixel_mm=0.5, convention="xds", org_px=(1, 3))
    assert xds.panels[0].origin_mm == pytest.approx((-0.25, -1.25, 100))
    tilted = nb.Detector.flat(distance_mm=100, pixels=8, fast_axis=(0, 0.3, 3), slow_axis=(0, -2, 0.2))
    fast, slow, normal = tilted.panels[0].axes()
    assert np.linalg.norm([fast, slow, normal], axis=1) == pytest.approx([1, 1, 1], rel=1e-14)
    assert normal == pytest.approx([1, 0, 0], abs=1e-14)
    assert fast == pytest.approx(np.array([0, 0.3, 3]) / math.hypot(0.3, 3))


def test_a_panels_normal_points_away_from_the_sample():
    panel = nb.Panel(**PANEL)
    turned = nb.Panel(**{**PANEL, "slow_axis": (0, 1, 0)})
    assert panel.axes()[2].tolist() == turned.axes()[2].tolist() == [1, 0, 0]
    assert nb.Panel(**PANEL, normal_axis=(-2, 0, 0)).axes()[2].tolist() == [-1, 0, 0]
