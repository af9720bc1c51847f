"""Time of photon noise by the mean, and of a noisy exposure of 16 megapixels: python -m benchmarks.noise"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from nanobragg._photons import poisson_deviates

import nanobragg as nb

from .machine import load_average, warn_if_busy

MEANS = (0.1, 1.0, 6.0, 12.0, 100.0, 1e4, 1e8, 1e18)
DEVIATES = 2**20


def nanoseconds(mean: float, repeats: int) -> float:
    """Return the processor's time of a Poisson deviate on one core."""
    means, counts = np.full(DEVIATES, mean), np.empty(DEVIATES)
    times = []
    for _ in range(repeats + 1):  # the first touches the memory
        start = time.process_time()
        poisson_deviates(means, 0, 1, 1, counts)
        times.append(time.process_time() - start)
    return statistics.median(times[1:]) / DEVIATES * 1e9


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """Return the wall-clock time of some work on all processors."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def exposures(pixels: int, repeats: int) -> dict[str, float]:
    """Return the times of the steps from expected photons, of mean 12 and various, to a compressed file."""
    photons = np.random.default_rng(1).gamma(2.0, 6.0, (pixels, pixels)).astype(np.float32)
    config = nb.Config(
        crystal=nb.Crystal(cell=(79.1, 79.1, 38.4), n_cells=10),
        structure_factors=nb.StructureFactors.constant(1),
        beam=nb.Beam(wavelength_A=1, fluence_ph_m2=1e20),
        detector=nb.Detector.flat(distance_mm=100, pixels=pixels, pixel_mm=0.075),
    )
    noisy = nb.add_noise(photons, seed=1)
    with TemporaryDirectory() as folder:
        return {
            "noise": seconds(lambda: nb.add_noise(photons, seed=1), repeats),
            "noise and a fibre's point spread": seconds(
                lambda: nb.add_noise(photons, seed=1, psf="fiber", psf_fwhm_px=2), repeats
            ),
            "compressed NXmx file": seconds(lambda: nb.write_nexus(Path(folder) / "a.nxs", [noisy], config), repeats),
        }


def main(argv: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.noise", description=__doc__)
    parser.add_argument("--pixels", type=int, default=4096, metavar="N", help="along a side (default: 4096)")
    parser.add_argument("--repeats", type=int, default=7, metavar="N", help="of which the median is used (default: 7)")
    chosen = parser.parse_args(argv)
    warn_if_busy(load_average())
    print("| mean | ns a pixel, one core |\n| ---: | ---: |")
    for mean in MEANS:
        print(f"| {mean:g} | {nanoseconds(mean, chosen.repeats):.1f} |")
    print(f"\n| {chosen.pixels}² pixels | s |\n| --- | ---: |")
    for name, time_s in exposures(chosen.pixels, chosen.repeats).items():
        print(f"| {name} | {time_s:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
