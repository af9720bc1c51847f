"""The rotation about the spindle during an exposure."""

from __future__ import annotations

from pydantic import Field

from ..constants import RADIAN_IN_DEGREES
from ..step_rules import Sweep, resolve_sweep
from .base import Model


class Scan(Model):
    """Rotation about the spindle during the exposure: φ = start + (i + ½)·step, i = 0 … steps-1 (degrees).

    Each step is sampled in its middle (`compat="c"`: at its start). A single step without a range is at the start.
    Fields that are not given follow from the others (docs/step_rules.md).

    Attributes
    ----------
    start_deg
        φ at the start of the exposure.
    range_deg
        Rotation during the exposure: the width of an image.
    step_deg
        Angle between steps.
    steps
        Number of steps.
    """

    start_deg: float = 0.0
    range_deg: float | None = Field(default=None, ge=0)
    step_deg: float | None = Field(default=None, ge=0)
    steps: int | None = Field(default=None, ge=0)

    def resolved(self) -> Sweep:
        """Return the sweep over φ in radians."""
        span, step = (None if x is None else x / RADIAN_IN_DEGREES for x in (self.range_deg, self.step_deg))
        return resolve_sweep("phi", self.steps, span, step)

    @property
    def width_deg(self) -> float:
        """Rotation during the exposure: `range_deg`, or the range that the step rules give; 0 for a still."""
        return self.resolved().range * RADIAN_IN_DEGREES if self.range_deg is None else self.range_deg
