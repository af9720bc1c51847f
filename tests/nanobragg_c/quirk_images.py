"""Images of command lines, as the C program makes them and with exact physics."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb

MARKS = [
    pytest.mark.usefixtures("in_tests_folder"),
    pytest.mark.filterwarnings("ignore:oversample = "),
    pytest.mark.filterwarnings("ignore:the direct beam does not hit"),
    pytest.mark.filterwarnings("ignore:every pixel lies outside"),
]
LITTLE = "-default_F 100 -cell 60 70 80 90 90 90 -misset 1 2 3 -N 6 -lambda 1 -oversample 1"
FLAT = LITTLE + " -distance 90 -detpixels 24 -pixel 1"


def image(flags: str, *, exact: bool = False) -> np.ndarray:
    return nb.simulate(nb.config_from_flags(flags, exact=exact), dtype="float64")


def measured(*values: float):
    """Return an approximation of float32 pixels that the C program printed."""
    return pytest.approx(np.array(values) if len(values) > 1 else values[0], rel=1e-5)
