"""`python -m nanobragg` and `nanobragg`, the command line."""

import atexit
import gc
import signal
import sys


def main() -> int:
    """Run the command line of this process; Ctrl-C is reported in one line also while modules are imported."""
    interrupted = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            try:  # noqa: SIM105  contextlib would take longer to import
                signal.signal(signal.SIGINT, interrupt)
            except ValueError:  # not in the main thread
                pass
        atexit.register(gc.freeze)  # a search for garbage at the end takes up to 0.3 s
        from .cli import main as run

        return run()
    except BaseException as error:  # an extension module that is interrupted at its import raises ImportError
        if not (interrupted or isinstance(error, KeyboardInterrupt)):
            raise
    sys.stderr.write("nanobragg: interrupted\n")
    return 130


if __name__ == "__main__":
    sys.exit(main())
