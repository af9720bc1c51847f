"""Series of Configs in which parameters take several values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from ..calls import public
from ..errors import ConfigError
from .config import Config


@public
def sweep(config: Config, values: Mapping[str, Iterable[Any]]) -> Iterator[Config]:
    """Return an iterator over copies of a Config in which parameters take several values.

    Parameters
    ----------
    config
        The Config to vary.
    values
        The values of each parameter by its name with dots, such as `{"crystal.mosaic_spread_deg": [0, 0.1, 0.2]}`; see
        `Config.replace`. With several parameters every combination is made; the last one varies fastest.

    Returns
    -------
    iterator of Config
        One for each combination, made when it is asked for.

    Raises
    ------
    ConfigError
        A name or a value is not valid; unknown names are reported at once, values when their Config is made.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"sweep: {values!r}: must map names to lists of values, {{'crystal.n_cells': [5, 10]}}")
    lists = {name: _listed(name, given) for name, given in values.items()}
    first = {name: given[0] for name, given in lists.items() if given}
    config.replace(first)
    return (config.replace(dict(zip(lists, chosen, strict=True))) for chosen in product(*lists.values()))


def _listed(name: str, values: Any) -> list[Any]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ConfigError(f"sweep: {name} = {values!r}: must be a list of values")
    return [value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value for value in values]
