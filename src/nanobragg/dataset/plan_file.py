"""The TOML form of a data set's description, and the digest that identifies it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config.base import changed_fields
from ..config.config import Config
from ..config.digest import table_text, text_digest
from ..config.toml import read_toml, write_toml
from ..config.toml_parts import build_parts
from ..errors import ConfigError
from .correlation import identity_of
from .description import Description
from .distributions import Distribution


def read_plan(path: Path) -> dict[str, Any]:
    """Return the fields of the description in a TOML file, in which the base is a file's name or consists of tables."""
    fields = read_toml(path)
    base = fields.get("base")
    if isinstance(base, str):
        fields["base"] = Config.from_toml(path.parent / base)
    elif isinstance(base, Mapping):
        fields["base"] = Config(**build_parts(dict(base)))
    else:
        raise ConfigError(f'{path}: base = {base!r}: must be the name of an experiment, base = "still.toml", or tables')
    correlate = fields.get("correlate")
    if isinstance(correlate, str) and ".py:" in correlate:
        fields["correlate"] = str(path.parent / correlate)
    return fields


def write_plan(plan: Description, path: Path) -> None:
    """Write a data set's description as TOML."""
    write_toml(plan_fields(plan), path)


def plan_fields(plan: Description) -> dict[str, Any]:
    """Return the description as nested dictionaries; arrays and paths are kept."""
    fields: dict[str, Any] = {"n": plan.n, "seed": plan.seed}
    crystals = plan.crystals_per_shot
    if crystals != 1:
        fields["crystals_per_shot"] = _table(crystals) if isinstance(crystals, Distribution) else crystals
    if plan.hit_rate is not None:
        fields["hit_rate"] = plan.hit_rate
    if plan.correlate is not None:
        fields["correlate"] = identity_of(plan.correlate).rsplit(" ", 1)[0]
    vary = {name: _table(distribution) for name, distribution in plan.vary.items()}
    return {**fields, "vary": vary, "base": changed_fields(plan.base)}


def _table(distribution: Distribution) -> dict[str, Any]:
    return {"kind": distribution.kind, **changed_fields(distribution)}


def plan_digest(plan: Description) -> str:
    """Return the SHA-256 of a description: of all fields, arrays by content, and the source of `correlate`."""
    return text_digest(table_text({**plan_fields(plan), "correlate": identity_of(plan.correlate)}))
