"""Reports of benchmark results: JSON, and tables in Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .machine import busy
from .measure import MODES, Timing

MISSING = "—"


@dataclass(frozen=True)
class Results:
    """The results of a run of the suite; `rates` are multiply-adds per second and core by instruction set."""

    machine: dict[str, Any]
    settings: dict[str, Any]
    rates: dict[str, float]
    overheads: dict[str, Any]
    timings: list[Timing]

    def find(self, workload: str, mode: str, kind: str = "kernel", isa: str = "", threads: int = 1) -> Timing | None:
        key = (workload, mode, kind, isa, threads)
        return next((t for t in self.timings if (t.workload, t.mode, t.kind, t.isa, t.threads) == key), None)

    @property
    def workloads(self) -> list[str]:
        return list(dict.fromkeys(timing.workload for timing in self.timings))

    @property
    def isas(self) -> list[str]:
        """Instruction sets, slowest first."""
        return list(self.rates)

    @property
    def threads(self) -> list[int]:
        return list(self.settings["threads"])

    def ratio(self, timing: Timing | None) -> float | None:
        """Return the C program's time on one thread divided by ours, for the same kind of time."""
        theirs = None if timing is None else self.find(timing.workload, "C program", timing.kind)
        if timing is None or theirs is None or theirs.median <= 0:
            return None
        return theirs.median / timing.median

    def fraction(self, timing: Timing) -> float | None:
        """Return the operations per second as a fraction of the peak rate of the threads' cores."""
        if timing.kind != "kernel" or timing.operations is None:
            return None
        return timing.operations / timing.median / (self.rates[timing.isa] * timing.threads)

    def as_json(self) -> dict[str, Any]:
        timings = [
            asdict(timing)
            | {
                "median_s": timing.median,
                "ns_per_step": timing.ns_per_step,
                "ratio_to_c": self.ratio(timing),
                "fraction_of_rate": self.fraction(timing),
            }
            for timing in self.timings
        ]
        return {
            "machine": self.machine,
            "settings": self.settings,
            "multiply_adds_per_s": self.rates,
            "overheads": self.overheads,
            "timings": timings,
        }


def as_markdown(results: Results) -> str:
    """Return the report as Markdown."""
    parts = [_machine(results), _kernels(results)]
    if len(results.isas) > 1:
        parts += [_by_instruction_set(results, mode) for mode in ("float32", "c")]
    return "\n\n".join([*parts, _processes(results), _overheads(results)]) + "\n"


def _machine(results: Results) -> str:
    facts = results.machine
    rates = ", ".join(f"{isa} {rate / 1e9:.3g}" for isa, rate in results.rates.items())
    lines = [
        f"{facts['cpu']}, {facts['processors']} processors, {facts['system']}; load average {facts['load_average']} "
        f"at the start, {facts['load_average_end']} at the end.",
        f"nanobragg {facts['nanobragg']} ({facts['compiler'] or 'compiler unknown'}), Python {facts['python']}, "
        f"NumPy {facts['numpy']}; C program: {facts['c_compiler'] or facts['c_program'] or 'none (NB_C_BIN)'}.",
        f"10⁹ multiply-adds per second and core, double precision: {rates}. Medians of {results.settings['repeats']}.",
    ]
    if busy(facts["load_average"]):
        lines.append("**The machine was busy at the start: the times are not reliable.**")
    if facts["editable"]:
        lines.append("**An editable installation is rebuilt at import: times of processes and imports are too long.**")
    if results.settings["pixels"] is not None:
        lines.append(f"**Reduced size: {results.settings['pixels']} pixels along a side.**")
    return "\n".join(f"* {line}" for line in lines)


def _kernels(results: Results) -> str:
    """Return the table of kernels with the fastest instruction set, on one core and on all threads."""
    isa, most = results.isas[-1], max(results.threads)
    alone = min(results.threads)
    head = ["workload", "C, s", *(f"{mode}, ms" for mode in MODES), *(f"{mode}, ×" for mode in MODES)]
    head += ["ns/step", "of rate, float32", "float64", f"{most} threads, ×"]
    rows = []
    for name in results.workloads:
        ours = [results.find(name, mode, isa=isa, threads=alone) for mode in MODES]
        first, double = (results.find(name, mode, isa=isa, threads=alone) for mode in ("float32", "float64"))
        parallel = results.find(name, "float32", isa=isa, threads=most)
        assert first is not None
        assert double is not None
        assert parallel is not None
        rows.append([
            name, _seconds(results.find(name, "C program")), *(_milliseconds(t) for t in ours),
            *(_times(results.ratio(t)) for t in ours), f"{first.ns_per_step:.2f}",
            _percent(results.fraction(first)), _percent(results.fraction(double)),
            f"{first.median / parallel.median:.2f}",
        ])  # fmt: skip
    ratios = [_mean(results, mode, isa, alone) for mode in MODES]
    rows.append(["geometric mean", "", *("" for _ in MODES), *map(_times, ratios), "", "", "", ""])
    title = f"Kernel, {isa}, {_threads(alone)} (× : the C program's time over ours; ns/step, threads: float32)"
    return _table(title, head, rows)


def _by_instruction_set(results: Results, mode: str) -> str:
    """Return the table of nanoseconds per inner step and ratios to the C program by instruction set."""
    alone = min(results.threads)
    rows = []
    for name in results.workloads:
        row = [name]
        for isa in results.isas:
            timing = results.find(name, mode, isa=isa, threads=alone)
            assert timing is not None
            ratio = results.ratio(timing)
            row.append(f"{timing.ns_per_step:.2f}" + ("" if ratio is None else f" ({ratio:.1f} ×)"))
        rows.append(row)
    rows.append(["geometric mean", *(_times(_mean(results, mode, isa, alone)) for isa in results.isas)])
    title = f"ns per inner step (C program's time over ours), {mode}, {_threads(alone)}"
    return _table(title, ["workload", *results.isas], rows)


def _processes(results: Results) -> str:
    """Return the table of whole processes with C flags."""
    isa = results.isas[-1]
    head = ["workload", "C, s", *(f"nanobragg, {_threads(n)}, s" for n in results.threads)]
    rows = []
    for name in results.workloads:
        ours = [results.find(name, "c", "process", isa, n) for n in results.threads]
        rows.append([name, _seconds(results.find(name, "C program", "process")), *map(_seconds, ours)])
    return _table(f"Whole process, {isa}, C flags", head, rows)


def _overheads(results: Results) -> str:
    found = results.overheads
    extra = found["memory_beyond_image_bytes"]
    rows = [["import nanobragg", f"{found['import_s']:.3f} s"]]
    rows += [
        [f"8 × 8 pixels of an existing Scene, {_threads(int(n))}", f"{seconds * 1e3:.3f} ms"]
        for n, seconds in found["small_roi_s"].items()
    ]
    side = found["memory_pixels"]
    rows.append([
        f"peak memory beyond the image of {side}² pixels", MISSING if extra is None else f"{extra / 1e6:.1f} MB"
    ])  # fmt: skip
    return _table("Around the kernel", ["what", ""], rows)


def _mean(results: Results, mode: str, isa: str, threads: int) -> float | None:
    """Return the geometric mean of the ratios to the C program, or None if any is unknown."""
    ratios = [results.ratio(results.find(name, mode, isa=isa, threads=threads)) for name in results.workloads]
    known = [ratio for ratio in ratios if ratio is not None]
    return math.exp(sum(map(math.log, known)) / len(known)) if known and len(known) == len(ratios) else None


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return f"**{title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _threads(n: int) -> str:
    return f"{n} thread" + ("s" if n != 1 else "")


def _seconds(timing: Timing | None) -> str:
    return MISSING if timing is None else f"{timing.median:.3g}"


def _milliseconds(timing: Timing | None) -> str:
    return MISSING if timing is None else f"{timing.median * 1e3:.3g}"


def _times(ratio: float | None) -> str:
    return MISSING if ratio is None else f"{ratio:.1f}"


def _percent(fraction: float | None) -> str:
    return MISSING if fraction is None else f"{fraction:.0%}"
