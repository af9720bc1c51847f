"""The truth about an image and its crystals, which is written for CrystFEL and DIALS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..analysis.spots.predict import Spots
from ..config.config import Config
from ..geometry import FloatArray, rotate_about
from ..scene.scene_data import SceneData


class TruthLattice(NamedTuple):
    """A crystal of an image, and its spots."""

    scene: SceneData
    spots: Spots


class TruthImage(NamedTuple):
    """An image and its crystals.

    Attributes
    ----------
    event
        Its number in its file, from 0.
    config
        Its experiment.
    lattices
        Its crystals; none: no hit.
    """

    event: int
    config: Config
    lattices: Sequence[TruthLattice]


TruthWriter = Callable[[TruthImage], None]  # of images one after the other


def in_the_middle(scene: SceneData, vector: FloatArray) -> FloatArray:
    """Return a vector of the crystal at φ = 0 as it is in the middle of the image."""
    return rotate_about(vector, scene.spindle_axis, float(np.mean(scene.phi_angles)))
