"""One shot of a data set: its image, and the truth about each of its crystals."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..analysis.resolution import mean_wavelength_A
from ..analysis.spots.ground_truth import Orientation, orientation
from ..analysis.spots.predict import Spots, predict_spots
from ..calls import public
from ..config.background import Background
from ..config.config import Config
from ..config.crystal import Crystal
from ..config.structure_factors import StructureFactors
from ..constants import EV_ANGSTROM
from ..errors import without_warnings
from ..rendering.cuda.choice import device_context
from ..rendering.cuda.devices import cupy, to_host
from ..rendering.simulate import simulate
from ..response.noise import add_noise
from ..scene.scene import Scene
from .description import Description, Values

log = logging.getLogger(__name__)
NO_CRYSTAL: dict[str, Any] = {  # scatters nothing, and costs one term for each source
    **dict.fromkeys(("crystals", "fractions", "factors_of_crystals")),
    "crystal": Crystal(cell=(10,)),
    "structure_factors": StructureFactors.constant(0),
    "beam.bandwidth_percent": 0.0,  # which smeared crystals need
}


class CrystalTruth:
    """The truth about one crystal of a shot; the individuals of a twin are crystals of their own.

    Attributes
    ----------
    scene : Scene
        The crystal in the beam of its shot; its `config` is that of the crystal.
    number : int
        Number of its values in `Shot.values.crystals`.
    """

    def __init__(self, scene: Scene, number: int = 0) -> None:
        self.scene, self.number = scene, number

    def __repr__(self) -> str:
        return f"<CrystalTruth: cell {' '.join(f'{x:.5g}' for x in self.orientation.cell)}>"

    @property
    def config(self) -> Config:
        """The experiment with this crystal alone."""
        return self.scene.config

    @cached_property
    def orientation(self) -> Orientation:
        """Cell and orientation as in `GroundTruth`: `cell`, `A`, `U` and `B`."""
        return orientation(self.scene)

    @property
    def wavelength_A(self) -> float:
        """Mean wavelength of the sources, Å."""
        return mean_wavelength_A(self.scene)

    @cached_property
    def spots(self) -> Spots:
        """The spots of `predict_spots`; they are predicted when they are first asked for."""
        return predict_spots(self.scene)


@public
@dataclass(frozen=True, eq=False)
class Shot:
    """One shot of a data set.

    Attributes
    ----------
    number : int
        Number of the shot, from 0.
    image : ndarray, shape (slow, fast), or (panels, slow, fast) for several panels
        The image as recorded, or expected photons if the base of the data set has no noise.
    config : Config
        The experiment with its first crystal; without crystals, with that of the base.
    values : Values
        The values of the fields that vary: `values.shot` and `values.crystals`.
    truth : tuple of CrystalTruth
        One for each crystal, or for each individual of a twin.
    photons : float
        Expected photons of the whole image.
    wavelength_A : float
        Mean wavelength of the beam, Å.
    noise_seed : int or None
        Seed of the noise; None without noise.
    """

    number: int
    image: npt.NDArray[Any]
    config: Config
    values: Values
    truth: tuple[CrystalTruth, ...]
    photons: float
    wavelength_A: float
    noise_seed: int | None

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.image.shape))
        crystals = "1 crystal" if len(self.truth) == 1 else f"{len(self.truth)} crystals"
        return f"<Shot {self.number}: {size} {self.image.dtype}, {crystals}, {self.photons:.4g} photons>"


class UnexposedShot(NamedTuple):
    """All of a shot but its image; attributes as in `Shot`, and the scenes to render, of crystals with their twins."""

    number: int
    config: Config
    values: Values
    scenes: tuple[Scene, ...]
    truth: tuple[CrystalTruth, ...]
    wavelength_A: float
    noise_seed: int | None


def make_shot(plan: Description, k: int, threads: int | None, device: str = "cpu") -> Shot:
    """Return shot k, 0 ≤ k < n, of a data set, made on a device; `Shot.image` is in this machine's memory."""
    return expose(set_up(plan, k), threads, device)


def set_up(plan: Description, k: int) -> UnexposedShot:
    """Return shot k without its image."""
    values = plan.values(k)
    configs = plan.configs_of(values)
    with without_warnings():  # the base's concern them all
        scenes = _scenes(values, configs)
        truth = tuple(CrystalTruth(lattice, i) for i, scene in enumerate(scenes) for lattice in scene.lattices)
        wavelength = truth[0].wavelength_A if truth else mean_wavelength_A(Scene(configs[0].replace(NO_CRYSTAL)))
    seed = None if configs[0].noise is None else plan.noise_seed(k)
    return UnexposedShot(k, configs[0], values, scenes, truth, wavelength, seed)


def expose(shot: UnexposedShot, threads: int | None, device: str = "cpu") -> Shot:
    """Return a shot with its image, made on a device."""
    number, config, values, scenes, truth, wavelength, seed = shot
    with device_context(device):
        with without_warnings():
            image = render_crystals(scenes, config, threads, device)
        photons = float(image.sum(dtype=np.float64))
        if seed is not None:
            image = add_noise(image, config, seed=seed, threads=threads, device=device)
        return Shot(number, to_host(image), config, values, truth, photons, wavelength, seed)


def _scenes(values: Values, configs: tuple[Config, ...]) -> tuple[Scene, ...]:
    """Return the scenes of a shot's crystals, the first with the background; none without crystals."""
    if not values.crystals:
        return ()
    return tuple(Scene(_at_beam_energy(config)) for config in _without_doubled_background(configs))


def render_crystals(scenes: Sequence[Scene], config: Config, threads: int | None, device: str = "cpu") -> Any:
    """Return the expected photons of several crystals in one image; without any, the background of `config`.

    The first scene has the background of all. The image is in the memory of the device.
    """
    image = (np if device == "cpu" else cupy()).zeros(config.detector.shape, np.float32)
    parts: list[Any] = [*scenes]
    if not scenes and config.background != Background():
        parts = [config.replace(NO_CRYSTAL)]
    for number, part in enumerate(parts):
        simulate(part, out=image, add=number > 0, threads=threads, device=device)
    return image


def _without_doubled_background(configs: tuple[Config, ...]) -> list[Config]:
    return [configs[0], *(config.replace(background=Background()) for config in configs[1:])]


def _at_beam_energy(config: Config) -> Config:
    """Return a Config with structure factors at the energy of its beam, of which the base keeps no copy."""
    factors = config.structure_factors
    if not factors.needs_beam_energy:
        return config
    return config.replace(structure_factors=factors.replace(energies_eV=[EV_ANGSTROM / config.beam.wavelength]))
