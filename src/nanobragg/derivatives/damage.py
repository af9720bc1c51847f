"""How radiation damage changes with its rates and with the dose (docs/derivatives.md, Radiation damage)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..config.config import Config
from ..config.damage import Damage, may_be_damped
from ..scene.scene_data import SceneData

FIELDS = {"damage_b": "b_A2_per_MGy", "damage_cell": "cell_percent_per_MGy", "half_dose": "half_dose_MGy"}


def _damage(scene: SceneData) -> tuple[Damage, float]:
    """Return the damage of a scene, without rates if it has none, and the dose."""
    damage = scene.undamaged.damage
    return Damage() if damage is None else damage, scene.undamaged.dose_MGy


def damage_numbers(scene: SceneData) -> dict[str, float]:
    """Return the rates of damage that a scene has, and the dose; empty without damage."""
    damage, dose = scene.undamaged.damage, scene.undamaged.dose_MGy
    if damage is None:
        return {}
    given = {name: getattr(damage, field) for name, field in FIELDS.items()}
    return {**{name: rate for name, rate in given.items() if rate is not None}, "dose": dose}


def damage_values(scene: SceneData) -> dict[str, float]:
    """Return the rates of damage and the dose, as far as the image depends on them and damage can be done."""
    rates = damage_numbers(scene)
    dose = rates.pop("dose", 0.0)
    if not may_be_damped(scene.undamaged.structure_factors) and rates.pop("damage_b", 0.0) > 0:
        return {}
    return {**(rates if dose > 0 else {}), **({"dose": dose} if any(rates.values()) else {})}


def growth_slopes(scene: SceneData) -> dict[str, float]:
    """Return the derivatives of the logarithm of the cell's edges."""
    damage, dose = _damage(scene)
    slopes = {"damage_cell": dose / 100.0, "dose": damage.cell_percent_per_MGy / 100.0}
    return {name: slope / scene.growth for name, slope in slopes.items() if slope > 0}


def b_slopes(scene: SceneData) -> dict[str, float]:
    """Return the derivatives of the growth of the B factor, Å²."""
    damage, dose = _damage(scene)
    slopes = {"damage_b": dose, "dose": damage.b_A2_per_MGy}
    return {name: slope for name, slope in slopes.items() if slope > 0}


def share_slopes(scene: SceneData) -> dict[str, float]:
    """Return the derivatives of the logarithm of the share of the photons that is left."""
    damage, dose = _damage(scene)
    half = damage.half_dose_MGy
    return {} if half is None else {"dose": -math.log(2.0) / half, "half_dose": math.log(2.0) * dose / half**2}


def delta_b(scene: SceneData) -> float:
    """Return the growth of the B factor at a scene's dose, Å²."""
    damage, dose = _damage(scene)
    return damage.delta_b(dose)


def share_left(scene: SceneData) -> float:
    """Return the share of the photons that is left at a scene's dose."""
    damage, dose = _damage(scene)
    return damage.share(dose)


def changed_damage(config: Config, changes: Mapping[str, float]) -> dict[str, Any]:
    """Return the fields of a Config with rates of damage, and a dose, changed by the given amounts."""
    assert config.damage is not None  # see parameters.py
    rates = {field: getattr(config.damage, field) + changes[name] for name, field in FIELDS.items() if name in changes}
    return {"damage": config.damage.replace(**rates), "dose_MGy": config.dose_MGy + changes.get("dose", 0.0)}
