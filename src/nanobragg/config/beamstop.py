"""A beamstop: a disc that shades the middle of the detector."""

from __future__ import annotations

import math

from pydantic import Field

from .base import Model


class Beamstop(Model):
    """A disc across the beam behind the sample, centred on the beam, which shades all that is scattered towards it.

    Attributes
    ----------
    diameter_mm
        Diameter of the disc.
    distance_mm
        Distance from the sample along the beam; the detector is farther away. The shadow on a panel at a distance D is
        a circle of diameter `diameter_mm` · D / `distance_mm`.
    transmission
        Share of the photons that pass, from 0 (default) to 1 (nothing is shaded).
    """

    diameter_mm: float = Field(gt=0)
    distance_mm: float = Field(gt=0)
    transmission: float = Field(default=0.0, ge=0, le=1)

    @property
    def cosine(self) -> float:
        """Cosine of the largest scattering angle in the shadow."""
        return self.distance_mm / math.hypot(self.distance_mm, self.diameter_mm / 2.0)
