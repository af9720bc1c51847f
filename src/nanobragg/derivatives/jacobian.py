"""How parameters make derivatives out of the rows of an evaluation: primitives, amplitudes, changed scenes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._gradient import COUNT
from ..geometry import FloatArray
from ..scene.scene import Scene
from .amplitudes import AmplitudeMap
from .chain import Chain
from .combinations import combination_images
from .evaluate import LatticeEvaluation
from .groups import Groups
from .joint import Evaluation
from .lattices import parts_of
from .missing import missing_at_most, primitive_bounds
from .names import reflection_of


class Jacobian:
    """Derivatives with respect to parameters as sums of rows.

    Parameters
    ----------
    evaluation
        The scene and the pixels.
    names
        Parameters.
    groups
        Groups of panels that move together.

    Attributes
    ----------
    factors : ndarray, shape (panels, names, rows)
        Of the primitives of every lattice, and of the further rows.
    extra : ndarray, shape (further rows, pixels)
        Derivatives that primitives do not make.
    """

    def __init__(self, evaluation: Evaluation, names: list[str], groups: Groups | None) -> None:
        self._evaluation, parts = evaluation, parts_of(evaluation.scene, names)
        lattices = [
            LatticeJacobian(each, part.names, groups)
            for each, part in zip(evaluation.lattices, parts, strict=True)
        ]  # fmt: skip
        self._factors = [
            part.mixed(lattice.factors.transpose(1, 0, 2)).transpose(1, 0, 2)
            for lattice, part in zip(lattices, parts, strict=True)
        ]
        self.extra = np.concatenate([lattice.extra for lattice in lattices])
        self.factors = self._factors[0]
        if len(lattices) > 1:
            primitives, further = zip(*(np.split(each, [COUNT], axis=2) for each in self._factors), strict=True)
            self.factors = np.concatenate([*primitives, *further], axis=2)

    def missing(self) -> FloatArray:
        """Return the most that each derivative misses in any pixel of what has been computed, shape (names,)."""
        bounds = np.zeros(self.factors.shape[1])
        for lattice, factors in zip(self._evaluation.lattices, self._factors, strict=True):
            at_most = primitive_bounds(lattice.scene, lattice.bound_ph)
            bounds += missing_at_most(factors[:, :, : at_most.shape[1]], at_most)
        return bounds


class LatticeJacobian:
    """Derivatives of the photons of one lattice with respect to its parameters as sums of rows.

    Parameters
    ----------
    evaluation
        The lattice and the pixels.
    names
        Parameters.
    groups
        Groups of panels that move together.

    Attributes
    ----------
    factors : ndarray, shape (panels, names, rows)
        Of the primitives, of the rows of passes (domains.py), of amplitudes, and of combinations (combinations.py).
    extra : ndarray, shape (further rows, pixels)
        Derivatives that primitives do not make.
    """

    def __init__(self, evaluation: LatticeEvaluation, names: list[str], groups: Groups | None) -> None:
        scene = evaluation.scene
        listed = [row for row, name in enumerate(names) if is_amplitude(scene, name)]
        combined = [
            (row, image.ravel()[evaluation.places])
            for row, image in combination_images(
                scene, names, evaluation.selection, evaluation.threads, evaluation.device
            )
        ]
        by_amplitude = _amplitude_rows(evaluation, [reflection_of(names[row]) for row in listed])
        others = np.concatenate([by_amplitude, *(image[np.newaxis] for _, image in combined)])
        primitives = Chain(scene, groups).factors(names).transpose(1, 0, 2)
        self.extra = np.concatenate([evaluation.pass_rows(names), others])
        ones = np.zeros((*primitives.shape[:2], len(others)))
        for column, row in enumerate([*listed, *(row for row, _ in combined)]):
            ones[:, row, column] = 1.0
        self.factors = np.concatenate([primitives, ones], axis=2)


def used_rows(factors: FloatArray) -> npt.NDArray[np.int32]:
    """Return the numbers of the rows that count in `factors`, shape (panels, n, rows)."""
    return np.flatnonzero((factors != 0).any(axis=(0, 1))).astype(np.int32)


def is_amplitude(scene: Scene, name: str) -> bool:
    """Return whether a parameter is an amplitude out of a table."""
    return scene.lookup != "constant" and (name == "default_F" or reflection_of(name) is not None)


def _amplitude_rows(evaluation: LatticeEvaluation, wanted: list[tuple[int, int, int] | None]) -> FloatArray:
    rows = np.zeros((len(wanted), len(evaluation.places)))
    if wanted:
        entries, done = AmplitudeMap(evaluation.scene), 0
        for sums in evaluation.coefficients():
            rows[:, done : done + len(sums.places)] = entries.images(sums, wanted)
            done += len(sums.places)
    return rows
