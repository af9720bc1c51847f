"""The truth about the shots of a data set, for the files of other programs."""

from __future__ import annotations

from collections.abc import Iterator

from ..export.truth import TruthImage, TruthLattice
from .description import Description
from .shot import truth_of


def truth_images(plan: Description, file: str) -> Iterator[TruthImage]:
    """Yield the truth about every shot, in order; `file` holds their images."""
    for k in range(plan.n):
        config, crystals = truth_of(plan, k)
        yield TruthImage(file, k, config, [TruthLattice(each.scene, each.spots) for each in crystals])
