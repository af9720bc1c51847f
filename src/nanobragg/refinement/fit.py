"""Levenberg and Marquardt's method on normal matrices of many images that share some parameters."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..derivatives.damage import damage_numbers
from ..derivatives.experiment import experiment_parameters, moved_experiment
from ..derivatives.groups import Groups
from ..derivatives.jacobian import Jacobian
from ..derivatives.joint import Evaluation
from ..derivatives.likelihood import Likelihood
from ..derivatives.response import Response
from ..derivatives.sums import checked_data, compared
from ..errors import ConfigError, without_warnings
from ..geometry import FloatArray
from ..rendering.pixel_selection import PixelList
from ..rendering.simulate import simulate
from ..rendering.threads import rendering_threads
from ..scene.scene import Scene
from .degrees import MOST_LOG_STEP, OFFSET, Degree
from .planes import Planes

CONVERGED = 0.01  # of a standard error: the largest step at the minimum
STUCK = 1.0  # of a standard error: a step as large that leads nowhere is not at the minimum
SINGULAR = 1e-11  # smallest eigenvalue of a normal matrix with a unit diagonal
FIRST_DAMPING, DAMPING_FACTOR, MOST_DAMPING = 1e-3, 10.0, 1e10
log = logging.getLogger(__name__)


class Image(NamedTuple):
    """One measured image with its scene at the start, and planes of background that are free in boxes of pixels."""

    scene: Scene
    data: FloatArray
    pixels: PixelList | None
    planes: Planes | None


class Step(NamedTuple):
    """State after an iteration, for progress."""

    iteration: int
    loss: float
    values: Mapping[str, float]


class State(NamedTuple):
    """Scenes and values of the degrees of freedom: of every image its own, and the shared ones."""

    scenes: list[Scene]
    own: list[FloatArray]
    shared: FloatArray


class Sums(NamedTuple):
    """Loss, gradient and Fisher matrix of one image, by its own and the shared degrees of freedom."""

    loss: float
    chi_squared: float
    pixels: int
    gradient: FloatArray
    matrix: FloatArray


class Fit:
    """A fit of images by Levenberg and Marquardt's method.

    Parameters
    ----------
    images
        The images.
    own, shared
        Degrees of freedom of every image, and those that all images share.
    noise
        Scatter of the data.
    priors
        Mean and standard deviation by name.
    bounds
        Lowest and highest value by name.
    groups, threads, dtype
        As in `derivatives`.
    response
        Response of the detector.
    """

    def __init__(
        self,
        images: list[Image],
        own: list[Degree],
        shared: list[Degree],
        noise: Likelihood,
        *,
        priors: Mapping[str, tuple[float, float]],
        bounds: Mapping[str, tuple[float, float]],
        groups: Groups | None,
        threads: int | None,
        dtype: str,
        response: Response | None,
    ) -> None:
        self.images, self.own, self.shared, self.noise = images, own, shared, noise
        self.degrees = [*own, *shared]
        self._priors = [priors.get(degree.name) for degree in self.degrees]
        self._bounds = np.array([bounds.get(degree.name, (-np.inf, np.inf)) for degree in self.degrees])
        self.groups, self.threads, self._dtype = groups, threads, dtype
        self.response = response
        self._names = list(dict.fromkeys(name for degree in self.degrees for name in degree.parameters))

    def start(self) -> State:
        """Return the state at the start."""
        starts = [start_values(image.scene, self.own, self.groups) for image in self.images]
        shared = start_values(self.images[0].scene, self.shared, self.groups)
        return State([image.scene for image in self.images], starts, shared)

    def has_prior(self, name: str) -> bool:
        """Return whether a degree of freedom has a prior."""
        return any(degree.name == name and prior for degree, prior in zip(self.degrees, self._priors, strict=True))

    def bounds_of(self, name: str) -> tuple[float, float]:
        """Return the lowest and the highest value of a degree of freedom."""
        low, high = self._bounds[[degree.name for degree in self.degrees].index(name)].tolist()
        return low, high

    def run(
        self, state: State, sums: list[Sums], most: int, report: Callable[[Step], None]
    ) -> tuple[State, list[Sums], int, bool]:
        """Iterate from a state with its sums; return the best one, its sums, the iterations and whether it converged.

        Ctrl-C ends the iteration with the best state so far.
        """
        damping, iteration = FIRST_DAMPING, 0
        self.covariance(state, sums)  # says which combination of parameters is not determined, before time is spent
        try:
            for iteration in range(1, most + 1):
                loss = self.total(state, sums)
                report(Step(iteration - 1, loss, self.named(state)))
                better = self._improve(state, sums, loss, damping)
                if better is None:
                    return state, sums, iteration, self.step(state, sums, damping)[2] < STUCK
                state, sums, damping = better
        except KeyboardInterrupt:
            log.warning("interrupted after %d iterations", iteration)
        return state, sums, iteration, False

    def _improve(
        self, state: State, sums: list[Sums], loss: float, damping: float
    ) -> tuple[State, list[Sums], float] | None:
        """Return a better state, with its sums and the next damping; None if no step that matters leads to one."""
        while damping < MOST_DAMPING:
            own, shared, size = self.step(state, sums, damping)
            if size < CONVERGED:
                return None
            try:
                trial = self.moved(state, own, shared)
                trial_sums = self.evaluate(trial)
            except ConfigError as error:  # beyond what a Config allows
                log.debug("step refused: %s", error)
            else:
                if self.total(trial, trial_sums) < loss:
                    return trial, trial_sums, max(damping / DAMPING_FACTOR, 1e-12)
            damping *= DAMPING_FACTOR
        return None

    def evaluate(self, state: State) -> list[Sums]:
        """Return the sums of all images."""
        return [
            self._sums(image, scene, np.concatenate([own, state.shared]))
            for image, scene, own in zip(self.images, state.scenes, state.own, strict=True)
        ]

    def _sums(self, image: Image, scene: Scene, values: FloatArray) -> Sums:
        if image.planes is not None or self.response is not None:
            return self._sums_from_images(image, scene, values)
        evaluation = Evaluation(scene, self._dtype, image.pixels, self.threads)
        data = checked_data(scene, image.data, evaluation.places)
        jacobian = Jacobian(evaluation, self._names, self.groups)
        flat = self._flat()
        factors = np.concatenate(
            [self._mixing(values) @ jacobian.factors, np.tile(flat[:, np.newaxis], (len(scene.geometry), 1, 1))], axis=2
        )
        level = np.ones((1, len(evaluation.places)))
        found = compared(
            evaluation, self.noise, data[evaluation.places], factors, np.concatenate([jacobian.extra, level]),
            background=float(values[flat].sum()) * level[0],
        )  # fmt: skip
        return Sums(found.loss, found.chi_squared, len(evaluation.places), found.gradient, found.matrix)

    def _flat(self) -> npt.NDArray[np.bool_]:
        return np.array([degree.name == OFFSET for degree in self.degrees])

    def _sums_from_images(self, image: Image, scene: Scene, values: FloatArray) -> Sums:
        """Return the sums of an image whose derivatives have to be spread, or are reduced by free planes."""
        jacobian, model, places = self.derivative_rows(image, scene, values)
        data = checked_data(scene, image.data, places)[places]
        if image.planes is not None:
            model = model + image.planes.fit(self.noise, data, model)
        terms = self.noise.terms(data, model)
        matrix = (jacobian * terms.weight) @ jacobian.T
        if image.planes is not None:
            matrix -= image.planes.eliminated(jacobian, terms.weight)
        return Sums(float(terms.loss.sum()), float(terms.deviation.sum()), len(places), jacobian @ terms.slope, matrix)

    def derivative_rows(
        self, image: Image, scene: Scene, values: FloatArray
    ) -> tuple[FloatArray, FloatArray, npt.NDArray[np.int64]]:
        """Return derivatives by the steps (degrees, pixels), the expected signal, and the places of the pixels."""
        places = Evaluation(scene, self._dtype, image.pixels, self.threads).places
        flat = self._flat()
        evaluation = Evaluation(scene, self._dtype, image.pixels if self.response is None else None, self.threads)
        jacobian = Jacobian(evaluation, self._names, self.groups)
        factors = np.concatenate([jacobian.factors, evaluation.total(jacobian.factors.shape[2])], axis=1)
        images = np.zeros((len(self._names) + 1, int(np.prod(scene.shape))))
        evaluation.fill_images(factors, images, jacobian.extra)
        if self.response is not None:
            images = self.response.apply(images.reshape(-1, *scene.shape), evaluation.threads)
            images = images.reshape(len(self._names) + 1, -1)
        chosen = np.ascontiguousarray(images[:, places])
        rows = self._mixing(values) @ chosen[:-1]
        rows[flat] = 1.0
        return rows, chosen[-1] + float(values[flat].sum()), places

    def signal(self, image: Image, scene: Scene, offset: float) -> tuple[FloatArray, FloatArray | None]:
        """Return the expected signal of a scene with a constant background, of the image's shape, and free planes."""
        signal = simulate(scene, dtype="float64", threads=self.threads)
        if self.response is not None:
            signal = self.response.apply(signal, rendering_threads(self.threads))
        signal = signal + offset
        if image.planes is None:
            return signal, None
        places = Evaluation(scene, self._dtype, image.pixels, self.threads).places
        background = np.zeros(signal.size)
        background[places] = image.planes.fit(self.noise, image.data.ravel()[places], signal.ravel()[places])
        return signal, background.reshape(signal.shape)

    def _mixing(self, values: FloatArray) -> FloatArray:
        """Return the derivatives of the scene's parameters by the steps, transposed: (degrees, parameters)."""
        mixing = np.zeros((len(self.degrees), len(self._names)))
        for row, (degree, value) in enumerate(zip(self.degrees, values, strict=True)):
            for name, factor in degree.parameters.items():
                mixing[row, self._names.index(name)] = factor * (value if degree.positive else 1.0)
        return mixing

    def total(self, state: State, sums: list[Sums]) -> float:
        """Return the loss of all images with that of the priors."""
        loss = sum(part.loss for part in sums)
        for own in state.own:
            loss += self._prior(np.concatenate([own, np.full(len(self.shared), np.nan)]))[0]
        return loss + self._prior(np.concatenate([np.full(len(self.own), np.nan), state.shared]))[0]

    def _prior(self, values: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return loss, gradient and curvature of the priors, by steps; values that are NaN do not count."""
        loss, gradient, curvature = 0.0, np.zeros(len(values)), np.zeros(len(values))
        for row, (degree, value, prior) in enumerate(zip(self.degrees, values, self._priors, strict=True)):
            if prior is None or math.isnan(value):
                continue
            mean, sigma = prior
            scale = value if degree.positive else 1.0
            loss += 0.5 * ((value - mean) / sigma) ** 2
            gradient[row] = scale * (value - mean) / sigma**2
            curvature[row] = (scale / sigma) ** 2
        return loss, gradient, curvature

    def equations(self, state: State, sums: list[Sums]) -> list[tuple[FloatArray, FloatArray]]:
        """Return gradient and matrix of every image with its priors; those of shared values are in the first one."""
        equations = []
        for number, (own, part) in enumerate(zip(state.own, sums, strict=True)):
            shared = state.shared if number == 0 else np.full(len(self.shared), np.nan)
            _, gradient, curvature = self._prior(np.concatenate([own, shared]))
            equations.append((part.gradient + gradient, part.matrix + np.diag(curvature)))
        return equations

    def step(self, state: State, sums: list[Sums], damping: float) -> tuple[list[FloatArray], FloatArray, float]:
        """Return the damped steps of every image and the shared ones, and the largest undamped one in standard errors.

        A standard error here is that of the value with all others known.
        """
        held = [self._held(np.concatenate([own, state.shared]), part.gradient)
                for own, part in zip(state.own, sums, strict=True)]  # fmt: skip
        equations = self.equations(state, sums)
        own, shared = solve_arrow(equations, len(self.own), damping, held)
        free_own, free_shared = solve_arrow(equations, len(self.own), 0.0, held) if damping > 0 else (own, shared)
        size = 0.0
        for (_, matrix), one in zip(equations, free_own, strict=True):
            change = np.concatenate([one, free_shared])
            size = max(size, float(np.abs(change * np.sqrt(np.diag(matrix))).max(initial=0.0)))
        return own, shared, size

    def _held(self, values: FloatArray, gradient: FloatArray) -> npt.NDArray[np.bool_]:
        """Return which values are at a bound that the gradient pushes them against."""
        low, high = self._bounds.T
        return np.asarray(((values <= low) & (gradient > 0)) | ((values >= high) & (gradient < 0)))

    def moved(self, state: State, own: list[FloatArray], shared: FloatArray) -> State:
        """Return the state after steps."""
        scenes, values = [], []
        after_shared = state.shared
        for scene, before, step in zip(state.scenes, state.own, own, strict=True):
            start = np.concatenate([before, state.shared])
            end = self._stepped(start, np.concatenate([step, shared]))
            changes: dict[str, float] = {}
            for degree, change in zip(self.degrees, end - start, strict=True):
                for name, factor in degree.parameters.items():
                    changes[name] = changes.get(name, 0.0) + factor * change
            scenes.append(moved_scene(scene, changes, self.groups))
            values.append(end[: len(self.own)])
            after_shared = end[len(self.own) :]
        return State(scenes, values, after_shared)

    def _stepped(self, values: FloatArray, step: FloatArray) -> FloatArray:
        """Return values after a step, which is limited to typical changes and to the bounds."""
        after = np.empty(len(values))
        for row, degree in enumerate(self.degrees):
            if degree.positive:
                after[row] = values[row] * math.exp(np.clip(step[row], -MOST_LOG_STEP, MOST_LOG_STEP))
            else:
                after[row] = values[row] + np.clip(step[row], -degree.scale, degree.scale)
        return np.asarray(np.clip(after, *self._bounds.T))

    def named(self, state: State) -> dict[str, float]:
        """Return the values of the first image and the shared ones by name."""
        values = np.concatenate([state.own[0], state.shared])
        return {degree.name: float(value) for degree, value in zip(self.degrees, values, strict=True)}

    def covariance(self, state: State, sums: list[Sums]) -> list[FloatArray]:
        """Return the covariance of every image's own and the shared values, in their units.

        Raises
        ------
        ConfigError
            A combination of parameters is not determined.
        """
        equations = self.equations(state, sums)
        count = len(self.own)
        found: list[FloatArray] = []
        shared = _shared_matrix(equations, count)
        for (_, matrix), own in zip(equations, state.own, strict=True):
            full = matrix.copy()
            full[count:, count:] = (
                shared + matrix[count:, :count] @ _pseudo(matrix[:count, :count]) @ matrix[:count, count:]
            )
            check_determined(full, [degree.name for degree in self.degrees])
            values = np.concatenate([own, state.shared])
            scales = np.where([degree.positive for degree in self.degrees], values, 1.0)
            found.append(np.linalg.inv(full) * np.outer(scales, scales))
        return found


def start_values(scene: Scene, degrees: list[Degree], groups: Groups | None) -> FloatArray:
    """Return the values of degrees of freedom in a scene."""
    values = known_values(scene, degrees, groups)
    return np.array([values.get(degree.name, degree.start) for degree in degrees])


def known_values(scene: Scene, degrees: list[Degree], groups: Groups | None) -> dict[str, float]:
    """Return the values of all parameters of a scene, and of rates of damage also before any dose, by name."""
    known = experiment_parameters(scene, groups, [degree.name for degree in degrees])
    return {**damage_numbers(scene), **{name: parameter.value for name, parameter in known.items()}}


def moved_scene(scene: Scene, changes: Mapping[str, float], groups: Groups | None) -> Scene:
    """Return a scene with changed parameters, without the warnings that its start has given."""
    with without_warnings():
        return Scene(moved_experiment(scene, changes, groups))


def _pseudo(matrix: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.pinv(matrix, hermitian=True)) if len(matrix) else matrix


def _shared_matrix(equations: list[tuple[FloatArray, FloatArray]], own: int) -> FloatArray:
    """Return the matrix of the shared values when every image's own are free."""
    return np.asarray(sum(
        matrix[own:, own:] - matrix[own:, :own] @ _pseudo(matrix[:own, :own]) @ matrix[:own, own:]
        for _, matrix in equations
    ))  # fmt: skip


def solve_arrow(
    equations: list[tuple[FloatArray, FloatArray]], own: int, damping: float, held: list[npt.NDArray[np.bool_]]
) -> tuple[list[FloatArray], FloatArray]:
    """Return the steps of every image's own values, and of the shared ones, that solve damped normal equations.

    The images' own values are eliminated first, so that the equations of the shared ones remain (Schur complement).
    """
    shared = len(equations[0][0]) - own
    reduced, right = np.zeros((shared, shared)), np.zeros(shared)
    parts = []
    fixed = held[0][own:] if held else np.zeros(shared, bool)
    for (gradient, matrix), still in zip(equations, held, strict=True):
        damped = matrix + np.diag(damping * np.diag(matrix) + 1e-300)
        g = np.where(still, 0.0, gradient)
        damped[still] = damped[:, still] = 0.0
        damped[still, still] = 1.0
        inverse = _pseudo_scaled(damped[:own, :own])
        cross = damped[:own, own:]
        reduced += damped[own:, own:] - cross.T @ inverse @ cross
        right += -g[own:] + cross.T @ inverse @ g[:own]
        parts.append((inverse, cross, g[:own]))
    reduced[fixed] = reduced[:, fixed] = 0.0
    reduced[fixed, fixed] = 1.0
    right[fixed] = 0.0
    together = _pseudo_scaled(reduced) @ right
    return [inverse @ (-g - cross @ together) for inverse, cross, g in parts], together


def _pseudo_scaled(matrix: FloatArray) -> FloatArray:
    """Return the inverse of a positive matrix; directions that are not determined at all are left alone."""
    if not len(matrix):
        return matrix
    scale = 1.0 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    values, vectors = np.linalg.eigh(matrix * np.outer(scale, scale))
    inverse = np.where(values > SINGULAR, 1.0 / np.where(values > SINGULAR, values, 1.0), 0.0)
    return np.asarray((vectors * inverse) @ vectors.T * np.outer(scale, scale))


def check_determined(matrix: FloatArray, names: list[str]) -> None:
    """Raise `ConfigError` if a combination of parameters is not determined; it is named."""
    diagonal = np.diag(matrix)
    if (diagonal <= 0).any():
        name = names[int(np.argmin(diagonal))]
        raise ConfigError(f"vary: {name} has no effect on the chosen pixels; leave it out, or give a prior")
    scale = 1.0 / np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(matrix * np.outer(scale, scale))
    if values[0] > SINGULAR:
        return
    direction = vectors[:, 0] * scale
    direction /= np.abs(direction).max()
    weights = np.abs(vectors[:, 0])
    terms = [f"{direction[i]:+.3g} {names[i]}" for i in np.argsort(-weights) if weights[i] > 0.05]
    raise ConfigError(
        f"vary: the data do not determine {' '.join(terms)}; leave one of them out, tie them, or give a prior"
    )
