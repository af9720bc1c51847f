"""Base class of Config and its parts: validation with one-line errors, immutability, array fields, equality."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args, get_origin

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError

from ..bounds import check_bound, short
from ..calls import public
from ..errors import ConfigError
from ..suggestions import suggestion
from .display import completions, html_table, model_repr, readable_signature, short_repr
from .messages import explain

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
    from typing_extensions import Self
else:
    ModelMetaclass = type(BaseModel)


def _array_field(dtype: type, ndim: int | None = None) -> Callable[[Any], npt.NDArray[Any]]:
    def validate(value: Any) -> npt.NDArray[Any]:
        if isinstance(value, (str, os.PathLike)):
            raise ValueError("is not a valid array; give numbers, not a file name")
        try:
            given = np.asarray(value)
            with np.errstate(invalid="ignore"):
                array: npt.NDArray[Any] = np.array(given.real, dtype=dtype, order="C")
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"is not a valid array of {np.dtype(dtype).name} ({error})") from None
        if array.dtype.kind != "b" and given.dtype.kind in "USb":
            raise ValueError("must hold numbers, not text or bools")
        if array.dtype.kind == "i" and not np.array_equal(array, given):
            raise ValueError(f"must hold integers of {8 * array.itemsize} bits")
        if given.dtype.kind == "c":
            raise ValueError("must hold real numbers, not complex ones")
        if ndim is not None and array.ndim != ndim:
            raise ValueError(f"must have {ndim} dimensions, got shape {array.shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError("must hold finite values")
        array.setflags(write=False)
        return array

    return validate


Numbers = Annotated[npt.NDArray[np.float64], PlainValidator(_array_field(np.float64, 1))]
Amplitudes = Annotated[npt.NDArray[np.float64], PlainValidator(_array_field(np.float64))]
Rows = Annotated[npt.NDArray[np.float64], PlainValidator(_array_field(np.float64, 2))]
Indices = Annotated[npt.NDArray[np.int32], PlainValidator(_array_field(np.int32, 2))]
MaskArray = Annotated[npt.NDArray[np.bool_], PlainValidator(_array_field(np.bool_))]


class _ModelType(ModelMetaclass):
    """The class of models: completes without the names of pydantic."""

    def __dir__(cls) -> list[str]:
        return list(completions(list(super().__dir__()), cast("type[BaseModel]", cls)))


class Model(BaseModel, metaclass=_ModelType):
    """Immutable, validated model. An invalid field raises `ConfigError` with the field, the value and the cure."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False, validate_default=False
    )

    def __init__(self, *values: Any, **fields: Any) -> None:
        owner = self.model_config.get("title") or type(self).__name__
        if values:
            first = next(iter(type(self).model_fields))
            raise ConfigError(f"{owner}: takes named fields only; write {owner}({first}={short(values[0])}, …)")
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise ConfigError(*explain(error, type(self), owner, self._parameters())) from None
        numbers = _number_fields(type(self))
        for name in type(self).model_fields:
            if name in self.model_fields_set:
                value = getattr(self, name)
                if name in numbers and not isinstance(value, str) and _has_other(fields.get(name)):
                    kinds = "numbers" if isinstance(value, tuple) else "a number"
                    raise ConfigError(f"{owner}.{name} = {short(fields[name])}: must be {kinds}, not text or a bool")
                check_bound(f"{owner}.{name}", value)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Replace pydantic's signature by a readable one, and explain wrong calls of the methods."""
        cls.__signature__ = readable_signature(cls)
        public(cls)

    @classmethod
    def _parameters(cls) -> Iterable[str]:
        """Return names of constructors' parameters that a misspelt field may mean."""
        return ()

    def replace(self, changes: Mapping[str, Any] | None = None, /, **fields: Any) -> Self:
        """Return a changed copy, validated anew; fields that are not set stay unset.

        Parameters
        ----------
        changes
            New values by name; names with dots reach into parts: `{"crystal.n_cells": 5, "detector.distance_mm": 120}`.
        **fields
            New values of this model's own fields.

        Returns
        -------
        Model
            A model of the same class.

        Raises
        ------
        ConfigError
            A name or a value is not valid.
        """
        if not isinstance(changes, Mapping | None):
            raise ConfigError(
                f"{type(self).__name__}.replace: {short(changes)}: must map names to values, {{'crystal.n_cells': 5}}"
            )
        own, inner = dict(fields), dict[str, dict[str, Any]]()
        for name, value in (changes or {}).items():
            first, _, rest = name.partition(".")
            if rest:
                inner.setdefault(first, {})[rest] = value
            else:
                own[name] = value
        for name, parts in inner.items():
            part = own.get(name, getattr(self, name, None) if name in type(self).model_fields else None)
            if part is None and name in type(self).model_fields:
                part = self._empty_part(name)
            if not isinstance(part, Model):
                known = [each for each in type(self).model_fields if isinstance(getattr(self, each), Model)]
                hint = suggestion(name, known) or f"the parts are {', '.join(known) or 'none'}"
                raise ConfigError(f"{type(self).__name__}.{name}: is not a part of {type(self).__name__}; {hint}")
            own[name] = part.replace(parts)
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**{**given, **own})

    @classmethod
    def _empty_part(cls, name: str) -> Model | None:
        """Return the part that a name with dots means if it is None: a model without required fields, if it is one."""
        kinds = [each for each in get_args(cls.model_fields[name].annotation) if isinstance(each, type)]
        for kind in kinds:
            if issubclass(kind, Model):
                try:
                    return kind()
                except ConfigError:  # it has required fields
                    return None
        return None

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return this model, or with `update` a changed copy, validated like that of `replace`."""
        return self.replace(update) if update else self

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__"):
            super().__setattr__(name, value)
            return
        owner, fields = type(self).__name__, type(self).model_fields
        if name not in fields:
            hint = suggestion(name, fields) or f"the fields are {', '.join(fields)}"
            raise ConfigError(f"{owner}.{name}: is not a field of {owner}; {hint}")
        raise ConfigError(f"{owner}.{name}: a {owner} is frozen; replace({name}={short(value)}) returns a changed copy")

    def __delattr__(self, name: str) -> None:
        raise ConfigError(f"{type(self).__name__}.{name}: a {type(self).__name__} is frozen; use replace")

    def __dir__(self) -> list[str]:
        return list(completions(list(super().__dir__()), type(self)))

    def __repr__(self) -> str:
        return model_repr(type(self).__name__, self._shown())

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return html_table(type(self).__name__, {name: short_repr(value) for name, value in self._shown().items()})

    def _shown(self) -> dict[str, Any]:
        """Return the fields that are shown: those that differ from their defaults."""
        fields = type(self).model_fields
        values = {name: getattr(self, name) for name in fields}
        return {n: v for n, v in values.items() if fields[n].is_required() or not same(v, fields[n].default)}

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(same(getattr(self, name), getattr(other, name)) for name in type(self).model_fields)

    __hash__ = None  # type: ignore[assignment]


@cache
def _number_fields(model: type[Model]) -> frozenset[str]:
    """Return the names of the fields that hold numbers."""
    return frozenset(name for name, field in model.model_fields.items() if _holds_numbers(field.annotation))


def _holds_numbers(annotation: Any) -> bool:
    """Return whether a field holds numbers, or tuples of them, and nothing else but names of choices."""
    if annotation in (int, float):
        return True
    others = (part for part in get_args(annotation) if part not in (type(None), Ellipsis))
    parts = [part for part in others if get_origin(part) is not Literal]
    return bool(parts) and all(map(_holds_numbers, parts))


def _has_other(value: Any) -> bool:
    """Return whether a value or one of a sequence is a text or a bool, which pydantic would take for a number."""
    if isinstance(value, (list, tuple)):
        return any(map(_has_other, value))
    return isinstance(value, (str, bytes, bool))


def same(one: Any, other: Any) -> bool:
    """Return whether two field values are equal; arrays are compared by content."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return one is not None and other is not None and np.array_equal(one, other)
    return bool(one == other)


def changed_fields(model: Model) -> dict[str, Any]:
    """Return the fields that differ from their defaults as nested dictionaries; arrays and paths are kept."""
    fields: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if not field.is_required() and same(value, field.default):
            continue
        if isinstance(value, Model):
            value = changed_fields(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], Model):
            value = [changed_fields(item) for item in value]
        fields[name] = value
    return fields
