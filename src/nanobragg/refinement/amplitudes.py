"""Refinement of the amplitudes of many reflections against many images."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..calls import public
from ..config.config import Config
from ..config.structure_factors import StructureFactors
from ..derivatives.amplitudes import AmplitudeMap
from ..derivatives.cells import crystal_cell
from ..derivatives.evaluate import as_scene
from ..derivatives.joint import Evaluation
from ..derivatives.lattices import share_amplitudes
from ..derivatives.likelihood import Likelihood, as_noise
from ..derivatives.sums import checked_data
from ..errors import ConfigError
from ..geometry import FloatArray
from ..rendering.simulate import simulate
from ..scene.scene import Scene
from ..structure_factors.symmetry import IndexArray, equivalent_groups, rotations_of, space_group_on_axes
from .amplitude_minimisers import MINIMISERS, fisher_diagonal
from .refine import boxes_of, measured_photons, selected_pixels, valid_pixels

BOX_RADIUS = 4.0  # pixels around a predicted spot
log = logging.getLogger(__name__)


@public
class AmplitudeRefinement(NamedTuple):
    """Refined amplitudes.

    Attributes
    ----------
    indices : ndarray, shape (n, 3)
        One reflection of each set of equivalents that the images determine: those whose intensity is expected to have a
        standard error below its start.
    amplitudes, errors : ndarray, shape (n,)
        Electrons; standard errors are those of each amplitude with all others known.
    structure_factors : StructureFactors
        All listed reflections of the P1 cell, with the refined amplitudes where there are any.
    loss, start_loss
        Negative logarithm of the likelihood, less that of a model equal to the data.
    iterations, converged
        Number of iterations, and whether the last step was far below the standard errors.
    """

    indices: IndexArray
    amplitudes: FloatArray
    errors: FloatArray
    structure_factors: StructureFactors
    loss: float
    start_loss: float
    iterations: int
    converged: bool


@public
def refine_amplitudes(
    experiments: Sequence[Config | Scene],
    data: Sequence[npt.ArrayLike],
    *,
    noise: Likelihood | str | float = "poisson",
    space_group: str | None = None,
    friedel: bool = True,
    pixels: Any = "shoeboxes",
    method: Literal["newton", "l-bfgs-b"] = "newton",
    most_iterations: int = 30,
    threads: int | None = None,
) -> AmplitudeRefinement:
    """Refine the amplitudes of all reflections that images hold, at known geometry and crystals.

    A pixel's expected photons are linear in the squared amplitudes, so that the negative logarithm of the likelihood is
    convex in them. The factors are computed once for each image; Newton steps, solved by conjugate gradients, minimise
    it over the squares, which stay positive.

    Parameters
    ----------
    experiments, data
        The experiment and the measured photons of every image. All have the structure factors of the first, which are
        the start; the nearest reflection counts (`interpolate=False`). Twins and further crystals have them as well.
    noise
        As in `refine`.
    space_group
        Symbol or number: reflections that its symmetry relates have one amplitude. Default: that of the structure
        factors, otherwise P 1.
    friedel
        Whether h and -h have one amplitude.
    pixels
        As in `refine`, with boxes of 9 pixels.
    method
        "newton", or SciPy's "l-bfgs-b", which takes more iterations, each of one product with the factors.
    most_iterations
        Largest number of iterations.
    threads
        As in `simulate`.

    Returns
    -------
    AmplitudeRefinement

    Raises
    ------
    ConfigError
        As `refine`; structure factors without a list, at several energies, or interpolated.
    """
    if not experiments or len(experiments) != len(data):
        raise ConfigError(f"refine_amplitudes: {len(experiments)} experiments and {len(data)} images; give one of each")
    if method not in MINIMISERS:
        raise ConfigError(f"method = {method!r}: must be one of {', '.join(MINIMISERS)}")
    scenes = [as_scene(experiment) for experiment in experiments]
    (indices, amplitudes), *_ = [_listing(scene) for scene in scenes]
    first = scenes[0]
    name = space_group or first.undamaged.structure_factors.space_group or "P 1"
    rotations = rotations_of(space_group_on_axes(name, crystal_cell(first), "space_group").operations())
    unique, group = equivalent_groups(indices, rotations, friedel=friedel)
    system = _System(group, len(unique), as_noise(noise))
    for number, (scene, image) in enumerate(zip(scenes, data, strict=True)):
        system.add(scene, image, amplitudes, pixels, threads)
        log.debug("image %d: %d pixels", number, len(system.measured[-1]))
    squares = np.zeros(len(unique))
    np.maximum.at(squares, group, amplitudes**2)
    found = _refined(system, squares, method, most_iterations)
    squares[found.known] = found.squares
    everything = np.where(found.known[group], np.sqrt(squares[group]), amplitudes)
    factors = first.undamaged.structure_factors
    return AmplitudeRefinement(
        indices=unique[found.known], amplitudes=np.sqrt(found.squares), errors=found.errors(),
        structure_factors=StructureFactors(
            indices=indices, amplitudes=everything, cell=factors.known_cell, default_F=factors.default_F,
            interpolate=False,
        ),
        loss=found.loss, start_loss=found.start_loss, iterations=found.iterations, converged=found.converged,
    )  # fmt: skip


class _Refined(NamedTuple):
    """Squared amplitudes of the sets of equivalents that are `known`, with their standard deviations."""

    known: npt.NDArray[np.bool_]
    squares: FloatArray
    deviations: FloatArray
    loss: float
    start_loss: float
    iterations: int
    converged: bool

    def errors(self) -> FloatArray:
        """Return the standard errors of the amplitudes; of those near 0, the root of that of the square."""
        amplitudes = np.sqrt(self.squares)
        return np.minimum(self.deviations / (2.0 * np.maximum(amplitudes, 1e-12)), np.sqrt(self.deviations))


def _refined(system: _System, start: FloatArray, method: str, most_iterations: int) -> _Refined:
    """Return the most likely squares of all sets that the images determine."""
    noise = system.noise
    matrix, measured, rest, known = system.assembled(start)
    begun = float(noise.terms(measured, matrix @ start[known] + rest).loss.sum())
    squares, iterations, converged = MINIMISERS[method](noise, matrix, measured, rest, start[known], most_iterations)
    terms = noise.terms(measured, matrix @ squares + rest)
    deviations = 1.0 / np.sqrt(np.maximum(fisher_diagonal(matrix, terms.weight), 1e-300))
    return _Refined(known, squares, deviations, float(terms.loss.sum()), begun, iterations, converged)


def _listing(scene: Scene) -> tuple[IndexArray, FloatArray]:
    """Return the list of amplitudes of all lattices; raises `ConfigError` unless all of them can be refined."""
    if not share_amplitudes(scene):
        raise ConfigError("refine_amplitudes: the crystals have amplitudes of their own; give one list for all of them")
    first, *_ = [_listing_of(lattice) for lattice in scene.lattices]
    return first


def _listing_of(scene: Scene) -> tuple[IndexArray, FloatArray]:
    """Return the list of amplitudes of a lattice."""
    listing = scene.undamaged.structure_factors.listing
    if scene.halos:
        raise ConfigError("refine_amplitudes: Crystal.diffuse: amplitudes of halos are not refined; leave it out")
    if listing is None:
        raise ConfigError("refine_amplitudes: the structure factors are one constant; list the reflections to refine")
    if listing[1].ndim > 1:
        raise ConfigError("refine_amplitudes: the amplitudes are listed at several energies; give them at one")
    if scene.lookup != "nearest":
        raise ConfigError("refine_amplitudes: amplitudes are interpolated; use StructureFactors(interpolate=False)")
    return listing


class _System:
    """The linear system of all images: pixels by sets of equivalent reflections."""

    def __init__(self, group: npt.NDArray[np.int64], count: int, noise: Likelihood) -> None:
        self._group, self._count, self.noise = group, count, noise
        self.measured: list[FloatArray] = []
        self._rest: list[FloatArray] = []
        self._blocks: list[Any] = []

    def add(self, scene: Scene, data: npt.ArrayLike, amplitudes: FloatArray, pixels: Any, threads: int | None) -> None:
        """Add an image: the factors of squared amplitudes in each pixel, and what does not depend on them."""
        from scipy import sparse

        photons = measured_photons(scene, data)
        boxes = boxes_of(scene, pixels, BOX_RADIUS)
        chosen = selected_pixels(scene, valid_pixels(scene, photons), pixels if boxes is None else boxes)
        evaluation = Evaluation(scene, np.float64, chosen, threads)
        parts = []
        for lattice in evaluation.lattices:
            entries, before = AmplitudeMap(lattice.scene), 0
            for sums in lattice.coefficients():
                pixel, row, value = entries.squares(sums)
                parts.append((pixel + before, row, value))
                before += len(sums.places)
        pixel, row, value = (np.concatenate(part) for part in zip(*parts, strict=True))
        shape = (len(evaluation.places), self._count)
        matrix = sparse.coo_matrix((value, (pixel, self._group[row])), shape).tocsr()
        model = simulate(scene, pixels=chosen, dtype="float64", threads=threads).ravel()[evaluation.places]
        listed = np.bincount(pixel, value * amplitudes[row] ** 2, len(model))
        self._blocks.append(matrix)
        self._rest.append(model - listed)
        self.measured.append(checked_data(scene, photons, evaluation.places)[evaluation.places])

    def assembled(self, squares: FloatArray) -> tuple[Any, FloatArray, FloatArray, npt.NDArray[np.bool_]]:
        """Return the matrix by the sets that the images determine, the data, the rest of the model, and which they are.

        A set is determined if the standard error of its squared amplitude is expected to be below the square.
        """
        from scipy import sparse

        matrix, measured = sparse.vstack(self._blocks).tocsr(), np.concatenate(self.measured)
        model = matrix @ squares + np.concatenate(self._rest)
        known = fisher_diagonal(matrix, 1.0 / self.noise.variance(model)) * squares**2 > 1.0
        if not known.any():
            raise ConfigError(
                "refine_amplitudes: the images determine no amplitude; check scale, background and pixels"
            )
        chosen = matrix.tocsc()[:, known].tocsr()
        return chosen, measured, model - chosen @ squares[known], known
