"""Structure factors of a crystal whose molecules are in several states, for `StructureFactors.mixed`.

The module of `StructureFactors` imports this one, so that arguments are not annotated with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..bounds import number
from ..errors import ConfigError
from ..structure_factors.mixture import Listed, mean_intensities
from ..structure_factors.p1 import calculate_mixture
from .structure_factor_listing import coordinates_of, holds_coordinates

SHARES_TOLERANCE, CELL_TOLERANCE = 1e-6, 1e-3  # of states that are mixed


def mixed_fields(shares: Sequence[float], states: Sequence[Any], coherent: bool, phased: bool) -> dict[str, Any]:
    """Return the fields of the mixture of checked states, `coherent` as in `StructureFactors.mixed`.

    `phased` asks for phases, of a coherent mixture.
    """
    first = states[0]
    energies = first.energies if first.has_energy_axis else None
    mixture = _mean_density(shares, states, phased) if coherent else _mean_intensities(shares, states, energies)
    fields = {
        "default_F": mixture.default_F,
        "cell": next((each.known_cell for each in states if each.known_cell is not None), None),
    }
    if len(mixture.indices) == 0:
        return fields
    return {**fields, "indices": mixture.indices, "amplitudes": mixture.amplitudes, "energies_eV": energies}


def _mean_density(shares: Sequence[float], states: Sequence[Any], phased: bool) -> Listed:
    """Return the amplitudes of cells in which molecules are in either state at random: amplitudes add."""
    if not all(map(holds_coordinates, states)):
        raise ConfigError(
            "StructureFactors.mixed: coherent = True needs the phases of all states; give each from_coordinates"
        )
    found = calculate_mixture(shares, list(map(coordinates_of, states)), phased=phased)
    values: Any = found.amplitudes if found.contents is None else found.contents.values
    if not any(each.f000 for each in states):
        values = np.where(found.indices.any(axis=1), values, 0.0)
    return Listed(found.indices, values, 0.0)


def _mean_intensities(shares: Sequence[float], states: Sequence[Any], energies: Any) -> Listed:
    """Return the amplitudes of domains in either state: intensities add."""
    shape = (0,) if energies is None else (len(energies), 0)
    nothing = (np.zeros((0, 3), np.int32), np.zeros(shape))
    lists = [nothing if each.listing is None else each.scattering_list for each in states]
    rest = [each.default_F for each in states]
    return mean_intensities(shares, list(map(Listed, *zip(*lists, strict=True), rest)))


def checked_states(model: type, states: Any) -> tuple[list[float], list[Any]]:
    """Return the shares and structure factors of states; raise `ConfigError` unless they can be mixed.

    `model` is `StructureFactors`.
    """
    where = "StructureFactors.mixed"
    try:
        pairs = [(share, factors) for share, factors in states]
    except (TypeError, ValueError):
        pairs = []
    if not pairs or not all(isinstance(factors, model) for _, factors in pairs):
        raise ConfigError(f"{where}: give pairs of a share and structure factors, [(0.7, ground), (0.3, excited)]")
    shares = [number(f"{where}: a share", share, 0.0, 1.0) for share, _ in pairs]
    if abs(sum(shares) - 1.0) > SHARES_TOLERANCE:
        raise ConfigError(f"{where}: the shares {shares} add up to {sum(shares):g}; must be 1")
    factors = [each for _, each in pairs]
    if any(each.needs_beam_energy for each in factors):
        raise ConfigError(f'{where}: energies_eV = "beam" has no energy yet; give each state energies_eV=[…]')
    first = factors[0]
    for each in factors[1:]:
        one, other = (() if x.energies is None else tuple(x.energies.tolist()) for x in (first, each))
        if one != other:
            raise ConfigError(f"{where}: the states have energies_eV {one} and {other}; give all the same")
    cells = [each.known_cell for each in factors if each.known_cell is not None]
    for cell in cells[1:]:
        if not np.allclose(cell, cells[0], rtol=CELL_TOLERANCE):
            raise ConfigError(
                f"{where}: the states have the cells {cells[0]} and {cell}; give all the same, or render them as "
                "several crystals (Config.crystals)"
            )
    return shares, factors
