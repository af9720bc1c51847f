"""The number of rendering threads, and work shared among Python threads."""

import operator
import os
import re
import threading
from collections.abc import Callable, Iterator

from .._core import HAS_OPENMP
from ..errors import ConfigError, warn_user

MOST_THREADS = 1024  # more take gigabytes of address space for their stacks, and a process may not get them
POLL_SECONDS = 0.1


class _Team:
    """State of OpenMP's threads: they do not survive a fork, but OpenMP in the child does not know that.

    `largest` is the number of threads that are known to start.
    """

    largest = 1
    started = False
    lost = False
    warned = False

    @classmethod
    def forked(cls) -> None:
        cls.lost = cls.lost or cls.started


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Team.forked)


def rendering_threads(threads: int | None) -> int:
    """Return `thread_count`, or fewer with a warning.

    There is one thread without OpenMP and in a child forked from a process that used it, and fewer threads where the
    system does not start as many: OpenMP would end the process.
    """
    count = thread_count(threads)
    if threads is not None and threads > 1 and not HAS_OPENMP:
        warn_user("nanobragg was built without OpenMP and renders on one thread")
    if count > 1 and _Team.lost:
        if not _Team.warned:
            warn_user(
                "this process was forked from one that had rendered on several threads, and renders on one; "
                "use the 'spawn' or 'forkserver' start method of multiprocessing for more"
            )
        _Team.warned = True
        return 1
    count = _startable(count) if HAS_OPENMP else 1
    _Team.started = _Team.started or count > 1
    return count


def thread_count(threads: int | None) -> int:
    """Return `threads` if given, otherwise OMP_NUM_THREADS if it is valid, otherwise the number of processors.

    Raises `ConfigError` unless `threads` is an integer from 1 to `MOST_THREADS`.
    """
    if threads is None:
        wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
        given = int(wanted) if re.fullmatch("[0-9]{1,9}", wanted) else 0
        return given if 1 <= given <= MOST_THREADS else min(_usable_processors(), MOST_THREADS)
    try:
        count = operator.index(threads)
    except TypeError:
        raise ConfigError(f"threads = {threads!r}: must be an integer") from None
    if not 1 <= count <= MOST_THREADS:
        raise ConfigError(f"threads = {threads}: must be at least 1 and at most {MOST_THREADS}")
    return count


def _usable_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _startable(count: int) -> int:
    """Return `count`, or half of the threads that start at the same time if they are fewer, with a warning."""
    if count <= _Team.largest:
        return count
    release = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(count):
            thread = threading.Thread(target=release.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:  # can't start new thread
        pass
    finally:
        release.set()
        for thread in started:
            thread.join()
    if len(started) == count:
        _Team.largest = count
        return count
    fewer = max(1, len(started) // 2)
    warn_user(
        f"only {len(started)} of {count} threads can be started; rendering on {fewer}; give fewer threads, or raise "
        "the limits of the process (ulimit -u, -v)"
    )
    return fewer


def share(work: Callable[[Iterator[int]], None], count: int, threads: int) -> None:
    """Call `work` in several threads with an iterator each; together these yield the numbers below `count` once.

    If a call raises an exception, or Ctrl-C is pressed, the iterators end, and it is raised here when all calls have
    returned. A single call is made in this thread, and so is the only one where no thread can be started.
    """
    if min(threads, count) == 1:
        work(iter(range(count)))
        return
    numbers, failures = _Numbers(count), []

    def run() -> None:
        try:
            work(numbers)
        except BaseException as error:
            failures.append(error)
            numbers.stop()

    running: list[threading.Thread] = []
    try:
        for _ in range(min(threads, count)):
            thread = threading.Thread(target=run, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # can't start new thread
                break
            running.append(thread)
        if not running:
            work(numbers)
        for thread in running:
            while thread.is_alive():
                thread.join(POLL_SECONDS)
    finally:
        numbers.stop()
        for thread in running:
            thread.join()
    if failures:
        raise failures[0]


class _Numbers:
    """An iterator over the numbers below a limit for several threads, which each call of `stop` ends."""

    def __init__(self, count: int) -> None:
        self._numbers = iter(range(count))
        self._lock = threading.Lock()

    def __iter__(self) -> "_Numbers":
        return self

    def __next__(self) -> int:
        with self._lock:
            return next(self._numbers)

    def stop(self) -> None:
        """End the iteration in all threads."""
        with self._lock:
            self._numbers = iter(range(0))
