"""The command line: C flags, or a command with options, mapped to the public API."""

import errno
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from ..errors import ConfigError, NanobraggError, NanobraggWarning, escape_unprintable
from ..io.atomic import write_error
from .verbose import logged, take_switch

VERSION = {"-version", "--version"}
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
INTERRUPTED, BROKEN_PIPE = 128 + 2, 128 + 13  # a shell's exit status for SIGINT and SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code (listed in `nanobragg.errors`).

    Parameters
    ----------
    argv
        Arguments after the program's name; default: `sys.argv[1:]`.
    """
    verbose, words = take_switch(list(sys.argv[1:] if argv is None else argv))
    with warnings.catch_warnings(), logged(verbose):
        _format_warnings()
        try:
            with _printable(sys.stdout), _printable(sys.stderr):
                code = _run(words)
                sys.stdout.flush()
            return code
        except NanobraggError as error:
            return _fail(str(error), error.exit_code)
        except MemoryError as error:
            return _fail(f"{error or 'out of memory'}; use fewer pixels", NanobraggError.exit_code)
        except KeyboardInterrupt:
            _say("interrupted")
            return INTERRUPTED
        except BrokenPipeError:
            _silence_stdout()
            return BROKEN_PIPE
        except OSError as error:
            if error.errno not in DISK_FULL or error.filename is not None:
                raise  # only errors of streams have no file name
            _silence_stdout()
            return _fail(f"standard output: {write_error(error)}", NanobraggError.exit_code)


def _run(words: list[str]) -> int:
    if not words:
        from .help import USAGE

        raise ConfigError(f"nothing to do; {USAGE}; see nanobragg --help")
    first = words[0]
    if first in VERSION:
        from ..version import __version__

        print(f"nanobragg {__version__}")
        return 0
    if first.startswith("-") and first not in ("-h", "-help", "--help"):
        from .c_flags import run

        return run(words)
    from .commands import run_command

    return run_command(["help"] if first.startswith("-") else words)


def _format_warnings() -> None:
    """Print every `NanobraggWarning` as one line, also repeated ones."""
    usual = warnings.showwarning

    def show(
        message: Warning | str, category: type[Warning], filename: str, lineno: int,
        file: TextIO | None = None, line: str | None = None,
    ) -> None:  # fmt: skip
        if issubclass(category, NanobraggWarning):
            _say(f"warning: {message}")
        else:
            usual(message, category, filename, lineno, file, line)

    warnings.simplefilter("always", NanobraggWarning)
    warnings.showwarning = show


def _fail(text: str, code: int) -> int:
    try:
        sys.stdout.flush()  # keep the order of output and error
    except BrokenPipeError:
        _silence_stdout()
    _say(f"error: {text}")
    return code


def _say(text: str) -> None:
    print(f"nanobragg: {'; '.join(escape_unprintable(text).splitlines())}", file=sys.stderr, flush=True)


@contextmanager
def _printable(stream: TextIO) -> Iterator[None]:
    """Replace characters that the encoding of a stream lacks, such as Å, with question marks."""
    errors = getattr(stream, "errors", None)
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is None or errors != "strict":
        yield
        return
    reconfigure(errors="replace")
    try:
        yield
    finally:
        if not stream.closed:
            reconfigure(errors=errors)


def _silence_stdout() -> None:
    """Redirect stdout, whose reader closed the pipe, so that the final flush succeeds."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
