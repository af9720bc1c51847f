"""Summary statistics of an image."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .._core import solid_angle
from ..calls import public
from ..config.config import Config
from ..config.region import Region
from ..geometry import Roi
from ..io.check_image import cast_to_doubles
from ..rendering.pixel_selection import PixelList, select_pixels
from ..scene.scene import Scene


@public
class Statistics(NamedTuple):
    """Statistics of the rendered, unmasked pixels.

    Attributes
    ----------
    maximum : float
        Photons in the brightest pixel.
    maximum_at : tuple of int
        Its (slow, fast), or (panel, slow, fast).
    maximum_at_mm : tuple of float
        Its position along the slow and fast axes from the panel's origin: the centre of the pixel, or under
        `compat="c"` of its last sub-pixel (docs/quirks.md, row 14).
    mean, rms, rmsd : float
        Σx/n, √(Σx²/(n-1)), √(Σ(x-mean)²/(n-1)).
    solid_angle_sr : float
        Total solid angle of the pixels.
    pixels : int
        Number of pixels.
    """

    maximum: float
    maximum_at: tuple[int, ...]
    maximum_at_mm: tuple[float, float]
    mean: float
    rms: float
    rmsd: float
    solid_angle_sr: float
    pixels: int


@public
def statistics(
    image: npt.NDArray[Any],
    experiment: Config | Scene,
    roi: Region | None = None,
    pixels: PixelList | None = None,
) -> Statistics:
    """Return summary statistics of a rendered image.

    Under `compat="c"` they are those of the C program: squares in float32, masked pixels counted as zeros in the RMSD,
    and the solid angle multiplied by layers and divided by sources, φ steps and domains (docs/quirks.md, row 14).

    Parameters
    ----------
    image : ndarray, shape (slow, fast) or (panels, slow, fast)
        Photons in every pixel.
    experiment
        The `Config` or `Scene` of the image.
    roi
        The rendered region; default: that of the scene.
    pixels
        The rendered pixels, as in `simulate`; default: all in the region.

    Returns
    -------
    Statistics
        Statistics of the rendered, unmasked pixels.

    Raises
    ------
    ConfigError
        An invalid region or selection of pixels.
    """
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    mask, region = select_pixels(scene, pixels, roi)
    region = region or scene.limits
    like_c = scene.config.compat == "c"
    window = (..., slice(region[2], region[3] + 1), slice(region[0], region[1] + 1))
    part = image[window]
    rendered = np.ones(part.shape, bool) if mask is None else mask.reshape(image.shape)[window] != 0
    chosen = part[rendered]
    values = cast_to_doubles(chosen)
    n = max(values.size, 1)
    spread = cast_to_doubles(part) if like_c else values
    with np.errstate(over="ignore", invalid="ignore"):  # of photons that are not finite, or whose squares are not
        mean = float(values.sum()) / n
        squares = (chosen * chosen).astype(np.float64) if like_c else values * values
        deviations = (spread - mean) ** 2
        mean_square, variance = (float(each.sum()) / max(each.size - 1, 1) for each in (squares, deviations))
    place = _brightest(part, rendered, region)
    return Statistics(
        maximum=float(image[place]),
        maximum_at=place,
        maximum_at_mm=_centre_mm(scene, place[-2:], last_sub_pixel=like_c),
        mean=mean,
        rms=math.sqrt(mean_square),
        rmsd=math.sqrt(variance),
        solid_angle_sr=solid_angle(scene.core(image.dtype), region, mask)
        / (scene.terms if like_c else scene.oversample**2),
        pixels=values.size,
    )


def _brightest(part: npt.NDArray[Any], rendered: npt.NDArray[np.bool_], region: Roi) -> tuple[int, ...]:
    """Return the place in the image of the brightest rendered pixel in a part of it."""
    place = np.unravel_index(int(np.argmax(np.where(rendered, part, -np.inf))), part.shape)
    *panel, slow, fast = (int(i) for i in place)
    return (*panel, slow + region[2], fast + region[0])


def _centre_mm(scene: Scene, pixel: tuple[int, ...], *, last_sub_pixel: bool) -> tuple[float, float]:
    edge = scene.config.detector.panels[0].pixel_mm
    step = edge / scene.oversample
    offset = edge - step / 2.0 if last_sub_pixel else edge / 2.0
    return edge * pixel[0] + offset, edge * pixel[1] + offset
