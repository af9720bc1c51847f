"""Panels of a detector that drift in the course of a data set."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from ..config.moved_detector import displaced
from ..config.panel import Panel
from ..geometry import FloatArray
from .distributions import Distribution, Place
from .streams import Stream

WAVES = 32  # cosines of which a drift consists


class PanelDrift(Distribution):
    """Panels that move slowly about their places in the base: each displacement is a smooth function of the shot.

    Every shift and rotation is a stationary Gaussian process along the series of shots, correlated over `shots` of
    them: a sum of cosines of random frequencies and phases.

    Attributes
    ----------
    shift_um, rotation_mrad
        Standard deviations of the shifts along a panel's fast, slow and normal axis, and of the rotations about them
        through the panel's centre.
    shots
        Number of shots after which a displacement has lost half of its correlation, roughly.
    """

    kind = "panel_drift"
    late = True
    shift_um: float = Field(default=0.0, ge=0, le=1e6)
    rotation_mrad: float = Field(default=0.0, ge=0, le=1e3)
    shots: float = Field(default=1000.0, gt=0)

    def draw(self, stream: Stream, place: Place) -> tuple[Panel, ...]:
        """Return the panels in a shot."""
        panels = place.config.detector.panels
        course = Stream(place.seed, place.field, "course")
        moves = self._displacements(course, len(panels), place.shot)
        shifts, turns = moves[:, 0] * self.shift_um / 1000.0, moves[:, 1] * self.rotation_mrad / 1000.0
        return tuple(displaced(panel, shift, turn) for panel, shift, turn in zip(panels, shifts, turns, strict=True))

    def _displacements(self, course: Stream, panels: int, shot: int) -> FloatArray:
        """Return displacements of variance 1, shape (panels, 2, 3)."""
        generator = course.generator()
        frequency = generator.standard_normal((panels, 2, 3, WAVES)) / self.shots
        phase = 2.0 * math.pi * generator.random((panels, 2, 3, WAVES))
        return np.asarray(math.sqrt(2.0 / WAVES) * np.cos(frequency * shot + phase).sum(axis=-1))
