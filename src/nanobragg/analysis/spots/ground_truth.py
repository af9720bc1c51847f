"""Ground truth of an image: orientation, cell, spots, and a mask of Bragg pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...calls import public
from ...config.background import Background
from ...config.config import Config
from ...config.digest import config_digest
from ...config.mosaic import mean_rotation_deg
from ...constants import RADIAN_IN_DEGREES
from ...errors import ConfigError, FormatError
from ...geometry import FloatArray
from ...io.atomic import StrPath, atomic_write
from ...io.npy import read_npz
from ...rendering.pixel_selection import PixelList
from ...rendering.simulate import simulate
from ...scene.scene import Scene
from ...scene.scene_data import SceneData
from ...unit_cell import Cell, cell_from_vectors, reciprocal_vectors
from ..resolution import mean_direction, mean_wavelength_A, reshape_to_scene
from .predict import Spots, predict_spots

MASK_FRACTION = 1e-3
VERSION = 2


@public
@dataclass(frozen=True, eq=False)
class GroundTruth:
    """The ground truth of an image.

    Attributes
    ----------
    cell : ndarray, shape (6,)
        a, b, c (Å), α, β, γ (degrees).
    A : ndarray, shape (3, 3)
        Reciprocal vectors a*, b*, c* as columns, rows lab x, y, z (Å⁻¹), at φ = 0: q = R(φ)·A·(h, k, l).
    U, B : ndarray, shape (3, 3)
        A = U·B with a* along x and b* in the xy plane in B (Busing and Levy, Acta Cryst. 22, 457, 1967). U and B depend
        on such a convention, A depends on the lab frame only.
    n_cells : ndarray, shape (3,)
        Unit cells of a block of the crystal along a, b, c.
    blocks : float
        Number of blocks in the beam.
    spindle_axis, beam_direction : ndarray, shape (3,)
        Unit vectors in the lab.
    phi_start_deg, phi_range_deg : float
        R(φ) is the rotation by φ about the spindle.
    mosaic_mean_deg : ndarray, shape (3,)
        Rotation vector (degrees) of the mean of the mosaic domains, which turn after R(φ); zero with balanced domains.
    wavelength_A : float
        Mean wavelength of the sources.
    lattices : ndarray, shape (lattices, 3, 3)
        A of every lattice in the beam (`Config.lattices`); the attributes above are those of the first.
    spots : Spots
        The spots of `predict_spots`.
    bragg_mask : ndarray of bool
        Array of the image's shape, True in Bragg pixels.
    config_sha256 : str
        SHA-256 of the Config, as in image headers.
    """

    cell: FloatArray
    A: FloatArray
    U: FloatArray
    B: FloatArray
    n_cells: FloatArray
    blocks: float
    spindle_axis: FloatArray
    beam_direction: FloatArray
    phi_start_deg: float
    phi_range_deg: float
    mosaic_mean_deg: FloatArray
    wavelength_A: float
    lattices: FloatArray
    spots: Spots
    bragg_mask: npt.NDArray[np.bool_]
    config_sha256: str

    def __repr__(self) -> str:
        cell = " ".join(f"{x:.5g}" for x in self.cell)
        return f"<GroundTruth: cell {cell}, {len(self.spots)} spots, {self.bragg_mask.mean():.2%} Bragg pixels>"

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays of a file by name, those of the spots as `spots.hkl`, `spots.fast_px`, …"""
        plain = {name: np.asarray(value) for name, value in vars(self).items() if name != "spots"}
        spots = {f"spots.{name}": column for name, column in self.spots.columns().items()}
        return {"version": np.asarray(VERSION), **plain, **spots}

    def save(self, path: StrPath) -> None:
        """Write a compressed .npz file atomically.

        Parameters
        ----------
        path
            The file.

        Raises
        ------
        FileError
            The file cannot be written.
        """
        with atomic_write(path) as file:
            np.savez_compressed(file, **self.arrays())  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: StrPath) -> GroundTruth:
        """Read a file of `save`.

        Parameters
        ----------
        path
            The .npz file.

        Returns
        -------
        GroundTruth
            The ground truth in the file.

        Raises
        ------
        FileError
            The file cannot be opened.
        FormatError
            The file is not a valid ground truth, or has another version.
        """
        arrays = read_npz(path, kinds="buifU")
        if arrays.pop("version", None) != VERSION:
            raise FormatError(f"{path}: is not a ground truth of version {VERSION}; write it with GroundTruth.save")
        try:
            spots = Spots(**{name[6:]: arrays.pop(name) for name in list(arrays) if name.startswith("spots.")})
            plain: dict[str, Any] = {name: x.item() if x.ndim == 0 else x for name, x in arrays.items()}
            return cls(**plain, spots=spots)
        except (TypeError, ConfigError) as error:
            raise FormatError(
                f"{path}: is not a valid ground truth ({error}); write it with GroundTruth.save"
            ) from None


class Orientation(NamedTuple):
    """A lattice as in `GroundTruth`: cell (Å, degrees), and the matrices A = U·B."""

    cell: Cell
    A: FloatArray
    U: FloatArray
    B: FloatArray


def orientation(scene: SceneData) -> Orientation:
    """Return cell and orientation of a scene's crystal at φ = 0."""
    star = scene.lattice.reciprocal.T
    cell = cell_from_vectors(scene.lattice.direct)
    b = reciprocal_vectors(cell)[0].T
    return Orientation(cell, star, star @ np.linalg.inv(b), b)


def bragg_image(
    experiment: Config | Scene, *, pixels: PixelList | None = None, threads: int | None = None
) -> npt.NDArray[np.float32]:
    """Return the photons of the crystal's spots alone: the image without background and halos."""
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    if any(lattice.halos or lattice.config.background != Background() for lattice in scene.lattices):
        first, *others = map(_bare, scene.lattices)
        scene = first.changed(others=tuple(others))
    return simulate(scene, pixels=pixels, threads=threads)


def _bare(scene: Scene) -> Scene:
    """Return a scene of one lattice without background and halos."""
    config = scene.config.replace(background=Background())
    return scene.changed(config=config, amorphous=None, halos=(), halo_factors=())


@public
def bragg_mask(
    experiment: Config | Scene,
    *,
    photons: float | None = None,
    fraction: float | None = None,
    image: npt.ArrayLike | None = None,
    threads: int | None = None,
) -> npt.NDArray[np.bool_]:
    """Return a mask of the pixels that contain Bragg photons.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    photons
        Threshold: pixels with more photons scattered by the crystal are True.
    fraction
        Threshold relative to the brightest pixel at a predicted spot, in place of `photons`; default: 0.001.
    image
        Image without background, if already rendered (`nanobragg.analysis.spots.ground_truth.bragg_image`).
    threads
        Number of threads, as in `simulate`.

    Returns
    -------
    ndarray of bool
        Array of the image's shape.

    Raises
    ------
    ConfigError, ShapeError
        Both thresholds, a negative one, or an image of another shape.
    """
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    limits = {"photons": photons, "fraction": fraction}
    for name, value in limits.items():
        if value is not None and not value >= 0:
            raise ConfigError(f"{name} = {value!r}: must not be negative")
    if photons is not None and fraction is not None:
        raise ConfigError(f"photons = {photons} and fraction = {fraction}: give one of them")
    bragg = reshape_to_scene(bragg_image(scene, threads=threads) if image is None else image, scene)
    if photons is None:
        photons = (MASK_FRACTION if fraction is None else fraction) * _brightest(bragg, predict_spots(scene))
    return np.asarray(bragg > photons)


def _brightest(bragg: npt.NDArray[Any], spots: Spots) -> float:
    """Return the photons in the brightest pixel at the centroid of a spot."""
    flat = bragg.reshape(-1, *bragg.shape[-2:])
    under = flat[spots.panel, spots.slow_px.astype(int), spots.fast_px.astype(int)]
    return float(under.max(initial=0.0))


@public
def ground_truth(
    experiment: Config | Scene, *, image: npt.ArrayLike | None = None, threads: int | None = None
) -> GroundTruth:
    """Return the ground truth of an image, as a data-processing program should find it.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    image
        Image without background and noise, if already rendered.
    threads
        Number of threads, as in `simulate`.

    Returns
    -------
    GroundTruth
        Cell, orientation, spots and mask.
    """
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    lattice = orientation(scene)
    spots = predict_spots(scene)
    bragg = reshape_to_scene(bragg_image(scene, threads=threads) if image is None else image, scene)
    return GroundTruth(
        cell=np.array(lattice.cell), A=lattice.A, U=lattice.U, B=lattice.B,
        n_cells=np.array(scene.n_cells, float), blocks=scene.blocks,
        spindle_axis=scene.spindle_axis, beam_direction=mean_direction(scene),
        phi_start_deg=scene.config.scan.start_deg, phi_range_deg=scene.phi.range * RADIAN_IN_DEGREES,
        mosaic_mean_deg=mean_rotation_deg(scene.mosaic_rotations, scene.domain_list.weights),
        wavelength_A=mean_wavelength_A(scene), spots=spots,
        lattices=np.stack([orientation(each).A for each in scene.lattices]),
        bragg_mask=bragg > MASK_FRACTION * _brightest(bragg, spots), config_sha256=config_digest(scene.experiment),
    )  # fmt: skip


read_ground_truth = GroundTruth.load
