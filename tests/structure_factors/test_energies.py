"""Structure factors with an axis of energies: each source takes its own amplitudes."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.constants import EV_ANGSTROM
from nanobragg.errors import ConfigError, NanobraggWarning
from tests import builders

CELL = (50, 60, 70)
config = partial(
    builders.config,
    crystal=nb.Crystal(cell=CELL, n_cells=5),
    detector=nb.Detector.flat(distance_mm=60, pixels=(40, 40), pixel_mm=0.4),
)
ENERGIES = np.array([9000.0, 9100.0, 9300.0])


def with_energies(amplitudes: np.ndarray, energies: np.ndarray = ENERGIES, **options) -> nb.StructureFactors:
    indices = np.indices((9, 9, 9)).reshape(3, -1).T - 4
    return nb.StructureFactors(indices=indices, amplitudes=amplitudes, energies_eV=energies, **options)


def beam(energies: list[float]) -> nb.Beam:
    wavelengths = EV_ANGSTROM / np.array(energies)
    positions = np.tile([-1.0, 0, 0], (len(energies), 1))
    return nb.Beam(
        wavelength_A=wavelengths.mean(),
        sources=nb.Sources(positions=positions, wavelengths_A=wavelengths, weights=1.0 + np.arange(len(energies))),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("interpolate", [False, True])
def test_each_source_sees_its_own_amplitudes(dtype: str, interpolate: bool) -> None:
    """The image of a spectrum is the sum of images of its lines, each with the amplitudes interpolated to it."""
    amplitudes = np.random.default_rng(3).uniform(10, 100, (3, 729))
    crystal = nb.Crystal(cell=(50, 60, 70), n_cells=4)
    detector = nb.Detector.flat(distance_mm=400, pixels=48, pixel_mm=0.4)
    energies, at = [9000.0, 9050.0, 9100.0, 9250.0], [(0, 0), (0, 0.5), (1, 0), (1, 0.75)]
    both = {"crystal": crystal, "detector": detector}
    spectrum = nb.simulate(
        config(structure_factors=with_energies(amplitudes, interpolate=interpolate), beam=beam(energies), **both),
        dtype=dtype,
    )
    total = np.zeros_like(spectrum, dtype=np.float64)
    for number, (energy, (row, share)) in enumerate(zip(energies, at, strict=True)):
        mixed = (1 - share) * amplitudes[row] + share * amplitudes[row + 1]
        line = nb.StructureFactors(indices=with_energies(amplitudes).indices, amplitudes=mixed, interpolate=interpolate)
        image = nb.simulate(config(structure_factors=line, beam=beam([energy]), **both), dtype=dtype)
        total += (number + 1) / 10 * image.astype(np.float64)
    assert spectrum.max() > 0
    np.testing.assert_allclose(spectrum, total, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-6 * total.max())


def test_equal_rows_give_the_same_image_as_one_table() -> None:
    amplitudes = np.random.default_rng(4).uniform(10, 100, 729)
    both = {"crystal": nb.Crystal(cell=(50, 60, 70), n_cells=4), "beam": beam([9000.0, 9100.0, 9300.0])}
    table = with_energies(np.tile(amplitudes, (3, 1)))
    plain = nb.StructureFactors(indices=table.indices, amplitudes=amplitudes)
    for dtype in ("float32", "float64"):
        np.testing.assert_array_equal(
            nb.simulate(config(structure_factors=table, **both), dtype=dtype),
            nb.simulate(config(structure_factors=plain, **both), dtype=dtype),
        )


def test_a_trace_shows_the_amplitude_of_each_source() -> None:
    amplitudes = np.outer([10.0, 20.0, 40.0], np.ones(729))
    detector = nb.Detector.flat(distance_mm=4000, pixels=8)  # nothing but 0 0 0
    scene = nb.Scene(config(
        structure_factors=with_energies(amplitudes), beam=beam([9000.0, 9100.0, 9200.0]), detector=detector,
        crystal=nb.Crystal(cell=(50, 60, 70), n_cells=4),
    ))  # fmt: skip
    traced = nb.trace(scene, slow=4, fast=3)
    assert [term.F_cell for term in traced.terms] == [10, 20, 30]
    assert traced.final.pixel == nb.simulate(scene, dtype="float64")[4, 3]


def test_sources_outside_take_the_nearest_energys_and_warn() -> None:
    amplitudes = np.outer([10.0, 20.0, 40.0], np.ones(729))
    crystal = nb.Crystal(cell=(50, 60, 70), n_cells=4)
    with pytest.warns(NanobraggWarning, match=r"1 of 1 sources \(8500 to 8500 eV\) are outside .* \(9000 to 9300 eV\)"):
        below = nb.simulate(
            config(structure_factors=with_energies(amplitudes), beam=beam([8500.0]), crystal=crystal), dtype="float64"
        )
    same = nb.StructureFactors(indices=with_energies(amplitudes).indices, amplitudes=amplitudes[0])
    np.testing.assert_array_equal(
        below, nb.simulate(config(structure_factors=same, beam=beam([8500.0]), crystal=crystal), dtype="float64")
    )


@pytest.mark.parametrize("energy", [8995.1, 9304.9])
def test_sources_more_than_5_eV_beyond_the_energies_warn(energy: float) -> None:
    factors = with_energies(np.ones((3, 729)))
    nb.Scene(config(structure_factors=factors, beam=beam([energy]), crystal=nb.Crystal(cell=(50, 60, 70))))
    further = energy + math.copysign(0.2, energy - 9150.0)
    with pytest.warns(NanobraggWarning, match="1 of 1 sources .* are outside the energies of the structure factors"):
        nb.Scene(config(structure_factors=factors, beam=beam([further]), crystal=nb.Crystal(cell=(50, 60, 70))))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"amplitudes": np.ones((2, 729))}, r"shape \(2, 729\) does not match energies_eV"),
        ({"energies": None}, "does not match energies_eV"),
        ({"energies": [3.0, 2.0, 1.0]}, "must be positive and increasing"),
        ({"energies": "beam"}, "does not match energies_eV"),
        ({"amplitudes": np.ones((3, 700))}, "does not match 700 amplitudes"),
        ({"amplitudes": np.ones((1, 3, 729))}, "does not match 729 amplitudes"),
    ],
)
def test_invalid_energy_axes_are_refused(fields, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        with_energies(**{"amplitudes": np.ones((3, 729)), **fields})


def test_energies_are_refused_with_compat_c() -> None:
    factors, crystal = with_energies(np.ones((3, 729))), nb.Crystal(cell=CELL)
    with pytest.raises(ConfigError, match="energies_eV: compat='c' does not support an energy axis"):
        config(structure_factors=factors, crystal=crystal, compat="c")
    from nanobragg.nanobragg_c.flags.config_to_flags import config_to_flags

    with pytest.raises(ConfigError, match="energies_eV: several energies"):
        config_to_flags(config(structure_factors=factors, crystal=crystal), "nowhere")


def test_predicted_spots_take_each_energys_amplitudes() -> None:
    amplitudes = np.outer([10.0, 20.0, 40.0], np.ones(729))
    detector = nb.Detector.flat(distance_mm=200, pixels=200, pixel_mm=0.3)
    crystal = nb.Crystal(cell=(50, 60, 70), n_cells=8, misset_deg=(10, 20, 30))
    both = {"detector": detector, "crystal": crystal}

    def spots(energies: list[float]) -> nb.Spots:
        return nb.predict_spots(
            config(structure_factors=with_energies(amplitudes), beam=beam(energies), **both), threshold=0
        )

    np.testing.assert_allclose(spots([9100.0]).amplitude, 20, rtol=1e-12)
    mixed = spots([9000.0, 9150.0])  # of weights 1/3 and 2/3
    lines = [dict(zip(map(tuple, found.hkl), found.photons, strict=True)) for found in map(spots, ([9000.0], [9150.0]))]
    seen = [i for i in range(len(mixed)) if all(tuple(mixed.hkl[i]) in line for line in lines)]
    assert len(seen) > 10
    for i in seen:
        one, other = (line[tuple(mixed.hkl[i])] for line in lines)
        assert mixed.photons[i] == pytest.approx(one / 3 + 2 * other / 3, rel=1e-9)
        mean_square = (one + 2 * other) / (one / 10**2 + 2 * other / 25**2)
        assert mixed.amplitude[i] == pytest.approx(np.sqrt(mean_square), rel=1e-9)
    with pytest.raises(ConfigError, match="depend on the energy; use tables"):
        with_energies(amplitudes).table()
