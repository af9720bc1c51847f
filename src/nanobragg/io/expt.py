"""DIALS experiment lists (.expt): the models of each experiment, from JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath
from .input_file import read_file
from .limits import LARGEST_NUMBER, are_numbers
from .named_files import reason

MODELS = ("beam", "detector", "goniometer", "scan", "crystal", "imageset")


class ModelFields:
    """The fields of one model in an .expt file; every error names the file and the field."""

    def __init__(self, path: StrPath, name: str, fields: Any) -> None:
        self.path, self.name = path, name
        if not isinstance(fields, dict):
            raise FormatError(f"{path}: {name} is not a JSON object; write the file again with DIALS")
        self.fields: dict[str, Any] = fields

    def error(self, key: str, why: str) -> FormatError:
        """Return a `FormatError` about a field."""
        return FormatError(f"{self.path}: {self.name}.{key}: {why}")

    def numbers(self, key: str, shape: tuple[int, ...], default: Any = None) -> npt.NDArray[np.float64]:
        """Return a field as finite numbers of `shape`; a first dimension of -1 stands for any number of rows.

        Raises `FormatError` if the field is missing without a default, or is not such an array.
        """
        value = self.fields.get(key, default)
        if value is None:
            raise self.error(key, "is missing; write the file again with DIALS")
        try:
            array = np.array(value, dtype=np.float64)
            if shape and shape[0] == -1:
                shape = (len(array), *shape[1:])
            array = array.reshape(shape)
        except (TypeError, ValueError, OverflowError):
            raise self.error(key, f"{str(value)[:60]} is not {_describe(shape)}") from None
        if not are_numbers(array):
            raise self.error(key, f"holds a number that is not finite, or beyond {LARGEST_NUMBER:g}")
        return array

    def number(self, key: str, default: float | None = None) -> float:
        """Return a field as one finite number."""
        return float(self.numbers(key, (), default))

    def text(self, key: str) -> str:
        """Return a field as text, or "" if it is missing."""
        return str(self.fields.get(key) or "")

    def nested(self, key: str, value: Any) -> ModelFields:
        """Return the fields of an object inside this one."""
        return ModelFields(self.path, f"{self.name}.{key}", value)


def read_expt_models(path: StrPath) -> list[dict[str, ModelFields]]:
    """Return the models of each experiment in a DIALS experiment list, by their names in `MODELS`.

    Experiments that share a model share the object. Raises `FormatError` if the file is not valid JSON, not an
    experiment list, has no experiments, or refers to missing models.
    """
    document = _load(path)
    models = {kind: _list_models(path, document, kind) for kind in MODELS}
    listed = document.get("experiment")
    if not isinstance(listed, list) or not listed:
        raise FormatError(f"{path} lists no experiments; import or index images first")
    experiments = []
    for i, entry in enumerate(listed):
        fields = ModelFields(path, f"experiment[{i}]", entry)
        present = [kind for kind in MODELS if entry.get(kind) is not None]
        experiments.append({kind: _resolve(fields, kind, models[kind]) for kind in present})
    return experiments


def _load(path: StrPath) -> dict[str, Any]:
    content = read_file(path)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise FormatError(
            f"{path} is not valid JSON ({reason(path, error)}); write the .expt file again with DIALS"
        ) from None
    kind = document.get("__id__") if isinstance(document, dict) else None
    if isinstance(document, list) and document and isinstance(document[0], dict):
        kind = document[0].get("__id__")
    if not isinstance(document, dict) or kind != "ExperimentList":
        raise FormatError(
            f"{path}: __id__ is {kind!r}, not 'ExperimentList'; import the images again with dials.import"
        )
    return document


def _list_models(path: StrPath, document: dict[str, Any], kind: str) -> list[ModelFields]:
    models = document.get(kind) or []
    if not isinstance(models, list):
        raise FormatError(f"{path}: {kind} is not a list; write the file again with DIALS")
    return [ModelFields(path, f"{kind}[{i}]", model) for i, model in enumerate(models) if model is not None]


def _resolve(entry: ModelFields, kind: str, models: list[ModelFields]) -> ModelFields:
    index = entry.fields[kind]
    if isinstance(index, str):
        raise entry.error(kind, f"refers to another file, {index!r}; combine them with dials.combine_experiments")
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(models):
        raise entry.error(kind, f"{index!r} is not a valid index: the file has {len(models)} {kind} models")
    return models[index]


def _describe(shape: tuple[int, ...]) -> str:
    return "a number" if not shape else f"numbers of shape {shape}"
