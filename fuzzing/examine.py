"""What every reader owes its caller, whatever bytes it is given."""

from __future__ import annotations

import time
import tracemalloc
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nanobragg.errors import ConfigError, NanobraggError, NanobraggWarning

from .targets import Target

BYTE_LIMIT = 2**20  # of files and arrays, while fuzzing
MEMORY_LIMIT = 16 * 2**20  # of all that a reader holds at a time
SECONDS_LIMIT = 1.0


class BrokenPromise(AssertionError):
    """A reader took too long, took too much memory, or complained in another way than it should."""


@dataclass(frozen=True)
class Observation:
    """What reading one file cost, and how it ended."""

    seconds: float
    peak_bytes: int
    complaint: str | None


def warm_up(target: Target, path: Path, contents: Iterable[bytes]) -> None:
    """Let a reader import what it needs, which is no memory that a file takes."""
    for content in contents:
        path.write_bytes(target.repair(content))
        _complaint(target, path)


def examine(target: Target, path: Path, content: bytes) -> Observation:
    """Let a reader read a file that holds `content`.

    The errors of reading must be one printable line each. Memory is what Python and NumPy take; time is the
    processor's. NANOBRAGG_MAX_BYTES should be BYTE_LIMIT.

    Raises
    ------
    BrokenPromise
        More than SECONDS_LIMIT or MEMORY_LIMIT, or a message of another kind.
    Exception
        Whatever the reader raises that is none of ours.
    """
    path.write_bytes(target.repair(content))
    tracemalloc.start()
    begun = time.process_time()
    try:
        complaint = _complaint(target, path)
        seconds, peak = time.process_time() - begun, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if seconds > SECONDS_LIMIT or peak > MEMORY_LIMIT:
        raise BrokenPromise(f"{seconds:.2f} s and {peak / 2**20:.1f} MiB for {len(content)} bytes; {complaint}")
    return Observation(seconds, peak, complaint)


def _complaint(target: Target, path: Path) -> str | None:
    """What the reader says against the file; None if nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what a library complains of is no message of ours
        warnings.simplefilter("ignore", NanobraggWarning)
        try:
            target.read(path)
        except NanobraggError as error:
            message, lines = str(error), isinstance(error, ConfigError)
        else:
            return None
    if not message or not (message.replace("\n", "") if lines else message).isprintable():
        raise BrokenPromise(f"a message that is not printable, or of several lines: {message!r}")
    return message
