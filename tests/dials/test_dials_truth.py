"""DIALS reads the truth of a data set, and finds its spots where cells, orientations and geometry say."""

from __future__ import annotations

from pathlib import Path

import pytest

import nanobragg as nb
from tests.dataset.test_truth_files import DETECTORS, dataset, dials_files

from .processing import NEEDS_DIALS, Dials

pytestmark = NEEDS_DIALS

LAB = """
import sys
import numpy
from dials.array_family import flex
from dxtbx.model.experiment_list import ExperimentListFactory
from scitbx import matrix
experiments = ExperimentListFactory.from_json_file(sys.argv[1], check_format=False)
table = flex.reflection_table.from_file(sys.argv[2])
assert set(table.experiment_identifiers().values()) == set(experiments.identifiers())
off = []
for i in range(len(table)):
    row = table[i]
    one = experiments[row["id"]]
    x, y, _ = row["xyzcal.px"]
    ray = matrix.col(one.detector[row["panel"]].get_pixel_lab_coord((x, y))).normalize() / one.beam.get_wavelength()
    q = ray - matrix.col(one.beam.get_s0())
    off.append((q - matrix.sqr(one.crystal.get_A()) * matrix.col(row["miller_index"])).length())
print(len(off), max(off))
"""


@pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS)
def test_dials_sees_the_spots_where_the_crystals_say(tmp_path: Path, detector: nb.Detector) -> None:
    dials_files(tmp_path, dataset(detector, scan=nb.Scan(start_deg=30, range_deg=0.1, steps=2)))
    count, off = Dials(tmp_path)("/usr/bin/python3", "-c", LAB, "truth.expt", "truth.refl").split()[-2:]
    assert int(count) > 10
    assert float(off) < 0.003  # 1/Å; a block has 1/1200 Å
