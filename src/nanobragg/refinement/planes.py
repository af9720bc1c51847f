"""A plane of background in every box of pixels, fitted with everything else and eliminated."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from ..derivatives.likelihood import Likelihood
from ..geometry import FloatArray
from ..rendering.pixel_selection import Box
from ..scene.scene import Scene

PASSES = 4  # of re-weighted least squares
RIDGE = 1e-9  # of the diagonal, for boxes with too few pixels for a plane


class Planes:
    """Planes of background: in box b, c₀ + c₁·slow + c₂·fast photons.

    A pixel that is in several boxes belongs to the first of them.

    Parameters
    ----------
    scene
        The scene.
    boxes
        Boxes that contain all pixels.
    places
        The pixels, in the flat image.
    """

    def __init__(self, scene: Scene, boxes: Iterable[Box], places: npt.NDArray[np.int64]) -> None:
        rows, columns = scene.geometry.size
        number = np.full((len(scene.geometry), rows, columns), -1)
        offsets = np.zeros((2, *number.shape))
        self._count = 0
        for panel, slow, fast in boxes:
            part = np.s_[panel, slow, fast]
            free = number[part] < 0
            y, x = np.indices(free.shape)
            number[part][free] = self._count
            for axis, place in enumerate((y, x)):
                offsets[axis][part][free] = (place - place.mean())[free] / max(np.ptp(place), 1)
            self._count += 1
        self._box = number.ravel()[places]
        self._basis = np.array([np.ones(len(places)), *(offset.ravel()[places] for offset in offsets)])

    def fit(self, noise: Likelihood, data: FloatArray, model: FloatArray) -> FloatArray:
        """Return the background of every pixel that makes the data most likely, given the photons of the model."""
        background = np.zeros(len(data))
        for _ in range(PASSES):
            weight = 1.0 / noise.variance(np.maximum(model + background, 0.25))
            values = np.linalg.solve(self._matrices(weight), self._sums((data - model) * weight)[..., np.newaxis])
            background = (values[self._box, :, 0] * self._basis.T).sum(axis=1)
        return np.asarray(background)

    def eliminated(self, jacobian: FloatArray, weight: FloatArray) -> FloatArray:
        """Return what free planes take from the matrix of the rows of `jacobian`, shape (n, n)."""
        cross = np.array([self._sums(row * weight) for row in jacobian])  # (n, boxes, 3)
        solved = np.linalg.solve(self._matrices(weight), cross.transpose(1, 2, 0))
        return np.asarray(np.einsum("nbk,bkm->nm", cross, solved))

    def _sums(self, values: FloatArray) -> FloatArray:
        """Return the sums over every box of values times 1, slow and fast, shape (boxes, 3)."""
        return np.stack([np.bincount(self._box, values * row, self._count) for row in self._basis], axis=1)

    def _matrices(self, weight: FloatArray) -> FloatArray:
        matrices = np.stack([self._sums(row * weight) for row in self._basis], axis=2)
        ridge = RIDGE * np.trace(matrices, axis1=1, axis2=2) + 1e-12
        return np.asarray(matrices + ridge[:, np.newaxis, np.newaxis] * np.eye(3))
