"""Threads that work while the caller's reports progress and takes Ctrl-C; kept, as is the OpenMP team of each."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable


class Worker:
    """A thread that does one job at a time."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="nanobragg", daemon=True).start()

    def _serve(self) -> None:
        while True:
            self._jobs.get()()

    def submit(self, job: Callable[[], None]) -> Job:
        """Begin `job`."""
        begun = Job(job)
        self._jobs.put(begun.run)
        return begun


class Job:
    """What a worker is doing; `wait` says whether it is done, `result` raises what it raised."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._done = threading.Event()
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Do it; in the worker's thread."""
        try:
            self._work()
        except BaseException as error:  # the caller's thread raises it
            self._failure = error
        finally:
            self._done.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it is done within this time."""
        return self._done.wait(seconds)

    def result(self) -> None:
        """Raise what the job raised."""
        if self._failure is not None:
            raise self._failure


_idle: list[Worker] = []


def borrow() -> Worker:
    """A worker that nobody uses; give it back."""
    try:
        return _idle.pop()
    except IndexError:
        return Worker()


def give_back(worker: Worker) -> None:
    """Keep `worker` for the next job."""
    _idle.append(worker)


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_idle.clear)
