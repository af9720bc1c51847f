"""Unit words as UDUNITS knows them."""

import pytest

from nanobragg.io.units import ANGLE, ENERGY, LENGTH, WAVELENGTH


@pytest.mark.parametrize(
    ("dimension", "unit", "size"),
    [
        (LENGTH, "m", 1e3), (LENGTH, "metres", 1e3), (LENGTH, "Meter", 1e3), (LENGTH, "millimeters", 1.0),
        (LENGTH, "mm", 1.0), (LENGTH, "µm", 1e-3), (LENGTH, "μm", 1e-3), (LENGTH, "um", 1e-3),
        (LENGTH, "microns", 1e-3),
        (LENGTH, "micrometre", 1e-3), (LENGTH, "km", 1e6), (LENGTH, "1e-3 m", 1.0), (LENGTH, "0.001 m", 1.0),
        (LENGTH, "10^-6 m", 1e-3), (LENGTH, "angstrom", 1e-7), (LENGTH, "(mm)", 1.0), (LENGTH, "inch", 25.4),
        (ANGLE, "deg", 1.0), (ANGLE, "Degrees", 1.0), (ANGLE, "°", 1.0), (ANGLE, "mrad", 0.0572957795130823),
        (ANGLE, "radians", 57.29577951308232), (ANGLE, "millidegree", 1e-3), (ANGLE, "arcmin", 1 / 60),
        (ANGLE, "arc_second", 1 / 3600), (WAVELENGTH, "Å", 1.0), (WAVELENGTH, "A", 1.0), (WAVELENGTH, "Angstroms", 1.0),
        (WAVELENGTH, "nanometer", 10.0), (WAVELENGTH, "pm", 0.01), (WAVELENGTH, "m", 1e10), (ENERGY, "eV", 1.0),
        (ENERGY, "keV", 1e3), (ENERGY, "kiloelectronvolt", 1e3), (ENERGY, "MeV", 1e6), (ENERGY, "KEV", 1e3),
    ],
)  # fmt: skip
def test_units(dimension, unit, size):
    assert dimension.factor(unit) == pytest.approx(size, rel=1e-12)


@pytest.mark.parametrize("unit", ["", "furlong", "s", "mmm", "e", "1e999 m", "0 m", "m2", "-m", "x" * 10_000, "1e-3"])
def test_other_words_are_not_units(unit):
    assert [each.factor(unit) for each in (LENGTH, ANGLE, WAVELENGTH, ENERGY)] == [None] * 4
