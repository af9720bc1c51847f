"""`python -m nanobragg` and `nanobragg`, the command line."""

import contextlib
import signal
import sys
from typing import Any


def main() -> int:
    """Run the command line of this process; Ctrl-C is reported in one line also while modules are imported."""
    interrupted = False

    def interrupt(number: int, frame: Any) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            with contextlib.suppress(ValueError):  # not in the main thread
                signal.signal(signal.SIGINT, interrupt)
        from .cli import main as run

        return run()
    except BaseException as error:  # an extension module that is interrupted at its import raises ImportError
        if not (interrupted or isinstance(error, KeyboardInterrupt)):
            raise
    sys.stderr.write("nanobragg: interrupted\n")
    return 130


if __name__ == "__main__":
    sys.exit(main())
