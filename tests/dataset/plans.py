"""The data sets that tests start from."""

from __future__ import annotations

from typing import Any

import nanobragg as nb

CELL = (60.0, 70.0, 80.0, 90.0, 90.0, 90.0)
BASE = nb.Config(
    crystal=nb.Crystal(cell=CELL, n_cells=10, size_mm=0.01, shape="gauss"),
    structure_factors=nb.StructureFactors.constant(100),
    beam=nb.Beam(flux_ph_s=1e12, exposure_s=0.1, size_mm=0.02),
    detector=nb.Detector.flat(distance_mm=100, pixels=(24, 40), pixel_mm=1.5),
    sampling=nb.Sampling(oversample=1),
    background=nb.Background(water_um=20),
    noise=nb.Noise(adc_offset=0),
)
ROTATED = {"crystal.rotation": nb.random_orientations()}


def plan(base: nb.Config = BASE, **fields: Any) -> nb.Dataset:
    """Return a small data set in which the given fields replace the usual ones."""
    return nb.Dataset(base=base, **{"n": 6, "vary": ROTATED, "seed": 5, **fields})
