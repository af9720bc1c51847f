"""`nanobragg info`: properties of the build and of the machine."""

import argparse
import os
import platform

from ..analysis.summary import LABEL_WIDTH
from .parser import CommandParser


def add_options(parser: CommandParser) -> None:
    """Describe the command."""
    parser.description = "Version, instruction sets, threads, GPUs, and the versions of Python and NumPy."


def run(chosen: argparse.Namespace) -> int:
    """Print version, instruction sets, threads, GPUs, and versions of Python and NumPy."""
    for name, text in _facts().items():
        print(f"{name:<{LABEL_WIDTH}}{text}")
    return 0


def _facts() -> dict[str, str]:
    import numpy as np

    from .._core import HAS_OPENMP, instruction_sets
    from ..rendering.cuda.choice import describe_gpus
    from ..rendering.instruction_sets import VARIABLE, select_instruction_set
    from ..rendering.threads import thread_count
    from ..version import __version__

    available = instruction_sets()
    wanted = f" ({VARIABLE})" if os.environ.get(VARIABLE) else ""
    return {
        "nanobragg": __version__,
        "instructions": f"{select_instruction_set()} in use{wanted}; this machine supports {', '.join(available)}",
        "OpenMP": "yes" if HAS_OPENMP else "no: rendering on one thread",
        "threads": str(thread_count(None) if HAS_OPENMP else 1),
        "GPUs": describe_gpus(),
        "Python": f"{platform.python_version()} ({platform.machine()}, {platform.system()})",
        "NumPy": np.__version__,
        "NB_C_BIN": os.environ.get("NB_C_BIN", "not set (the C program, for comparisons)"),
    }
