"""`nanobragg cost still.toml`: terms, time and memory of an image, without rendering it."""

import argparse

from ..analysis.summary import LABEL_WIDTH
from ..rendering.cost import NOTABLE_SECONDS, duration, notable_cost
from ..rendering.culling import Culling, resolve_tolerance
from ..rendering.pixel_selection import PixelList, select_pixels
from ..rendering.threads import rendering_threads
from ..scene.scene import Scene
from .experiment import (
    PIXEL_OPTIONS,
    add_pixel_options,
    chosen_pixels,
    read_experiment,
    splitter,
    with_pixel_options,
)
from .parser import CommandParser

ARGUMENTS = {"--threads": 1, "--dtype": 1, **PIXEL_OPTIONS}
USAGE = """\
nanobragg cost (CONFIG.toml | C flags) [--threads N] [--dtype TYPE]
                       [--roi SLOW FAST] [--pixels MASK | --shoeboxes RADIUS]"""
EPILOG = """\
The experiment is CONFIG.toml, or C flags: nanobragg cost -cell 100 100 100 90 90 90 -default_F 1 …
The speed of the kernel is measured on a few pixels. Memory is that of the image and of the resolved scene."""


def add_options(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.description, parser.epilog = "Terms, time and memory of an image, without rendering it.", EPILOG
    parser.usage, parser.split = USAGE, splitter(ARGUMENTS)
    add = parser.add_argument
    add("--threads", type=int, metavar="N", help="default: OMP_NUM_THREADS, otherwise the available processors")
    add("--dtype", default="float32", choices=("float32", "float64"), help="precision (default: float32)")
    add_pixel_options(parser)


def run(chosen: argparse.Namespace) -> int:
    """Print the cost of an image."""
    scene = Scene(with_pixel_options(read_experiment(chosen.flags, "estimate"), chosen))
    cost = scene.cost(pixels=chosen_pixels(scene, chosen), threads=chosen.threads, dtype=chosen.dtype)
    lines = {
        "terms": f"{cost.terms:.4g}",
        "evaluated": f"{cost.terms_evaluated:.4g}",
        "time": f"about {duration(cost.seconds)} on {cost.threads} thread{'s' if cost.threads > 1 else ''}",
        "memory": f"{cost.memory_bytes / 2**20:.4g} MiB",
    }
    for name, text in lines.items():
        print(f"{name:<{LABEL_WIDTH}}{text}")
    for cure in cost.cures if cost.seconds > NOTABLE_SECONDS else ():
        print(f"{'cheaper':<{LABEL_WIDTH}}{cure}")
    return 0


def cost_lines(scene: Scene, pixels: PixelList | None, threads: int | None, dtype: str, images: int = 1) -> list[str]:
    """Return lines about images that take more than ten seconds, with the cures if they take more than a minute."""
    chosen = select_pixels(scene, pixels, None)
    culling = Culling(scene, dtype, resolve_tolerance(scene, None, None), rendering_threads(threads))
    sentences = notable_cost(scene, chosen, culling, images=images)
    return [f"{'cost':<{LABEL_WIDTH}}{text}" for text in sentences]
