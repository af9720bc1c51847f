"""A small experiment at default fluence, where photons are F² · F_latt² · solid angle, and its geometry."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import nanobragg as nb
from tests import builders

NO_CRYSTAL = nb.Crystal(cell=(100,))  # one cell: every pixel scatters F²
PLAIN = nb.Beam(wavelength_A=1.0, polarized=False)


config = partial(
    builders.config,
    crystal=NO_CRYSTAL,
    structure_factors=nb.StructureFactors.constant(1),
    beam=PLAIN,
    detector=nb.Detector.flat(distance_mm=60, pixels=(48, 64), pixel_mm=1),
    sampling=nb.Sampling(oversample=1),
)  # at default fluence, 1/r_e²: photons are F² · F_latt² · solid angle


def photons(**fields: Any) -> np.ndarray:
    return nb.simulate(config(**fields), dtype="float64")


def positions(detector: nb.Detector) -> np.ndarray:
    """Return the centres of a flat detector's pixels in the lab (m), shape (slow, fast, 3)."""
    panel = detector.panels[0]
    fast, slow, _ = panel.axes()
    s, f = ((np.arange(n) + 0.5) * panel.pixel_mm for n in panel.pixels)
    return (np.array(panel.origin_mm) + s[:, None, None] * slow + f[None, :, None] * fast) / 1000


def length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt((vectors**2).sum(axis=-1))
