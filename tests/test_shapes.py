"""Shapes of the crystal (include/nanobragg/shapes/): derivatives, envelopes, integrals and sections."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg._functions import (
    SHAPES,
    shape_envelope,
    shape_metric,
    shape_section,
    shape_slopes,
    shape_value,
)

SMOOTH = [name for name in SHAPES if name != "tophat"]
RADIAL = [name for name, shape in SHAPES.items() if not shape.separable]
RECIPROCAL = np.array([[0.02, 0.003, -0.001], [0.0, 0.017, 0.002], [0.001, -0.004, 0.025]])  # 1/Å

cell_numbers = st.tuples(*[st.floats(1.0, 60.0)] * 3)
offsets = st.tuples(*[st.floats(-0.5, 0.5)] * 3)


def value(shape: str, n: np.ndarray, offset: np.ndarray, fudge: float = 1.3) -> float:
    metric = shape_metric(shape, n, fudge, RECIPROCAL)
    return float(shape_value(shape, n, metric, np.atleast_2d(offset))[0])


def difference_quotient(function, at: np.ndarray, axis: int, step: float) -> float:
    """Return a central difference, extrapolated from two steps, of order step⁴."""

    def central(h: float) -> float:
        move = h * np.eye(3)[axis]
        return (function(at + move) - function(at - move)) / (2 * h)

    return (4 * central(step / 2) - central(step)) / 3


@pytest.mark.parametrize("shape", SMOOTH)
@settings(deadline=None, max_examples=60)
@given(n=cell_numbers, offset=offsets)
def test_derivatives_agree_with_differences(shape, n, offset):
    """To 1e-6 of the largest derivative that an offset, or a number of cells, can have."""
    n, offset = np.array(n), 0.98 * np.array(offset)
    metric = shape_metric(shape, n, 1.3, RECIPROCAL)
    by_offset, by_n = shape_slopes(shape, n, metric, offset[np.newaxis])
    peak, steepest = n.prod() ** 2, max(n.max(), metric.max() ** 0.5)
    for axis in range(3):
        expected = difference_quotient(lambda x: value(shape, n, x), offset, axis, 2e-3 / steepest)
        assert by_offset[0, axis] == pytest.approx(expected, abs=1e-6 * peak * steepest)
        expected = difference_quotient(lambda x: value(shape, x, offset), n, axis, 1e-3)
        assert by_n[0, axis] == pytest.approx(expected, abs=1e-6 * peak)


@pytest.mark.parametrize("shape", SMOOTH)
def test_derivatives_vanish_at_the_reflection_and_keep_their_digits_near_it(shape):
    n = np.array([30.0, 40.0, 50.0])
    metric = shape_metric(shape, n, 1.0, RECIPROCAL)
    near = np.array([[1e-9, -2e-9, 3e-9]])
    by_offset, by_n = shape_slopes(shape, n, metric, np.vstack([np.zeros((1, 3)), near, 1000 * near]))
    assert np.abs(by_offset[0]).max() <= 1e-40 * n.prod() ** 2
    np.testing.assert_allclose(by_offset[2], 1000 * by_offset[1], rtol=1e-6)  # the next order is 2e-7
    np.testing.assert_allclose(by_n[0], 2 * value(shape, n, np.zeros(3)) / n, rtol=1e-12)


def test_a_tophat_has_no_derivative():
    n = np.array([5.0, 6.0, 7.0])
    metric = shape_metric("tophat", n, 1.0, RECIPROCAL)
    by_offset, by_n = shape_slopes("tophat", n, metric, np.array([[0.01, 0.0, 0.02]]))
    assert not by_offset.any()
    np.testing.assert_allclose(by_n[0], 2 * n.prod() ** 2 / n)  # of the peak


@pytest.mark.parametrize("shape", list(SHAPES))
@settings(deadline=None, max_examples=200)
@given(n=st.tuples(*[st.integers(1, 60)] * 3), offset=offsets, factors=st.tuples(*[st.floats(0.0, 1.0)] * 3))
def test_no_offset_further_out_exceeds_the_envelope(shape, n, offset, factors):
    n, far = np.array(n, float), np.array(offset)
    near = far * (factors if SHAPES[shape].separable else factors[0])
    metric = shape_metric(shape, n, 1.0, RECIPROCAL)
    bound = shape_envelope(shape, n, metric, near[np.newaxis])[0]
    assert value(shape, n, far, 1.0) <= bound
    assert bound <= n.prod() ** 2 * (1 + 2e-5)  # computed in single precision


@pytest.mark.parametrize("shape", list(SHAPES))
def test_an_envelope_is_touched_and_never_zero_but_for_the_tophat(shape):
    """Somewhere between two zeros the shape comes within 5 % of its envelope, where the axes are orthogonal."""
    n = np.array([40.0, 40.0, 40.0])
    metric = shape_metric(shape, n, 1.0, np.diag([0.02, 0.025, 0.04]))
    along = np.linspace(0.1, 0.15, 2000)[:, np.newaxis] * [1.0, 0.0, 0.0]
    bound = shape_envelope(shape, n, metric, along)
    if shape == "tophat":
        assert not bound.any()
    else:
        assert (bound > 0).all()
        assert (shape_value(shape, n, metric, along) / bound).max() > 0.95


@pytest.mark.parametrize("shape", RADIAL)
def test_a_sections_derivative_is_the_ring_that_it_loses(shape):
    """d(section)/dr = -2πr F²(r)."""
    n, unit_metric = np.ones(3), np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    radius = np.array([0.05, 0.1, 0.3, 0.6, 0.9, 1.7, 3.1])
    step = 1e-4
    slope = (shape_section(shape, radius + step) - shape_section(shape, radius - step)) / (2 * step)
    on_axis = np.column_stack([radius, 0 * radius, 0 * radius])
    ring = 2 * np.pi * radius * shape_value(shape, n, unit_metric, on_axis)
    np.testing.assert_allclose(slope, -ring, rtol=1e-6, atol=2e-7)


@pytest.mark.parametrize("shape", RADIAL)
def test_sections_add_up_to_the_integral_and_the_reach_holds_97_percent_of_it(shape):
    radius = np.linspace(0.0, 400.0, 400_001)
    sections = shape_section(shape, radius)
    total = 2 * np.trapezoid(sections, radius)
    assert total == pytest.approx(SHAPES[shape].integral, rel=1e-3)
    within = radius <= SHAPES[shape].reach
    assert 2 * np.trapezoid(sections[within], radius[within]) > 0.97 * total


def test_the_square_shapes_integral_is_one():
    """∫ sin²(πNδ)/sin²(πδ) dδ = N along each axis, in units of N²·(1/N)."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    n, metric = np.array([7.0, 1.0, 1.0]), np.ones(6)
    along = np.column_stack([nodes / 2, 0 * nodes, 0 * nodes])
    total = weights / 2 @ shape_value("square", n, metric, along) / 7.0
    assert total == pytest.approx(SHAPES["square"].integral, rel=1e-12)


def crystal_scene(cell: tuple[float, ...], shape: str, **fields) -> nb.Scene:
    return nb.Scene(
        nb.Config(
            crystal=nb.Crystal(cell=cell, n_cells=(6, 6, 6), shape=shape, **fields),
            structure_factors=nb.StructureFactors.constant(100),
            detector=nb.Detector.flat(distance_mm=100, pixels=(40, 40), pixel_mm=2),
        )
    )


def turned(axis: list[float], degrees: float) -> np.ndarray:
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = math.radians(degrees)
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


HEXAGONAL = (60.0, 60.0, 80.0, 90.0, 90.0, 120.0)
BODY_CENTRED = (60.0, 60.0, 60.0, *[math.degrees(math.acos(-1 / 3))] * 3)  # primitive cell of a cubic lattice


@pytest.mark.parametrize(
    ("cell", "axis_hkl", "degrees"), [(HEXAGONAL, (0, 0, 1), 60.0), (BODY_CENTRED, (-1, 1, 1), 90.0)]
)
def test_gauss_star_is_equal_at_symmetry_mates_where_gauss_is_not(cell, axis_hkl, degrees):
    """A vector of reciprocal space and its image under a rotation of the lattice."""
    values = {}
    for shape in ("gauss", "gauss_star"):
        scene = crystal_scene(cell, shape)
        reciprocal = scene.lattice.reciprocal
        rotation = turned(np.array(axis_hkl) @ reciprocal, degrees)
        operator = reciprocal @ rotation.T @ np.linalg.inv(reciprocal)  # of hkl, from the right
        np.testing.assert_allclose(operator, np.rint(operator), atol=1e-9)  # the lattice has this symmetry
        offset = np.array([[0.06, -0.02, 0.03]])
        mates = np.vstack([offset, offset @ operator])
        values[shape] = shape_value(shape, np.array(scene.n_cells, float), scene.radius_metric, mates)
    assert values["gauss_star"][0] == pytest.approx(values["gauss_star"][1], rel=1e-12)
    assert abs(values["gauss"][0] / values["gauss"][1] - 1) > 0.02


@pytest.mark.parametrize("compat", [None, "c"])
def test_gauss_star_in_an_image_is_its_formula(compat):
    """F_latt = N_a N_b N_c exp(-1.9 fudge |Δq|² L²), from the index that the trace of a pixel shows."""
    base = crystal_scene((40, 50, 60, 80, 95, 105), "gauss_star", fudge=0.3, misset_deg=(10, 20, 30)).config
    scene = nb.Scene(base.replace(compat=compat))
    for slow, fast in [(19, 22), (5, 30), (33, 8)]:
        term = nb.trace(scene, slow=slow, fast=fast).terms[0]
        a_star = np.array([term.a_star_per_A, term.b_star_per_A, term.c_star_per_A])
        length = (6**3 / abs(np.linalg.det(a_star))) ** (1 / 3)
        q = np.array(term.delta) @ a_star
        expected = (6**3 * math.exp(-1.9 * 0.3 * (q @ q) * length**2)) ** 2
        assert term.F_latt_sqr == pytest.approx(expected, rel=1e-11 if compat is None else 1e-3)  # row 9: C's cell


def test_an_unknown_shape_is_refused_with_those_there_are():
    with pytest.raises(nb.errors.ConfigError, match=r"shape = 'cube'.*'square', 'round', .* 'gauss_star'"):
        nb.Crystal(cell=(50,), shape="cube")
