"""How many threads to use."""

import os

from .errors import ConfigError


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
