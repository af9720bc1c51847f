"""A first estimate of how bright an image is, which a start often does not know at all."""

from __future__ import annotations

import math

import numpy as np

from ..derivatives.images import derivatives
from ..geometry import FloatArray
from ..rendering.threads import rendering_threads
from ..scene.scene import Scene
from .fit import Fit, Image, State, moved_scene
from .spots import local_level

BRIGHTNESS = ("log_fluence", "log_blocks")
FAR = 2.0  # a factor of brightness that iterations cover well


def brightened(fit: Fit, state: State) -> State:
    """Return a state in which the photons of every image add up to the measured ones, where they were far off.

    Far from the right brightness, every other parameter would be drawn away to make up for it. Images that refine both
    the fluence and the number of blocks, or have a prior for them, are left alone.
    """
    names = [degree.name for degree in fit.own]
    refined = [name for name in BRIGHTNESS if name in names]
    if len(refined) != 1 or fit.has_prior(refined[0]):
        return state
    row = names.index(refined[0])
    low, high = fit.bounds_of(refined[0])
    scenes, values = [], []
    for image, scene, own in zip(fit.images, state.scenes, state.own, strict=True):
        change = _logarithm_of_factor(fit, image, scene, refined[0])
        change = float(np.clip(change, low - own[row], high - own[row]))
        scenes.append(moved_scene(scene, {refined[0]: change}, fit.groups) if change else scene)
        values.append(np.where(np.arange(len(own)) == row, own + change, own))
    return State(scenes, values, state.shared)


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
