"""Messages about invalid fields, in the words of the field in place of pydantic's."""

import typing
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from ..bounds import short
from ..errors import ConfigError
from ..suggestions import suggestion

EXAMPLES = {
    "Crystal": "nanobragg.Crystal(cell=(79.1, 79.1, 38.4), …)",
    "StructureFactors": "nanobragg.StructureFactors.from_mtz(path), or one of its other constructors",
    "Detector": 'nanobragg.Detector.named("EIGER2 4M", …), or nanobragg.Detector.flat(…)',
    "Panel": "a list of nanobragg.Panel(…), or make the detector by flat(…) or named(…)",
}
ONE_NUMBER = {"pixels", "n_cells", "size_mm"}  # fields of several numbers that take one for all of them
MOST_LINES = 5  # of a message


def explain(error: ValidationError, model: type[BaseModel], owner: str, parameters: Iterable[str] = ()) -> list[str]:
    """Return one line for each of the first invalid fields, and their number if there are more.

    Messages of a `ConfigError` are kept as they are. `parameters` are names of constructors' parameters that a misspelt
    field may mean.
    """
    lines: list[str] = []
    fields: dict[tuple[int | str, ...], list[Any]] = {}
    for item in error.errors(include_url=False):
        if isinstance(item.get("ctx", {}).get("error"), ConfigError):
            lines += item["ctx"]["error"].args
        else:
            fields.setdefault(item["loc"][:1], []).append(item)
    inner, more = list(dict.fromkeys(lines)), len(fields) - MOST_LINES
    shown = inner[: MOST_LINES + 1]  # those of one part, and their number
    if len(inner) > len(shown):
        shown.append(f"{owner}: and {len(inner) - len(shown)} more lines about its parts")
    shown += [_field_line(model, owner, items, parameters) for items in list(fields.values())[:MOST_LINES]]
    return [*shown, f"{owner}: and {more} more invalid fields"] if more > 0 else shown


def _field_line(model: type[BaseModel], owner: str, items: list[Any], parameters: Iterable[str]) -> str:
    """Return the message for one field; for a union, that of the members whose validation got furthest."""
    depth = max(len(item["loc"]) for item in items)
    closest = [item for item in items if len(item["loc"]) == depth]
    kind, place = closest[0]["type"], closest[0]["loc"]
    where = ".".join([owner, *map(str, place[:1])])
    if kind == "extra_forbidden":
        if place[0] in parameters:
            return f"{where}: is not a field; it is a parameter of {owner}.flat(…) and {owner}.named(…)"
        hint = suggestion(str(place[0]), [*model.model_fields, *parameters]) or (
            f"the fields are {', '.join(model.model_fields)}"
        )
        return f"{where}: is not a field of {owner}; {hint}"
    if kind == "missing" and depth == 1:
        return f"{where}: is required; {_cure(model.model_fields[str(place[0])].annotation)}"
    if not place:
        return f"{where}: {_message(closest[0])}"
    field = model.model_fields.get(str(place[0]))
    count = None if field is None else _tuple_length(field.annotation)
    if kind in ("missing", "too_short", "too_long") or (kind == "tuple_type" and count):
        given = closest[0]["input"]
        others = [text for text in dict.fromkeys(map(_message, items)) if "'" in text]  # the words of a Literal
        numbers = "several numbers" if count is None else f"{count} numbers"
        if place[0] in ONE_NUMBER:
            numbers += ", or one for all"
        got = f", got {len(given)}" if isinstance(given, (list, tuple)) else ""
        return f"{where} = {short(given)}: must be {numbers}{got}" + "".join(f", or {text[8:]}" for text in others)
    where = ".".join([where, *(str(part) for part in place[1:] if isinstance(part, int))])
    return f"{where} = {short(closest[0]['input'])}: {' or: '.join(dict.fromkeys(map(_message, closest)))}"


def _cure(annotation: Any) -> str:
    """Return what to give for a required field."""
    name = getattr(annotation, "__name__", "")
    if name in EXAMPLES:
        return f"give {EXAMPLES[name]}"
    part = next((each.__name__ for each in typing.get_args(annotation) if isinstance(each, type)), "")
    if part in EXAMPLES:
        return f"give {EXAMPLES[part]}"
    count = _tuple_length(annotation)
    return f"give {count} numbers" if count else "give a number"


def _tuple_length(annotation: Any) -> int | None:
    """Return the length of the tuple in an annotation such as tuple[float, float, float] | None; None without one."""
    if typing.get_origin(annotation) is tuple:
        parts = typing.get_args(annotation)
        return None if Ellipsis in parts else len(parts)
    lengths = (_tuple_length(part) for part in typing.get_args(annotation))
    return next((length for length in lengths if length), None)


def _message(item: Any) -> str:
    """Return pydantic's message in the words of this package."""
    if item["type"] == "value_error":
        return str(item["msg"]).removeprefix("Value error, ")
    text = str(item["msg"]).split(", unable to parse")[0]
    name = item.get("ctx", {}).get("class_name") if isinstance(item.get("ctx"), dict) else None
    words = {
        "tuple_type": "must be a list or tuple", "float_type": "must be a number", "float_parsing": "must be a number",
        "int_type": "must be an integer", "int_parsing": "must be an integer", "int_from_float": "must be an integer",
        "bool_type": "must be True or False", "bool_parsing": "must be True or False", "string_type": "must be a text",
        "path_type": "must be the path of a file",
    }  # fmt: skip
    if item["type"] in words:
        return words[item["type"]]
    if item["type"] in ("model_type", "model_attributes_type") and name:
        return f"must be a {name}, as made by nanobragg.{name}(…)"
    text = text.replace("Input should be a valid ", "must be a valid ").replace("Input should be ", "must be ")
    return text[:1].lower() + text[1:]
