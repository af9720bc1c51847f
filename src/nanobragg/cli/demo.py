"""`nanobragg demo`: one X-ray laser shot of a lysozyme-like nanocrystal, in a thin film of water."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..analysis.statistics import statistics
from ..config.background import Background
from ..config.beam import Beam
from ..config.config import Config
from ..config.crystal import Crystal
from ..config.detector import Detector
from ..config.sampling import Sampling
from ..config.structure_factors import StructureFactors
from ..export.write import write_image
from ..io.atomic import check_writable
from ..io.png import render_grey, write_png
from ..rendering.progress import Progress
from ..rendering.simulate import simulate
from ..response.noise import add_noise
from ..scene.scene import Scene
from ..unit_cell import Cell
from .parser import CommandParser
from .progress import progress_reporter

LYSOZYME_CELL: Cell = (79.1, 79.1, 38.4, 90.0, 90.0, 90.0)
SPACE_GROUP, B_FACTOR, D_MIN, SEED = "P 43 21 2", 15.0, 1.4, 2026
MISSET_DEG = (21.0, 43.0, 65.0)
ADC_OFFSET = 10.0


def add_options(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.description = "Render a built-in example, a lysozyme-like crystal, into demo.img and demo.png."
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder (default: this one)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(chosen: argparse.Namespace) -> int:
    """Render the built-in example into demo.img and demo.png."""
    for name in ("demo.img", "demo.png"):
        check_writable(chosen.out / name)
    run_demo(chosen.out, print, progress=progress_reporter(not chosen.quiet))
    return 0


def demo_config() -> Config:
    """Return the experiment of `nanobragg demo`."""
    return Config(
        crystal=Crystal(
            cell=LYSOZYME_CELL, misset_deg=MISSET_DEG, n_cells=(15, 15, 30),
            mosaic_spread_deg=0.5, mosaic_domains=40,
        ),
        structure_factors=StructureFactors.wilson(
            LYSOZYME_CELL, SPACE_GROUP, b_factor=B_FACTOR, d_min_A=D_MIN, seed=SEED
        ),
        beam=Beam(wavelength_A=0.9795, fluence_ph_m2=1e26, kahn_factor=0.98),
        detector=Detector.flat(distance_mm=150.0, pixels=(1024, 1024), pixel_mm=0.172),
        sampling=Sampling(oversample=5),
        background=Background(water_um=0.3),
    )  # fmt: skip


def run_demo(folder: Path, report: Callable[[str], None], *, progress: bool | Progress = False) -> None:
    """Render the example into an existing folder: demo.img (SMV, with photon noise) and demo.png.

    `report` is called with each line of a summary; `progress` is that of `simulate`.
    """
    config = demo_config()
    scene = Scene(config)
    started = time.perf_counter()
    image = simulate(scene, progress=progress)
    seconds = time.perf_counter() - started
    noisy = add_noise(image, seed=SEED, adc_offset=ADC_OFFSET)
    write_image(folder / "demo.img", noisy, config=scene, noise_seed=SEED)
    write_png(folder / "demo.png", render_grey(noisy))
    for line in _lines(scene, image, seconds):
        report(line)
    report(f"written    {folder / 'demo.img'} (SMV, offset {ADC_OFFSET:g} ADU) and {folder / 'demo.png'}")


def _lines(scene: Scene, image: np.ndarray, seconds: float) -> list[str]:
    config = scene.config
    listing = config.structure_factors.listing
    assert listing is not None
    stats = statistics(image, scene)
    edge = config.detector.panels[0].pixel_mm * image.shape[1] / 2
    theta = 0.5 * np.arctan(edge / (scene.distance * 1000.0))
    cell, misset = (" ".join(f"{x:g}" for x in numbers) for numbers in (LYSOZYME_CELL, MISSET_DEG))
    return [
        f"crystal    {cell}, {SPACE_GROUP}, {'x'.join(map(str, scene.n_cells))} cells, rotated "
        f"by {misset} degrees about x, y, z",
        f"amplitudes {len(listing[0])} reflections to {D_MIN} A, Wilson statistics, B = {B_FACTOR:g} A^2, seed {SEED}",
        f"mosaic     {config.crystal.mosaic_spread_deg:g} degrees in {scene.domains} domains",
        f"beam       {config.beam.wavelength:g} A, {scene.fluence:.3g} photons/m^2, "
        f"Kahn factor {config.beam.kahn_factor:g}",
        f"detector   {image.shape[1]} x {image.shape[0]} pixels of {config.detector.panels[0].pixel_mm:g} mm at "
        f"{scene.distance * 1000:g} mm: {config.beam.wavelength / 2 / np.sin(theta):.2f} A at the edge",
        f"water      {config.background.water_um:g} um cube",
        f"sampling   {scene.oversample} x {scene.oversample} sub-pixels, {scene.terms} terms per pixel",
        f"rendered   in {seconds:.2f} s: {scene.terms * image.size / seconds / 1e6:.0f} million terms per second",
        f"photons    brightest pixel {stats.maximum:.0f} at (slow, fast) = {stats.maximum_at}, mean {stats.mean:.2f}",
    ]
