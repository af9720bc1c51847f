"""Ground truth of an image: orientation, cell, spots, and which pixels hold Bragg photons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...config.background import Background
from ...config.config import Config
from ...config.digest import config_digest
from ...constants import RADIAN_IN_DEGREES
from ...errors import ConfigError, FormatError
from ...geometry import FloatArray
from ...io.atomic import StrPath, atomic_write
from ...io.npy import read_npz
from ...rendering.simulate import simulate
from ...scene.scene import Scene
from ...unit_cell import Cell, cell_from_vectors, reciprocal_vectors
from ..resolution import mean_direction, mean_wavelength_A, reshape_to_scene
from .predict import Spots, predict_spots

MASK_FRACTION = 1e-3
VERSION = 1


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What an image was made of.

    Attributes
    ----------
    cell : ndarray, shape (6,)
        a, b, c (Å), α, β, γ (degrees).
    A : ndarray, shape (3, 3)
        Reciprocal vectors a*, b*, c* as columns, rows lab x, y, z (Å⁻¹), at φ = 0: q = R(φ)·A·(h, k, l).
    U, B : ndarray, shape (3, 3)
        A = U·B with a* along x and b* in the xy plane in B (Busing and Levy, Acta Cryst. 22, 457, 1967). Other programs
        split A in other ways; A itself is the same in all that share the lab frame.
    spindle_axis, beam_direction : ndarray, shape (3,)
        Unit vectors in the lab.
    phi_start_deg, phi_range_deg : float
        R(φ) turns by φ about the spindle.
    wavelength_A : float
        Mean of the sources.
    spots : Spots
        What `predict_spots` lists.
    bragg_mask : ndarray of bool
        Like the image: True where Bragg photons are.
    config_sha256 : str
        Of the Config, as image headers state it.
    """

    cell: FloatArray
    A: FloatArray
    U: FloatArray
    B: FloatArray
    spindle_axis: FloatArray
    beam_direction: FloatArray
    phi_start_deg: float
    phi_range_deg: float
    wavelength_A: float
    spots: Spots
    bragg_mask: npt.NDArray[np.bool_]
    config_sha256: str

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything as plain arrays by name, the spots' as `spots.hkl`, `spots.fast_px`, …: what a file holds."""
        plain = {name: np.asarray(value) for name, value in vars(self).items() if name != "spots"}
        spots = {f"spots.{name}": column for name, column in self.spots.columns().items()}
        return {"version": np.asarray(VERSION), **plain, **spots}

    def save(self, path: StrPath) -> None:
        """Write a compressed .npz; the file appears whole or not at all.

        Parameters
        ----------
        path
            The file.

        Raises
        ------
        FileError
            It cannot be written.
        """
        with atomic_write(path) as file:
            np.savez_compressed(file, **self.arrays())  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: StrPath) -> GroundTruth:
        """Read what `save` wrote.

        Parameters
        ----------
        path
            The .npz file.

        Returns
        -------
        GroundTruth
            Equal to what was saved.

        Raises
        ------
        FileError
            The file cannot be opened.
        FormatError
            It is no ground truth, or of another version.
        """
        arrays = read_npz(path, kinds="buifU")
        if arrays.pop("version", None) != VERSION:
            raise FormatError(f"{path}: holds no ground truth of version {VERSION}; make it with GroundTruth.save")
        try:
            spots = Spots(**{name[6:]: arrays.pop(name) for name in list(arrays) if name.startswith("spots.")})
            plain: dict[str, Any] = {name: x.item() if x.ndim == 0 else x for name, x in arrays.items()}
            return cls(**plain, spots=spots)
        except TypeError as error:
            raise FormatError(f"{path}: is no complete ground truth ({error}); make it with GroundTruth.save") from None


def bragg_image(experiment: Config | Scene, *, threads: int | None = None) -> npt.NDArray[np.float32]:
    """The photons that the crystal alone scatters: the image without water or other background."""
    config = experiment.config if isinstance(experiment, Scene) else experiment
    if config.background == Background():
        return simulate(experiment, threads=threads)
    return simulate(Scene(config.replace(background=Background())), threads=threads)


def bragg_mask(
    experiment: Config | Scene,
    *,
    photons: float | None = None,
    fraction: float | None = None,
    image: npt.ArrayLike | None = None,
    threads: int | None = None,
) -> npt.NDArray[np.bool_]:
    """Which pixels hold Bragg photons.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    photons
        True where the crystal scatters more photons than this into the pixel.
    fraction
        In place of `photons`: more than this fraction of the brightest pixel under a predicted spot (the direct beam
        0 0 0 is none). Default: 0.001.
    image
        The crystal's photons, if they are already rendered (`nanobragg.analysis.spots.ground_truth.bragg_image`).
    threads
        For rendering.

    Returns
    -------
    ndarray of bool
        Like the image.

    Raises
    ------
    ConfigError, ShapeError
        Both thresholds, a negative one, or an image of another shape.
    """
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    limits = {"photons": photons, "fraction": fraction}
    for name, value in limits.items():
        if value is not None and not value >= 0:
            raise ConfigError(f"{name} = {value!r}: must be a number, and not negative")
    if photons is not None and fraction is not None:
        raise ConfigError(f"photons = {photons} and fraction = {fraction}: give one of them")
    bragg = reshape_to_scene(bragg_image(scene, threads=threads) if image is None else image, scene)
    if photons is None:
        photons = (MASK_FRACTION if fraction is None else fraction) * _brightest(bragg, predict_spots(scene))
    return np.asarray(bragg > photons)


def _brightest(bragg: npt.NDArray[Any], spots: Spots) -> float:
    """Photons in the brightest pixel under a spot's centre."""
    flat = bragg.reshape(-1, *bragg.shape[-2:])
    under = flat[spots.panel, spots.slow_px.astype(int), spots.fast_px.astype(int)]
    return float(under.max(initial=0.0))


def ground_truth(
    experiment: Config | Scene, *, image: npt.ArrayLike | None = None, threads: int | None = None
) -> GroundTruth:
    """Everything that a processing program should find in an image.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    image
        The crystal's photons without background and noise, if they are already rendered; default: they are rendered.
    threads
        For rendering.

    Returns
    -------
    GroundTruth
        `save` writes it.
    """
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    star = scene.lattice.reciprocal.T
    cell: Cell = cell_from_vectors(scene.lattice.direct)
    b = reciprocal_vectors(cell)[0].T
    spots = predict_spots(scene)
    bragg = reshape_to_scene(bragg_image(scene, threads=threads) if image is None else image, scene)
    return GroundTruth(
        cell=np.array(cell), A=star, U=star @ np.linalg.inv(b), B=b,
        spindle_axis=scene.spindle_axis, beam_direction=mean_direction(scene),
        phi_start_deg=scene.config.scan.start_deg, phi_range_deg=scene.phi.range * RADIAN_IN_DEGREES,
        wavelength_A=mean_wavelength_A(scene), spots=spots,
        bragg_mask=bragg > MASK_FRACTION * _brightest(bragg, spots), config_sha256=config_digest(scene.config),
    )  # fmt: skip
