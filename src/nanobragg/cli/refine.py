"""`nanobragg refine start.toml image.nxs --vary rot cell distance -o refined.toml`: refinement against an image."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..config.config import Config
from ..errors import ConfigError
from ..geometry import FloatArray
from .parser import CommandParser

if TYPE_CHECKING:
    from ..derivatives.groups import Groups
    from ..importers.experiment import Experiment
    from ..refinement.result import Refinement

EPILOG = """\
words of --vary: rot cell n mosaic distance scale blocks background wavelength beam offset planes panel0 detector,
names of groups of panels in a .expt file, and of single parameters, such as rot_x or panel0_tz (nb.parameters). Of
several crystals: fractions, and crystal1_rot … for one of them; twins for the shares of twins.
A .expt start has all crystals of the image; refined, each is an experiment of the file that is written.
The image holds ADU: photons are (ADU - offset) / gain. Negative pixels are left out.
The suffix of -o selects the format: .toml, or .expt for DIALS. Ctrl-C writes the best values so far."""


def add_options(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.description, parser.epilog = "Refine an experiment against a measured image.", EPILOG
    add = parser.add_argument
    add("start", metavar="START", help="the start: a TOML experiment, or a DIALS .expt with --factors")
    add("image", metavar="IMAGE", help="measured image in any supported format")
    add("--vary", nargs="+", required=True, metavar="WORD", help="what to refine")
    add("-o", "--output", required=True, metavar="FILE", help="refined experiment, .toml or .expt")
    add("--index", type=int, default=0, metavar="N", help="number of the image in a file of several (default 0)")
    add("--experiment", type=int, metavar="N", help="number of an experiment of the image in a .expt start")
    add(
        "--factors",
        action="append",
        default=[],
        metavar="FILE",
        help="structure factors for a .expt start (.mtz, .cif, .hkl); of several crystals once, or once for each",
    )
    add("--n-cells", type=float, nargs="+", metavar="N", help="cells of a block for a .expt start (default 20)")
    add("--sigma", type=float, default=None, metavar="S", help="read-out noise in photons (default: Poisson noise)")
    add("--gain", type=float, default=1.0, metavar="G", help="ADU per photon (default 1)")
    add("--adc-offset", type=float, default=0.0, metavar="A", help="ADU without photons (default 0)")
    add("--space-group", metavar="SYMBOL", help="constrains the cell (default: that of the structure factors)")
    add("--pixels", choices=("shoeboxes", "all"), default="shoeboxes", help="pixels to compare (default shoeboxes)")
    add("--as-given", action="store_true", help="start from the values as they are, without a fit to spots")
    add("--iterations", type=int, default=50, metavar="N", help="largest number of iterations (default 50)")
    add("--plot", metavar="FILE", help="picture of data, model and residual")


def run(chosen: argparse.Namespace) -> int:
    """Refine, print the values, and write the refined experiment."""
    from ..io.atomic import check_distinct
    from ..refinement.refine import refine

    if not chosen.output.endswith((".toml", ".expt")):
        raise ConfigError(f"{chosen.output}: the refined experiment is a .toml or .expt file")
    check_distinct(filter(None, [chosen.output, chosen.plot]), [chosen.start, chosen.image, *chosen.factors])
    config, groups = _start(chosen)
    result = refine(
        config, _photons(chosen, config), chosen.vary, noise="poisson" if chosen.sigma is None else chosen.sigma,
        space_group=chosen.space_group, pixels=chosen.pixels, start="given" if chosen.as_given else "spots",
        most_iterations=chosen.iterations, progress=_show, groups=groups,
    )  # fmt: skip
    print(result.summary())
    _write(chosen, result)
    return 0 if result.converged else 3


def _start(chosen: argparse.Namespace) -> tuple[Config, Groups | None]:
    """Return the experiment at the start, and groups of panels in the hierarchy of a DIALS detector."""
    if chosen.start.endswith(".expt"):
        return _dials_start(chosen)
    given = {"--factors": chosen.factors, "--n-cells": chosen.n_cells, "--experiment": chosen.experiment is not None}
    for option, value in given.items():
        if value:
            raise ConfigError(f"{option}: is for a .expt start; {chosen.start} says it by itself, so leave it out")
    return Config.from_toml(chosen.start), None


def _dials_start(chosen: argparse.Namespace) -> tuple[Config, Groups | None]:
    """Return the experiment of a DIALS file, with all crystals of the image, and its groups of panels."""
    from ..config.structure_factors import StructureFactors

    if not chosen.factors:
        raise ConfigError(f"{chosen.start}: a DIALS experiment has no structure factors; give --factors FILE")
    experiments, files = _crystals_of_image(chosen.start, chosen.experiment), chosen.factors
    if len(files) not in (1, len(experiments)):
        raise ConfigError(
            f"--factors: is given {len(files)} times; crystals of the image: {len(experiments)}; give it once for all, "
            "or once for each"
        )
    factors, first = [StructureFactors(path=path) for path in files], experiments[0]
    cells = tuple(chosen.n_cells or [20.0])
    n_cells, image = cells * 3 if len(cells) == 1 else cells, chosen.index if first.images > 1 else 0
    config = first.config(factors[0], image, n_cells=n_cells)
    if len(experiments) > 1:
        crystals = [each.crystal(image, n_cells=n_cells) for each in experiments]
        config = config.replace(crystals=crystals, factors_of_crystals=factors if len(factors) > 1 else None)
    return config, first.groups or None


def _crystals_of_image(path: str, number: int | None) -> list[Experiment]:
    """Return the experiments of a DIALS file that are crystals of one image, that of the experiment of a number."""
    from ..importers.dials import read_expt

    experiments = read_expt(path)
    last = len(experiments) - 1
    if number is not None and not 0 <= number <= last:
        raise ConfigError(f"--experiment {number}: {path} has the experiments 0 to {last}")
    if number is None and len({each.image_set for each in experiments}) > 1:
        raise ConfigError(f"{path}: has experiments of several images; give --experiment N, 0 to {last}, of the image")
    chosen = experiments[number or 0]
    crystals = [each for each in experiments if each.image_set == chosen.image_set and each.reciprocal is not None]
    return crystals or [chosen]


def _photons(chosen: argparse.Namespace, config: Config) -> FloatArray:
    """Return the photons of the image; NaN where it has no valid value."""
    from ..io import read_image

    image, _ = read_image(chosen.image, index=chosen.index)
    adu, shape = np.asarray(image, np.float64), config.detector.shape
    if adu.size != math.prod(shape):
        raise ConfigError(f"{chosen.image}: is an image of shape {adu.shape}; the detector of the start has {shape}")
    if not chosen.gain > 0:
        raise ConfigError(f"--gain {chosen.gain:g}: must be positive")
    return np.where(adu >= 0, (adu - chosen.adc_offset) / chosen.gain, np.nan).reshape(shape)


def _show(iteration: int, loss: float, values: Mapping[str, float]) -> None:
    listed = "  ".join(f"{name} {value:.5g}" for name, value in values.items())
    print(f"{iteration:3d}  loss {loss:.8g}  {listed}", file=sys.stderr, flush=True)


def _write(chosen: argparse.Namespace, result: Refinement) -> None:
    if chosen.output.endswith(".expt"):
        result.to_expt(chosen.output)
    else:
        result.to_toml(chosen.output)
    if chosen.plot:
        from ..plotting.figures import save_figure

        save_figure(chosen.plot, result.plot())
