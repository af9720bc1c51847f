"""Shared by the physics tests."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb

from .experiment import config


@pytest.fixture(scope="module")
def busy() -> nb.Config:
    """Return an experiment with sources, φ steps, domains, layers, sub-pixels, a table, water and a mask."""
    rng = np.random.default_rng(1)
    indices = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return config(
        crystal=nb.Crystal(
            cell=(20, 25, 30, 80, 95, 105),
            n_cells=(3, 4, 5),
            misset_deg=(10, 20, 30),
            mosaic_spread_deg=1,
            mosaic_domains=3,
        ),
        structure_factors=nb.StructureFactors(
            indices=indices, amplitudes=rng.uniform(1, 50, len(indices)), default_F=2, interpolate=True
        ),
        beam=nb.Beam(kahn_factor=0.9, divergence_mrad=(2, None), divergence_steps=(2, None), dispersion_percent=1),
        detector=nb.Detector.flat(
            distance_mm=60,
            pixels=(37, 150),
            pixel_mm=1,
            rotation_deg=(5, -4, 3),
            sensor_thickness_um=300,
            sensor_layers=2,
            mask=rng.uniform(size=(37, 150)) > 0.1,
        ),
        scan=nb.Scan(range_deg=1, steps=2),
        sampling=nb.Sampling(oversample=2, d_min_A=1.4),
        background=nb.Background(water_um=0.02),
    )
