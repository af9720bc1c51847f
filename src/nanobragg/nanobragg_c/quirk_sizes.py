"""Sizes of the C program's quirks in an image: each one is corrected in turn while the others are followed."""

import math
import warnings
from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from ..config.config import Config
from ..errors import NanobraggWarning
from ..geometry import FloatArray
from ..rendering.simulate import simulate
from ..scene.scene import Scene

SEPARATE = {1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 25, 26, 27, 28}  # rows that a scene can correct one by one
IN_THE_WALK = {2, 3}  # rows that only the order of the sums can correct, together
NEGLIGIBLE = 1e-6  # of the brightest pixel


class Size(NamedTuple):
    """The effect of rows of docs/quirks.md on an image.

    Attributes
    ----------
    rows : tuple of int
    largest : float
        Largest change of a pixel, relative to the brightest pixel of the corrected image.
    ratio : float
        All photons with the rows, relative to those without them; NaN if these are zero.
    """

    rows: tuple[int, ...]
    largest: float
    ratio: float

    def text(self) -> str:
        """Return the size in words."""
        ratio = f"{100 * (self.ratio - 1):+.2g} %" if 0.5 < self.ratio < 2 else f"a factor of {self.ratio:.2g}"
        return f"a pixel by up to {100 * self.largest:.2g} % of the brightest, all photons {ratio}"


def quirk_sizes(config: Config, exact: Config, rows: Collection[int]) -> list[Size]:
    """Return the sizes of the quirks in an image, the largest first; negligible ones are left out.

    Parameters
    ----------
    config, exact
        The same experiment with compat="c" and None.
    rows
        Rows of docs/quirks.md that affect the image (`active_quirks`). Rows 2 and 3 are measured together, as what
        remains when all others are corrected.
    """
    image = _render(config, ())
    groups = [(row,) for row in sorted(SEPARATE & set(rows))]
    sizes = [_size(group, image, _render(config, group)) for group in groups]
    if 15 in rows:
        sizes.append(_size((15,), image, _render(config.replace(detector=exact.detector), ())))
    if both := tuple(sorted(IN_THE_WALK & set(rows))):
        rest = _render(config.replace(detector=exact.detector), SEPARATE)
        sizes.append(_size(both, rest, _render(exact, ())))
    return sorted((size for size in sizes if not size.largest <= NEGLIGIBLE), key=lambda size: -size.largest)


def _render(config: Config, corrected: Collection[int]) -> FloatArray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NanobraggWarning)  # already given for the image itself
        return np.asarray(simulate(Scene(config, corrected), dtype="float64"), dtype=np.float64)


def _size(rows: tuple[int, ...], quirky: FloatArray, correct: FloatArray) -> Size:
    brightest, total = float(correct.max(initial=0.0)), float(correct.sum())
    largest = float(np.abs(quirky - correct).max(initial=0.0))
    relative = largest / brightest if brightest else (math.inf if largest else 0.0)
    return Size(rows, relative, float(quirky.sum()) / total if total else math.nan)
