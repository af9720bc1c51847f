"""Errors and warnings that nanobragg raises for problems that a user can fix.

Every message is one line that names the field, flag or file with its value, the problem, and the cure.

========================  ==================  =======================================================
class                     also a              when
========================  ==================  =======================================================
`NanobraggError`          `Exception`         base class of all errors
`ConfigError`             `ValueError`        an invalid or contradictory field, flag or argument
`ShapeError`              `ConfigError`       images to be compared have different shapes
`FileError`               `OSError`           a file cannot be opened, read or written
`FormatError`             `ValueError`        the content of a file does not conform to its format
`ProgramError`                                the C program failed, timed out or left no image
`NanobraggWarning`        `UserWarning`       valid input that is probably a mistake
========================  ==================  =======================================================

Errors are raised before rendering starts wherever possible, and no partly written file is left behind. Warnings are
issued with `warnings.warn`. Any other exception is a bug in nanobragg.

The command line prints an error's message to standard error, without a traceback, and exits with a status:

======  =============================================================================================
status  meaning
======  =============================================================================================
0       success
1       a bug: Python's traceback is printed
2       a `NanobraggError`: an invalid command line or experiment, or a file that cannot be used
130     interrupted with Ctrl-C
141     the reader of standard output closed the pipe; the files are written all the same
143     ended by SIGTERM (129: SIGHUP)
======  =============================================================================================

`nanobragg compare` has its own: 1 invalid command line, 2 a program failed, 3 the correlation is below the threshold,
4 the images have different shapes, 5 a file cannot be read or written.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import RLock

LONGEST_LINE = 1200  # characters


def escape_unprintable(text: str) -> str:
    """Return `text` with unprintable characters escaped, because messages quote the content of arbitrary files."""
    return "".join(sign if sign.isprintable() or sign == "\n" else repr(sign)[1:-1] for sign in text)


def _one_line(text: str) -> str:
    """Return a text in one printable line, without its middle if it is very long."""
    if len(text) > LONGEST_LINE:
        text = f"{text[: LONGEST_LINE * 2 // 3]} … {text[-LONGEST_LINE // 3 :]}"
    return escape_unprintable(text).replace("\n", "\\n")


class NanobraggError(Exception):
    """Base class of errors that a user can fix: invalid input, a missing file, a contradiction.

    Attributes
    ----------
    exit_code : int
        Exit status of the command line.
    """

    exit_code = 2

    def __str__(self) -> str:
        """Return one printable line for each argument; messages quote names and content of arbitrary length."""
        return "\n".join(_one_line(str(line)) for line in self.args if line) or type(self).__name__


class ConfigError(NanobraggError, ValueError):
    """A field of a Config, a flag or an argument is invalid, or contradicts another one."""


class ShapeError(ConfigError):
    """Images to be compared have different shapes."""


class FileError(NanobraggError, OSError):
    """A file cannot be opened, read or written; `__cause__` is the error of the operating system."""


class FormatError(NanobraggError, ValueError):
    """The content of a file does not conform to its format."""


class ProgramError(NanobraggError):
    """The C program failed, timed out or left no image."""


_silent: ContextVar[bool] = ContextVar("silent", default=False)
_filters = RLock()  # of warnings, which are those of the whole process


@contextmanager
def without_warnings() -> Iterator[None]:
    """Issue no `NanobraggWarning` in this thread; `warnings.catch_warnings` changes what other threads issue."""
    before = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(before)


@contextmanager
def without_library_warnings() -> Iterator[None]:
    """Ignore the warnings of other libraries, in one thread after the other, so that the filters are restored."""
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def warn_user(message: str) -> None:
    """Issue a `NanobraggWarning` at the line outside this package that led to it."""
    if _silent.get():
        return
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(f"{__package__}."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, NanobraggWarning, stacklevel=level)


class NanobraggWarning(UserWarning):
    """Valid input that is probably a mistake."""

    def __str__(self) -> str:
        """Return one printable line; warnings quote files, as errors do."""
        return _one_line(super().__str__())
