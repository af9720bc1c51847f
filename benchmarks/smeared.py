"""Time of spots that are smeared in closed form, beside listed domains and wavelengths: python -m benchmarks.smeared"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Sequence

import numpy as np

import nanobragg as nb
from nanobragg.errors import NanobraggWarning

from .machine import load_average, warn_if_busy

CELL = (79.1, 79.1, 38.4, 90, 90, 90)
ENERGY_EV, BANDWIDTH_PERCENT, SPREAD_DEG = 12398.42, 0.5, 0.1
TOLERANCE = 1e-7  # of the listed ones


def closed(pixels: int) -> nb.Config:
    """Return a still of lysozyme with blocks of 0.16 µm."""
    return nb.Config(
        crystal=nb.Crystal(
            cell=CELL, misset_deg=(10, 20, 30), n_cells=(20, 20, 40), shape="gauss", mosaic_model="gaussian",
            mosaic_spread_deg=(SPREAD_DEG,) * 3, mosaic_sampling="analytic",
        ),
        structure_factors=nb.StructureFactors.wilson(CELL, "P 43 21 2", b_factor=15, d_min_A=1.5, seed=1),
        beam=nb.Beam(energy_eV=ENERGY_EV, bandwidth_percent=BANDWIDTH_PERCENT),
        detector=nb.Detector.flat(distance_mm=150, pixels=pixels, pixel_mm=163.84 / pixels),
        sampling=nb.Sampling(oversample=1),
    )  # fmt: skip


def listed(config: nb.Config, domains: int, wavelengths: int) -> nb.Config:
    """Return the same still with domains and wavelengths that sample the distributions."""
    z = np.linspace(-3, 3, wavelengths)
    sigma = BANDWIDTH_PERCENT / 100 / 2.3548
    spectrum = nb.Spectrum(energies_eV=ENERGY_EV * (1 + sigma * z), weights=np.exp(-0.5 * z**2))
    crystal = config.crystal.replace(mosaic_sampling="balanced", mosaic_domains=domains)
    beam = nb.Beam(energy_eV=ENERGY_EV, spectrum=spectrum)
    return config.replace(crystal=crystal, beam=beam)


def seconds(config: nb.Config, tolerance: float | None, repeats: int) -> float:
    """Return the median time of an image on one thread."""
    scene, times = nb.Scene(config), []
    for _ in range(repeats + 1):  # the first prepares the scene
        start = time.perf_counter()
        nb.simulate(scene, threads=1, tolerance=tolerance)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; `argv` as on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.smeared", description=__doc__)
    parser.add_argument("--pixels", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--domains", type=int, default=400)
    parser.add_argument("--wavelengths", type=int, default=25)
    chosen = parser.parse_args(argv)
    warn_if_busy(load_average())
    warnings.simplefilter("ignore", NanobraggWarning)
    config = closed(chosen.pixels)
    smeared = seconds(config, None, chosen.repeats)
    sampled = seconds(listed(config, chosen.domains, chosen.wavelengths), TOLERANCE, 1)
    print("| | s | × |\n| --- | ---: | ---: |")
    print(f"| in closed form | {smeared:.3g} | 1 |")
    print(f"| {chosen.domains} domains × {chosen.wavelengths} wavelengths | {sampled:.3g} | {sampled / smeared:.3g} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
