"""Values that are probably given in another unit than the one in the name of their field."""

import math

from ..config.config import Config
from ..config.panel import panel_distance
from ..constants import EV_ANGSTROM
from ..detectors.conventions import CONVENTIONS
from ..geometry import unit

SOFTEST_EV, HARDEST_A = 100.0, 1e-3  # of a beam that a crystal diffracts
LONGEST_A = 100.0
LARGEST_PIXEL_MM, SMALLEST_PIXEL_MM = 10.0, 1e-3
NEAREST_MM, FARTHEST_MM = 2.0, 1e5
SHORTEST_AXIS_A = 4.0  # some metals and salts have shorter ones
FINEST_A = 0.3  # resolution of amplitudes, which no crystal diffracts to


def unit_slips(config: Config) -> list[str]:
    """Return warnings about values that are probably given in another unit, with the likely cure."""
    return [*_beam(config), *_detector(config), *_crystal(config)]


def _beam(config: Config) -> list[str]:
    beam = config.beam
    if beam.energy_eV is not None and beam.energy_eV < SOFTEST_EV:
        energy = beam.energy_eV
        return [f"Beam.energy_eV = {energy:g}: {energy:g} eV; did you mean {energy:g} keV = {1000 * energy:g}?"]
    if beam.energy_eV is None and beam.wavelength < HARDEST_A:
        given, energy = beam.wavelength, EV_ANGSTROM / beam.wavelength
        meant = f"m = {1e10 * given:g}" if given < 1e-6 else f"nm = {10 * given:g}"
        return [f"Beam.wavelength_A = {given:g}: {energy:.3g} eV; did you mean {given:g} {meant} Å?"]
    if beam.energy_eV is None and beam.wavelength > LONGEST_A:
        return [f"Beam.wavelength_A = {beam.wavelength:g}: Å; did you mean energy_eV = {beam.wavelength:g}?"]
    return []


def _detector(config: Config) -> list[str]:
    found, panels = [], config.detector.panels
    pixel = panels[0].pixel_mm
    if pixel >= LARGEST_PIXEL_MM:
        found.append(f"Detector.pixel_mm = {pixel:g}: {pixel:g} mm; did you mean {pixel:g} µm = {pixel / 1000:g}?")
    elif pixel < SMALLEST_PIXEL_MM:
        found.append(f"Detector.pixel_mm = {pixel:g}: {pixel:g} mm; did you mean {pixel:g} m = {pixel * 1000:g}?")
    beam = unit(config.beam.direction or CONVENTIONS[config.detector.convention].beam)
    distances = [1000.0 * panel_distance(panel, beam) for panel in panels]
    distance = min((each for each in distances if 0 < each < math.inf), default=math.nan)
    if distance < NEAREST_MM:
        found.append(
            f"Detector.distance_mm = {distance:g}: {distance:g} mm; did you mean {distance:g} m = {distance * 1000:g}?"
        )
    elif distance > FARTHEST_MM:
        found.append(
            f"Detector.distance_mm = {distance:g}: {distance / 1000:g} m; did you mean {distance:g} µm = "
            f"{distance / 1000:g}?"
        )
    return found


def _crystal(config: Config) -> list[str]:
    cell = config.crystal.cell
    if cell is None:
        return []
    factors = config.structure_factors
    limits = None if factors.needs_beam_energy else factors.limits
    last = (0, 0, 0) if limits is None else tuple(max(-low, high) for low, high in zip(*limits, strict=True))
    finest = min((edge / index for edge, index in zip(cell, last, strict=False) if index), default=math.inf)
    if min(cell[:3]) >= SHORTEST_AXIS_A and finest >= FINEST_A:
        return []
    reflections = f", with reflections to {finest:.2g} Å" if finest < FINEST_A else ""
    nm = ", ".join(f"{10 * edge:g}" for edge in cell[:3])
    edges = ", ".join(f"{edge:g}" for edge in cell[:3])
    return [f"Crystal.cell = ({edges}, …): Å{reflections}; did you mean nm = ({nm}, …)?"]
