"""The output of a run of the original program: its files and its printed values."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...config.config import Config
from ...errors import FormatError, ProgramError
from ...io.pgm import read_pgm
from ...io.smv import parse_header
from ..flags.flag_values import Outputs
from .parse_output import Printed, Values, parse_pixel, parse_printed, parse_trace

Pixel = tuple[int, int]  # slow, fast

SMV_END = b"}\f"
SMV_HEADER = 512
LAST_LINES = 3


@dataclass(frozen=True, eq=False)
class Run:
    """The output of one run of the original program.

    Attributes
    ----------
    image : (slow, fast) float32
        Photons.
    header, header_text
        SMV header of the integer image, as entries and as text.
    printed
        Printed geometry and statistics, under the keys of tests/golden/facts.json.
    trace
        TRACE lines of the requested pixel in printed order; empty if this build prints none.
    printout
        Values that -printout_pixel prints for the pixel, under the names of the trace; empty without a pixel.
    int_image, noise_image : (slow, fast) uint16
        None if not written.
    pgm_image : (slow, fast) uint8
        None if not written.
    stdout
        Standard output.
    seconds
        Duration of the process; for a library, this includes the start of Python.
    flags
        The command line without the program's name.
    """

    image: npt.NDArray[np.float32]
    header: dict[str, str]
    header_text: str
    printed: Printed
    trace: dict[str, Values]
    printout: dict[str, Values]
    int_image: npt.NDArray[np.uint16]
    noise_image: npt.NDArray[np.uint16] | None
    pgm_image: npt.NDArray[np.uint8] | None
    stdout: str = field(repr=False)
    seconds: float
    flags: tuple[str, ...]


def collect_run(
    path: Path, folder: Path, stdout: str, seconds: float, arguments: list[str], pixel: Pixel | None
) -> Run:
    """Return the output of a run of the program `path` in `folder`.

    Raises `ProgramError` if the run wrote no image, and `FormatError` if an output file is not valid.
    """
    int_image, text = _read_smv(path, folder / Outputs.int_path, stdout)
    noise, pgm = folder / Outputs.noise_path, folder / Outputs.pgm_path
    return Run(
        image=_read_floats(path, folder / Outputs.float_path, int_image.shape, stdout),
        header=parse_header(text),
        header_text=text,
        printed=parse_printed(stdout),
        trace=parse_trace(stdout),
        printout={} if pixel is None else parse_pixel(stdout, *pixel),
        int_image=int_image,
        noise_image=_read_smv(path, noise, stdout)[0] if noise.exists() else None,
        pgm_image=read_pgm(pgm)[0] if pgm.exists() else None,
        stdout=stdout,
        seconds=seconds,
        flags=tuple(arguments),
    )


def _bytes_of(program: Path, file: Path, stdout: str) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise ProgramError(
            f"{program} is not a valid nanoBragg program: it left no {file.name}; {last_output_lines(stdout, '')}"
        ) from None


def _read_smv(program: Path, file: Path, stdout: str) -> tuple[npt.NDArray[np.uint16], str]:
    """Return pixels and header text; a header beyond 512 bytes shifts the data (docs/quirks.md row 24)."""
    content = _bytes_of(program, file, stdout)
    end = content.find(SMV_END)
    header = parse_header(content[: max(end, 0)].decode("latin-1") + "}")
    try:
        shape = int(header["SIZE2"]), int(header["SIZE1"])
        order = ">" if header.get("BYTE_ORDER") == "big_endian" else "<"
        pixels = np.frombuffer(content, f"{order}u2", shape[0] * shape[1], max(end + len(SMV_END), SMV_HEADER))
        return pixels.astype(np.uint16).reshape(shape), content[: end + 1].decode("latin-1")
    except (KeyError, ValueError) as error:
        raise FormatError(
            f"{program} is not a valid nanoBragg program: its {file.name} is not a valid SMV image ({error})"
        ) from None


def _read_floats(program: Path, file: Path, shape: tuple[int, ...], stdout: str) -> npt.NDArray[np.float32]:
    content = _bytes_of(program, file, stdout)
    if len(content) != 4 * shape[0] * shape[1]:
        raise FormatError(
            f"{program} is not a valid nanoBragg program: its {file.name} holds {len(content)} bytes, not floats of "
            f"{shape[0]} x {shape[1]} pixels"
        )
    return np.frombuffer(content, np.float32).reshape(shape).copy()


def check_placement(program: Path, config: Config, printed: Printed) -> None:
    """Raise `ProgramError` unless the program placed the detector like the Config, to the digits that it prints."""
    panel = config.detector.panels[0]
    x, y, z = panel.origin_mm
    expected = dict(zip(("fast_axis", "slow_axis", "normal_axis"), panel.axes(), strict=True))
    expected["dials_origin_mm"] = np.array([z, y, -x])
    for name, ours in expected.items():
        theirs = printed.get(name)
        if theirs is not None and not np.allclose(theirs, ours, rtol=0, atol=2e-5 * float(np.abs(ours).max())):
            raise ProgramError(
                f"{program}: placed the detector with {name} = {theirs}, but the Config has {ours.tolist()}"
            )


def last_output_lines(stdout: str, stderr: str) -> str:
    """Return the last error line and the last lines of a program's output as one line."""
    lines = [line.strip() for line in f"{stdout}\n{stderr}".splitlines() if line.strip()]
    chosen = [line for line in lines[:-LAST_LINES] if "ERROR" in line][-1:] + lines[-LAST_LINES:]
    return "its last lines: " + " | ".join(line[:200] for line in chosen) if chosen else "it printed nothing"
