"""Losses and normal equations: sums over the pixels of derivatives, of which nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..calls import public
from ..config.config import Config
from ..errors import ConfigError
from ..geometry import FloatArray
from ..rendering.pixel_selection import PixelList
from ..scene.scene import Scene
from .evaluate import as_scene, chosen_places
from .experiment import check_experiment_names
from .groups import Groups
from .images import Dtype, checked_response, gradient_of, needs_pixels, transposed, wanted_names
from .jacobian import Jacobian, used_rows
from .joint import Evaluation
from .likelihood import Likelihood, as_noise
from .parts import Places
from .response import Response


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


@public
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
    tolerance: float | None = None,
    tolerance_ph: float | None = None,
    response: Response | None = None,
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
    pixels, dtype, threads, groups, device, tolerance, tolerance_ph, response
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
    computed = checked_response(response, scene, pixels)
    evaluation = Evaluation(scene, dtype, computed, threads, device, tolerance, tolerance_ph)
    wanted = wanted_names(scene, names, groups)
    if response is not None:
        return _loss_of_signal(response, evaluation, data, kind, wanted, groups, chosen_places(scene, pixels, None))
    measured = checked_data(scene, data, evaluation.places)
    extra = evaluation.pass_rows(wanted)
    found = evaluation.compare(
        kind, measured[evaluation.places], extra=extra, slopes=needs_pixels(evaluation, wanted)
    )  # fmt: skip
    return Loss(found.loss, gradient_of(wanted, groups, found.gradient, evaluation, found.slopes))


def _loss_of_signal(
    response: Response,
    evaluation: Evaluation,
    data: npt.ArrayLike,
    noise: Likelihood,
    names: list[str],
    groups: Groups | None,
    places: Places,
) -> Loss:
    """Return the loss of a signal, which needs the whole image before any slope is known: two passes."""
    scene = evaluation.scene
    measured = checked_data(scene, data, places)[places]
    image = np.zeros((1, int(np.prod(scene.shape))))
    evaluation.fill_images(evaluation.total(evaluation.count), image)
    signal = response.apply(image.reshape(scene.shape), evaluation.threads).ravel()[places]
    terms = noise.terms(measured, signal)
    slopes = transposed(response, terms.slope, places, scene, evaluation.threads)[evaluation.places]
    sums = evaluation.products(slopes, evaluation.pass_rows(names))
    gradient = gradient_of(names, groups, sums, evaluation, slopes)
    return Loss(float(terms.loss.sum()), gradient)


@public
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
    tolerance: float | None = None,
    tolerance_ph: float | None = None,
    response: Response | None = None,
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
    pixels, dtype, threads, groups, device, tolerance, tolerance_ph, response
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
    wanted = check_experiment_names(scene, names, groups)
    computed = checked_response(response, scene, pixels)
    evaluation = Evaluation(scene, dtype, computed, threads, device, tolerance, tolerance_ph)
    places = evaluation.places if response is None else chosen_places(scene, pixels, None)
    measured = checked_data(scene, data, places)[places]
    weights = 1.0 / _checked_variance(scene, variance, places)
    jacobian = Jacobian(evaluation, wanted, groups)
    if response is None:
        found = compared(evaluation, Likelihood(), measured, jacobian.factors, jacobian.extra, weights)
        return NormalEquations(tuple(wanted), found.chi_squared, -found.gradient, found.matrix, len(places))
    images = np.zeros((len(wanted) + 1, int(np.prod(scene.shape))))
    factors = np.concatenate([jacobian.factors, evaluation.total(jacobian.factors.shape[2])], axis=1)
    evaluation.fill_images(factors, images, jacobian.extra)
    signals = response.apply(images.reshape(-1, *scene.shape), evaluation.threads).reshape(len(images), -1)[:, places]
    residual, rows = measured - signals[-1], signals[:-1]
    weighted = rows * weights
    return NormalEquations(
        tuple(wanted), float(residual**2 @ weights), weighted @ residual, weighted @ rows.T, len(places)
    )  # fmt: skip


class Equations(NamedTuple):
    """Loss, chi squared, and gradient and Fisher matrix by some variables."""

    loss: float
    chi_squared: float
    gradient: FloatArray
    matrix: FloatArray


def compared(
    evaluation: Evaluation,
    noise: Likelihood,
    data: FloatArray,
    factors: FloatArray,
    extra: FloatArray,
    weights: FloatArray | None = None,
    background: FloatArray | None = None,
) -> Equations:
    """Return the equations of variables whose derivatives are sums of rows.

    Parameters
    ----------
    evaluation
        The scene and the pixels.
    noise, data, weights, background
        As in `Evaluation.compare`.
    factors : ndarray, shape (panels, n, rows)
        Of all rows, for each variable.
    extra
        Rows behind the primitives.
    """
    used = used_rows(factors)
    sums = evaluation.compare(noise, data, weights=weights, background=background, extra=extra, used=used)
    some = factors[:, :, used]
    gradient = np.einsum("pnk,pk->n", some, sums.gradient[:, used])
    return Equations(sums.loss, sums.chi_squared, gradient, (some @ sums.matrix @ some.transpose(0, 2, 1)).sum(axis=0))


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
    return flat[places]
