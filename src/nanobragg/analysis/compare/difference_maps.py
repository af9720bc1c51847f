"""Pictures of two images on a common scale, and maps of their difference and ratio."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...io.png import render_grey, write_colour_png, write_png

ROUNDING = 1e-5  # smallest full scale of differences, relative to the reference's brightest pixel
LARGEST_FACTOR = 2.0  # ratios are shown up to this factor

Image = npt.NDArray[Any]


def write_previews(folder: Path, ours: Image, theirs: Image) -> None:
    """Write ours.png and theirs.png, dark spots on white, on a common scale."""
    both = render_grey(np.concatenate([ours, theirs]))
    for name, picture in zip(("ours", "theirs"), np.split(both, 2), strict=True):
        write_png(folder / f"{name}.png", picture)


def write_maps(folder: Path, ours: Image, theirs: Image) -> dict[str, float]:
    """Write difference.png and ratio.png: red where ours is larger, blue where it is smaller, white where equal.

    Returns the values at full colour: `difference_scale_photons` (the largest difference, at least 1e-5 of the
    brightest pixel) and `ratio_scale` (a factor of 2).
    """
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        difference = a - b
        ratio = np.log(a / b) / np.log(LARGEST_FACTOR)
    ratio[a == b] = 0.0
    scale = max(_largest(difference), ROUNDING * _largest(b))
    write_colour_png(folder / "difference.png", diverging_colours(difference / scale if scale > 0 else difference))
    write_colour_png(folder / "ratio.png", diverging_colours(ratio))
    return {"difference_scale_photons": scale, "ratio_scale": LARGEST_FACTOR}


def diverging_colours(values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Return RGB colours of numbers: red from 1, white at 0, blue to -1, grey for NaN."""
    size = np.clip(np.nan_to_num(np.abs(values), nan=0.0), 0.0, 1.0)
    faded = np.rint(255.0 * (1.0 - size)).astype(np.uint8)
    full = np.full_like(faded, 255)
    positive = (values > 0)[..., None]
    colours = np.where(positive, np.stack([full, faded, faded], -1), np.stack([faded, faded, full], -1))
    colours[np.isnan(values)] = 128
    return colours


def _largest(values: npt.NDArray[np.float64]) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0))
