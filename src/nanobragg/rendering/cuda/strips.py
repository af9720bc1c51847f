"""Strips of rows of an image: from its array to a GPU's memory, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ...geometry import Roi
from .devices import beside, cupy


class Target:
    """The region of an image that is rendered.

    Parameters
    ----------
    out
        Array of shape (panels, slow, fast), of NumPy or CuPy.
    roi
        First and last fast, first and last slow pixel of the region.
    mask : ndarray of uint8, shape (panels, slow, fast), or None
        0: keeps its value.
    add
        Add to what is there.
    dtype
        Of what is rendered, in the GPU's memory.
    """

    def __init__(self, out: Any, roi: Roi, mask: npt.NDArray[np.uint8] | None, add: bool, dtype: npt.DTypeLike) -> None:
        self.out, self.roi, self.mask, self.add, self.dtype = out, roi, mask, add, np.dtype(dtype)
        x0, x1, y0, y1 = roi
        self.width, self.height = x1 - x0 + 1, y1 - y0 + 1
        self.rows = len(out) * self.height  # on all panels, one after the other

    def begin(self, first: int, rows: int) -> Any:
        """Return memory of the GPU for rows of the region; with `add`, what is there."""
        strip = cupy().empty((rows, self.width), self.dtype)
        if self.add:
            for where, part in self._parts(first, rows):
                strip[part] = cupy().asarray(self.out[where])
        return strip

    def mask_of(self, first: int, rows: int) -> Any:
        """Return the mask of rows of the region in memory of the GPU, or None."""
        if self.mask is None:
            return None
        parts = [self.mask[where] for where, _ in self._parts(first, rows)]
        return cupy().asarray(np.concatenate(parts))

    def finish(self, first: int, strip: Any) -> None:
        """Put rows of the region where they belong."""
        finished = beside(self.out, strip.astype(self.out.dtype, copy=False))
        for where, part in self._parts(first, len(strip)):
            if self.mask is None:
                self.out[where] = finished[part]
            else:
                chosen = beside(self.out, self.mask[where] != 0)
                module = np if isinstance(self.out, np.ndarray) else cupy()
                module.copyto(self.out[where], finished[part], where=chosen)

    def _parts(self, first: int, rows: int) -> Iterator[tuple[tuple[int, slice, slice], slice]]:
        """Yield the places in the image, and in the strip, of the parts of a strip that are on one panel."""
        x0, x1, y0, _ = self.roi
        row = first
        while row < first + rows:
            panel, slow = divmod(row, self.height)
            count = min(self.height - slow, first + rows - row)
            where = panel, slice(y0 + slow, y0 + slow + count), slice(x0, x1 + 1)
            yield where, slice(row - first, row - first + count)
            row += count
