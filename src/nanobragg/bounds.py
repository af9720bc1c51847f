"""The smallest and largest value of every number in a Config, with the reason.

The bounds are far beyond any experiment. Between them no intermediate result overflows, no array is larger than the
limits of its own check, and no library is handed a number that it cannot process.
"""

import math
import operator
from typing import Any, NamedTuple

import numpy as np

from .errors import ConfigError

MOST_STEPS = 10_000_000  # of a sweep, and orientations


class Bound(NamedTuple):
    """Smallest and largest value, and the reason for them."""

    low: float
    high: float
    reason: str


ANGLE = Bound(-1e6, 1e6, "degrees; larger angles lose the precision of a rotation")
LENGTH = Bound(1e-9, 1e12, "mm; from an atom to the solar system")
PLACE = Bound(-LENGTH.high, LENGTH.high, LENGTH.reason)
DIRECTION = Bound(-1e100, 1e100, "its square must be finite")
WAVELENGTH = Bound(1e-12, 1e5, "Å; from 0.1 eV to 1e16 eV")
ENERGY = Bound(0.1, 1e16, "eV; from 1e-12 to 1e5 Å")
WEIGHT = Bound(0.0, 1e100, "the sum of all weights must be finite")
PHOTONS = Bound(0.0, 1e100, "photons of a pixel must be finite")
TIME = Bound(1e-30, 1e30, "seconds; the fluence must be finite")
SEED = Bound(-(2**63 - 1), 2**63 - 1, "seeds have 64 bits")
STEPS = Bound(1, MOST_STEPS, "each step is computed")
AMPLITUDE = Bound(-1e50, 1e50, "electrons; their square must be finite")
THICKNESS = Bound(0.0, 1e12, "µm; a kilometre")
CELL_EDGE = Bound(0.1, 1e6, "Å; from the radius of an atom to a tenth of a millimetre")
CELLS = Bound(1e-3, 1e9, "unit cells along an axis; a crystal of metres")

BOUNDS: dict[str, Bound] = {
    "Crystal.cell": CELL_EDGE,
    "Crystal.matrix": Bound(-10.0, 10.0, "1/Å; an edge of the cell has at least 0.1 Å"),
    "Crystal.misset_deg": ANGLE,
    "Crystal.misset_seed": SEED,
    "Crystal.n_cells": CELLS,
    "Crystal.n_cells_off": Bound(-CELLS.high, CELLS.high, CELLS.reason),
    "Crystal.block_um": Bound(1e-5, 1e9, "µm; from the radius of an atom to a kilometre"),
    "Crystal.size_mm": Bound(0.0, 1e6, "mm; a kilometre"),
    "Crystal.blocks": Bound(1e-30, 1e30, "blocks; their photons must be finite"),
    "Crystal.volume_mm3": Bound(1e-30, 1e18, "mm³; from less than an atom to a cubic kilometre"),
    "Crystal.fudge": Bound(0.0, 1e12, "a spot is then narrower than the rounding of an index"),
    "Crystal.mosaic_spread_deg": Bound(0.0, 1e6, ANGLE.reason),
    "Crystal.mosaic_domains": STEPS,
    "Crystal.mosaic_rotations_deg": ANGLE,
    "Crystal.mosaic_weights": WEIGHT,
    "Crystal.strain_percent": Bound(0.0, 5.0, "percent; a cell must stay one at several standard deviations"),
    "Crystal.mosaic_seed": SEED,
    "Diffuse.correlation_length_A": Bound(0.1, 1e5, "Å; from an atom to 10 µm"),
    "Diffuse.displacement_A": Bound(1e-4, 10.0, "Å; from far less than an atom moves to more than the model holds for"),
    "Diffuse.neighbours": Bound(0, 10, "each halo of a point is computed"),
    "Crystal.twins": Bound(1e-30, 1.0, "a share of the crystal"),
    "Crystal.fraction": Bound(1e-30, 1e30, "a share of the photons; they must be finite"),
    "Config.fractions": Bound(1e-30, 1e30, "shares of the photons; they must be finite"),
    "Config.dose_MGy": Bound(0.0, 1e9, "MGy; a crystal is gone after a few hundred"),
    "Damage.b_A2_per_MGy": Bound(0.0, 1e6, "Å²/MGy; nothing is left of the spots"),
    "Damage.cell_percent_per_MGy": Bound(0.0, 100.0, "percent/MGy; a cell must stay one"),
    "Damage.half_dose_MGy": Bound(1e-9, 1e12, "MGy; from a crystal that is gone at once to one that lasts"),
    "Crystal.spindle_axis": DIRECTION,
    "StructureFactors.indices": Bound(-(2**30), 2**30, "indices have 32 bits, and a table has a border"),
    "StructureFactors.amplitudes": AMPLITUDE,
    "StructureFactors.phases_deg": ANGLE,
    "StructureFactors.contents_centre": Bound(-1e6, 1e6, "cells; where 15 digits still resolve an atom"),
    "StructureFactors.cell": CELL_EDGE,
    "StructureFactors.d_min_A": Bound(0.05, 1e6, "Å; the number of reflections grows with its inverse cube"),
    "StructureFactors.k_sol": Bound(0.0, 1e3, "electrons/Å³; denser than any matter on earth"),
    "StructureFactors.b_sol_A2": Bound(0.0, 1e6, "Å²; nothing is left of the solvent"),
    "StructureFactors.energies_eV": ENERGY,
    "StructureFactors.default_F": AMPLITUDE,
    "Beam.wavelength_A": WAVELENGTH,
    "Beam.energy_eV": ENERGY,
    "Beam.fluence_ph_m2": PHOTONS,
    "Beam.flux_ph_s": PHOTONS,
    "Beam.exposure_s": TIME,
    "Beam.size_mm": LENGTH,
    "Beam.kahn_factor": Bound(-1.0, 1.0, "a degree of polarization"),
    "Beam.direction": DIRECTION,
    "Beam.polarization_axis": DIRECTION,
    "Beam.divergence_mrad": Bound(0.0, 1e6, "mrad; more than a turn"),
    "Beam.divergence_steps": Bound(0, MOST_STEPS, STEPS.reason),
    "Beam.divergence_step_mrad": Bound(0.0, 1e6, "mrad; more than a turn"),
    "Beam.bandwidth_percent": Bound(0.0, 7.0, "percent; up to which the closed form of a spot is bounded"),
    "Beam.dispersion_percent": Bound(0.0, 200.0, "percent of the wavelength, which must stay positive"),
    "Beam.dispersion_steps": STEPS,
    "Spectrum.wavelengths_A": WAVELENGTH,
    "Spectrum.energies_eV": ENERGY,
    "Spectrum.weights": WEIGHT,
    "Spectrum.bins": Bound(1, 10**6, "each bin takes memory"),
    "Sources.positions": DIRECTION,
    "Sources.weights": WEIGHT._replace(low=-WEIGHT.high),  # the C program ignores them; a Scene checks their sign
    "Sources.wavelengths_A": WAVELENGTH._replace(low=-WAVELENGTH.high),  # likewise
    "Detector.sensor_thickness_um": THICKNESS,
    "Detector.sensor_layers": Bound(1, 10**5, "each layer is computed"),
    "Detector.attenuation_um": Bound(1e-9, float("inf"), "µm; infinity: nothing is absorbed"),
    "Detector.sensor_depth_um": THICKNESS,
    "Detector.saturation_adu": Bound(1e-30, 1e300, "ADU"),
    "Beamstop.diameter_mm": LENGTH,
    "Beamstop.distance_mm": LENGTH,
    "Beamstop.transmission": Bound(0.0, 1.0, "a share of the photons"),
    "Panel.origin_mm": PLACE,
    "Panel.fast_axis": DIRECTION,
    "Panel.slow_axis": DIRECTION,
    "Panel.normal_axis": DIRECTION,
    "Panel.pixel_mm": LENGTH,
    "Panel.pixels": Bound(1, 10**6, "pixels"),
    "NominalGeometry.distance_mm": PLACE,
    "NominalGeometry.close_distance_mm": PLACE,
    "NominalGeometry.beam_center_mm": PLACE,
    "NominalGeometry.beam_fast_mm": PLACE,
    "NominalGeometry.beam_slow_mm": PLACE,
    "NominalGeometry.near_fast_mm": PLACE,
    "NominalGeometry.near_slow_mm": PLACE,
    "NominalGeometry.near_point_mm": PLACE,
    "NominalGeometry.twotheta_deg": ANGLE,
    "NominalGeometry.slow_size_mm": PLACE,
    "Scan.start_deg": ANGLE,
    "Scan.range_deg": Bound(0.0, 1e6, ANGLE.reason),
    "Scan.step_deg": Bound(0.0, 1e6, ANGLE.reason),
    "Scan.steps": Bound(0, MOST_STEPS, STEPS.reason),
    "Sampling.oversample": Bound(1, 1000, "each of its square of sub-pixels is computed"),
    "Sampling.d_min_A": Bound(0.0, 1e6, "Å"),
    "Sampling.tolerance": Bound(0.0, 1.0, "a share of the brightest pixel"),
    "Sampling.tolerance_ph": Bound(0.0, 1e30, "photons; any image has fewer"),
    "Background.water_um": Bound(0.0, 1e9, "µm; a kilometre"),
    "Background.table": Bound(-1e50, 1e50, "amplitudes in electrons, whose square must be finite"),
    "Background.thickness_um": THICKNESS,
    "Background.density_g_cm3": Bound(1e-30, 1e18, "g/cm³; from interstellar gas to a neutron star"),
    "Background.molar_mass_g_mol": Bound(1e-4, 1e12, "g/mol; from an electron to a cell"),
    "Noise.seed": Bound(0, 2**128 - 1, "the entropy of a random stream"),
    "Noise.gain_adu_per_photon": Bound(1e-30, 1e30, "products with photons must be finite"),
    "Noise.adc_offset": Bound(-1e15, 1e15, "ADU; sums must fit into 64 bits"),
    "Noise.readout_noise_adu": Bound(0.0, 1e30, "products with photons must be finite"),
    "Noise.saturation_adu": Bound(1e-30, 1e300, "ADU"),
    "Noise.calibration_error": Bound(0.0, 1e30, "products with photons must be finite"),
    "Noise.calibration_seed": Bound(0, 2**128 - 1, "the entropy of a random stream"),
    "Noise.flicker": Bound(0.0, 1e30, "products with photons must be finite"),
    "Noise.psf_fwhm_px": Bound(0.0, 1e6, "pixels; wider than any detector"),
    "Noise.gain_map": Bound(0.0, 1e30, "products with photons must be finite"),
    "Detector.distance_mm": LENGTH,
    "Detector.close_distance_mm": LENGTH,
    "Detector.pixels": Bound(1, 10**6, "pixels"),
    "Detector.pixel_mm": LENGTH,
    "Detector.beam_center_mm": PLACE,
    "Detector.org_px": PLACE._replace(reason="pixels; a place on the panel's plane"),
    "Detector.rotation_deg": ANGLE,
    "Detector.twotheta_deg": ANGLE,
    "Detector.twotheta_axis": DIRECTION,
    "Detector.fast_axis": DIRECTION,
    "Detector.slow_axis": DIRECTION,
    "Detector.normal_axis": DIRECTION,
    "Detector.beam_direction": DIRECTION,
}
PARTS = {"Crystal.cell": 3, "StructureFactors.cell": 3}  # leading numbers that the bound holds for; angles: check_cell


def check_bound(name: str, value: Any, *, field: str = "") -> None:
    """Raise `ConfigError` if a number, or one of an array, is outside the bound of a field.

    `name` is what the message calls the value, "Crystal.cell" or "a.txt, line 3"; `field` is the key in `BOUNDS` if
    that is not the name.
    """
    bound = BOUNDS.get(field or name)
    if bound is None:
        return
    for number in _outside(value, bound, PARTS.get(field or name)):
        raise ConfigError(
            f"{name} = {number:g}: must be from {bound.low:g} to {bound.high:g} ({bound.reason})"
            if isinstance(number, float)
            else f"{name} = {short(number)}: must be from {bound.low} to {bound.high} ({bound.reason})"
        )


def _outside(value: Any, bound: Bound, parts: int | None) -> list[Any]:
    """Return the first number outside a bound in a list, or an empty list."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "iuf" or value.size == 0:
            return []
        low, high = value.min().item(), value.max().item()
        return [x for x in (low, high) if not bound.low <= x <= bound.high][:1]
    if isinstance(value, (list, tuple)):
        return [x for item in value[:parts] for x in _outside(item, bound, None)][:1]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return [value] if is_number and not bound.low <= value <= bound.high else []


def number(name: str, value: Any, low: float = -math.inf, high: float = math.inf, *, field: str = "") -> float:
    """Return an argument of a public function as a finite float.

    Raises `ConfigError`, which begins with `name`, unless it is a number from `low` to `high` and within the bound of
    `field`.
    """
    try:
        if isinstance(value, (str, bytes, bool)):
            raise TypeError
        given = float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{name} = {short(value)}: must be a number") from None
    except OverflowError:
        given = math.inf
    if not (math.isfinite(given) and low <= given <= high):
        limits = f" from {low:g} to {high:g}" if math.isfinite(high) else f" of at least {low:g}"
        raise ConfigError(f"{name} = {short(value)}: must be a number{limits if math.isfinite(low) else ''}")
    check_bound(name, given, field=field)
    return given


def whole(name: str, value: Any, low: int, high: int) -> int:
    """Return an argument of a public function as an integer; raises `ConfigError` unless it is from `low` to `high`."""
    try:
        if isinstance(value, bool):
            raise TypeError
        given = operator.index(value)
    except TypeError:
        raise ConfigError(f"{name} = {short(value)}: must be an integer") from None
    if not low <= given <= high:
        raise ConfigError(f"{name} = {short(value)}: must be from {low} to {high}")
    return given


def short(value: Any, most: int = 80) -> str:
    """Return the repr of a value on one line, cut to a length; Python refuses to spell integers of 4,300 digits."""
    if isinstance(value, int) and abs(value) >= 10**most:
        return f"an integer of {math.floor(math.log10(abs(value))) + 1} digits"
    try:
        text = " ".join(repr(value).split())
    except ValueError:
        text = f"{type(value).__name__} with an integer of thousands of digits"
    return text if len(text) < most else f"{text[: most - 3]}..."
