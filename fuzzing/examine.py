"""The contract of every reader for arbitrary input: bounded time and memory, and one-line errors of our own classes."""

from __future__ import annotations

import time
import tracemalloc
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nanobragg.errors import ConfigError, NanobraggError, NanobraggWarning

from .targets import Target

BYTE_LIMIT = 2**20  # of files and arrays while fuzzing
MEMORY_LIMIT = 16 * 2**20  # of a reader's peak memory
SECONDS_LIMIT = 1.0


class ContractViolation(AssertionError):
    """A reader took too much time or memory, or its error message is not valid."""


@dataclass(frozen=True)
class Observation:
    """The cost of reading a file, and its error message; None if the file was accepted."""

    seconds: float
    peak_bytes: int
    message: str | None


def warm_up(target: Target, path: Path, contents: Iterable[bytes]) -> None:
    """Make a reader import its libraries, so that later measurements exclude them."""
    for content in contents:
        path.write_bytes(target.repair(content))
        _message(target, path)


def examine(target: Target, path: Path, content: bytes) -> Observation:
    """Read a file with the given content and measure the cost.

    Memory is counted for Python and NumPy; time is processor time. Set NANOBRAGG_MAX_BYTES to BYTE_LIMIT before.

    Raises
    ------
    ContractViolation
        SECONDS_LIMIT or MEMORY_LIMIT is exceeded, or the error message is not one printable line.
    Exception
        The reader raised an error outside our classes.
    """
    path.write_bytes(target.repair(content))
    tracemalloc.start()
    begun = time.process_time()
    try:
        message = _message(target, path)
        seconds, peak = time.process_time() - begun, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if seconds > SECONDS_LIMIT or peak > MEMORY_LIMIT:
        raise ContractViolation(f"{seconds:.2f} s and {peak / 2**20:.1f} MiB for {len(content)} bytes; {message}")
    return Observation(seconds, peak, message)


def _message(target: Target, path: Path) -> str | None:
    """Return the reader's error message, or None if it accepts the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # warnings of libraries must not reach the user
        warnings.simplefilter("ignore", NanobraggWarning)
        try:
            target.read(path)
        except NanobraggError as error:
            text, may_have_lines = str(error), isinstance(error, ConfigError)
        else:
            return None
    if not text or not (text.replace("\n", "") if may_have_lines else text).isprintable():
        raise ContractViolation(f"the message is not printable, or has several lines: {text!r}")
    return text
