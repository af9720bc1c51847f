"""Checks of StructureFactors that concern several fields.

The module of `StructureFactors` imports this one, so that arguments are not annotated with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ConfigError

KINDS = {  # of structure factors that an option is for
    "column": ("mtz", "cif"),
    "phase_column": ("mtz", "cif"),
    "block": ("cif", "coordinates"),
    "unknown_atoms": ("cif", "coordinates"),
    "space_group": ("shelx", "mtz", "cif", "coordinates", "arrays"),
    "d_min_A": ("cif", "coordinates"),
    "k_sol": ("cif", "coordinates"),
    "energies_eV": ("cif", "coordinates", "arrays"),
}
PHASED_OPTIONS = ("phase_column", "contents_centre")
PHASED_KINDS = ("mtz", "cif", "coordinates")
PHASELESS = {
    "constant": "one constant has", "arrays": "arrays of amplitudes alone have", "hkl": "a text file has",
    "dump": "an Fdump.bin has", "shelx": "a SHELX list has",
}  # fmt: skip


def check_arrays(factors: Any) -> None:
    """Raise `ConfigError` unless arrays go together and replace a file."""
    indices, amplitudes = factors.indices, factors.amplitudes
    if (indices is None) != (amplitudes is None):
        raise ConfigError("StructureFactors: indices and amplitudes must be given together")
    if indices is None:
        return
    if factors.path is not None:
        raise ConfigError(f"StructureFactors.path = {factors.path}: contradicts StructureFactors.indices; give one")
    if amplitudes.ndim not in (1, 2) or indices.shape != (amplitudes.shape[-1], 3):
        count = amplitudes.shape[-1] if amplitudes.ndim else 0
        raise ConfigError(f"StructureFactors.indices: shape {indices.shape} does not match {count} amplitudes")
    if len(indices) == 0:
        raise ConfigError("StructureFactors.indices: must not be empty; leave it out to use default_F everywhere")


def check_options(factors: Any) -> None:
    """Raise `ConfigError` for an option that is not for this kind of structure factors."""
    for name, kinds in KINDS.items():
        if getattr(factors, name) is not None and factors.kind not in kinds:
            raise ConfigError(f"StructureFactors.{name}: is not valid for {factors.kind}, only for {', '.join(kinds)}")


def check_energies(factors: Any) -> None:
    """Raise `ConfigError` unless energies increase, and there is one for each row of amplitudes that has several."""
    energies, amplitudes = factors.energies, factors.amplitudes
    if energies is not None and not (len(energies) and (energies > 0).all() and (np.diff(energies) > 0).all()):
        raise ConfigError("StructureFactors.energies_eV: must be positive and increasing")
    if amplitudes is None:
        return
    axis = None if amplitudes.ndim == 1 else len(amplitudes)
    if axis != (None if energies is None else len(energies)) or factors.needs_beam_energy:
        raise ConfigError(
            f"StructureFactors.amplitudes: shape {amplitudes.shape} does not match energies_eV; "
            "amplitudes of shape (energies, n) need energies_eV with one energy per row"
        )


def check_phases(factors: Any) -> None:
    """Raise `ConfigError` unless phases go with amplitudes, and are there if they are needed."""
    phases, amplitudes = factors.phases_deg, factors.amplitudes
    if phases is not None and (amplitudes is None or phases.shape != amplitudes.shape):
        given = "none" if amplitudes is None else f"amplitudes of shape {amplitudes.shape}"
        raise ConfigError(
            f"StructureFactors.phases_deg: shape {phases.shape}, but {given}; give one phase per amplitude"
        )
    if not factors.is_phased:
        for name in PHASED_OPTIONS:
            if getattr(factors, name) is not None:
                raise ConfigError(f"StructureFactors.{name}: is for interpolate = 'phased'; give it, or leave it out")
    elif factors.kind not in PHASED_KINDS and phases is None:
        raise ConfigError(
            f"StructureFactors.interpolate = 'phased': {PHASELESS.get(factors.kind, factors.kind)} no phases; give "
            "from_coordinates, an MTZ or CIF file with phases, or complex amplitudes"
        )
    elif factors.default_F != 0:
        raise ConfigError(
            f"StructureFactors.default_F = {factors.default_F:g}: has no phase, which interpolate = 'phased' needs; "
            "leave it out"
        )
