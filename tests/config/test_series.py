"""`Config.series`: a rotation series, image by image."""

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError
from tests import builders


@pytest.fixture
def config():
    return builders.config(scan=nb.Scan(start_deg=10, range_deg=0.5, steps=3))


def test_each_image_starts_where_the_previous_one_ended(config):
    series = config.series(20)
    assert [one.scan.start_deg for one in series] == [10 + 0.5 * i for i in range(20)]
    assert series[0] == config
    assert all(one.scan.replace(start_deg=10.0) == config.scan for one in series)
    assert all(one.crystal is config.crystal for one in series)


def test_orientations_of_a_series_are_those_of_one_long_scan(config):
    whole = nb.Scene(config.replace(scan=nb.Scan(start_deg=10, range_deg=1.5, steps=9)))
    parts = np.concatenate([nb.Scene(one).cells for one in config.series(3)])
    assert np.allclose(parts, whole.cells, rtol=0, atol=1e-22)


@pytest.mark.parametrize(
    ("scan", "width"),
    [({"range_deg": 0.3}, 0.3), ({"step_deg": 0.25}, 0.25), ({"steps": 4}, 1.0), ({}, 0.0), ({"range_deg": 0}, 0.0)],
)
def test_width_follows_the_step_rules(scan, width):
    assert nb.Scan(**scan).width_deg == pytest.approx(width, abs=1e-12)


def test_a_still_cannot_be_divided_into_a_series(config):
    still = config.replace(scan=nb.Scan())
    assert still.series(1) == [still]
    with pytest.raises(ConfigError, match=r"Scan\.range_deg: a series needs the width"):
        still.series(2)
    with pytest.raises(ConfigError, match=r"series: count = 0: must be from 1 to 100000"):
        config.series(0)
