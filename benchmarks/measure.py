"""Timing of workloads. Contestants run in turns, so that a slow minute of the machine affects all of them."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import nanobragg as nb
from nanobragg import _core

from .processes import c_seconds, our_seconds
from .workloads import Workload, operations

Mode = Literal["float32", "float64", "c", "C program"]
Kind = Literal["kernel", "process", "one pixel"]
MODES: dict[Mode, tuple[str | None, Literal["float32", "float64"]]] = {
    "float32": (None, "float32"),
    "float64": (None, "float64"),
    "c": ("c", "float32"),
}  # compat and dtype
SHORT_SECONDS = 0.1  # short renderings are repeated for this long, and their median is used
SHORT_CALLS = 20


@dataclass
class Timing:
    """The times of one contestant on one workload.

    Attributes
    ----------
    mode
        "float32" and "float64" (compat=None), "c" (compat="c"), or "C program".
    kind
        "kernel": `nanobragg.simulate` of an existing Scene; for the C program, a whole process minus one that renders
        one pixel. "process": a whole process. "one pixel": a process of the C program that renders one pixel.
    operations
        Operations of the workload (`workloads.operations`); None for the C program.
    seconds
        One time per repeat.
    """

    workload: str
    mode: Mode
    kind: Kind
    isa: str
    threads: int
    steps: int
    operations: float | None
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def ns_per_step(self) -> float:
        return self.median / self.steps * 1e9


Contestant = tuple[Timing, Callable[[], float]]


def measure(
    workload: Workload, *, isas: Sequence[str], threads: Sequence[int], repeats: int, c_program: Path | None
) -> list[Timing]:
    """Return all times of one workload, measured in the order A B C … A B C …"""
    with TemporaryDirectory(prefix="nanobragg-benchmark-") as name:
        contestants = list(_contestants(workload, isas, threads, c_program, Path(name)))
        for repeat in range(repeats):
            for timing, run in contestants:
                timing.seconds.append(run())
            print(f"{workload.name}: {repeat + 1} of {repeats}", file=sys.stderr, flush=True)
    timings = [timing for timing, _ in contestants]
    return timings + _c_kernel(timings)


def _contestants(
    workload: Workload, isas: Sequence[str], threads: Sequence[int], c_program: Path | None, folder: Path
) -> Iterator[Contestant]:
    def timing(mode: Mode, kind: Kind, isa: str = "", n: int = 1) -> Timing:
        return Timing(workload.name, mode, kind, isa, n, workload.steps, needed.get(mode))

    scenes = {mode: workload.scene(compat) for mode, (compat, _) in MODES.items()}
    needed = {mode: operations(workload, scene, single=mode != "float64") for mode, scene in scenes.items()}
    if c_program is not None:
        run = partial(c_seconds, c_program, workload, folder)
        yield timing("C program", "process"), run
        yield timing("C program", "one pixel"), partial(run, one_pixel=True)
    for isa in isas:
        for n in threads:
            for mode, scene in scenes.items():
                yield timing(mode, "kernel", isa, n), partial(_kernel_seconds, scene, mode, isa, n)
            yield timing("c", "process", isa, n), partial(our_seconds, workload, folder, isa, n)


def _kernel_seconds(scene: nb.Scene, mode: Mode, isa: str, threads: int) -> float:
    """Return the time to render an existing scene; the median of several renderings if they are short."""
    _core.use_instruction_set(isa)
    dtype = MODES[mode][1]
    nb.simulate(scene, roi=(slice(0, 1), slice(0, 1)), threads=threads, dtype=dtype)  # builds the scene's cached tables
    seconds: list[float] = []
    while sum(seconds) < SHORT_SECONDS and len(seconds) < SHORT_CALLS:
        start = time.perf_counter()
        nb.simulate(scene, threads=threads, dtype=dtype)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _c_kernel(timings: Sequence[Timing]) -> list[Timing]:
    """Return the C program's time for the loop over pixels: whole processes minus those of one pixel."""
    by_kind = {timing.kind: timing for timing in timings if timing.mode == "C program"}
    if not by_kind:
        return []
    whole, start = by_kind["process"], by_kind["one pixel"]
    seconds = [max(a - b, 0.0) for a, b in zip(whole.seconds, start.seconds, strict=True)]
    return [Timing(whole.workload, "C program", "kernel", "", 1, whole.steps, None, seconds)]
