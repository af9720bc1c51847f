"""Refinement of an experiment against one image, or of several that share parameters."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..analysis.spots.shoeboxes import shoeboxes
from ..config.config import Config
from ..derivatives.evaluate import as_scene, chosen_places
from ..derivatives.groups import Groups
from ..derivatives.likelihood import Likelihood, as_noise
from ..errors import ConfigError
from ..geometry import FloatArray
from ..rendering.pixel_selection import PixelList
from ..scene.scene import Scene
from .degrees import Degree, choose_degrees, symmetric_changes
from .fit import Fit, Image, Step, moved_scene, start_values
from .result import Refinement, make_results
from .spots import find_spots, start_from_spots

BOX_RADIUS = 8.0  # pixels around a predicted spot
BOX_THRESHOLD = 1e-3
log = logging.getLogger(__name__)
Progress = Callable[[int, float, Mapping[str, float]], None]


def refine(
    experiment: Config | Scene,
    data: npt.ArrayLike,
    vary: Sequence[str],
    *,
    noise: Likelihood | str | float = "poisson",
    prior: Mapping[str, tuple[float, float]] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    tie: Sequence[Sequence[str]] = (),
    space_group: str | None = None,
    groups: Groups | None = None,
    pixels: PixelList | Literal["shoeboxes", "all"] = "shoeboxes",
    start: Literal["spots", "given"] = "spots",
    most_iterations: int = 50,
    dtype: Literal["float32", "float64"] = "float64",
    threads: int | None = None,
    progress: bool | Progress = False,
) -> Refinement:
    """Refine parameters of an experiment so that its image is the most likely one to give the measured photons.

    A still starts from its spots: orientation, cell and distance, as far as they are refined, are first fitted to the
    centroids of strong spots, which may be off by half a degree. Then Levenberg and Marquardt's method finds the most
    likely values from the pixels, with exact derivatives.

    Parameters
    ----------
    experiment
        The start: a `Config`, or a `Scene` made from it.
    data : array_like of the image's shape
        Measured photons; NaN in pixels without data.
    vary
        What to refine: ``rot``, ``cell`` (the free numbers of the crystal system), ``n``, ``mosaic``, ``distance``,
        ``scale``, ``blocks``, ``background``, ``wavelength``, ``beam``, ``offset`` (a constant background, photons per
        pixel), ``panel0`` …, ``detector``, names of groups, and names of single parameters (`nb.parameters`).
    noise
        "poisson"; the read-out noise in photons, for a normal distribution with the variance m + σ²; or a `Likelihood`.
    prior
        Mean and standard deviation of values that are known from elsewhere, by name.
    bounds
        Lowest and highest value, by name.
    tie
        Sets of names whose values change by the same amount.
    space_group
        Symbol or number, which constrains the cell. Default: that of the structure factors; without one, all six
        numbers are free.
    groups
        Groups of panels that move together: their names, with the numbers of their panels.
    pixels
        "shoeboxes": boxes of 17 pixels around the spots that are predicted at the start; "all"; or a selection as in
        `simulate`.
    start
        "spots", or "given": from the values of the experiment as they are.
    most_iterations
        Largest number of iterations.
    dtype, threads
        As in `derivatives`.
    progress
        True for a line per iteration in the log, or a function that is called with the iteration, the loss and the
        values.

    Returns
    -------
    Refinement
        Values, standard errors and correlations, χ² by resolution, and the refined Config. After Ctrl-C, those of the
        best iteration, with `converged` False.

    Raises
    ------
    ConfigError
        As `derivatives`; a combination of parameters that the data do not determine; a start outside its bounds.
    """
    (result,) = refine_images(
        [experiment], [data], own=vary, shared=(), noise=noise, prior=prior, bounds=bounds, tie=tie,
        space_group=space_group, groups=groups, pixels=pixels, start=start, most_iterations=most_iterations,
        dtype=dtype, threads=threads, progress=progress,
    )  # fmt: skip
    return result


def refine_images(
    experiments: Sequence[Config | Scene],
    data: Sequence[npt.ArrayLike],
    own: Sequence[str],
    shared: Sequence[str],
    *,
    noise: Likelihood | str | float = "poisson",
    prior: Mapping[str, tuple[float, float]] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    tie: Sequence[Sequence[str]] = (),
    space_group: str | None = None,
    groups: Groups | None = None,
    pixels: PixelList | Literal["shoeboxes", "all"] = "shoeboxes",
    start: Literal["spots", "given"] = "spots",
    most_iterations: int = 50,
    dtype: Literal["float32", "float64"] = "float64",
    threads: int | None = None,
    progress: bool | Progress = False,
) -> list[Refinement]:
    """Refine several images together, such as stills of one detector whose panels are not where they should be.

    Parameters
    ----------
    experiments, data
        The start and the measured photons of every image.
    own
        What to refine for every image by itself.
    shared
        What to refine for all images together, such as groups of panels; it starts from the same value in all of them.
    noise, prior, bounds, tie, space_group, groups, pixels, start, most_iterations, dtype, threads, progress
        As in `refine`.

    Returns
    -------
    list of Refinement
        One for each image; the shared values are the same in all of them.

    Raises
    ------
    ConfigError
        As `refine`.
    """
    if not experiments or len(experiments) != len(data):
        raise ConfigError(f"refine_images: {len(experiments)} experiments and {len(data)} images; give one of each")
    scenes = [_symmetric(as_scene(experiment), space_group, [*own, *shared], groups) for experiment in experiments]
    options: dict[str, Any] = {"space_group": space_group, "groups": groups}
    own_degrees = choose_degrees(scenes[0], own, tie=_among(tie, own, scenes[0], options), **options) if own else []
    shared_degrees = choose_degrees(scenes[0], shared, **options) if shared else []
    if not own_degrees and not shared_degrees:
        raise ConfigError("vary: names nothing to refine; give for example vary=['rot', 'cell']")
    _check_limits([*own_degrees, *shared_degrees], prior or {}, bounds or {})
    measured = [measured_photons(scene, image) for scene, image in zip(scenes, data, strict=True)]
    if start == "spots":
        scenes = _from_spots(scenes, measured, own_degrees, shared_degrees, groups)
    elif start != "given":
        raise ConfigError(f"start = {start!r}: must be 'spots' or 'given'")
    images = [
        Image(scene, photons, selected_pixels(scene, valid_pixels(scene, photons), pixels))
        for scene, photons in zip(_of_one_start(scenes, shared_degrees, groups), measured, strict=True)
    ]
    fit = Fit(
        images, own_degrees, shared_degrees, as_noise(noise), priors=prior or {}, bounds=bounds or {}, groups=groups,
        threads=threads, dtype=dtype,
    )  # fmt: skip
    before = fit.evaluate(fit.start())
    state, sums, iterations, converged = fit.run(most_iterations, _reporter(progress))
    if not converged:
        log.warning("not converged after %d iterations", iterations)
    return make_results(
        fit, before, state, sums, iterations, converged, [as_scene(e) for e in experiments], space_group
    )


def _among(
    tie: Sequence[Sequence[str]], own: Sequence[str], scene: Scene, options: dict[str, Any]
) -> list[Sequence[str]]:
    names = {degree.name for degree in choose_degrees(scene, own, **options)}
    for members in tie:
        unknown = [name for name in members if name not in names]
        if unknown:
            raise ConfigError(f"tie: {unknown[0]} is not refined; name it in vary, or leave it out")
    return list(tie)


def _symmetric(scene: Scene, space_group: str | None, words: Sequence[str], groups: Groups | None) -> Scene:
    """Return a scene whose cell has the symmetry of the space group, if the cell is refined."""
    changes = symmetric_changes(scene, space_group) if "cell" in words else {}
    return moved_scene(scene, changes, groups) if changes else scene


def _check_limits(
    degrees: list[Degree], prior: Mapping[str, tuple[float, float]], bounds: Mapping[str, tuple[float, float]]
) -> None:
    names = {degree.name: degree for degree in degrees}
    for what, given in (("prior", prior), ("bounds", bounds)):
        for name in given:
            if name not in names:
                raise ConfigError(f"{what}: {name} is not refined; name it in vary, or leave it out")
    for name, (_, sigma) in prior.items():
        if not sigma > 0:
            raise ConfigError(f"prior: {name} has a standard deviation of {sigma}; it must be positive")
    for name, (low, high) in bounds.items():
        if not low <= names[name].start <= high:
            raise ConfigError(
                f"bounds: {name} starts at {names[name].start:g}, outside {low:g} … {high:g}; change one of them"
            )


def measured_photons(scene: Scene, data: npt.ArrayLike) -> FloatArray:
    """Return the data as an array; raises `ConfigError` unless it has the image's shape and some values."""
    measured = np.asarray(data, np.float64)
    if measured.shape != scene.shape:
        raise ConfigError(f"data of shape {measured.shape}: must have the image's shape {scene.shape}")
    if not valid_pixels(scene, measured).any():
        raise ConfigError("data: all pixels are masked or without a value; check the mask and the ROI")
    return measured


def valid_pixels(scene: Scene, measured: FloatArray) -> npt.NDArray[np.bool_]:
    """Return which pixels are not masked and have a value, flat."""
    valid = np.zeros(measured.size, bool)
    valid[chosen_places(scene, None, None)] = True
    return np.asarray(valid & np.isfinite(measured.ravel()))


def _from_spots(
    scenes: list[Scene], data: list[FloatArray], own: list[Degree], shared: list[Degree], groups: Groups | None
) -> list[Scene]:
    """Return scenes that fit the spots: first each by itself, then with the mean of the shared values."""

    spots = [
        find_spots(scene, photons, valid_pixels(scene, photons)) for scene, photons in zip(scenes, data, strict=True)
    ]

    def fitted(scenes: list[Scene], degrees: list[Degree]) -> list[Scene]:
        return [start_from_spots(scene, found, degrees, groups) for scene, found in zip(scenes, spots, strict=True)]

    alone = fitted(scenes, [*own, *shared])
    return alone if len(scenes) == 1 else fitted(_of_one_start(alone, shared, groups), own)


def _of_one_start(scenes: list[Scene], shared: list[Degree], groups: Groups | None) -> list[Scene]:
    """Return scenes whose shared values are the mean of those given."""
    if len(scenes) == 1 or not shared:
        return scenes
    values = np.array([start_values(scene, shared, groups) for scene in scenes])
    moved = []
    for scene, before in zip(scenes, values, strict=True):
        changes: dict[str, float] = {}
        for degree, change in zip(shared, values.mean(axis=0) - before, strict=True):
            changes |= {name: factor * float(change) for name, factor in degree.parameters.items()}
        moved.append(moved_scene(scene, changes, groups))
    return moved


def selected_pixels(
    scene: Scene, valid: npt.NDArray[np.bool_], pixels: Any, radius: float = BOX_RADIUS
) -> npt.NDArray[np.bool_]:
    """Return the chosen pixels that have data."""
    if isinstance(pixels, str):
        if pixels not in ("shoeboxes", "all"):
            raise ConfigError(f"pixels = {pixels!r}: must be 'shoeboxes' or 'all', an array or boxes")
        if pixels == "all":
            return valid.reshape(scene.shape)
        pixels = shoeboxes(scene, radius, threshold=BOX_THRESHOLD)
        if not pixels:
            raise ConfigError("pixels: no spot is predicted on the detector; check the start, or give pixels='all'")
    chosen = np.zeros(valid.size, bool)
    chosen[chosen_places(scene, pixels, None)] = True
    return (chosen & valid).reshape(scene.shape)


def _reporter(progress: bool | Progress) -> Callable[[Step], None]:
    def report(step: Step) -> None:
        values = "  ".join(f"{name} {value:.6g}" for name, value in step.values.items())
        log.log(
            logging.INFO if progress is True else logging.DEBUG, "%3d  loss %.8g  %s", step.iteration, step.loss, values
        )
        if callable(progress):
            progress(step.iteration, step.loss, step.values)

    return report
