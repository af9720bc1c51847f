"""A picture of some shots side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ..io.atomic import StrPath
from ..io.png import render_grey, write_png
from .shot import Shot

EDGE = 320  # pixels of a shot's longer side
CAPTION = 14
GAP = 6


def write_contact_sheet(path: StrPath, shots: Sequence[Shot]) -> None:
    """Write a PNG with shots side by side, dark spots on white, each with its number and that of its crystals."""
    tiles = [_tile(shot) for shot in shots]
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    height, width = (max(tile.shape[axis] for tile in tiles) + GAP for axis in (0, 1))
    sheet = np.full((rows * height + GAP, columns * width + GAP), 255, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = GAP + i // columns * height, GAP + i % columns * width
        sheet[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    write_png(path, sheet)


def _tile(shot: Shot) -> npt.NDArray[np.uint8]:
    """Return one shot with a frame and its caption; pixels are merged to their maximum, so that no spot is lost."""
    pixels = shot.image.reshape(-1, shot.image.shape[-1])
    merged = max(1, math.ceil(max(pixels.shape) / EDGE))
    slow, fast = (-(-edge // merged) * merged for edge in pixels.shape)
    padded = np.pad(pixels, ((0, slow - pixels.shape[0]), (0, fast - pixels.shape[1])), "edge")
    grey = render_grey(padded.reshape(slow // merged, merged, fast // merged, merged).max(axis=(1, 3)))
    grey = np.pad(
        grey.repeat(max(1, EDGE // 2 // max(grey.shape)), 0).repeat(max(1, EDGE // 2 // max(grey.shape)), 1), 1
    )
    crystals = "1 crystal" if len(shot.truth) == 1 else f"{len(shot.truth)} crystals"
    caption = Image.new("L", (grey.shape[1], CAPTION), 255)
    ImageDraw.Draw(caption).text((2, 1), f"shot {shot.number}, {crystals}", fill=0)
    return np.concatenate([np.asarray(caption), grey])
