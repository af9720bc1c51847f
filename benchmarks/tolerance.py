"""Speed-up by a tolerance over the exact engine: python -m benchmarks.tolerance [--crystal WORD …] [--repeats N]

Times are the processor's, of one thread: unlike wall-clock times they hardly depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import nanobragg as nb
from nanobragg.errors import NanobraggWarning
from nanobragg.nanobragg_c.flags.config_to_flags import config_to_flags

from .machine import c_program, load_average, machine_facts, warn_if_busy
from .processes import c_seconds
from .workloads import Workload

CELL = (79.1, 79.1, 38.4, 90.0, 90.0, 90.0)
PIXELS = 2048
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, None)
STRIPS = 0.1, 0.5, 0.83  # where the exact engine renders some rows, as a share of the image's height
STRIP_TERMS, C_STRIP_TERMS = 1e8, 1e7
LONG_SECONDS = 15.0  # of a rendering, after which smaller tolerances are left out
HEADER = """\
| crystal | tolerance | C program, s | exact, s | with terms left out, ms | × | share of the terms |
| --- | --- | ---: | ---: | ---: | ---: | ---: |
"""


@dataclass(frozen=True)
class Sample:
    """A crystal, its beam and detector: `crystal` are fields of `Crystal`, `bandwidth` is in per cent."""

    name: str
    crystal: Mapping[str, Any]
    waves: int = 1
    bandwidth: float = 1.0
    phi_steps: int = 1
    pixels: int = PIXELS
    sampling: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def config(self) -> nb.Config:
        return nb.Config(
            crystal=nb.Crystal(cell=CELL, misset_deg=(21.0, 43.0, 65.0), **self.crystal),
            structure_factors=_amplitudes(),
            beam=nb.Beam(
                wavelength_A=1.0, fluence_ph_m2=1e22, kahn_factor=0.98,
                dispersion_percent=self.bandwidth if self.waves > 1 else 0.0,
                dispersion_steps=self.waves if self.waves > 1 else None,
            ),
            detector=nb.Detector.flat(distance_mm=150.0, pixels=self.pixels, pixel_mm=0.1 * PIXELS / self.pixels),
            scan=nb.Scan(range_deg=1.0, steps=self.phi_steps) if self.phi_steps > 1 else nb.Scan(),
            sampling=nb.Sampling(**{"oversample": 1, **self.sampling}),
        )  # fmt: skip


def _mosaic(shape: str, cells: float, domains: int = 50) -> dict[str, Any]:
    return {"shape": shape, "n_cells": cells, "mosaic_spread_deg": 0.2, "mosaic_domains": domains}


SAMPLES = (
    Sample("gauss, N 60, 50 × 100", _mosaic("gauss", 60), 100),
    Sample("gauss, N 60, 50 × 20", _mosaic("gauss", 60), 20),
    Sample("gauss, N 60, 50 × 1", _mosaic("gauss", 60)),
    Sample("gauss, N 60, 200 φ steps × 10 domains", _mosaic("gauss", 60, 10), phi_steps=200),
    Sample("gauss, N 20, 50 × 100", _mosaic("gauss", 20), 100),
    Sample("tophat, N 60, 50 × 100", _mosaic("tophat", 60), 100),
    Sample("square, N 60, 50 × 100", _mosaic("square", 60), 100),
    Sample("square, N 100, 50 × 20", _mosaic("square", 100), 20),
    Sample("square, N 60, 50 × 1, 4 × 4 sub-pixels", _mosaic("square", 60), sampling={"oversample": 4}),
    Sample("round, N 60, 50 × 100", _mosaic("round", 60), 100),
    Sample("gauss, N 3, 50 × 1", _mosaic("gauss", 3)),
    Sample("square, N 3, 50 × 1", _mosaic("square", 3)),
    Sample("round, N 3, 50 × 1", _mosaic("round", 3)),
    Sample("square, N 5, tricubic, one domain", {"shape": "square", "n_cells": 5}),
    Sample("gauss, N 60, 50 × 20, 64² pixels", _mosaic("gauss", 60), 20, pixels=64),
    Sample("square, N 60, one domain, 64² pixels", {"shape": "square", "n_cells": 60}, pixels=64),
)


@dataclass(frozen=True)
class Row:
    """One crystal at one tolerance; None: the default. Times of the C program and of the exact engine are estimates."""

    name: str
    tolerance: float | None
    c_seconds: float | None
    exact_seconds: float
    seconds: list[float]
    share: float

    @property
    def ratio(self) -> float:
        return self.exact_seconds / statistics.median(self.seconds)


@cache
def _amplitudes() -> nb.StructureFactors:
    return nb.StructureFactors.wilson(CELL, "P 43 21 2", b_factor=15.0, d_min_A=2.0, seed=2026)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; write the table to stdout and OUT/tolerance.md, times to OUT/tolerance.json, OUT/tolerance.png."""
    chosen = _options().parse_args(argv)
    program = c_program()
    facts = machine_facts(program)
    warn_if_busy(facts["load_average"])
    samples = [sample for sample in SAMPLES if all(word in sample.name for word in chosen.crystal)]
    if not samples:
        print(f"benchmarks: error: no crystal's name has all of {' '.join(chosen.crystal)}", file=sys.stderr)
        return 2
    rows = [row for sample in samples for row in measure(sample, chosen.repeats, program)]
    facts["load_average_end"] = load_average()
    chosen.out.mkdir(parents=True, exist_ok=True)
    table = HEADER + "".join(map(_line, rows))
    (chosen.out / "tolerance.md").write_text(table)
    (chosen.out / "tolerance.json").write_text(
        json.dumps({"machine": facts, "rows": [dataclasses.asdict(row) for row in rows]}, indent=1) + "\n"
    )
    print(table)
    try:
        draw(rows, chosen.out / "tolerance.png")
    except ImportError:
        print("benchmarks: no plot, which needs matplotlib: pip install '.[bench]'", file=sys.stderr)
    return 0


def measure(sample: Sample, repeats: int, program: Path | None) -> Iterator[Row]:
    """Yield the rows of a crystal, from large to small tolerances, on one thread, in single precision."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NanobraggWarning)
        config = sample.config()
        scene = nb.Scene(config)
        out = np.ones(scene.shape, np.float32)  # memory that was written before
        exact = _of_strips(scene, STRIP_TERMS, lambda roi: _seconds(scene, out, 0.0, roi)[0])
        in_c = None
        if program is not None:
            in_c = _of_strips(scene, C_STRIP_TERMS, lambda roi: _c_seconds(program, config.replace(roi=roi)))
        for tolerance in TOLERANCES:
            timed = [_seconds(_fresh(config), out, tolerance) for _ in range(repeats)]
            seconds = [each for each, _ in timed]
            yield Row(sample.name, tolerance, in_c, exact, seconds, timed[0][1])
            print(f"{sample.name}, {tolerance}: {min(seconds):.3g} s", file=sys.stderr, flush=True)
            if tolerance is not None and min(seconds) > LONG_SECONDS:
                break


def _fresh(config: nb.Config) -> nb.Scene:
    """Return a scene that has the exact engine's tables, and nothing else, ready."""
    scene = nb.Scene(config)
    scene.core(np.float32)
    return scene


def _seconds(
    scene: nb.Scene, out: np.ndarray, tolerance: float | None, roi: tuple[slice, slice] | None = None
) -> tuple[float, float]:
    """Return the processor's time for an image or a part of it, and the share of the terms that are evaluated."""
    start = time.process_time()
    _, report = nb.simulate(scene, out=out, threads=1, tolerance=tolerance, roi=roi, report=True)
    return time.process_time() - start, report.terms_evaluated / report.terms


def _of_strips(scene: nb.Scene, terms: float, seconds: Callable[[tuple[slice, slice]], float]) -> float:
    """Return the time of an image, from the median of strips of about so many terms, or the image itself."""
    rows, columns = scene.shape
    high = max(1, min(rows // 4, round(terms / (columns * scene.terms))))
    if rows <= len(STRIPS) * high:
        return statistics.median(seconds((slice(rows), slice(columns))) for _ in range(3))
    firsts = [min(int(strip * rows), rows - high) for strip in STRIPS]
    return statistics.median(seconds((slice(y, y + high), slice(columns))) for y in firsts) * rows / high


def _c_seconds(program: Path, config: nb.Config) -> float:
    """Return the processor's time for the C program's loop over the pixels of the ROI."""
    seconds = []
    with TemporaryDirectory(prefix="nanobragg-benchmark-") as name:
        workload = Workload("roi", tuple(config_to_flags(config, name)), 0)
        for one_pixel in (False, True):
            before = os.times().children_user
            c_seconds(program, workload, Path(name), one_pixel=one_pixel)
            seconds.append(os.times().children_user - before)
    return max(seconds[0] - seconds[1], 0.0)


def _line(row: Row) -> str:
    c_time = "" if row.c_seconds is None else f"{row.c_seconds:,.3g}"
    tolerance = "default" if row.tolerance is None else f"{row.tolerance:.0e}"
    milliseconds = 1000 * statistics.median(row.seconds)
    return (
        f"| {row.name} | {tolerance} | {c_time} | {row.exact_seconds:.3g} | {milliseconds:,.3g} | {row.ratio:,.3g} "
        f"| {row.share:.1e} |\n"
    )


def draw(rows: Sequence[Row], path: Path) -> None:
    """Plot the speed-up against the tolerance, a line for each crystal; raise ImportError without matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    for number, name in enumerate(dict.fromkeys(row.name for row in rows)):
        points = [(row.tolerance, row.ratio) for row in rows if row.name == name and row.tolerance is not None]
        axes.loglog(*zip(*points, strict=True), "-o" if number < 10 else "--o", markersize=3, label=name)
    axes.axhline(1.0, color="0.4", linewidth=0.8)
    axes.set_xlabel("tolerance, share of the brightest pixel")
    axes.set_ylabel("exact engine's time / time with terms left out")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=8, title="crystal, domains × wavelengths")
    figure.savefig(path, dpi=150)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tolerance",
        description="Speed-up by a tolerance over the exact engine, and the C program's time if NB_C_BIN names it.",
    )
    add = parser.add_argument
    add("--crystal", nargs="+", default=(), metavar="WORD", help="only crystals whose names have all these words")
    add("--repeats", type=int, default=3, metavar="N", help="renderings, of which the median is used (default: 3)")
    add("--out", type=Path, default=Path("benchmark-results"), metavar="DIR", help="default: benchmark-results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
