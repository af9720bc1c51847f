"""`nanobragg init`: write a commented TOML experiment to start from."""

import argparse
from pathlib import Path

from ..errors import ConfigError
from ..io.atomic import atomic_write
from .parser import CommandParser

TEMPLATE = """\
# An experiment of nanobragg: a still of a protein crystal at a synchrotron.
#
#     nanobragg simulate {name} -o still.png
#     nanobragg simulate {name} --noise -o still.cbf
#
# Lines that start with # are comments; those with an entry show another possibility. Units are in the names. All
# entries are described in the user guide, "Experiments as TOML".

[crystal]
cell = [79.1, 79.1, 38.4, 90, 90, 90]  # a b c (Å), alpha beta gamma (degrees)
misset_deg = [21, 43, 65]              # orientation: rotations about lab x, y, z; or "random", with misset_seed
n_cells = [10, 10, 20]                 # unit cells of a coherent block; fewer give larger spots
size_mm = [0.05, 0.05, 0.05]           # size of the crystal
mosaic_spread_deg = 0.1
mosaic_domains = 20

[structure_factors.wilson]             # random amplitudes with the statistics of a protein
space_group = "P 43 21 2"
b_factor = 20                          # Å²
d_min_A = 1.8
seed = 1

# Real amplitudes, in place of [structure_factors.wilson]; a file supplies the cell if [crystal] has none.
# [structure_factors]
# mtz = "data.mtz"                     # or cif, shelx, hkl
# coordinates = "model.pdb"            # amplitudes calculated from atoms, to d_min_A
# d_min_A = 1.8
# constant = 100                       # the same amplitude for every reflection

[beam]
wavelength_A = 0.9795                  # or energy_eV = 12658
flux_ph_s = 1e12
exposure_s = 0.1
size_mm = 0.05
kahn_factor = 0.98                     # degree of polarization

[detector]
name = "PILATUS3 300K"                 # nanobragg help detectors lists the names
distance_mm = 120

# Any flat detector, in place of [detector].
# [detector.flat]
# distance_mm = 150
# pixels = [1024, 1024]                # slow, fast
# pixel_mm = 0.1
# beam_center_mm = [51.2, 51.2]

[scan]                                 # leave out for a still
start_deg = 0
range_deg = 0.2                        # width of an image
steps = 4

[background]
water_um = 30                          # edge of a cube of water in the beam

[sampling]
oversample = 2                         # sub-pixels along each side of a pixel; leave out for the recommended number
"""


def add_options(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.description = "Write a commented TOML experiment that renders, to start from."
    add = parser.add_argument
    add("file", nargs="?", type=Path, default=Path("experiment.toml"), metavar="FILE.toml",
        help="the file (default: experiment.toml)")  # fmt: skip
    add("--force", action="store_true", help="replace an existing file")


def run(chosen: argparse.Namespace) -> int:
    """Write the example, unless a file of that name exists."""
    path: Path = chosen.file
    if path.suffix.lower() != ".toml":
        raise ConfigError(f"{path}: must have the suffix .toml")
    if path.exists() and not chosen.force:
        raise ConfigError(f"{path}: exists; choose another name, or give --force")
    with atomic_write(path) as file:
        file.write(TEMPLATE.format(name=path.name).encode())
    print(f"written: {path}; render it with nanobragg simulate {path} -o still.png")
    return 0
