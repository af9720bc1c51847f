"""Resolve an accepted Config, render a few pixels, and write and read back every format."""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np

import nanobragg as nb
from nanobragg.config.base import changed_fields
from nanobragg.config.toml import paths_in
from nanobragg.errors import NanobraggError

LARGEST_IMAGE = 2**14  # pixels that are written
SIDE = 8  # pixels of the part that is rendered
MOST_PIXELS = 2**18  # of an image; larger ones are resolved only
MOST_TERMS = 2000  # of a pixel, for speed
MOST_ORIENTATIONS = 2000
SUFFIXES = (".npy", ".bin", ".img", ".cbf", ".tif", ".png", ".pgm", ".nxs", ".edf")


def use_config(config: nb.Config, folder: Path) -> None:
    """Resolve and render an experiment, and write it and its image; raise `AssertionError` if something changes.

    Errors of nanobragg are passed on: any of these steps may refuse the experiment.
    """
    config.to_toml(folder / "again.toml")
    again = nb.Config.from_toml(folder / "again.toml")
    assert again == config or list(paths_in(changed_fields(config))), "the TOML file describes another experiment"
    scan, domains = config.scan.resolved().count, config.crystal.domains()
    if scan * domains > MOST_ORIENTATIONS or _sources(config) > MOST_ORIENTATIONS:
        return
    scene = nb.Scene(config)
    if scene.terms * scene.sensor.count > MOST_TERMS or math.prod(scene.shape) > MOST_PIXELS:
        return
    slow, fast = (slice(part.start, min(part.stop, part.start + SIDE)) for part in scene.roi)
    image = nb.simulate(scene, roi=(slow, fast), threads=1)
    if config.compat != "c":
        assert np.isfinite(image).all(), "photons that are not finite"
    write_everywhere(image, config, folder)
    if config.noise is not None and (image >= 0).all():
        write_everywhere(nb.add_noise(image, config), config, folder)


def _sources(config: nb.Config) -> int:
    """Return an upper limit of the number of sources, where it is known without a file."""
    beam = config.beam
    count = math.prod((steps or 1) for steps in (*beam.divergence_steps, beam.dispersion_steps))
    return max(count, 0 if beam.spectrum is None else len(beam.spectrum.lines.weights))


def write_everywhere(image: np.ndarray, config: nb.Config | None, folder: Path) -> None:
    """Write a small image in two of the formats, chosen by its content, and read it back where they accept it."""
    if not 0 < image.size <= LARGEST_IMAGE:
        return
    first = zlib.crc32(np.ascontiguousarray(image).tobytes())
    for suffix in (SUFFIXES[(first + i) % len(SUFFIXES)] for i in range(2)):
        path = folder / f"image{suffix}"
        try:
            nb.write_image(path, image, config=config)
        except NanobraggError:
            continue
        again, _ = nb.read_image(
            path, shape=(image.shape[-2] * (image.size // math.prod(image.shape[-2:])), image.shape[-1])
        )
        if suffix in (".npy", ".bin"):
            assert np.array_equal(again.ravel(), image.astype(again.dtype).ravel(), equal_nan=True), suffix
