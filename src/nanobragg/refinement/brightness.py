"""A first estimate of how bright an image is, which a start often does not know at all."""

from __future__ import annotations

import math

import numpy as np

from ..derivatives.images import derivatives
from ..derivatives.lattices import crystals_of
from ..geometry import FloatArray
from ..rendering.threads import rendering_threads
from ..scene.scene import Scene
from .fit import Fit, Image, State, moved_scene
from .spots import local_level

BRIGHTNESS = ("log_fluence", "log_blocks")
FAR = 2.0  # a factor of brightness that iterations cover well


def brightened(fit: Fit, state: State) -> State:
    """Return a state in which the photons of every image add up to the measured ones, where they were far off.

    Far from the right brightness, every other parameter would be drawn away to make up for it. Fractions of all
    crystals are scaled together. Images that refine both the fluence and the number of blocks, or have a prior for
    what would be changed, are left alone.
    """
    name, refined = _brightness_of(fit, state.scenes[0])
    if not refined or any(fit.has_prior(one) for one in refined):
        return state
    names = [degree.name for degree in fit.own]
    rows = [names.index(one) for one in refined]
    scenes, values = [], []
    for image, scene, own in zip(fit.images, state.scenes, state.own, strict=True):
        factor = math.exp(_logarithm_of_factor(fit, image, scene, name))
        after = own.copy()
        for row, one in zip(rows, refined, strict=True):
            wanted = own[row] * factor if fit.own[row].positive else own[row] + math.log(factor)
            after[row] = np.clip(wanted, *fit.bounds_of(one))
        changes = {one: float(after[row] - own[row]) for row, one in zip(rows, refined, strict=True)}
        scenes.append(moved_scene(scene, changes, fit.groups) if any(changes.values()) else scene)
        values.append(after)
    return State(scenes, values, state.shared)


def _brightness_of(fit: Fit, scene: Scene) -> tuple[str, list[str]]:
    """Return the parameter that describes the brightness, and the names of what is refined to change it, if any."""
    names = {degree.name for degree in fit.own}
    refined = [name for name in BRIGHTNESS if name in names]
    fractions = [f"{crystal.prefix}fraction" for crystal in crystals_of(scene) if crystal.prefix]
    if not refined and names.issuperset(fractions):
        return "log_blocks", fractions
    return (refined[0], refined) if len(refined) == 1 else ("", [])


def _logarithm_of_factor(fit: Fit, image: Image, scene: Scene, name: str) -> float:
    """Return the change of a parameter that gives the chosen pixels as many photons as measured; 0 if they are near."""
    chosen = np.asarray(image.pixels).ravel()
    pixels = np.asarray(image.pixels) if fit.response is None else None
    images = derivatives(scene, [name, "log_fluence"], pixels=pixels, threads=fit.threads)
    if fit.response is not None:
        images = fit.response.apply(images, rendering_threads(fit.threads))
    part, whole = images.reshape(2, -1)[:, chosen]
    measured = image.data.ravel()[chosen]
    around = whole - part if image.planes is None else _level(scene, image)[chosen]
    expected, found = float(part.sum()), float((measured - around).sum())
    if expected <= 0 or found <= 0 or 1 / FAR < found / expected < FAR:
        return 0.0
    return math.log(found / expected)


def _level(scene: Scene, image: Image) -> FloatArray:
    """Return the level of the data around spots, flat."""
    panels = image.data.reshape(len(scene.geometry), *scene.geometry.size)
    return np.concatenate([local_level(panel, np.isfinite(panel)).ravel() for panel in panels])
