"""The primitives of all lattices of an experiment in chosen pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from .._gradient import COUNT, PLACES
from ..geometry import FloatArray
from ..rendering.culling import resolve_tolerance, tolerance_of_each
from ..rendering.pixel_selection import PixelList
from ..scene.scene import Scene
from .evaluate import Comparison, LatticeEvaluation
from .lattices import parts_of
from .likelihood import Likelihood


class Evaluation:
    """Images and sums from the primitives of all lattices of a scene, whose photons add up.

    Rows are the primitives of the first lattice, of the second …, and, behind them, `extra` ones, shape (n, pixels),
    that a method is given. Derivatives are sums of rows whatever lattice they come from.

    Parameters
    ----------
    scene
        The scene.
    dtype, pixels, threads, device
        As in `LatticeEvaluation`.
    tolerance, tolerance_ph
        As in `simulate`.

    Attributes
    ----------
    lattices : list of LatticeEvaluation
        Those of each lattice.
    count : int
        Number of primitives of all lattices.
    places : ndarray of int, shape (pixels,)
        The pixels, in the flat image.
    """

    def __init__(
        self,
        scene: Scene,
        dtype: npt.DTypeLike,
        pixels: PixelList | None,
        threads: int | None,
        device: str = "cpu",
        tolerance: float | None = None,
        tolerance_ph: float | None = None,
    ) -> None:
        each = tolerance_of_each(scene, tolerance, tolerance_ph)
        self.scene = scene
        self.lattices = [
            LatticeEvaluation(lattice, dtype, pixels, threads, device, resolve_tolerance(lattice, *each))
            for lattice in scene.lattices
        ]
        self.count = COUNT * len(self.lattices)
        self.places, self.threads = self.lattices[0].places, self.lattices[0].threads

    @property
    def bound_ph(self) -> float:
        """The most photons that a pixel misses of what has been computed."""
        return sum(lattice.bound_ph for lattice in self.lattices)

    def total(self, rows: int) -> FloatArray:
        """Return the factors of the expected photons, shape (panels, 1, rows), among some number of rows."""
        factors = np.zeros((len(self.scene.geometry), 1, rows))
        factors[:, 0, PLACES["total"] : self.count : COUNT] = 1.0
        return factors

    def pass_rows(self, names: Iterable[str]) -> FloatArray:
        """Return the rows that further passes over the terms of each lattice make, as those of `LatticeEvaluation`."""
        parts = parts_of(self.scene, names)
        return np.concatenate([
            lattice.pass_rows(part.names) for lattice, part in zip(self.lattices, parts, strict=True)
        ])  # fmt: skip

    def sums_of_each(self, sums: FloatArray) -> list[FloatArray]:
        """Return the sums of each lattice's primitives and passes, from those of all rows, shape (panels, rows)."""
        if len(self.lattices) == 1:
            return [sums]
        primitives = np.split(sums[:, : self.count], len(self.lattices), axis=1)
        ends = np.cumsum([self.count, *(len(lattice.passes) for lattice in self.lattices)])
        return [
            np.concatenate([own, sums[:, low:high]], axis=1)
            for own, (low, high) in zip(primitives, pairwise(ends), strict=True)
        ]

    def fill_images(self, factors: FloatArray, images: npt.NDArray[Any], extra: FloatArray | None = None) -> None:
        """As `LatticeEvaluation.fill_images`."""
        self.lattices[0].fill_images(self._parts(factors)[0], images, extra)
        for further in self._images_of_others(factors, images.dtype):
            for image, part in zip(images, further, strict=True):
                image[self.places] += part[self.places]

    def products(self, vector: FloatArray, extra: FloatArray | None = None) -> FloatArray:
        """As `LatticeEvaluation.products`."""
        first, *others = self.lattices
        return self._joined(first.products(vector, extra), [each.products(vector) for each in others])

    def compare(
        self,
        noise: Likelihood,
        data: FloatArray,
        *,
        weights: FloatArray | None = None,
        background: FloatArray | None = None,
        extra: FloatArray | None = None,
        used: npt.NDArray[np.int32] | None = None,
        slopes: bool = False,
    ) -> Comparison:
        """As `LatticeEvaluation.compare`; with a matrix, the gradient is that of the used rows, and zero in others.

        The photons of the other lattices are a background for the first; the rows of theirs that a matrix needs are
        computed as images.
        """
        first, *others = self.lattices
        if not others:
            return first.compare(
                noise, data, weights=weights, background=background, extra=extra, used=used, slopes=slopes
            )
        level = np.zeros(len(data)) if background is None else background
        extra = np.zeros((0, len(data))) if extra is None else extra
        if used is None:
            level = level + self._rows_of_others(self.total(self.count))[0]
            found = first.compare(noise, data, weights=weights, background=level, extra=extra, slopes=True)
            gradients = [each.products(found.slopes) for each in others]
            return found._replace(gradient=self._joined(found.gradient, gradients))
        rows = self._rows_of_others(np.concatenate([self.total(self.count), self._single(used)], axis=1))
        behind = COUNT + len(extra)  # where these rows are for the first lattice
        theirs = (used >= COUNT) & (used < self.count)
        places = np.where(used < COUNT, used, used - self.count + COUNT)
        places[theirs] = behind + np.arange(theirs.sum())
        found = first.compare(
            noise, data, weights=weights, background=level + rows[0], extra=np.concatenate([extra, rows[1:]]),
            used=places.astype(np.int32), slopes=slopes,
        )  # fmt: skip
        gradient = np.zeros((len(found.gradient), self.count + len(extra)))
        gradient[:, used] = found.gradient[:, places]
        return found._replace(gradient=gradient)

    def _parts(self, factors: FloatArray) -> list[FloatArray]:
        """Return the factors of every lattice's primitives, those of the first with the ones of further rows."""
        if len(self.lattices) == 1:
            return [factors]
        own = np.split(factors[:, :, : self.count], len(self.lattices), axis=2)
        return [np.concatenate([own[0], factors[:, :, self.count :]], axis=2), *own[1:]]

    def _joined(self, first: FloatArray, others: list[FloatArray]) -> FloatArray:
        """Return sums of all rows, shape (panels, rows), from those of the first lattice and of the others."""
        return np.concatenate([first[:, :COUNT], *others, first[:, COUNT:]], axis=1) if others else first

    def _single(self, used: npt.NDArray[np.int32]) -> FloatArray:
        """Return factors that make each of the used rows of other lattices than the first an image of its own."""
        theirs = used[(used >= COUNT) & (used < self.count)]
        factors = np.zeros((len(self.scene.geometry), len(theirs), self.count))
        factors[:, np.arange(len(theirs)), theirs] = 1.0
        return factors

    def _rows_of_others(self, factors: FloatArray) -> FloatArray:
        """Return sums of the primitives of all lattices but the first in the chosen pixels, shape (n, pixels)."""
        rows = np.zeros((factors.shape[1], len(self.places)))
        for images in self._images_of_others(factors, np.float64):
            for row, image in zip(rows, images, strict=True):
                row += image[self.places]
        return rows

    def _images_of_others(self, factors: FloatArray, dtype: npt.DTypeLike) -> Iterator[npt.NDArray[Any]]:
        """Yield images, shape (n, pixels of the image), of the primitives of each lattice but the first."""
        for lattice, own in zip(self.lattices[1:], self._parts(factors)[1:], strict=True):
            if own.any():
                images = np.zeros((factors.shape[1], int(np.prod(self.scene.shape))), dtype)
                lattice.fill_images(own, images)
                yield images
