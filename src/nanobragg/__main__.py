"""`python -m nanobragg` and `nanobragg`, the command line."""

import sys


def main() -> int:
    """Run the command line of this process; Ctrl-C is reported in one line also while modules are imported."""
    try:
        from .cli import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("nanobragg: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
