"""Data files made by workers of a Dask cluster: local processes, or those of a scheduler that runs already."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import pickle
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

from ..bounds import number, whole
from ..errors import ConfigError
from ..io.atomic import atomic_write
from ..rendering.threads import thread_count
from .block import Job, make_block
from .devices import Devices, check_device, find_devices

log = logging.getLogger(__name__)
FILES_AHEAD = 2  # data files in work or waiting, for each worker
POLL_SECONDS = 1.0
MOST_WORKERS = 10_000  # on one machine
MOST_LOSSES = 1000  # of workers, before Dask gives a data file up
DASK = {
    "distributed.scheduler.allowed-failures": MOST_LOSSES,
    # Dask sets it in this process too, and for good: all that follows would render on one thread.
    "distributed.nanny.pre-spawn-environ.OMP_NUM_THREADS": None,
    # Workers keep the memory of an image for the next (glibc). Returning it, as Dask does, costs a quarter of the time.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 2**28,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 2**25,
    # Dask watches its processes many times a second, which takes 4 % of every processor.
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "2s",
    "distributed.admin.tick.interval": "2s",
    "distributed.admin.tick.cycle": "10s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.system-monitor.gil.enabled": False,
}


@dataclass(frozen=True)
class Cluster:
    """Where data files are made.

    Attributes
    ----------
    workers
        Number of local worker processes; None: one for each processor, or for each GPU.
    scheduler
        Address of a Dask scheduler whose workers are used instead.
    timeout_s
        How long to wait for the scheduler, when it is first called and when it has been lost.
    device
        "cpu", "cuda" or "cuda:N": what the workers render on.
    """

    workers: int | None = None
    scheduler: str | None = None
    timeout_s: float = 30.0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.workers is not None:
            whole("workers", self.workers, 1, MOST_WORKERS)
        if self.workers is not None and self.scheduler is not None:
            raise ConfigError(f"workers = {self.workers}: the scheduler {self.scheduler} has its own; leave it out")
        if not number("timeout_s", self.timeout_s) > 0:
            raise ConfigError(f"timeout_s = {self.timeout_s}: must be positive")
        check_device(self.device)
        if find_spec("distributed") is None and (self.scheduler is not None or (self.workers or 1) > 1):
            raise ConfigError("several workers: need dask.distributed; pip install 'nanobragg[dataset]', or workers=1")

    def check(self) -> None:
        """Raise `ConfigError` for a scheduler that does not answer, or a GPU that does not exist."""
        self.find_devices()
        if self.scheduler is not None:
            with _scheduler_client(self):
                pass

    def find_devices(self) -> Devices:
        """Return the devices that workers take in turn."""
        return find_devices(self.device, here=self.scheduler is None)

    @property
    def in_this_process(self) -> bool:
        """Whether shots are made in this process, one after the other."""
        return self.scheduler is None and self.count == 1

    @property
    def count(self) -> int:
        """Number of local workers."""
        if self.workers is not None:
            return self.workers
        if find_spec("distributed") is None:
            return 1
        return thread_count(None) if self.device == "cpu" else len(self.find_devices().names)

    def threads_of_a_worker(self) -> int | None:
        """Return the threads of a worker: all of the machine's for one, one for each task of a scheduler's workers."""
        if self.in_this_process:
            return None
        return 1 if self.scheduler is not None else max(1, thread_count(None) // self.count)


class Workers:
    """The workers of a cluster during a run. Those of this machine start in the background, which takes a while.

    Parameters
    ----------
    cluster
        Where data files are made; nothing is started for those of this process.
    folder
        Folder of what workers read, which is removed when they have stopped.
    """

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self._background = ThreadPoolExecutor(1)  # which starts them, and then stops them
        self._opened = ExitStack()
        self._local_client: Future[Any] | None = None

    def __enter__(self) -> Workers:
        if not self.cluster.in_this_process:
            self._opened.callback(shutil.rmtree, self.folder, ignore_errors=True)
            if self.cluster.scheduler is None:
                self._local_client = self._background.submit(_local_client, self.cluster, self._opened)
        return self

    def __exit__(self, *_: object) -> None:
        with self._background:
            self._background.submit(self._opened.close).result()

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Give a client of the local workers, when they have started, or connect one to the scheduler and close it."""
        if self._local_client is not None:
            yield self._local_client.result()
        else:
            with _scheduler_client(self.cluster) as client:
                yield client


def write_job(job: Job, path: Path) -> None:
    """Write a job to a file, from which every worker reads it once; functions of the user travel with it."""
    import cloudpickle

    with atomic_write(path) as file:
        file.write(cloudpickle.dumps(job))


_at_disk = Lock()  # of a file of this process, beside which another one is made


def make_block_of(path: str, block: int) -> dict[str, Any]:
    """Make a data file of the job in a file; the worker takes up the next one while the disk is waited for."""
    from distributed import get_worker, secede
    from distributed.core import Status

    _end_quickly()
    worker = get_worker()
    name = worker.name  # its number in a local cluster, which a worker that takes its place has too
    with ExitStack() as held:

        def take_up_next() -> None:
            # A worker that closes waits for its threads with a lock that `secede` needs.
            if worker.status == Status.running and _at_disk.acquire(blocking=False):
                held.callback(_at_disk.release)
                secede()  # type: ignore[no-untyped-call]

        job = _read_job(path, os.stat(path).st_mtime_ns)
        return make_block(job, block, name if isinstance(name, int) else 0, after_last=take_up_next)


@cache
def _end_quickly() -> None:
    """Let this process end without a search for garbage among all of its objects, which takes 0.2 s."""
    atexit.register(gc.freeze)


@lru_cache(maxsize=1)
def _read_job(path: str, _: int) -> Job:
    """Return the job in a file, anew when the file has changed."""
    job: Job = pickle.loads(Path(path).read_bytes())
    return job


def run_on_cluster(job: Path, blocks: Sequence[int], workers: Workers) -> Iterator[tuple[int, dict[str, Any]]]:
    """Make data files of the job in a file on a cluster; yield their numbers and records as they become complete.

    Only a few files for each worker are given to the scheduler at a time. A worker that dies is replaced, and its file
    is made again. If the scheduler is lost, the remaining files go to the one that takes its place at the same address.
    """
    waiting = list(blocks)
    while waiting:
        try:
            for block, record in _connected(job, waiting, workers):
                waiting.remove(block)
                yield block, record
        except _LostError as lost:
            scheduler = workers.cluster.scheduler
            if scheduler is None:
                raise ConfigError(f"the local cluster was lost ({lost}); go on with resume=True (--resume)") from None
            log.warning("the scheduler %s was lost; waiting for another one", scheduler)


class _LostError(Exception):
    """The connection to the scheduler was lost."""


def _connected(job: Path, blocks: Sequence[int], workers: Workers) -> Iterator[tuple[int, dict[str, Any]]]:
    """Make data files while the connection to a scheduler lasts."""
    from distributed import wait

    with workers.client() as client:
        running: dict[Any, int] = {}
        left = list(reversed(blocks))
        while left or running:
            try:
                window = FILES_AHEAD * max(1, sum(client.nthreads().values()))
                while left and len(running) < window:
                    block = left.pop()
                    running[client.submit(make_block_of, str(job), block, pure=False)] = block
                for future in _finished(wait, running):
                    block, record = running.pop(future), _record(future)
                    if record is not None:
                        yield block, record
                    elif client.status == "running":
                        left.append(block)
                    else:
                        raise _LostError(client.status)
            except _lost_errors() as error:
                raise _LostError(str(error) or type(error).__name__) from error
            if client.status not in ("running", "connecting"):
                raise _LostError(client.status)


def _finished(wait: Any, running: dict[Any, int]) -> list[Any]:
    """Return the futures that are done or cancelled, after a while an empty list.

    When a worker dies before its result was fetched, Dask makes the result again; until then its future is not done.
    """
    with suppress(TimeoutError, CancelledError):
        wait(list(running), timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
    return [future for future in running if future.done()]


def _record(future: Any) -> dict[str, Any] | None:
    """Return the record of a data file, or None if its future was cancelled; raises the error of its worker."""
    try:
        record: dict[str, Any] = future.result()
    except CancelledError:
        return None
    return record


def _lost_errors() -> tuple[type[BaseException], ...]:
    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    return (CommClosedError, KilledWorker, ConnectionError)


def _local_client(cluster: Cluster, opened: ExitStack) -> Any:
    """Return a client of a new local cluster; `opened` closes both."""
    import dask
    from distributed import Client, LocalCluster

    opened.enter_context(dask.config.set(DASK))
    threads = cluster.threads_of_a_worker() or 1
    environment = {"OMP_NUM_THREADS": str(threads)}
    local: Any = LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=cluster.count,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",
        silence_logs=logging.CRITICAL,
        env=environment,
    )
    opened.enter_context(local)
    log.info("%d workers of %d threads; dashboard: %s", cluster.count, threads, local.dashboard_link)
    client: Any = Client(local)  # type: ignore[no-untyped-call]
    return opened.enter_context(client)


@contextmanager
def _scheduler_client(cluster: Cluster) -> Iterator[Any]:
    """Give a client of a scheduler that runs already, and close it."""
    import dask
    from distributed import Client

    with dask.config.set(DASK), _called(Client, cluster) as client:
        yield client


def _called(client: Any, cluster: Cluster) -> Any:
    """Return a client of a scheduler, which may take some time to come up."""
    end = time.monotonic() + cluster.timeout_s
    while True:
        left = max(1.0, min(5.0, end - time.monotonic()))
        try:
            return client(cluster.scheduler, timeout=left)
        except (OSError, TimeoutError, ValueError) as error:
            if isinstance(error, ValueError) or time.monotonic() >= end:
                silent = f"does not answer within {cluster.timeout_s:g} s"
                reason = "is not an address" if isinstance(error, ValueError) else silent
                raise ConfigError(
                    f"scheduler {cluster.scheduler}: {reason}; start it with "
                    "'dask scheduler', and give the address that it prints, such as tcp://host:8786"
                ) from None
            time.sleep(min(1.0, left))
