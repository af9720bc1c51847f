"""The choice of a device, and what is wrong with it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.rendering.cuda import choice, render
from tests import builders
from tests.gpu import scenes, stand_in
from tests.gpu.conftest import use_stand_in

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

SCENE = builders.scene()


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:-1", "CUDA", "", "cuda:99999", None, 0])
def test_a_name_that_is_not_valid(device):
    with pytest.raises(nb.errors.ConfigError, match=r'must be "cpu", "cuda", "cuda:N" or "auto"'):
        nb.simulate(SCENE, device=device)


def test_no_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(nb.errors.ConfigError, match=r"needs CuPy .*pip install 'nanobragg\[cuda\]'"):
        nb.simulate(SCENE, device="cuda")


def test_no_driver(request, monkeypatch):
    use_stand_in(request, monkeypatch)

    def fail():
        raise stand_in.CUDARuntimeError("cudaErrorInsufficientDriver: no driver")

    monkeypatch.setattr(sys.modules["cupy"].cuda.runtime, "getDeviceCount", fail)
    with pytest.raises(nb.errors.ConfigError, match=r"InsufficientDriver.*install NVIDIA's driver"):
        nb.simulate(SCENE, device="cuda")
    assert choice.usable_gpus() == []


@pytest.mark.parametrize(("count", "have"), [(0, "none"), (2, "cuda:0, cuda:1")])
def test_a_gpu_that_does_not_exist(count, have, request, monkeypatch):
    use_stand_in(request, monkeypatch, count=count)
    with pytest.raises(nb.errors.ConfigError, match=f"this machine's GPUs are {have}"):
        nb.simulate(SCENE, device="cuda:2")


def test_the_original_programs_order_is_the_cpus(request, monkeypatch):
    use_stand_in(request, monkeypatch)
    like_c = nb.Scene(SCENE.config.replace(compat="c"))
    with pytest.raises(nb.errors.ConfigError, match="in the order of the original program, on the CPU only"):
        nb.simulate(like_c, device="cuda")
    assert np.array_equal(nb.simulate(like_c, device="auto"), nb.simulate(like_c))


@pytest.mark.parametrize("free", [100, 200_000])
def test_too_little_memory(free, request, monkeypatch):
    """For the scene, or for a row of the image."""
    use_stand_in(request, monkeypatch, free=free)
    detector = nb.Detector.flat(distance_mm=100, pixels=(2, 60_000), pixel_mm=0.001)
    with pytest.raises(nb.errors.ConfigError, match=r"need [\d.]+ GiB, but [\d.]+ GiB are free; .*device=\"cpu\""):
        nb.simulate(builders.scene(detector=detector), device="cuda")


def test_an_image_larger_than_the_memory_is_rendered_in_strips(request, monkeypatch):
    scene = scenes.scene("square")
    use_stand_in(request, monkeypatch)
    whole = nb.simulate(scene, device="cuda")
    use_stand_in(request, monkeypatch, free=scene.core("float32").nbytes + 100)
    assert render.GpuImage(scene, "float32", choice.gpu_named("cuda"))._most_pixels() < whole.size / 2
    assert np.array_equal(nb.simulate(scene, device="cuda"), whole)


def test_auto_takes_a_gpu_for_long_images_only(request, monkeypatch):
    use_stand_in(request, monkeypatch)
    assert choice.choose_gpu("auto", SCENE, choice.AUTO_TERMS, None) is not None
    assert choice.choose_gpu("auto", SCENE, choice.AUTO_TERMS / 2, None) is None
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert choice.choose_gpu("auto", SCENE, choice.AUTO_TERMS, None) is None


def test_everything_happens_on_the_gpu_that_is_named(request, monkeypatch):
    """The stand-in fails where an array of one GPU is used while another is active."""
    use_stand_in(request, monkeypatch, count=2)
    scene, cupy = scenes.scene("panels"), sys.modules["cupy"]
    for options in ({}, {"tolerance": 1e-6}, {"pixels": np.arange(np.prod(scene.shape)).reshape(scene.shape) % 7 == 0}):
        with cupy.cuda.Device(1):
            out = cupy.zeros(scene.shape, np.float32)
        nb.simulate(scene, device="cuda:1", out=out, **options)
        nb.simulate(scene, device="auto", out=out, add=True, **options)
        image = nb.simulate(scene, device="cuda:1", **options)
        np.testing.assert_allclose(cupy.asnumpy(out), 2 * image, rtol=1.2e-7)
    noisy = nb.add_noise(image, scene, seed=1, psf="gaussian", psf_fwhm_px=1.0)
    assert np.array_equal(nb.add_noise(image, scene, seed=1, psf="gaussian", psf_fwhm_px=1.0, device="cuda:1"), noisy)
    names = ["rot_x", "n_a"]
    assert np.array_equal(nb.derivatives(scene, names, device="cuda:1"), nb.derivatives(scene, names, device="cuda"))
    ours, theirs = (nb.loss_and_gradient(scene, image, names=names, device=f"cuda:{n}") for n in (0, 1))
    assert ours.loss == theirs.loss


def test_an_array_that_is_elsewhere(request, monkeypatch):
    use_stand_in(request, monkeypatch, count=2)
    out = sys.modules["cupy"].zeros(SCENE.shape, np.float32)
    with pytest.raises(nb.errors.ConfigError, match='out is in the memory of a GPU; use device="cuda"'):
        nb.simulate(SCENE, out=out)
    with pytest.raises(nb.errors.ConfigError, match="out is in the memory of cuda:0; use that device"):
        nb.simulate(SCENE, out=out, device="cuda:1")
    wrong = sys.modules["cupy"].zeros((3, 3), np.float32)
    with pytest.raises(nb.errors.ConfigError, match=r"out of shape \(3, 3\)"):
        nb.simulate(SCENE, out=wrong, device="cuda")
