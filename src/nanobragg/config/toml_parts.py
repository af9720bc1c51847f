"""Parts of a TOML file written by hand that name a constructor: a detector's name, a file of structure factors."""

from collections.abc import Callable
from itertools import zip_longest
from typing import Any, TypeVar

from ..calls import wrong_call
from ..errors import ConfigError
from ..suggestions import suggestion
from .beam import Beam
from .crystal import Crystal
from .detector import Detector
from .structure_factors import StructureFactors

FILE_FORMATS = ("hkl", "dump", "shelx", "mtz", "cif", "coordinates")
Part = TypeVar("Part", Detector, StructureFactors)
FACTORS = (*FILE_FORMATS, "constant", "wilson")


def build_parts(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a Config with the parts that the tables of a TOML file describe by a constructor.

    These are `[detector] name = "EIGER2 16M"` (`Detector.named`), `[detector.flat]` (`Detector.flat`), and
    `[structure_factors]` with one of `FACTORS`. The beam supplies the wavelength of a named detector, and the crystal
    the cell of Wilson amplitudes.

    Raises
    ------
    ConfigError
        A table is incomplete, or names more than one constructor.
    """
    fields = dict(fields)
    for name, part in (("beam", Beam), ("crystal", Crystal)):
        if isinstance(fields.get(name), dict):
            fields[name] = part(**fields[name])
    crystals: list[Any] = []
    if isinstance(fields.get("crystals"), list):
        crystals = [Crystal(**each) if isinstance(each, dict) else each for each in fields["crystals"]]
        fields["crystals"] = crystals
    if isinstance(fields.get("factors_of_crystals"), list):
        factors = fields["factors_of_crystals"]
        pairs = zip_longest(factors, crystals[: len(factors)])
        fields["factors_of_crystals"] = [
            _structure_factors(each, crystal) if isinstance(each, dict) else each for each, crystal in pairs
        ]
    if isinstance(fields.get("detector"), dict):
        fields["detector"] = _detector(fields["detector"], fields.get("beam", Beam()))
    if isinstance(fields.get("structure_factors"), dict):
        first = fields.get("crystal") or next(iter(crystals), None)
        fields["structure_factors"] = _structure_factors(fields["structure_factors"], first)
    return fields


def _detector(table: dict[str, Any], beam: Any) -> Detector:
    if "panels" in table:
        return Detector(**table)
    if "flat" in table:
        rest = {name: value for name, value in table.items() if name != "flat"}
        return _call(Detector.flat, "detector.flat", table["flat"], **rest)
    if "name" in table:
        wavelength = {"wavelength_A": beam.wavelength} if isinstance(beam, Beam) else {}
        return _call(Detector.named, "detector", table, **wavelength)
    raise ConfigError('[detector]: give name = "EIGER2 16M" (or another one), a table [detector.flat], or panels')


def _structure_factors(table: dict[str, Any], crystal: Any) -> StructureFactors:
    named = [name for name in FACTORS if name in table]
    entries = [*FACTORS, *StructureFactors.model_fields]
    for name in table:
        if name not in entries:
            hint = suggestion(name, entries) or f"the entries are {', '.join(entries)}"
            raise ConfigError(f"[structure_factors] {name}: is not an entry of this table; {hint}")
    if not named:
        return StructureFactors(**table)
    rivals = [*named, *(name for name in ("path", "indices") if name in table)]
    if len(rivals) > 1:
        raise ConfigError(f"[structure_factors]: {' and '.join(rivals)} contradict each other; give one of them")
    kind = named[0]
    rest = {name: value for name, value in table.items() if name != kind}
    if kind == "constant":
        return _call(StructureFactors.constant, "structure_factors", {"amplitude": table[kind], **rest})
    if kind == "wilson":
        cell = {"cell": crystal.cell} if isinstance(crystal, Crystal) and crystal.cell is not None else {}
        given = {**cell, **table[kind]} if isinstance(table[kind], dict) else table[kind]
        return _call(StructureFactors.wilson, "structure_factors.wilson", given, **rest)
    return StructureFactors(**{"path": table[kind], "file_format": kind, **rest})


def _call(constructor: Callable[..., Part], where: str, table: Any, **more: Any) -> Part:
    """Call a constructor with the entries of the table `where`; a missing or doubled argument raises `ConfigError`."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where} = {table!r}: must be a table, [{where}]")
    if doubled := sorted(table.keys() & more.keys()):
        raise ConfigError(f"[{where}]: {doubled[0]} is given twice; leave one out")
    given = {**table, **more}
    if problem := wrong_call(constructor, (), given, f"[{where}]"):
        raise ConfigError(problem)
    return constructor(**given)
