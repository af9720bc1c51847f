"""Images of float32: which precision they are computed in, and the bounds that docs/performance.md proves."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg import _core
from nanobragg.config.beam import DEFAULT_FLUENCE
from nanobragg.scene.kernel_input import float32_precision
from nanobragg.structure_factors.phased import magnitudes
from tests import builders

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

OF_ITSELF = 3.5e-6  # square, of each pixel
FROM_FLOATS = 1.2e-7  # two roundings of an amplitude
TRICUBIC = 2.2e-5  # of the largest amplitude squared, where 64 are summed in single precision

INDICES = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
AMPLITUDES = np.random.default_rng(1).uniform(1, 100, len(INDICES))
INTERPOLATED = ("tricubic", "phased")
LARGEST = float(AMPLITUDES.max())


def scene(crystal: nb.Crystal, factors: nb.StructureFactors | None = None, **fields: Any) -> nb.Scene:
    if factors is None:
        factors = nb.StructureFactors(indices=INDICES, amplitudes=AMPLITUDES, default_F=3, interpolate=False)
    return builders.scene(
        **{
            "crystal": crystal,
            "structure_factors": factors,
            "beam": nb.Beam(kahn_factor=0.7),
            "detector": nb.Detector.flat(distance_mm=70, pixels=(16, 64), pixel_mm=1.7, rotation_deg=(4, 5, 6)),
            "sampling": nb.Sampling(oversample=1),
            **fields,
        }
    )


@cache
def factors_of(lookup: str) -> tuple[nb.StructureFactors | None, float]:
    """Return structure factors, and the largest amplitude in their table."""
    if lookup == "constant":
        return nb.StructureFactors.constant(LARGEST), LARGEST
    if lookup == "phased":
        turn = np.exp(2j * np.pi * np.random.default_rng(2).random(len(INDICES)))
        factors = nb.StructureFactors(indices=INDICES, amplitudes=AMPLITUDES * turn, interpolate="phased")
        return factors, float(magnitudes(factors.transforms([0.0], factors.limits).values).max())
    tricubic = nb.StructureFactors(indices=INDICES, amplitudes=AMPLITUDES, default_F=3, interpolate=True)
    return tricubic if lookup == "tricubic" else None, LARGEST


def render(what: nb.Scene, dtype: type) -> np.ndarray:
    """Return the sums of the kernel of this precision as float64."""
    image = np.zeros((1, *what.shape))
    roi, stop, done = what.limits, np.zeros(1, np.int32), np.zeros(1, np.int64)
    _core.render(what.core(dtype), image, roi, what.mask, False, 1, stop, done)
    return image[0]


def one_electron(what: nb.Scene, crystal: nb.Crystal) -> np.ndarray:
    """Return the photons of a crystal with every amplitude set to 1."""
    constant = nb.StructureFactors.constant(1.0)
    return render(nb.Scene(what.config.replace(crystal=crystal, structure_factors=constant)), np.float64)


def square_bound(n_cells: tuple[int, int, int]) -> float:
    """Of the strongest possible term."""
    return sum(math.pi * n * 2**-33 + 3.3 * n**2 * 1e-13 for n in n_cells)


CELLS = st.tuples(*[st.floats(15, 120)] * 3, *[st.floats(70, 110)] * 3)
COUNTS = st.tuples(*[st.integers(1, 60) | st.integers(1, 1024)] * 3)


@pytest.mark.parametrize("lookup", ["constant", "nearest", "tricubic", "phased"])
@settings(max_examples=25)
@given(cell=CELLS, n_cells=COUNTS, misset=st.tuples(*[st.floats(-180, 180)] * 3), wavelength=st.floats(0.7, 3))
def test_single_precision_keeps_its_bound(lookup, cell, n_cells, misset, wavelength):
    crystal = nb.Crystal(cell=cell, n_cells=n_cells, misset_deg=misset, mosaic_spread_deg=0.4, mosaic_domains=4)
    factors, largest = factors_of(lookup)
    what = scene(crystal, factors, beam=nb.Beam(wavelength_A=wavelength, kahn_factor=0.7))
    assume(float32_precision(what) == "single")
    single, double = render(what, np.float32), render(what, np.float64)
    strongest = largest**2 * math.prod(n_cells) ** 2 * one_electron(what, nb.Crystal(cell=(1,)))
    if lookup in INTERPOLATED:
        strongest *= 1.25**6  # the weights' absolute sum, 1.25 an axis
    allowed = OF_ITSELF * double + square_bound(n_cells) * strongest
    if lookup in INTERPOLATED:
        allowed += TRICUBIC * largest**2 * one_electron(what, crystal)
    assert (np.abs(single - double) <= allowed).all()
    assert not np.array_equal(single, double)


@pytest.mark.parametrize("lookup", ["constant", "nearest", "tricubic", "phased"])
@pytest.mark.parametrize("shape", ["round", "gauss", "tophat"])
def test_the_other_shapes_are_in_double_precision_from_floats(shape, lookup):
    crystal = nb.Crystal(
        cell=(40, 50, 60, 80, 95, 100), n_cells=(2, 2, 3), misset_deg=(1, 2, 3), shape=shape, fudge=0.5
    )
    factors, largest = factors_of(lookup)
    what = scene(crystal, factors)
    assert what.core(np.float32).precision == "double from floats"
    floats, double = render(what, np.float32), render(what, np.float64)
    assert np.array_equal(floats, double) == (lookup == "constant")
    allowed = FROM_FLOATS * double
    if lookup in INTERPOLATED:
        allowed = allowed + TRICUBIC * largest**2 * one_electron(what, crystal)
    assert (np.abs(floats - double) <= allowed).all()


SQUARE = nb.Crystal(cell=(40, 50, 60), n_cells=(5, 8, 30))


def scaled(scale: float) -> dict[str, Any]:
    """Return amplitudes times a number, and a beam that keeps the photons the same."""
    return {
        "structure_factors": nb.StructureFactors(indices=INDICES, amplitudes=scale * AMPLITUDES),
        "beam": nb.Beam(fluence_ph_m2=DEFAULT_FLUENCE / scale**2),
    }


@pytest.mark.parametrize(
    ("changes", "precision"),
    [
        ({}, "single"),
        ({"compat": "c"}, "double"),
        ({"crystal": SQUARE.replace(n_cells=(1025, 2, 2))}, "double from floats"),
        ({"crystal": SQUARE.replace(cell=(6e5, 50, 60))}, "double from floats"),
        ({"crystal": SQUARE.replace(shape="gauss")}, "double from floats"),
        (scaled(1e11), "double from floats"),
        (scaled(1e-13), "double from floats"),
        (scaled(1e30), "double"),
        (scaled(1e-35), "double"),
        ({"structure_factors": nb.StructureFactors.constant(0)}, "single"),
    ],
)
def test_the_precision_follows_from_the_scene(changes, precision):
    """Double precision is used where single precision would break its bound or could not hold an amplitude."""
    what = nb.Scene(scene(SQUARE).config.replace(**changes))
    assert what.core(np.float32).precision == precision
    assert what.core(np.float64).precision == "double"
    image, exact = nb.simulate(what, dtype="float32"), nb.simulate(what, dtype="float64")
    assert np.isfinite(exact).all()
    np.testing.assert_allclose(image, exact, rtol=1e-5, atol=1e-6 * exact.max())
