"""Base class of Config and its parts: validation with one-line errors, immutability, array fields, equality."""

import os
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError

from ..bounds import check_bound
from ..errors import ConfigError


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


def _explain(error: ValidationError, owner: str) -> str:
    """Return a message of one line per invalid field; messages of a `ConfigError` are kept as they are."""
    lines: list[str] = []
    fields: dict[tuple[int | str, ...], list[Any]] = {}
    for item in error.errors(include_url=False):
        if isinstance(item.get("ctx", {}).get("error"), ConfigError):
            lines.append(_message(item))
        else:
            fields.setdefault(item["loc"][:1], []).append(item)
    lines += [_field_line(owner, items) for items in fields.values()]
    return "\n".join(dict.fromkeys(lines))


def _message(item: Any) -> str:
    return str(item["msg"]).removeprefix("Value error, ")


def _field_line(owner: str, items: list[Any]) -> str:
    """Return the message for one field; for a union, that of the members whose validation got furthest."""
    depth = max(len(item["loc"]) for item in items)
    closest = [item for item in items if len(item["loc"]) == depth]
    kind, place = closest[0]["type"], closest[0]["loc"]
    where = ".".join([owner, *map(str, place[:1])])
    if kind == "extra_forbidden":
        return f"{where}: is not a field of {owner}; check the spelling"
    if kind == "missing" and depth == 1:
        return f"{where}: is required; give a value"
    if not place:
        return f"{where}: {_message(closest[0])}"
    if kind == "missing":
        return f"{where} = {_short(closest[0]['input'])}: has too few numbers"
    where = ".".join([where, *(str(part) for part in place[1:] if isinstance(part, int))])
    return f"{where} = {_short(closest[0]['input'])}: {' or: '.join(dict.fromkeys(map(_message, closest)))}"


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) < 80 else text[:77] + "..."


class Model(BaseModel):
    """Immutable, validated model. An invalid field raises `ConfigError` with the field, the value and the cure."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False, validate_default=False
    )

    def __init__(self, **fields: Any) -> None:
        owner = self.model_config.get("title") or type(self).__name__
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise ConfigError(_explain(error, owner)) from None
        for name in self.model_fields_set:
            check_bound(f"{owner}.{name}", getattr(self, name))

    def replace(self, **changes: Any) -> Any:
        """Return a re-validated copy with `changes`; unset fields stay unset."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**{**given, **changes})

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(same(getattr(self, name), getattr(other, name)) for name in type(self).model_fields)

    __hash__ = None  # type: ignore[assignment]


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
