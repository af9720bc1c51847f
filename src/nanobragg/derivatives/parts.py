"""Parts of a list of pixels, each on one panel."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

CHUNK_PIXELS, MOST_CHUNKS = 2048, 1024  # pixels that are summed by one thread, and such parts of an image
Places = npt.NDArray[np.int64]


def chunks_of(places: Places, panel_pixels: int) -> tuple[Places, Places]:
    """Return where parts of a rising list of places begin, and its end, each on one panel; and the panel of each."""
    size = max(CHUNK_PIXELS, -(-len(places) // MOST_CHUNKS))
    ends = np.searchsorted(places, np.arange(0, (places[-1] if len(places) else 0) + 2 * panel_pixels, panel_pixels))
    starts = [np.arange(low, high, size) for low, high in pairwise(ends)]
    panels = np.repeat(np.arange(len(starts)), [len(part) for part in starts])
    return np.append(np.concatenate(starts), len(places)).astype(np.int64), panels


def block_parts(places: Places, panel_pixels: int, most: int) -> Iterator[tuple[Places, int]]:
    """Yield parts of a rising list of places, each of at most `most` pixels of one panel, and the panel."""
    if not len(places):
        return
    for panel in range(int(places[0] // panel_pixels), int(places[-1] // panel_pixels) + 1):
        low, high = np.searchsorted(places, [panel * panel_pixels, (panel + 1) * panel_pixels])
        for start in range(low, high, most):
            yield np.ascontiguousarray(places[start : min(start + most, high)]), panel
