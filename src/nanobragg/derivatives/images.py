"""Images of derivatives, and their products with vectors from either side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..config.config import Config
from ..errors import ConfigError
from ..geometry import FloatArray
from ..rendering.pixel_selection import PixelList
from ..scene.scene import Scene
from .amplitudes import AmplitudeMap
from .chain import Chain
from .evaluate import Evaluation, as_scene
from .groups import Groups
from .parameters import all_parameters, check_names, reflection_of, source_of
from .weights import weight_images

Dtype = Literal["float32", "float64"]


def derivatives(
    experiment: Config | Scene,
    names: Sequence[str],
    *,
    pixels: PixelList | None = None,
    dtype: Dtype = "float64",
    threads: int | None = None,
    groups: Groups | None = None,
    device: str = "cpu",
) -> npt.NDArray[Any]:
    """Return the derivatives of the expected photons in every pixel with respect to parameters.

    Where the image jumps (docs/derivatives.md lists where), the jump does not contribute.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    names
        Names of parameters, as `nb.parameters` lists them, and ``F(h,k,l)`` and ``source_weight0`` ….
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

    Returns
    -------
    ndarray, shape (names, slow, fast), or (names, panels, slow, fast) for several panels
        Photons per unit of each parameter.

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
    wanted = check_names(scene, names, groups)
    evaluation = Evaluation(scene, dtype, pixels, threads, device)
    images = np.zeros((len(wanted), int(np.prod(scene.shape))), dtype)
    factors = Chain(scene, groups).factors(wanted)
    for block in evaluation.blocks():
        images[:, block.where] = block.project(factors[:, block.panel])
    _add_amplitudes(images, wanted, evaluation)
    for row, image in weight_images(scene, wanted, pixels, threads, device):
        images[row] = image.ravel()
    return images.reshape(len(wanted), *scene.shape)


def _add_amplitudes(images: npt.NDArray[Any], names: list[str], evaluation: Evaluation) -> None:
    """Fill in the images of amplitudes that are listed in a table."""
    rows = [row for row, name in enumerate(names) if is_amplitude(evaluation.scene, name)]
    if not rows:
        return
    entries = AmplitudeMap(evaluation.scene)
    wanted = [reflection_of(names[row]) for row in rows]
    for sums in evaluation.coefficients():
        images[np.array(rows)[:, np.newaxis], sums.places] = entries.images(sums, wanted)


def is_amplitude(scene: Scene, name: str) -> bool:
    """Return whether a parameter is an amplitude out of a table."""
    return scene.lookup != "constant" and (name == "default_F" or reflection_of(name) is not None)


def jvp(
    experiment: Config | Scene,
    tangent: Mapping[str, float],
    *,
    pixels: PixelList | None = None,
    dtype: Dtype = "float64",
    threads: int | None = None,
    groups: Groups | None = None,
    device: str = "cpu",
) -> npt.NDArray[Any]:
    """Return the change of the image, to first order, with a change of parameters.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    tangent
        Changes of parameters by name, each in its unit.
    pixels, dtype, threads, groups, device
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
    wanted = check_names(scene, tangent, groups)
    changes = np.array([tangent[name] for name in wanted], np.float64)
    if not np.isfinite(changes).all():
        raise ConfigError(f"jvp: the change of {wanted[int(np.argmin(np.isfinite(changes)))]} is not a finite number")
    others = [name for name in wanted if is_amplitude(scene, name) or source_of(name) is not None]
    evaluation = Evaluation(scene, dtype, pixels, threads, device)
    image = np.zeros(int(np.prod(scene.shape)), dtype)
    factors = np.einsum("n,npk->pk", changes, Chain(scene, groups).factors(wanted))
    for block in evaluation.blocks():
        image[block.where] = block.project(factors[np.newaxis, block.panel])[0]
    if others:
        images = derivatives(scene, others, pixels=pixels, dtype=dtype, threads=threads, groups=groups, device=device)
        image += np.tensordot([tangent[name] for name in others], images, 1).ravel().astype(dtype)
    return image.reshape(scene.shape)


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
) -> dict[str, Any]:
    """Return the sums over the pixels of a cotangent times the derivatives with respect to each parameter.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    cotangent
        The derivative of a function of the image with respect to every pixel, of the image's shape.
    names
        Names of parameters, and ``F`` for all amplitudes. Default: all that `nb.parameters` lists and, if there is a
        list of reflections, ``F``.
    pixels, dtype, threads, groups, device
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
    evaluation = Evaluation(scene, dtype, pixels, threads, device)
    flat = vector.ravel()
    if not np.isfinite(flat[evaluation.places]).all():
        raise ConfigError("cotangent: has values that are not finite in pixels that are not masked")
    wanted = wanted_names(scene, names, groups)
    sums = np.zeros((len(scene.geometry), evaluation.count))
    for block in evaluation.blocks():
        sums[block.panel] += block.add_up(flat[block.where])
    return gradient_of(scene, wanted, groups, sums, evaluation, flat)


def wanted_names(scene: Scene, names: Sequence[str] | None, groups: Groups | None) -> list[str]:
    """Return the checked names, by default all; "F" stands for all listed amplitudes."""
    if names is None:
        every = list(all_parameters(scene, groups))
        return every if scene.lookup == "constant" else [*every, "F"]
    given = [names] if isinstance(names, str) else list(names)
    if "F" in given and scene.lookup == "constant":
        raise ConfigError("F: the structure factors are one constant; use default_F")
    check_names(scene, [name for name in given if name != "F"], groups)
    return given


def gradient_of(
    scene: Scene,
    names: list[str],
    groups: Groups | None,
    sums: FloatArray,
    evaluation: Evaluation,
    cotangent: FloatArray,
) -> dict[str, Any]:
    """Return a gradient from the sums over pixels of the primitives times the cotangent (flat)."""
    plain = [name for name in names if name != "F"]
    values = np.einsum("npk,pk->n", Chain(scene, groups).factors(plain), sums)
    found: dict[str, Any] = dict(zip(plain, values.tolist(), strict=True))
    if any(name == "F" or is_amplitude(scene, name) for name in names):
        found |= _amplitude_gradient(scene, names, evaluation, cotangent)
    for row, image in weight_images(scene, plain, evaluation.selection, evaluation.threads, evaluation.device):
        found[plain[row]] = float(image.ravel()[evaluation.places] @ cotangent[evaluation.places])
    return {name: found[name] for name in names}


def _amplitude_gradient(
    scene: Scene, names: list[str], evaluation: Evaluation, cotangent: FloatArray
) -> dict[str, Any]:
    entries = AmplitudeMap(scene)
    by_listed, by_default = np.zeros(entries.shape), 0.0
    for coefficients in evaluation.coefficients():
        listed, default = entries.products(coefficients, cotangent[coefficients.places])
        by_listed += listed
        by_default += default
    found: dict[str, Any] = {"F": by_listed, "default_F": by_default}
    for name in names:
        index = reflection_of(name)
        if index is not None:
            found[name] = float(by_listed[..., entries.row(index)].sum())
    return found
