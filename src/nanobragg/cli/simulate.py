"""`nanobragg simulate still.toml -o still.img`: render a TOML experiment into image files."""

import argparse
import math
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ..analysis.spots.ground_truth import bragg_image, ground_truth
from ..analysis.statistics import statistics
from ..analysis.summary import LABEL_WIDTH, summarize_scene, summarize_statistics
from ..config.background import Background
from ..config.config import Config
from ..config.noise import Noise
from ..config.toml import input_files, parse_toml
from ..errors import ConfigError
from ..export.write import HIGHEST
from ..io.atomic import check_distinct, check_writable
from ..io.formats import format_of
from ..rendering.pixel_selection import PixelList
from ..rendering.simulate import simulate
from ..response.noise import add_noise
from ..scene.scene import Scene
from .cost import cost_lines
from .experiment import add_pixel_options, chosen_pixels, with_pixel_options
from .image_series import ImageFiles, numbered
from .parser import CommandParser
from .progress import progress_reporter

EPILOG = """\
Formats by suffix:
  .img .smv   SMV, integers 0 to 65535: expected photons, rounded, without offset; or noise
  .bin        4-byte floats without a header
  .npy        NumPy array
  .png        picture, dark spots on white
  .pgm        picture, 8 bit
  .cbf        miniCBF, integers as above
  .tif .tiff  TIFF
  .nxs .h5    NXmx HDF5, the whole series in one file
With --images N the scan's width is that of one image, and each image starts where the previous one ended. In names of
files with one image, each # is a digit of its number: img_####.cbf. Image i has the noise of seed + i - 1.
With --noise, or a table [noise] in CONFIG.toml, files hold what the detector records: Poisson deviates of the photons
with its gain, offset and read-out noise; otherwise expected photons. Several panels are stacked along the slow axis."""
MAX_SEED = 2**31


def add_options(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.description, parser.epilog = "Render a TOML experiment into image files.", EPILOG
    add = parser.add_argument
    add("config", metavar="CONFIG.toml", help="the experiment (nanobragg init writes an example)")
    add("-o", "--output", action="append", required=True, metavar="FILE", help="image file; may be repeated")
    add("--threads", type=int, metavar="N", help="default: OMP_NUM_THREADS, otherwise the available processors")
    add("--device", default="cpu", metavar="NAME",
        help="cpu (the default), cuda or cuda:N for an NVIDIA GPU, or auto")  # fmt: skip
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument("--tolerance", type=float, metavar="T",
        help="what a pixel may miss, as a share of the brightest one: weaker terms are left out")  # fmt: skip
    limit.add_argument("--tolerance-ph", type=float, metavar="N", help="the same in photons")
    add("--dtype", default="float32", choices=("float32", "float64"), help="precision of .npy (default: float32)")
    add_pixel_options(parser)
    add("--images", type=int, metavar="N", help="render a rotation series of N images")
    add("--set", action="append", default=[], metavar="NAME=VALUE",
        help="replace an entry, as in crystal.n_cells=20 or noise.readout_noise_adu=3; may be repeated")  # fmt: skip
    noise = parser.add_mutually_exclusive_group()
    noise.add_argument("--noise", action="store_true",
        help="record the photons as the detector does, with noise (default: if CONFIG.toml has [noise])")  # fmt: skip
    noise.add_argument("--no-noise", action="store_true", help="write expected photons in spite of [noise]")
    add("--seed", type=int, metavar="N", help="seed of the noise (default: a random one, which is printed)")
    add("--truth", metavar="FILE.npz", help="write the ground truth: orientation, cell, spots, mask of Bragg pixels")
    add("--quiet", action="store_true", help="print nothing but warnings and errors")


def run(chosen: argparse.Namespace) -> int:
    """Render a TOML experiment into files."""
    if chosen.images is not None and chosen.images < 1:
        raise ConfigError(f"--images {chosen.images}: must be at least 1")
    described = Config.from_toml(chosen.config).replace(dict(map(_setting, chosen.set)))
    config = _with_tolerance(with_pixel_options(_with_noise(described, chosen), chosen), chosen)
    count = chosen.images or 1
    seed = chosen.seed if chosen.seed is not None else None if config.noise is None else config.noise.seed
    seed = secrets.randbelow(MAX_SEED) if seed is None else seed
    seeds = None if config.noise is None else range(seed, seed + count)
    truths = None if chosen.truth is None else _check_truth_paths(numbered(chosen.truth, chosen.images))
    images = ImageFiles(chosen.output, config, chosen.images, seeds)
    inputs = [*input_files(Path(chosen.config), described), *([] if chosen.pixels is None else [chosen.pixels])]
    check_distinct([*images.names, *(truths or [])], inputs)
    clipped = []

    def show(lines: Sequence[str]) -> None:
        if not chosen.quiet:
            print("\n".join(lines), flush=True)

    with images as files:
        for number, each in enumerate(config.series(count)):
            scene = Scene(each)
            pixels = chosen_pixels(scene, chosen)
            image = _image(scene, number, pixels, chosen, show)
            if truths is not None:
                summary = _write_truth(truths[number], scene, image, pixels, chosen.threads)
                show([f"{'ground truth':<{LABEL_WIDTH}}{summary}"])
            if seeds is not None:
                image = add_noise(image, scene, seed=seeds[number], threads=chosen.threads, device=chosen.device)
            clipped.append(files.write(number, image, scene))
    if seeds is not None:
        show([f"{'noise':<{LABEL_WIDTH}}seed {seed} (--seed {seed} reproduces this noise)"])
    highest = min((HIGHEST.get(format_of(path).name, math.inf) for path in chosen.output), default=math.inf)
    overloads = f" ({max(clipped)} pixels above {highest} are clipped)" if any(clipped) else ""
    show([f"{'written':<{LABEL_WIDTH}}{', '.join(chosen.output)}{overloads}"])
    return 0


def _setting(text: str) -> tuple[str, Any]:
    """Return the name and the value of NAME=VALUE; a value that is not TOML is a text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set {text}: must be NAME=VALUE, as in crystal.n_cells=20")
    try:
        return name.strip(), parse_toml(f"value = {value}")["value"]
    except ValueError:
        return name.strip(), value.strip()


def _with_noise(config: Config, chosen: argparse.Namespace) -> Config:
    """Return the Config with noise if the options or the file ask for it, otherwise without."""
    noisy = chosen.noise or (config.noise is not None and not chosen.no_noise)
    if chosen.seed is not None and not (noisy and chosen.seed >= 0):
        raise ConfigError(f"--seed {chosen.seed}: must not be negative, and needs --noise")
    return config.replace(noise=(config.noise or Noise()) if noisy else None)


def _with_tolerance(config: Config, chosen: argparse.Namespace) -> Config:
    """Return the Config with the tolerance of the options, if they give one."""
    if chosen.tolerance is None and chosen.tolerance_ph is None:
        return config
    return config.replace({"sampling.tolerance": chosen.tolerance, "sampling.tolerance_ph": chosen.tolerance_ph})


def _image(
    scene: Scene,
    number: int,
    pixels: PixelList | None,
    chosen: argparse.Namespace,
    show: Callable[[Sequence[str]], None],
) -> npt.NDArray[Any]:
    """Render one image and print its summary; for a series, one line per image."""
    series = chosen.images is not None
    if number == 0:
        on_cpu = chosen.device == "cpu"
        cost = cost_lines(scene, pixels, chosen.threads, chosen.dtype, chosen.images or 1) if on_cpu else []
        show(summarize_scene(scene) + cost)
    progress = progress_reporter(not chosen.quiet and not series)
    image, report = simulate(
        scene, pixels=pixels, threads=chosen.threads, dtype=chosen.dtype, device=chosen.device, progress=progress,
        report=True,
    )  # fmt: skip
    stats = statistics(image, scene, pixels=pixels)
    start = scene.config.scan.start_deg
    label = f"image {number + 1}"
    line = f"φ from {start:g} degrees; maximum {stats.maximum:g}, mean {stats.mean:g} photons"
    rendered = [f"{'rendered':<{LABEL_WIDTH}}{report}"]
    show([f"{label:<{LABEL_WIDTH}}{line}"] if series else [*rendered, *summarize_statistics(stats)])
    return image


def _check_truth_paths(paths: Sequence[str]) -> Sequence[str]:
    """Return `paths`; raises `ConfigError` or `FileError` unless each is an .npz file that can be written."""
    for path in paths:
        if not path.lower().endswith(".npz"):
            raise ConfigError(f"--truth {path}: must have the suffix .npz")
        check_writable(path)
    return paths


def _write_truth(
    path: str, scene: Scene, image: npt.NDArray[Any], pixels: PixelList | None, threads: int | None
) -> str:
    """Write the ground truth and return a summary of it; `image` is used if the scene has no background."""
    if scene.config.background != Background():
        image = bragg_image(scene, pixels=pixels, threads=threads)
    truth = ground_truth(scene, image=image)
    truth.save(path)
    return f"{len(truth.spots)} spots, {truth.bragg_mask.mean():.2%} of the pixels, in {path}"
