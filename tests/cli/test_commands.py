"""`nanobragg simulate` and `nanobragg convert`: files by their suffix."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg import cli
from nanobragg.config.digest import config_digest
from nanobragg.io import read_image
from nanobragg.io.png import render_grey
from nanobragg.io.smv import parse_header
from nanobragg.response.noise import add_noise
from tests import builders


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> str:
        code = cli.main(words)
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    return call


@pytest.fixture
def config(tmp_path):
    """Return a small experiment, which is in still.toml too."""
    config = builders.config(beam=nb.Beam(fluence_ph_m2=1e28), detector=nb.Detector.flat(pixels=(30, 40), pixel_mm=0.5))
    config.to_toml(tmp_path / "still.toml")
    return config


@pytest.fixture
def photons(config):
    return nb.simulate(config)


def test_every_suffix_gets_its_format(run, config, photons, tmp_path):
    out = run("simulate", "still.toml", "-o", "a.npy", "-o", "a.bin", "-o", "a.png", "-o", "a.smv", "-o", "a.pgm")
    assert (read_image("a.npy")[0] == photons).all()
    assert (read_image("a.bin", shape=(30, 40))[0] == photons).all()
    assert (read_image("a.png")[0] == render_grey(photons)).all()
    assert read_image("a.pgm")[0].shape == (30, 40)
    integers, header = read_image("a.smv")
    assert (integers == np.rint(photons)).all()  # photons, rounded, no offset
    assert header["DISTANCE"] == "100"
    assert header["NANOBRAGG_VERSION"] == nb.__version__
    assert header["CONFIG_SHA256"] == config_digest(config)
    assert "NOISE_SEED" not in header
    assert out.splitlines()[-1] == "written       a.npy, a.bin, a.png, a.smv, a.pgm"


def test_photons_beyond_16_bits_are_clipped_and_counted(run, config, tmp_path):
    bright = config.replace(beam=nb.Beam(fluence_ph_m2=1e32))
    bright.to_toml(tmp_path / "bright.toml")
    out = run("simulate", "bright.toml", "-o", "a.img", "-o", "a.npy")
    clipped = int((read_image("a.npy")[0] > 65535).sum())
    assert clipped > 0
    assert read_image("a.img")[0].max() == 65535
    assert f"({clipped} pixels above 65535 are clipped)" in out


def test_noise_is_that_of_the_seed_in_every_file(run, config, photons):
    out = run("simulate", "still.toml", "-o", "n.img", "-o", "n.npy", "--noise", "--seed", "5")
    expected = add_noise(photons, seed=5)
    integers, header = read_image("n.img")
    assert (integers == expected).all()
    assert (read_image("n.npy")[0] == expected).all()
    assert (header["NOISE_SEED"], header["NUMPY_VERSION"]) == ("5", np.__version__)
    assert "seed 5 (--seed 5 reproduces this noise)" in out


def test_noise_without_a_seed_prints_the_seed_that_reproduces_it(run, config):
    out = run("simulate", "still.toml", "-o", "a.img", "--noise")
    seed = out.split("noise         seed ")[1].split()[0]
    run("simulate", "still.toml", "-o", "b.img", "--noise", "--seed", seed)
    assert (read_image("a.img")[0] == read_image("b.img")[0]).all()


def test_roi_and_precision_options(run, config, photons):
    run("simulate", "still.toml", "-o", "a.npy", "--roi", "5:21", "3:13", "--dtype", "float64", "--threads", "1")
    part, _ = read_image("a.npy")
    assert part.dtype == np.float64
    assert part[5:21, 3:13] == pytest.approx(photons[5:21, 3:13], rel=1e-5)
    assert part.sum() == part[5:21, 3:13].sum()


def test_quiet_prints_nothing(run, config):
    assert run("simulate", "still.toml", "-o", "a.npy", "--quiet") == ""


def test_several_panels_are_stacked_along_the_slow_axis(run, tmp_path):
    def panel(x: float) -> nb.Panel:
        return nb.Panel(origin_mm=(x, -5, 100), fast_axis=(1, 0, 0), slow_axis=(0, 1, 0), pixel_mm=0.5, pixels=(20, 10))

    config = builders.config(
        beam=nb.Beam(fluence_ph_m2=1e28),
        detector=nb.Detector(panels=(panel(-6.0), panel(1.0)), convention="xds"),
    )
    config.to_toml(tmp_path / "two.toml")
    out = run("simulate", "two.toml", "-o", "a.npy", "-o", "a.img")
    image = nb.simulate(config)
    assert (read_image("a.npy")[0] == image.reshape(40, 10)).all()
    integers, header = read_image("a.img")
    assert integers.shape == (40, 10)
    assert "DISTANCE" not in header  # of which panel?
    assert "2 panels of 10 x 20 pixels" in out


def test_a_panel_without_nominal_geometry_gets_the_header_of_the_same_flat_one(config):
    from nanobragg.export.smv_header import smv_header_of

    for convention in ("mosflm", "denzo", "adxv", "xds", "dials"):
        flat = nb.Detector.flat(pixels=(30, 40), pixel_mm=0.5, convention=convention, beam_center_mm=(7.0, 6.0))
        bare = flat.replace(nominal=None)
        headers = [
            parse_header(smv_header_of(nb.Scene(config.replace(detector=detector)))) for detector in (flat, bare)
        ]
        assert headers[0] == headers[1]


def test_smv_keeps_its_header_when_converted_to_smv(run, config):
    run("simulate", "still.toml", "-o", "a.img")
    assert run("convert", "a.img", "b.smv") == ""
    assert read_image("a.img")[1] == read_image("b.smv")[1]
    assert (read_image("a.img")[0] == read_image("b.smv")[0]).all()


def test_a_header_that_another_format_cannot_take_over_is_warned_about(config, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    nb.write_image("a.img", np.ones((30, 40), np.uint16), config=config)
    for words, warned in (("a.img a.cbf", True), ("a.img b.smv", False), ("a.img a.npy", False), ("a.npy a.cbf", False),
                          ("a.img a.cbf --config still.toml", False)):  # fmt: skip
        assert cli.main(["convert", *words.split()]) == 0
        assert ("holds only the pixels" in capsys.readouterr().err) == warned
    assert read_image("a.cbf")[1]["Detector_distance"] == "0.1 m"


def test_floats_need_their_shape(run, config, photons):
    run("simulate", "still.toml", "-o", "a.bin")
    run("convert", "a.bin", "b.npy", "--shape", "30", "40")
    assert (read_image("b.npy")[0] == photons).all()


def test_photons_become_integers_with_a_scale_and_an_offset(run, config, photons):
    run("simulate", "still.toml", "-o", "a.npy")
    run("convert", "a.npy", "b.img", "--scale", "2", "--adc", "10")
    expected = np.floor(np.minimum(photons.astype(float) * 2 + 10.5, 65535))
    assert (read_image("b.img")[0] == expected).all()


def test_fractions_in_smv_are_refused_with_the_cure(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.full((3, 3), 0.5))
    assert cli.main(["convert", "a.npy", "b.img"]) == 2
    assert "--scale 1 rounds and clips" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


# series, and the formats that say what they are


@pytest.fixture
def turning(config, tmp_path):
    """Return the same experiment with a scan, which is in scan.toml too."""
    turning = config.replace(scan=nb.Scan(start_deg=2, range_deg=0.5, steps=2))
    turning.to_toml(tmp_path / "scan.toml")
    return turning


def test_a_series_with_noise(run, turning, tmp_path):
    out = run("simulate", "scan.toml", "--images", "3", "--noise", "--seed", "5",
              "-o", "a.nxs", "-o", "a_###.cbf", "-o", "a_#.tif")  # fmt: skip
    expected = [add_noise(nb.simulate(one), seed=5 + i) for i, one in enumerate(turning.series(3))]
    for i, image in enumerate(expected):
        series, told = read_image("a.nxs", index=i)
        assert (series == image).all()
        assert told["omega_deg"] == 2 + 0.5 * i
        assert (read_image(f"a_{i + 1:03d}.cbf")[0] == image).all()
        assert (read_image(f"a_{i + 1}.tif")[0] == image).all()
        assert read_image(f"a_{i + 1:03d}.cbf")[1]["Start_angle"] == f"{2 + 0.5 * i:.6f} deg."
        assert read_image(f"a_{i + 1:03d}.cbf")[1]["Noise_seed"] == str(5 + i)
    assert "image 3       φ from 3 degrees; maximum" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["a.nxs", "still.toml", "scan.toml", *(f"a_{i}.tif" for i in (1, 2, 3)), *(f"a_00{i}.cbf" for i in (1, 2, 3))]
    )


def test_expected_photons_in_every_new_format(run, photons):
    run("simulate", "still.toml", "-o", "a.h5", "-o", "a.cbf", "-o", "a.tiff")
    assert (read_image("a.h5")[0] == photons).all()
    assert (read_image("a.cbf")[0] == np.rint(photons)).all()
    assert (read_image("a.tiff")[0] == photons).all()


def test_a_hash_in_a_name_has_no_meaning_without_images(run, photons):
    run("simulate", "still.toml", "-o", "a#.npy")
    assert (read_image("a#.npy")[0] == photons).all()


def test_convert_takes_an_image_out_of_a_series_and_puts_one_in(run, turning):
    run("simulate", "scan.toml", "--images", "3", "-o", "a.nxs")
    run("convert", "a.nxs", "b.npy", "--image", "2")
    assert (read_image("b.npy")[0] == read_image("a.nxs", index=1)[0]).all()
    run("convert", "b.npy", "b.h5", "--config", "scan.toml")
    image, told = read_image("b.h5")
    assert (image == read_image("b.npy")[0]).all()
    assert told["distance_mm"] == pytest.approx(100)
    run("convert", "b.npy", "b.cbf", "--config", "scan.toml", "--scale", "1")
    header = read_image("b.cbf")[1]
    run("convert", "b.cbf", "c.cbf")
    assert read_image("c.cbf")[1] == header
    assert header["Detector_distance"] == "0.1 m"


def test_pixels_of_a_mask_file_are_rendered(run, photons):
    mask = np.zeros(photons.shape, np.uint8)
    mask[3:9, 5:25] = 1
    nb.write_image("mask.npy", mask)
    out = run("simulate", "still.toml", "-o", "a.npy", "--pixels", "mask.npy")
    assert (read_image("a.npy")[0] == np.where(mask, photons, 0)).all()
    assert "120 pixels" in out


def test_shoeboxes_of_predicted_spots_are_rendered(run, config, photons):
    boxes = nb.shoeboxes(config, 2)
    inside = np.zeros(photons.shape, bool)
    for box in boxes:
        box.cut(inside)[...] = True
    out = run("simulate", "still.toml", "-o", "a.npy", "--shoeboxes", "2", "--truth", "t.npz")
    assert (read_image("a.npy")[0] == np.where(inside, photons, 0)).all()
    assert f"{inside.sum()} pixels" in out
    truth = nb.GroundTruth.load("t.npz")
    assert (truth.bragg_mask == inside & nb.bragg_mask(config, image=photons)).all()


def test_the_ground_truth_of_shoeboxes_leaves_the_background_out(run, config, tmp_path):
    wet = config.replace(background=nb.Background(water_um=100))
    wet.to_toml(tmp_path / "wet.toml")
    run("simulate", "wet.toml", "-o", "a.npy", "--shoeboxes", "2", "--truth", "wet.npz", "--quiet")
    run("simulate", "still.toml", "-o", "a.npy", "--shoeboxes", "2", "--truth", "dry.npz", "--quiet")
    wet_mask, dry_mask = (nb.GroundTruth.load(name).bragg_mask for name in ("wet.npz", "dry.npz"))
    assert (wet_mask == dry_mask).all()


def test_pixels_outside_a_mask_file_are_masked_in_nexus_files(run, config, tmp_path):
    hidden, mask = np.ones((30, 40), bool), np.zeros((30, 40), np.uint8)
    hidden[:, 7] = False
    mask[3:9, 5:25] = 1
    config.replace(detector=config.detector.replace(mask=hidden)).to_toml(tmp_path / "hidden.toml")
    nb.write_image("mask.npy", mask)
    run("simulate", "hidden.toml", "-o", "a.nxs", "--pixels", "mask.npy")
    (experiment,) = [nb.read_nxmx("a.nxs")]
    assert (np.asarray(experiment.detector.mask) == hidden & (mask != 0)).all()
