"""Names of parameters that belong together, and numbers in them."""

import re
from collections.abc import Iterable

from ..errors import ConfigError

CELL = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")
ROTATIONS = ("rot_x", "rot_y", "rot_z")
COUNTS = ("n_a", "n_b", "n_c")
COUNTS_OFF = ("n_ab", "n_bc", "n_ac")
SPREADS = ("mosaic_a", "mosaic_b", "mosaic_c")
CORRELATIONS = ("correlation_a", "correlation_b", "correlation_c")
DISPLACEMENTS = ("displacement_a", "displacement_b", "displacement_c")
STRAIN_NAMES = ("strain_11", "strain_22", "strain_33", "strain_23", "strain_13", "strain_12")
DAMAGE = ("damage_b", "damage_cell", "half_dose", "dose")
MOTIONS = ("tx", "ty", "tz", "rx", "ry", "rz")  # behind the name of a panel or a group

REFLECTION = re.compile(r"F\(\s*(-?\d+)\s*,\s*(-?\d+)\s*,\s*(-?\d+)\s*\)")
SOURCE_WEIGHT, DOMAIN_WEIGHT = re.compile(r"source_weight(\d+)"), re.compile(r"domain_weight(\d+)")
DOMAIN_ROTATION = re.compile(r"domain_rotation(\d+)_([abc])")


def name_list(names: Iterable[str]) -> list[str]:
    """Return names, or a single one, as a list; raises `ConfigError` unless all of them are text."""
    listed = list(names) if isinstance(names, Iterable) and not isinstance(names, str) else [names]
    for name in listed:
        if not isinstance(name, str):
            raise ConfigError(f"{name!r} is not the name of a parameter; give a list of names such as 'rot_x'")
    return listed


def reflection_of(name: str) -> tuple[int, int, int] | None:
    """Return h, k, l of a name like F(1,2,3); None for another name."""
    match = REFLECTION.fullmatch(name)
    return None if match is None else (int(match[1]), int(match[2]), int(match[3]))


def source_of(name: str) -> int | None:
    """Return the number of the source of a name like source_weight3; None for another name."""
    match = SOURCE_WEIGHT.fullmatch(name)
    return None if match is None else int(match[1])


def domain_of(name: str) -> int | None:
    """Return the number of the domain of a name like domain_weight3; None for another name."""
    match = DOMAIN_WEIGHT.fullmatch(name)
    return None if match is None else int(match[1])


def rotation_of(name: str) -> tuple[int, int] | None:
    """Return the numbers of domain and axis of a name like domain_rotation3_a; None for another name."""
    match = DOMAIN_ROTATION.fullmatch(name)
    return None if match is None else (int(match[1]), "abc".index(match[2]))
