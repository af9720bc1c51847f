"""Whole runs of the original program, each in a process and a temporary folder of its own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .config import Config
from .errors import ConfigError, FileError, FormatError, ProgramError
from .flag_table import SPELLINGS
from .flag_values import Outputs
from .io.pgm import read_pgm
from .io.smv import parse_header
from .reference_text import Printed, Values, parse_pixel, parse_printed, parse_trace
from .to_flags import config_to_flags

Pixel = tuple[int, int]
Flags = str | Sequence[str]

INPUT_FLAGS = ("-hkl", "-mat", "-img", "-mask", "-sourcefile", "-stol", "-4stol", "-Q")
OUTPUT_FLAGS = {
    "-floatfile": Outputs.float_path,
    "-intfile": Outputs.int_path,
    "-pgmfile": Outputs.pgm_path,
    "-noisefile": Outputs.noise_path,
}
SMV_END = b"}\f"
SMV_HEADER = 512
LAST_LINES = 3


@dataclass(frozen=True, eq=False)
class Run:
    """What one run of the original program gave.

    Attributes
    ----------
    image : (slow, fast) float32
        Photons.
    header, header_text
        SMV header of the integer image: entries, and as it stands in the file.
    printed
        Resolved geometry and statistics as printed, under the keys of tests/golden/facts.json.
    trace
        TRACE lines of the pixel that was asked for, in the order printed; empty if this build has none.
    printout
        What -printout_pixel says about that pixel, under the trace's names; empty without a pixel.
    int_image, noise_image : (slow, fast) uint16; pgm_image : (slow, fast) uint8
        None if not written.
    stdout
        Everything it printed.
    seconds
        From start to end of the process; a library's includes the start of a Python.
    flags
        The command line, without the program's name.
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


class Original:
    """The original program in some form; `path` is the file that the user gave."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"<nanobragg.reference.{type(self).__name__} {self.path}>"

    def command(self) -> list[str]:
        """Words that start it, before its flags."""
        raise NotImplementedError

    def run(
        self, experiment: Config | Flags, *, timeout_s: float = 600.0, threads: int = 1, pixel: Pixel | None = None
    ) -> Run:
        """Simulate one image in a process of its own and a temporary folder.

        Parameters
        ----------
        experiment
            A `Config`, written as flags by `config_to_flags`, or the program's flags; files that flags name are
            found from the current folder, and files that they would write are not.
        timeout_s
            The process is killed after this many seconds.
        threads
            OMP_NUM_THREADS. With more than one, φ steps at exactly 0 make the image depend on chance.
        pixel
            (slow, fast) to be traced (-trace_pixel, where the build knows it) and printed (-printout_pixel).

        Notes
        -----
        Noise is seeded with 1 unless flags say -seed.

        Raises
        ------
        ConfigError
            A `Config` that flags cannot express, or an impossible argument.
        FileError
            A file that a flag names is missing, or the program cannot be started.
        ProgramError
            It fails, is killed, takes too long, or leaves no image; with the last lines that it printed.
        """
        if not 0 < timeout_s < threading.TIMEOUT_MAX:
            raise ConfigError(f"timeout_s = {timeout_s}: must be a positive number of seconds")
        if threads < 1:
            raise ConfigError(f"threads = {threads}: must be at least 1")
        with tempfile.TemporaryDirectory(prefix="nanobragg-reference-") as name:
            folder = Path(name).resolve()
            if isinstance(experiment, Config):
                inputs = folder / "inputs"
                inputs.mkdir()
                words = config_to_flags(experiment, inputs)
            else:
                words = isolated_flags(experiment)
            words += _extra_flags(words, pixel)
            stdout, seconds = self._execute(words, folder, timeout_s, threads)
            run = _collect(self.path, folder, stdout, seconds, words, pixel)
        if isinstance(experiment, Config):
            _check_geometry(self.path, experiment, run.printed)
        return run

    def _execute(self, words: list[str], folder: Path, timeout_s: float, threads: int) -> tuple[str, float]:
        """Standard output and seconds of a run that ended well."""
        logs = folder / "stdout", folder / "stderr"
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        late = threading.Event()
        with open(logs[0], "wb") as out, open(logs[1], "wb") as err:
            start = time.perf_counter()
            child = self._start([*self.command(), *words], folder, environment, out, err)
            timer = threading.Timer(timeout_s, _stop, (child, late))
            timer.start()
            try:
                status = child.wait()
            finally:
                timer.cancel()
                if child.poll() is None:  # interrupted
                    _kill(child)
            seconds = time.perf_counter() - start
        stdout, stderr = (log.read_bytes().decode("utf-8", "replace") for log in logs)
        if late.is_set():
            raise ProgramError(
                f"{self.path}: was stopped after timeout_s = {timeout_s:g}; give it more time or less to do; "
                + _last_words(stdout, stderr)
            )
        if status != 0:
            raise ProgramError(f"{self.path}: {_ending(status)}; {_last_words(stdout, stderr)}")
        return stdout, seconds

    def _start(
        self, command: list[str], folder: Path, environment: dict[str, str], out: Any, err: Any
    ) -> subprocess.Popen[bytes]:
        """The process, in a session of its own, so that it can be killed with its children."""
        try:
            return subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise FileError(
                f"{self.path}: cannot be started ({error.strerror or error}); it must be a program for this machine"
            ) from error


def isolated_flags(flags: Flags) -> list[str]:
    """Flags that mean the same in another folder: input files absolute, output files under their default names.

    Without -hkl the program reads an Fdump.bin that lies in its folder; that of the current folder is named then.

    Raises
    ------
    ConfigError
        An unclosed quotation.
    FileError
        An input file is missing: the program would ignore that.
    """
    words = _split(flags)
    names = [SPELLINGS[word].name if word in SPELLINGS else "" for word in words]
    dump = Outputs.dump_path
    for at, (name, value) in enumerate(zip(names, words[1:], strict=False), start=1):
        if name in INPUT_FLAGS:
            words[at] = _existing(name, value)
        elif name == "-dump":
            dump, words[at] = value, Outputs.dump_path
        elif name in OUTPUT_FLAGS:
            words[at] = OUTPUT_FLAGS[name]
    if "-hkl" not in names and Path(dump).is_file():
        words += ["-dump", os.path.abspath(dump)]
    return words


def _split(flags: Flags) -> list[str]:
    if not isinstance(flags, str):
        return list(flags)
    try:
        return shlex.split(flags)
    except ValueError as error:
        raise ConfigError(f"flags {flags!r}: {error}; close the quotation") from None


def _existing(name: str, value: str) -> str:
    if not os.path.isfile(value):
        raise FileError(f"{name} {value}: there is no such file; check the path")
    return os.path.abspath(value)


def _extra_flags(words: list[str], pixel: Pixel | None) -> list[str]:
    extra = ["-noprogress"]
    if "-seed" not in words:
        extra += ["-seed", "1"]
    if pixel is not None:
        slow, fast = map(str, pixel)
        extra += ["-trace_pixel", slow, fast, "-printout_pixel", fast, slow]
    return extra


def _stop(child: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End a process and its children at once."""
    if hasattr(os, "killpg"):
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
    else:
        child.kill()
    child.wait()


def _ending(status: int) -> str:
    if status > 0:
        return f"ended with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def _last_words(stdout: str, stderr: str) -> str:
    """What it complained about and its last lines, in one."""
    lines = [line.strip() for line in f"{stdout}\n{stderr}".splitlines() if line.strip()]
    chosen = [line for line in lines[:-LAST_LINES] if "ERROR" in line][-1:] + lines[-LAST_LINES:]
    return "its last lines: " + " | ".join(line[:200] for line in chosen) if chosen else "it printed nothing"


def _collect(path: Path, folder: Path, stdout: str, seconds: float, words: list[str], pixel: Pixel | None) -> Run:
    """The files that a run left in its folder, and what it printed."""
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
        flags=tuple(words),
    )


def _bytes_of(program: Path, file: Path, stdout: str) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise ProgramError(
            f"{program}: left no {file.name}, so it is no nanoBragg; {_last_words(stdout, '')}"
        ) from None


def _read_smv(program: Path, file: Path, stdout: str) -> tuple[npt.NDArray[np.uint16], str]:
    """Pixels and header text. A header beyond 512 bytes shifts the data, whatever it says (spec section 9, row 24)."""
    content = _bytes_of(program, file, stdout)
    end = content.find(SMV_END)
    header = parse_header(content[: max(end, 0)].decode("latin-1") + "}")
    try:
        shape = int(header["SIZE2"]), int(header["SIZE1"])
        order = ">" if header.get("BYTE_ORDER") == "big_endian" else "<"
        pixels = np.frombuffer(content, f"{order}u2", shape[0] * shape[1], max(end + len(SMV_END), SMV_HEADER))
        return pixels.astype(np.uint16).reshape(shape), content[: end + 1].decode("latin-1")
    except (KeyError, ValueError) as error:
        raise FormatError(f"{program}: its {file.name} is no SMV image ({error}); it is no nanoBragg") from None


def _read_floats(program: Path, file: Path, shape: tuple[int, ...], stdout: str) -> npt.NDArray[np.float32]:
    pixels = np.frombuffer(_bytes_of(program, file, stdout), np.float32)
    if pixels.size != shape[0] * shape[1]:
        raise FormatError(
            f"{program}: its {file.name} holds {pixels.size} floats, its header says {shape[0]} x {shape[1]}"
        )
    return pixels.reshape(shape).copy()


def _check_geometry(program: Path, config: Config, printed: Printed) -> None:
    """Make sure that the program placed the detector where the Config says, to the digits that it prints."""
    panel = config.detector.panels[0]
    x, y, z = panel.origin_mm
    expected = dict(zip(("fast_axis", "slow_axis", "normal_axis"), panel.axes(), strict=True))
    expected["dials_origin_mm"] = np.array([z, y, -x])
    for name, ours in expected.items():
        theirs = printed.get(name)
        if theirs is not None and not np.allclose(theirs, ours, rtol=0, atol=2e-5 * float(np.abs(ours).max())):
            raise ProgramError(
                f"{program}: placed the detector with {name} = {theirs}, the Config says {ours.tolist()}"
            )
