"""The workloads of tests/workloads.yaml, and their numbers of operations."""

from __future__ import annotations

import re
import shlex
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

import nanobragg as nb
from nanobragg.errors import NanobraggWarning

TESTS = Path(__file__).parents[1] / "tests"

# Multiplications, additions, multiply-adds, divisions and roots in the formulas of include/nanobragg, each counted as
# one operation; integer operations and table look-ups are not counted.
PER_TERM = {"square": 88, "round": 76, "gauss": 50, "tophat": 34}  # index, offsets, F_latt², sum
IN_SINGLE = 70  # of these where terms are in single precision
PER_TRICUBIC = 120  # whole parts, weights, 64 reflections
PER_RAY = 75  # a sub-pixel's direction, solid angle and capture; one source's scattering vector and polarization
SINGLE_COST = 0.5  # of an operation in single precision: vectors have twice as many lanes


@dataclass(frozen=True)
class Workload:
    """An image to render.

    Attributes
    ----------
    name
    flags
        C flags without output; input paths are absolute.
    steps
        Inner steps: pixels · sub-pixels · sources · φ steps · domains.
    """

    name: str
    flags: tuple[str, ...]
    steps: int

    def scene(self, compat: str | None) -> nb.Scene:
        """Return the scene with `compat` None or "c"."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NanobraggWarning)
            return nb.Scene(nb.config_from_flags(list(self.flags), exact=compat is None))


def load_workloads(names: Sequence[str] | None = None, pixels: int | None = None) -> list[Workload]:
    """Return all workloads or those named; `pixels` changes the number of pixels along a side of the same detector.

    Raises
    ------
    ValueError
        A name is unknown.
    """
    described = yaml.safe_load((TESTS / "workloads.yaml").read_text())
    known = described["workloads"]
    for name in names or ():
        if name not in known:
            raise ValueError(f"workload {name!r} is not valid; choose from {', '.join(known)}")
    chosen = []
    for name in names or known:
        flags = f"{described['common']} {known[name]['flags']}".replace("inputs/", f"{TESTS / 'inputs'}/")
        steps = known[name]["steps"]
        if pixels is not None:
            flags, ratio = _resized(flags, pixels)
            steps = round(steps * ratio)
        chosen.append(Workload(name, tuple(shlex.split(flags)), steps))
    return chosen


def _resized(flags: str, pixels: int) -> tuple[str, float]:
    """Return flags for a detector of the same size with `pixels` along a side, and the ratio of the pixel counts."""
    found = re.search(r"-detpixels (\S+) -pixel (\S+)", flags)
    assert found is not None, flags
    usual, size_mm = int(found[1]), float(found[2])
    resized = f"-detpixels {pixels} -pixel {size_mm * usual / pixels:.12g}"
    return flags.replace(found[0], resized), (pixels / usual) ** 2


def operations(workload: Workload, scene: nb.Scene, *, single: bool) -> float:
    """Return the floating-point operations of a workload; one in single precision counts half.

    `single` tells whether a float32 image is rendered, which uses single precision if the scene allows it.
    """
    per_step: float = PER_TERM[scene.config.crystal.shape]
    if scene.lookup == "tricubic":
        per_step += PER_TRICUBIC
    if scene.core(np.float32 if single else np.float64).precision == "single":
        per_step -= (1 - SINGLE_COST) * IN_SINGLE
    rays = workload.steps / (scene.phi.count * scene.domains)
    return workload.steps * per_step + rays * PER_RAY
