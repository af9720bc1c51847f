"""Experiments whose pixels are traced."""

from __future__ import annotations

import shlex
from functools import partial

import yaml

import nanobragg as nb
from tests import builders
from tests.paths import TESTS

CASES = {case["id"]: case for case in yaml.safe_load((TESTS / "parity" / "cases.yaml").read_text())["cases"]}
FLAGS = shlex.split("-cell 40 50 60 90 90 90 -misset 10 20 30 -lambda 1 -distance 100 -detpixels 64 -pixel 0.25 -N 10")


def case_config(name: str) -> nb.Config:
    family, run = name.split("/")
    return nb.config_from_flags(shlex.split(f"{CASES[family]['base']} {CASES[family]['runs'][run]}"))


config = partial(
    builders.config,
    crystal=nb.Crystal(cell=(40, 50, 60, 80, 95, 100), misset_deg=(10, 20, 30), n_cells=6),
    structure_factors=nb.StructureFactors.constant(10),
    detector=nb.Detector.flat(pixels=32, pixel_mm=0.5),
    sampling=nb.Sampling(oversample=1),
)


RICH = {
    "crystal": nb.Crystal(cell=(40, 50, 60, 80, 95, 100), n_cells=6, mosaic_spread_deg=1, mosaic_domains=3),
    "beam": nb.Beam(kahn_factor=0.7, dispersion_percent=2, dispersion_steps=2),
    "detector": nb.Detector.flat(pixels=32, pixel_mm=0.5, sensor_thickness_um=300, sensor_layers=2, attenuation_um=200),
    "scan": nb.Scan(start_deg=1, range_deg=1, steps=2),
    "sampling": nb.Sampling(oversample=2),
}
