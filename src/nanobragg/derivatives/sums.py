"""Losses and normal equations: sums over the pixels of derivatives, of which nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..config.config import Config
from ..errors import ConfigError
from ..geometry import FloatArray
from ..rendering.cuda.devices import beside
from ..rendering.pixel_selection import PixelList
from ..scene.scene import Scene
from .amplitudes import AmplitudeMap
from .chain import Chain
from .evaluate import Evaluation, Places, as_scene
from .groups import Groups
from .images import Dtype, gradient_of, is_amplitude, wanted_names
from .likelihood import Likelihood, as_noise
from .parameters import check_names, reflection_of
from .weights import weight_images


class Loss(NamedTuple):
    """A loss and its gradient.

    Attributes
    ----------
    loss
        Negative logarithm of the likelihood, less that of a model equal to the data.
    gradient : dict
        Its derivative by each parameter, as `vjp` returns them.
    """

    loss: float
    gradient: dict[str, Any]


class NormalEquations(NamedTuple):
    """The linear equations of a least-squares step, with r = data - model and W the inverse variances.

    Attributes
    ----------
    names
        The parameters.
    chi_squared
        rᵀWr.
    gradient : ndarray, shape (names,)
        JᵀWr.
    matrix : ndarray, shape (names, names)
        JᵀWJ.
    pixels
        Number of pixels.
    """

    names: tuple[str, ...]
    chi_squared: float
    gradient: FloatArray
    matrix: FloatArray
    pixels: int


def loss_and_gradient(
    experiment: Config | Scene,
    data: npt.ArrayLike,
    noise: Likelihood | str | float = "poisson",
    *,
    names: Sequence[str] | None = None,
    pixels: PixelList | None = None,
    dtype: Dtype = "float64",
    threads: int | None = None,
    groups: Groups | None = None,
    device: str = "cpu",
) -> Loss:
    """Return the loss of an image and its gradient, in one pass over the pixels.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    data : array_like of the image's shape
        Measured photons. Pixels that are masked in the Config, or not chosen, may hold anything.
    noise
        "poisson"; the read-out noise in photons, for a normal distribution with the variance m + σ²; or a `Likelihood`.
    names
        As in `vjp`.
    pixels, dtype, threads, groups, device
        As in `derivatives`.

    Returns
    -------
    Loss

    Raises
    ------
    ConfigError
        As `derivatives`; data of another shape, with values that are not finite, or with no pixel left.
    """
    scene, kind = as_scene(experiment), as_noise(noise)
    evaluation = Evaluation(scene, dtype, pixels, threads, device)
    measured = checked_data(scene, data, evaluation.places)
    wanted = wanted_names(scene, names, groups)
    sums, loss = np.zeros((len(scene.geometry), evaluation.count)), 0.0
    slopes = np.zeros(measured.size)
    for block in evaluation.blocks():
        model = block.primitives[0]
        terms = kind.terms(beside(model, measured[block.where]), model)
        loss += float(terms.loss.sum())
        slopes[block.where] = beside(slopes, terms.slope)
        sums[block.panel] += beside(sums, block.primitives @ terms.slope)
    return Loss(loss, gradient_of(scene, wanted, groups, sums, evaluation, slopes))


def normal_equations(
    experiment: Config | Scene,
    data: npt.ArrayLike,
    variance: npt.ArrayLike,
    names: Sequence[str],
    *,
    pixels: PixelList | None = None,
    dtype: Dtype = "float64",
    threads: int | None = None,
    groups: Groups | None = None,
    device: str = "cpu",
) -> NormalEquations:
    """Return the normal equations of a weighted least-squares fit at the present parameters.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    data : array_like of the image's shape
        Measured photons.
    variance
        Variance of every pixel, photons²: a number, or an array of the image's shape.
    names
        Parameters.
    pixels, dtype, threads, groups, device
        As in `derivatives`.

    Returns
    -------
    NormalEquations

    Raises
    ------
    ConfigError
        As `loss_and_gradient`, or a variance that is not positive.
    """
    scene = as_scene(experiment)
    wanted = check_names(scene, names, groups)
    evaluation = Evaluation(scene, dtype, pixels, threads, device)
    measured = checked_data(scene, data, evaluation.places)
    weights = 1.0 / _checked_variance(scene, variance, evaluation.places)
    chi_squared, gradient, matrix = 0.0, np.zeros(len(wanted)), np.zeros((len(wanted), len(wanted)))
    for places, model, jacobian in jacobian_blocks(evaluation, wanted, groups):
        root = np.sqrt(weights[places])
        residual = (measured[places] - model) * root
        jacobian *= root
        chi_squared += float(residual @ residual)
        gradient += jacobian @ residual
        matrix += jacobian @ jacobian.T  # a symmetric product, which takes half the time
    return NormalEquations(tuple(wanted), chi_squared, gradient, matrix, len(evaluation.places))


def jacobian_blocks(
    evaluation: Evaluation, names: list[str], groups: Groups | None
) -> Iterator[tuple[Places | slice, FloatArray, FloatArray]]:
    """Yield places, expected photons (n,) and their derivatives (names, n) of a block of pixels at a time."""
    scene = evaluation.scene
    factors = Chain(scene, groups).factors(names)
    listed = [row for row, name in enumerate(names) if is_amplitude(scene, name)]
    entries = AmplitudeMap(scene) if listed else None
    coefficients = evaluation.coefficients() if listed else None
    by_weight = list(weight_images(scene, names, evaluation.selection, evaluation.threads, evaluation.device))
    for block in evaluation.blocks():
        jacobian = block.project(factors[:, block.panel])
        if entries is not None and coefficients is not None:
            wanted = [reflection_of(names[row]) for row in listed]
            jacobian[listed] = entries.images(next(coefficients), wanted)
        for row, image in by_weight:
            jacobian[row] = image.ravel()[block.where]
        yield block.where, beside(jacobian, block.primitives[0]), jacobian


def checked_data(scene: Scene, data: npt.ArrayLike, places: Places) -> FloatArray:
    """Return the data as a flat array; raises `ConfigError` unless the chosen pixels hold finite values."""
    measured = np.asarray(data, np.float64)
    if measured.shape != scene.shape:
        raise ConfigError(f"data of shape {measured.shape}: must have the image's shape {scene.shape}")
    if not len(places):
        raise ConfigError("data: all pixels are masked or not chosen; check the mask, the ROI and pixels")
    flat = measured.ravel()
    wrong = np.count_nonzero(~np.isfinite(flat[places]))
    if wrong:
        raise ConfigError(
            f"data: {wrong} of {len(places)} pixels are not finite; leave them out, as pixels=np.isfinite(data) does"
        )
    return flat


def _checked_variance(scene: Scene, variance: npt.ArrayLike, places: Places) -> FloatArray:
    given = np.asarray(variance, np.float64)
    if given.ndim and given.shape != scene.shape:
        raise ConfigError(f"variance of shape {given.shape}: must be a number or have the image's shape {scene.shape}")
    flat = np.broadcast_to(given, scene.shape).ravel()
    if not (flat[places] > 0).all():
        raise ConfigError("variance: must be positive in every pixel; add the read-out noise, or leave pixels out")
    with np.errstate(divide="ignore"):
        return np.where(flat > 0, flat, np.inf)
