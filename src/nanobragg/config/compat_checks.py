"""Checks of what a Config may hold with, and only with, compat="c".

The module of `Config` imports this one, so that arguments are not annotated with it.
"""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError

CURE = "compat='c' does not support it; use compat=None (-exact)"
SWITCHES = ("omega", "polar", "thick")  # of sub-pixels, which only the C program may leave out


def check_compat(config: Any) -> None:
    """Raise `ConfigError` for a field of a Config that its `compat` does not have."""
    if config.compat == "c":
        _check_parts(config)
        _check_crystal(config.crystal)
        _check_tolerance(config.sampling)
        return
    switches = [name for name in SWITCHES if getattr(config.sampling, f"oversample_{name}")]
    if switches:
        raise ConfigError(
            f"Sampling.oversample_{switches[0]} = True: requires compat='c'; leave it out, because compat=None "
            "always evaluates solid angle, polarization and absorption per sub-pixel"
        )


def _check_parts(config: Any) -> None:
    depth = config.detector.sensor_depth_um
    if config.structure_factors.has_energy_axis:
        raise ConfigError(
            "StructureFactors.energies_eV: compat='c' does not support an energy axis; use compat=None (-exact)"
        )
    given = {
        "StructureFactors.interpolate = 'phased'": config.structure_factors.is_phased,
        "Background.table": config.background.amorphous or config.background.more,
        "Beam.spectrum": config.beam.spectrum is not None,
        f"Detector.sensor_depth_um = {depth or 0.0:g}": depth,
        "Detector.beamstop": config.detector.beamstop is not None,
        "Config.crystals": config.crystals is not None,
    }
    for field, is_given in given.items():
        if is_given:
            raise ConfigError(f"{field}: {CURE}")


def _check_crystal(crystal: Any) -> None:
    for name in ("block_um", "blocks", "volume_mm3"):
        value = getattr(crystal, name)
        if value is not None:
            raise ConfigError(f"Crystal.{name} = {value:g}: {CURE}")
    for name in crystal.beyond_c():
        raise ConfigError(f"Crystal.{name}: {CURE}")
    if not all(isinstance(n, int) for n in crystal.n_cells):
        raise ConfigError(f"Crystal.n_cells = {crystal.n_cells}: compat='c' supports whole numbers only")


def _check_tolerance(sampling: Any) -> None:
    for name in ("tolerance", "tolerance_ph"):
        if getattr(sampling, name):
            raise ConfigError(
                f"Sampling.{name} = {getattr(sampling, name):g}: compat='c' evaluates every term, as the original "
                "does; leave it out, or use compat=None (-exact)"
            )
