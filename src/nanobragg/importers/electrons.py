"""Beams of electrons: the geometry of their spots is that of X-rays, their amplitudes are not."""

from collections.abc import Iterable

from ..errors import warn_user
from ..io.atomic import StrPath

SHORTEST_X_RAYS_A = 0.1  # Å, 124 keV


def is_of_electrons(wavelength_A: float, probe: str) -> bool:
    """Return whether a beam is one of electrons: by its probe, or by a wavelength below that of X-ray beamlines."""
    return "electron" in probe.casefold() or wavelength_A < SHORTEST_X_RAYS_A


def warn_of_electrons(path: StrPath, beams: Iterable[tuple[float, str]]) -> None:
    """Warn of the first of some beams, each a wavelength (Å) and a probe, that is one of electrons."""
    found = next((wavelength_A for wavelength_A, probe in beams if is_of_electrons(wavelength_A, probe)), None)
    if found is not None:
        warn_user(
            f"{path}: a beam of {found:g} Å is one of electrons; spots are where they belong, but amplitudes from "
            "coordinates, polarization and absorption are those of X-rays; give amplitudes of your own"
        )
