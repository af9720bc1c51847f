"""The machine's description, load and peak arithmetic rate."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

import nanobragg as nb
from nanobragg import _core

RATE_SECONDS = 0.02  # of each measurement
BUSY = 0.5  # load average per processor


def c_program() -> Path | None:
    """Return the C program that the environment variable NB_C_BIN names."""
    named = os.environ.get("NB_C_BIN")
    return Path(named).resolve() if named else None


def machine_facts(program: Path | None) -> dict[str, Any]:
    """Return the hardware, software and compilers, for the report."""
    built = Path(_core.__file__)
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": _cpu_name(),
        "processors": processors(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load_average": load_average(),
        "nanobragg": nb.__version__,
        "compiler": _compiler(built),
        "editable": "site-packages" not in built.parts,
        "instruction_sets": list(_core.instruction_sets()),
        "openmp": _core.HAS_OPENMP,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "c_program": None if program is None else str(program),
        "c_compiler": None if program is None else _compiler(program),
    }


def processors() -> int:
    """Return the number of processors available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_average() -> float | None:
    """Return the load average of the last minute, or None where the system has none."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def busy(load: float | None) -> bool:
    """Return whether the load is too high for meaningful times."""
    return load is not None and load > BUSY * processors()


def warn_if_busy(load: float | None) -> None:
    """Say on standard error that other processes keep the machine busy."""
    if busy(load):
        print(f"benchmarks: warning: the machine is busy (load {load})", file=sys.stderr)


def multiply_add_rate(isa: str) -> float:
    """Return the double-precision multiply-adds per second and core of an instruction set, the best of short runs."""
    _core.use_instruction_set(isa)
    n, seconds = 1_000_000, 0.0
    while seconds < RATE_SECONDS:
        n *= 2
        seconds = _seconds(n)
    return n / min(seconds, *(_seconds(n) for _ in range(9)))


def _seconds(n: int) -> float:
    start = time.perf_counter()
    _core.multiply_adds(n)
    return time.perf_counter() - start


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()


def _compiler(binary: Path) -> str | None:
    """Return the compiler named in a binary, or None."""
    found = re.search(rb"GCC: \([^)]*\) [\d.]+|clang version [\d.]+", binary.read_bytes())
    return found[0].decode() if found else None
