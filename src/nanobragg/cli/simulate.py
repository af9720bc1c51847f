"""`nanobragg simulate still.toml -o still.img`: a TOML experiment becomes image files."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config import Config
from ..errors import ConfigError
from ..outputs import check_image_paths, check_writable, write_image_file
from ..report import LABEL_WIDTH, scene_lines, statistics_lines
from ..scene import Scene
from ..simulate import simulate
from ..statistics import statistics
from .options import Options
from .progress import progress_reporter

FILES = """\
Files by their suffix:
  .img .smv   SMV, whole numbers 0 to 65535: expected photons, rounded, no offset; or with --noise
  .bin        4-byte floats without a header
  .npy        NumPy array
  .png        picture, dark spots on white
  .pgm        picture, 8 bit
With --noise every file holds what a detector records: a Poisson deviate of the photons plus an offset of
40 units. Without it every file holds the photons expected. Several panels are stacked along the slow axis."""
MAX_SEED = 2**31


def run(words: Sequence[str]) -> int:
    """Render a TOML experiment into files."""
    chosen = _options().parse_args(words)
    if chosen.seed is not None and not (chosen.noise and chosen.seed >= 0):
        raise ConfigError(f"--seed {chosen.seed}: must not be negative, and needs --noise")
    check_image_paths(chosen.output)
    _check_truth_path(chosen.truth)
    scene = Scene(_config(chosen))
    seed = (secrets.randbelow(MAX_SEED) if chosen.seed is None else chosen.seed) if chosen.noise else None
    say = _Speaker(chosen.quiet)
    say(scene_lines(scene))
    image = simulate(scene, threads=chosen.threads, dtype=chosen.dtype, progress=progress_reporter(not chosen.quiet))
    say(statistics_lines(statistics(image, scene)))
    if chosen.truth is not None:
        say([f"{'ground truth':<{LABEL_WIDTH}}{_write_truth(chosen.truth, scene, image, chosen.threads)}"])
    if seed is not None:
        image = _noisy(image, seed, chosen.threads)
        say([f"{'noise':<{LABEL_WIDTH}}seed {seed} (--seed {seed} gives this noise again)"])
    clipped = [write_image_file(path, image, scene, seed=seed) for path in chosen.output]
    overloads = f" ({max(clipped)} pixels above 65535 are clipped)" if any(clipped) else ""
    say([f"{'written':<{LABEL_WIDTH}}{', '.join(chosen.output)}{overloads}"])
    return 0


def _options() -> Options:
    options = Options("simulate", "Render a TOML experiment into image files.", FILES)
    add = options.add_argument
    add("config", metavar="CONFIG.toml", help="the experiment, as Config.to_toml writes it")
    add("-o", "--output", action="append", required=True, metavar="FILE", help="image file; may be given again")
    add("--threads", type=int, metavar="N", help="default: OMP_NUM_THREADS, else the processors at hand")
    add("--dtype", default="float32", choices=("float32", "float64"), help="precision of .npy (default: float32)")
    add("--roi", type=int, nargs=4, metavar=("X0", "X1", "Y0", "Y1"),
        help="render this part only: first and last fast, first and last slow pixel")  # fmt: skip
    add("--noise", action="store_true", help="add photon noise")
    add("--seed", type=int, metavar="N", help="of the noise (default: a new one, which is printed)")
    add("--truth", metavar="FILE.npz", help="write the ground truth: orientation, cell, spots, mask of Bragg pixels")
    add("--quiet", action="store_true", help="print nothing but warnings and errors")
    return options


def _config(chosen: argparse.Namespace) -> Config:
    config = Config.from_toml(chosen.config)
    if chosen.roi is None:
        return config
    changed: Config = config.replace(roi=tuple(chosen.roi))
    return changed


def _check_truth_path(path: str | None) -> None:
    if path is None:
        return
    if not path.lower().endswith(".npz"):
        raise ConfigError(f"--truth {path}: is written as .npz; choose such a name")
    check_writable(path)


def _write_truth(path: str, scene: Scene, image: npt.NDArray[Any], threads: int | None) -> str:
    """Write the ground truth; the image is the crystal's alone if there is no background."""
    from ..background import Background
    from ..truth import ground_truth

    alone = scene.config.background == Background()
    truth = ground_truth(scene, image=image if alone else None, threads=threads)
    truth.save(path)
    return f"{len(truth.spots)} spots, {truth.bragg_mask.mean():.2%} of the pixels, in {path}"


def _noisy(image: npt.NDArray[Any], seed: int, threads: int | None) -> npt.NDArray[np.uint16]:
    from ..noise import add_noise

    return np.asarray(add_noise(image, seed, threads=threads), dtype=np.uint16)


class _Speaker:
    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def __call__(self, lines: Sequence[str]) -> None:
        if not self.quiet:
            print("\n".join(lines), flush=True)
