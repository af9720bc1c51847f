"""How many threads to use."""

from __future__ import annotations

import os
import warnings

from .._core import HAS_OPENMP
from ..errors import ConfigError, NanobraggWarning


class _Team:
    """OpenMP's threads, none of which a forked child has, while its memory says it had."""

    started = False
    lost = False
    missed = False  # somebody has been told

    @classmethod
    def forked(cls) -> None:
        cls.lost = cls.lost or cls.started


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Team.forked)


def rendering_threads(threads: int | None) -> int:
    """`thread_count`, but 1 where OpenMP is missing, or was lost: in a child forked off a process that used it."""
    count = thread_count(threads)
    if threads is not None and threads > 1 and not HAS_OPENMP:
        warnings.warn(
            "this nanobragg was built without OpenMP and renders on one thread", NanobraggWarning, stacklevel=3
        )
    if count > 1 and _Team.lost:
        if not _Team.missed:
            warnings.warn(
                "this process was forked off one that had rendered on several threads, and renders on one; "
                "start processes with multiprocessing's 'spawn' or 'forkserver' for more",
                NanobraggWarning,
                stacklevel=3,
            )
        _Team.missed = True
        return 1
    _Team.started = _Team.started or count > 1
    return count


def thread_count(threads: int | None) -> int:
    """`threads` if given, else OMP_NUM_THREADS, else the processors that this process may use.

    Raises
    ------
    ConfigError
        Fewer than one thread.
    """
    if threads is None:
        wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
        return int(wanted) if wanted.isdigit() and int(wanted) > 0 else _usable_processors()
    if threads < 1:
        raise ConfigError(f"threads = {threads}: must be at least 1")
    return threads


def _usable_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
