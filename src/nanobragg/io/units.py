"""Unit words of NeXus files: names, symbols, plurals and prefixes as in UDUNITS, with a factor such as "1e-3 m".

Source: https://docs.unidata.ucar.edu/udunits/current/udunits2lib.html
"""

import math
import re
from typing import NamedTuple

PREFIXES = {  # symbols keep their capitals, names do not
    "Y": 1e24, "Z": 1e21, "E": 1e18, "P": 1e15, "T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "h": 1e2, "da": 1e1,
    "d": 1e-1, "c": 1e-2, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15, "a": 1e-18,
}  # fmt: skip
PREFIX_NAMES = {
    "giga": 1e9, "mega": 1e6, "kilo": 1e3, "hecto": 1e2, "deca": 1e1, "deka": 1e1, "deci": 1e-1, "centi": 1e-2,
    "milli": 1e-3, "micro": 1e-6, "nano": 1e-9, "pico": 1e-12, "femto": 1e-15,
}  # fmt: skip
FACTOR = re.compile(r"(10\^-?\d+|[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)[ *.]*(?=[^\d\s])")
TAKE_PREFIXES = ("m", "rad", "deg", "eV", "J", "meter", "metre", "radian", "degree", "electronvolt", "joule")
LONGEST = 40  # characters of a unit


class Dimension(NamedTuple):
    """A kind of quantity.

    Attributes
    ----------
    symbols, names
        Units with their size; only symbols distinguish capitals.
    examples
        Units for an error message.
    """

    symbols: dict[str, float]
    names: dict[str, float]
    examples: tuple[str, ...]

    def factor(self, unit: str) -> float | None:
        """Return the size of a unit, None if it is not known."""
        if len(unit) > LONGEST:
            return None
        unit = unit.strip().strip("()[]")
        found = FACTOR.match(unit)
        size = 1.0
        if found:
            number, _, power = found.group(1).partition("^")
            size, unit = float(number) ** int(power or 1), unit[found.end() :]
        factor = self._of_symbol(unit) or self._of_name(unit.casefold())
        if factor is None or not (math.isfinite(size * factor) and size > 0):
            return None
        return size * factor

    def _of_symbol(self, unit: str) -> float | None:
        if unit in self.symbols:
            return self.symbols[unit]
        return _prefixed(unit, PREFIXES, self.symbols)

    def _of_name(self, unit: str) -> float | None:
        for word in (unit, unit.removesuffix("s")):
            found = self.names.get(word) or _prefixed(word, PREFIX_NAMES, self.names)
            if found is not None:
                return found
        return None


def _prefixed(unit: str, prefixes: dict[str, float], units: dict[str, float]) -> float | None:
    """Return the size of a unit with a prefix, None if it is not known or takes no prefix."""
    for prefix, size in prefixes.items():
        rest = unit.removeprefix(prefix)
        if rest != unit and rest in TAKE_PREFIXES and rest in units:
            return size * units[rest]
    return None


DEGREE = 180.0 / math.pi  # degrees in a radian
LENGTH = Dimension(  # mm
    {"m": 1e3, "cm": 10.0, "mm": 1.0, "um": 1e-3, "nm": 1e-6, "Å": 1e-7, "in": 25.4},
    {
        "meter": 1e3,
        "metre": 1e3,
        "micron": 1e-3,
        "angstrom": 1e-7,
        "ångström": 1e-7,
        "inch": 25.4,
        "cm": 10.0,
        "mm": 1.0,
    },
    ("m", "cm", "mm", "um", "micron"),
)
ANGLE = Dimension(  # degrees
    {"deg": 1.0, "°": 1.0, "rad": DEGREE, "'": 1 / 60, '"': 1 / 3600},
    {
        "degree": 1.0, "deg": 1.0, "arc_degree": 1.0, "radian": DEGREE, "rad": DEGREE, "arcminute": 1 / 60,
        "arc_minute": 1 / 60, "arcmin": 1 / 60, "arcsecond": 1 / 3600, "arc_second": 1 / 3600, "arcsec": 1 / 3600,
        "turn": 360.0, "revolution": 360.0,
    },
    ("degree", "deg", "rad", "mrad"),
)  # fmt: skip
WAVELENGTH = Dimension(  # Å
    {"m": 1e10, "nm": 10.0, "pm": 0.01, "Å": 1.0, "A": 1.0},
    {"meter": 1e10, "metre": 1e10, "angstrom": 1.0, "ångström": 1.0, "å": 1.0, "a": 1.0, "micron": 1e4},
    ("angstrom", "nm", "pm", "m"),
)
ENERGY = Dimension(  # eV
    {"eV": 1.0, "keV": 1e3, "J": 6.241509074460763e18},
    {"ev": 1.0, "kev": 1e3, "electronvolt": 1.0, "electron_volt": 1.0, "joule": 6.241509074460763e18},
    ("eV", "keV"),
)
