"""From primitives to parameters: the constant factors of the chain rule (docs/derivatives.md)."""

from __future__ import annotations

import math

import numpy as np

from .._gradient import COUNT, PLACES
from ..constants import RADIAN_IN_DEGREES
from ..geometry import FloatArray
from ..scene.scene_data import SceneData
from .cells import lattice_strains, rotation_strain
from .damage import share_slopes
from .domains import block_slopes, domain_passes
from .groups import Group, Groups, panel_groups
from .names import COUNTS, COUNTS_OFF, MOTIONS, ROTATIONS

RADIAN = 1.0 / RADIAN_IN_DEGREES


class Chain:
    """The factors that turn the primitives of a pixel into derivatives with respect to parameters.

    Parameters
    ----------
    scene
        The scene.
    groups
        Groups of panels that move together.
    """

    def __init__(self, scene: SceneData, groups: Groups | None) -> None:
        self._scene = scene
        self._groups = panel_groups(scene, groups)
        self._panels = len(scene.geometry)
        self._passes = domain_passes(scene)
        self._strains, self._shares = lattice_strains(scene), share_slopes(scene)
        self._count = COUNT + len(self._passes)

    def factors(self, names: list[str]) -> FloatArray:
        """Return the factors of every parameter, panel and primitive, shape (names, panels, primitives).

        What needs more than primitives (amplitudes, weights), or what the scene does not depend on, has the factor
        zero.
        """
        return np.array([self._of(name) for name in names]).reshape(len(names), self._panels, self._count)

    def _of(self, name: str) -> FloatArray:
        factors = np.zeros((self._panels, self._count))
        if name in self._passes:
            factors[:, COUNT + list(self._passes).index(name)] = 1.0
            if self._passes[name].is_whole:
                return factors
        if name in self._strains:
            self._strain(factors, self._strains[name])
        if name in self._shares:
            self._scale_crystal(factors, self._shares[name])
        if name in ROTATIONS:
            self._strain(factors, self._rotation(np.eye(3)[ROTATIONS.index(name)]))
        elif name == "phi_start":
            self._strain(factors, RADIAN * self._rotation(self._scene.spindle_axis))
        elif name in COUNTS:
            factors[:, PLACES["cells"] + COUNTS.index(name)] = 1.0
        elif name in COUNTS_OFF and self._scene.smear is not None:  # besides the pass, a factor of the peak
            slope = block_slopes(self._scene)[name]["cells"][0]
            self._scale_crystal(factors, 2.0 * float(slope) / self._scene.cells_per_block)
        elif name == "log_blocks" or (name == "default_F" and self._scene.lookup == "constant"):
            amplitude = self._scene.config.structure_factors.default_F
            self._scale_crystal(factors, 1.0 if name == "log_blocks" else (2.0 / amplitude if amplitude else 0.0))
        elif name in SIMPLE:
            factors[:, PLACES[SIMPLE[name][0]] + SIMPLE[name][1]] = 1.0
            if name == "log_wavelength":
                self._strain(factors, -np.eye(3))
        elif name == "distance":
            self._move(factors, self._groups["detector"], self._scene.beam_direction / 1000.0, np.zeros(3))
        elif name.rpartition("_")[0] in self._groups:
            group, _, motion = name.rpartition("_")
            unit = np.eye(3)[MOTIONS.index(motion) % 3]
            shift, turn = (unit / 1000.0, 0 * unit) if motion[0] == "t" else (0 * unit, unit)
            self._move(factors, self._groups[group], shift, turn)
        return factors

    def _rotation(self, axis: FloatArray) -> FloatArray:
        return rotation_strain(self._scene.lattice.direct, axis)

    @staticmethod
    def _strain(factors: FloatArray, strain: FloatArray) -> None:
        """Add a change of the index by `strain` times the index."""
        factors[:, PLACES["strain"] : PLACES["strain"] + 9] = strain.ravel()

    @staticmethod
    def _scale_crystal(factors: FloatArray, slope: float) -> None:
        """Set a change of the logarithm of the crystal's part."""
        factors[:, PLACES["total"]], factors[:, PLACES["surroundings"]] = slope, -slope

    def _move(self, factors: FloatArray, group: Group, shift: FloatArray, turn: FloatArray) -> None:
        """Add a shift (m) and a rotation (rad) about the pivot of a group of panels."""
        geometry = self._scene.geometry
        for number in group.panels:
            corner = geometry.origin[number]  # of the first layer: the rotation carries it along
            moved, normal = shift + np.cross(turn, corner - group.pivot), geometry.normal[number]
            factors[number, PLACES["force"] : PLACES["force"] + 3] = moved
            factors[number, PLACES["torque"] : PLACES["torque"] + 3] = turn
            if not geometry.point_pixel:  # the solid angle is proportional to the distance along the normal
                approach = moved @ normal + np.cross(turn, normal) @ corner
                factors[number, PLACES["total"]] = approach / geometry.close_distance[number]
            if geometry.curved:
                factors[:, PLACES["bend"]] += self._distance_change(number, group, shift, turn)

    def _distance_change(self, number: int, group: Group, shift: FloatArray, turn: FloatArray) -> float:
        """Return the change of a curved detector's radius with a motion of one of its panels."""
        beam, normal = self._scene.beam_direction, self._scene.geometry.normal[number]
        origin = np.array(self._scene.config.detector.panels[number].origin_mm) / 1000.0
        if not math.isclose(origin @ normal / (beam @ normal), self._scene.distance, rel_tol=1e-12):
            return 0.0
        moved, tilted = shift + np.cross(turn, origin - group.pivot), np.cross(turn, normal)
        change = moved @ normal + origin @ tilted - self._scene.distance * (beam @ tilted)
        return float(change / (beam @ normal))


SIMPLE = {
    "mosaic_spread": ("spread", 0), "log_fluence": ("total", 0), "log_wavelength": ("wave", 0),
    "log_bandwidth": ("wave_slope", 0), "log_background": ("surroundings", 0), "source_h": ("turn", 0),
    "source_v": ("turn", 1), "kahn": ("kahn", 0),
}  # fmt: skip
