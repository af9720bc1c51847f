"""A noisy still of a small tetragonal crystal, and starts that are off."""

from __future__ import annotations

import warnings

import numpy as np

import nanobragg as nb
from nanobragg.derivatives.moved import moved_config

SPACE_GROUP = "P 43 21 2"
CELL = (60.0, 60.0, 40.0, 90.0, 90.0, 90.0)
TRUTH = {"cell_a": 60.0, "cell_c": 40.0, "n_a": 15, "n_b": 16, "n_c": 20, "mosaic_spread": 0.15, "distance": 100.0}


def still(misset_deg: tuple[float, float, float] = (10.0, 20.0, 30.0), pixels: int = 256) -> nb.Scene:
    """Return the scene of a still with about 5 photons of background in each pixel."""
    factors = nb.StructureFactors.wilson(CELL, SPACE_GROUP, b_factor=15, d_min_A=1.9, seed=1, interpolate=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nb.Scene(nb.Config(
            crystal=nb.Crystal(
                cell=CELL, misset_deg=misset_deg, n_cells=(15, 16, 20), shape="gauss", mosaic_spread_deg=0.15,
                mosaic_domains=12, blocks=1e6,
            ),
            structure_factors=factors,
            beam=nb.Beam(wavelength_A=1.0, fluence_ph_m2=4e20, kahn_factor=0.9),
            detector=nb.Detector.flat(distance_mm=100, pixels=pixels, pixel_mm=102.4 / pixels),
            background=nb.Background(water_um=8.5),
            sampling=nb.Sampling(oversample=1),
        ))  # fmt: skip


def noisy(scene: nb.Scene, seed: int) -> np.ndarray:
    """Return an image of the scene with Poisson noise."""
    return np.random.default_rng(seed).poisson(nb.simulate(scene, dtype="float64")).astype(float)


def start(scene: nb.Scene, seed: int, **also: float) -> nb.Config:
    """Return the experiment off by 0.3° in orientation, 0.5 % in the cell, and 30 % in block and spread."""
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    rotation = np.radians(0.3) * axis / np.linalg.norm(axis)
    changes = dict(zip(("rot_x", "rot_y", "rot_z"), rotation.tolist(), strict=True))
    a, c = 60.0 * 0.005 * rng.choice([-1, 1]), 40.0 * 0.005 * rng.choice([-1, 1])
    changes |= {"cell_a": a, "cell_b": a, "cell_c": c}
    changes |= {
        name: 0.3 * n * rng.choice([-1, 1]) for name, n in zip(("n_a", "n_b", "n_c"), (15, 16, 20), strict=True)
    }
    changes["mosaic_spread"] = 0.3 * 0.15 * rng.choice([-1, 1])
    return moved_config(scene, {**changes, **also})
