"""Water, ice, air and helium around the crystal: rings, absolute scale, and sums."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.analysis.radial import RadialAverage
from nanobragg.errors import ConfigError
from nanobragg.structure_factors.surroundings import G_OO, STOL, air, helium, ice, water
from tests.builders import config

R_E_SQR = 7.94079248018965e-30
DETECTOR = nb.Detector.flat(distance_mm=60, pixels=400, pixel_mm=0.25)
EMPTY = {"structure_factors": nb.StructureFactors.constant(0), "detector": DETECTOR}


def profile(background: nb.Background, **fields) -> RadialAverage:
    made = config(background=background, beam=nb.Beam(size_mm=0.05, fluence_ph_m2=1e22), **EMPTY, **fields)
    return nb.radial_average(nb.simulate(made, dtype="float64"), made, bins=400)


def maxima(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    inner = np.flatnonzero((y[1:-1] > y[:-2]) & (y[1:-1] > y[2:])) + 1
    return x[inner]


def test_water_has_its_ring_near_3_2_A():
    found = profile(nb.Background.water(30))
    seen = (found.d_A > 2.5) & (found.d_A < 6)
    assert found.d_A[seen][np.argmax(found.value[seen])] == pytest.approx(3.2, abs=0.15)
    fluctuations = 998.2 / 0.018015 * 6.02214179e23 * 1.380649e-23 * 293.15 * 4.589e-10  # ρ k T κ
    assert water()[0] == pytest.approx(10 * math.sqrt(fluctuations), abs=0.005)
    free = np.sqrt(water()[-1] ** 2)
    assert free == pytest.approx(math.sqrt(_free_water(STOL[-1])), rel=0.03)


def _free_water(stol: float) -> float:
    import gemmi

    o, h = (gemmi.Element(name).it92.calculate_sf(stol**2) for name in ("O", "H"))
    return float(o**2 + 2 * h**2)


def test_water_has_the_neighbours_that_diffraction_counts():
    """Between four and five to the first minimum at 3.4 Å; the nearest at 2.80 Å (Skinner et al. 2013)."""
    r, g = np.array(G_OO).T
    fine = np.linspace(2.3, 3.4, 500)
    count = np.trapezoid(4 * math.pi * 0.03337 * fine**2 * np.interp(fine, r, g), fine)
    assert 4 < count < 5
    assert r[np.argmax(g)] == pytest.approx(2.80, abs=0.02)


def test_ice_has_the_rings_of_hexagonal_ice():
    found = 1 / (2 * maxima(STOL, ice(0.0005)))
    ranges = ((3.94, 3.86), (3.705, 3.635), (3.465, 3.415), (2.69, 2.65), (2.265, 2.235), (2.09, 2.07), (1.96, 1.94),
              (1.925, 1.915), (1.73, 1.72))  # Å, those that Pointless leaves out by default  # fmt: skip
    for high, low in ranges:
        assert ((found > low) & (found < high)).any()
    rings = profile(nb.Background.ice(5, ring_width_A=0.05))
    at = {d: rings.value[np.abs(rings.d_A - d).argmin()] for d in (3.90, 3.67, 3.55, 3.44, 3.0)}
    assert min(at[3.90], at[3.67], at[3.44]) > 5 * at[3.0]


def test_a_powder_ring_holds_the_reflections_of_the_structure():
    """The integral over 1 0 0, whose six equivalents have |F|² = (2 cos)² f² …, does not depend on the width."""
    sums = []
    for width in (0.0005, 0.002):
        near = np.abs(STOL - 1 / (2 * 3.8954)) < 0.006
        sums.append(float((ice(width)[near] ** 2).sum()))
    assert sums[0] == pytest.approx(sums[1], rel=0.1)


def test_gases_scatter_as_their_molecules_do():
    assert helium()[0] == pytest.approx(2, rel=1e-3)
    assert air()[0] == pytest.approx(math.sqrt(0.7808 * 14**2 + 0.2095 * 16**2 + 0.0093 * 18**2), rel=1e-3)
    molecules = 1.204e-3 / 28.96 * 6.02214179e23 * 1e6 * 0.1 * (5e-5) ** 2  # 100 mm
    photons = profile(nb.Background.air(100)).value
    middle = config(**EMPTY).detector.panels[0].pixel_mm / 60
    assert photons[1] == pytest.approx(R_E_SQR * 1e22 * molecules * air()[0] ** 2 * middle**2, rel=0.02)
    thin = profile(nb.Background.helium(100)).value
    assert thin[1] / photons[1] == pytest.approx((2 / air()[0]) ** 2, rel=0.01)  # gases have equal numbers of molecules
    assert (thin < 0.1 * photons).all()


def test_backgrounds_add_up(tmp_path):
    parts = nb.Background.water(10), nb.Background.air(50), nb.Background(water_um=3), nb.Background.helium(5)
    together = parts[0] + parts[1] + parts[2] + parts[3]
    made = config(background=together, **EMPTY)
    images = [nb.simulate(config(background=part, **EMPTY), dtype="float64") for part in parts]
    np.testing.assert_allclose(nb.simulate(made, dtype="float64"), sum(images), rtol=1e-9)
    nested = parts[0] + (parts[1] + parts[2]) + parts[3]
    np.testing.assert_allclose(nb.simulate(config(background=nested, **EMPTY), dtype="float64"), sum(images), rtol=1e-9)
    made.to_toml(tmp_path / "a.toml")
    assert nb.Config.from_toml(tmp_path / "a.toml") == made
    with pytest.raises(ConfigError, match=r"Background.table: compat='c' does not support it"):
        made.replace(compat="c")


@pytest.mark.parametrize("width", [0, 2, math.nan])
def test_an_impossible_ring_width_is_refused(width):
    with pytest.raises(ConfigError, match="ring_width_A"):
        nb.Background.ice(5, ring_width_A=width)
