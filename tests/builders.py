"""The experiments that tests start from."""

from __future__ import annotations

from typing import Any

import nanobragg as nb

CRYSTAL = nb.Crystal(cell=(60, 70, 80, 90, 90, 90), n_cells=5)
FACTORS = nb.StructureFactors.constant(100)
DETECTOR = nb.Detector.flat(distance_mm=100, pixels=(32, 48), pixel_mm=0.5)
# Few, separate spots without tails
TRICLINIC = nb.Crystal(cell=(60, 70, 80, 85, 95, 100), n_cells=20, shape="gauss", misset_deg=(12, 34, 56))


def config(**fields: Any) -> nb.Config:
    """Return a small experiment in which the given fields replace the usual ones."""
    return nb.Config(**{"crystal": CRYSTAL, "structure_factors": FACTORS, "detector": DETECTOR, **fields})


def scene(**fields: Any) -> nb.Scene:
    """Return the scene of such an experiment."""
    return nb.Scene(config(**fields))
