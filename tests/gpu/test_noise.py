"""The noise of device code is the CPU's, bit for bit."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from nanobragg._photons import normal_deviates, poisson_deviates

import nanobragg as nb
from nanobragg.cli import main
from nanobragg.errors import ConfigError
from nanobragg.rendering.cuda.choice import gpu_named
from nanobragg.rendering.cuda.deviates import GpuDeviates
from nanobragg.response import recorders
from tests.builders import DETECTOR, config
from tests.gpu import scenes
from tests.gpu.conftest import use_stand_in

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

RANDOM = np.random.default_rng(1)
MEANS = np.concatenate([
    [0.0, 1e-300, 5e-324, 12.0, np.nextafter(12.0, 0.0), np.nextafter(12.0, 13.0), 2.0**50, 2.0**52, 1e30],
    RANDOM.uniform(0, 24, 20_000), 10.0 ** RANDOM.uniform(-12, 18, 20_000),
])  # fmt: skip
ONE_PANEL = (10.0 ** RANDOM.uniform(-2, 5, (30, 41))).astype(np.float32)
IMAGES = {
    "float32": ONE_PANEL, "by columns": ONE_PANEL.T, "integers": ONE_PANEL.astype(int),
    "panels": 10.0 ** RANDOM.uniform(-2, 5, (2, 30, 41)),
}  # fmt: skip
CCD = {
    "gain_adu_per_photon": 1.7, "adc_offset": 10.3, "readout_noise_adu": 3.1, "calibration_error": 0.02,
    "calibration_seed": 5, "flicker": 0.1,
}  # fmt: skip
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "counter": {"adc_offset": 0, "dtype": np.int32},
    "CCD": CCD,
    "CCD with a taper": {**CCD, "psf": "fiber", "psf_fwhm_px": 0.7},
    "float32": {**CCD, "dtype": np.float32},
    "float64": {**CCD, "dtype": np.float64, "saturation_adu": 5e4},
    "uint64": {"gain_adu_per_photon": 1e16, "dtype": np.uint64},
    "int8": {"gain_adu_per_photon": 1.3, "adc_offset": -100, "readout_noise_adu": 60, "dtype": np.int8},
}


@pytest.mark.parametrize(("first", "key"), [(0, 0), (123_456_789_012, 2**64 - 1), (2**63 - 5, 0x9E3779B97F4A7C15)])
def test_deviates_are_the_cpus(first, key, device):
    import cupy

    gpu = gpu_named(device)
    deviates, n = GpuDeviates(gpu), len(MEANS)
    counts, normals, theirs = np.empty(n), np.empty(n), cupy.empty(n, np.float64)
    poisson_deviates(MEANS, first, 1, key, counts)
    normal_deviates(first, 2, key, normals)
    with gpu.active():
        deviates.poisson_deviates(cupy.asarray(MEANS), first, 1, key, theirs)
        assert np.array_equal(cupy.asnumpy(theirs).view(np.uint64), counts.view(np.uint64))
        deviates.normal_deviates(first, 2, key, theirs)
        assert np.array_equal(cupy.asnumpy(theirs).view(np.uint64), normals.view(np.uint64))


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("name", SETTINGS)
def test_an_exposure_is_the_cpus(name, kind, device, monkeypatch):
    """Also in several blocks."""
    image = IMAGES[kind]
    expected = nb.add_noise(image, seed=7, **SETTINGS[name])
    for most in (recorders.GPU_BLOCK_PIXELS, 7 * image.shape[-1], 1):
        monkeypatch.setattr(recorders, "GPU_BLOCK_PIXELS", most)
        recorded = nb.add_noise(image, seed=7, device=device, **SETTINGS[name])
        assert isinstance(recorded, np.ndarray)
        assert recorded.dtype == expected.dtype
        assert np.array_equal(recorded, expected)


def test_maps_of_pixels_are_the_cpus(device):
    import cupy

    shape = (32, 48)
    noise = nb.Noise(
        gain_map=RANDOM.uniform(0.5, 2, shape), dead_pixels=RANDOM.random(shape) < 0.1,
        hot_pixels=RANDOM.random(shape) < 0.1,
    )  # fmt: skip
    experiment, image = config(detector=DETECTOR, noise=noise), RANDOM.uniform(0, 50, shape)
    expected = nb.add_noise(image, experiment, seed=3)
    assert np.array_equal(nb.add_noise(image, experiment, seed=3, device=device), expected)
    stays = nb.add_noise(cupy.asarray(image), experiment, seed=3, device=device)
    assert np.array_equal(cupy.asnumpy(stays), expected)


def test_an_image_is_recorded_where_it_is(device, monkeypatch):
    """Neither the photons nor what is recorded are copied to this machine's memory."""
    import cupy

    scene = scenes.scene("panels")
    expected = nb.add_noise(nb.simulate(scene, device=device), scene, seed=4, readout_noise_adu=2)
    image, out = cupy.zeros(scene.shape, np.float32), cupy.zeros(scene.shape, expected.dtype)
    copy = cupy.asnumpy

    def fail(*_: Any) -> None:
        raise AssertionError("copied")

    monkeypatch.setattr(cupy, "asnumpy", fail)
    nb.simulate(scene, device=device, out=image)
    stays = nb.add_noise(image, scene, seed=4, readout_noise_adu=2, device="auto")
    assert nb.add_noise(image, scene, seed=4, readout_noise_adu=2, device=device, out=out) is out
    monkeypatch.undo()
    assert isinstance(stays, cupy.ndarray)
    assert np.array_equal(copy(stays), expected)
    assert np.array_equal(copy(out), expected)


def test_an_exposure_goes_where_it_is_asked_for(device):
    import cupy

    expected = nb.add_noise(ONE_PANEL, seed=1, dtype=np.int32)
    for image in (ONE_PANEL, cupy.asarray(ONE_PANEL)):
        for out in (np.zeros(ONE_PANEL.shape, np.int32), cupy.zeros(ONE_PANEL.shape, np.int32)):
            assert nb.add_noise(image, seed=1, device=device, out=out) is out
            assert np.array_equal(out if isinstance(out, np.ndarray) else cupy.asnumpy(out), expected)


def test_the_command_line_draws_the_noise_on_the_device(device, tmp_path, monkeypatch, capsys):
    scenes.scene("square").config.replace(noise=nb.Noise()).to_toml(tmp_path / "still.toml")
    monkeypatch.chdir(tmp_path)
    drawn, of_devices = [], nb.add_noise
    monkeypatch.setattr(
        "nanobragg.cli.simulate.add_noise", lambda *a, **o: drawn.append(o["device"]) or of_devices(*a, **o)
    )
    assert main(["simulate", "still.toml", "-o", "noisy.npy", "--device", device, "--seed", "5"]) == 0
    assert main(["simulate", "still.toml", "-o", "photons.npy", "--device", device, "--no-noise"]) == 0
    assert drawn == [device]
    assert np.array_equal(np.load("noisy.npy"), nb.add_noise(np.load("photons.npy"), seed=5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cpu"}, 'image is in the memory of a GPU; use device="cuda"'),
        ({"device": "cuda:1"}, "image is in the memory of cuda:0; use that device"),
        ({"device": "gpu"}, 'must be "cpu", "cuda", "cuda:N" or "auto"'),
        ({"dtype": np.float16}, "dtype = float16: must be float32, float64 or an integer type on a GPU"),
        ({"out": np.zeros((3, 4), np.uint16)}, r"out of shape \(3, 4\) and dtype uint16: must be C-contiguous uint16"),
        ({"out": np.zeros((30, 41), np.int8), "dtype": np.int16}, "dtype int8: must be C-contiguous int16"),
        ({"out": [1]}, "out, a list: must be a C-contiguous"),
    ],
)
def test_what_is_wrong_with_a_device_or_an_array(options, message, request, monkeypatch):
    use_stand_in(request, monkeypatch, count=2)
    image = sys.modules["cupy"].asarray(ONE_PANEL)
    with pytest.raises(ConfigError, match=message):
        nb.add_noise(image, **{"seed": 1, "device": "cuda", **options})


def test_an_image_and_an_array_of_two_gpus(request, monkeypatch):
    use_stand_in(request, monkeypatch, count=2)
    image, out = (sys.modules["cupy"].asarray(np.zeros((3, 4), np.uint16)) for _ in range(2))
    out.number = 1
    with pytest.raises(ConfigError, match="image and out are in the memories of two GPUs"):
        nb.add_noise(image, seed=1, device="cuda", out=out)


def test_bad_pixels_of_an_image_in_a_gpus_memory_are_named(device):
    import cupy

    image = ONE_PANEL.copy()
    for bad in (-1.0, np.nan, np.inf):
        image[3, 4] = bad
        with pytest.raises(ConfigError, match=rf"image: pixel \(slow 3, fast 4\) is {bad}; it must be finite"):
            nb.add_noise(cupy.asarray(image), seed=1, device=device)


def test_too_little_memory_for_a_row(request, monkeypatch):
    use_stand_in(request, monkeypatch, free=1000)
    with pytest.raises(ConfigError, match=r"the noise of a row of the image need .* are free"):
        nb.add_noise(ONE_PANEL, seed=1, device="cuda")


def test_without_a_gpu_auto_records_on_the_cpu(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert np.array_equal(nb.add_noise(ONE_PANEL, seed=1, device="auto"), nb.add_noise(ONE_PANEL, seed=1))
    with pytest.raises(ConfigError, match="needs CuPy"):
        nb.add_noise(ONE_PANEL, seed=1, device="cuda")
