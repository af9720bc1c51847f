"""The noise of a Config and its detector: defaults of families, bad pixels, the pedestal in files, the command line."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.cli import main
from nanobragg.errors import ConfigError
from nanobragg.response.recording import resolve_recording
from tests.builders import DETECTOR, config

SHAPE = (32, 48)


def named(name: str) -> nb.Config:
    return config(detector=DETECTOR.replace(name=name))


@pytest.mark.parametrize(
    ("name", "dtype", "offset"),
    [
        ("EIGER2 16M", np.uint32, 0), ("Dectris Eiger 9M, S/N E-18-0100", np.uint32, 0), ("PILATUS3 6M", np.int32, 0),
        ("JUNGFRAU 4M", np.float32, 0), ("AGIPD 1M", np.float32, 0), ("Rayonix MX340", np.uint16, 10),
        ("ADSC Q315r", np.uint16, 40), ("", np.uint16, 40), ("ePix10k 2M", np.float32, 0), ("CSPAD", np.float32, 0),
    ],
)  # fmt: skip
def test_defaults_are_those_of_the_detector(name, dtype, offset):
    recorded = nb.add_noise(np.zeros(SHAPE), named(name), seed=1)
    assert recorded.dtype == dtype
    assert abs(float(recorded.mean()) - offset) < 0.6
    counter = name.lower().startswith(("eiger", "pilatus", "dectris"))
    assert (recorded == 0).all() == counter


@pytest.mark.parametrize(("name", "noise_eV"), [("ePix10k 2M", 245), ("CSPAD", 3500), ("AGIPD 1M", 960)])
def test_the_noise_is_the_published_one(name, noise_eV):
    recorded = nb.add_noise(np.zeros(SHAPE), named(name), seed=1)
    assert 12_000 * recorded.std() == pytest.approx(noise_eV, rel=0.05)


def test_a_photon_counter_records_photons_beyond_16_bits():
    bright = nb.add_noise(np.full(SHAPE, 200_000.0), named("PILATUS3 6M"), seed=1)
    assert bright.max() > 200_000
    eiger = named("EIGER2 16M").replace({"detector.saturation_adu": 65535})  # of one of the read-outs that it sums
    assert nb.add_noise(np.full(SHAPE, 200_000.0), eiger, seed=1).min() > 190_000
    ccd = named("Rayonix MX340").replace({"detector.saturation_adu": 60_000})
    assert nb.add_noise(np.full(SHAPE, 200_000.0), ccd, seed=1).max() == 60_000


def test_the_order_is_argument_then_noise_then_detector():
    noise = nb.Noise(adc_offset=7, dtype="float64", seed=3)
    made = named("ADSC Q315r").replace(noise=noise)
    assert resolve_recording(made)[:5] == (3, 1.8, 7, 3, None)
    dark = nb.add_noise(np.zeros(SHAPE), made, readout_noise_adu=1e-9)
    np.testing.assert_allclose(dark, 7, atol=1e-6)
    np.testing.assert_array_equal(dark, nb.add_noise(np.zeros(SHAPE), nb.Scene(made), readout_noise_adu=1e-9))
    assert nb.add_noise(np.zeros(SHAPE), made, adc_offset=99, readout_noise_adu=1e-9).mean() == pytest.approx(99)


def test_without_an_experiment_nothing_changes():
    np.testing.assert_array_equal(
        nb.add_noise(np.full(SHAPE, 9.0), seed=1), nb.add_noise(np.full(SHAPE, 9.0), config(), seed=1)
    )
    with pytest.raises(ConfigError, match="experiment = 5: must be a Config or a Scene; give seed=5 by name"):
        nb.add_noise(np.ones(SHAPE), 5)
    with pytest.raises(ConfigError, match="only image and experiment can be given without a name; write seed=5"):
        nb.add_noise(np.ones(SHAPE), None, 5)


@pytest.mark.parametrize("source", ["array", "file"])
def test_gain_map_dead_and_hot_pixels(tmp_path, source):
    gain, dead, hot = np.ones(SHAPE), np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    gain[:, :24], dead[3, 40], hot[5, 41] = 0.5, True, True
    maps = {"gain_map": gain, "dead_pixels": dead, "hot_pixels": hot}
    if source == "file":
        for name, array in maps.items():
            nb.write_image(tmp_path / f"{name}.npy", array.astype(np.float32))
        maps = {name: tmp_path / f"{name}.npy" for name in maps}
    made = named("EIGER2 16M").replace(noise=nb.Noise(**maps))
    recorded = nb.add_noise(np.full(SHAPE, 1e4), made, seed=1)
    assert recorded[:, :24].mean() / recorded[10:, 24:].mean() == pytest.approx(0.5, rel=1e-3)
    assert recorded[3, 40] == 0
    assert recorded[5, 41] == np.iinfo(np.uint32).max
    with pytest.raises(ConfigError, match=r"Noise.gain_map: shape \(2, 2\) is not that of the image"):
        nb.add_noise(np.ones(SHAPE), named("").replace(noise=nb.Noise(gain_map=np.ones((2, 2)))))


def test_noise_round_trips_through_toml_with_its_maps(tmp_path):
    made = config(noise=nb.Noise(adc_offset=3, dead_pixels=np.eye(32, 48) > 0, seed=4, psf="gaussian", psf_fwhm_px=1))
    made.to_toml(tmp_path / "a.toml")
    assert nb.Config.from_toml(tmp_path / "a.toml") == made
    (tmp_path / "b.toml").write_text(
        "[crystal]\ncell = [60]\n[structure_factors]\nconstant = 3\n[detector.flat]\npixels = [32, 48]\n"
        '[noise]\ngain_map = "gain.npy"\n'
    )
    assert nb.Config.from_toml(tmp_path / "b.toml").noise.gain_map == tmp_path / "gain.npy"


@pytest.mark.parametrize(("suffix", "key"), [("nxs", "pedestal"), ("cbf", "Pedestal"), ("img", "IMAGE_PEDESTAL")])
def test_files_state_the_pedestal(tmp_path, suffix, key):
    made = config(noise=nb.Noise(adc_offset=12), detector=nb.Detector.flat(pixels=SHAPE, convention="xds"))
    recorded = nb.add_noise(nb.simulate(made), made, seed=1)
    for experiment, stated in ((made, True), (made.replace(noise=None), False)):
        nb.write_image(tmp_path / f"a.{suffix}", recorded, config=experiment)
        image, metadata = nb.read_image(tmp_path / f"a.{suffix}")
        np.testing.assert_array_equal(image, recorded)
        assert (key in metadata) == stated
        if stated:
            assert float(str(metadata[key]).split()[0]) == 12


def test_the_digest_of_an_experiment_does_not_depend_on_its_noise():
    from nanobragg.config.digest import config_digest

    assert config_digest(config(noise=nb.Noise(adc_offset=3))) == config_digest(config())


def test_simulate_records_what_the_detector_does(tmp_path, monkeypatch, capsys):
    """An EIGER has no pedestal, whatever asks for the noise; --set and --no-noise change it."""
    monkeypatch.chdir(tmp_path)
    named("EIGER2 16M").to_toml("plain.toml")
    named("EIGER2 16M").replace(noise=nb.Noise(seed=7)).to_toml("noisy.toml")
    photons = nb.simulate(named("EIGER2 16M"))
    for words, expected in (
        (["plain.toml"], photons),
        (["plain.toml", "--noise", "--seed", "7"], nb.add_noise(photons, named("EIGER2 16M"), seed=7)),
        (["noisy.toml"], nb.add_noise(photons, named("EIGER2 16M"), seed=7)),
        (["noisy.toml", "--no-noise"], photons),
        (["noisy.toml", "--set", "noise.adc_offset=5"],
         nb.add_noise(photons, named("EIGER2 16M"), seed=7, adc_offset=5)),
        (["plain.toml", "--set", "crystal.n_cells=3"],
         nb.simulate(named("EIGER2 16M").replace({"crystal.n_cells": 3}))),
    ):  # fmt: skip
        assert main(["simulate", *words, "-o", "a.npy", "--quiet"]) == 0
        found = np.load("a.npy")
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    assert main(["simulate", "plain.toml", "--set", "crystal", "-o", "a.npy"]) == 2
    assert "--set crystal: must be NAME=VALUE" in capsys.readouterr().err
    assert main(["simulate", "plain.toml", "--seed", "3", "-o", "a.npy"]) == 2
    assert "--seed 3: must not be negative, and needs --noise" in capsys.readouterr().err
