"""`nanobragg dataset plan.toml -o out/`: make the shots of a data set, or verify them."""

import argparse
import re
from pathlib import Path

from ..analysis.summary import LABEL_WIDTH
from ..dataset.cluster import Cluster
from ..dataset.contact_sheet import write_contact_sheet
from ..dataset.dataset import Dataset
from ..dataset.estimate import measure, spread
from ..dataset.layout import CONTACT_SHEET
from ..dataset.truth_files import DialsFiles, write_truth
from ..dataset.verify import verify_dataset
from ..errors import ConfigError
from ..io.hdf5 import Compression
from ..rendering.cost import duration
from ..rendering.threads import thread_count
from .parser import CommandParser
from .progress import progress_reporter

EPILOG = """\
OUT holds the images as NXmx data files with a master, images_master.h5; the tables shots, crystals and (--spots) spots
as Parquet; the plan, and manifest.json with versions and checksums. Every file is complete or absent. What was
interrupted is finished with --resume, which gives the same bytes.
--scheduler uses the workers of a Dask scheduler, on this machine or a cluster; they must reach OUT by the same name."""
SHOWN = 9  # shots of the contact sheet
COMPRESSIONS: dict[str, Compression | None] = {"bslz4": "bslz4", "lz4": "lz4", "gzip": "gzip", "none": None}


def add_options(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.description, parser.epilog = "Make a data set of many shots, or verify one.", EPILOG
    parser.usage = (
        "nanobragg dataset PLAN.toml -o OUT [--workers N | --scheduler ADDRESS] [--resume] [--only A:B] …\n"
        "       nanobragg dataset --verify OUT"
    )
    add = parser.add_argument
    add("plan", nargs="?", metavar="PLAN.toml", help="the description of the data set")
    add("-o", "--output", metavar="OUT", help="folder of the data set")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", type=int, metavar="N", help="worker processes (default: one for each processor, or GPU)"
    )
    where.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler, such as tcp://host:8786")
    add("--device", default="cpu", metavar="NAME",
        help="cpu (the default), cuda for a worker on each NVIDIA GPU, or cuda:N for one on that GPU")  # fmt: skip
    add("--timeout", type=float, default=30.0, metavar="S", help="seconds to wait for the scheduler (default: 30)")
    add("--resume", action="store_true", help="go on with what is in OUT")
    add("--only", metavar="A:B", help="make only the data files that hold shots A to B - 1, counted from 0")
    add(
        "--images-per-file",
        type=int,
        metavar="N",
        help="shots in a data file (default: up to 100)",
    )
    add("--compression", choices=list(COMPRESSIONS), default="bslz4", help="of the images (default: bslz4)")
    add("--spots", action="store_true", help="write a table of all predicted spots")
    add("--stream", metavar="FILE", help="write the truth about all shots as a CrystFEL stream too")
    add("--dials", metavar="NAME", help="write it for DIALS, as NAME.expt and NAME.refl")
    add("--force", action="store_true", help="go on with too little space, or with other versions of libraries")
    add(
        "--dry-run",
        action="store_true",
        help=f"measure {SHOWN} shots, print time and size, draw them in OUT",
    )
    add("--verify", metavar="OUT", help="compare the files of a data set with their checksums, and do nothing else")
    add("--quiet", action="store_true", help="print nothing but warnings and errors")


def run(chosen: argparse.Namespace) -> int:
    """Make or verify a data set."""
    if chosen.verify is not None:
        return _verify(chosen)
    if chosen.plan is None or chosen.output is None:
        raise ConfigError("give a PLAN.toml and -o OUT, or --verify OUT")
    data = Dataset.from_toml(chosen.plan)
    if chosen.dry_run:
        return _dry_run(data, chosen)
    report = data.run(
        chosen.output, workers=chosen.workers, scheduler=chosen.scheduler, timeout_s=chosen.timeout,
        device=chosen.device, resume=chosen.resume, only=_part(chosen.only), images_per_file=chosen.images_per_file,
        compression=COMPRESSIONS[chosen.compression], spots=chosen.spots, force=chosen.force,
        progress=progress_reporter(not chosen.quiet),
    )  # fmt: skip
    name = chosen.dials
    dials = None if name is None else DialsFiles(f"{name}.expt", f"{name}.refl", chosen.output)
    write_truth(data, stream=chosen.stream, dials=dials)
    if not chosen.quiet:
        print(report)
    return 0


def _part(only: str | None) -> slice | None:
    if only is None:
        return None
    found = re.fullmatch(r"(\d*):(\d*)", only.strip())
    if not found:
        raise ConfigError(f"--only {only}: must be A:B, such as 100:200 for shots 100 to 199")
    return slice(*(int(number) if number else None for number in found.groups()))


def _verify(chosen: argparse.Namespace) -> int:
    found = verify_dataset(chosen.verify)
    for problem in found.problems:
        print(problem)
    print(found)
    return 0 if found.complete else 2


def _dry_run(data: Dataset, chosen: argparse.Namespace) -> int:
    """Print what would be made, its time and size, and draw some shots."""
    devices = Cluster(device=chosen.device).find_devices()
    measured = measure(data, spread(SHOWN, data.n), COMPRESSIONS[chosen.compression], devices.names[0])
    folder = Path(chosen.output)
    folder.mkdir(parents=True, exist_ok=True)
    sheet = folder / CONTACT_SHEET
    write_contact_sheet(sheet, measured.shots)
    crystals = sum(len(shot.truth) for shot in measured.shots) / len(measured.shots)
    count, image = thread_count(None) if devices.kind == "cpu" else len(devices.names), measured.shots[0].image
    processor = "processor" if devices.kind == "cpu" else "GPU"
    lines = {
        "shots": f"{data.n} of {' x '.join(map(str, image.shape))} {image.dtype}",
        "vary": ", ".join(data.vary) or "nothing",
        "crystals": f"{crystals:.3g} a shot, of {len(measured.shots)} shots",
        "time": f"{duration(measured.seconds)} a shot on one {processor}, about "
        f"{duration(measured.seconds * data.n / count)} on {count}",
        "size": f"{measured.bytes / 1e6:.3g} MB a shot, about {measured.bytes * data.n / 1e9:.3g} GB",
        "written": str(sheet),
    }
    print("\n".join(f"{name:<{LABEL_WIDTH}}{text}" for name, text in lines.items()))
    return 0
