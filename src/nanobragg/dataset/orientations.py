"""Random orientations of crystals."""

from __future__ import annotations

import numpy as np

from ..config.crystal import rotation_of_deviates
from ..geometry import FloatArray
from .distributions import Distribution, Place
from .streams import Stream

GOLDEN = 1.2207440846057596  # the root of x⁴ = x + 1, whose powers give evenly spread points in three dimensions


class RandomOrientations(Distribution):
    """Rotations from the orientation of the base, uniform over all of them.

    Attributes
    ----------
    low_discrepancy
        Spread the first crystals of successive shots evenly over all rotations, by an additive recurrence in place of
        independent draws (M. Roberts, The unreasonable effectiveness of quasirandom sequences, 2018).
    """

    kind = "random_orientations"
    low_discrepancy: bool = False

    def draw(self, stream: Stream, place: Place) -> FloatArray:
        """Return a rotation matrix."""
        deviates = [stream.uniform() for _ in range(3)]
        if self.low_discrepancy and place.lattice == 0:
            start = Stream(place.seed, place.field, "start")
            deviates = [(start.uniform() + (place.shot + 1) * GOLDEN ** -(i + 1)) % 1.0 for i in range(3)]
        return np.array(rotation_of_deviates(*deviates))
