"""Degrees of freedom of a refinement: parameters, and combinations that move together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..derivatives.cells import crystal_cell
from ..derivatives.experiment import check_experiment_names, experiment_parameters
from ..derivatives.groups import Groups, panel_groups
from ..derivatives.lattices import TWIN, CrystalLattices, crystals_of, split_name
from ..derivatives.names import (
    CELL,
    CORRELATIONS,
    COUNTS,
    DAMAGE,
    DISPLACEMENTS,
    MOTIONS,
    ROTATIONS,
    SPREADS,
    STRAIN_NAMES,
    domain_of,
    name_list,
    reflection_of,
)
from ..derivatives.parameters import Parameter
from ..errors import ConfigError
from ..scene.scene import Scene
from ..structure_factors.symmetry import find_space_group
from ..unit_cell import Cell

OFFSET = "offset"
MOST_LOG_STEP = 0.7
POSITIVE = (
    *COUNTS, *SPREADS, *STRAIN_NAMES, *CORRELATIONS, *DISPLACEMENTS, *DAMAGE, "mosaic_spread", "strain", "bandwidth",
    "correlation_length", "displacement", "fraction",
)  # fmt: skip


class Degree(NamedTuple):
    """A number that is refined.

    Attributes
    ----------
    name, unit
        That of its first parameter.
    start
        Value at the start.
    parameters : dict
        Changes of the scene's parameters per unit of its change.
    positive
        Whether steps are taken in its logarithm.
    scale
        A typical change; steps are at most twice as large.
    """

    name: str
    unit: str
    start: float
    parameters: Mapping[str, float]
    positive: bool
    scale: float


def choose_degrees(
    scene: Scene,
    vary: Sequence[str],
    *,
    tie: Iterable[Sequence[str]] = (),
    space_group: str | None = None,
    groups: Groups | None = None,
) -> list[Degree]:
    """Return the degrees of freedom that words such as ``cell``, ``rot`` and ``distance`` stand for.

    Parameters
    ----------
    scene
        The scene at the start.
    vary
        Names of parameters, or ``rot``, ``cell``, ``n``, ``mosaic``, ``twins``, which are of all crystals or, as in
        ``crystal1_rot``, of one; ``fractions``, ``scale``, ``blocks``, ``background``, ``wavelength``, ``beam``,
        ``offset``, ``panel0`` … and names of groups.
    tie
        Sets of names that change by the same amount.
    space_group
        Constrains the cell; default: that of the structure factors, otherwise the cell is not constrained.
    groups
        Groups of panels that move together.

    Raises
    ------
    ConfigError
        A name that is not known.
    """
    given, crystals = name_list(vary), crystals_of(scene)
    known = experiment_parameters(scene, groups, given)
    words = {
        "scale": ("log_fluence",),
        "fractions": tuple(f"{crystal.prefix}fraction" for crystal in crystals if crystal.prefix),
        "blocks": ("log_blocks",), "background": ("log_background",), "wavelength": ("log_wavelength",),
        "beam": ("source_h", "source_v"),
        **{group: tuple(f"{group}_{motion}" for motion in MOTIONS) for group in panel_groups(scene, groups)},
    }  # fmt: skip
    degrees: dict[str, Degree] = {}
    for word in given:
        meant = crystals_meant(crystals, word)
        if word == OFFSET:
            degrees[OFFSET] = Degree(OFFSET, "photons", 0.0, {}, False, np.inf)
        elif meant and split_name(word, len(crystals))[1] == "cell":
            degrees |= {degree.name: degree for each in meant for degree in _cell_degrees_of(each, space_group)}
        else:
            names = _own_names(meant, word, known) if meant else words.get(word, (word,))
            if not names:
                raise ConfigError(f"vary: {word}: the experiment has none; leave it out")
            for name in check_experiment_names(scene, names, groups):
                degrees[name] = _single(known, name, split_name(name, len(crystals))[1])
    return _tied(degrees, tie)


def crystals_meant(crystals: list[CrystalLattices], word: str) -> list[CrystalLattices]:
    """Return the crystals whose parameters a word such as ``cell`` or ``crystal1_rot`` stands for; none for another."""
    of, plain = split_name(word, len(crystals))
    if plain != "cell" and plain not in _crystal_words(crystals[0]):
        return []
    if of is not None and of >= len(crystals):
        raise ConfigError(f"vary: {word}: there are {len(crystals)} crystals, 0 to {len(crystals) - 1}")
    return crystals if of is None else [crystals[of]]


def _crystal_words(crystal: CrystalLattices) -> dict[str, tuple[str, ...]]:
    """Return the words for parameters of a crystal, besides its cell."""
    three = isinstance(crystal.lattices[0].config.crystal.mosaic_spread_deg, tuple)
    twins = tuple(f"twin{number}_share" for number in range(len(crystal.twins)))
    return {"rot": ROTATIONS, "n": COUNTS, "mosaic": SPREADS if three else ("mosaic_spread",), "twins": twins}


def _own_names(crystals: list[CrystalLattices], word: str, known: Mapping[str, Parameter]) -> list[str]:
    """Return the names that a word stands for, of those crystals that depend on it, if any of them does."""
    names = [
        crystal.prefix + name
        for crystal in crystals for name in _crystal_words(crystal)[word.removeprefix(crystal.prefix)]
    ]  # fmt: skip
    return [name for name in names if name in known] or names


def _single(known: Mapping[str, Parameter], name: str, plain: str) -> Degree:
    """Return a degree of freedom that is one parameter; `plain` is its name without that of the crystal."""
    if reflection_of(plain) is not None:
        raise ConfigError(f"vary: {name}: amplitudes are refined by nb.refine_amplitudes")
    if name not in known:
        raise ConfigError(f"vary: the scene does not depend on {name}; leave it out")
    parameter = known[name]
    positive = plain in POSITIVE or TWIN.fullmatch(plain) is not None or domain_of(plain) is not None
    if positive and not parameter.value > 0:
        raise ConfigError(f"vary: {name} starts at {parameter.value:g}; steps are factors, so start above 0")
    return Degree(name, parameter.unit, parameter.value, {name: 1.0}, positive, 10 * parameter.scale)


def _tied(degrees: dict[str, Degree], tie: Iterable[Sequence[str]]) -> list[Degree]:
    for names in tie:
        missing = [name for name in names if name not in degrees]
        if missing:
            raise ConfigError(f"tie: {missing[0]} is not refined; name it in vary, or leave it out")
        first, *others = (degrees.pop(name) for name in names)
        merged = dict(first.parameters)
        for other in others:
            merged |= other.parameters
        degrees[first.name] = first._replace(parameters=merged)
    return list(degrees.values())


def _cell_degrees_of(crystal: CrystalLattices, space_group: str | None) -> list[Degree]:
    """Return the free numbers of the cell of one of several crystals."""
    return [
        degree._replace(
            name=crystal.prefix + degree.name,
            parameters={crystal.prefix + name: factor for name, factor in degree.parameters.items()},
        )
        for degree in cell_degrees(crystal.lattices[0], space_group)
    ]


def cell_degrees(scene: Scene, space_group: str | None) -> list[Degree]:
    """Return the free numbers of the cell in its crystal system."""
    cell = crystal_cell(scene)
    name = space_group or scene.undamaged.structure_factors.space_group
    free: list[tuple[str, ...]] = [(one,) for one in CELL] if name is None else free_numbers(name, cell)
    return [
        Degree(names[0], "Å" if names[0] in CELL[:3] else "deg", cell[CELL.index(names[0])],
               dict.fromkeys(names, 1.0), False, 2.0)
        for names in free
    ]  # fmt: skip


def free_numbers(space_group: str, cell: Cell) -> list[tuple[str, ...]]:
    """Return the sets of equal lengths and angles that the crystal system of a space group leaves free."""
    group = find_space_group(space_group, "space_group")
    system = group.crystal_system_str()
    a, b, c, alpha, beta, gamma = CELL
    if system in ("trigonal", "hexagonal") and abs(cell[5] - 120) > 5:
        return [(a, b, c), (alpha, beta, gamma)]  # rhombohedral axes
    unique = {"a": alpha, "c": gamma}.get(group.monoclinic_unique_axis(), beta)
    free: dict[str, list[tuple[str, ...]]] = {
        "triclinic": [(one,) for one in CELL],
        "monoclinic": [(a,), (b,), (c,), (unique,)],
        "orthorhombic": [(a,), (b,), (c,)],
        "tetragonal": [(a, b), (c,)],
        "trigonal": [(a, b), (c,)],
        "hexagonal": [(a, b), (c,)],
        "cubic": [(a, b, c)],
    }
    return free[system]


def symmetric_changes(scene: Scene, space_group: str | None) -> dict[str, float]:
    """Return the changes of the cell that give it the symmetry of its space group, by averaging equal numbers."""
    name = space_group or scene.undamaged.structure_factors.space_group
    if name is None:
        return {}
    cell = dict(zip(CELL, crystal_cell(scene), strict=True))
    free = free_numbers(name, crystal_cell(scene))
    changes = {one: float(np.mean([cell[other] for other in names])) - cell[one] for names in free for one in names}
    hexagonal = find_space_group(name, "space_group").crystal_system_str() in ("trigonal", "hexagonal")
    for angle in CELL[3:]:
        if angle not in changes:
            changes[angle] = (120.0 if angle == "cell_gamma" and hexagonal else 90.0) - cell[angle]
    return {one: change for one, change in changes.items() if abs(change) > 1e-12}
