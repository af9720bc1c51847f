"""The number of rendering threads."""

import os
import warnings

from .._core import HAS_OPENMP
from ..errors import ConfigError, NanobraggWarning


class _Team:
    """State of OpenMP's threads: they do not survive a fork, but OpenMP in the child does not know that."""

    started = False
    lost = False
    warned = False

    @classmethod
    def forked(cls) -> None:
        cls.lost = cls.lost or cls.started


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Team.forked)


def rendering_threads(threads: int | None) -> int:
    """Return `thread_count`, or 1 without OpenMP and in a child forked from a process that used it; both warn."""
    count = thread_count(threads)
    if threads is not None and threads > 1 and not HAS_OPENMP:
        warnings.warn("nanobragg was built without OpenMP and renders on one thread", NanobraggWarning, stacklevel=3)
    if count > 1 and _Team.lost:
        if not _Team.warned:
            warnings.warn(
                "this process was forked from one that had rendered on several threads, and renders on one; "
                "use the 'spawn' or 'forkserver' start method of multiprocessing for more",
                NanobraggWarning,
                stacklevel=3,
            )
        _Team.warned = True
        return 1
    _Team.started = _Team.started or count > 1
    return count


def thread_count(threads: int | None) -> int:
    """Return `threads` if given, otherwise OMP_NUM_THREADS, otherwise the number of available processors."""
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
