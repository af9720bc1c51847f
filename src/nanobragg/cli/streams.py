"""Standard streams that may be closed, full or without a reader, and signals that end a command.

Output is a courtesy, and files are the result: a stream that fails is reported when the command has finished.
"""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TextIO

CLOSED = {errno.EBADF}


class Terminated(BaseException):
    """The process was asked to end by SIGTERM or SIGHUP; `number` is that of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class SafeStream:
    """A text stream that keeps its first error in place of raising it, and then drops what is written.

    Characters that its encoding lacks, such as Å, become question marks.

    Parameters
    ----------
    stream
        The stream; None, as Python has it for a closed one, drops everything.

    Attributes
    ----------
    failure
        The first error of writing; None while there is none.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.failure: OSError | None = None
        with suppress(AttributeError, ValueError, OSError):  # not all streams can be configured
            if stream is not None and stream.errors not in ("replace", "backslashreplace"):
                stream.reconfigure(errors="replace")  # type: ignore[attr-defined]

    def write(self, text: str) -> int:
        """Write a text unless writing has failed before."""
        if self._stream is not None and self.failure is None:
            try:
                self._stream.write(text)
            except OSError as error:
                self.failure = error
            except ValueError as error:  # closed
                self.failure = OSError(errno.EBADF, str(error))
        return len(text)

    def flush(self) -> None:
        """Write what is buffered unless writing has failed before."""
        if self._stream is not None and self.failure is None:
            try:
                self._stream.flush()
            except OSError as error:
                self.failure = error
            except ValueError as error:
                self.failure = OSError(errno.EBADF, str(error))

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:
            return False

    def discard(self) -> None:
        """After a failure, let the rest of the buffer go nowhere, so that Python's last flush succeeds."""
        with suppress(OSError, ValueError, AttributeError):
            if self.failure is not None and self._stream is not None:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        if self._stream is None:
            raise AttributeError(name)
        return getattr(self._stream, name)


@contextmanager
def safe_streams() -> Iterator[tuple[SafeStream, SafeStream]]:
    """Replace standard output and standard error by safe ones, and open missing standard descriptors.

    Otherwise the next file that is opened would take the place of a closed standard stream.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)
    before: tuple[Any, Any] = (sys.stdout, sys.stderr)
    settings = [getattr(stream, "errors", None) for stream in before]
    safe: tuple[Any, Any] = (SafeStream(sys.stdout), SafeStream(sys.stderr))
    sys.stdout, sys.stderr = safe
    try:
        yield safe
    finally:
        for made in safe:
            made.flush()
            made.discard()
        sys.stdout, sys.stderr = before
        for stream, errors in zip(before, settings, strict=True):
            with suppress(AttributeError, ValueError, OSError):
                if stream.errors != errors:
                    stream.reconfigure(errors=errors)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise `Terminated` on SIGTERM and SIGHUP, unless they are ignored, so that temporary files are removed."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Terminated(number)

    before: dict[int, Any] = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        with suppress(ValueError):  # not in the main thread
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
