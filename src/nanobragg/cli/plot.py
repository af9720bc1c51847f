"""`nanobragg plot still.img --config still.toml -o still.png`: plots of images and of reciprocal space."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from ..config.config import Config
from ..errors import ConfigError
from ..scene.scene import Scene
from .parser import CommandParser

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EPILOG = """\
Resolution rings, spots, --radial and --slice need --config.
Several panels are drawn at their positions, seen along the beam.
The suffix selects the format: .png .pdf .svg. Plots need matplotlib: pip install 'nanobragg[plot]'"""
IMAGE_ONLY = ("no_spots", "no_rings", "rings", "zoom")


def add_options(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.description, parser.epilog = "Draw an image, its radial average, or a slice of reciprocal space.", EPILOG
    add = parser.add_argument
    add("image", nargs="?", metavar="IMAGE", help="image in any supported format; not with --slice")
    add("--image", type=int, default=1, metavar="N", dest="number", help="image of a series, from 1 (default: 1)")
    add("-o", "--output", required=True, metavar="FILE", help="file of the plot")
    add("--config", metavar="CONFIG.toml", help="the experiment of the image")
    add("--no-spots", action="store_true", help="do not circle the predicted spots")
    rings = parser.add_mutually_exclusive_group()
    rings.add_argument("--no-rings", action="store_true", help="draw no resolution rings")
    rings.add_argument("--rings", type=float, nargs="+", metavar="D", help="resolutions in Å (default: round ones)")
    add("--zoom", type=int, default=0, metavar="N", help="N close-ups of spots, up to 8")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--radial", choices=("mean", "median"), help="plot the radial average")
    add("--log", action="store_true", help="with --radial: a logarithmic axis of photons")
    kinds.add_argument("--slice", metavar="PLANE", help="plot the reflections of a plane, like hk0, h0l, hk-1, hhl")
    add("--title", metavar="TEXT", help="title of the plot")


def run(chosen: argparse.Namespace) -> int:
    """Draw one plot."""
    from ..io.atomic import check_distinct
    from ..plotting.figures import check_figure_path, save_figure

    _check(chosen)
    check_figure_path(chosen.output)
    check_distinct([chosen.output], filter(None, [chosen.image, chosen.config]))
    scene = None if chosen.config is None else Scene(Config.from_toml(chosen.config))
    save_figure(chosen.output, _figure(chosen, scene))
    return 0


def _check(chosen: argparse.Namespace) -> None:
    if (chosen.image is None) != (chosen.slice is not None):
        raise ConfigError("plot: give either an IMAGE or --slice PLANE")
    for name in ("radial", "slice", "rings"):
        if getattr(chosen, name) is not None and chosen.config is None:
            raise ConfigError(f"--{name}: needs the geometry; give --config CONFIG.toml")
    if chosen.number < 1:
        raise ConfigError(f"--image {chosen.number}: must be at least 1")
    if chosen.log and chosen.radial is None:
        raise ConfigError("--log: is for --radial; leave it out")
    if chosen.radial or chosen.slice:
        for name in IMAGE_ONLY:
            if getattr(chosen, name):
                raise ConfigError(f"--{name.replace('_', '-')}: is for pictures of an image; leave it out")


def _figure(chosen: argparse.Namespace, scene: Scene | None) -> Figure:
    from ..plotting import plot, plot_radial, plot_slice

    if chosen.slice is not None:
        assert scene is not None  # _check
        return plot_slice(scene, chosen.slice, title=chosen.title)
    image = _image(chosen.image, scene, chosen.number)
    if chosen.radial is not None:
        assert scene is not None  # _check
        return plot_radial(image, scene, statistic=chosen.radial, log=chosen.log, title=chosen.title)
    rings = () if chosen.no_rings else chosen.rings
    return plot(image, scene, spots=not chosen.no_spots, rings=rings, zoom=chosen.zoom, title=chosen.title)


def _image(path: str, scene: Scene | None, number: int) -> npt.NDArray[Any]:
    """Read the image; a .bin file gets the shape of the experiment."""
    from ..io import read_image

    if scene is None or not path.lower().endswith(".bin"):
        return read_image(path, index=number - 1)[0]
    return read_image(path, shape=scene.config.detector.stacked_shape)[0]
