"""Groups of panels that move together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import ConfigError
from ..geometry import FloatArray, as_vector
from ..scene.scene_data import SceneData

Groups = Mapping[str, Sequence[int]]
TAKEN = re.compile(r"panel\d+|crystal\d+(_.*)?")  # by the names of parameters


class Group(NamedTuple):
    """Panels that move together, and the point (m, lab frame) that their rotations leave in place."""

    name: str
    panels: tuple[int, ...]
    pivot: tuple[float, float, float]


def panel_groups(scene: SceneData, groups: Groups | None) -> dict[str, Group]:
    """Return the groups of a detector: every panel about its origin, `detector` and the given groups about the middle
    of their panels.

    Parameters
    ----------
    scene
        The scene.
    groups
        Numbers of the panels of each further group.

    Raises
    ------
    ConfigError
        A name that is taken or not an identifier, or a panel that does not exist.
    """
    panels = scene.config.detector.panels
    found = {}
    for number, panel in enumerate(panels):
        x, y, z = panel.origin_mm
        found[f"panel{number}"] = Group(f"panel{number}", (number,), (x / 1000.0, y / 1000.0, z / 1000.0))
    for name, numbers in {"detector": range(len(panels)), **(groups or {})}.items():
        taken = TAKEN.fullmatch(name) or (groups and name == "detector" in groups)
        if taken or not name.isidentifier():
            raise ConfigError(
                f"groups: {name!r} is not a valid name; give a word other than detector, panel0 … and crystal0 …"
            )
        members = tuple(sorted({int(number) for number in numbers}))
        if not members or members[0] < 0 or members[-1] >= len(panels):
            raise ConfigError(f"groups: {name} = {list(numbers)}: give numbers of panels, 0 to {len(panels) - 1}")
        found[name] = Group(name, members, as_vector(_middle(scene, members)))
    return found


def _middle(scene: SceneData, panels: tuple[int, ...]) -> FloatArray:
    corners = [scene.config.detector.panels[number].corners_mm() for number in panels]
    return np.asarray(np.concatenate(corners).mean(axis=0) / 1000.0)
