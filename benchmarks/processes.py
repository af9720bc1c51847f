"""Timing of whole processes: ours and the C program's with the same flags."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .workloads import Workload

QUIET = ("-nonoise", "-nopgm", "-noprogress", "-floatfile", "float.bin")
ONE_PIXEL = ("-roi", "0", "0", "0", "0")  # everything but the loop over pixels


def c_seconds(program: Path, workload: Workload, folder: Path, *, one_pixel: bool = False) -> float:
    """Return the wall time of a process of the C program on one thread that writes one float image."""
    command = [str(program), *workload.flags, *QUIET, *(ONE_PIXEL if one_pixel else ())]
    return _seconds(command, folder, {"OMP_NUM_THREADS": "1"})


def our_seconds(workload: Workload, folder: Path, isa: str, threads: int) -> float:
    """Return the wall time of a `nanobragg` process with the same output."""
    command = [sys.executable, "-m", "nanobragg", *workload.flags, *QUIET]
    return _seconds(command, folder, {"OMP_NUM_THREADS": str(threads), "NANOBRAGG_ISA": isa})


def run_python(code: str, *words: str) -> str:
    """Return the standard output of `code` in a new Python process."""
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _seconds(words: Sequence[str], folder: Path, variables: Mapping[str, str]) -> float:
    environment = {**os.environ, **variables}
    start = time.perf_counter()
    done = subprocess.run(words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: exit status {done.returncode}; {done.stderr.strip()[-500:]}")
    return seconds
