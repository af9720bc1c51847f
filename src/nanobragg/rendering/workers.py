"""Compiled calls in a thread of their own, so that the caller's thread can report progress and handle Ctrl-C."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError

POLL_SECONDS = 0.1
MOST_CALLS = 1024  # concurrent calls; threads are created as needed


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the pool of calling threads: one per concurrent call, each with its OpenMP team."""
    return ThreadPoolExecutor(MOST_CALLS, "nanobragg")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def run_stoppable(call: Callable[[], Any], stop: npt.NDArray[np.int32], poll: Callable[[], None] = lambda: None) -> Any:
    """Return the result of a call that gives up when `stop[0]` is set, which an exception in this thread does.

    `poll` is called every `POLL_SECONDS` meanwhile. Raises `ConfigError` if no thread can be started.
    """
    try:
        running = _pool().submit(call)
    except RuntimeError as error:
        stop[0] = 1  # the call is queued for the next thread that starts
        raise ConfigError(f"rendering: {error}; end other processes, or raise the limits (ulimit -u, -v)") from None
    try:
        while wait([running], POLL_SECONDS).not_done:
            poll()
    finally:
        stop[0] = 1
        wait([running])
    return running.result()
