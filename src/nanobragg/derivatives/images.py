"""Images of derivatives, and their products with vectors from either side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from ..calls import public
from ..config.config import Config
from ..errors import ConfigError
from ..geometry import FloatArray
from ..rendering.pixel_selection import PixelList
from ..scene.scene import Scene
from .amplitudes import AmplitudeMap
from .chain import Chain
from .combinations import combination_images, needs_combination
from .evaluate import LatticeEvaluation, as_scene, chosen_places
from .experiment import check_experiment_names, every_name
from .groups import Groups
from .jacobian import Jacobian, is_amplitude
from .joint import Evaluation
from .lattices import parts_of
from .names import reflection_of
from .parts import Places
from .response import Response

Dtype = Literal["float32", "float64"]


class DerivativeReport(NamedTuple):
    """Upper bounds of what derivatives miss because terms are left out.

    Attributes
    ----------
    bound_ph : float
        Upper bound of the photons that any pixel misses; 0 if no term was left out.
    bounds : dict
        Upper bound of what the derivative by each parameter misses in any pixel, photons per unit.
    """

    bound_ph: float
    bounds: dict[str, float]


@overload
def derivatives(
    experiment: Config | Scene,
    names: Sequence[str],
    *,
    pixels: PixelList | None = ...,
    dtype: Dtype = ...,
    threads: int | None = ...,
    groups: Groups | None = ...,
    device: str = ...,
    tolerance: float | None = ...,
    tolerance_ph: float | None = ...,
    response: Response | None = ...,
    report: Literal[False] = ...,
) -> npt.NDArray[Any]: ...


@overload
def derivatives(
    experiment: Config | Scene,
    names: Sequence[str],
    *,
    pixels: PixelList | None = ...,
    dtype: Dtype = ...,
    threads: int | None = ...,
    groups: Groups | None = ...,
    device: str = ...,
    tolerance: float | None = ...,
    tolerance_ph: float | None = ...,
    response: Response | None = ...,
    report: Literal[True],
) -> tuple[npt.NDArray[Any], DerivativeReport]: ...


@public
def derivatives(
    experiment: Config | Scene,
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
    report: bool = False,
) -> npt.NDArray[Any] | tuple[npt.NDArray[Any], DerivativeReport]:
    """Return the derivatives of the expected photons in every pixel with respect to parameters.

    Where the image jumps (docs/derivatives.md lists where), the jump does not contribute.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    names
        Names of parameters, as `nb.parameters` lists them, and those of single reflections, sources and domains, such
        as ``F(1,2,3)``, ``source_weight0`` and ``domain_weight0``.
    pixels
        The pixels to compute, as in `simulate`; others are 0.
    dtype
        Data type of the result. For "float32", terms are computed as `simulate` computes those of a float32 image.
    threads
        Number of threads, as in `simulate`; the result does not depend on it.
    groups
        Groups of panels that move together: their names, with the numbers of their panels.
    device
        As in `simulate`. Derivatives by the amplitudes of a list are computed on the CPU.
    tolerance, tolerance_ph
        As in `simulate`: what a pixel may miss, of the photons. What derivatives then miss is in the report.
    response
        Response of the detector; derivatives are then those of the signal.
    report
        Return also how much is missing at most.

    Returns
    -------
    images : ndarray, shape (names, slow, fast), or (names, panels, slow, fast) for several panels
        Photons per unit of each parameter.
    report : DerivativeReport
        Only if asked for.

    Raises
    ------
    ConfigError
        An unknown parameter, an invalid Config or selection of pixels, or `compat="c"`.

    Warns
    -----
    NanobraggWarning
        The scene does not depend on a parameter, or the crystal's shape makes its derivative zero.
    """
    scene = as_scene(experiment)
    wanted = check_experiment_names(scene, names, groups)
    computed = checked_response(response, scene, pixels)
    evaluation = Evaluation(scene, dtype, computed, threads, device, tolerance, tolerance_ph)
    images = np.zeros((len(wanted), int(np.prod(scene.shape))), dtype)
    jacobian = Jacobian(evaluation, wanted, groups)
    evaluation.fill_images(jacobian.factors, images, jacobian.extra)
    shaped = images.reshape(len(wanted), *scene.shape)
    if response is not None:
        shaped = spread(response, shaped, scene, pixels, evaluation.threads)
    if not report:
        return shaped
    bounds = dict(zip(wanted, jacobian.missing().tolist(), strict=True))
    return shaped, DerivativeReport(evaluation.bound_ph, bounds)


@public
def jvp(
    experiment: Config | Scene,
    tangent: Mapping[str, float],
    *,
    pixels: PixelList | None = None,
    dtype: Dtype = "float64",
    threads: int | None = None,
    groups: Groups | None = None,
    device: str = "cpu",
    tolerance: float | None = None,
    tolerance_ph: float | None = None,
    response: Response | None = None,
) -> npt.NDArray[Any]:
    """Return the change of the image, to first order, with a change of parameters.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    tangent
        Changes of parameters by name, each in its unit.
    pixels, dtype, threads, groups, device, tolerance, tolerance_ph, response
        As in `derivatives`.

    Returns
    -------
    ndarray of the image's shape
        Photons.

    Raises
    ------
    ConfigError
        As `derivatives`, or a change that is not a finite number.
    """
    scene = as_scene(experiment)
    if not isinstance(tangent, Mapping):
        raise ConfigError("jvp: takes changes by the names of parameters; give for example {'rot_x': 1e-3}")
    wanted = check_experiment_names(scene, tangent, groups)
    changes = np.array([_checked_change(name, tangent[name]) for name in wanted])
    computed = checked_response(response, scene, pixels)
    evaluation = Evaluation(scene, dtype, computed, threads, device, tolerance, tolerance_ph)
    image = np.zeros((1, int(np.prod(scene.shape))), dtype)
    jacobian = Jacobian(evaluation, wanted, groups)
    evaluation.fill_images(changes @ jacobian.factors[:, np.newaxis], image, jacobian.extra)
    shaped = image.reshape(scene.shape)
    return shaped if response is None else spread(response, shaped, scene, pixels, evaluation.threads)


def _checked_change(name: str, change: float) -> float:
    """Return a change of a parameter; raises `ConfigError` unless it is a finite number."""
    try:
        number = float(change)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"jvp: the change of {name} is not a finite number")
    return number


def spread(
    response: Response, images: npt.NDArray[Any], scene: Scene, pixels: PixelList | None, threads: int
) -> npt.NDArray[Any]:
    """Return the signals of images, shape (…, slow, fast), in the chosen pixels; others are 0."""
    chosen = np.zeros(scene.shape, bool)
    chosen.ravel()[chosen_places(scene, pixels, None)] = True
    return np.where(chosen, response.apply(images, threads), 0.0).astype(images.dtype)


def checked_response(response: Response | None, scene: Scene, pixels: PixelList | None) -> PixelList | None:
    """Return the pixels to compute for a signal in the chosen ones; raises `ConfigError` for an invalid response."""
    if response is None:
        return pixels
    response.check(scene.shape)
    return None


@public
def vjp(
    experiment: Config | Scene,
    cotangent: npt.ArrayLike,
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
) -> dict[str, Any]:
    """Return the sums over the pixels of a cotangent times the derivatives with respect to each parameter.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    cotangent
        The derivative of a function of the image with respect to every pixel, of the image's shape.
    names
        Names of parameters, and ``F`` for all amplitudes, or ``crystal1_F`` for those of a crystal with a list of its
        own. Default: all that `nb.parameters` lists and, if there is a list of reflections, ``F``.
    pixels, dtype, threads, groups, device, tolerance, tolerance_ph, response
        As in `derivatives`; other pixels do not count.

    Returns
    -------
    dict
        A number for each parameter; for ``F``, an array with a number for each amplitude of
        `StructureFactors.listing`, all reflections of the P1 cell.

    Raises
    ------
    ConfigError
        As `derivatives`, or a cotangent of another shape or with values that are not finite.
    """
    scene = as_scene(experiment)
    vector = np.asarray(cotangent, np.float64)
    if vector.shape != scene.shape:
        raise ConfigError(f"cotangent of shape {vector.shape}: must have the image's shape {scene.shape}")
    computed = checked_response(response, scene, pixels)
    evaluation = Evaluation(scene, dtype, computed, threads, device, tolerance, tolerance_ph)
    chosen = evaluation.places if response is None else chosen_places(scene, pixels, None)
    flat = vector.ravel()
    if not np.isfinite(flat[chosen]).all():
        raise ConfigError("cotangent: has values that are not finite in pixels that are not masked")
    if response is not None:
        flat = transposed(response, flat[chosen], chosen, scene, evaluation.threads)
    wanted = wanted_names(scene, names, groups)
    values = flat[evaluation.places]
    return gradient_of(wanted, groups, evaluation.products(values, evaluation.pass_rows(wanted)), evaluation, values)


def transposed(response: Response, values: FloatArray, places: Places, scene: Scene, threads: int) -> FloatArray:
    """Return a cotangent of the signal in chosen pixels as one of the photons, of all pixels, flat."""
    signal = np.zeros(int(np.prod(scene.shape)))
    signal[places] = values
    return response.transpose(signal.reshape(scene.shape), threads).ravel()


def wanted_names(scene: Scene, names: Sequence[str] | None, groups: Groups | None) -> list[str]:
    """Return the checked names, by default all; "F" stands for all listed amplitudes."""
    return every_name(scene, groups) if names is None else check_experiment_names(scene, names, groups, lists=True)


def gradient_of(
    names: list[str], groups: Groups | None, sums: FloatArray, evaluation: Evaluation, cotangent: FloatArray
) -> dict[str, Any]:
    """Return a gradient from the sums over pixels of all rows times the cotangent of each chosen pixel."""
    found: list[Any] = [None] * len(names)
    parts = parts_of(evaluation.scene, names)
    for lattice, part, own in zip(evaluation.lattices, parts, evaluation.sums_of_each(sums), strict=True):
        gradient = _lattice_gradient(part.names, groups, own, lattice, cotangent)
        for row, column, factor in part.terms:
            value = factor * gradient[part.names[column]]
            found[row] = value if found[row] is None else found[row] + value
    return dict(zip(names, found, strict=True))


def _lattice_gradient(
    names: list[str], groups: Groups | None, sums: FloatArray, evaluation: LatticeEvaluation, cotangent: FloatArray
) -> dict[str, Any]:
    """Return the gradient by the parameters of a lattice."""
    scene, plain = evaluation.scene, [name for name in names if name != "F"]
    values = np.einsum("npk,pk->n", Chain(scene, groups).factors(plain), sums)
    found: dict[str, Any] = dict(zip(plain, values.tolist(), strict=True))
    found |= _amplitude_gradient(names, evaluation, cotangent)
    images = combination_images(scene, plain, evaluation.selection, evaluation.threads, evaluation.device)
    for row, image in images:
        found[plain[row]] += float(image.ravel()[evaluation.places] @ cotangent)
    return found


def needs_pixels(evaluation: Evaluation, names: list[str]) -> bool:
    """Return whether a gradient needs more than the sums of rows."""
    return any(
        name == "F" or is_amplitude(lattice.scene, name) or needs_combination(lattice.scene, name)
        for lattice, part in zip(evaluation.lattices, parts_of(evaluation.scene, names), strict=True)
        for name in part.names
    )


def _amplitude_gradient(names: list[str], evaluation: LatticeEvaluation, cotangent: FloatArray) -> dict[str, Any]:
    if not any(name == "F" or is_amplitude(evaluation.scene, name) for name in names):
        return {}
    entries, done = AmplitudeMap(evaluation.scene), 0
    by_listed, by_default = np.zeros(entries.shape), 0.0
    for coefficients in evaluation.coefficients():
        count = len(coefficients.places)
        listed, default = entries.products(coefficients, cotangent[done : done + count])
        by_listed += listed
        by_default += default
        done += count
    found: dict[str, Any] = {"F": by_listed, "default_F": by_default}
    for name in names:
        index = reflection_of(name)
        if index is not None:
            found[name] = float(by_listed[..., entries.row(index)].sum())
    return found
