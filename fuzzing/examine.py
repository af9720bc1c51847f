"""The contract of every reader for arbitrary input: bounded time and memory, and one-line errors of our own classes.

It covers what is done with the file afterwards: a Scene, a small image, and files of every format. Memory is that of
the whole process, libraries included.
"""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nanobragg.errors import ConfigError, NanobraggError, NanobraggWarning

from .targets import Target

BYTE_LIMIT = 2**20  # of files and arrays while fuzzing
MEMORY_LIMIT = 64 * 2**20  # by which the memory of the process may grow
SECONDS_LIMIT = 1.0
LOOP, LOOP_SECONDS = 1_000_000, 0.06  # a loop in Python, and what it takes where SECONDS_LIMIT holds


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

    Memory is the resident memory of the process, by Linux; time is processor time. Set NANOBRAGG_MAX_BYTES to
    BYTE_LIMIT before.

    Raises
    ------
    ContractViolation
        SECONDS_LIMIT or MEMORY_LIMIT is exceeded, or the error message is not one printable line. A slower machine has
        more time.
    Exception
        The reader raised an error outside our classes.
    """
    path.write_bytes(target.repair(content))
    before = _reset_peak()
    begun = time.process_time()
    message = _message(target, path)
    seconds, peak = time.process_time() - begun, _memory("VmHWM") - before
    if seconds > SECONDS_LIMIT or peak > MEMORY_LIMIT:  # perhaps only a collection of garbage, or memory kept for reuse
        gc.collect()
        before, begun = _reset_peak(), time.process_time()
        _message(target, path)
        seconds, peak = time.process_time() - begun, _memory("VmHWM") - before
    if peak > MEMORY_LIMIT or (seconds > SECONDS_LIMIT and seconds > SECONDS_LIMIT * _slowness()):
        raise ContractViolation(f"{seconds:.2f} s and {peak / 2**20:.1f} MiB for {len(content)} bytes; {message}")
    return Observation(seconds, peak, message)


def _slowness() -> float:
    """Return how much longer a loop takes on this machine at the moment than where SECONDS_LIMIT holds."""
    begun = time.process_time()
    sum(i & 7 for i in range(LOOP))
    return (time.process_time() - begun) / LOOP_SECONDS


def _reset_peak() -> int:
    """Set the peak of the process's memory to what it uses now, and return that; 0 where the system cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _memory("VmHWM")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    """Return a number of bytes from the status of the process; 0 without one."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def _message(target: Target, path: Path) -> str | None:
    """Return the reader's error message, or None if it accepts the file; what it returns is used."""
    message = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = target.read(path)
        except NanobraggError as error:
            message = _checked(error)
        else:
            try:
                target.use(found, path.parent)
            except NanobraggError as error:
                _checked(error)
    for each in caught:
        if isinstance(each.message, NanobraggWarning):
            _checked(each.message)
    foreign = [str(each.message) for each in caught if not issubclass(each.category, NanobraggWarning)]
    if foreign:
        raise ContractViolation(f"a library warned: {foreign[0]}")
    return message


def _checked(error: NanobraggError | NanobraggWarning) -> str:
    text, may_have_lines = str(error), isinstance(error, ConfigError)
    if not text or not (text.replace("\n", "") if may_have_lines else text).isprintable():
        raise ContractViolation(f"the message is not printable, or has several lines: {text!r}")
    return text
