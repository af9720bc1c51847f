"""Spectra that differ from shot to shot, and panels that drift."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.constants import EV_ANGSTROM
from nanobragg.errors import ConfigError

from .plans import BASE

BASE_ENERGY = EV_ANGSTROM / BASE.beam.wavelength


def spectra(distribution, n: int = 40) -> list[nb.Spectrum]:
    data = nb.Dataset(base=BASE, n=n, vary={"beam.spectrum": distribution}, seed=2)
    return [data.configs(k)[0].beam.spectrum for k in range(n)]


def moments(spectrum: nb.Spectrum) -> tuple[float, float]:
    """Return the mean energy and its standard deviation."""
    weights = spectrum.weights / spectrum.weights.sum()
    mean = spectrum.energies_eV @ weights
    return float(mean), float(np.sqrt((spectrum.energies_eV - mean) ** 2 @ weights))


def test_a_gaussian_spectrum_has_its_width_about_the_energy_of_the_beam():
    first, second = spectra(nb.gaussian_spectrum(0.5, lines=101), 2)
    mean, sd = moments(first)
    assert mean == pytest.approx(BASE_ENERGY, rel=1e-9)
    assert sd * 2.3548 == pytest.approx(0.005 * BASE_ENERGY, rel=2e-2)
    assert first == second


def test_the_energy_jitters_from_shot_to_shot():
    means = [moments(each)[0] for each in spectra(nb.gaussian_spectrum(0.1, energy_jitter_percent=0.4), 400)]
    assert np.std(means) == pytest.approx(0.004 * BASE_ENERGY, rel=0.15)


def test_two_colours_have_their_distance_and_share():
    for each in spectra(nb.two_colour_spectrum(2.0, 0.1, share=0.3), 3):
        low = each.energies_eV < BASE_ENERGY
        assert each.weights[low].sum() / each.weights.sum() == pytest.approx(0.3, abs=1e-3)
        centres = [moments(nb.Spectrum(energies_eV=each.energies_eV[part], weights=each.weights[part]))[0]
                   for part in (low, ~low)]  # fmt: skip
        assert centres[1] - centres[0] == pytest.approx(0.02 * BASE_ENERGY, rel=1e-3)


def test_sase_spectra_are_chaotic_light_under_a_gaussian_envelope():
    """Each wavelength has the exponential intensity law of chaotic light; neighbours within a spike are alike."""
    sase = nb.sase_spectrum(0.2, spike_percent=0.02, lines=101)
    shots = spectra(sase, 600)
    energies = shots[0].energies_eV
    grid = BASE_ENERGY * (1 + 0.003 * (2 * np.arange(101) - 100) / 101)
    table = np.array([np.interp(grid, each.energies_eV, each.weights, 0, 0) for each in shots])
    assert len(energies) > 80
    mean = table.mean(axis=0)
    middle = mean[30:71]
    width = 2.3548 * np.sqrt((grid - BASE_ENERGY) ** 2 @ mean / mean.sum())
    assert width == pytest.approx(0.002 * BASE_ENERGY, rel=0.06)
    contrast = table[:, 30:71].std(axis=0) / middle
    assert contrast.mean() == pytest.approx(1.0, abs=0.05)
    step = 0.006 * BASE_ENERGY / 101
    lag = round(0.02 / 100 * BASE_ENERGY / 2 / step)  # half of a spike's width away the field is half correlated
    scaled = table[:, 30:71] / middle - 1
    near = (scaled[:, lag:] * scaled[:, :-lag]).mean()
    far = (scaled[:, 20:] * scaled[:, :-20]).mean()
    assert 0.05 < near < 0.7
    assert abs(far) < 0.05


def test_measured_spectra_are_drawn_or_taken_in_order(tmp_path):
    path = tmp_path / "spectra.npz"
    weights = np.eye(3) + 0.1
    np.savez(path, energies_eV=[9000.0, 9001.0, 9002.0], weights=weights)
    in_order = spectra(nb.measured_spectra(path, order="sequence"), 7)
    for k, each in enumerate(in_order):
        np.testing.assert_array_equal(each.weights, weights[k % 3])
    drawn = {int(each.weights.argmax()) for each in spectra(nb.measured_spectra(path), 40)}
    assert drawn == {0, 1, 2}


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ({"weights": np.ones((2, 3))}, ConfigError, "must hold energies_eV or wavelengths_A"),
        ({"energies_eV": np.ones(2), "weights": np.ones((2, 3))}, ConfigError, r"weights \(2, 3\)"),
        ({"energies_eV": np.ones(3), "weights": np.zeros((2, 3))}, ConfigError, "not all zero in a spectrum"),
    ],
)
def test_files_without_spectra_are_refused(tmp_path, arrays, error, message):
    path = tmp_path / "spectra.npz"
    np.savez(path, **arrays)
    with pytest.raises(error, match=message):
        spectra(nb.measured_spectra(path), 1)


def test_panels_drift_smoothly_with_the_widths_asked_for():
    drift = nb.panel_drift(shift_um=30, rotation_mrad=0.5, shots=20)
    data = nb.Dataset(base=BASE, n=3000, vary={"detector.panels": drift}, seed=1)
    centre = np.array([data.configs(k)[0].detector.panels[0].corners_mm().mean(axis=0) for k in range(0, 3000, 3)])
    moved = centre - BASE.detector.panels[0].corners_mm().mean(axis=0)
    np.testing.assert_allclose(moved.std(axis=0), 0.03, rtol=0.4)
    steps = np.diff(moved, axis=0).std(axis=0)
    assert (steps < 0.25 * moved.std(axis=0)).all()
