"""TOML files of an experiment with one part replaced by hostile values, which the input bytes select."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tomli_w

from nanobragg.config.background import Background
from nanobragg.config.base import Model
from nanobragg.config.beam import Beam, Sources
from nanobragg.config.beamstop import Beamstop
from nanobragg.config.config import Config
from nanobragg.config.crystal import Crystal
from nanobragg.config.detector import Detector
from nanobragg.config.noise import Noise
from nanobragg.config.panel import Panel
from nanobragg.config.sampling import Sampling
from nanobragg.config.scan import Scan
from nanobragg.config.spectrum import Spectrum
from nanobragg.config.structure_factors import StructureFactors

NOUNS: dict[str, tuple[type[Model], tuple[str, ...]]] = {  # noun: its class and its place in the file
    "Config": (Config, ()),
    "Crystal": (Crystal, ("crystal",)),
    "StructureFactors": (StructureFactors, ("structure_factors",)),
    "Beam": (Beam, ("beam",)),
    "Spectrum": (Spectrum, ("beam", "spectrum")),
    "Sources": (Sources, ("beam", "sources")),
    "Detector": (Detector, ("detector",)),
    "Panel": (Panel, ("detector", "panels")),
    "Scan": (Scan, ("scan",)),
    "Sampling": (Sampling, ("sampling",)),
    "Background": (Background, ("background",)),
    "Noise": (Noise, ("noise",)),
    "Beamstop": (Beamstop, ("detector", "beamstop")),
}
NEEDED: dict[str, dict[str, Any]] = {  # without which a noun is not valid
    "Beamstop": {"diameter_mm": 2.0, "distance_mm": 20.0},
    "Spectrum": {"wavelengths_A": [1.0, 1.1], "weights": [1.0, 2.0]},
    "Sources": {"positions": [[-1.0, 0.0, 0.0], [-1.0, 0.01, 0.0]]},
}
MOST_EDITS = 6
PANEL = {
    "origin_mm": [100.0, 4, -4], "fast_axis": [0, 0, 1], "slow_axis": [0, -1, 0], "pixels": [8, 8], "pixel_mm": 1.0,
}  # fmt: skip
SCALARS: list[Any] = [
    0, 1, 2, 3, 7, -1, -3, 10, 90, 1000, 10**6, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, 0.5, -0.5, 0.1, 1.5, 45.0, 1e-9,
    1e-30, 1e-300, 5e-324, 1e9, 1e30, 1e100, 1.7e308, -1e300, math.inf, -math.inf, math.nan, True, False, "", "none",
    "random", "beam", "c", "square", "gauss", "tophat", "round", "gaussian", "P 1", "P 21 21 21", "wavelength_A", "Q",
    "hkl", "coordinates", "xds", "custom", "dials", "a\u0007b", "x" * 300, "missing.hkl", "/dev/zero", "/etc/passwd",
    ".", "fifo", "\u00e9", "a\nb", {}, {"npz": "a"}, {"x": 1}, [], [[]], [1, [2]],
]  # fmt: skip


def mutated_toml(noun: str, edits: bytes) -> bytes:
    """Return a valid experiment in which at most `MOST_EDITS` fields of a noun are changed; three bytes for each."""
    model, place = NOUNS[noun]
    document: dict[str, Any] = {
        "schema": 1,
        "crystal": {"cell": [50.0, 60.0, 70.0], "n_cells": [5, 4, 3]},
        "structure_factors": {"default_F": 10.0},
        "detector": {"panels": [dict(PANEL)]},
    }
    part: Any = document
    for name in place:
        part = part.setdefault(name, {})
    part = part[0] if isinstance(part, list) else part
    part.update(NEEDED.get(noun, {}))
    fields = list(model.model_fields)
    for at in range(0, min(len(edits) - len(edits) % 3, 3 * MOST_EDITS), 3):
        field, shape, value = edits[at : at + 3]
        part[fields[field % len(fields)]] = _value(shape, value)
    return tomli_w.dumps(document).encode()


def _value(shape: int, value: int) -> Any:
    """Return a scalar, or a list or table of lists that holds it among harmless numbers."""
    scalar = SCALARS[value % len(SCALARS)]
    makers: list[Callable[[Any], Any]] = [
        lambda x: x,
        lambda x: x,
        lambda x: [x],
        lambda x: [x, 3],
        lambda x: [1, x, 2],
        lambda x: [50.0, x, 70.0, 90.0, 90.0, 90.0],
        lambda x: [[1, 0, x], [0, 2, 1]],
        lambda x: [[0.0, 1.0], [0.1, x]],
        lambda x: [x] * 40,
        lambda x: [0, 3, x, 3],
    ]
    return makers[shape % len(makers)](scalar)
