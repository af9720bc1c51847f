"""How the parameters of an experiment change each of its lattices: its crystals, and the individuals of their twins.

With several crystals, those of each have its number, as in ``crystal0_rot_x``; others are of all crystals. The
parameters of a twinned crystal are those of all its individuals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..config.twin_law import twin_rotation
from ..geometry import FloatArray
from ..scene.scene import Scene
from .cells import cell_strains, crystal_cell
from .mosaic import rotation_vectors
from .moved import changes_crystal
from .names import CELL, ROTATIONS, reflection_of

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
        law, scene = self.twins[individual - 1][0], self.lattices[0]
        direct, cell = scene.lattice.direct, crystal_cell(scene)
        step = STEP * cell[i]
        strain = cell_strains(cell)[i]
        after, before = (twin_rotation(law, direct + change * strain @ direct) for change in (step, -step))
        return np.asarray(rotation_vectors((after @ before.T)[np.newaxis])[0] / (2.0 * step))


class Part(NamedTuple):
    """How parameters of an experiment change those of one of its lattices.

    Attributes
    ----------
    names
        The lattice's own parameters that they change.
    terms
        Row of the experiment's parameter, column of the lattice's, and change of the latter per unit of the former.
    size
        Number of the experiment's parameters.
    """

    names: list[str]
    terms: list[tuple[int, int, float]]
    size: int

    def mixed(self, own: FloatArray) -> FloatArray:
        """Return rows of the experiment's parameters from those of the lattice's own."""
        if self.terms == [(row, row, 1.0) for row in range(self.size)]:
            return own
        rows = np.zeros((self.size, *own.shape[1:]))
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
            f"crystal{number}_" if len(crystals) > 1 else "",
            fraction,
            crystal.twins,
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


def split_name(name: str, crystals: int) -> tuple[int | None, str]:
    """Return the number that a name has where there are several crystals, or None, and the name without it."""
    match = PREFIX.fullmatch(name) if crystals > 1 else None
    return (int(match[1]), match[2]) if match else (None, name)


def is_amplitude_name(name: str) -> bool:
    """Return whether a name is that of an amplitude, or of all of a list."""
    return name in ("F", "default_F") or reflection_of(name) is not None


def is_of_crystal(scene: Scene, name: str) -> bool:
    """Return whether each of several crystals has a parameter of its own of this name."""
    if is_amplitude_name(name):
        return not share_amplitudes(scene)
    return name == "fraction" or TWIN.fullmatch(name) is not None or (changes_crystal(name) and name != ALL_CRYSTALS)


def share_amplitudes(scene: Scene) -> bool:
    """Return whether all lattices have the same structure factors, before a dose."""
    return scene.experiment.factors_of_crystals is None
