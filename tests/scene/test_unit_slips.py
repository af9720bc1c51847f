"""Values in another unit than that of their field warn with the cure; a Config warns once, at the user's line."""

from __future__ import annotations

import inspect
import re
import warnings

import pytest

import nanobragg as nb
from nanobragg.errors import NanobraggWarning
from nanobragg.scene.unit_slips import unit_slips
from tests.builders import CRYSTAL, config

FLAT = {"pixels": 20, "pixel_mm": 0.5}
SLIPS = {
    "keV": ({"beam": nb.Beam(energy_eV=12)}, "Beam.energy_eV = 12: 12 eV; did you mean 12 keV = 12000?"),
    "soft keV": ({"beam": nb.Beam(energy_eV=7.1)}, "Beam.energy_eV = 7.1: 7.1 eV; did you mean 7.1 keV = 7100?"),
    "less than gamma rays": (
        {"beam": nb.Beam(wavelength_A=1e-4)},
        "wavelength_A = 0.0001: .* eV; did you mean 0.0001 nm = 0.001 Å?",
    ),
    "m as Å": ({"beam": nb.Beam(wavelength_A=1e-10)}, "wavelength_A = 1e-10: .* eV; did you mean 1e-10 m = 1 Å?"),
    "eV as Å": ({"beam": nb.Beam(wavelength_A=12398)}, "Beam.wavelength_A = 12398: Å; did you mean energy_eV = 12398?"),
    "µm": ({"detector": nb.Detector.flat(pixels=20, pixel_mm=75)}, "pixel_mm = 75: 75 mm; did you mean 75 µm = 0.075?"),
    "pixel in m": (
        {"detector": nb.Detector.flat(pixels=20, pixel_mm=7.5e-5)},
        "pixel_mm = 7.5e-05: 7.5e-05 mm; did you mean 7.5e-05 m = 0.075?",
    ),
    "m": (
        {"detector": nb.Detector.flat(distance_mm=0.1, **FLAT)},
        "distance_mm = 0.1: 0.1 mm; did you mean 0.1 m = 100?",
    ),
    "distance in µm": (
        {"detector": nb.Detector.flat(distance_mm=150_000, **FLAT)},
        "distance_mm = 150000: 150 m; did you mean 150000 µm = 150?",
    ),
    "cell": (
        {"crystal": nb.Crystal(cell=(7.91, 7.91, 3.84), n_cells=5)},
        r"Crystal.cell = \(7.91, 7.91, 3.84, …\): Å; did you mean nm = \(79.1, 79.1, 38.4, …\)?",
    ),
    "cell of a list": (
        {
            "crystal": nb.Crystal(cell=(5, 6, 7), n_cells=5),
            "structure_factors": nb.StructureFactors(indices=[[3, -27, 1], [1, 0, 0]], amplitudes=[5, 6]),
        },
        r"Crystal.cell = \(5, 6, 7, …\): Å, with reflections to 0.22 Å; did you mean nm = \(50, 60, 70, …\)?",
    ),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_named_with_its_cure(name):
    fields, message = SLIPS[name]
    slipped = config(**fields, sampling=nb.Sampling(oversample=1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nb.Scene(slipped)
    told = [str(warning.message) for warning in caught if warning.category is NanobraggWarning]
    assert unit_slips(slipped) == told[:1]
    assert re.search(message.replace("?", r"\?"), told[0])


@pytest.mark.parametrize(
    "fields",
    [
        {"beam": nb.Beam(energy_eV=250)},
        {"beam": nb.Beam(wavelength_A=0.02)},
        {"beam": nb.Beam(wavelength_A=50)},
        {"detector": nb.Detector.flat(distance_mm=5000, pixels=20, pixel_mm=1)},
        {"detector": nb.Detector.flat(distance_mm=10, pixels=20, pixel_mm=0.01)},
        {"crystal": nb.Crystal(cell=(5.43,), n_cells=5)},
    ],
)
def test_unusual_experiments_are_no_slips(fields):
    assert unit_slips(config(**fields)) == []


def test_a_config_warns_once_at_the_line_that_used_it():
    blind = config(crystal=CRYSTAL.replace(n_cells=400), sampling=nb.Sampling(oversample=1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nb.simulate(blind, roi=(slice(0, 2), slice(0, 2)))
        line = inspect.currentframe().f_lineno - 1
        nb.simulate(blind, roi=(slice(0, 2), slice(0, 2)))
        nb.Scene(blind)
        nb.predict_spots(blind)
    assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, line)]
    again = blind.replace(roi=(slice(0, 2), slice(0, 2)))
    with pytest.warns(NanobraggWarning, match="oversample = 1"):
        nb.Scene(again)  # another Config


def test_reprs_of_results_are_short():
    made = nb.Scene(config())
    for result in (nb.predict_spots(made), nb.trace(made, slow=3, fast=4), nb.ground_truth(made), made):
        assert len(repr(result)) < 400
    assert repr(nb.predict_spots(made)).startswith(f"<Spots: {len(nb.predict_spots(made))}, ")
    assert "photons" in repr(nb.trace(made, slow=3, fast=4))


def test_statistics_take_a_config_too():
    image = nb.simulate(config())
    assert nb.statistics(image, config()) == nb.statistics(image, nb.Scene(config()))
