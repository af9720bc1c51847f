"""The readers to fuzz, each with a few valid files to start from."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from nanobragg.config.background import Background
from nanobragg.config.beam import Beam, Sources
from nanobragg.config.config import Config
from nanobragg.config.crystal import Crystal
from nanobragg.config.detector import Detector
from nanobragg.config.panel import Panel
from nanobragg.config.sampling import Sampling
from nanobragg.config.scan import Scan
from nanobragg.config.spectrum import Spectrum
from nanobragg.config.structure_factors import StructureFactors
from nanobragg.errors import ConfigError
from nanobragg.export.nexus import write_nexus
from nanobragg.importers.dials import read_expt
from nanobragg.importers.experiment import Experiment
from nanobragg.importers.geom import CrystfelGeometry, read_geom
from nanobragg.importers.nexus import read_nxmx
from nanobragg.io.cbf import START_OF_DATA, read_cbf, write_cbf
from nanobragg.io.edf import read_edf
from nanobragg.io.fdump import write_fdump
from nanobragg.io.float_image import read_float_image, write_float_image
from nanobragg.io.hkl import write_hkl
from nanobragg.io.mosflm_matrix import read_matrix
from nanobragg.io.nexus_read import read_nexus
from nanobragg.io.npy import read_npy, write_npy
from nanobragg.io.pgm import read_pgm, write_pgm
from nanobragg.io.png import read_png, write_png
from nanobragg.io.smv import read_smv, smv_header, write_smv
from nanobragg.io.text_columns import read_sources, read_two_columns
from nanobragg.io.tiff import read_tiff, write_tiff
from nanobragg.nanobragg_c.flags.config_from_flags import parse_flags
from nanobragg.nanobragg_c.flags.flag_table import SPELLINGS

from . import sample_files
from .deep import use_config, write_everywhere
from .mutate_hdf5 import mutate
from .mutate_toml import NOUNS, mutated_toml

IMAGE = np.arange(12).reshape(3, 4)
CRYSTAL = Crystal(cell=(50, 60, 70, 80, 90, 100), n_cells=(5, 4, 3), mosaic_domains=2, mosaic_spread_deg=0.5)


TESTS = Path(__file__).parents[1] / "tests"
SMALL_MOLECULE = (TESTS / "inputs" / "small.cif").read_text()
FOUND = TESTS / "fuzz_corpus"  # READER/…: inputs that once violated the contract


@dataclass(frozen=True)
class Target:
    """A reader to fuzz.

    Attributes
    ----------
    read
        Reads a file of arbitrary bytes.
    seeds
        Writers of valid files of different kinds.
    suffix
        Suffix of the file, from which some readers choose the format.
    keywords
        Keywords of the format, for the fuzzer's dictionary.
    repair
        Turns bytes into a well-formed file, with checksums and structure that a fuzzer cannot guess.
    use
        Uses what `read` returned, in a folder: renders it, and writes files.
    """

    read: Callable[[Path], Any]
    seeds: Sequence[Callable[[Path], object]]
    suffix: str = ".in"
    keywords: Sequence[str] = ()
    repair: Callable[[bytes], bytes] = bytes
    use: Callable[[Any, Path], object] = lambda found, folder: None

    @property
    def edits(self) -> bool:
        """Return whether the input bytes are read as edits of a valid file."""
        return self.seeds is NO_EDITS


def use_factors(factors: StructureFactors, folder: Path) -> None:
    """Make the dense table of structure factors, and an experiment with them."""
    factors.table()
    use_config(config(factors), folder)


def use_image(found: Any, folder: Path) -> None:
    """Write an image in every format; readers return it alone or first."""
    write_everywhere(found[0] if isinstance(found, tuple) else found, None, folder)


def use_experiments(found: Experiment | list[Experiment], folder: Path) -> None:
    """Make an experiment with the geometry of a file, and with its crystal if there is one."""
    first = found[0] if isinstance(found, list) else found
    try:
        made = first.config(StructureFactors.constant(1))
    except ConfigError:
        made = first.config(StructureFactors.constant(1), crystal=CRYSTAL)
    use_config(made, folder)


def text(*lines: str) -> Callable[[Path], object]:
    """Return a writer of a text file."""
    return lambda path: path.write_text("\n".join(lines))


def read_flags(path: Path) -> Any:
    """Parse a file of C flags, split as by a shell."""
    return parse_flags(path.read_bytes().decode("latin-1")).config


def write_image_smv(path: Path) -> None:
    """Write an image with all header keys."""
    header = smv_header(
        fast_pixels=4, slow_pixels=3, pixel_mm=0.1, distance_mm=100, wavelength_A=1, beam_center_x_mm=0.2,
        beam_center_y_mm=0.15, f_beam_mm=0.2, s_beam_mm=0.15, dials_origin_mm=(1, 2, -100), orgx_px=2, orgy_px=1.5,
        close_distance_mm=99, phi_deg=1, osc_deg=0.5, twotheta_deg=3,
    )  # fmt: skip
    write_smv(path, IMAGE.astype(np.uint16), header)


def flat(**fields: Any) -> Detector:
    """Return a small detector."""
    return Detector.flat(distance_mm=100, pixels=(3, 4), **fields)


def config(factors: StructureFactors | None = None, **parts: Any) -> Config:
    """Return a small experiment with some of its parts replaced."""
    usual = {"crystal": CRYSTAL, "beam": Beam(wavelength_A=1.0), "detector": flat()}
    return Config(structure_factors=factors or StructureFactors.constant(1), **{**usual, **parts})


def write_arrays(path: Path) -> None:
    """Write the .npz file that belongs to a TOML file."""
    config(StructureFactors(indices=IMAGE.reshape(4, 3), amplitudes=IMAGE[0]), detector=flat(mask=IMAGE)).to_toml(
        path.with_suffix(".toml")
    )


def read_arrays(path: Path) -> Any:
    """Read a TOML file whose .npz file holds arbitrary bytes."""
    beside = path.with_name("beside.toml")
    if not beside.exists():
        write_arrays(beside)
        lines = beside.read_text().replace("beside.npz", path.name).splitlines()
        beside.write_text("\n".join(line for line in lines if not line.startswith("arrays_sha256")))
    return Config.from_toml(beside)


def read_mask(path: Path) -> Any:
    """Read an image whose header sets the geometry and whose pixels are a mask."""
    return parse_flags(["-cell", "50", "-default_F", "1", "-mask", str(path)]).config


def repair_png(content: bytes) -> bytes:
    """Return a PNG with the checksum of every chunk corrected."""
    parts, at = [content[:8]], 8
    while at + 12 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4], "big")
        parts += [content[at:end], zlib.crc32(content[at + 4 : end]).to_bytes(4, "big")]
        at = end + 4
    return b"".join([*parts, content[at:]])


@cache
def valid_nexus() -> bytes:
    """Return the bytes of a valid NXmx file of two images."""
    images = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    with TemporaryDirectory() as folder:
        write_nexus(path := Path(folder) / "valid.nxs", images, config(), compression=None)
        return path.read_bytes()


def mutated_nexus(edits: bytes) -> bytes:
    """Return a well-formed NXmx file, mutated by the edits."""
    return mutate(valid_nexus(), edits)


def write_dtrek(path: Path) -> None:
    """Write a d*TREK image of big-endian 32-bit integers whose header holds braces."""
    entries = ("HEADER_BYTES=512", "Data_type=long int", "BYTE_ORDER=big_endian", "SIZE1=4", "SIZE2=3", "H={ Z X }")
    header = "{\n" + "".join(f"{entry};\n" for entry in entries) + "}"
    path.write_bytes(header.encode().ljust(512) + IMAGE.astype(">i4").tobytes())


def write_edf(path: Path) -> None:
    """Write an EDF image of 16-bit integers."""
    header = "{\nByteOrder = HighByteFirst ;\nDataType = SignedShort ;\nDim_1 = 4 ;\nDim_2 = 3 ;\n"
    path.write_bytes(header.encode().ljust(510) + b"}\n" + IMAGE.astype(">i2").tobytes())


def write_plain_cbf(path: Path) -> None:
    """Write a CBF image of 16-bit integers that are not compressed."""
    write_cbf(path, IMAGE.astype(np.int32))
    head, _ = path.read_bytes().split(START_OF_DATA)
    pixels = IMAGE.astype("<u2").tobytes()
    head = head.replace(b"x-CBF_BYTE_OFFSET", b"x-CBF_NONE").replace(b"signed 32", b"unsigned 16")
    head = re.sub(rb"Content-MD5.*\r\n", b"", re.sub(rb"Size: \d+", b"Size: %d" % len(pixels), head))
    path.write_bytes(head + START_OF_DATA + pixels)


GEOMETRY = """photon_energy = 9.5 keV
clen = 80 mm
res = 5000
adu_per_eV = 0.001
rigid_group_q0 = p0
p0/min_fs = 0
p0/max_fs = 9
p0/min_ss = 0
p0/max_ss = 4
p0/corner_x = -5
p0/corner_y = 2.5
p0/fs = +0.999x +0.01y
p0/ss = -y
bad1/min_fs = 2
bad1/max_fs = 3
"""


def write_geom(path: Path) -> None:
    """Write a small CrystFEL geometry."""
    path.write_text(GEOMETRY)


def use_geometry(geometry: CrystfelGeometry, _: Path) -> None:
    """Use a geometry that was read."""
    assert geometry.detector.panels[0].corners_mm().shape == (4, 3)


def write_expt(path: Path) -> None:
    """Write a DIALS experiment list without blanks."""
    path.write_text(json.dumps(json.loads((TESTS / "expt" / "made.expt").read_text()), separators=(",", ":")))


NO_EDITS = [lambda path: path.write_bytes(b"")]
CONFIG_MODELS = (Config, Crystal, StructureFactors, Beam, Detector, Panel, Scan, Sampling, Background)
FIELDS = [name for model in CONFIG_MODELS for name in model.model_fields]

TARGETS: dict[str, Target] = {
    "hkl": Target(
        StructureFactors.from_hkl,
        [lambda path: write_hkl(path, IMAGE.reshape(4, 3), IMAGE[0]), text("-1 0 2 1e2", "\t3 -2 1 .5\r")],
        use=use_factors,
    ),
    "mtz": Target(StructureFactors.from_mtz, [sample_files.write_mtz], suffix=".mtz", use=use_factors),
    "cif": Target(
        StructureFactors.from_cif,
        [text(sample_files.MERGED), text(sample_files.SQUARES), text(sample_files.SHELX)],
        keywords=(*sample_files.MERGED.split(), *sample_files.SQUARES.split()),
        use=use_factors,
    ),
    "shelx": Target(
        lambda path: StructureFactors.from_shelx(path, space_group="P 21/c"),
        [text(*sample_files.SHELX_ROWS)],
        use=use_factors,
    ),
    "coordinates": Target(
        lambda path: StructureFactors.from_coordinates(path, d_min_A=10, k_sol=0),
        [
            text(sample_files.PDB), text(sample_files.BARE_PDB), text(sample_files.COORDINATES),
            text(sample_files.BARE_MMCIF), text(SMALL_MOLECULE), text(sample_files.MINERAL),
        ],
        keywords=(*sample_files.COORDINATES.split(), *SMALL_MOLECULE.split()),
        use=use_factors,
    ),
    "matrix": Target(
        lambda path: (read_matrix(path), config(crystal=Crystal(matrix_path=path)))[1],
        [text("1 0 0", "0 1 0", "0 0 1"), text("-.1-.2 1.e-3", "0.1 0.2 0.3 4 5E2 6", "90.0 90. 90")],
        use=use_config,
    ),
    "smv": Target(
        read_smv,
        [write_image_smv, lambda path: write_smv(path, IMAGE.astype(np.uint16), {"A": 1}), write_dtrek],
        use=use_image,
    ),
    "edf": Target(read_edf, [write_edf], use=use_image),
    "mask": Target(read_mask, [write_image_smv], use=use_config),
    "fdump": Target(
        StructureFactors.from_dump, [lambda path: write_fdump(path, -1, 0, 1, IMAGE[None])], use=use_factors
    ),
    "sources": Target(
        lambda path: (read_sources(path), config(beam=Beam(sources=Sources(path=path))))[1],
        [text("-10 0 0 1 1e-10", "-10 0 1"), text("1,2;3:4 !5e-10", "nan 1 2")],
        use=use_config,
    ),
    "columns": Target(
        lambda path: (read_two_columns(path), config(background=Background(table_path=path, thickness_um=1)))[1],
        [text("0 2.57", "0.1\t2.5", "0.2;2"), text("0,1\r", "nan 3")],
        use=use_config,
    ),
    "pgm": Target(read_pgm, [lambda path: write_pgm(path, IMAGE.astype(np.uint8), 2.5)], use=use_image),
    "png": Target(
        read_png,
        [lambda path: write_png(path, IMAGE.astype(np.uint16)), lambda path: write_png(path, IMAGE.astype(np.uint8))],
        keywords=("IHDR", "IDAT", "IEND", "PLTE", "tRNS", "zTXt", "iTXt", "iCCP"),
        repair=repair_png,
        use=use_image,
    ),
    "npy": Target(
        read_npy,
        [lambda path: write_npy(path, IMAGE.astype(float)), lambda path: np.save(path, IMAGE.T)],
        suffix=".npy",
        use=use_image,
    ),
    "bin": Target(
        lambda path: read_float_image(path, (3, 4)), [lambda path: write_float_image(path, IMAGE)], use=use_image
    ),
    "cbf": Target(
        read_cbf, [lambda path: write_cbf(path, IMAGE.astype(np.int32), {"A": "1"}), write_plain_cbf], use=use_image
    ),
    "tiff": Target(
        read_tiff,
        [
            lambda path: write_tiff(path, IMAGE.astype(np.uint16)),
            lambda path: write_tiff(path, IMAGE / 2),
            lambda path: Image.fromarray(IMAGE.astype(np.uint8)).save(path, "TIFF", compression="tiff_lzw"),
        ],
        use=use_image,
    ),
    "nexus": Target(read_nexus, NO_EDITS, repair=mutated_nexus, use=use_image),
    "nxmx": Target(read_nxmx, NO_EDITS, repair=mutated_nexus, use=use_experiments),
    "geom": Target(read_geom, [write_geom], suffix=".geom", use=use_geometry),
    "expt": Target(read_expt, [write_expt], use=use_experiments),
    "spectrum": Target(
        Spectrum.from_file,
        [text("energy_eV weight", "9000 1", "9001 2.5"), text("# wavelength_A", "1.0,2", "1.1;0")],
        use=lambda found, folder: use_config(config(beam=Beam(spectrum=found)), folder),
    ),
    "npz": Target(read_arrays, [write_arrays], suffix=".npz", use=use_config),
    "toml": Target(
        Config.from_toml,
        [config().to_toml, config(detector=flat(mask=Path("a.img"))).to_toml],
        keywords=FIELDS,
        use=use_config,
    ),
    "flags": Target(
        read_flags,
        [
            text("-cell 50 60 70 80 90 100 -default_F 100 -N 5 -lambda 1 -distance 100 -detpixels 16"),
            text("-mat A.mat -hkl P1.hkl -energy 12000 -Na 3 -misset 10 20 30 -mosaic_spread 1 -xds -ORGX 5"),
            text("-default_F 1 -cell 50 -pivot sample -roi 1 2 3 4 -phi 1 -osc 2 -phisteps 3 -pix0_vector 1 2 3"),
        ],
        keywords=tuple(SPELLINGS),
        use=use_config,
    ),
    **{noun: Target(Config.from_toml, NO_EDITS, repair=partial(mutated_toml, noun), use=use_config) for noun in NOUNS},
}  # fmt: skip


def seed_files(name: str, folder: Path) -> list[Path]:
    """Write valid files for a reader into a folder; return their paths."""
    target, paths = TARGETS[name], []
    for number, write in enumerate(target.seeds):
        write(path := folder / f"seed{number}{target.suffix}")
        paths.append(path)
    return paths
