"""Functions of the user that make the values of a shot depend on each other."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import ConfigError

Function = Callable[[Mapping[str, Any], Any], Mapping[str, Any]]
Correlate = str | Callable[..., Any]


def function_of(given: Correlate | None) -> Function | None:
    """Return the function that a name stands for, "module:function" or "file.py:function"; functions are returned."""
    return _load(given) if isinstance(given, str) else given


@cache
def _load(name: str) -> Function:
    module, colon, function = name.rpartition(":")
    if not (colon and module and function):
        raise ConfigError(f"Dataset.correlate = {name!r}: must be module:function or file.py:function")
    try:
        found = getattr(_module(module), function)
    except (ImportError, OSError, SyntaxError, AttributeError) as error:
        raise ConfigError(f"Dataset.correlate = {name!r}: cannot be imported ({error})") from None
    if not callable(found):
        raise ConfigError(f"Dataset.correlate = {name!r}: is not a function")
    return found  # type: ignore[no-any-return]


def _module(name: str) -> Any:
    if not name.endswith(".py"):
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(Path(name).stem, name)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def identity_of(given: Correlate | None) -> str:
    """Return a text that names a function and changes with its source; empty for None."""
    function = function_of(given)
    if function is None:
        return ""
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):  # typed into a console, or compiled
        source = ""
    name = given if isinstance(given, str) else f"{function.__module__}:{getattr(function, '__qualname__', function)}"
    return f"{name} {hashlib.sha256(source.encode()).hexdigest()[:16]}"
