"""The plot of speed relative to the C program and to the machine's peak rate."""

from __future__ import annotations

from pathlib import Path

from .report import Results


def draw(results: Results, path: Path) -> None:
    """Plot the float32 kernels on one core, with bars by workload and instruction set.

    Raises
    ------
    ImportError
        Matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    threads = min(results.threads)
    width = 0.8 / len(results.isas)
    for i, isa in enumerate(results.isas):
        timings = [results.find(name, "float32", isa=isa, threads=threads) for name in results.workloads]
        positions = [place - 0.4 + width * (i + 0.5) for place in range(len(timings))]
        steps = [float("nan") if t is None else t.ns_per_step for t in timings]
        ratios = [results.ratio(t) or float("nan") for t in timings]
        has_c = results.machine["c_program"] is not None
        upper.bar(positions, ratios if has_c else steps, width, label=isa)
        percent = [float("nan") if t is None else 100 * (results.fraction(t) or 0.0) for t in timings]
        lower.bar(positions, percent, width, label=isa)
    upper.set_ylabel("C program's time / ours" if has_c else "ns per inner step")
    lower.set_ylabel("% of the multiply-add rate")
    lower.set_xticks(range(len(results.workloads)), results.workloads)
    for axes in (upper, lower):
        axes.grid(axis="y", alpha=0.3)
        axes.set_axisbelow(True)
    upper.legend(title="instruction set")
    upper.set_title(f"float32 kernel, {threads} thread{'s' if threads > 1 else ''}: {results.machine['cpu']}")
    figure.savefig(path, dpi=150)
