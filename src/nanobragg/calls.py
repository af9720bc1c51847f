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
    call = _Call(parameters, args, kwargs)
    problem = call.too_many() or call.unknown() or call.doubled()
    if problem is not None:
        return f"{owner}{problem}"
    missing = call.missing()
    if not missing:
        return None
    cure = "" if where else f"; write {owner}({call.usage()})"
    return f"{owner}: {_listed(missing)} must be given{cure}"


class _Call:
    """The arguments of a call, beside the parameters of its function. Problems are told from behind its name on."""

    def __init__(self, parameters: list[inspect.Parameter], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs
        self.placed = [each.name for each in parameters if each.kind in PLACED]
        self.named = [each.name for each in parameters if each.kind in NAMED]
        self.required = [p.name for p in parameters if p.kind in NAMED and p.default is inspect.Parameter.empty]
        kinds = {each.kind for each in parameters}
        self.takes_more_places = inspect.Parameter.VAR_POSITIONAL in kinds
        self.takes_more_names = inspect.Parameter.VAR_KEYWORD in kinds

    def too_many(self) -> str | None:
        """Say which argument needs a name."""
        if self.takes_more_places or len(self.args) <= len(self.placed):
            return None
        extra, others = short(self.args[len(self.placed)]), [name for name in self.named if name not in self.placed]
        places = f"only {_listed(self.placed)} can be given without a name" if self.placed else "needs names"
        cure = f"; write {others[0]}={extra}" if others else ""
        rest = f", or which of {', '.join(others)} it is" if len(others) > 1 else ""
        return f"(…, {extra}): {places}{cure}{rest}"

    def unknown(self) -> str | None:
        """Say which name is not a parameter; among more names, only one that is like a missing parameter."""
        for name in self.kwargs:
            if name not in self.named:
                hint = suggestion(name, self.missing() if self.takes_more_names else self.named)
                if hint:
                    return f": {name} is not an argument; {hint}"
                if not self.takes_more_names:
                    return f": {name} is not an argument; the arguments are {', '.join(self.named) or 'none'}"
        return None

    def doubled(self) -> str | None:
        """Say which argument is given by its place and by its name."""
        both = [name for name in self.placed[: len(self.args)] if name in self.kwargs]
        return f": {both[0]} is given twice, by its place and by its name" if both else None

    def missing(self) -> list[str]:
        """Return the required arguments that are not given."""
        given = {*self.kwargs, *self.placed[: len(self.args)]}
        return [name for name in self.required if name not in given]

    def usage(self) -> str:
        """Return the required arguments as they are written."""
        return ", ".join(name if name in self.placed else f"{name}=…" for name in self.required)


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
