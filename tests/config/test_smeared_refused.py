"""Errors for Configs without a closed form (mosaic_sampling="analytic"): field, value and cure in one line."""

from __future__ import annotations

from typing import Any

import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError
from tests.builders import CRYSTAL, config

GAUSS = CRYSTAL.replace(shape="gauss", mosaic_sampling="analytic")
SPREAD = GAUSS.replace(mosaic_spread_deg=(0.1, 0.1, 0.1), mosaic_model="gaussian")


def table(**options: Any) -> nb.StructureFactors:
    return nb.StructureFactors(indices=[[0, 0, 1], [0, 0, 2]], amplitudes=[1, 2], **options)


REFUSED = {
    "one spread": (
        lambda: GAUSS.replace(mosaic_spread_deg=0.2),
        r"Crystal.mosaic_spread_deg = 0.2: .*give mosaic_spread_deg=\(0.2, 0.2, 0.2\) and mosaic_model='gaussian'",
    ),
    "another shape": (
        lambda: SPREAD.replace(shape="square"), "Crystal.shape = 'square': .*analytic.*give 'gauss' or 'gauss_star'"
    ),
    "the default shape": (
        lambda: CRYSTAL.replace(mosaic_sampling="analytic"), "Crystal.shape = 'square': .*give 'gauss' or 'gauss_star'"
    ),
    "spots without a width": (lambda: SPREAD.replace(fudge=0), "Crystal.fudge = 0: .*give one above 0"),
    "a number of domains": (
        lambda: SPREAD.replace(mosaic_domains=5), "Crystal.mosaic_domains = 5: .*no list of domains; leave it out"
    ),
    "listed domains": (
        lambda: GAUSS.replace(mosaic_rotations_deg=[[0, 0, 0.1]]), "Crystal.mosaic_rotations_deg: .*leave it out"
    ),
    "a wide spread": (
        lambda: SPREAD.replace(mosaic_spread_deg=(0.1, 1.2, 0.1)),
        r"Crystal.mosaic_spread_deg = \(0.1, 1.2, 0.1\): .*up to 1; list domains \(mosaic_sampling='balanced'\)",
    ),
    "a large strain": (
        lambda: GAUSS.replace(strain_percent=1.5), "Crystal.strain_percent = 1.5: .*up to 1; list domains"
    ),
    "a large bandwidth": (
        lambda: nb.Beam(bandwidth_percent=7.5), "Beam.bandwidth_percent = 7.5: must be from 0 to 7"
    ),
    "a negative bandwidth": (lambda: nb.Beam(bandwidth_percent=-1), "Beam.bandwidth_percent = -1: must be"),
    "a bandwidth of listed domains": (
        lambda: config(beam=nb.Beam(bandwidth_percent=0.2)),
        "Beam.bandwidth_percent = 0.2: is for crystals with mosaic_sampling='analytic'; give it, or list the wave",
    ),
    "a bandwidth of one crystal in two": (
        lambda: nb.Config(
            crystals=[SPREAD, CRYSTAL], structure_factors=table(), detector=config().detector,
            beam=nb.Beam(bandwidth_percent=0.2),
        ),
        "Beam.bandwidth_percent = 0.2: is for crystals with mosaic_sampling='analytic'",
    ),
    "the original program": (
        lambda: config(crystal=GAUSS, compat="c"), r"Crystal.mosaic_sampling: compat='c' does not support it"
    ),
    "interpolated amplitudes": (
        lambda: config(crystal=SPREAD, structure_factors=table(interpolate=True)),
        "StructureFactors.interpolate = True: contradicts Crystal.mosaic_sampling = 'analytic', .*; leave it out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_one_line(name):
    bad, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message) as caught:
        bad()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
def test_the_widest_spots_that_may_be_asked_for_are_bounded():
    wide = {"mosaic_spread_deg": (1, 1, 1), "strain_percent": (1,) * 6}
    behind = nb.Detector(panels=(nb.Panel(
        origin_mm=(-50, 8, -12), fast_axis=(0, 0, 1), slow_axis=(0, -1, 0), pixels=(8, 8)),))  # fmt: skip
    for cell, n_cells, wavelength in ((900, 1, 0.2), (10, 1000, 0.2), (10, 1, 10.0)):
        crystal = SPREAD.replace(cell=(cell,) * 3 + (90,) * 3, n_cells=n_cells, **wide)
        nb.Scene(config(crystal=crystal, beam=nb.Beam(wavelength_A=wavelength, bandwidth_percent=7), detector=behind))


def test_the_device_auto_takes_the_cpu():
    image = nb.simulate(config(crystal=SPREAD), device="auto")
    assert (image == nb.simulate(config(crystal=SPREAD))).all()
