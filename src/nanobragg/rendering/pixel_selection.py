"""Selections of pixels: boolean masks and lists of boxes, as a mask and a tight region for the kernel."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..calls import public
from ..config.region import Region, region_limits
from ..errors import ConfigError
from ..geometry import Roi
from ..scene.scene_data import SceneData


@public
class Box(NamedTuple):
    """A rectangle of pixels on one panel.

    Attributes
    ----------
    panel : int
        Number of the panel, from 0; 0 for a detector of one panel.
    slow, fast : slice
        Half-open ranges of pixels: `slice(10, 20)` contains the pixels 10 to 19. A missing end is that of the panel.
    """

    panel: int
    slow: slice
    fast: slice

    def cut(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the pixels of this box as a view of an image.

        Parameters
        ----------
        image : ndarray, shape (slow, fast) or (panels, slow, fast)

        Returns
        -------
        ndarray, shape (slow, fast)
        """
        return image[self.slow, self.fast] if image.ndim == 2 else image[self.panel, self.slow, self.fast]


PixelList = npt.NDArray[np.bool_] | Iterable[Box | tuple[int, slice, slice]]


class Selection(NamedTuple):
    """The pixels that are to be computed.

    Attributes
    ----------
    mask : ndarray of uint8, shape (panels, slow, fast), or None
        0: not computed. None: all pixels of the region.
    roi
        First and last fast, first and last slow pixel of the region that contains all of them, on any panel; None if
        there are none.
    """

    mask: npt.NDArray[np.uint8] | None
    roi: Roi | None

    def count(self, panels: int) -> int:
        """Return the number of pixels that are computed."""
        if self.mask is None or self.roi is None:
            return panels * self.area
        x0, x1, y0, y1 = self.roi
        return int(np.count_nonzero(self.mask[:, y0 : y1 + 1, x0 : x1 + 1]))

    @property
    def area(self) -> int:
        """Number of pixels in the region on one panel."""
        return 0 if self.roi is None else (self.roi[1] - self.roi[0] + 1) * (self.roi[3] - self.roi[2] + 1)


def select_pixels(scene: SceneData, pixels: PixelList | None, roi: Region | None) -> Selection:
    """Return the pixels that are both in `pixels` and in `roi`, and not masked in the scene.

    Parameters
    ----------
    scene
        The scene, with its mask.
    pixels
        Boolean array of the image's shape, or boxes, which may overlap; None: all.
    roi
        Two slices (slow, fast); None: those of the scene.

    Returns
    -------
    Selection
        Mask and region.

    Raises
    ------
    ConfigError
        An invalid region, an array of another shape or data type, or a box that is not on the detector.
    """
    limits = scene.limits if roi is None else region_limits(roi, scene.config.detector.panels[0].pixels)
    if pixels is None:
        return Selection(scene.mask, limits)
    chosen = _as_mask(scene, pixels)
    if scene.mask is not None:
        chosen &= scene.mask != 0
    return Selection(chosen.view(np.uint8), _tight(chosen, limits))


def _as_mask(scene: SceneData, pixels: PixelList) -> npt.NDArray[np.bool_]:
    """Return a new array of shape (panels, slow, fast), True in the chosen pixels."""
    detector = scene.config.detector
    full = (len(detector.panels), *detector.panels[0].pixels)
    if isinstance(pixels, np.ndarray):
        if pixels.dtype != bool:
            raise ConfigError(f"pixels of dtype {pixels.dtype}: must be a boolean array; give array != 0")
        if pixels.shape != scene.shape:
            raise ConfigError(f"pixels of shape {pixels.shape}: must have the image's shape {scene.shape}")
        return np.array(pixels, order="C").reshape(full)
    chosen = np.zeros(full, bool)
    for number, box in enumerate(_listed(pixels)):
        chosen[_on_detector(box, number, full)] = True
    return chosen


def _listed(pixels: Any) -> Iterable[Any]:
    if isinstance(pixels, Box) or not isinstance(pixels, Iterable):
        raise ConfigError(f"pixels = {pixels!r}: must be a boolean array or a list of boxes (panel, slow, fast)")
    return pixels


def _on_detector(box: Any, number: int, full: tuple[int, int, int]) -> tuple[int, slice, slice]:
    """Return a box with both ends of its ranges; raises `ConfigError` unless it is on a detector of shape `full`."""
    panels, slow_size, fast_size = full
    try:
        panel, slow, fast = box
        panel, slow, fast = operator.index(panel), _with_ends(slow, slow_size), _with_ends(fast, fast_size)
    except (TypeError, ValueError, AttributeError):
        raise ConfigError(
            f"pixels[{number}] = {box!r}: is not a box; give the number of the panel and two slices, slow and fast, "
            "without a step"
        ) from None
    inside = 0 <= slow.start < slow.stop <= slow_size and 0 <= fast.start < fast.stop <= fast_size
    if not inside or not 0 <= panel < panels:
        raise ConfigError(
            f"pixels[{number}] = {box!r}: is empty or not within the detector; panels are 0…{panels - 1}, "
            f"slow pixels 0…{slow_size - 1}, fast pixels 0…{fast_size - 1}"
        )
    return panel, slow, fast


def _with_ends(part: slice, size: int) -> slice:
    if part.step not in (None, 1):
        raise ValueError("a step")
    start = 0 if part.start is None else operator.index(part.start)
    stop = size if part.stop is None else operator.index(part.stop)
    return slice(start, stop)


def _tight(chosen: npt.NDArray[np.bool_], roi: Roi) -> Roi | None:
    """Return the smallest region within `roi` that contains all chosen pixels of it."""
    x0, x1, y0, y1 = roi
    part = chosen[:, y0 : y1 + 1, x0 : x1 + 1]
    slow, fast = np.flatnonzero(part.any(axis=(0, 2))), np.flatnonzero(part.any(axis=(0, 1)))
    if not slow.size:
        return None
    return x0 + int(fast[0]), x0 + int(fast[-1]), y0 + int(slow[0]), y0 + int(slow[-1])


def spans_of(places: npt.NDArray[np.int64], columns: int, most: int) -> npt.NDArray[np.int64]:
    """Return where spans of pixels begin in a rising list of places, and its end: at most `most` of one row each."""
    rows = places // columns
    new_row = np.flatnonzero(np.diff(rows)) + 1
    starts = np.concatenate([[0], new_row])
    counts = np.diff(np.append(starts, len(places)))
    pieces = -(-counts // most)
    first = np.repeat(starts, pieces)
    within = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    return np.append(first + within * most, len(places))
