"""Invalid values of a Config raise one line with field, value and cure; no value raises anything else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.errors import ConfigError
from tests.builders import CRYSTAL, DETECTOR, FACTORS, config, scene

PANEL = {"origin_mm": (100, 8, -12), "fast_axis": (0, 0, 1), "slow_axis": (0, -1, 0), "pixels": (32, 48)}


NAN, INF = float("nan"), float("inf")
REFUSED = {
    # impossible cells
    "angles close no cell": (
        lambda: nb.Crystal(cell=(50, 60, 70, 60, 60, 150)),
        "cell .*60, 60, 150 are not valid angles; each must be",
    ),
    "flat cell": (
        lambda: nb.Crystal(cell=(50, 60, 70, 120, 120, 120)),
        "120, 120, 120 are not valid angles; .*below 360",
    ),
    "cell of length zero": (lambda: nb.Crystal(cell=(50, 0, 70, 90, 90, 90)), "cell .*lengths must be positive"),
    "negative cell length": (lambda: nb.Crystal(cell=(50, 60, -70, 90, 90, 90)), "cell .*lengths must be positive"),
    "angle of zero": (lambda: nb.Crystal(cell=(50, 60, 70, 0, 90, 90)), "must be positive"),
    "cell of nan": (lambda: nb.Crystal(cell=(50, NAN, 70, 90, 90, 90)), r"Crystal.cell.* finite"),
    "no cell": (lambda: config(crystal=nb.Crystal()), "Crystal: give a cell .*, a matrix or a matrix_path"),
    "empty cell": (lambda: nb.Crystal(cell=()), "Crystal.cell"),
    "singular matrix": (
        lambda: scene(crystal=nb.Crystal(matrix=((0.01, 0.01, 0), (0, 0, 0.01), (0, 0, 0)))),
        "matrix .*columns .*linearly dependent",
    ),
    "left-handed zero matrix": (
        lambda: scene(crystal=nb.Crystal(matrix=((0,) * 3,) * 3)),
        "matrix .*linearly dependent",
    ),
    "matrix with a subnormal number": (  # by which a library divided, with a warning
        lambda: scene(crystal=nb.Crystal(matrix=((1, 0, 1e-320), (1, 0, 0), (0, 10, 1)))),
        "matrix .*linearly dependent",
    ),
    # sizes
    "no unit cells": (lambda: nb.Crystal(cell=(50,), n_cells=0), r"n_cells = \(0, 0, 0\): must be at least 1 along"),
    "negative crystal": (lambda: nb.Crystal(cell=(50,), size_mm=(0.1, -1, 0)), "size_mm .*must not be negative"),
    "no domains": (
        lambda: nb.Crystal(cell=(50,), mosaic_domains=0),
        "mosaic_domains = 0: .*greater than or equal to 1",
    ),
    "negative spread": (lambda: nb.Crystal(cell=(50,), mosaic_spread_deg=-1), "mosaic_spread_deg = -1: "),
    "unknown shape": (lambda: nb.Crystal(cell=(50,), shape="cube"), "shape = 'cube': .*'square', 'round', 'gauss'"),
    "no pixels": (lambda: nb.Detector.flat(pixels=0), r"pixels = \(0, 0\): .*between 1 and a million"),
    "too many pixels": (lambda: nb.Detector.flat(pixels=2**70), "pixels .*between 1 and a million"),
    "panels of a flat detector": (lambda: nb.Detector.flat(panels=()), "Detector.panels: is set by Detector.flat"),
    "negative pixels": (
        lambda: nb.Panel(**{**PANEL, "pixels": (32, -1)}),
        r"Panel.pixels = \(32, -1\): .*between 1 and a million",
    ),
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
        "Panel.slow_axis .*must not be parallel to fast_axis = ",
    ),
    "parallel flat axes": (lambda: nb.Detector.flat(fast_axis=(0, 1, 0), slow_axis=(0, 2, 0)), "parallel"),
    "axis of length zero": (lambda: nb.Panel(**{**PANEL, "fast_axis": (0, 0, 0)}), "Panel.fast_axis .*length zero"),
    "beam of length zero": (lambda: nb.Beam(direction=(0, 0, 0)), "Beam.direction .*length zero"),
    "spindle of length zero": (lambda: nb.Crystal(cell=(50,), spindle_axis=(0, 0, 0)), "spindle_axis .*length zero"),
    "two-theta axis of length zero": (lambda: nb.Detector.flat(twotheta_axis=(0, 0, 0)), "length zero"),
    "normal of length zero": (lambda: nb.Panel(**PANEL, normal_axis=(0, 0, 0)), "Panel.normal_axis .*length zero"),
    "polarization along the beam": (
        lambda: scene(beam=nb.Beam(polarization_axis=(-2, 0, 0), kahn_factor=0.1)),
        "polarization_axis .*parallel to the beam; give a perpendicular direction",
    ),
    "source along the polarization axis": (
        lambda: scene(beam=nb.Beam(kahn_factor=0.5, sources=nb.Sources(positions=[[0, 0, 1.0]]))),
        "polarization_axis .*parallel to a source's direction",
    ),
    "curved detector behind the sample": (
        lambda: scene(detector=nb.Detector(panels=(nb.Panel(**{**PANEL, "origin_mm": (-100, 8, -12)}),), curved=True)),
        "Detector.curved: .*behind the sample",
    ),
    "sample in the plane of the panel": (
        lambda: scene(detector=nb.Detector(panels=(nb.Panel(**{**PANEL, "origin_mm": (0, 8, -12)}),))),
        "the plane of a panel contains the sample; move the panel",
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
        "StructureFactors.amplitudes .*must hold finite values",
    ),
    "source at infinity": (lambda: nb.Sources(positions=[[INF, 0, 0]]), "Sources.positions .*must hold finite values"),
    # contradictions and shapes
    "energy and wavelength": (
        lambda: nb.Beam(energy_eV=12000, wavelength_A=1),
        "energy_eV .*wavelength_A .*one of them",
    ),
    "distance and close distance": (
        lambda: nb.Detector.flat(distance_mm=1, close_distance_mm=1),
        "distance_mm and Detector.close_distance_mm .*give one",
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
        "path = a.hkl: contradicts StructureFactors.indices",
    ),
    "indices alone": (
        lambda: nb.StructureFactors(indices=[[0, 0, 0]]),
        "indices and amplitudes must be given together",
    ),
    "too few amplitudes": (
        lambda: nb.StructureFactors(indices=[[0, 0, 0], [1, 0, 0]], amplitudes=[1]),
        r"indices: shape \(2, 3\) does not match 1 amplitudes",
    ),
    "indices between reflections": (
        lambda: nb.StructureFactors(indices=[[0, 0, 0.5]], amplitudes=[1]),
        "StructureFactors.indices .*must hold integers of 32 bits",
    ),
    "indices beyond 32 bits": (
        lambda: nb.StructureFactors(indices=np.array([[0, 0, 2**40]]), amplitudes=[1]),
        "StructureFactors.indices .*must hold integers of 32 bits",
    ),
    "complex positions": (lambda: nb.Sources(positions=np.array([[1j, 0, 0]])), "Sources.positions .*complex"),
    "no reflections": (
        lambda: nb.StructureFactors(indices=np.zeros((0, 3)), amplitudes=[]),
        "indices: must not be empty",
    ),
    "sources twice": (lambda: nb.Sources(path="a", positions=[[1, 0, 0]]), "give either path or positions"),
    "no sources": (lambda: nb.Sources(), "give either path or positions"),
    "too many weights": (
        lambda: nb.Sources(positions=[[1, 0, 0]], weights=[1, 2]),
        "weights: 2 values for 1 positions",
    ),
    "negative weights": (
        lambda: scene(beam=nb.Beam(sources=nb.Sources(positions=[[-1, 0, 0]], weights=[-1]))),
        "weights must not be negative",
    ),
    "a source at the sample": (
        lambda: scene(beam=nb.Beam(sources=nb.Sources(positions=[[0, 0, 0]]))),
        "sources: positions must be finite and not zero",
    ),
    "a source without a wavelength": (
        lambda: scene(beam=nb.Beam(sources=nb.Sources(positions=[[-1, 0, 0]], wavelengths_A=[0]))),
        "sources: wavelengths must be positive",
    ),
    "flux on no area": (lambda: nb.Beam(flux_ph_s=1e9, size_mm=None), "flux_ph_s: needs Beam.size_mm"),
    "switch without C": (
        lambda: config(sampling=nb.Sampling(oversample_omega=True)),
        "oversample_omega = True: requires compat='c'",
    ),
    "ROI outside": (
        lambda: config(roi=np.s_[0:32, 0:49]),
        r"roi = np.s_\[0:32, 0:49\]: is empty or not within the image; slow pixels are 0…31, fast pixels 0…47",
    ),
    "empty ROI": (lambda: config(roi=np.s_[:32, 5:5]), r"roi = np.s_\[:32, 5:5\]: is empty"),
    "ROI of four limits": (
        lambda: config(roi=(1, 20, 3, 30)),
        r"Config.roi = \(1, 20, 3, 30\): is not a valid region; give two slices \(slow, fast\); .* are "
        r"np.s_\[3:31, 1:21\]",
    ),
    "ROI with a step": (lambda: config(roi=np.s_[::2, :]), "Config.roi = .*: is not a valid region; give two slices"),
    "ROI of one slice": (lambda: nb.simulate(config(), roi=slice(0, 5)), "roi = .*: is not a valid region"),
    "mask of another shape": (
        lambda: nb.Detector.flat(pixels=(32, 48), mask=np.ones((48, 32))),
        r"mask: shape \(48, 32\) is not the image's \(32, 48\)",
    ),
    "panels of different sizes": (
        lambda: nb.Detector(panels=(nb.Panel(**PANEL), nb.Panel(**{**PANEL, "pixels": (3, 4)}))),
        "Detector.panels: must all have the same number of pixels",
    ),
    "no panels": (lambda: nb.Detector(panels=()), "Detector.panels"),
    "unknown compat": (lambda: config(compat="C"), "Config.compat = 'C': .*'c'"),
    "unknown field": (
        lambda: nb.Crystal(cell=(50,), mosaic=0.1),
        "Crystal.mosaic: is not a field of Crystal",
    ),
    "unknown field of a flat detector": (
        lambda: nb.Detector.flat(distance=100),
        "Detector.distance: is not a field of Detector",
    ),
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
        "more than 10000000 sources; use fewer",
    ),
    "orientations without end": (
        lambda: scene(
            crystal=CRYSTAL.replace(mosaic_spread_deg=1, mosaic_domains=10**6), scan=nb.Scan(range_deg=1, steps=100)
        ),
        "100 phi steps of 1000000 mosaic domains are more than 10000000 orientations",
    ),
    "wilson amplitudes without a limit": (
        lambda: nb.StructureFactors.wilson((50, 60, 70, 90, 90, 90), "P 1", b_factor=20, d_min_A=0, seed=1),
        "d_min_A = 0: must be from 0.05",
    ),
    "table of nothing": (lambda: nb.StructureFactors.constant(5).table(), "table: needs a list of reflections"),
    "table beyond memory": (
        lambda: nb.StructureFactors(indices=[[-9999, -9999, -9999], [9999, 9999, 9999]], amplitudes=[1, 2]).table(),
        "indices span a table of 20001 x 20001 x 20001 = .* GiB, .*remove the outlying reflections",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_errors_are_one_line_with_field_value_and_cure(name):
    bad, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message) as caught:
        bad()
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert len(str(caught.value)) < 300


def test_every_invalid_field_has_its_own_line():
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


@settings(max_examples=300)
@given(field=FIELDS, value=ANYTHING)
def test_any_value_in_any_field_is_accepted_or_raises_a_config_error(field, value):
    model, name = field
    try:
        model(**{**COMPLETE.get(model, {}), name: value})
    except ConfigError:
        event("refused")


FLAT_OPTIONS = (
    "distance_mm", "close_distance_mm", "pixels", "pixel_mm", "convention", "beam_center_mm", "org_px", "pivot",
    "rotation_deg", "twotheta_deg", "twotheta_axis", "fast_axis", "slow_axis", "normal_axis", "beam_direction",
)  # fmt: skip


@settings(max_examples=300)
@given(name=st.sampled_from(FLAT_OPTIONS), value=ANYTHING)
@example(name="pixels", value=10**400)
def test_any_value_in_a_flat_detector_is_accepted_or_raises_a_config_error(name, value):
    try:
        nb.Detector.flat(**{name: value})
    except ConfigError:
        event("refused")
