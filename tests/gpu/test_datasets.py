"""Data sets made on GPUs: a worker on each, the same bytes each time, and clear errors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.cli import main
from nanobragg.dataset.cluster import Cluster
from nanobragg.errors import ConfigError
from tests.dataset.plans import BASE, plan
from tests.dataset.test_run import contents
from tests.gpu import stand_in
from tests.gpu.conftest import use_stand_in

pytest.importorskip("pyarrow")
h5py = pytest.importorskip("h5py")
pytest.importorskip("hdf5plugin")
pytestmark = pytest.mark.filterwarnings("ignore")

DATA = plan(base=BASE.replace(crystal=BASE.crystal.replace(mosaic_spread_deg=0.5, mosaic_domains=5)), n=5)
CUPY = """
import os
from pathlib import Path
from tests.gpu import stand_in

stand_in.LIBRARIES = Path({libraries!r})
globals().update(vars(stand_in.module(count=2)))
_device = cuda.Device


def device(number):
    Path({log!r}, f"{{os.getpid()}}-{{number}}").touch()
    return _device(number)


cuda.Device = device
"""


def test_a_data_set_is_made_on_a_gpu(device, tmp_path):
    """Its shots are within the bounds of single precision, and noise is drawn from their photons."""
    report = DATA.run(tmp_path / "out", workers=1, device=device, images_per_file=2)
    assert report.complete
    with h5py.File(tmp_path / "out" / "images_master.h5") as master:
        for k, image in enumerate(master["entry/data/data"]):
            assert np.array_equal(image, DATA.shot(k, device=device).image)
    photons, theirs = (
        plan(base=DATA.base.replace(noise=None), n=1).shot(0, device=name).image for name in (device, "cpu")
    )
    assert photons.dtype == np.float32
    np.testing.assert_allclose(photons, theirs, rtol=4e-6, atol=1e-7 * theirs.max())
    assert np.array_equal(
        DATA.shot(0, device=device).image, nb.add_noise(photons, DATA.base, seed=DATA.shot(0).noise_seed)
    )


def test_several_crystals_and_none_on_a_gpu(device):
    for crystals in (3, 0):
        data = plan(base=DATA.base.replace(noise=None), n=1, crystals_per_shot=crystals)
        image, theirs = data.shot(0, device=device), data.shot(0)
        np.testing.assert_allclose(image.image, theirs.image, rtol=4e-6, atol=1e-7 * theirs.image.max())
        assert image.photons == pytest.approx(theirs.photons, rel=1e-6)


def test_a_data_set_is_finished_on_the_device_it_was_begun_on(device, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    DATA.run(whole, workers=1, device=device, images_per_file=2)
    DATA.run(out, workers=1, device=device, images_per_file=2, only=(0, 2))
    with pytest.raises(ConfigError, match="holds a data set of device = 'cuda', not 'cpu'; go on with device = 'cuda'"):
        DATA.run(out, workers=1, resume=True)
    DATA.run(out, workers=1, device=device, resume=True)
    assert contents(out) == contents(whole)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["made_with"].keys() == {"GPU", "cupy", "NVRTC", "CUDA driver"}
    assert all(found == [manifest["versions"][name]] for name, found in manifest["made_with"].items())


@pytest.mark.parametrize(
    ("other", "begun"),
    [
        ({"models": ("Other",)}, "GPU Stand-in (now Other)"),
        ({"nvrtc": (13, 0)}, "NVRTC 12.9 (now 13.0)"),
        ({"nvrtc": (13, 0), "driver": 13010}, "CUDA driver 12.8 (now 13.1), NVRTC 12.9 (now 13.0)"),
    ],
)
def test_another_gpu_or_compiler_may_give_other_bits(other, begun, request, monkeypatch, tmp_path):
    use_stand_in(request, monkeypatch)
    DATA.run(tmp_path / "out", workers=1, device="cuda", images_per_file=2, only=(0, 2))
    use_stand_in(request, monkeypatch, **other)
    message = f"was begun with {begun}; the remaining shots may differ"
    with pytest.raises(ConfigError, match=re.escape(message)):
        DATA.run(tmp_path / "out", workers=1, device="cuda", resume=True)
    DATA.run(tmp_path / "out", workers=1, device="cuda", resume=True, force=True)
    made_with = json.loads((tmp_path / "out" / "manifest.json").read_text())["made_with"]
    assert [len(values) for values in made_with.values()].count(2) == len(other)


def test_each_gpu_has_a_worker(request, monkeypatch):
    pytest.importorskip("distributed")
    use_stand_in(request, monkeypatch, count=3)
    cluster = Cluster(device="cuda")
    assert cluster.count == 3
    assert [cluster.find_devices().of_worker(i) for i in range(4)] == ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]
    one = Cluster(device="cuda:2")
    assert one.in_this_process
    assert one.find_devices().names == ("cuda:2",)
    assert Cluster(workers=6, device="cuda").count == 6
    assert Cluster(scheduler="tcp://127.0.0.1:1", device="cuda").find_devices().names == ("cuda",)


@pytest.mark.parametrize(
    ("device", "machine", "message"),
    [
        ("cuda:5", {"count": 2}, "this machine's GPUs are cuda:0, cuda:1"),
        ("cuda", {"count": 0}, "this machine's GPUs are none"),
        ("cuda", {"count": 2, "models": ("A", "B")}, r"GPUs differ \(A, B\).* choose one"),
        ("auto", {}, 'device = \'auto\': must be "cpu", "cuda" or "cuda:N"; one kind'),
    ],
)
def test_what_is_wrong_with_a_device(device, machine, message, request, monkeypatch, tmp_path):
    """Before the folder is made."""
    use_stand_in(request, monkeypatch, **machine)
    with pytest.raises(ConfigError, match=message):
        DATA.run(tmp_path / "out", device=device)
    assert not (tmp_path / "out").exists()


def test_the_command_line(device, tmp_path, capsys):
    DATA.to_toml(tmp_path / "plan.toml")
    words = ["dataset", str(tmp_path / "plan.toml"), "-o", str(tmp_path / "out"), "--device", f"{device}:0"]
    assert main([*words, "--dry-run"]) == 0
    assert "a shot on one GPU, about" in capsys.readouterr().out
    assert main([*words, "--quiet"]) == 0
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["device"] == "cuda"


@pytest.mark.slow
def test_workers_keep_to_their_gpus(request, monkeypatch, tmp_path):
    """Processes with a stand-in for CuPy that notes which GPUs each makes active."""
    pytest.importorskip("distributed")
    use_stand_in(request, monkeypatch, count=2)
    log = tmp_path / "log"
    log.mkdir()
    (tmp_path / "path").mkdir()
    text = CUPY.format(libraries=str(stand_in.LIBRARIES), log=str(log))
    (tmp_path / "path" / "cupy.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "path"))
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    data = plan(base=DATA.base, n=12)
    data.run(tmp_path / "one", workers=1, device="cuda", images_per_file=1)
    assert not list(log.iterdir())
    data.run(tmp_path / "two", device="cuda", images_per_file=1)
    used = [path.name.split("-") for path in log.iterdir()]
    assert sorted(number for _, number in used) == ["0", "1"]
    assert len({process for process, _ in used}) == 2
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
