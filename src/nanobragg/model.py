"""What every noun of a Config shares: validation with one-line errors, immutability, array fields, equality."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError

from .errors import ConfigError

Vector = tuple[float, float, float]
FloatArray = npt.NDArray[np.float64]


def _array_field(dtype: type, ndim: int | None = None) -> Callable[[Any], npt.NDArray[Any]]:
    def validate(value: Any) -> npt.NDArray[Any]:
        if isinstance(value, (str, os.PathLike)):
            raise ValueError("is a name, not an array")
        try:
            array: npt.NDArray[Any] = np.ascontiguousarray(value, dtype=dtype)
        except (TypeError, ValueError) as error:
            raise ValueError(f"is no array of {np.dtype(dtype).name} ({error})") from None
        if ndim is not None and array.ndim != ndim:
            raise ValueError(f"must have {ndim} dimensions, got shape {array.shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError("holds values that are not finite")
        array = array.copy() if array is value else array
        array.setflags(write=False)
        return array

    return validate


Numbers = Annotated[npt.NDArray[np.float64], PlainValidator(_array_field(np.float64, 1))]
Rows = Annotated[npt.NDArray[np.float64], PlainValidator(_array_field(np.float64, 2))]
Indices = Annotated[npt.NDArray[np.int32], PlainValidator(_array_field(np.int32, 2))]
MaskArray = Annotated[npt.NDArray[np.bool_], PlainValidator(_array_field(np.bool_))]


def _explain(error: ValidationError, owner: str) -> str:
    lines = []
    for item in error.errors(include_url=False):
        message = item["msg"].removeprefix("Value error, ")
        if isinstance(item.get("ctx", {}).get("error"), ConfigError):
            lines.append(message)
            continue
        where = ".".join(str(part) for part in (owner, *item["loc"]))
        if item["type"] == "extra_forbidden":
            lines.append(f"{where}: unknown field; {owner} has no such name")
        elif item["type"] in ("missing", "value_error") and not item["loc"]:
            lines.append(f"{where}: {message}")
        else:
            value = repr(item["input"])
            lines.append(f"{where} = {value if len(value) < 80 else value[:77] + '...'}: {message}")
    return "\n".join(dict.fromkeys(lines))


class Model(BaseModel):
    """An immutable, validated noun. A bad field raises `ConfigError` with the field, the value and the cure."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False, validate_default=False
    )

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise ConfigError(_explain(error, type(self).__name__)) from None

    def replace(self, **changes: Any) -> Any:
        """A copy with some fields changed, validated anew."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**{**fields, **changes})

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(_same(getattr(self, name), getattr(other, name)) for name in type(self).model_fields)

    __hash__ = None  # type: ignore[assignment]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return one is not None and other is not None and np.array_equal(one, other)
    return bool(one == other)
