"""AT-STEP: a count, a range and a step complete each other by the table of docs/step_rules.md."""

from __future__ import annotations

import math

import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError
from nanobragg.step_rules import Sweep, resolve_sweep
from tests.builders import config

DEGREE = math.pi / 180

PHI = [
    ((None, None, None), (1, 0.0, 0.0)),
    ((None, None, 0.3), (2, 0.3, 0.3)),
    ((None, 1.0, None), (2, 1.0, 0.5)),
    ((None, 1.0, 0.3), (4, 1.0, 0.3)),
    ((5, None, None), (5, DEGREE, DEGREE / 5)),
    ((5, None, 0.3), (2, 0.3, 0.3)),
    ((5, 1.0, None), (5, 1.0, 0.2)),
    ((5, 1.0, 0.0), (5, 1.0, 0.0)),  # a given step of 0 stays 0
    ((5, 1.0, 0.3), (5, 1.0, 0.3)),
    ((0, 1.0, None), (1, 1.0, 1.0)),  # a count of 0 counts as 1
    ((1, 0.0, None), (1, 0.0, 0.0)),
    ((None, 0.0, None), (2, 0.0, 0.0)),
]
BEAM = [
    ((None, None, None), (1, 0.0, 0.0)),
    ((None, None, 0.3), (2, 0.3, 0.3)),
    ((None, 1.0, None), (2, 1.0, 1.0)),
    ((None, 1.0, 0.3), (4, 1.0, 0.3)),
    ((5, None, None), (5, 1.0, 0.2)),
    ((5, None, 0.3), (2, 0.3, 0.3)),
    ((5, 1.0, None), (5, 1.0, 0.25)),
    ((1, 1.0, None), (2, 1.0, 1.0)),  # at least two of them span a range
    ((5, 1.0, 0.3), (5, 1.0, 0.3)),
    ((1, 1.0, 0.3), (1, 1.0, 0.3)),
    ((None, 0.0, None), (1, 0.0, 0.0)),  # afterwards: nothing that is 0 or less spreads
    ((None, 0.0, 0.3), (1, 0.0, 0.0)),
    ((5, 0.0, None), (1, 0.0, 0.0)),
    ((5, 0.0, 0.3), (1, 0.0, 0.0)),
]
SENSOR = [
    ((None, None, None), (1, 0.0, 0.0)),
    ((None, None, 1e-4), (2, 1e-4, 1e-4)),
    ((None, 3e-4, None), (2, 3e-4, 1.5e-4)),
    ((None, 3e-4, 1.1e-4), (3, 3e-4, 1.1e-4)),
    ((4, None, None), (4, 0.5e-6, 0.125e-6)),
    ((4, None, 1e-4), (2, 1e-4, 1e-4)),
    ((4, 3e-4, None), (4, 3e-4, 1e-4)),  # the C program's rule: row 12
    ((1, 3e-4, None), (2, 3e-4, 3e-4)),
    ((4, 3e-4, 0.5e-4), (4, 3e-4, 0.5e-4)),
    ((None, 0.0, None), (1, 0.0, 0.0)),
    ((4, 0.0, None), (1, 0.0, 0.0)),
]
TABLE = [
    pytest.param(kind, given, expected, id=f"{kind}-{given}")
    for kind, rows in (("phi", PHI), ("beam", BEAM), ("sensor", SENSOR))
    for given, expected in rows
]


def numbers(steps: Sweep) -> tuple[int, float, float]:
    return steps.count, steps.range, steps.step


@pytest.mark.parametrize(("kind", "given", "expected"), TABLE)
def test_at_step_table(kind, given, expected):
    """AT-STEP: given are count, range, step (None: not given)."""
    found = resolve_sweep(kind, *given, layers_overshoot=True)
    assert numbers(found) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("layers", [1, 2, 7])
def test_at_step_given_layers_cover_the_sensor(layers):
    """AT-STEP: n layers of a sensor are exactly as thick as the sensor (docs/quirks.md, row 12)."""
    count, thickness, step = numbers(resolve_sweep("sensor", layers, 3e-4, None))
    assert (count, thickness) == (layers, 3e-4)
    assert count * step == pytest.approx(thickness, rel=1e-15)


def test_at_step_a_phi_range_of_zero_with_a_step_is_an_error():
    """AT-STEP: C takes 0 steps there and divides by them (docs/quirks.md, row 23)."""
    with pytest.raises(ConfigError, match="gives no phi step; leave out the range or the step"):
        resolve_sweep("phi", None, 0.0, 0.1)


def test_at_step_a_config_resolves_its_sweeps_by_these_rules():
    """AT-STEP: degrees, mrad, percent and µm become radians, fractions and metres before the rules are applied."""
    scene = nb.Scene(
        config(
            scan=nb.Scan(range_deg=1.1, step_deg=0.1),
            beam=nb.Beam(
                divergence_mrad=(2, None),
                divergence_step_mrad=(None, 0.5),
                dispersion_percent=1,
                dispersion_steps=3,
                round_divergence=False,
            ),
            detector=nb.Detector.flat(pixels=8, sensor_thickness_um=300, sensor_layers=3),
        )
    )
    assert numbers(scene.phi) == pytest.approx(
        (12, 1.1 * DEGREE, 0.1 * DEGREE)
    )  # as C: its ceil meets a rounding error
    assert len(scene.sources.weights) == 2 * 2 * 3
    assert sorted(set(scene.sources.wavelengths)) == pytest.approx([0.995e-10, 1e-10, 1.005e-10])
    assert numbers(scene.sensor) == pytest.approx((3, 300e-6, 100e-6))


@pytest.mark.parametrize(
    ("spread", "count", "expected"),
    [(None, None, 1), (None, 5, 1), (0, 5, 1), (0.3, None, 10), (0.3, 5, 5), (0.3, 1, 1)],
)
def test_at_step_mosaic_domains(spread, count, expected):
    """AT-STEP, AT-MOS: a spread without a count has 10 domains, a count without a spread 1."""
    scene = nb.Scene(config(crystal=nb.Crystal(cell=(60,), mosaic_spread_deg=spread, mosaic_domains=count)))
    assert (scene.domains, len(scene.cells)) == (expected, expected)
