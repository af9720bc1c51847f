"""Sensor materials: attenuation of X-rays, and the mean depth of absorption."""

import math
from typing import Any, NamedTuple

import numpy as np

from ..constants import EV_ANGSTROM
from ..errors import ConfigError

THIN, THICK = 1e-4, 700.0  # µ times thickness
THINNEST_UM = 0.1  # simulations without a sensor write less, because readers require a thickness


class Material(NamedTuple):
    """Density (g/cm³), and a table of "energy:µ/ρ" (keV, cm²/g) with two entries at each absorption edge."""

    density: float
    table: str


# Mass attenuation coefficients: J. H. Hubbell and S. M. Seltzer, NISTIR 5632 (1995), tables 3 and 4; for Gd2O2S the
# mean of the elements by weight. Its density is half that of the crystal, 7.32: a screen of packed grains.
MATERIALS = {
    "Si": Material(
        2.33,
        "3:978.4 4:452.9 5:245 6:147 8:64.68 10:33.89 15:10.34 20:4.464 30:1.436 40:0.7012 50:0.4385 60:0.3207 "
        "80:0.2228 100:0.1835",
    ),
    "CdTe": Material(
        6.2,
        "3:614.6 3.537:406.4 3.537:778.7 3.631:730 3.727:684 3.727:860.1 4:723 4.018:715.1 4.018:793.4 4.177:722.1 "
        "4.341:656.2 4.341:932.8 4.475:873.9 4.612:813.5 4.612:943.8 4.773:870.2 4.939:799.9 4.939:865.3 5:839.2 "
        "6:528.6 8:249.2 10:138.1 15:46.57 20:21.44 26.711:9.834 26.711:29.43 30:21.82 31.814:18.73 31.814:34.92 "
        "40:19.3 50:10.67 60:6.542 80:3.019 100:1.671",
    ),
    "GaAs": Material(
        5.32,
        "3:970.2 4:453.9 5:249.5 6:152.4 8:69.6 10:37.8 10.3671:34.25 10.3671:126 11.0916:105.9 11.8667:88.99 "
        "11.8667:168.5 15:92.2 20:42.58 30:13.97 40:6.262 50:3.365 60:2.042 80:0.9587 100:0.5598",
    ),
    "Gd2O2S": Material(
        3.66,
        "3:1205 4:591.6 5:337.1 6:211.8 7.2428:130.6 7.2428:331.3 7.5788:295.2 7.9303:262.5 7.9303:353.9 8:347 "
        "8.3756:309.5 8.3756:356 10:228.5 15:79.02 20:36.89 30:12.54 40:5.854 50:3.274 50.2391:3.234 50.2391:15.55 "
        "60:9.812 80:4.666 100:2.613",
    ),
}


def attenuation_per_mm(material: str, wavelength_A: float) -> float:
    """Return µ of a sensor material (1/mm), interpolated log-log between 3 and 100 keV.

    Raises `ConfigError` if the material or the energy is not in the table.
    """
    if material not in MATERIALS:
        raise ConfigError(
            f"sensor material {material!r}: is not one of {', '.join(MATERIALS)}; use one of them, or give "
            "attenuation_um"
        )
    density, table = MATERIALS[material]
    points = np.array([[float(number) for number in pair.split(":")] for pair in table.split()])
    energy = EV_ANGSTROM / wavelength_A / 1000.0
    if not points[0, 0] <= energy <= points[-1, 0]:
        raise ConfigError(
            f"sensor material {material!r}: is tabulated from {points[0, 0]:g} to {points[-1, 0]:g} keV, not at "
            f"{energy:g} keV; give attenuation_um"
        )
    points[1:, 0] += 1e-9 * (np.diff(points[:, 0]) == 0)  # np.interp needs increasing energies at edges
    return float(density / 10 * np.exp(np.interp(np.log(energy), *np.log(points).T)))


def sensor_fields(material: str, thickness_um: float, wavelength_A: float) -> dict[str, Any]:
    """Return the fields of a `Detector` with a sensor of one layer at the mean depth of absorption.

    This gives the spot positions of a thick sensor at the cost of a single layer, but not the elongation of spots by
    parallax; `sensor_layers=n, sensor_depth_um=0` gives both.
    """
    mu = attenuation_per_mm(material, wavelength_A)
    return {
        "sensor_material": material,
        "sensor_thickness_um": thickness_um,
        "attenuation_um": 1000.0 / mu,
        "sensor_layers": 1,
        "sensor_depth_um": 1000.0 * stopping_depth_mm(mu, thickness_um / 1000.0),
    }


def stopping_depth_mm(mu_per_mm: float, thickness_mm: float) -> float:
    """Return the mean depth of the photons that a slab absorbs at normal incidence: 1/µ - t/(exp(µt) - 1)."""
    thicknesses = mu_per_mm * thickness_mm
    if thicknesses < THIN:  # the limit, which the formula misses by cancellation
        return thickness_mm * (0.5 - thicknesses / 12.0)
    if thicknesses > THICK:  # expm1 overflows
        return 1 / mu_per_mm
    return 1 / mu_per_mm - thickness_mm / math.expm1(thicknesses)
