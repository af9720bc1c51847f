"""Run the benchmarks: python -m benchmarks [--workload NAME …] [--repeats N] [--isa NAME …] [--threads N …]"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from nanobragg import _core
from nanobragg.rendering.instruction_sets import select_instruction_set

from .machine import c_program, load_average, machine_facts, multiply_add_rate, processors, warn_if_busy
from .measure import measure
from .overheads import measure_overheads
from .plot import draw
from .report import Results, as_markdown
from .workloads import load_workloads

MEMORY_PIXELS = 4096


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite; write tables to stdout and OUT/table.md, times to OUT/results.json, a plot to OUT/plot.png."""
    chosen = _options().parse_args(argv)
    select_instruction_set()  # apply NANOBRAGG_ISA, which acts once per process, before choosing ourselves
    program = c_program()
    facts = machine_facts(program)
    warn_if_busy(facts["load_average"])
    try:
        workloads = load_workloads(chosen.workload, chosen.pixels)
        isas = [isa for isa in _core.instruction_sets() if isa in _chosen_isas(chosen)]
    except ValueError as error:
        print(f"benchmarks: error: {error}", file=sys.stderr)
        return 2
    repeats = 1 if chosen.quick else chosen.repeats
    rates = {isa: multiply_add_rate(isa) for isa in isas}
    around = measure_overheads(chosen.pixels or MEMORY_PIXELS, chosen.threads, repeats)
    timings = [
        timing
        for workload in workloads
        for timing in measure(workload, isas=isas, threads=chosen.threads, repeats=repeats, c_program=program)
    ]
    facts["load_average_end"] = load_average()
    settings = {"repeats": repeats, "threads": chosen.threads, "pixels": chosen.pixels}
    _write(Results(facts, settings, rates, around, timings), chosen.out)
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Times of the workloads of tests/workloads.yaml, beside the C program's if NB_C_BIN names it.",
    )
    add = parser.add_argument
    every = sorted({1, processors()})
    add("--workload", nargs="+", metavar="NAME", help="default: all")
    add("--repeats", type=_positive, default=5, metavar="N", help="repeats, of which the median is used (default: 5)")
    add("--isa", nargs="+", metavar="NAME", help="instruction sets; default: all of this machine")
    add("--threads", nargs="+", type=_positive, default=every, metavar="N", help="default: 1 and all")
    add(
        "--out",
        type=Path,
        default=Path("benchmark-results"),
        metavar="DIR",
        help="folder for the results (default: benchmark-results)",
    )
    add("--quick", action="store_true", help="one repeat, and only the best instruction set unless --isa is given")
    add("--pixels", type=_positive, metavar="N", help="pixels along a side, to test the suite itself")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return number


def _chosen_isas(chosen: argparse.Namespace) -> Sequence[str]:
    """Return the names of instruction sets; raise ValueError if this machine lacks one."""
    available = _core.instruction_sets()
    for isa in chosen.isa or ():
        if isa not in available:
            raise ValueError(f"instruction set {isa!r}: this machine has {', '.join(available)}")
    return chosen.isa or (available[-1:] if chosen.quick else available)


def _write(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    table = as_markdown(results)
    (folder / "results.json").write_text(json.dumps(results.as_json(), indent=1) + "\n")
    (folder / "table.md").write_text(table)
    print(table)
    try:
        draw(results, folder / "plot.png")
    except ImportError:
        print("benchmarks: no plot, which needs matplotlib: pip install '.[bench]'", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
