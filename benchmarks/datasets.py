"""Shots per second of a data set, beside those of a bare loop: python -m benchmarks.datasets [--shots N] [--rounds N]

A shot is an image of 1024 × 1024 pixels of a crystal of ten mosaic domains in a random orientation, with noise, written
compressed to NXmx. The loop is what one would write by hand: it renders, adds noise and appends, on one core; what is
set up once is not counted. Two loops at once show what two processors of this machine are worth. A data set is counted
from the start of Dask and its workers to the manifest; a smaller one tells how long the start takes. Shots that are
made at once with their spots, but not written, show what the data set adds: the start of its workers, Dask, and its
files. That is the last line, and `--pixels 128 --shots 10000` measures it with small shots. All are medians of some
rounds, in each of which the loop is the mean of one before and one after the data set: the speed of a machine drifts.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import psutil

import nanobragg as nb
from nanobragg.dataset.layout import usual_per_file
from nanobragg.errors import NanobraggWarning

from .machine import load_average, warn_if_busy

CELL = (79.1, 79.1, 38.4)
PIXELS = 1024
Work = Callable[[int, int, str], float]


def still(pixels: int) -> nb.Config:
    return nb.Config(
        crystal=nb.Crystal(cell=CELL, n_cells=(20, 20, 40), shape="gauss", mosaic_spread_deg=0.1, mosaic_domains=10),
        structure_factors=nb.StructureFactors.wilson(CELL, "P 43 21 2", b_factor=20, d_min_A=1.8, seed=1),
        beam=nb.Beam(wavelength_A=0.98, flux_ph_s=1e12, exposure_s=0.1, size_mm=0.02),
        detector=nb.Detector.flat(distance_mm=100, pixels=pixels, pixel_mm=0.15 * PIXELS / pixels),
        background=nb.Background(water_um=50),
        sampling=nb.Sampling(oversample=1),
        noise=nb.Noise(adc_offset=0),
    )


def noisy_still(base: nb.Config, shot: int) -> npt.NDArray[np.int32]:
    config = base.replace({"crystal.misset_deg": (3.0 * shot, 5.0 * shot, 7.0 * shot)})
    return nb.add_noise(nb.simulate(config, threads=1), config, seed=shot, threads=1)


def bare_loop(pixels: int, shots: int, folder: str) -> float:
    """Return the shots per second of a loop on one core."""
    warnings.simplefilter("ignore", NanobraggWarning)
    base = still(pixels)
    nb.simulate(base, threads=1)  # what is set up once
    start = time.perf_counter()
    nb.write_nexus(Path(folder) / "loop.nxs", (noisy_still(base, shot) for shot in range(shots)), base)
    return shots / (time.perf_counter() - start)


def shots_alone(pixels: int, shots: int, _: str) -> float:
    """Return the shots per second of a data set, made on one core with their spots, but not written."""
    warnings.simplefilter("ignore", NanobraggWarning)
    data = serial(pixels, shots)
    data.shot(0, threads=1)  # what is set up once
    start = time.perf_counter()
    for shot in range(shots):
        for truth in data.shot(shot, threads=1).truth:
            truth.spots  # noqa: B018  the tables need them
    return shots / (time.perf_counter() - start)


def at_once(work: Work, number: int, pixels: int, shots: int, folder: Path) -> float:
    """Return the shots per second of some loops at once, in processes of their own."""
    folders = [folder / f"{work.__name__}{number}_{i}" for i in range(number)]
    for path in folders:
        path.mkdir()
    with ProcessPoolExecutor(number, multiprocessing.get_context("spawn")) as pool:
        return sum(pool.map(work, [pixels] * number, [shots] * number, map(str, folders)))


def serial(pixels: int, shots: int) -> nb.Dataset:
    return nb.Dataset(base=still(pixels), n=shots, vary={"crystal.rotation": nb.random_orientations()}, seed=1)


def data_set(workers: int, pixels: int, shots: int, folder: Path) -> tuple[float, float, float]:
    """Return the seconds of a data set, from the start of its workers to its manifest, those of its start, and memory.

    The start is what does not grow with the number of shots, from a data set of fewer files as large. The memory is the
    largest of a worker that it does not share with others, in MB.
    """
    fewer = max(1, shots // 5)

    def seconds(name: str, number: int) -> float:
        run = serial(pixels, number).run
        return run(folder / name, workers=workers, images_per_file=usual_per_file(shots), progress=False).seconds

    with largest_child() as memory:
        short, long = seconds("short", fewer), seconds("long", shots)
    start = short - fewer * (long - short) / max(1, shots - fewer)
    return long, max(0.0, start), max(memory) / 1e6


@contextmanager
def largest_child() -> Iterator[list[int]]:
    """Collect the unshared bytes of memory of this process's descendants now and then, which takes time of theirs."""
    found, ended = [0], Event()

    def look() -> None:
        while not ended.wait(2.0):
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    found.append(child.memory_full_info().uss)

    thread = Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


class Round(NamedTuple):
    """Shots per second of all kinds, the seconds of the start of a data set, and the memory of a worker in MB."""

    loop: float
    loops_at_once: float
    shots_alone: float
    data_set: float
    data_set_without_start: float
    start: float
    memory: float


def one_round(workers: int, pixels: int, shots: int, folder: Path) -> Round:
    """Return what one round measures."""
    few = max(1, shots // 10)

    def work_at_once(work: Work, number: int) -> float:
        with TemporaryDirectory(dir=folder) as own:
            return at_once(work, number, pixels, few, Path(own))

    before = work_at_once(bare_loop, 1)
    several, alone = work_at_once(bare_loop, workers), work_at_once(shots_alone, workers)
    with TemporaryDirectory(dir=folder) as own:
        seconds, start, memory = data_set(workers, pixels, shots, Path(own))
    loop = (before + work_at_once(bare_loop, 1)) / 2.0
    return Round(loop, several, alone, shots / seconds, shots / (seconds - start), start, memory)


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table of shots per second."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.datasets", description=__doc__)
    parser.add_argument("--shots", type=int, default=3000, metavar="N", help="of the data set (default: 3000)")
    parser.add_argument("--pixels", type=int, default=PIXELS, metavar="N", help="along a side (default: 1024)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="of the data set (default: 2)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of which medians are printed (default: 3)")
    chosen = parser.parse_args(argv)
    warn_if_busy(load_average())
    warnings.simplefilter("ignore", NanobraggWarning)
    with TemporaryDirectory() as folder:
        rounds = [one_round(chosen.workers, chosen.pixels, chosen.shots, Path(folder)) for _ in range(chosen.rounds)]
    middle = Round(*map(median, zip(*rounds, strict=True)))
    names = {
        "loop": "a loop", "loops_at_once": f"{chosen.workers} loops at once",
        "shots_alone": f"{chosen.workers} × shots alone", "data_set": f"data set, {chosen.workers} workers",
        "data_set_without_start": f"without its start of {middle.start:.2f} s",
    }  # fmt: skip
    print("| | shots per second | of one loop | in each round |\n| --- | ---: | ---: | --- |")
    for field, name in names.items():
        ratios = [getattr(each, field) / each.loop for each in rounds]
        each_round = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"| {name} | {getattr(middle, field):.3g} | {median(ratios):.2f} | {each_round} |")
    added = 1000.0 * chosen.workers * (1.0 / middle.data_set - 1.0 / middle.shots_alone)
    memory = f"{middle.memory:.0f} MB of unshared memory a worker"
    print(f"\n{added:.2g} ms of a worker for each shot beside making it; {memory}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
