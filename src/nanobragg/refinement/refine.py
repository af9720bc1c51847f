"""Refinement of an experiment against one image, or of several that share parameters."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..analysis.spots.shoeboxes import shoeboxes
from ..calls import public
from ..config.config import Config
from ..derivatives.evaluate import as_scene, chosen_places
from ..derivatives.groups import Groups
from ..derivatives.lattices import crystals_of
from ..derivatives.likelihood import as_noise
from ..derivatives.names import name_list
from ..errors import ConfigError
from ..geometry import FloatArray
from ..rendering.pixel_selection import Box
from ..scene.scene import Scene
from .brightness import brightened
from .degrees import Degree, choose_degrees, crystals_meant, symmetric_changes
from .fit import Fit, Image, Step, known_values, moved_scene, start_values
from .options import Progress, RefineOptions, complete
from .planes import Planes
from .result import Refinement, make_results
from .spots import find_spots, start_from_spots

if TYPE_CHECKING:
    from typing_extensions import Unpack

BOX_RADIUS = 8.0  # pixels around a predicted spot
BOX_THRESHOLD = 1e-3
log = logging.getLogger(__name__)


PLANES = "planes"


@public
def refine(
    experiment: Config | Scene, data: npt.ArrayLike, vary: Sequence[str], **options: Unpack[RefineOptions]
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
        pixel), ``planes`` (a plane of background in every box of pixels), ``panel0`` …, ``detector``, names of groups,
        and names of single parameters (`nb.parameters`). ``twins`` are the shares of twins. Of several crystals,
        ``rot``, ``cell``, ``n``, ``mosaic`` and ``twins`` are of all, ``crystal1_rot`` … of one, and ``fractions`` are
        the factors of their photons.
    **options
        Noise, priors, bounds, pixels and others: the fields of `RefineOptions`.

    Returns
    -------
    Refinement
        Values, standard errors and correlations, χ² by resolution, and the refined Config. After Ctrl-C, those of the
        best iteration, with `converged` False.

    Raises
    ------
    ConfigError
        As `derivatives`; a combination of parameters that the data do not determine; a start outside its bounds.
    TypeError
        An option that does not exist.
    """
    (result,) = refine_images([experiment], [data], vary, (), **options)
    return result


@public
def refine_images(
    experiments: Sequence[Config | Scene],
    data: Sequence[npt.ArrayLike],
    own: Sequence[str],
    shared: Sequence[str],
    **options: Unpack[RefineOptions],
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
    **options
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
    given, own, shared = complete(options), name_list(own), name_list(shared)
    planes, own = PLANES in own, [word for word in own if word != PLANES]
    groups, space_group, start = given["groups"], given["space_group"], given["start"]
    scenes = [_symmetric(as_scene(experiment), space_group, [*own, *shared], groups) for experiment in experiments]
    _check_crystals(scenes)
    symmetry: dict[str, Any] = {"space_group": space_group, "groups": groups}
    tie = _among(given["tie"], own, scenes[0], symmetry)
    own_degrees = choose_degrees(scenes[0], own, tie=tie, **symmetry) if own else []
    damaged = max(scenes, key=lambda scene: scene.undamaged.dose_MGy)  # which depends on the rates of damage, if any
    shared_degrees = choose_degrees(damaged, shared, **symmetry) if shared else []
    if not own_degrees and not shared_degrees:
        raise ConfigError("vary: names nothing to refine; give for example vary=['rot', 'cell']")
    _check_known(scenes, [*own_degrees, *shared_degrees], groups)
    _check_limits([*own_degrees, *shared_degrees], given["prior"], given["bounds"])
    measured = [measured_photons(scene, image) for scene, image in zip(scenes, data, strict=True)]
    if start == "spots":
        scenes = _from_spots(scenes, measured, own_degrees, shared_degrees, groups)
    elif start != "given":
        raise ConfigError(f"start = {start!r}: must be 'spots' or 'given'")
    response = given["response"]
    if response is not None:
        response.check(scenes[0].shape)
    images = [
        _image(scene, photons, given["pixels"], planes)
        for scene, photons in zip(_of_one_start(scenes, shared_degrees, groups), measured, strict=True)
    ]
    fit = Fit(
        images, own_degrees, shared_degrees, as_noise(given["noise"]), priors=given["prior"], bounds=given["bounds"],
        groups=groups, threads=given["threads"], dtype=given["dtype"], response=response,
    )  # fmt: skip
    begun = fit.start()
    before = fit.evaluate(begun)
    state = brightened(fit, begun)
    sums = before if state is begun else fit.evaluate(state)
    state, sums, iterations, converged = fit.run(state, sums, given["most_iterations"], _reporter(given["progress"]))
    if not converged:
        log.warning("not converged after %d iterations", iterations)
    return make_results(
        fit, before, state, sums, iterations, converged, [as_scene(e) for e in experiments], space_group
    )


def _check_crystals(scenes: list[Scene]) -> None:
    """Raise `ConfigError` unless all images have as many crystals, with as many twins, as the first."""
    first, *others = ([len(crystal.lattices) for crystal in crystals_of(scene)] for scene in scenes)
    for number, each in enumerate(others, 1):
        if each != first:
            raise ConfigError(
                f"refine_images: image {number} has {each} lattices of its crystals, image 0 has {first}; refine them "
                "apart"
            )


def _check_known(scenes: list[Scene], degrees: list[Degree], groups: Groups | None) -> None:
    """Raise `ConfigError` unless all images have all parameters that are refined."""
    for number, scene in enumerate(scenes):
        values = known_values(scene, degrees, groups)
        for degree in degrees:
            if degree.parameters and degree.name not in values:
                raise ConfigError(
                    f"refine_images: image {number} does not depend on {degree.name}; describe it like the others, or "
                    "refine it apart"
                )


def _image(scene: Scene, photons: FloatArray, pixels: Any, planes: bool) -> Image:
    """Return an image with the pixels to compare and, if asked for, planes of background in their boxes."""
    boxes = boxes_of(scene, pixels, BOX_RADIUS)
    chosen = selected_pixels(scene, valid_pixels(scene, photons), pixels if boxes is None else boxes)
    if not planes:
        return Image(scene, photons, chosen, None)
    if boxes is None:
        raise ConfigError("vary: planes of background need boxes; use pixels='shoeboxes', or give boxes")
    return Image(scene, photons, chosen, Planes(scene, boxes, chosen_places(scene, chosen, None)))


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
    crystals = crystals_of(scene)
    cells = [crystal for word in words if word.endswith("cell") for crystal in crystals_meant(crystals, word)]
    changes = {
        crystal.prefix + name: change
        for crystal in cells for name, change in symmetric_changes(crystal.lattices[0], space_group).items()
    }  # fmt: skip
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


def boxes_of(scene: Scene, pixels: Any, radius: float) -> list[Box] | None:
    """Return the boxes that `pixels` stands for; None for an array, and for all pixels."""
    if isinstance(pixels, np.ndarray):
        return None
    if not isinstance(pixels, str):
        return [Box(*box) for box in pixels]
    if pixels not in ("shoeboxes", "all"):
        raise ConfigError(f"pixels = {pixels!r}: must be 'shoeboxes' or 'all', an array or boxes")
    if pixels == "all":
        return None
    found = shoeboxes(scene, radius, threshold=BOX_THRESHOLD)
    if not found:
        raise ConfigError("pixels: no spot is predicted on the detector; check the start, or give pixels='all'")
    return found


def selected_pixels(scene: Scene, valid: npt.NDArray[np.bool_], pixels: Any) -> npt.NDArray[np.bool_]:
    """Return the chosen pixels ("all", an array or boxes) that have data."""
    if isinstance(pixels, str):
        return valid.reshape(scene.shape)
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
