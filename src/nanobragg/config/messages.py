"""Messages about invalid fields, in the words of the field in place of pydantic's."""

import difflib
import re
import typing
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from ..bounds import short
from ..errors import ConfigError

# What a field is called elsewhere: names of other programs and of common speech, without unit and case
SYNONYMS = {
    "unitcell": "cell", "cellparameters": "cell", "lattice": "cell",
    "mosaicity": "mosaic_spread_deg", "mosaic": "mosaic_spread_deg", "spread": "mosaic_spread_deg",
    "domains": "mosaic_domains", "ncell": "n_cells", "ncells": "n_cells", "na": "n_cells", "n": "n_cells",
    "orientation": "misset_deg", "misset": "misset_deg", "rotation": "misset_deg", "umatrix": "matrix",
    "amatrix": "matrix", "ub": "matrix", "size": "size_mm", "crystalsize": "size_mm", "volume": "volume_mm3",
    "spindle": "spindle_axis", "wavelength": "wavelength_A", "lambda": "wavelength_A", "energy": "energy_eV",
    "energykev": "energy_eV", "kev": "energy_eV", "ev": "energy_eV", "fluence": "fluence_ph_m2", "flux": "flux_ph_s",
    "exposure": "exposure_s", "exposuretime": "exposure_s", "time": "exposure_s", "beamsize": "size_mm",
    "polarization": "kahn_factor", "polarisation": "kahn_factor", "kahn": "kahn_factor",
    "divergence": "divergence_mrad", "bandwidth": "dispersion_percent", "dispersion": "dispersion_percent",
    "distance": "distance_mm", "detectordistance": "distance_mm", "pixelsize": "pixel_mm", "pixel": "pixel_mm",
    "npixels": "pixels", "shape": "pixels", "beamcenter": "beam_center_mm", "beamcentre": "beam_center_mm",
    "orgx": "org_px", "origin": "origin_mm", "twotheta": "twotheta_deg", "tilt": "rotation_deg",
    "thickness": "sensor_thickness_um", "sensorthickness": "sensor_thickness_um", "material": "sensor_material",
    "saturation": "saturation_adu", "overload": "saturation_adu", "osc": "range_deg", "oscillation": "range_deg",
    "oscillationrange": "range_deg", "oscrange": "range_deg", "width": "range_deg", "range": "range_deg",
    "phi": "start_deg",
    "start": "start_deg", "phisteps": "steps", "step": "step_deg", "dmin": "d_min_A", "resolution": "d_min_A",
    "subpixels": "oversample", "oversampling": "oversample", "water": "water_um", "file": "path", "filename": "path",
    "hkl": "path", "spacegroup": "space_group", "f": "amplitudes", "factors": "structure_factors",
    "reflections": "structure_factors", "image": "roi", "region": "roi", "energies": "energies_eV",
}  # fmt: skip
MOST_LINES = 5  # of a message
LONGEST_NAME = 60  # of a field that does not exist
FACTORS = {"kev": " (in eV: 1000 times the number)", "nm": " (in Å: 10 times the number)"}


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return "did you mean …?" for a field that does not exist, or an empty text if no field is like it."""
    known = list(known)
    name = name[:LONGEST_NAME]
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    bare = re.sub(r"(kev|ev|mrad|percent|deg|mm|um|nm|a)$", "", plain) or plain
    found = next((SYNONYMS[key] for key in (plain, bare) if SYNONYMS.get(key) in known), None)
    if found is None:
        near = difflib.get_close_matches(name.lower(), [each.lower() for each in known], 1, 0.6)
        found = next((each for each in known if near and each.lower() == near[0]), None)
    if found is None:
        starts = [each for each in known if bare and each.lower().replace("_", "").startswith(bare)]
        found = min(starts, key=len, default=None)
    if found is None:
        return ""
    unit = next((text for ending, text in FACTORS.items() if plain.endswith(ending)), "")
    return f"did you mean {found}{unit}?"


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
        return f"{where}: is required; give a value"
    if not place:
        return f"{where}: {_message(closest[0])}"
    field = model.model_fields.get(str(place[0]))
    count = None if field is None else _tuple_length(field.annotation)
    if kind in ("missing", "too_short", "too_long") or (kind == "tuple_type" and count):
        given = closest[0]["input"]
        others = [text for text in dict.fromkeys(map(_message, items)) if "'" in text]  # the words of a Literal
        numbers = "several numbers" if count is None else f"{count} numbers"
        got = f", got {len(given)}" if isinstance(given, (list, tuple)) else ""
        return f"{where} = {short(given)}: must be {numbers}{got}" + "".join(f", or {text[8:]}" for text in others)
    where = ".".join([where, *(str(part) for part in place[1:] if isinstance(part, int))])
    return f"{where} = {short(closest[0]['input'])}: {' or: '.join(dict.fromkeys(map(_message, closest)))}"


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
