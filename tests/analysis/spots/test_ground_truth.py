"""Ground truth: orientation, cell, spots, mask, and its file."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest

import nanobragg as nb
from nanobragg import cli
from nanobragg.analysis.spots.ground_truth import bragg_image
from nanobragg.config.digest import config_digest
from nanobragg.errors import ConfigError, FileError, FormatError, ShapeError
from nanobragg.geometry import rotate_about
from tests import builders

config = partial(
    builders.config,
    crystal=builders.TRICLINIC,
    beam=nb.Beam(fluence_ph_m2=1e26),
    detector=nb.Detector.flat(distance_mm=100, pixels=(200, 220), pixel_mm=0.1, beam_center_mm=(3, 4)),
)


def test_orientation_and_cell_are_those_of_the_lattice():
    cfg = config(scan=nb.Scan(start_deg=20, range_deg=1, steps=10))
    truth, scene = nb.ground_truth(cfg), nb.Scene(cfg)
    np.testing.assert_allclose(truth.cell, builders.TRICLINIC.cell, rtol=1e-12)
    np.testing.assert_allclose(truth.A, np.linalg.inv(scene.lattice.direct), rtol=1e-9)
    np.testing.assert_allclose(truth.U @ truth.B, truth.A, atol=1e-15)
    np.testing.assert_allclose(truth.U @ truth.U.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(truth.U) == pytest.approx(1)
    assert np.abs(np.tril(truth.B, -1)).max() < 1e-17
    assert (truth.phi_start_deg, truth.wavelength_A) == (20, 1)
    assert truth.phi_range_deg == pytest.approx(1)
    assert truth.config_sha256 == config_digest(cfg)
    spots = truth.spots
    assert len(spots) > 20
    for i in range(5):  # q = R(φ) A h is on the sphere
        q = rotate_about(truth.A @ spots.hkl[i], truth.spindle_axis, np.radians(spots.phi_deg[i]))
        assert np.linalg.norm(q + truth.beam_direction) == pytest.approx(1, abs=1e-9)


def test_the_mask_is_where_the_crystal_scatters():
    cfg = config(background=nb.Background(water_um=100))
    bragg = nb.simulate(cfg.replace(background=nb.Background()))
    spots = nb.predict_spots(cfg)
    peak = max(bragg[int(s), int(f)] for s, f in zip(spots.slow_px, spots.fast_px, strict=True))
    assert bragg.max() > 1.2 * peak  # the direct beam is brighter, and is no spot
    np.testing.assert_array_equal(nb.bragg_mask(cfg), bragg > 1e-3 * peak)
    np.testing.assert_array_equal(nb.bragg_mask(cfg, fraction=0.5), bragg > 0.5 * peak)
    np.testing.assert_array_equal(nb.bragg_mask(cfg, photons=3.5, threads=1), bragg > 3.5)
    np.testing.assert_array_equal(nb.bragg_mask(nb.Scene(cfg), photons=1, image=bragg), bragg > 1)
    truth = nb.ground_truth(cfg)
    np.testing.assert_array_equal(truth.bragg_mask, bragg > 1e-3 * peak)
    assert 0 < truth.bragg_mask.mean() < 0.2


def test_the_threshold_is_of_the_brightest_spot_on_any_panel():
    panel = nb.Panel(
        origin_mm=(100, 10, -10), fast_axis=(0, 0, 1), slow_axis=(0, -1, 0), pixel_mm=0.1, pixels=(90, 200)
    )
    cfg = config(detector=nb.Detector(panels=[panel, panel.replace(origin_mm=(100, 0.5, -10))]))
    spots, bragg = nb.predict_spots(cfg), nb.simulate(cfg)
    peaks = bragg[spots.panel, spots.slow_px.astype(int), spots.fast_px.astype(int)]
    assert [(peaks[spots.panel == i]).max() for i in (0, 1)] != [peaks.max()] * 2
    np.testing.assert_array_equal(nb.bragg_mask(cfg, image=bragg, fraction=0.3), bragg > 0.3 * peaks.max())


def test_nothing_is_in_the_mask_of_a_crystal_that_does_not_scatter():
    assert not nb.ground_truth(config(structure_factors=nb.StructureFactors.constant(0))).bragg_mask.any()


def test_every_bright_spot_is_in_the_mask():
    truth = nb.ground_truth(config())
    bright = truth.spots[truth.spots.photons > 0.1 * truth.spots.photons[0]]
    assert truth.bragg_mask[bright.slow_px.astype(int), bright.fast_px.astype(int)].all()


def test_bad_thresholds_and_images_are_refused():
    with pytest.raises(ConfigError, match=r"photons = 1 and fraction = 0.5: give one"):
        nb.bragg_mask(config(), photons=1, fraction=0.5)
    with pytest.raises(ConfigError, match=r"fraction = -0.5"):
        nb.bragg_mask(config(), fraction=-0.5)
    with pytest.raises(ShapeError, match=r"image of shape \(2, 2\)"):
        nb.bragg_mask(config(), image=np.zeros((2, 2)))


def test_a_file_is_read_back_unchanged(tmp_path):
    truth = nb.ground_truth(config())
    truth.save(tmp_path / "truth.npz")
    back = nb.GroundTruth.load(tmp_path / "truth.npz")
    for name, value in truth.arrays().items():
        np.testing.assert_array_equal(back.arrays()[name], value, err_msg=name)
    with np.load(tmp_path / "truth.npz") as plain:
        assert plain["spots.hkl"].shape == (len(truth.spots), 3)
        assert str(plain["config_sha256"]) == truth.config_sha256


def test_the_file_states_its_version_and_a_ground_truth_is_a_value_of_its_own():
    truth, other = nb.ground_truth(config()), nb.ground_truth(config())
    assert truth.arrays()["version"] == 2
    assert len({truth, truth, other}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        truth.cell = other.cell


def test_files_without_ground_truth_are_refused(tmp_path):
    load = nb.GroundTruth.load
    with pytest.raises(FileError, match="cannot be read"):
        load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no zip")
    with pytest.raises(FormatError, match=r"text.npz: is not a readable .npz"):
        load(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=1)
    with pytest.raises(FormatError, match=r"other.npz: is not a ground truth of version 2"):
        load(tmp_path / "other.npz")
    nb.ground_truth(config()).save(tmp_path / "truth.npz")
    with np.load(tmp_path / "truth.npz") as stored:
        arrays = dict(stored)
    for missing in ("A", "spots.hkl"):
        np.savez(tmp_path / "part.npz", **{name: value for name, value in arrays.items() if name != missing})
        with pytest.raises(FormatError, match=r"part.npz: is not a valid ground truth"):
            load(tmp_path / "part.npz")
    cut = (tmp_path / "truth.npz").read_bytes()[:-200]
    (tmp_path / "cut.npz").write_bytes(cut)
    with pytest.raises(FormatError, match=r"cut.npz: is not a readable"):
        load(tmp_path / "cut.npz")


@pytest.mark.parametrize("background", [nb.Background(), nb.Background(water_um=10)])
def test_simulate_writes_the_ground_truth_when_asked(tmp_path, monkeypatch, capsys, background):
    monkeypatch.chdir(tmp_path)
    cfg = config(background=background)
    cfg.to_toml(tmp_path / "still.toml")
    assert (
        cli.main(["simulate", "still.toml", "-o", "still.npy", "--noise", "--seed", "1", "--truth", "truth.npz"]) == 0
    )
    truth, expected = nb.GroundTruth.load("truth.npz"), nb.ground_truth(cfg)
    np.testing.assert_array_equal(truth.bragg_mask, expected.bragg_mask)
    np.testing.assert_array_equal(truth.spots.photons, expected.spots.photons)
    assert f"{len(expected.spots)} spots" in capsys.readouterr().out


def test_an_invalid_name_for_the_ground_truth_is_found_before_rendering(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config().to_toml(tmp_path / "still.toml")
    for name, complaint in (
        ("truth.json", "--truth truth.json: must have the suffix .npz"),
        ("no/truth.npz", "no/truth.npz"),
    ):
        assert cli.main(["simulate", "still.toml", "-o", "still.npy", "--truth", name]) == 2
        assert complaint in capsys.readouterr().err
        assert not (tmp_path / "still.npy").exists()


def test_the_bragg_image_of_a_changed_scene_has_its_changes():
    plain, wet = (nb.Scene(config(background=nb.Background(water_um=water))) for water in (0, 100))
    for changes in ({}, {"fluence": plain.fluence / 2}):
        expected = nb.simulate(plain.changed(**changes))
        np.testing.assert_array_equal(bragg_image(wet.changed(**changes)), expected)
    assert expected.any()
