"""The lattices of an experiment: several crystals, each with its twins, as one Config for each lattice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .background import Background

if TYPE_CHECKING:
    from .crystal import Crystal


def twin_parts(crystal: Crystal) -> list[Crystal]:
    """Return the individuals of a twinned crystal, each with its share; a list of itself without twins."""
    if not crystal.twins:
        return [crystal]
    rest = 1.0 - sum(share for _, share in crystal.twins)
    alone = crystal.replace(twins=(), fraction=crystal.fraction * rest)
    return [
        alone,
        *(alone.replace(twin_law=law, fraction=crystal.fraction * share) for law, share in crystal.twins),
    ]


def check_crystals(config: Any) -> None:
    """Raise `ConfigError` unless the crystals of a Config and what belongs to each fit together."""
    crystals, fractions, factors = config.crystals, config.fractions, config.factors_of_crystals
    for name, values in (("fractions", fractions), ("factors_of_crystals", factors)):
        if values is None:
            continue
        if crystals is None:
            raise ConfigError(f"Config.{name}: belong to crystals; give crystals=[…] too")
        if len(values) != len(crystals):
            raise ConfigError(f"Config.{name}: {len(values)} for {len(crystals)} crystals; give one for each")
    if crystals is None:
        return
    if not crystals:
        raise ConfigError("Config.crystals = (): give at least one crystal")
    if config.crystal != crystals[0]:
        raise ConfigError("Config.crystal and Config.crystals: give one of them")
    if fractions is not None and min(fractions) <= 0:
        raise ConfigError(f"Config.fractions = {fractions}: must be positive")


def check_bandwidth(config: Any) -> None:
    """Raise `ConfigError` unless every crystal goes with a bandwidth, and its spots and halos with the amplitudes."""
    crystals = config.crystals or (config.crystal,)
    factors = config.factors_of_crystals or (config.structure_factors,)
    bandwidth = config.beam.bandwidth_percent
    if bandwidth > 0 and not all(crystal.is_smeared for crystal in crystals):
        raise ConfigError(
            f"Beam.bandwidth_percent = {bandwidth:g}: is for crystals with mosaic_sampling='analytic'; give it, "
            "or list the wavelengths (Beam.spectrum, dispersion_percent)"
        )
    for crystal, listed in zip(crystals, factors if len(factors) > 1 else factors * len(crystals), strict=True):
        if crystal.is_smeared and listed.interpolate:
            raise ConfigError(
                f"StructureFactors.interpolate = {listed.interpolate!r}: contradicts Crystal.mosaic_sampling = "
                "'analytic', whose spots have the amplitudes of their reflections; leave it out"
            )
        if crystal.diffuse is not None and listed.is_phased:
            raise ConfigError(
                "StructureFactors.interpolate = 'phased': contradicts Crystal.diffuse, whose halos belong to "
                "reflections; leave one of them out"
            )


def lattices_of(config: Any) -> list[Any]:
    """Return a Config for each lattice; the background is that of the first. A list of itself if there is one."""
    if config.crystals is None and not config.crystal.twins:
        return [config]
    crystals = config.crystals or (config.crystal,)
    fractions = config.fractions or (1.0,) * len(crystals)
    factors = config.factors_of_crystals or (config.structure_factors,) * len(crystals)
    found: list[Any] = []
    for crystal, fraction, listed in zip(crystals, fractions, factors, strict=True):
        for part in twin_parts(crystal.replace(fraction=crystal.fraction * fraction)):
            changes: dict[str, Any] = {
                "crystals": None, "fractions": None, "factors_of_crystals": None, "crystal": part,
                "structure_factors": listed,
            }  # fmt: skip
            if found:
                changes["background"] = Background()
            found.append(config.replace(**changes))
    return found
