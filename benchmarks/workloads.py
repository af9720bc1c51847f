"""What is rendered: the workloads of tests/workloads.yaml, and the arithmetic that they need."""

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

# Multiplications, additions, multiply-adds, divisions and roots that the formulas of include/nanobragg ask for, each
# counted as one; whole numbers and table look-ups are not counted.
PER_TERM = {"square": 88, "round": 76, "gauss": 50, "tophat": 34}  # index, offsets, F_latt², sum
IN_SINGLE = 70  # of these where terms are in single precision
PER_TRICUBIC = 120  # whole parts, weights, 64 reflections
PER_RAY = 75  # a sub-pixel's direction, solid angle and capture; one source's scattering vector and polarization
SINGLE_COSTS = 0.5  # a vector has twice as many lanes


@dataclass(frozen=True)
class Workload:
    """One image.

    Attributes
    ----------
    name
    flags
        The C program's, without output; input files are absolute.
    steps
        Inner steps: pixels · sub-pixels · sources · φ steps · domains.
    """

    name: str
    flags: tuple[str, ...]
    steps: int

    def scene(self, compat: str | None) -> nb.Scene:
        """The scene with `compat` None or "c"."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NanobraggWarning)
            return nb.Scene(nb.config_from_flags(list(self.flags), exact=compat is None))


def load_workloads(names: Sequence[str] | None = None, pixels: int | None = None) -> list[Workload]:
    """The workloads, all or those named; `pixels` takes fewer or more pixels along a side of the same detector.

    Raises
    ------
    ValueError
        There is no workload of that name.
    """
    described = yaml.safe_load((TESTS / "workloads.yaml").read_text())
    known = described["workloads"]
    for name in names or ():
        if name not in known:
            raise ValueError(f"workload {name!r}: there are {', '.join(known)}")
    chosen = []
    for name in names or known:
        flags = f"{described['common']} {known[name]['flags']}".replace("inputs/", f"{TESTS / 'inputs'}/")
        steps = known[name]["steps"]
        if pixels is not None:
            flags, shrunk = _resized(flags, pixels)
            steps = round(steps * shrunk)
        chosen.append(Workload(name, tuple(shlex.split(flags)), steps))
    return chosen


def _resized(flags: str, pixels: int) -> tuple[str, float]:
    """Flags for a detector of the same size with `pixels` along a side, and by how much its pixels are fewer."""
    found = re.search(r"-detpixels (\S+) -pixel (\S+)", flags)
    assert found is not None, flags
    usual, size_mm = int(found[1]), float(found[2])
    resized = f"-detpixels {pixels} -pixel {size_mm * usual / pixels:.12g}"
    return flags.replace(found[0], resized), (pixels / usual) ** 2


def operations(workload: Workload, scene: nb.Scene, *, single: bool) -> float:
    """Floating-point operations in double precision that the formulas ask for; one in single counts half.

    `single` says whether a float32 image is rendered, which is in single precision where the scene allows it.
    """
    per_step: float = PER_TERM[scene.config.crystal.shape]
    if scene.lookup == "tricubic":
        per_step += PER_TRICUBIC
    if scene.core(np.float32 if single else np.float64).precision == "single":
        per_step -= (1 - SINGLE_COSTS) * IN_SINGLE
    rays = workload.steps / (scene.phi.count * scene.domains)
    return workload.steps * per_step + rays * PER_RAY
