"""The option `--verbose`: log messages of the library on standard error."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

SWITCH = "--verbose"


def take_switch(words: Sequence[str]) -> tuple[bool, list[str]]:
    """Return whether the option is among the arguments before any --, and the arguments without it."""
    own = words[: words.index("--")] if "--" in words else words
    return SWITCH in own, [word for i, word in enumerate(words) if word != SWITCH or i >= len(own)]


@contextmanager
def logged(wanted: bool) -> Iterator[None]:
    """Print the log records of the library, one line each."""
    if not wanted:
        yield
        return
    logger = logging.getLogger("nanobragg")
    before = logger.level
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("nanobragg: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
