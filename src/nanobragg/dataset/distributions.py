"""Distributions of the fields that vary from shot to shot."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field, field_validator, model_validator

from ..config.base import Model
from ..config.config import Config
from ..errors import ConfigError
from .streams import Stream

Number = float | tuple[float, ...]
MOST_REDRAWS = 10_000  # of a deviate outside its limits


class Place(NamedTuple):
    """Where a value is drawn.

    Attributes
    ----------
    seed
        Seed of the data set.
    field
        Name of the field, with dots.
    shot, lattice
        Numbers of the shot, and of the crystal in it, from 0.
    config
        The Config with the fields that were drawn before.
    """

    seed: int
    field: str
    shot: int
    lattice: int
    config: Config


class Distribution(Model):
    """How the value of a field varies from shot to shot."""

    kind: ClassVar[str]
    late: ClassVar[bool] = False  # drawn after the plain fields, because it depends on them

    def draw(self, stream: Stream, place: Place) -> Any:
        """Return the value of a field in one shot."""
        raise NotImplementedError

    def check(self, field: str, count: int) -> None:
        """Raise `ConfigError` unless the distribution suits a data set of `count` shots."""

    def extremes(self) -> Sequence[Any]:
        """Return values whose validity says something about all others; may be empty."""
        return ()


class Uniform(Distribution):
    """Uniform between two limits, numbers or tuples of numbers."""

    kind = "uniform"
    low: Number
    high: Number

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        for low, high in _pairs("uniform", self.low, self.high):
            if not low <= high:
                raise ConfigError(f"uniform: low = {self.low} is above high = {self.high}; exchange them")
        return self

    def draw(self, stream: Stream, place: Place) -> Any:
        return _each(lambda low, high: low + stream.uniform() * (high - low), self.low, self.high)

    def extremes(self) -> Sequence[Any]:
        return self.low, self.high


class Normal(Distribution):
    """Normal with a mean and a standard deviation; deviates outside the limits are drawn again."""

    kind = "normal"
    mean: Number
    sd: Number
    low: float = -math.inf
    high: float = math.inf

    model_config: ClassVar[Any] = {"allow_inf_nan": True}

    @model_validator(mode="after")
    def _possible(self) -> Normal:
        for mean, sd in _pairs("normal", self.mean, self.sd):
            if not (math.isfinite(mean) and 0 <= sd < math.inf):
                raise ConfigError(f"normal: mean = {self.mean}, sd = {self.sd}: the sd must not be negative")
            _check_limits("normal", self.low, self.high, mean - 4.0 * sd, mean + 4.0 * sd)
        return self

    def draw(self, stream: Stream, place: Place) -> Any:
        def one(mean: float, sd: float) -> float:
            return _within(self.low, self.high, lambda: mean + sd * stream.normal())

        return _each(one, self.mean, self.sd)

    def extremes(self) -> Sequence[Any]:
        return (self.mean,)


class LogNormal(Distribution):
    """Log-normal: the median times the exponential of a normal deviate of standard deviation `sigma`."""

    kind = "log_normal"
    median: Number
    sigma: float = Field(ge=0)
    low: float = 0.0
    high: float = math.inf

    model_config: ClassVar[Any] = {"allow_inf_nan": True}

    @model_validator(mode="after")
    def _possible(self) -> LogNormal:
        for median, _ in _pairs("log_normal", self.median, 0.0):
            if not (0 < median < math.inf and self.sigma < math.inf):
                raise ConfigError(f"log_normal: median = {self.median}: must be positive")
            spread = math.exp(min(4.0 * self.sigma, 700.0))
            _check_limits("log_normal", self.low, self.high, median / spread, median * spread)
        return self

    def draw(self, stream: Stream, place: Place) -> Any:
        def one(median: float, sigma: float) -> float:
            return _within(self.low, self.high, lambda: median * math.exp(sigma * stream.normal()))

        return _each(one, self.median, self.sigma)

    def extremes(self) -> Sequence[Any]:
        return (self.median,)


class Integers(Distribution):
    """Whole numbers from `low` to `high`, both included, equally likely."""

    kind = "integers"
    low: int
    high: int

    @model_validator(mode="after")
    def _ordered(self) -> Integers:
        if self.low > self.high:
            raise ConfigError(f"integers: low = {self.low} is above high = {self.high}; exchange them")
        return self

    def draw(self, stream: Stream, place: Place) -> int:
        return self.low + int(stream.uniform() * (self.high - self.low + 1))

    def extremes(self) -> Sequence[Any]:
        return self.low, self.high


class Poisson(Distribution):
    """Poisson numbers of a mean."""

    kind = "poisson"
    mean: float = Field(ge=0, le=500)

    def draw(self, stream: Stream, place: Place) -> int:
        rest, probability, number = stream.uniform(), math.exp(-self.mean), 0
        while rest >= probability and number < 100 + 10 * self.mean:
            rest -= probability
            number += 1
            probability *= self.mean / number
        return number


class Choice(Distribution):
    """One of several values, equally likely or with weights."""

    kind = "choice"
    values: tuple[Any, ...] = Field(min_length=1)
    weights: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Choice:
        weights = self.weights
        if weights is not None and len(weights) != len(self.values):
            raise ConfigError(f"choice: {len(weights)} weights for {len(self.values)} values; give one for each")
        if weights is not None and not (min(weights) >= 0 and 0 < sum(weights) < math.inf):
            raise ConfigError(f"choice: weights = {weights}: must not be negative or all zero")
        return self

    def draw(self, stream: Stream, place: Place) -> Any:
        weights = self.weights or (1.0,) * len(self.values)
        rest = stream.uniform() * sum(weights)
        for value, weight in zip(self.values, weights, strict=True):
            rest -= weight
            if rest < 0:
                return value
        return next(value for value, weight in zip(self.values[::-1], weights[::-1], strict=True) if weight > 0)

    def extremes(self) -> Sequence[Any]:
        return self.values


class Listed(Distribution):
    """One value for each shot: entry k of an array belongs to shot k."""

    kind = "values"
    values: tuple[Any, ...] | np.ndarray = Field(min_length=1)

    @field_validator("values", mode="before")
    @classmethod
    def _as_array(cls, values: Any) -> Any:
        if isinstance(values, (list, tuple, range)):
            values = list(values)
            numbers = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in values)
            return np.asarray(values) if numbers else tuple(values)
        return values

    def draw(self, stream: Stream, place: Place) -> Any:
        value = self.values[place.shot]
        return value.item() if isinstance(value, np.generic) else value

    def check(self, field: str, count: int) -> None:
        if len(self.values) != count:
            raise ConfigError(f"Dataset.vary: {field}: {len(self.values)} values for {count} shots; give one for each")

    def extremes(self) -> Sequence[Any]:
        if isinstance(self.values, np.ndarray) and self.values.ndim == 1 and self.values.dtype.kind in "iuf":
            return self.values.min().item(), self.values.max().item()
        return tuple(self.values)


class Column(Distribution):
    """One value for each shot, from a column of a table: a text file with a heading, separated by commas or blanks."""

    kind = "table"
    path: Path
    column: str

    def draw(self, stream: Stream, place: Place) -> Any:
        return self._values[place.shot]

    def check(self, field: str, count: int) -> None:
        if len(self._values) < count:
            raise ConfigError(
                f"Dataset.vary: {field}: {self.path} has {len(self._values)} rows for {count} shots; give one for each"
            )

    def extremes(self) -> Sequence[Any]:
        return min(self._values), max(self._values)

    @cached_property
    def _values(self) -> list[float]:
        from ..io.text_columns import read_column

        return read_column(self.path, self.column)


class RotationSeries(Distribution):
    """The start angles of a rotation series: each image starts at the angle where the previous one ended.

    The angles are those of `Config.series`; the width of an image is that of the base's scan.
    """

    kind = "rotation_series"

    def draw(self, stream: Stream, place: Place) -> float:
        scan = place.config.scan
        return scan.start_deg + place.shot * scan.width_deg


def _pairs(kind: str, one: Number, other: Number) -> list[tuple[float, float]]:
    """Return the entries of two numbers or tuples in pairs; a number goes with every entry of a tuple."""
    count = max(len(each) if isinstance(each, tuple) else 1 for each in (one, other))
    many = [each if isinstance(each, tuple) else (each,) * count for each in (one, other)]
    if len(many[0]) != len(many[1]) or not count:
        raise ConfigError(f"{kind}: {one} and {other} have different numbers of entries")
    return list(zip(*many, strict=True))


def _each(function: Callable[[float, float], float], one: Number, other: Number) -> Any:
    """Return `function` of two numbers, or a tuple of its values if one of them is a tuple."""
    if isinstance(one, tuple) or isinstance(other, tuple):
        return tuple(function(*pair) for pair in _pairs("", one, other))
    return function(one, other)


def _check_limits(kind: str, low: float, high: float, least: float, most: float) -> None:
    if not low < high:
        raise ConfigError(f"{kind}: low = {low} is not below high = {high}; exchange them")
    if high < least or low > most:
        raise ConfigError(f"{kind}: low = {low}, high = {high}: no value of this distribution lies between them")


def _within(low: float, high: float, draw: Callable[[], float]) -> float:
    for _ in range(MOST_REDRAWS):
        value = draw()
        if low <= value <= high:
            return value
    raise ConfigError(f"low = {low}, high = {high}: no deviate lies between them; widen the limits")
