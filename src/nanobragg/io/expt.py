"""DIALS experiment lists (.expt): JSON text to the models of each experiment, checked as far as the format goes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath
from .input_file import open_input, read_all

MODELS = ("beam", "detector", "goniometer", "scan", "crystal", "imageset")


class ModelFields:
    """The fields of one model in an .expt; every complaint names the file and the field."""

    def __init__(self, path: StrPath, name: str, fields: Any) -> None:
        self.path, self.name = path, name
        if not isinstance(fields, dict):
            raise FormatError(f"{path}: {name}: is no JSON object; write the file again with DIALS")
        self.fields: dict[str, Any] = fields

    def wrong(self, key: str, why: str) -> FormatError:
        """The error about a field."""
        return FormatError(f"{self.path}: {self.name}.{key}: {why}")

    def numbers(self, key: str, shape: tuple[int, ...], default: Any = None) -> npt.NDArray[np.float64]:
        """A field as finite numbers of `shape`; -1: any number of rows.

        Raises
        ------
        FormatError
            The field is missing and has no default, or is something else.
        """
        value = self.fields.get(key, default)
        if value is None:
            raise self.wrong(key, "is missing; write the file again with DIALS")
        try:
            array = np.array(value, dtype=np.float64)
            if shape and shape[0] == -1:
                shape = (len(array), *shape[1:])
            array = array.reshape(shape)
        except (TypeError, ValueError, OverflowError):
            raise self.wrong(key, f"{str(value)[:60]} is not {_described(shape)}") from None
        if not np.isfinite(array).all():
            raise self.wrong(key, "holds a number that is not finite")
        return array

    def number(self, key: str, default: float | None = None) -> float:
        """A field as one finite number."""
        return float(self.numbers(key, (), default))

    def text(self, key: str) -> str:
        """A field as text; empty where there is none."""
        return str(self.fields.get(key) or "")

    def part(self, key: str, value: Any) -> ModelFields:
        """An object inside this one."""
        return ModelFields(self.path, f"{self.name}.{key}", value)


def read_expt_models(path: StrPath) -> list[dict[str, ModelFields]]:
    """Read the models that each experiment of a DIALS experiment list is made of.

    Parameters
    ----------
    path : path
        An .expt file, `__id__` "ExperimentList".

    Returns
    -------
    list of dict
        For every experiment, the models it has of: beam, detector, goniometer, scan, crystal, imageset.
        Experiments that share a model share the object.

    Raises
    ------
    FileError
        The file cannot be read.
    FormatError
        It is no JSON, no experiment list, has no experiments, or refers to models that it does not hold.
    """
    document = _load(path)
    pools = {kind: _pool(path, document, kind) for kind in MODELS}
    listed = document.get("experiment")
    if not isinstance(listed, list) or not listed:
        raise FormatError(f"{path}: lists no experiments; import or index something first")
    experiments = []
    for i, entry in enumerate(listed):
        fields = ModelFields(path, f"experiment[{i}]", entry)
        experiments.append({kind: _pick(fields, kind, pools[kind]) for kind in MODELS if entry.get(kind) is not None})
    return experiments


def _load(path: StrPath) -> dict[str, Any]:
    with open_input(path) as handle:
        content = read_all(handle, path)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise FormatError(f"{path}: is no JSON ({error}); an .expt file is written by DIALS") from None
    kind = document.get("__id__") if isinstance(document, dict) else None
    if isinstance(document, list) and document and isinstance(document[0], dict):
        kind = document[0].get("__id__")
    if not isinstance(document, dict) or kind != "ExperimentList":
        raise FormatError(
            f"{path}: its __id__ is {kind!r}, not 'ExperimentList'; import the images again with dials.import"
        )
    return document


def _pool(path: StrPath, document: dict[str, Any], kind: str) -> list[ModelFields]:
    models = document.get(kind) or []
    if not isinstance(models, list):
        raise FormatError(f"{path}: {kind}: is no list; write the file again with DIALS")
    return [ModelFields(path, f"{kind}[{i}]", model) for i, model in enumerate(models) if model is not None]


def _pick(entry: ModelFields, kind: str, pool: list[ModelFields]) -> ModelFields:
    index = entry.fields[kind]
    if isinstance(index, str):
        raise entry.wrong(kind, f"names another file, {index!r}; rewrite with dials.combine_experiments")
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(pool):
        raise entry.wrong(kind, f"{index!r} is none of the {len(pool)} that the file holds")
    return pool[index]


def _described(shape: tuple[int, ...]) -> str:
    return "a number" if not shape else f"numbers of shape {shape}"
