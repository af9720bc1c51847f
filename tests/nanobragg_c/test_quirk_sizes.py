"""Sizes of quirks: one corrected at a time, and all together give the exact image."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.nanobragg_c.quirk_sizes import SEPARATE, quirk_sizes
from nanobragg.nanobragg_c.quirks import active_quirks
from tests.nanobragg_c.quirk_images import FLAT, MARKS

pytestmark = MARKS
CROWD = (
    f"{FLAT} -gauss_xtal -cell 60 70 80 75 80 85 -phi -1 -osc 2 -phisteps 4 -water 20 -fluence 1e24 -curved_det "
    "-twotheta 5"
)


def both(flags: str) -> tuple[nb.Config, nb.Config]:
    return nb.config_from_flags(flags), nb.config_from_flags(flags, exact=True)


@pytest.mark.parametrize(
    "flags",
    [
        f"{FLAT} -gauss_xtal",
        f"{FLAT} -phi -1 -osc 2 -phisteps 4",
        f"{FLAT} -cell 60 70 80 75 80 85",
        f"{FLAT} -curved_det",
        f"{FLAT} -water 20 -fluence 1e24 -phi 1 -osc 1 -phisteps 5",
        f"{FLAT} -misset random -misset_seed 3",
        CROWD,
    ],
)
def test_with_every_row_corrected_the_image_is_exact(flags):
    """Without layers, sub-pixels and several directions rows 2 and 3 have no effect, and no row remains."""
    config, exact = both(flags)
    corrected = nb.Scene(config.replace(detector=exact.detector), SEPARATE)
    ours = nb.simulate(nb.Scene(exact), dtype="float64")
    np.testing.assert_allclose(nb.simulate(corrected, dtype="float64"), ours, rtol=1e-9, atol=1e-12 * ours.max())


@pytest.mark.parametrize(
    ("flags", "rows"),
    [(f"{FLAT} -gauss_xtal", [(7,)]), (f"{FLAT} -cell 60 70 80 75 80 85", [(9,)]), (FLAT, []),
     (f"{FLAT} -oversample 3 -polar 0.9", [(2,)])],
)  # fmt: skip
def test_a_single_row_makes_the_whole_difference(flags, rows):
    config, exact = both(flags)
    sizes = quirk_sizes(config, exact, active_quirks(nb.Scene(config)))
    assert [size.rows for size in sizes] == rows
    c, ours = (nb.simulate(each, dtype="float64") for each in (config, exact))
    for size in sizes:
        assert size.largest == pytest.approx(np.abs(c - ours).max() / ours.max(), rel=1e-6)
        assert size.ratio == pytest.approx(c.sum() / ours.sum(), rel=1e-9)


def test_rows_are_sorted_by_their_effect():
    """Water at the fluence of row 11 exceeds all others."""
    config, exact = both(CROWD)
    sizes = quirk_sizes(config, exact, active_quirks(nb.Scene(config)))
    assert sizes[0].rows == (11,)
    assert {row for size in sizes for row in size.rows} >= {1, 7, 9, 10, 11, 25}
    assert [size.largest for size in sizes] == sorted((size.largest for size in sizes), reverse=True)
    assert "all photons a factor of" in sizes[0].text()
