"""Radiation damage: what a dose does to the crystals of an experiment and to their amplitudes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ..detectors.conventions import CONVENTIONS
from ..errors import ConfigError
from ..geometry import FloatArray, longest_scattering_vector, unit
from ..structure_factors.symmetry import IndexArray
from .base import Model
from .beam import build_sources, polarization_axis
from .crystal import Crystal, build_lattice, matrix_columns
from .every_reflection import every_reflection
from .structure_factors import StructureFactors

LARGEST_GROWTH = 0.5  # of a cell
SMALLEST_SHARE = 1e-30  # of the photons that are left
MARGIN = 1.02  # beyond the image's resolution, for the spots at its edge


class Damage(Model):
    """Radiation damage per absorbed dose: growth of the B factor and of the cell, and loss of diffracting power.

    It acts in proportion to the dose of an experiment, `Config.dose_MGy`.

    Attributes
    ----------
    b_A2_per_MGy
        Growth of the isotropic B factor per dose, Å²/MGy: amplitudes fall by exp(-ΔB/4d²), with d in the cell before
        the damage.
    cell_percent_per_MGy
        Growth of the cell's edges, percent/MGy. The crystal keeps its unit cells, and its blocks and size grow as well.
    half_dose_MGy
        Dose that halves the photons of all reflections, in addition to what the B factor does; None: they stay.
    """

    b_A2_per_MGy: float = Field(default=0.0, ge=0)
    cell_percent_per_MGy: float = Field(default=0.0, ge=0)
    half_dose_MGy: float | None = Field(default=None, gt=0)

    def growth(self, dose_MGy: float) -> float:
        """Return the factor of the cell's edges at a dose."""
        return 1.0 + self.cell_percent_per_MGy * dose_MGy / 100.0

    def delta_b(self, dose_MGy: float) -> float:
        """Return the growth of the B factor at a dose, Å²."""
        return self.b_A2_per_MGy * dose_MGy

    def share(self, dose_MGy: float) -> float:
        """Return the share of the photons that is left at a dose."""
        return 1.0 if self.half_dose_MGy is None else 2.0 ** -(dose_MGy / self.half_dose_MGy)


def check_damage(config: Any) -> None:
    """Raise `ConfigError` unless a Config can have its dose."""
    damage, dose = config.damage, config.dose_MGy
    if damage is None:
        if dose:
            raise ConfigError(f"Config.dose_MGy = {dose:g}: needs the damage that it does; give damage=nb.Damage(…)")
        return
    if config.compat == "c":
        raise ConfigError("Config.damage: compat='c' does not support it; use compat=None (-exact)")
    if damage.growth(dose) > 1.0 + LARGEST_GROWTH:
        raise ConfigError(
            f"Config.dose_MGy = {dose:g}: with Damage.cell_percent_per_MGy = {damage.cell_percent_per_MGy:g} the cell "
            f"would grow by more than {100 * LARGEST_GROWTH:g} %; reduce one of them"
        )
    if damage.share(dose) < SMALLEST_SHARE:
        raise ConfigError(
            f"Config.dose_MGy = {dose:g}: with Damage.half_dose_MGy = {damage.half_dose_MGy:g} nothing is left of the "
            "crystal; reduce the dose"
        )


def damaged_parts(config: Any) -> tuple[Crystal, StructureFactors]:
    """Return the crystal and the structure factors of a resolved Config of one crystal after its dose."""
    damage, dose, wavelength = config.damage, config.dose_MGy, config.beam.wavelength
    crystal, factors = config.crystal, config.structure_factors
    delta_b = damage.delta_b(dose)
    if delta_b > 0:
        star = build_lattice(crystal, wavelength, c_cell=False).reciprocal
        factors = _damped(factors, delta_b, star, longest_s(config) if factors.default_F else 0.0)
    grown = _grown(crystal, damage.growth(dose), wavelength)
    return grown.replace(fraction=crystal.fraction * damage.share(dose)), factors


def _grown(crystal: Crystal, factor: float, wavelength_A: float) -> Crystal:
    """Return a crystal of as many cells, whose edges are a factor longer."""
    if factor == 1.0:
        return crystal
    changes: dict[str, Any] = {"size_mm": tuple(factor * size for size in crystal.size_mm)}
    columns = matrix_columns(crystal, wavelength_A)
    if columns is not None:
        changes |= {"matrix": tuple(map(tuple, (columns / factor).tolist())), "matrix_path": None}
    if crystal.cell is not None:
        changes["cell"] = (*(factor * edge for edge in crystal.cell[:3]), *crystal.cell[3:])
    if crystal.block_um is not None:
        changes["block_um"] = factor * crystal.block_um
    if crystal.volume_mm3 is not None:
        changes["volume_mm3"] = factor**3 * crystal.volume_mm3
    return crystal.replace(**changes)


def _damped(factors: StructureFactors, b_A2: float, star: FloatArray, longest_s: float) -> StructureFactors:
    """Return a list of amplitudes times exp(-B s²/4), s = 1/d.

    Reflections that are not listed, with the amplitude `default_F`, are listed up to `longest_s`.
    """
    indices, amplitudes = reflections_to_damp(factors, star, longest_s)
    if len(indices) == 0:
        return factors
    s_squared = np.square(indices @ star).sum(axis=1)
    return with_amplitudes(
        factors, indices, amplitudes * np.exp(-b_A2 / 4.0 * s_squared),
        factors.default_F * math.exp(-b_A2 / 4.0 * longest_s**2),
    )  # fmt: skip


def reflections_to_damp(
    factors: StructureFactors, star: FloatArray, longest_s: float
) -> tuple[IndexArray, npt.NDArray[Any]]:
    """Return the indices (n, 3) and amplitudes of every reflection, with `default_F` those up to `longest_s`.

    Amplitudes of the phased transform are complex.
    """
    if not factors.is_phased:
        return every_reflection(factors, star, longest_s, "Damage.b_A2_per_MGy")
    if not may_be_damped(factors):
        raise ConfigError(
            "Damage.b_A2_per_MGy: does not damp the transform of whole molecules (interpolate = 'phased' from "
            "coordinates); give complex amplitudes, or interpolate = True"
        )
    return factors.contents.indices, factors.contents.values


def may_be_damped(factors: StructureFactors) -> bool:
    """Return whether reflections make up the structure factors: not the phased transform of whole molecules."""
    return not factors.is_phased or factors.contents.per_index == 1


def with_amplitudes(
    factors: StructureFactors, indices: IndexArray, amplitudes: npt.NDArray[Any], default_F: float
) -> StructureFactors:
    """Return structure factors with another list, of all reflections, and another amplitude of the rest."""
    return StructureFactors(
        indices=indices,
        amplitudes=amplitudes,
        energies_eV=factors.energies if factors.has_energy_axis else None,
        default_F=default_F,
        interpolate=factors.interpolate,
        contents_centre=factors.contents.centre if factors.is_phased else None,
    )


def longest_s(config: Any) -> float:
    """Return the largest 1/d (Å⁻¹) that the image of a Config reaches, with a margin."""
    frame, beam = CONVENTIONS[config.detector.convention], config.beam
    direction = unit(beam.direction or frame.beam)
    axis = polarization_axis(beam, direction, beam.polarization_axis or frame.polarization, like_c=False)
    sources = build_sources(beam, direction, axis, like_c=False)
    rays = np.concatenate([panel.corners_mm() for panel in config.detector.panels])
    rays /= np.linalg.norm(rays, axis=1)[:, np.newaxis]
    longest = longest_scattering_vector(
        rays, sources.directions, sources.wavelengths * 1e10, bent=config.detector.curved
    )
    d_min = config.sampling.d_min_A
    return MARGIN * (min(longest, 1.0 / d_min) if d_min > 0 else longest)
