"""What the parameters of an experiment are for each of its lattices: crystals, and the individuals of their twins.

With several crystals, those of each have its number, as in ``crystal0_rot_x``; others are of all crystals. The
parameters of a twinned crystal are those of all its individuals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..config.config import Config
from ..config.twin_law import twin_rotation
from ..errors import ConfigError
from ..geometry import FloatArray
from ..scene.scene import Scene
from ..unit_cell import cell_from_vectors
from .cells import cell_strains
from .groups import Groups
from .mosaic import rotation_vectors
from .moved import CRYSTAL, moved_config
from .names import CELL, ROTATIONS
from .parameters import (
    Parameter,
    all_parameters,
    check_list,
    check_names,
    refuse_name,
    reflection_of,
    source_of,
)

PREFIX = re.compile(r"crystal(\d+)_(.+)")
TWIN = re.compile(r"twin(\d+)_share")
ALL_CRYSTALS = "log_blocks"  # which is of all crystals together
STEP = 1e-5  # relative change for central differences, which are then good to 1e-9 of these smooth functions


class CrystalLattices(NamedTuple):
    """A crystal in the beam.

    Attributes
    ----------
    prefix
        Of the names of its parameters; empty if there is one crystal.
    fraction
        Factor of its photons.
    twins
        Laws of its twins with the share of each.
    lattices
        Its scenes: that of the crystal without its twins, and one for each twin.
    """

    prefix: str
    fraction: float
    twins: tuple[tuple[str, float], ...]
    lattices: tuple[Scene, ...]

    @property
    def rest(self) -> float:
        """The share that is not twinned."""
        return 1.0 - sum(share for _, share in self.twins)

    def changes(self, individual: int, name: str) -> dict[str, float]:
        """Return the changes of the parameters of one of its lattices per unit of one of this crystal."""
        twin = TWIN.fullmatch(name)
        if name == "fraction":
            return {"log_blocks": 1.0 / self.fraction}
        if twin and individual == 0:
            return {"log_blocks": -1.0 / self.rest}
        if twin:
            number = int(twin[1])
            return {"log_blocks": 1.0 / self.twins[number][1]} if number == individual - 1 else {}
        if name in CELL and individual > 0:
            turn = self._turn(individual, CELL.index(name))
            return {name: 1.0, **dict(zip(ROTATIONS, turn.tolist(), strict=True))}
        return {name: 1.0}

    def _turn(self, individual: int, i: int) -> FloatArray:
        """Return the rotation (radians) of a twin's lattice per unit of a number of the cell, besides its strain.

        The lattice of a twin is that of the crystal in the orientation of its law, which depends on the cell unless
        the law is a symmetry.
        """
        law, direct = self.twins[individual - 1][0], self.lattices[0].lattice.direct
        cell = cell_from_vectors(direct)
        step = STEP * cell[i]
        strain = cell_strains(cell)[i]
        after, before = (twin_rotation(law, direct + change * strain @ direct) for change in (step, -step))
        return rotation_vectors((after @ before.T)[np.newaxis])[0] / (2.0 * step)


class Part(NamedTuple):
    """What parameters of an experiment are for one of its lattices.

    Attributes
    ----------
    names
        The lattice's own parameters that they change.
    terms
        Row of the experiment's parameter, column of the lattice's, and change of the latter per unit of the former.
    count
        Number of the experiment's parameters.
    """

    names: list[str]
    terms: list[tuple[int, int, float]]
    count: int

    def mixed(self, own: FloatArray) -> FloatArray:
        """Return rows of the experiment's parameters from those of the lattice's own."""
        if self.terms == [(row, row, 1.0) for row in range(self.count)]:
            return own
        rows = np.zeros((self.count, *own.shape[1:]))
        for row, column, factor in self.terms:
            rows[row] += factor * own[column]
        return rows


def crystals_of(scene: Scene) -> list[CrystalLattices]:
    """Return the crystals in the beam."""
    config = scene.experiment
    crystals = config.crystals or (config.crystal,)
    fractions, lattices = config.fractions or (1.0,) * len(crystals), iter(scene.lattices)
    return [
        CrystalLattices(
            f"crystal{number}_" if len(crystals) > 1 else "", fraction, crystal.twins,
            tuple(next(lattices) for _ in range(1 + len(crystal.twins))),
        )
        for number, (crystal, fraction) in enumerate(zip(crystals, fractions, strict=True))
    ]


def parts_of(scene: Scene, names: Iterable[str]) -> list[Part]:
    """Return what parameters, by checked names, are for each lattice of a scene."""
    wanted, crystals, parts = list(names), crystals_of(scene), []
    split = [split_name(name, len(crystals)) for name in wanted]
    for number, crystal in enumerate(crystals):
        for individual in range(len(crystal.lattices)):
            own, terms = dict[str, int](), list[tuple[int, int, float]]()
            for row, (of, plain) in enumerate(split):
                if of in (None, number):
                    for name, change in crystal.changes(individual, plain).items():
                        terms.append((row, own.setdefault(name, len(own)), change))
            parts.append(Part(list(own), terms, len(wanted)))
    return parts


def experiment_parameters(scene: Scene, groups: Groups | None) -> dict[str, Parameter]:
    """Return the parameters that an experiment depends on, by name."""
    crystals, own = crystals_of(scene), dict[str, Parameter]()
    every = [all_parameters(crystal.lattices[0], groups) for crystal in crystals]
    if not scene.others:
        return every[0]
    for number, (crystal, known) in enumerate(zip(crystals, every, strict=True)):
        prefix, where = crystal.prefix, f"crystal {number}: " if crystal.prefix else ""
        mine = [parameter for name, parameter in known.items() if _is_of_crystal(scene, name)]
        if len(crystals) > 1:
            mine.append(Parameter("fraction", "1", crystal.fraction, 0.1, "factor of its photons (Config.fractions)"))
        mine += [
            Parameter(f"twin{i}_share", "1", share, 0.1, f"share of the twin {law}, at the expense of the rest")
            for i, (law, share) in enumerate(crystal.twins)
        ]
        own |= {prefix + p.name: p._replace(name=prefix + p.name, meaning=where + p.meaning) for p in mine}
    common = {
        name: parameter for name, parameter in every[0].items()
        if not _is_of_crystal(scene, name) and (name != "default_F" or all(name in known for known in every))
    }  # fmt: skip
    return own | common


def every_name(scene: Scene, groups: Groups | None) -> list[str]:
    """Return the names of all parameters, and "F" for all amplitudes of a list."""
    names, crystals = list(experiment_parameters(scene, groups)), crystals_of(scene)
    listed = [
        crystal.lattices[0].lookup not in ("constant", "phased") and not crystal.lattices[0].halos
        for crystal in crystals
    ]  # fmt: skip
    if len(crystals) > 1 and not share_amplitudes(scene):
        return names + [f"crystal{number}_F" for number, has_list in enumerate(listed) if has_list]
    return [*names, "F"] if all(listed) else names


def check_experiment_names(
    scene: Scene, names: Iterable[str], groups: Groups | None, *, lists: bool = False
) -> list[str]:
    """Return the names as a list, as `check_names` does for one lattice; with `lists`, also "F" is a name.

    Raises
    ------
    ConfigError
        As `check_names`; also a name that has to say which crystal it is of, or one that must not.
    """
    wanted, crystals = [names] if isinstance(names, str) else list(names), crystals_of(scene)
    common, own = list[str](), [list[str]() for _ in crystals]
    for name in wanted:
        of, plain = split_name(name, len(crystals))
        _check_crystal(scene, name, len(crystals), groups)
        if lists and plain == "F":
            for number, crystal in enumerate(crystals):
                if of in (None, number):
                    check_list(crystal.lattices[0], name)
        elif not scene.others:
            common.append(name)
        elif plain == "fraction" or TWIN.fullmatch(plain):
            known = experiment_parameters(scene, groups)
            if name not in known:
                refuse_name(name, list(known))
        elif of is not None or (len(crystals) == 1 and _is_of_crystal(scene, plain)):
            own[of or 0].append(plain)
        else:
            common.append(plain)
    for number, (crystal, mine) in enumerate(zip(crystals, own, strict=True)):
        check_names(crystal.lattices[0], mine, groups, crystal.prefix)
        if number > 0:
            check_names(crystal.lattices[0], filter(_is_amplitude, common), groups, f"crystal {number}: ")
    check_names(scene.lattices[0], common, groups)
    return wanted


def moved_experiment(scene: Scene, changes: Mapping[str, float], groups: Groups | None = None) -> Config:
    """Return the Config of a scene with parameters changed by the given amounts; as `moved_config` for one lattice."""
    if not scene.others:
        return moved_config(scene, changes, groups)
    crystals, config = crystals_of(scene), scene.experiment
    configs, moved, fractions = list[Config](), [], []
    for number, crystal in enumerate(crystals):
        own = {plain: change for name, change in changes.items()
               for of, plain in [split_name(name, len(crystals))] if of in (None, number)}  # fmt: skip
        configs.append(moved_config(crystal.lattices[0], own, groups))
        fractions.append(crystal.fraction + own.get("fraction", 0.0))
        moved.append(_whole(crystal, configs[-1].crystal, own))
    parts: dict[str, Any] = {"crystal": moved[0]}
    if len({lattice.oversample for lattice in scene.lattices}) > 1:  # each chooses its own
        parts["sampling"] = config.sampling
    if config.crystals is not None:
        parts |= {"crystals": tuple(moved), "fractions": tuple(fractions)}
        if not share_amplitudes(scene):
            parts["factors_of_crystals"] = tuple(each.structure_factors for each in configs)
        elif len({lattice.lookup for lattice in scene.lattices}) > 1:
            interpolate = config.structure_factors.interpolate
            parts["structure_factors"] = configs[0].structure_factors.replace(interpolate=interpolate)
    return configs[0].replace(parts)


def _whole(crystal: CrystalLattices, rest: Any, changes: Mapping[str, float]) -> Any:
    """Return a crystal with its twins, and without its fraction, from what is not twinned after a change."""
    twins = tuple(
        (law, share + changes.get(f"twin{i}_share", 0.0)) for i, (law, share) in enumerate(crystal.twins)
    )
    share = crystal.rest * crystal.fraction
    if rest.fraction == 1.0 and rest.blocks is not None:
        return rest.replace(twins=twins, blocks=rest.blocks / share)
    return rest.replace(twins=twins, fraction=rest.fraction / share)


def split_name(name: str, crystals: int) -> tuple[int | None, str]:
    """Return the number that a name has where there are several crystals, or None, and the name without it."""
    match = PREFIX.fullmatch(name) if crystals > 1 else None
    return (int(match[1]), match[2]) if match else (None, name)


def _is_amplitude(name: str) -> bool:
    return name in ("F", "default_F") or reflection_of(name) is not None


def _is_of_crystal(scene: Scene, name: str) -> bool:
    """Return whether each of several crystals has a parameter of its own of this name."""
    if _is_amplitude(name):
        return not share_amplitudes(scene)
    return name == "fraction" or TWIN.fullmatch(name) is not None or (name in CRYSTAL and name != ALL_CRYSTALS)


def share_amplitudes(scene: Scene) -> bool:
    """Return whether all lattices have the same structure factors, also after a dose, which damps those of each."""
    config = scene.experiment
    damped = config.damage is not None and config.damage.b_A2_per_MGy * config.dose_MGy > 0
    return config.factors_of_crystals is None and not (damped and config.crystals is not None)


def _check_crystal(scene: Scene, name: str, crystals: int, groups: Groups | None) -> None:
    """Raise `ConfigError` if a name should have the number of a crystal, or should not, or if there is no such one."""
    of, plain = split_name(name, crystals)
    if crystals == 1:
        return
    if of is None and _is_of_crystal(scene, plain):
        raise ConfigError(f"{name}: there are {crystals} crystals; give crystal0_{name} … crystal{crystals - 1}_{name}")
    if of is not None and of >= crystals:
        raise ConfigError(f"{name}: there are {crystals} crystals, 0 to {crystals - 1}")
    if of is None or _is_of_crystal(scene, plain):
        return
    known = experiment_parameters(scene, groups)
    if plain not in known and not _is_amplitude(plain) and source_of(plain) is None:
        refuse_name(name, list(known))
    also = f", or crystal{of}_fraction" if plain == ALL_CRYSTALS else ""
    raise ConfigError(f"{name}: {plain} is of all crystals together; give {plain}{also}")
