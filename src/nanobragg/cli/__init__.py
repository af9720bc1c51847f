"""The command line: C flags, or a command with options, mapped to the public API."""

import errno
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

from ..errors import LONGEST_LINE, ConfigError, NanobraggError, NanobraggWarning, escape_unprintable
from ..io.atomic import write_error
from .streams import CLOSED, Terminated, ended_by_signals, safe_streams
from .verbose import logged, take_switch

VERSION = {"-version", "--version"}
SIGNALLED, BROKEN_PIPE = 128, 128 + 13  # a shell's exit status for a signal is its number added to 128
INTERRUPTED = SIGNALLED + 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code (listed in `nanobragg.errors`).

    Parameters
    ----------
    argv
        Arguments after the program's name; default: `sys.argv[1:]`.
    """
    with safe_streams() as (output, _):
        code = _run_to_the_end(list(sys.argv[1:] if argv is None else argv))
        output.flush()
        failure = output.failure
        if failure is None or code or failure.errno in CLOSED:
            return code
        if failure.errno == errno.EPIPE:
            return BROKEN_PIPE
        return _fail(f"standard output: {write_error(failure)}", NanobraggError.exit_code)


def _run_to_the_end(words: list[str]) -> int:
    """Run one command line and report how it ends; an interrupt may come at any time, also while modules load."""
    try:
        verbose, words = take_switch(words)
        with warnings.catch_warnings(), logged(verbose), ended_by_signals():
            _format_warnings()
            return _run(words)
    except NanobraggError as error:
        lines = "\n".join(map(str, error.args))
        return _fail(lines if 0 < len(lines) <= LONGEST_LINE else str(error), error.exit_code)
    except MemoryError as error:
        return _fail(f"{error or 'out of memory'}; use fewer pixels", NanobraggError.exit_code)
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except Terminated as error:
        _say(f"terminated by {signal.Signals(error.number).name}")
        return SIGNALLED + error.number


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
    sys.stdout.flush()  # keep the order of output and error
    _say(f"error: {text}")
    return code


def _say(text: str) -> None:
    print(f"nanobragg: {'; '.join(escape_unprintable(text).splitlines())}", file=sys.stderr, flush=True)
