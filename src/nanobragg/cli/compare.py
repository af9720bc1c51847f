"""`nanobragg compare -- -cell … -lambda …`: run nanobragg and the C program, and compare their images."""

import argparse
import importlib.util
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..analysis.compare.images import DEFAULT_PEAKS
from ..analysis.compare.report import make_folder, write_comparison, write_json, write_text
from ..errors import ConfigError, FileError, FormatError, NanobraggError, ProgramError, ShapeError, warn_user
from ..io import read_image
from ..nanobragg_c.compare_runs import (
    OurRun,
    compare_in_roi,
    flags_for_original,
    most_different_pixel,
    render_flags,
    trace_difference,
)
from ..nanobragg_c.reference import Library, Program, load, program
from ..nanobragg_c.reference.golden_case import check_case_name, record_case
from ..nanobragg_c.reference.program_output import Run
from .compare_text import LABEL_WIDTH, Result, Theirs, report_lines, summary
from .experiment import region_part
from .parser import CommandParser
from .progress import progress_reporter

USAGE = "nanobragg compare [OPTIONS] -- C FLAGS"
EPILOG = """\
Both programs run the same flags; with -exact nanobragg uses its corrected physics. The pixel that differs most is
traced in both, and the first quantity that differs is reported. With -exact, every row of docs/quirks.md that changes
the image is measured: it is corrected while the others are followed. Pictures have axes if matplotlib is installed.
The environment variables NB_C_BIN and NB_C_LIB name the C program.

Exit status: 0 success, 1 invalid command line, 2 a program failed, 3 the correlation is below the threshold,
4 the images have different shapes, 5 a file cannot be read or written."""
USAGE_ERROR, PROGRAM_FAILED, BELOW, SHAPES_DIFFER, IO_ERROR = 1, 2, 3, 4, 5
DEFAULT_THRESHOLD = 0.9999
LIBRARIES = (".so", ".dylib", ".dll")


def add_options(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.description, parser.epilog = "Run nanobragg and the C program, and compare their images.", EPILOG
    parser.usage, parser.split, parser.usage_status = USAGE, _split, USAGE_ERROR
    add = parser.add_argument
    add("--reference", metavar="PATH", help="the C program: executable or shared library (default: NB_C_BIN, NB_C_LIB)")
    add("--against", metavar="IMAGE", help="compare with an image in place of the C program")
    add("--roi", type=region_part, nargs=2, metavar=("SLOW", "FAST"),
        help="compare these pixels only, as an image is indexed: 100:200 0:50")  # fmt: skip
    add("--threshold", type=float, default=DEFAULT_THRESHOLD, metavar="T",
        help=f"minimum correlation of the images (default: {DEFAULT_THRESHOLD})")  # fmt: skip
    add("--pixel", nargs="+", default=["auto"], metavar="P",
        help="pixel to trace, SLOW FAST (default: auto, the pixel that differs most)")  # fmt: skip
    add("--out", type=Path, metavar="DIR", help="folder for numbers, images and pictures")
    add("--record", metavar="ID/RUN", help="store the image of the C program as a new reference case")
    add("--into", type=Path, default=Path("recorded"), metavar="DIR", help="folder of cases (default: recorded)")
    add("--timeout", type=float, default=600.0, metavar="S", help="time limit of the C program (default: 600 seconds)")
    add("--quiet", action="store_true", help="no progress bar")


def run(chosen: argparse.Namespace) -> int:
    """Run both programs and print the comparison of their images."""
    try:
        return _compare(chosen)
    except NanobraggError as error:
        error.exit_code = _exit_code(error)
        raise


def _exit_code(error: NanobraggError) -> int:
    if isinstance(error, ShapeError):
        return SHAPES_DIFFER
    if isinstance(error, ProgramError):
        return PROGRAM_FAILED
    return IO_ERROR if isinstance(error, (FileError, FormatError)) else USAGE_ERROR


def _compare(chosen: argparse.Namespace) -> int:
    _check(chosen)
    flags = chosen.flags
    original = None if chosen.against else _original(chosen.reference)
    if chosen.out is not None:
        make_folder(chosen.out)
    ours = render_flags(flags, progress_reporter(not chosen.quiet))
    theirs = _theirs(chosen, original, flags, ours)
    compared = compare_in_roi(ours.image, theirs.image, chosen.roi, _peaks())
    pixel = chosen.pixel or most_different_pixel(ours, theirs.image, chosen.roi)
    traced = None
    if pixel is not None:
        printed = None if original is None else _run_original(original, chosen, flags, pixel)
        traced = trace_difference(ours, pixel, flags, printed)
    code = 0 if compared.correlation >= chosen.threshold else BELOW
    result = Result(ours, theirs, compared, traced, chosen.threshold)
    print("\n".join(report_lines(result)))
    if chosen.out is not None:
        region = chosen.roi and [[part.start, part.stop] for part in chosen.roi]
        _write_folder(chosen.out, result, {"flags": shlex.join(flags), "roi": region, "exit_code": code})
        print(f"{'written':<{LABEL_WIDTH}}{chosen.out}")
    if chosen.record is not None and theirs.run is not None:
        record_case(
            chosen.into, chosen.record, flags_for_original(flags), theirs.run, title=chosen.record,
            corr_min=min(chosen.threshold, DEFAULT_THRESHOLD),
        )  # fmt: skip
        print(f"{'recorded':<{LABEL_WIDTH}}{chosen.record} in {chosen.into}")
    return code


def _split(words: Sequence[str]) -> tuple[Sequence[str], list[str]]:
    """Return the options, and the C flags after --."""
    at = list(words).index("--") if "--" in words else len(words)
    return words[:at], list(words[at + 1 :])


def _check(chosen: argparse.Namespace) -> None:
    chosen.roi = None if chosen.roi is None else tuple(chosen.roi)
    chosen.pixel = _pixel(chosen.pixel)
    if not chosen.flags:
        raise ConfigError(f"nothing to compare: give C flags after --, as in {USAGE}")
    if chosen.against and (chosen.reference or chosen.record):
        raise ConfigError("--against: replaces the C program; leave --reference and --record out")
    if chosen.record is not None:
        check_case_name(chosen.record)
    if not -1.0 <= chosen.threshold <= 1.0:
        raise ConfigError(f"--threshold {chosen.threshold}: must be a correlation between -1 and 1")


def _pixel(words: list[str]) -> tuple[int, int] | None:
    if words == ["auto"]:
        return None
    try:
        slow, fast = map(int, words)
    except ValueError:
        raise ConfigError(f"--pixel {' '.join(words)}: give SLOW FAST, two integers, or auto") from None
    return slow, fast


def _peaks() -> int:
    """Return the number of peaks to match: 0, with a warning, without scipy."""
    if importlib.util.find_spec("scipy") is not None:
        return DEFAULT_PEAKS
    warn_user("peaks are not matched without scipy: pip install 'nanobragg[compare]'")
    return 0


def _original(path: str | None) -> Program | Library:
    if path is None and not (os.environ.get("NB_C_BIN") or os.environ.get("NB_C_LIB")):
        raise ConfigError(
            "--reference: name the C program, an executable or a shared library, or set NB_C_BIN or NB_C_LIB"
        )
    if path is None and not os.environ.get("NB_C_BIN"):
        return load()
    if path is None or not (Path(path).suffix in LIBRARIES or ".so." in Path(path).name):
        return program(path)
    try:
        return load(path)
    except FormatError as error:
        raise ProgramError(str(error)) from error


def _theirs(chosen: argparse.Namespace, original: Program | Library | None, flags: list[str], ours: OurRun) -> Theirs:
    if original is not None:
        done = _run_original(original, chosen, flags)
        return Theirs(str(original.path), done, done.image)
    shape = ours.image.shape[0], ours.image.shape[1]
    raw = Path(chosen.against).suffix.lower() == ".bin"  # the format does not store a shape
    return Theirs(chosen.against, None, read_image(chosen.against, shape=shape if raw else None)[0])


def _run_original(
    original: Program | Library, chosen: argparse.Namespace, flags: list[str], pixel: tuple[int, int] | None = None
) -> Run:
    try:
        return original.run(flags_for_original(flags), timeout_s=chosen.timeout, pixel=pixel)
    except (FileError, FormatError) as error:  # the program cannot be started, or its output is invalid
        raise ProgramError(str(error)) from error


def _write_folder(folder: Path, result: Result, about: dict[str, Any]) -> None:
    """Write the files of a comparison, summary.json last."""
    scales = write_comparison(folder, result.ours.image, result.theirs.image, result.compared)
    if importlib.util.find_spec("matplotlib") is not None:
        from ..plotting.comparison import save_comparison

        save_comparison(folder, result.ours.image, result.theirs.image, *scales.values())
    if result.traced is not None:
        write_text(folder / "trace.txt", result.traced.trace.to_text())
    write_json(folder / "summary.json", about | summary(result) | scales)
