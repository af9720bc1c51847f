"""The kinds of distributions by name, and distributions from lists, arrays and the tables of a TOML file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ConfigError
from .distributions import (
    Choice,
    Column,
    Distribution,
    Integers,
    Listed,
    LogNormal,
    Normal,
    Poisson,
    RotationSeries,
    Uniform,
)
from .drift import PanelDrift
from .orientations import RandomOrientations
from .spectra import GaussianSpectrum, MeasuredSpectra, SaseSpectrum, TwoColourSpectrum

KINDS: dict[str, type[Distribution]] = {
    kind.kind: kind
    for kind in (
        Uniform, Normal, LogNormal, Integers, Poisson, Choice, Listed, Column, RotationSeries, RandomOrientations,
        GaussianSpectrum, TwoColourSpectrum, SaseSpectrum, MeasuredSpectra, PanelDrift,
    )
}  # fmt: skip


def as_distribution(where: str, given: Any) -> Distribution:
    """Return the distribution that a value of a description means.

    Parameters
    ----------
    where
        The entry, for errors.
    given
        A distribution; a table `{"kind": …, …}`; or a list or array of one value for each shot.

    Raises
    ------
    ConfigError
        Neither of these, an unknown kind, or an invalid parameter.
    """
    if isinstance(given, Distribution):
        return given
    if isinstance(given, (list, tuple, range, np.ndarray)):
        return Listed(values=given)
    if isinstance(given, Mapping):
        kind = given.get("kind")
        if kind not in KINDS:
            near = difflib.get_close_matches(str(kind), KINDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"the kinds are {', '.join(KINDS)}"
            raise ConfigError(f"{where}: kind = {kind!r}: is not a kind of distribution; {hint}")
        try:
            return KINDS[kind](**{name: value for name, value in given.items() if name != "kind"})
        except ConfigError as error:
            raise ConfigError(*(f"{where}: {line}" for line in error.args)) from None
    raise ConfigError(
        f"{where} = {given!r}: must be a distribution, such as nb.normal(1, 0.01), or a value for each shot; "
        "a value that does not vary belongs into the base"
    )
