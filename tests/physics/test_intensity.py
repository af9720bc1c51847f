"""Integrated intensities against kinematic theory (Darwin's formula), absolute; and against Thomson's cross-section."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nanobragg as nb

from .reflection import FLUENCE, R_E_SQR, Reflection, shape_integral

# Coarse pixels are what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

SHAPES = ["square", "round", "gauss", "tophat", "gauss_star"]
TRICLINIC = {"cell": (30.0, 40.0, 50.0, 75.0, 85.0, 105.0), "hkl": (5, -7, 6)}
EXPERIMENTS = {
    "across the spindle": {},
    "shallow": {"hkl": (0, 5, 0)},
    "backwards": {"hkl": (0, 60, 0)},
    "near the spindle": {"azimuth_deg": 60},
    "polarized": {"kahn": 0.95, "azimuth_deg": 35},
    "long wavelength": {"wavelength_A": 2.5},
    "short wavelength": {"wavelength_A": 0.5},
    "triclinic": TRICLINIC,
    "triclinic, unequal": {**TRICLINIC, "n_cells": (14, 10, 8), "kahn": -0.5, "azimuth_deg": -40},
    "mosaic": {"spread_deg": 0.3, "domains": 15},
    "wide mosaic": {"spread_deg": 1.0, "domains": 15},
    "blocks": {"size_mm": (0.05, 0.02, 0.03)},
    "triclinic blocks": {**TRICLINIC, "n_cells": (14, 10, 8), "size_mm": (0.001, 0.002, 0.0007)},
    "fractions of a cell": {"n_cells": (12.4, 11.7, 13.5)},
    "blocks of fractions": {**TRICLINIC, "n_cells": (13.3, 10.6, 8.5), "size_mm": (0.01, 0.02, 0)},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_reflection_has_the_photons_that_darwins_formula_gives(experiment, shape):
    """Within 0.5 % of r_e² F² λ³ N/V · P · L · fluence/range times the shape's own integral."""
    reflection = Reflection(**{"shape": shape, "n_cells": (12, 12, 12), **EXPERIMENTS[experiment]})
    assert reflection.ratio() == pytest.approx(shape_integral(shape, reflection.n_cells), rel=0.005)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [5, 8, 16, 30])
def test_photons_grow_with_the_number_of_cells_and_no_faster(shape, n):
    """The peak grows with N⁶, the spot shrinks; small crystals sample Lorentz' factor widely, hence 1 %."""
    reflection = Reflection(shape=shape, n_cells=(n, n + 1, n - 1))
    assert reflection.ratio() == pytest.approx(shape_integral(shape, reflection.n_cells), rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("azimuth", [-70, 0, 45])
@pytest.mark.parametrize("wavelength", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("n", [12, 40])
def test_darwins_formula_holds_on_a_grid(shape, azimuth, wavelength, n):
    reflection = Reflection(
        shape=shape, n_cells=(n, n, n), azimuth_deg=azimuth, wavelength_A=wavelength, kahn=0.6, **TRICLINIC
    )
    assert reflection.ratio() == pytest.approx(shape_integral(shape, reflection.n_cells), rel=0.005)


def test_the_shapes_integrals_are_those_of_the_theory():
    """1, 1, 0.984, 1.047 and 0.752; the round shape's own to 1/N, its tails belong to the neighbours."""
    limits = {"square": 1.0, "gauss": 0.9844, "tophat": 1.0474, "gauss_star": 0.7517}
    for shape, limit in limits.items():
        assert shape_integral(shape, (20, 20, 20)) == pytest.approx(limit, rel=1e-4)
    lost = [1 - shape_integral("round", (n, n, n)) for n in (10, 20, 40)]
    assert [n * x for n, x in zip((10, 20, 40), lost, strict=True)] == pytest.approx([0.51] * 3, rel=0.02)


def cube_of_panels(half_mm: float, pixels: int) -> nb.Detector:
    """Return six panels that cover all directions."""
    axes = np.eye(3)
    panels = []
    for k in range(3):
        for side in (1, -1):
            fast, slow = axes[(k + 1) % 3], axes[(k + 2) % 3]
            corner = half_mm * (side * axes[k] - fast - slow)
            panels.append(
                nb.Panel(
                    origin_mm=tuple(corner),
                    fast_axis=tuple(fast),
                    slow_axis=tuple(slow),
                    pixel_mm=2 * half_mm / pixels,
                    pixels=(pixels, pixels),
                )
            )
    return nb.Detector(panels=tuple(panels))


@pytest.mark.parametrize("kahn", [0.0, 0.9, -1.0])
def test_water_scatters_thomsons_cross_section_in_all_directions(kahn):
    """8π/3 r_e² an electron squared, however polarized; on a closed detector, to the square of the pixel's angle."""
    molecules = 30e-6**3 * 1e6 * 6.02214179e23 / 18
    expected = FLUENCE * 8 * math.pi / 3 * R_E_SQR * 2.57**2 * molecules
    errors = []
    for pixels in (24, 48):
        config = nb.Config(
            crystal=nb.Crystal(cell=(100,)),
            structure_factors=nb.StructureFactors.constant(0),
            beam=nb.Beam(fluence_ph_m2=FLUENCE, kahn_factor=kahn, direction=(0.3, 0.5, -0.8)),
            detector=cube_of_panels(50, pixels),
            sampling=nb.Sampling(oversample=1),
            background=nb.Background(water_um=30),
        )
        errors.append(nb.simulate(config, dtype="float64").sum() / expected - 1)
    assert abs(errors[1]) < 5e-4
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)
