"""Python scripts that tests run in a process of their own, and waiting for what other processes do."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence

PATIENCE_S = 300.0  # far more than anything takes on a slow machine with other work: a test has failed after it


def python(script: str, arguments: Sequence[str] = (), **options) -> subprocess.Popen:
    """Start a script with arguments, and return the process, whose output is piped."""
    words = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finished(process: subprocess.Popen, given: str | None = None, timeout_s: float = PATIENCE_S) -> tuple[str, str]:
    """Give a process its input, wait for its end and return its output and errors; one that takes longer is killed."""
    try:
        return process.communicate(given, timeout=timeout_s)
    finally:
        process.kill()


def wait_until(condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> bool:
    """Wait until a condition holds; return False if it never does."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
