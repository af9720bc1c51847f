"""The experiment of a command that takes a TOML file or C flags, and the pixels that it is limited to."""

import argparse
from collections.abc import Callable, Sequence

import numpy as np

from ..analysis.spots.shoeboxes import shoeboxes
from ..config.config import Config
from ..errors import ConfigError
from ..io import read_image
from ..nanobragg_c.flags.config_from_flags import config_from_flags
from ..rendering.pixel_selection import PixelList
from ..scene.scene import Scene
from ..scene.scene_data import load_mask
from .parser import CommandParser

PIXEL_OPTIONS = {"--roi": 2, "--pixels": 1, "--shoeboxes": 1}  # number of arguments


def splitter(arguments: dict[str, int]) -> Callable[[Sequence[str]], tuple[list[str], list[str]]]:
    """Return a function that splits words into options, with these numbers of arguments, and the experiment."""

    def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
        own: list[str] = []
        experiment: list[str] = []
        left = 0
        for word in words:
            if left == 0 and (word.startswith("--") or word in ("-h", "-help")):
                left = 0 if "=" in word else arguments.get(word, 0)
                own.append("--help" if word in ("-h", "-help") else word)
            elif left > 0:
                left -= 1
                own.append(word)
            else:
                experiment.append(word)
        return own, experiment

    return split


def read_experiment(words: list[str], purpose: str) -> Config:
    """Return the Config of a TOML file or of C flags."""
    if not words:
        raise ConfigError(f"nothing to {purpose}: give a CONFIG.toml or C flags")
    if words[0].startswith("-"):
        return config_from_flags(words)
    if len(words) > 1:
        raise ConfigError(f"{' '.join(words[1:])}: unexpected after {words[0]}; give one CONFIG.toml or C flags")
    return Config.from_toml(words[0])


def region_part(text: str) -> slice:
    """Return the slice that START:STOP means; either may be missing."""
    start, _, stop = text.partition(":")
    try:
        return slice(int(start) if start else None, int(stop) if stop or ":" not in text else None)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not START:STOP, as in 100:200") from None


def add_pixel_options(parser: CommandParser) -> None:
    """Add the options that limit an image to some pixels."""
    parser.add_argument("--roi", type=region_part, nargs=2, metavar=("SLOW", "FAST"),
                        help="render this region only, as an image is indexed: 100:200 0:50")  # fmt: skip
    some = parser.add_mutually_exclusive_group()
    some.add_argument("--pixels", metavar="MASK",
                      help="render the pixels that are not 0 in this image file only; others are masked")  # fmt: skip
    some.add_argument("--shoeboxes", type=float, metavar="RADIUS",
                      help="render boxes around the predicted spots only, to this number of pixels from their "
                      "centres; other pixels are 0")  # fmt: skip


def with_pixel_options(config: Config, chosen: argparse.Namespace) -> Config:
    """Return the Config with the region of --roi, and with the mask of --pixels beside its own."""
    if chosen.roi is not None:
        config = config.replace(roi=tuple(chosen.roi))
    if chosen.pixels is None:
        return config
    image, _ = read_image(chosen.pixels, shape=config.detector.stacked_shape)
    wanted, mask = np.asarray(image != 0).reshape(config.detector.shape), load_mask(config)
    if mask is not None:
        wanted &= mask.reshape(config.detector.shape) != 0
    masked: Config = config.replace(detector=config.detector.replace(mask=wanted))
    return masked


def chosen_pixels(scene: Scene, chosen: argparse.Namespace) -> PixelList | None:
    """Return the boxes of --shoeboxes, or None."""
    return None if chosen.shoeboxes is None else shoeboxes(scene, chosen.shoeboxes)
