"""The C program's reference cases: command lines and its results."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tests.paths import TESTS


@dataclass(frozen=True)
class ReferenceCase:
    """One command line of a cases.yaml, and the C program's results.

    Attributes
    ----------
    name
        ID/RUN.
    folder
        Where inputs/ is.
    thresholds
        corr_min, sum_ratio and, if the case has one, max_abs (docs/acceptance.md).
    row_19
        Whether the C program's -misset_seed means something else (the golden data are of one where it does not).
    """

    name: str
    argv: tuple[str, ...]
    facts: dict[str, Any]
    folder: Path
    thresholds: dict[str, Any]
    row_19: bool

    @property
    def golden(self) -> dict[str, np.ndarray]:
        """Return the stored arrays: "image", or "window" with "window_origin" and "samples"; "int", "noise", "pgm"."""
        family, run = self.name.split("/")
        with np.load(self.folder / "golden" / f"{family}.npz") as stored:
            return {key.split("/", 1)[1]: stored[key] for key in stored.files if key.split("/", 1)[0] == run}

    def stored_parts(self, image: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return pairs of our pixels and C's, for the stored parts of an image."""
        golden = self.golden
        if "image" in golden:
            return [(image, golden["image"])]
        s, f = golden["window_origin"]
        height, width = golden["window"].shape
        return [
            (image[s : s + height, f : f + width], golden["window"]),
            (image[::16, ::16], golden["samples"]),
        ]

    def deviation(self, image: np.ndarray) -> float:
        """Return the largest |ours - C| of the stored parts, in units of the tolerance."""
        return max(deviation(ours, theirs, self.facts["max"]) for ours, theirs in self.stored_parts(image))


def deviation(ours: np.ndarray, theirs: np.ndarray, peak: float) -> float:
    """Largest |ours - C| in units of the tolerance 1e-5·|C| + 1e-7·max|C|; a black image has no tolerance at all."""
    difference = np.abs(ours.astype(np.float64) - theirs)
    return float((difference / np.maximum(1e-5 * np.abs(theirs.astype(np.float64)) + 1e-7 * peak, 1e-300)).max())


def load_cases(file: Path, folder: Path) -> list[ReferenceCase]:
    """Read the cases of a YAML file, with golden/ and inputs/ in a folder."""
    facts = json.loads((folder / "golden" / "facts.json").read_text())
    document = yaml.safe_load(file.read_text())
    cases = []
    for case in document["cases"]:
        stated = {**document.get("defaults", {}), **case}
        thresholds = {name: stated[name] for name in ("corr_min", "sum_ratio", "max_abs") if name in stated}
        for run, extra in case["runs"].items():
            name, words = f"{case['id']}/{run}", shlex.split(f"{case['base']} {extra}")
            row_19 = case.get("fixed_misset", False)
            cases.append(ReferenceCase(name, tuple(words), facts[name], folder, thresholds, row_19))
    return cases


RECORDED = TESTS / "parity" / "recorded"  # where nanobragg compare --record ID/RUN --into … may put more
CASES = load_cases(TESTS / "parity" / "cases.yaml", TESTS)
if RECORDED.exists():
    CASES += load_cases(RECORDED / "cases.yaml", RECORDED)
