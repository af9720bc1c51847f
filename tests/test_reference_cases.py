"""Every reference case: images and printed geometry equal nanoBragg.c's with compat="c" (AT-PARALLEL, AT-STR, AT-GEO, …)."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb

pytestmark = [
    pytest.mark.usefixtures("in_tests_folder"),
    pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning"),
]


def deviation(ours: np.ndarray, theirs: np.ndarray, peak: float) -> float:
    """Largest |ours - C| in units of the tolerance 1e-5·|C| + 1e-7·max|C|."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    return float((np.abs(ours - theirs) / (1e-5 * np.abs(theirs) + 1e-7 * peak)).max())


def stored_parts(image: np.ndarray, golden: dict[str, np.ndarray]):
    if "image" in golden:
        yield image, golden["image"]
        return
    s, f = golden["window_origin"]
    height, width = golden["window"].shape
    yield image[s : s + height, f : f + width], golden["window"]
    yield image[::16, ::16], golden["samples"]


def test_image_equals_the_c_programs(case):
    image = nb.simulate(nb.Config.from_flags(list(case.argv)))
    assert list(image.shape) == case.facts["shape"]
    for ours, theirs in stored_parts(image, case.golden):
        assert deviation(ours, theirs, case.facts["max"]) <= 1.0
    assert image.sum(dtype=np.float64) == pytest.approx(case.facts["sum"], rel=1e-6)
    assert float(image.max()) == pytest.approx(case.facts["max"], rel=1e-6)
    assert image[tuple(case.facts["argmax"])] == pytest.approx(image.max(), rel=1e-6)
