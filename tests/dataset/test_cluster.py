"""Data sets made by worker processes: the same bytes, however many there are and whatever happens to them."""

from __future__ import annotations

import atexit
import gc
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import psutil
import pytest

import nanobragg as nb
from nanobragg.dataset import block
from nanobragg.dataset.block import Job, write_json
from nanobragg.dataset.cluster import _end_quickly, _finished, make_block_of, write_job
from nanobragg.dataset.layout import Layout
from nanobragg.dataset.shared_tables import share_tables
from nanobragg.dataset.shot import set_up
from nanobragg.errors import ConfigError, FileError
from nanobragg.rendering.instruction_sets import select_instruction_set
from tests.processes import PATIENCE_S, finished, wait_until

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
FILES = 20  # of data
ATTEMPTS = 5  # to disturb a run before it ends


class Undisturbed(NamedTuple):
    """The path of a plan, the folder of a run of it without workers, and its seconds for each data file."""

    plan_file: str
    folder: Path
    each: float


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("data")
    DATA.to_toml(folder / "plan.toml")
    begun = time.monotonic()
    DATA.run(folder / "out", workers=1, images_per_file=2)
    return Undisturbed(str(folder / "plan.toml"), folder / "out", (time.monotonic() - begun) / FILES)


def command(words: tuple[str, ...], **options) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *words], start_new_session=True, stderr=subprocess.PIPE, **options)


def dataset(plan_file: str, out: Path, *words: str) -> subprocess.Popen[bytes]:
    return command(("-W", "ignore", "-m", "nanobragg", "dataset", plan_file, "-o", str(out), *OPTIONS, *words))


def finish(process: subprocess.Popen[bytes], code: int = 0) -> str:
    _, error = finished(process, timeout_s=2 * PATIENCE_S)
    assert process.returncode == code, error.decode()
    return error.decode()


def records(out: Path) -> int:
    return len(list((out / "records").glob("*.json"))) if (out / "records").is_dir() else 0


def wait_for_records(out: Path, process: subprocess.Popen[bytes], count: int) -> None:
    assert wait_until(lambda: records(out) >= count or process.poll() is not None)


def check(out: Path, undisturbed: Undisturbed) -> None:
    assert nb.verify_dataset(out).complete
    ours, theirs = contents(out), contents(undisturbed.folder)
    assert sorted(ours) == sorted(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_workers_make_the_same_bytes(undisturbed, tmp_path):
    finish(dataset(undisturbed.plan_file, tmp_path / "out", "--workers", "2"))
    check(tmp_path / "out", undisturbed)


def test_structure_factors_of_each_crystal_are_those_of_the_workers(tmp_path):
    crystals, factors = (LISTED.crystal,) * 2, LISTED.structure_factors
    same = LISTED.replace(crystals=crystals)
    assert share_tables(plan(base=same, vary={}), tmp_path).largest > 0
    assert share_tables(plan(base=same.replace(factors_of_crystals=(factors, factors)), vary={}), tmp_path) is None


def kill_a_worker(process: subprocess.Popen[bytes], draw: random.Random) -> bool:
    """Kill a worker process of a run, one that has loaded the kernel; return whether there was one."""
    workers = []
    try:
        for child in psutil.Process(process.pid).children(recursive=True):
            if any(Path(each.path).name.startswith("_core.") for each in child.memory_maps()):
                workers.append(child)
        draw.choice(workers).kill()
    except (psutil.Error, IndexError):  # the run has just ended
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a_worker_that_is_killed_is_replaced(undisturbed, tmp_path, seed):
    draw = random.Random(seed)
    for attempt in range(ATTEMPTS):
        out = tmp_path / str(attempt)
        process = dataset(undisturbed.plan_file, out, "--workers", "2")
        wait_for_records(out, process, draw.randrange(1, 8))
        time.sleep(draw.uniform(0, 2 * undisturbed.each))
        disturbed = kill_a_worker(process, draw) and records(out) < FILES
        finish(process)
        check(out, undisturbed)
        if disturbed:
            return
    raise AssertionError("every run ended before a worker was killed")


def kill_whole(process: subprocess.Popen[bytes]) -> None:
    """Kill a run, and wait until its workers, in sessions of their own, have noticed."""
    process.send_signal(signal.SIGSTOP)  # it starts no more of them
    if process.returncode is None:
        workers = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGKILL)
        assert wait_until(lambda: not any(map(is_running, workers)))
    process.communicate()


def is_running(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_run_that_is_killed_whole_is_resumed(undisturbed, tmp_path, seed):
    draw = random.Random(seed)
    for attempt in range(ATTEMPTS):
        out = tmp_path / str(attempt)
        process = dataset(undisturbed.plan_file, out, "--workers", "2")
        wait_for_records(out, process, draw.randrange(0, 9))
        time.sleep(draw.uniform(0, 3 * undisturbed.each))
        kill_whole(process)
        disturbed = records(out) < FILES
        finish(dataset(undisturbed.plan_file, out, "--workers", "2", "--resume"))
        check(out, undisturbed)
        if disturbed:
            return
    raise AssertionError("every run ended before it was killed")


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
        command(
            (*dask, "worker", address, "--nthreads", "1", "--no-dashboard", "--death-timeout", str(PATIENCE_S)), **quiet
        )
        for _ in range(workers)
    ]
    try:
        yield
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def by_scheduler(plan_file: str, out: Path, port: int, *words: str) -> subprocess.Popen[bytes]:
    return dataset(plan_file, out, "--scheduler", f"tcp://127.0.0.1:{port}", "--timeout", str(PATIENCE_S), *words)


@pytest.mark.slow
def test_a_scheduler_and_workers_started_by_hand_make_the_same_bytes(undisturbed, tmp_path):
    port = free_port()
    with scheduler(port):
        finish(by_scheduler(undisturbed.plan_file, tmp_path / "out", port))
    check(tmp_path / "out", undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_run_outlives_its_scheduler(undisturbed, tmp_path, seed):
    draw = random.Random(seed)
    for attempt in range(ATTEMPTS):
        out, port = tmp_path / str(attempt), free_port()
        with scheduler(port):
            process = by_scheduler(undisturbed.plan_file, out, port)
            wait_for_records(out, process, draw.randrange(1, 9))
        disturbed = records(out) < FILES
        with scheduler(port):
            finish(process)
        check(out, undisturbed)
        if disturbed:
            return
    raise AssertionError("every run ended before its scheduler was killed")


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can mount a file system")
@pytest.mark.parametrize("seed", range(3))
def test_a_file_system_that_fills_up_is_resumed(undisturbed, tmp_path, seed):
    plan_file = undisturbed.plan_file
    size = sum(map(len, contents(undisturbed.folder).values()))
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
        assert records(out) < FILES
        subprocess.run(["mount", "-o", f"remount,size={4 * size + 2**20}", str(small)], check=True)
        finish(dataset(plan_file, out, "--workers", "2", "--resume"))
        check(out, undisturbed)
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)  # also with a file open


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
    check(tmp_path / "out", undisturbed)


def test_a_worker_takes_up_the_next_data_file_before_the_last_one_is_on_disk(tmp_path, monkeypatch):
    from distributed import Client, LocalCluster

    layout, begun = Layout(tmp_path, 4, 2), threading.Event()
    for kind in ("shots", "crystals", "records"):
        layout.table(kind, 0).parent.mkdir()
    write_job(Job(plan(n=4), layout, None, False, 1, select_instruction_set()), tmp_path / "job.pickle")

    def begin(description, number):
        if number == 2:  # of the second data file
            begun.set()
        return set_up(description, number)

    def write(path, content):
        assert begun.wait(PATIENCE_S)
        write_json(path, content)

    monkeypatch.setattr(block, "set_up", begin)
    monkeypatch.setattr(block, "write_json", write)
    one = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with LocalCluster(**one) as local, Client(local) as client:
        job = str(tmp_path / "job.pickle")
        made = client.gather([client.submit(make_block_of, job, number, pure=False) for number in (0, 1)])
    assert [record["block"] for record in made] == [0, 1]


def local_workers() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if is_running(child) and any("spawn_main" in word for word in child.cmdline())]


@pytest.mark.parametrize("error", [FileError("plan.toml: cannot be written"), KeyboardInterrupt()])
def test_workers_that_start_while_a_run_fails_are_stopped(tmp_path, monkeypatch, error):
    def fail(*_):
        assert wait_until(local_workers)
        raise error

    monkeypatch.setattr("nanobragg.dataset.run.write_plan", fail)
    with pytest.raises(type(error)) as raised:
        DATA.run(tmp_path / "out", workers=2)
    assert raised.value is error
    assert local_workers() == []
    monkeypatch.undo()
    assert DATA.run(tmp_path / "out", workers=1, only=(0, 1), resume=True).made == 2


def test_workers_that_do_not_start_are_reported_and_what_was_written_for_them_is_removed(tmp_path, monkeypatch):
    def fail(**options):
        raise OSError("too many processes")

    monkeypatch.setattr("distributed.LocalCluster", fail)
    with pytest.raises(OSError, match="too many processes"):
        DATA.run(tmp_path / "out", workers=2)
    assert not (tmp_path / "out" / "workers").exists()


def test_no_workers_start_for_what_is_refused_or_there(undisturbed, tmp_path, monkeypatch):
    starts = []
    monkeypatch.setattr("distributed.LocalCluster", lambda **options: starts.append(options))
    with pytest.raises(ConfigError, match="holds this data set already"):
        DATA.run(undisturbed.folder, workers=2, images_per_file=2)
    assert DATA.run(undisturbed.folder, workers=2, images_per_file=2, resume=True).there == DATA.n
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10))
    with pytest.raises(ConfigError, match="free some space"):
        DATA.run(tmp_path / "out", workers=2)
    assert not list(tmp_path.iterdir())
    assert starts == []


def test_local_workers_leave_the_threads_of_this_process_as_they_were(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert DATA.run(tmp_path / "out", workers=2, only=(0, 1), images_per_file=1).made == 1
    assert "OMP_NUM_THREADS" not in os.environ


def test_a_worker_ends_without_a_search_for_garbage(tmp_path, monkeypatch):
    from distributed.core import Status

    layout, registered = Layout(tmp_path, 2, 2), []
    for kind in ("shots", "crystals", "records"):
        layout.table(kind, 0).parent.mkdir()
    write_job(Job(plan(n=2), layout, None, False, 1, select_instruction_set()), tmp_path / "job.pickle")
    monkeypatch.setattr("distributed.get_worker", lambda: SimpleNamespace(name=0, status=Status.closing))
    monkeypatch.setattr(atexit, "register", registered.append)
    _end_quickly.cache_clear()
    for _ in range(2):  # once is enough
        make_block_of(str(tmp_path / "job.pickle"), 0)
    _end_quickly.cache_clear()
    assert registered == [gc.freeze]


@pytest.mark.parametrize(("status", "next_ones"), [("running", 1), ("closing", 0)])
def test_a_worker_that_closes_takes_up_nothing(tmp_path, monkeypatch, status, next_ones):
    from distributed.core import Status

    layout, seceded = Layout(tmp_path, 2, 2), []
    for kind in ("shots", "crystals", "records"):
        layout.table(kind, 0).parent.mkdir()
    write_job(Job(plan(n=2), layout, None, False, 1, select_instruction_set()), tmp_path / "job.pickle")
    monkeypatch.setattr("distributed.get_worker", lambda: SimpleNamespace(name=0, status=Status[status]))
    monkeypatch.setattr("distributed.secede", lambda: seceded.append(True))
    for _ in range(2):  # the lock is given back
        assert make_block_of(str(tmp_path / "job.pickle"), 0)["block"] == 0
    assert len(seceded) == 2 * next_ones


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("nanobragg.dataset.cluster.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"need dask.distributed; pip install 'nanobragg\[dataset\]'"):
        DATA.run(tmp_path / "out", workers=2)


def test_a_scheduler_has_its_own_workers(tmp_path):
    with pytest.raises(ConfigError, match="has its own; leave it out"):
        DATA.run(tmp_path / "out", workers=2, scheduler="tcp://127.0.0.1:1")
    assert not list(tmp_path.iterdir())
