"""How models are shown: a short repr, an HTML table, readable signatures, and completion without pydantic's names."""

import html
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import BaseModel

from ..calls import Written

MOST_LINES = 6  # entries of a sequence
DIGITS = 6


def short_repr(value: Any) -> str:
    """Return a value on one line, with arrays and long sequences summarized."""
    if isinstance(value, np.ndarray):
        return f"<{' x '.join(map(str, value.shape))} {value.dtype}>"
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}"
    if isinstance(value, (tuple, list)):
        if len(value) > MOST_LINES or (len(value) > 1 and isinstance(value[0], BaseModel)):
            kind = type(value[0]).__name__ if isinstance(value[0], BaseModel) else "entries"
            return f"<{len(value)} {kind}{'s' if kind != 'entries' else ''}>"
        inside = ", ".join(short_repr(each) for each in value)
        return f"({inside}{',' if len(value) == 1 else ''})"
    return str(value) if hasattr(value, "__fspath__") else repr(value)


def model_repr(name: str, fields: dict[str, Any]) -> str:
    """Return the repr of a model from its name and the fields to show."""
    return f"{name}({', '.join(f'{field}={short_repr(value)}' for field, value in fields.items())})"


def html_table(title: str, rows: dict[str, str]) -> str:
    """Return an HTML table with a title and a row for each entry."""
    body = "".join(
        f'<tr><th style="text-align:left;vertical-align:top">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(text)}</td></tr>'
        for name, text in rows.items()
    )
    return f"<table><caption><b>{html.escape(title)}</b></caption>{body}</table>"


def readable_signature(model: type[BaseModel]) -> inspect.Signature:
    """Return the signature of a model with annotations as written in the source, and keyword arguments only."""
    written: dict[str, Any] = {}
    for parent in reversed(model.__mro__):
        written |= inspect.get_annotations(parent)
    parameters = []
    for name, field in model.model_fields.items():
        note = written.get(name, field.annotation)
        note = Written(note if isinstance(note, str) else inspect.formatannotation(note))
        default = inspect.Parameter.empty if field.is_required() else field.get_default(call_default_factory=True)
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=note))
    return inspect.Signature(parameters)


def completions(names: list[str], owner: type[BaseModel]) -> Iterator[str]:
    """Yield the names for completion: without those that pydantic's base class defines, unless they are ours."""
    inherited = set(object.__dir__(BaseModel)) | set(vars(BaseModel))
    own = {name for parent in owner.__mro__ if parent.__module__.startswith(__package__ or "") for name in vars(parent)}
    hidden = {name for name in own if name.startswith(("_", "model_"))}
    for name in names:
        special = name.startswith("__") and name.endswith("__")
        if special or (name not in hidden and (name in own or name not in inherited)):
            yield name
