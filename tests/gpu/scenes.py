"""Scenes of every kind that device code distinguishes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import nanobragg as nb
from tests import builders

INDICES = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
TABLE = nb.StructureFactors(
    indices=INDICES, amplitudes=np.random.default_rng(1).uniform(1, 100, len(INDICES)), default_F=3, interpolate=False
)
CUBIC = TABLE.replace(interpolate=True)
DETECTOR = nb.Detector.flat(distance_mm=70, pixels=(24, 70), pixel_mm=1.2, rotation_deg=(4, 5, 6))
CELL = (40, 50, 60, 80, 95, 100)


def crystal(shape: str, **fields: Any) -> nb.Crystal:
    return nb.Crystal(
        **{
            "cell": CELL, "n_cells": (5, 7, 4), "shape": shape, "misset_deg": (12, 34, 56),
            "mosaic_spread_deg": 0.6, "mosaic_domains": 3, **fields,
        }
    )  # fmt: skip


def smeared() -> nb.Crystal:
    return crystal(
        "gauss", mosaic_sampling="analytic", mosaic_model="gaussian", mosaic_spread_deg=(0.6, 0.3, 0.4),
        mosaic_domains=None, strain_percent=0.3,
    )  # fmt: skip


def diffuse(shape: str, **fields: Any) -> nb.Crystal:
    """Return a crystal with halos that the rotations of its space group turn into others."""
    halos = nb.Diffuse(correlation_length_A=(20, 35, 15), displacement_A=(0.4, 0.6, 0.9), space_group="P 4")
    return crystal(shape, cell=(40, 40, 60, 90, 90, 90), diffuse=halos, **fields)


def panels() -> nb.Detector:
    first = nb.Detector.flat(distance_mm=70, pixels=(24, 70), pixel_mm=1.2).panels[0]
    second = first.replace(origin_mm=tuple(np.add(first.origin_mm, (3.0, 40.0, 0.0)).tolist()))
    return nb.Detector(panels=(first, second))


def masked() -> nb.Detector:
    mask = np.ones((24, 70), bool)
    mask[:, 30:35] = False
    mask[7] = False
    return DETECTOR.replace(mask=mask)


KINDS: dict[str, Callable[[], dict[str, Any]]] = {
    "square": dict,
    "square of one cell, constant": lambda: {
        "crystal": crystal("square", n_cells=1), "structure_factors": nb.StructureFactors.constant(70)
    },
    "square, tricubic": lambda: {"structure_factors": CUBIC},
    "round": lambda: {"crystal": crystal("round")},
    "gauss": lambda: {"crystal": crystal("gauss")},
    "gauss, tricubic": lambda: {"crystal": crystal("gauss"), "structure_factors": CUBIC},
    "tophat": lambda: {"crystal": crystal("tophat", n_cells=2)},
    "gauss_star": lambda: {"crystal": crystal("gauss_star")},
    "many orientations": lambda: {
        "crystal": crystal("square", mosaic_domains=150), "scan": nb.Scan(range_deg=3, steps=4)
    },
    "weighted domains": lambda: {
        "crystal": crystal(
            "square", mosaic_spread_deg=None, mosaic_domains=None,
            mosaic_rotations_deg=np.random.default_rng(2).normal(0, 0.4, (270, 3)).tolist(),
            mosaic_weights=np.random.default_rng(3).uniform(0.1, 5, 270).tolist(),
        )
    },
    "strained": lambda: {"crystal": crystal("gauss", strain_percent=0.5)},
    "general block": lambda: {"crystal": crystal("gauss", n_cells_off=(1.0, -0.5, 0.7))},
    "sources": lambda: {
        "beam": nb.Beam(dispersion_percent=4, dispersion_steps=4, divergence_mrad=(9, 9), divergence_steps=(3, 2))
    },
    "sub-pixels": lambda: {"sampling": nb.Sampling(oversample=3)},
    "resolution limit": lambda: {"sampling": nb.Sampling(oversample=1, d_min_A=3.0)},
    "layers": lambda: {"detector": DETECTOR.replace(sensor_thickness_um=900, sensor_layers=3, attenuation_um=500)},
    "curved": lambda: {"detector": DETECTOR.replace(curved=True)},
    "beamstop": lambda: {
        "detector": DETECTOR.replace(beamstop=nb.Beamstop(diameter_mm=20, distance_mm=40, transmission=0.1))
    },
    "point pixels": lambda: {"detector": DETECTOR.replace(point_pixel=True)},
    "panels": lambda: {"detector": panels()},
    "mask": lambda: {"detector": masked()},
    "water": lambda: {"background": nb.Background(water_um=200)},
    "ice": lambda: {
        "background": nb.Background(table=((0.0, 0.1), (0.1, 2.0), (0.2, 5.0), (0.5, 1.0), (2.0, 0.5)), thickness_um=90)
    },
    "smeared": lambda: {
        "crystal": smeared(), "beam": nb.Beam(bandwidth_percent=1), "scan": nb.Scan(range_deg=3, steps=2)
    },
    "smeared, constant": lambda: {
        "crystal": smeared(), "structure_factors": nb.StructureFactors.constant(70), "detector": masked()
    },
    "halos": lambda: {
        "crystal": diffuse("square", mosaic_domains=2), "background": nb.Background(water_um=1e-9), "detector": panels()
    },
    "halos, tricubic": lambda: {"crystal": diffuse("gauss", mosaic_domains=2), "structure_factors": CUBIC},
    "unpolarized": lambda: {"beam": nb.Beam(polarized=False)},
    "direct beam": lambda: {"detector": nb.Detector.flat(distance_mm=70, pixels=(9, 9), pixel_mm=0.1)},
}  # fmt: skip


@cache
def scene(kind: str) -> nb.Scene:
    """Return the scene of a kind."""
    usual = {
        "crystal": crystal("square"), "structure_factors": TABLE, "detector": DETECTOR,
        "beam": nb.Beam(wavelength_A=1.1, kahn_factor=0.7), "sampling": nb.Sampling(oversample=1),
    }  # fmt: skip
    return builders.scene(**{**usual, **KINDS[kind]()})
