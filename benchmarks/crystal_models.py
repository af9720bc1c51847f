"""Time of the models of crystals on one core, each beside another one: python -m benchmarks.crystal_models"""

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
TOLERANCE = 1e-7  # of listed domains and wavelengths
DOMAINS = 10  # where every term is evaluated


def still(pixels: int, crystal: nb.Crystal, beam: nb.Beam | None = None) -> nb.Config:
    """Return a still of lysozyme."""
    return nb.Config(
        crystal=crystal,
        structure_factors=nb.StructureFactors.wilson(CELL, "P 43 21 2", b_factor=15, d_min_A=1.5, seed=1),
        beam=beam or nb.Beam(energy_eV=ENERGY_EV),
        detector=nb.Detector.flat(distance_mm=150, pixels=pixels, pixel_mm=163.84 / pixels),
        sampling=nb.Sampling(oversample=1),
    )


def spectrum(wavelengths: int) -> nb.Beam:
    """Return a beam with wavelengths that sample the bandwidth."""
    z = np.linspace(-3, 3, wavelengths)
    sigma = BANDWIDTH_PERCENT / 100 / 2.3548
    return nb.Beam(
        energy_eV=ENERGY_EV,
        spectrum=nb.Spectrum(energies_eV=ENERGY_EV * (1 + sigma * z), weights=np.exp(-0.5 * z**2)),
    )


def models(pixels: int, domains: int, wavelengths: int) -> list[tuple[str, nb.Config, float | None]]:
    """Return the names of models, their experiments, and the tolerances of their images."""
    block = nb.Crystal(cell=CELL, misset_deg=(10, 20, 30), n_cells=(20, 20, 40), shape="gauss", mosaic_model="gaussian")
    few = {"mosaic_domains": DOMAINS}
    isotropic = block.replace(mosaic_spread_deg=SPREAD_DEG, **few)
    three = (SPREAD_DEG,) * 3
    halos = isotropic.replace(diffuse=nb.Diffuse(correlation_length_A=30, displacement_A=0.4))
    smooth = block.replace(mosaic_spread_deg=three, mosaic_sampling="analytic")
    many = block.replace(mosaic_spread_deg=three, mosaic_domains=domains)
    return [
        (f"isotropic, {DOMAINS} domains, all terms", still(pixels, isotropic), 0.0),
        ("three spreads, all terms", still(pixels, block.replace(mosaic_spread_deg=three, **few)), 0.0),
        ("27 halos, all terms", still(pixels, halos), 0.0),
        ("closed form", still(pixels, smooth, nb.Beam(energy_eV=ENERGY_EV, bandwidth_percent=BANDWIDTH_PERCENT)), None),
        (f"{domains} domains × {wavelengths} wavelengths", still(pixels, many, spectrum(wavelengths)), TOLERANCE),
    ]  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; `argv` as on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crystal_models", description=__doc__)
    parser.add_argument("--pixels", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--domains", type=int, default=400)
    parser.add_argument("--wavelengths", type=int, default=25)
    chosen = parser.parse_args(argv)
    warn_if_busy(load_average())
    warnings.simplefilter("ignore", NanobraggWarning)
    rows = [
        (name, nb.Scene(config), tolerance)
        for name, config, tolerance in models(chosen.pixels, chosen.domains, chosen.wavelengths)
    ]
    times: dict[str, list[float]] = {name: [] for name, *_ in rows}
    for _ in range(chosen.repeats + 1):  # the first prepares the scenes
        for name, scene, tolerance in rows:
            start = time.perf_counter()
            nb.simulate(scene, threads=1, tolerance=tolerance)
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(found[1:]) for name, found in times.items()}
    first = next(iter(medians.values()))
    print("| | s | × |\n| --- | ---: | ---: |")
    for name, seconds in medians.items():
        print(f"| {name} | {seconds:.3g} | {seconds / first:.3g} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
