"""What describes a data set, and the values that it gives the fields of each shot."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from pydantic import Field, field_validator, model_validator

from ..config.base import Model
from ..config.config import Config
from ..config.crystal import Crystal, with_rotation
from ..errors import ConfigError
from .correlation import Correlate, function_of
from .distributions import Distribution, Place
from .kinds import as_distribution
from .streams import Stream

ROTATION = "crystal.rotation"  # of a crystal from its orientation in the base: not a field of Crystal
OF_CRYSTALS = ("crystal", "structure_factors")  # parts whose fields each crystal of a shot has for itself
MOST_SHOTS = 100_000_000
MOST_CRYSTALS = 1000  # of a shot


class Values(NamedTuple):
    """The values of the fields that vary in one shot.

    Attributes
    ----------
    shot
        Values of the fields that all crystals share, by name.
    crystals
        Values of the fields of each crystal, by name.
    """

    shot: dict[str, Any]
    crystals: tuple[dict[str, Any], ...]


class Description(Model):
    """A base experiment, the number of shots, and how its fields vary from shot to shot; see `Dataset`."""

    base: Config
    n: int = Field(ge=1, le=MOST_SHOTS)
    vary: dict[str, Distribution] = Field(default_factory=dict)
    crystals_per_shot: int | Distribution = 1
    hit_rate: float | None = Field(default=None, ge=0, le=1)
    correlate: Correlate | None = None
    seed: int = Field(default=0, ge=0, le=2**64 - 1)

    @field_validator("vary", mode="before")
    @classmethod
    def _distributions(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            raise ConfigError(f"Dataset.vary = {given!r}: must be a mapping of field names to distributions")
        return {str(name): as_distribution(f"Dataset.vary: {name}", value) for name, value in given.items()}

    @field_validator("crystals_per_shot", mode="before")
    @classmethod
    def _number(cls, given: Any) -> Any:
        if isinstance(given, int):
            return given
        if isinstance(given, (Distribution, Mapping)):
            return as_distribution("Dataset.crystals_per_shot", given)
        raise ConfigError(
            f"Dataset.crystals_per_shot = {given!r}: must be a whole number, or a distribution such as nb.poisson(1.3)"
        )

    @model_validator(mode="after")
    def _possible(self) -> Description:
        if isinstance(self.crystals_per_shot, int) and not 0 <= self.crystals_per_shot <= MOST_CRYSTALS:
            raise ConfigError(
                f"Dataset.crystals_per_shot = {self.crystals_per_shot}: must be from 0 to {MOST_CRYSTALS}"
            )
        if self.base.compat == "c":
            raise ConfigError("Dataset.base: compat='c' has one crystal and its own noise; use compat=None")
        function_of(self.correlate)
        for name, distribution in self.vary.items():
            self._check_field(name, distribution)
            distribution.check(name, self.n)
        self.configs_of(self.sample())
        self.configs(0)
        return self

    def _check_field(self, name: str, distribution: Distribution) -> None:
        """Raise `ConfigError` unless a field exists, may vary, and can have the extreme values of its distribution."""
        first, *rest = name.split(".")
        field = ".".join([first, *rest[:1]])  # which may have fields of its own
        known = [*Config.model_fields, ROTATION, *(f"crystal.{field}" for field in Crystal.model_fields)]
        if first not in Config.model_fields or (first == "crystal" and field not in known):
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"the parts are {', '.join(Config.model_fields)}"
            raise ConfigError(f"Dataset.vary: {name}: is not a field; {hint}")
        if first == "noise" and self.base.noise is None:
            raise ConfigError(f"Dataset.vary: {name}: the base has no noise; give it noise=nb.Noise()")
        if name in ("noise.seed", "compat", "detector.mask", "roi"):
            raise ConfigError(f"Dataset.vary: {name}: is the same in all shots; leave it out")
        if name == "beam.fluence_ph_m2" and self.base.beam.flux_ph_s:
            raise ConfigError(f"Dataset.vary: {name}: the base gives flux_ph_s, which replaces it; vary that")
        if name == ROTATION:
            return
        for value in distribution.extremes():
            with _named(f"Dataset.vary: {name}"):
                self.base.replace({name: value})

    def values(self, k: int) -> Values:
        """Return the values of the fields that vary in shot k.

        Parameters
        ----------
        k
            Number of the shot, from 0.

        Returns
        -------
        Values
            Those of the shot, and those of each crystal.

        Raises
        ------
        ConfigError
            No such shot, or a value that its field cannot have.
        """
        k = self.number_of(k)
        shared, own = self._fields(of_crystals=False), self._fields(of_crystals=True)
        count = self._crystals(k)
        shot, config = self._drawn(self.base, shared, k, 0)
        crystals = [self._drawn(config, own, k, i)[0] for i in range(count)]
        return self._correlated(Values(shot, tuple(crystals)), k)

    def configs(self, k: int) -> tuple[Config, ...]:
        """Return the Configs of the crystals of shot k; of a shot without crystals, that of its base with its beam.

        Parameters
        ----------
        k
            Number of the shot, from 0.

        Returns
        -------
        tuple of Config
            One for each crystal, at least one.
        """
        with _named(f"shot {k}"):
            return self.configs_of(self.values(k))

    def configs_of(self, values: Values) -> tuple[Config, ...]:
        """Return the Configs of a shot with these values, as `configs`."""
        shared = _with_values(self.base, values.shot)
        return tuple(_with_values(shared, crystal) for crystal in values.crystals) or (shared,)

    def sample(self) -> Values:
        """Return values as those of shot 0, with one crystal at least: every field that varies has one."""
        shot, config = self._drawn(self.base, self._fields(of_crystals=False), 0, 0)
        crystal, _ = self._drawn(config, self._fields(of_crystals=True), 0, 0)
        return self._correlated(Values(shot, (crystal,)), 0)

    def noise_seed(self, k: int) -> int:
        """Return the seed of the noise of shot k."""
        return Stream(self.seed, k, "noise").integer() >> 1

    def number_of(self, k: int) -> int:
        """Return the number of a shot, counted from 0; negative numbers count from the end."""
        try:
            number = operator.index(k)
        except TypeError:
            raise ConfigError(f"shot {k!r}: must be a whole number") from None
        if not -self.n <= number < self.n:
            raise ConfigError(f"shot {number}: the data set has {self.n} shots, counted from 0")
        return number % self.n

    def _fields(self, *, of_crystals: bool) -> dict[str, Distribution]:
        """Return the fields that crystals have for themselves, or the others; late ones last."""
        chosen = {n: d for n, d in self.vary.items() if (n.partition(".")[0] in OF_CRYSTALS) is of_crystals}
        return dict(sorted(chosen.items(), key=lambda item: item[1].late))

    def _crystals(self, k: int) -> int:
        """Return the number of crystals in shot k."""
        stream = Stream(self.seed, k, "crystals")
        if self.hit_rate is not None and stream.uniform() >= self.hit_rate:
            return 0
        if isinstance(self.crystals_per_shot, int):
            return self.crystals_per_shot
        place = Place(self.seed, "crystals_per_shot", k, 0, self.base)
        for _ in range(MOST_CRYSTALS):
            count = self.crystals_per_shot.draw(stream, place)
            if not isinstance(count, int) or not 0 <= count <= MOST_CRYSTALS:
                raise ConfigError(
                    f"Dataset.crystals_per_shot: {count!r} crystals in shot {k}: must be a whole number from 0 to "
                    f"{MOST_CRYSTALS}"
                )
            if count or self.hit_rate is None:
                return count
        raise ConfigError("Dataset.crystals_per_shot: is hardly ever above 0, so that no shot can be a hit; change it")

    def _drawn(
        self, config: Config, fields: Mapping[str, Distribution], k: int, crystal: int
    ) -> tuple[dict[str, Any], Config]:
        """Return the values of some fields, and the Config with them."""
        values: dict[str, Any] = {}
        for name, distribution in fields.items():
            with _named(f"Dataset.vary: {name}: shot {k}"):
                value = distribution.draw(
                    Stream(self.seed, k, crystal, name), Place(self.seed, name, k, crystal, config)
                )
                config = _with_values(config, {name: value})
            values[name] = value
        return values, config

    def _correlated(self, values: Values, k: int) -> Values:
        """Return the values as changed by `correlate`."""
        function = function_of(self.correlate)
        if function is None:
            return values
        shot, crystals = dict(values.shot), []
        for i, crystal in enumerate(values.crystals or ({},)):
            changes = function(values.shot | crystal, Stream(self.seed, k, i, "correlate").generator())
            if not isinstance(changes, Mapping):
                raise ConfigError(f"Dataset.correlate: returned {changes!r}; must return a dict of values by field")
            own = {n: v for n, v in changes.items() if n.partition(".")[0] in OF_CRYSTALS}
            crystals.append(crystal | own)
            if i == 0:
                shot |= {n: v for n, v in changes.items() if n not in own}
        return Values(shot, tuple(crystals) if values.crystals else ())


def _with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """Return a Config with values of fields; the rotation of the crystal comes after its other fields."""
    rotation = values.get(ROTATION)
    others = {name: value for name, value in values.items() if name != ROTATION}
    changed: Config = config.replace(others) if others else config
    if rotation is None:
        return changed
    return changed.replace(crystal=with_rotation(changed.crystal, np.asarray(rotation, dtype=np.float64)))


@contextmanager
def _named(where: str) -> Iterator[None]:
    """Put a place in front of the message of a `ConfigError`."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(*(f"{where}: {line}" for line in error.args)) from None
