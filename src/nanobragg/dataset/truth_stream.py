"""The shots of a data set as images of a CrystFEL stream."""

from __future__ import annotations

from collections.abc import Iterator

from ..export.stream import StreamImage, StreamLattice
from .description import Description
from .layout import MASTER
from .shot import truth_of


def stream_images(plan: Description) -> Iterator[StreamImage]:
    """Yield the truth about every shot, in order."""
    for k in range(plan.n):
        config, crystals = truth_of(plan, k)
        yield StreamImage(MASTER, k, config, [StreamLattice(each.scene, each.spots) for each in crystals])
