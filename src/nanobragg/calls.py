"""Calls of what is public: a wrong one raises `ConfigError` with the cure, and signatures can be read."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ForwardRef, TypeVar, cast

from .bounds import short
from .errors import ConfigError
from .suggestions import suggestion

Public = TypeVar("Public", bound=Callable[..., Any])
CONSTRUCTORS = ("__init__", "__new__")
PLACED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
BOUND = ("self", "cls", "_cls")  # names of a method's first parameter
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Written:
    """An annotation that prints as it is written in the source."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def public(thing: Public) -> Public:
    """Return a function, or a class with its public methods, whose wrong calls raise `ConfigError`."""
    if not isinstance(thing, type):
        return cast("Public", _explained(thing))
    for name, value in list(vars(thing).items()):
        if name.startswith("_") and name not in CONSTRUCTORS:
            continue
        if isinstance(value, (classmethod, staticmethod)):
            setattr(thing, name, type(value)(_explained(value.__func__)))
        elif inspect.isfunction(value):
            setattr(thing, name, _explained(value))
    return thing


def _explained(function: Any) -> Any:
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError:
            problem = wrong_call(function, args, kwargs)
            if problem is None:  # it is the function's own
                raise
        raise ConfigError(problem)

    vars(call)["__signature__"] = _readable(signature)
    return call


def _readable(signature: inspect.Signature) -> inspect.Signature:
    return signature.replace(
        parameters=[each.replace(annotation=_written(each.annotation)) for each in signature.parameters.values()],
        return_annotation=_written(signature.return_annotation),
    )


def _written(annotation: Any) -> Any:
    text = annotation.__forward_arg__ if isinstance(annotation, ForwardRef) else annotation
    return Written(text) if isinstance(text, str) else annotation


def wrong_call(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], where: str | None = None) -> str | None:
    """Return what is wrong with the arguments of a call, and the cure; None if they fit.

    The message names the function as it was called, or `where` they were given.
    """
    parameters = list(inspect.signature(function).parameters.values())
    owner = where or _name(function, args)
    if parameters and parameters[0].name in BOUND and not hasattr(function, "__self__"):
        parameters, args = parameters[1:], args[1:]
    positional = [each.name for each in parameters if each.kind in PLACED]
    named = [each.name for each in parameters if each.kind in NAMED]
    kinds = {each.kind for each in parameters}
    if len(args) > len(positional) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        extra, others = short(args[len(positional)]), [name for name in named if name not in positional]
        places = f"only {_listed(positional)} can be given without a name" if positional else "needs names"
        cure = f"; write {others[0]}={extra}" if others else ""
        others_too = f", or which of {', '.join(others)} it is" if len(others) > 1 else ""
        return f"{owner}(…, {extra}): {places}{cure}{others_too}"
    unknown = [name for name in kwargs if name not in named]
    if unknown and inspect.Parameter.VAR_KEYWORD not in kinds:
        hint = suggestion(unknown[0], named) or f"the arguments are {', '.join(named) or 'none'}"
        return f"{owner}: {unknown[0]} is not an argument; {hint}"
    twice = [name for name in positional[: len(args)] if name in kwargs]
    if twice:
        return f"{owner}: {twice[0]} is given twice, by its place and by its name"
    required = [each.name for each in parameters if each.kind in NAMED and each.default is inspect.Parameter.empty]
    missing = [name for name in required if name not in kwargs and name not in positional[: len(args)]]
    if missing:
        if inspect.Parameter.VAR_KEYWORD in kinds:
            guesses = ((name, suggestion(name, missing)) for name in kwargs if name not in named)
            for name, hint in guesses:
                if hint:
                    return f"{owner}: {name} is not an argument; {hint}"
        usage = ", ".join(name if name in positional else f"{name}=…" for name in required)
        cure = "" if where else f"; write {owner}({usage})"
        return f"{owner}: {_listed(missing)} must be given{cure}"
    return None


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _name(function: Any, args: tuple[Any, ...]) -> str:
    """Return a function's name as a user writes it, with the class that it was called on."""
    outer, _, name = function.__qualname__.rpartition(".")
    if not outer:
        return str(name)
    cls = args[0] if args and isinstance(args[0], type) else type(args[0]) if args else None
    outer = cls.__name__ if cls is not None and hasattr(cls, name) else outer
    return outer if name in CONSTRUCTORS else f"{outer}.{name}"
