"""Spectra from arrays and files, alone and over a divergence."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.constants import EV_ANGSTROM
from nanobragg.errors import ConfigError, FileError, FormatError
from tests import builders

ENERGIES, WEIGHTS = [9480.0, 9500.0, 9520.0, 9540.0], [1.0, 4.0, 0.0, 3.0]


config = partial(
    builders.config,
    crystal=nb.Crystal(cell=(50, 60, 70), n_cells=5, misset_deg=(10, 20, 30)),
    detector=nb.Detector.flat(pixels=32, pixel_mm=0.5, distance_mm=60),
)


def test_an_image_is_the_weighted_sum_of_monochromatic_ones() -> None:
    beam = nb.Beam(spectrum=nb.Spectrum(energies_eV=ENERGIES, weights=WEIGHTS))
    sampling = nb.Sampling(oversample=4)
    image = nb.simulate(config(beam=beam).replace(sampling=sampling), dtype="float64")
    parts = [
        weight / 8 * nb.simulate(config(beam=nb.Beam(energy_eV=energy)).replace(sampling=sampling), dtype="float64")
        for energy, weight in zip(ENERGIES, WEIGHTS, strict=True)
    ]
    np.testing.assert_allclose(image, sum(parts), rtol=1e-9)


def test_a_spectrum_in_wavelengths_equals_one_in_energies() -> None:
    by_energy = nb.Spectrum(energies_eV=ENERGIES, weights=WEIGHTS)
    by_wavelength = nb.Spectrum(wavelengths_A=EV_ANGSTROM / np.array(ENERGIES), weights=WEIGHTS)
    np.testing.assert_allclose(by_energy.lines.wavelengths_A, by_wavelength.lines.wavelengths_A)
    np.testing.assert_array_equal(by_energy.lines.weights, [1 / 8, 4 / 8, 3 / 8])


def test_the_beams_wavelength_defaults_to_the_spectrums_mean() -> None:
    spectrum = nb.Spectrum(wavelengths_A=[1.0, 1.2], weights=[3, 1])
    assert nb.Beam(spectrum=spectrum).wavelength == pytest.approx(1.05)
    assert nb.Beam(spectrum=spectrum, wavelength_A=1.1).wavelength == 1.1


def test_every_direction_of_a_divergence_has_the_whole_spectrum() -> None:
    spectrum = nb.Spectrum(wavelengths_A=[1.0, 1.2], weights=[3, 1])
    beam = nb.Beam(spectrum=spectrum, divergence_mrad=(2, 0), divergence_steps=(3, None))
    sources = nb.Scene(config(beam=beam)).sources
    assert len(sources.weights) == 6
    np.testing.assert_allclose(sources.wavelengths * 1e10, [1.0, 1.2] * 3)
    np.testing.assert_allclose(sources.weights, np.array([3, 1] * 3) / 12)
    assert len(np.unique(sources.directions, axis=0)) == 3


@pytest.mark.parametrize(
    "text",
    [
        "energy_eV weight\n9480 1\n9500 4\n9520 0\n9540 3\n",
        "# energy_eV, weight\n# a comment\n9480, 1\n\n9500, 4\n9520, 0\n9540, 3",
        "#energy_eV\tweight\r\n9480\t1\r\n9500\t4\r\n9520\t0\r\n9540\t3\r\n",
    ],
)
def test_the_title_of_a_file_names_its_columns(text: str, tmp_path: Path) -> None:
    path = tmp_path / "pink.txt"
    path.write_bytes(text.encode())
    found, expected = nb.Spectrum.from_file(path).lines, nb.Spectrum(energies_eV=ENERGIES, weights=WEIGHTS).lines
    np.testing.assert_array_equal(found, expected)


def test_a_file_without_title_needs_the_axis(tmp_path: Path) -> None:
    path = tmp_path / "pink.txt"
    path.write_text("1.0 3\n1.2 1\n")
    with pytest.raises(FormatError, match="does not name its first column; give axis="):
        nb.Spectrum.from_file(path)
    assert nb.Spectrum.from_file(path, axis="wavelength_A").mean_wavelength_A == pytest.approx(1.05)
    path.write_text("wavelength_A weight\n1.0 3\n1.2 1\n")
    with pytest.raises(ConfigError, match="lists wavelength_A; leave the axis out"):
        nb.Spectrum.from_file(path, axis="energy_eV")


def test_a_config_keeps_the_file_or_the_arrays(tmp_path: Path) -> None:
    (tmp_path / "pink.txt").write_text("energy_eV weight\n9480 1\n9500 4\n")
    spectra = (
        nb.Spectrum.from_file(tmp_path / "pink.txt", bins=2),
        nb.Spectrum(energies_eV=ENERGIES, weights=WEIGHTS),
    )
    for spectrum in spectra:
        given = config(beam=nb.Beam(spectrum=spectrum))
        given.to_toml(tmp_path / "c.toml")
        assert nb.Config.from_toml(tmp_path / "c.toml") == given
    given = config(beam=nb.Beam(spectrum=spectra[0]))
    given.to_toml(tmp_path / "c.toml")
    assert 'path = "pink.txt"' in (tmp_path / "c.toml").read_text()


@given(st.lists(st.tuples(st.floats(5000, 20000), st.floats(0.001, 10)), min_size=1, max_size=50), st.integers(1, 20))
def test_bins_keep_photons_and_mean(lines: list[tuple[float, float]], bins: int) -> None:
    energies, weights = zip(*lines, strict=True)
    fine = nb.Spectrum(energies_eV=energies, weights=weights)
    coarse = nb.Spectrum(energies_eV=energies, weights=weights, bins=bins)
    assert len(coarse.lines.weights) <= min(bins, len(lines))
    assert coarse.lines.weights.sum() == pytest.approx(1)
    assert coarse.mean_wavelength_A == pytest.approx(fine.mean_wavelength_A)


WRONG = {
    "nothing": (lambda: nb.Spectrum(), "give one of path, wavelengths_A and energies_eV, not none"),
    "both": (lambda: nb.Spectrum(wavelengths_A=[1], energies_eV=[1], weights=[1]), "not wavelengths_A and energies_eV"),
    "weights with a file": (lambda: nb.Spectrum(path="x", weights=[1]), "weights: contradicts the file x"),
    "axis of an array": (lambda: nb.Spectrum(wavelengths_A=[1], weights=[1], axis="energy_eV"), "is for a file"),
    "no weights": (lambda: nb.Spectrum(wavelengths_A=[1]), "no weights for 1 wavelengths_A"),
    "too few": (lambda: nb.Spectrum(energies_eV=[1, 2], weights=[1]), "1 weights for 2 energies_eV"),
    "empty": (lambda: nb.Spectrum(energies_eV=[], weights=[]), "must be positive"),
    "negative energy": (lambda: nb.Spectrum(energies_eV=[-1], weights=[1]), "must be positive"),
    "negative weight": (lambda: nb.Spectrum(energies_eV=[1, 2], weights=[2, -1]), "not negative"),
    "dark": (lambda: nb.Spectrum(energies_eV=[1, 2], weights=[0, 0]), "not all zero"),
    "bins": (lambda: nb.Spectrum(energies_eV=[1], weights=[1], bins=0), "bins = 0"),
    "with dispersion": (
        lambda: nb.Beam(spectrum=nb.Spectrum(energies_eV=[1], weights=[1]), dispersion_percent=1),
        "Beam.spectrum and Beam.dispersion_percent and dispersion_steps contradict",
    ),
    "with sources": (
        lambda: nb.Beam(spectrum=nb.Spectrum(energies_eV=[1], weights=[1]), sources=nb.Sources(positions=[[0, 0, 1]])),
        "Beam.spectrum and Beam.sources contradict",
    ),
    "like C": (
        lambda: config(beam=nb.Beam(spectrum=nb.Spectrum(energies_eV=[9000], weights=[1]))).replace(compat="c"),
        "compat='c' does not support it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("flaw", WRONG)
def test_invalid_spectra_are_refused(flaw: str) -> None:
    make, message = WRONG[flaw]
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("energy_eV weight\n9000\n", ConfigError, "weights must be finite"),
        ("energy_eV weight\n9000 1 2\n", FormatError, "line 2: 3 fields; expected at most 2: energy_eV weight"),
        ("energy_eV weight\nnine 1\n", FormatError, "line 2: energy_eV 'nine' is not a finite number"),
        ("energy_eV weight\n", FormatError, "holds no numbers"),
        ("energy_keV weight\n9 1\n", FormatError, "line 1: x 'energy_keV' is not a finite number"),
        ("", FormatError, "holds no numbers"),
    ],
)
def test_errors_name_the_file(text: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(text)
    with pytest.raises(error, match=rf"bad\.txt.*{message}"):
        nb.Spectrum.from_file(path)
    with pytest.raises(FileError):
        nb.Spectrum.from_file(tmp_path / "none.txt")


def test_a_spectrum_cannot_be_written_as_c_flags(tmp_path: Path) -> None:
    from nanobragg.nanobragg_c.flags.config_to_flags import config_to_flags

    with pytest.raises(ConfigError, match=r"Beam\.spectrum: the C program has none"):
        config_to_flags(config(beam=nb.Beam(spectrum=nb.Spectrum(energies_eV=[9000], weights=[1]))), tmp_path)
    deep = config(beam=nb.Beam()).replace(detector=nb.Detector.flat(sensor_thickness_um=300, sensor_depth_um=10))
    with pytest.raises(ConfigError, match=r"sensor_depth_um = 10: the C program detects at the surface only"):
        config_to_flags(deep, tmp_path)
    with pytest.raises(ConfigError, match=r"sensor_depth_um = 10: compat='c' does not support it"):
        deep.replace(compat="c")
