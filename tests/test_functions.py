"""Functions of the kernel against the original program's (golden/functions.npz)."""

from __future__ import annotations

import numpy as np
import pytest

from nanobragg import _functions
from nanobragg.geometry import rotate, rotate_about
from tests.paths import GOLDEN

EPSILON = np.finfo(np.float64).eps


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "functions.npz") as stored:
        return {name: stored[name] for name in stored.files}


def grating(index: np.ndarray, n: int) -> np.ndarray:
    return np.sqrt(_functions.grating_sqr(index, np.full(index.shape, float(n))))


@pytest.mark.parametrize("n", [2, 5, 10, 100, 1000])
def test_grating_equals_sincg_where_that_is_exact(golden, n):
    """sincg divides sin(πNh) by sin(πh), where the rounding of π·h is enlarged near whole indices."""
    index = golden["sincg/h"]
    between = index != np.rint(index)
    h, theirs = index[between], np.abs(golden[f"sincg/N-{n}"][between])
    allowed = 1e-12 * n + 2 * EPSILON * np.pi * np.abs(h) * n / np.abs(np.sin(np.pi * (h - np.rint(h))))
    assert (np.abs(grating(h, n) - theirs) <= allowed).all()
    assert np.median(allowed / n) < 2e-12


@pytest.mark.parametrize("n", [2, 5, 10, 100, 1000])
def test_grating_is_n_at_whole_indices_where_sincg_is_noise(golden, n):
    whole = np.arange(-5.0, 6.0)
    np.testing.assert_allclose(grating(whole, n), n, rtol=1e-15)
    theirs = np.abs(golden[f"sincg/N-{n}"][np.isin(golden["sincg/h"], whole[whole != 0])])
    assert theirs.size == 10
    if n > 2:
        assert np.abs(theirs - n).max() > 0.05 * n


def test_sphere_equals_sinc3_but_for_its_lost_digits(golden):
    """sin x/x - cos x cancels: sinc3 is left with an error of about EPSILON/x²; at 0 it is exact."""
    x, theirs = golden["sinc3/x"], np.abs(golden["sinc3/value"])
    allowed = 1e-12 + np.divide(6 * EPSILON, x**2, out=np.zeros_like(x), where=x > 0)
    assert (np.abs(np.sqrt(_functions.sphere_sqr(x / np.pi)) - theirs) <= allowed).all()


def test_polarization_equals_polarization_factor(golden):
    vectors = (golden[f"polarization/{name}"] for name in ("incident", "diffracted", "axis"))
    ours = _functions.polarization(golden["polarization/kahn"], *vectors)
    np.testing.assert_allclose(ours, golden["polarization/value"], rtol=0, atol=1e-12)


def test_rotations_equal_rotate(golden):
    pairs = zip(golden["rotate/v"], golden["rotate/angles"].tolist(), strict=True)
    np.testing.assert_allclose([rotate(v, angles) for v, angles in pairs], golden["rotate/value"], rtol=0, atol=1e-12)


def test_rotations_about_an_axis_equal_rotate_axis(golden):
    vectors, axes = golden["rotate/v"], golden["rotate_axis/axis"]
    angles = np.ascontiguousarray(golden["rotate/angles"][:, 0])
    kernel = _functions.rotate_about(vectors, axes, angles)
    python = [rotate_about(*arguments) for arguments in zip(vectors, axes, angles, strict=True)]
    for ours in (kernel, python):
        np.testing.assert_allclose(ours, golden["rotate_axis/value"], rtol=0, atol=1e-12)


def test_cubic_equals_polint(golden):
    ours = _functions.cubic(golden["polint/y"], golden["polint/t"])
    np.testing.assert_allclose(ours, golden["polint/value"], rtol=0, atol=1e-12 * golden["polint/y"].max())


def test_tricubic_is_the_cubic_along_each_axis_in_turn():
    draw = np.random.default_rng(1)
    values, at = draw.uniform(0, 100, (50, 4, 4, 4)), draw.uniform(0, 1, (50, 3))
    h, k, l = np.ascontiguousarray(at.T)
    planes = _functions.cubic(values.reshape(-1, 4), np.repeat(l, 16)).reshape(-1, 4)
    rows = _functions.cubic(planes, np.repeat(k, 4)).reshape(-1, 4)
    expected = _functions.cubic(rows, h)
    np.testing.assert_allclose(_functions.tricubic(values, at), expected, rtol=0, atol=1e-10)
