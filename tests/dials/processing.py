"""Run DIALS' programs in a folder, and compare their results with the simulated experiment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.unit_cell import cell_from_vectors

NEEDS_DIALS = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("dials.import", path="/usr/bin") is None, reason="DIALS (Debian's package dials) is not installed"
    ),
    pytest.mark.filterwarnings("ignore:oversample = 1"),  # the mosaic spread smooths the spots
]
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}  # DIALS is of the system's Python
EXPORT = """
import sys, numpy
from dials.array_family import flex
table = flex.reflection_table.from_file(sys.argv[1])
x, y, z = table["xyzcal.px"].parts()
numpy.savez(sys.argv[2], panel=table["panel"].as_numpy_array(),
            place=numpy.stack([part.as_numpy_array() for part in (x, y, z)], axis=1))
"""


class Dials:
    """DIALS, run in a folder."""

    def __init__(self, folder: Path) -> None:
        import hdf5plugin

        self.folder = folder
        self._environment = ENVIRONMENT | {"HDF5_PLUGIN_PATH": hdf5plugin.PLUGINS_PATH}

    def __call__(self, program: str, *words: object) -> str:
        """Run a program and return its output."""
        done = subprocess.run(
            [program, *map(str, words)], cwd=self.folder, env=self._environment, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stdout[-2000:]}"
        return done.stdout

    def index_stills(self, macro_cycles: int) -> list[nb.Experiment]:
        """Index stills.nxs, of orthorhombic crystals (series.py), with a fixed geometry; return what is found.

        Debian's DIALS comes without the extension that its indexer of stills needs.
        """
        self("dials.import", "stills.nxs")
        self("dials.find_spots", "imported.expt", "nproc=1")
        self(
            "dials.index", "imported.expt", "strong.refl", "joint_indexing=False", "stills.indexer=sequences",
            "unit_cell=50,60,70,90,90,90", "space_group=P212121", "method=real_space_grid_search",
            f"n_macro_cycles={macro_cycles}", "detector.fix=all", "beam.fix=all", "indexing.nproc=1",
        )  # fmt: skip
        return self.experiments("indexed.expt")

    def predictions(self) -> tuple[np.ndarray, np.ndarray]:
        """Return panels and places (fast, slow in pixels, image) of predicted.refl."""
        self("/usr/bin/python3", "-c", EXPORT, "predicted.refl", "predicted.npz")
        with np.load(self.folder / "predicted.npz") as found:
            return found["panel"], found["place"]

    def experiments(self, name: str) -> list[nb.Experiment]:
        """An experiment list."""
        return nb.read_expt(self.folder / name)


def rmsd_px(printed: str) -> tuple[float, float]:
    """Return the RMSDs of the spots' fast and slow positions (pixels) that dials.refine prints last."""
    rows = re.findall(r"^\|\s+0 \|\s+\d+ \|\s+([\d.]+) \|\s+([\d.]+) \|", printed, re.MULTILINE)
    return float(rows[-1][0]), float(rows[-1][1])


def frame(detector: nb.Detector, beam: np.ndarray) -> np.ndarray:
    """Columns: the first panel's fast axis across the beam, beam × it, beam; what every program's lab has in common."""
    fast = np.asarray(detector.panels[0].fast_axis, float)
    fast = fast - (fast @ beam) * beam
    fast /= np.linalg.norm(fast)
    return np.stack([fast, np.cross(beam, fast), beam], axis=1)


def lattice_in(there: np.ndarray, scene: nb.Scene) -> np.ndarray:
    """Return a*, b*, c* (columns, Å⁻¹) of a scene's crystal in the frame of another program (`frame`)."""
    return there @ frame(scene.config.detector, scene.beam_direction).T @ scene.lattice.reciprocal.T


def lattice_differences(true: np.ndarray, found: np.ndarray) -> tuple[float, float, float]:
    """How far a found lattice is off, whatever basis it is described in.

    Parameters
    ----------
    true, found : ndarray, shape (3, 3)
        a*, b*, c* as columns (Å⁻¹), in the same frame.

    Returns
    -------
    tuple of float
        Largest relative difference of a length, largest difference of an angle, and the rotation, degrees; infinite
        if the lattices have nothing to do with each other.
    """
    change = np.rint(np.linalg.solve(found, true))
    if abs(round(np.linalg.det(change))) != 1:
        return np.inf, np.inf, 180.0
    found = found @ change
    cell, cell_found = (np.array(cell_from_vectors(np.linalg.inv(matrix))) for matrix in (true, found))
    left, _, right = np.linalg.svd(found @ np.linalg.inv(true))
    turned = np.degrees(np.arccos(np.clip((np.trace(left @ right) - 1) / 2, -1, 1)))
    return np.abs(cell_found[:3] / cell[:3] - 1).max(), np.abs(cell_found[3:] - cell[3:]).max(), float(turned)


def shift(image: np.ndarray, place: np.ndarray, half: int = 4) -> float | None:
    """How far the photons' centre is from a place (fast, slow), pixels; None at the image's edge or in the dark."""
    fast, slow = np.floor(place[:2]).astype(int)
    rows, columns = np.arange(slow - half, slow + half + 1), np.arange(fast - half, fast + half + 1)
    if min(rows[0], columns[0]) < 0 or rows[-1] >= image.shape[0] or columns[-1] >= image.shape[1]:
        return None
    photons = image[np.ix_(rows, columns)].astype(float)
    if photons.sum() <= 0:
        return None
    centre = [photons.sum(axis=0) @ (columns + 0.5), photons.sum(axis=1) @ (rows + 0.5)] / photons.sum()
    return float(np.hypot(*(centre - place[:2])))
