"""Data sets made by worker processes: the same bytes, however many there are and whatever happens to them."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

import nanobragg as nb
from nanobragg.dataset.cluster import _finished
from nanobragg.errors import ConfigError

from .plans import BASE, plan
from .test_run import VARIED, contents

pytest.importorskip("distributed")
pytest.importorskip("pyarrow")
pytest.importorskip("hdf5plugin")
pytestmark = pytest.mark.filterwarnings("ignore")
CELL = (60, 70, 80)
LISTED = BASE.replace(
    structure_factors=nb.StructureFactors.wilson(CELL, "P 21 21 21", b_factor=20, d_min_A=3, seed=1),
    detector=nb.Detector.flat(distance_mm=100, pixels=96, pixel_mm=1.0),
)
DATA = plan(base=LISTED, n=40, vary=VARIED, crystals_per_shot=nb.poisson(1.2))
OPTIONS = ("--images-per-file", "2", "--quiet", "--force")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Return the path of a plan, and the folder of a run of it without workers."""
    folder = tmp_path_factory.mktemp("data")
    DATA.to_toml(folder / "plan.toml")
    DATA.run(folder / "out", workers=1, images_per_file=2)
    return str(folder / "plan.toml"), folder / "out"


def command(words: tuple[str, ...], **options) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *words], start_new_session=True, stderr=subprocess.PIPE, **options)


def dataset(plan_file: str, out: Path, *words: str) -> subprocess.Popen[bytes]:
    return command(("-W", "ignore", "-m", "nanobragg", "dataset", plan_file, "-o", str(out), *OPTIONS, *words))


def finish(process: subprocess.Popen[bytes], code: int = 0) -> str:
    _, error = process.communicate(timeout=300)
    assert process.returncode == code, error.decode()
    return error.decode()


def records(out: Path) -> int:
    return len(list((out / "records").glob("*.json"))) if (out / "records").is_dir() else 0


def wait_for_records(out: Path, process: subprocess.Popen[bytes], count: int) -> None:
    end = time.monotonic() + 120
    while records(out) < count and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)


def check(out: Path, undisturbed: Path) -> None:
    assert nb.verify_dataset(out).complete
    assert contents(out) == contents(undisturbed)


def test_workers_make_the_same_bytes(undisturbed, tmp_path):
    plan_file, expected = undisturbed
    finish(dataset(plan_file, tmp_path / "out", "--workers", "2"))
    check(tmp_path / "out", expected)


def workers_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the worker processes of a run: they have loaded the kernel."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if any("_core" in each.path for each in child.memory_maps()):
                found.append(child)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a_worker_that_is_killed_is_replaced(undisturbed, tmp_path, seed):
    plan_file, expected = undisturbed
    draw, out = random.Random(seed), tmp_path / "out"
    process = dataset(plan_file, out, "--workers", "2")
    wait_for_records(out, process, draw.randrange(1, 8))
    workers = workers_of(process)
    assert workers
    time.sleep(draw.uniform(0, 0.1))
    draw.choice(workers).kill()
    assert records(out) < 20
    finish(process)
    check(out, expected)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_run_that_is_killed_whole_is_resumed(undisturbed, tmp_path, seed):
    plan_file, expected = undisturbed
    draw, out = random.Random(seed), tmp_path / "out"
    process = dataset(plan_file, out, "--workers", "2")
    wait_for_records(out, process, draw.randrange(0, 9))
    time.sleep(draw.uniform(0, 0.3))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    time.sleep(1.5)  # until the workers, in sessions of their own, notice
    before = records(out)
    finish(dataset(plan_file, out, "--workers", "2", "--resume"))
    assert before < 20
    check(out, expected)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def scheduler(port: int, workers: int = 2) -> Iterator[None]:
    """Run a scheduler and its workers on loopback, as by hand."""
    quiet = {"stdout": subprocess.DEVNULL}
    address = f"tcp://127.0.0.1:{port}"
    dask = ("-W", "ignore", "-m", "dask")
    started = [command((*dask, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"), **quiet)]
    started += [
        command((*dask, "worker", address, "--nthreads", "1", "--no-dashboard", "--death-timeout", "20"), **quiet)
        for _ in range(workers)
    ]
    try:
        yield
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def by_scheduler(plan_file: str, out: Path, port: int, *words: str) -> subprocess.Popen[bytes]:
    return dataset(plan_file, out, "--scheduler", f"tcp://127.0.0.1:{port}", "--timeout", "60", *words)


@pytest.mark.slow
def test_a_scheduler_and_workers_started_by_hand_make_the_same_bytes(undisturbed, tmp_path):
    plan_file, expected = undisturbed
    port = free_port()
    with scheduler(port):
        finish(by_scheduler(plan_file, tmp_path / "out", port))
    check(tmp_path / "out", expected)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_run_outlives_its_scheduler(undisturbed, tmp_path, seed):
    plan_file, expected = undisturbed
    draw, out, port = random.Random(seed), tmp_path / "out", free_port()
    with scheduler(port):
        process = by_scheduler(plan_file, out, port)
        wait_for_records(out, process, draw.randrange(1, 9))
    assert records(out) < 20
    with scheduler(port):
        finish(process)
    check(out, expected)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can mount a file system")
@pytest.mark.parametrize("seed", range(3))
def test_a_file_system_that_fills_up_is_resumed(undisturbed, tmp_path, seed):
    plan_file, expected = undisturbed
    size = sum(map(len, contents(expected).values()))
    small, out = tmp_path / "small", tmp_path / "small" / "out"
    small.mkdir()
    mount = [
        "mount",
        "-t",
        "tmpfs",
        "-o",
        f"size={int(size * (0.4 + 0.15 * seed)) // 4096 * 4096}",
        "tmpfs",
        str(small),
    ]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("cannot mount a file system here")
    try:
        error = finish(dataset(plan_file, out, "--workers", "2"), code=2)
        assert "free some space" in error
        assert records(out) < 20
        subprocess.run(["mount", "-o", f"remount,size={4 * size + 2**20}", str(small)], check=True)
        finish(dataset(plan_file, out, "--workers", "2", "--resume"))
        check(out, expected)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_data_file_whose_future_was_cancelled_is_made_again(undisturbed, tmp_path, monkeypatch):
    cancelled = []

    def finished(wait, running):
        done = _finished(wait, running)
        if done and not cancelled:
            cancelled.append(done[0])
            done[0].cancel(force=True)
        return done

    monkeypatch.setattr("nanobragg.dataset.cluster._finished", finished)
    DATA.run(tmp_path / "out", workers=2, images_per_file=2)
    assert len(cancelled) == 1
    check(tmp_path / "out", undisturbed[1])


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("nanobragg.dataset.cluster.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"need dask.distributed; pip install 'nanobragg\[dataset\]'"):
        DATA.run(tmp_path / "out", workers=2)


def test_a_scheduler_has_its_own_workers(tmp_path):
    with pytest.raises(ConfigError, match="has its own; leave it out"):
        DATA.run(tmp_path / "out", workers=2, scheduler="tcp://127.0.0.1:1")
    assert not list(tmp_path.iterdir())
