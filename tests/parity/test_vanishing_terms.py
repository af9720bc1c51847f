"""The C program skips terms whose F_latt is 0: its over-sampled factors then do not multiply the sum (row 4)."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb

LINE = (
    "-default_F 100 -cell 100 -misset 10 20 30 -N 30 -gauss_xtal -fudge 0.05 -oversample 1 -oversample_polar "
    "-detpixels 128 -pixel 0.5 -distance 100"
)


@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
def test_gaussian_that_underflows_does_not_polarize_the_sum_again():
    first, second, both = (
        nb.simulate(nb.config_from_flags(f"{LINE} {scan}"), dtype="float64")
        for scan in ("-phi 1", "-phi 2", "-phi 1 -osc 2 -phisteps 2")
    )
    only_first = (first > 1e-9 * first.max()) & (second == 0)
    assert only_first.sum() > 3
    np.testing.assert_allclose(both[only_first], first[only_first] / 2, rtol=1e-12)
