"""Runs of the original program, each in its own process and temporary folder."""

import logging
import os
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...config.config import Config
from ...errors import ConfigError, FileError, ProgramError
from ...io.atomic import StrPath
from ..flags.config_to_flags import config_to_flags
from ..flags.flag_table import SPELLINGS, split_flags
from ..flags.flag_values import Outputs
from .program_output import Pixel, Run, check_placement, collect_run, last_output_lines

Flags = str | Sequence[str]
log = logging.getLogger(__name__)

INPUT_FLAGS = ("-hkl", "-mat", "-img", "-mask", "-sourcefile", "-stol", "-4stol", "-Q")
OUTPUT_FLAGS = {
    "-floatfile": Outputs.float_path,
    "-intfile": Outputs.int_path,
    "-pgmfile": Outputs.pgm_path,
    "-noisefile": Outputs.noise_path,
}


def existing_file(path: StrPath | None, variable: str, what: str) -> Path:
    """Return the absolute path of an existing file, which an environment variable names by default."""
    given = path or os.environ.get(variable)
    if not given:
        raise ConfigError(f"path: give {what}, or name it in the environment variable {variable}")
    absolute = Path(os.path.abspath(given))
    if not absolute.is_file():
        raise FileError(f"{given}: the file does not exist; give {what}")
    return absolute


class OriginalProgram:
    """The original program as a library or an executable at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"<nanobragg.reference.{type(self).__name__} {self.path}>"

    def command(self) -> list[str]:
        """Return the command that starts the program, without its flags."""
        raise NotImplementedError

    def run(
        self, experiment: Config | Flags, *, timeout_s: float = 600.0, threads: int = 1, pixel: Pixel | None = None
    ) -> Run:
        """Simulate one image in a process of its own and a temporary folder.

        Parameters
        ----------
        experiment
            A `Config`, which `config_to_flags` converts, or flags of the program. Input files are relative to the
            current folder; output files are written to the temporary folder.
        timeout_s
            The process is killed after this many seconds.
        threads
            OMP_NUM_THREADS. With several threads, φ steps at exactly 0 make the image irreproducible.
        pixel
            Pixel (slow, fast) to trace (-trace_pixel, if the build has that flag) and print (-printout_pixel).

        Returns
        -------
        Run
            Image, header and printed values.

        Raises
        ------
        ConfigError
            The flags cannot express the `Config`, or an argument is not valid.
        FileError
            An input file is missing, or the program cannot be started.
        ProgramError
            The program fails, is killed, takes too long, or writes no image; the message has its last output lines.

        Notes
        -----
        The seed of the noise image is 1 unless the flags include -seed.
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
                arguments = config_to_flags(experiment, inputs)
            else:
                arguments = relocatable_flags(experiment)
            arguments += _extra_flags(arguments, pixel)
            stdout, seconds = self._execute(arguments, folder, timeout_s, threads)
            run = collect_run(self.path, folder, stdout, seconds, arguments, pixel)
        if isinstance(experiment, Config):
            check_placement(self.path, experiment, run.printed)
        return run

    def _execute(self, arguments: list[str], folder: Path, timeout_s: float, threads: int) -> tuple[str, float]:
        """Run the program; return its standard output and the seconds it took, or raise `ProgramError`."""
        logs = folder / "stdout", folder / "stderr"
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        late = threading.Event()
        with open(logs[0], "wb") as out, open(logs[1], "wb") as err:
            start = time.perf_counter()
            child = self._start([*self.command(), *arguments], folder, environment, out, err)
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
                f"{self.path}: was stopped after timeout_s = {timeout_s:g}; allow more time or reduce the work; "
                + last_output_lines(stdout, stderr)
            )
        if status != 0:
            raise ProgramError(f"{self.path}: {_ending(status)}; {last_output_lines(stdout, stderr)}")
        return stdout, seconds

    def _start(
        self, command: list[str], folder: Path, environment: dict[str, str], out: Any, err: Any
    ) -> subprocess.Popen[bytes]:
        """Start the process in a new session, so that it can be killed with its children."""
        log.debug("in %s: %s", folder, shlex.join(command))
        try:
            return subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise FileError(
                f"{self.path}: cannot be started ({error.strerror or error}); it must be a program for this machine"
            ) from error


def relocatable_flags(flags: Flags) -> list[str]:
    """Return flags for another working folder: absolute input paths, default names of output files.

    Without -hkl, the program reads Fdump.bin from its folder, so an Fdump.bin in the current folder is named by -dump.
    Raises `FileError` if an input file is missing, which the program would ignore.
    """
    arguments = split_flags(flags)
    names = [SPELLINGS[argument].name if argument in SPELLINGS else "" for argument in arguments]
    dump = Outputs.dump_path
    for at, (name, value) in enumerate(zip(names, arguments[1:], strict=False), start=1):
        if name in INPUT_FLAGS:
            arguments[at] = _existing(name, value)
        elif name == "-dump":
            dump, arguments[at] = value, Outputs.dump_path
        elif name in OUTPUT_FLAGS:
            arguments[at] = OUTPUT_FLAGS[name]
    if "-hkl" not in names and Path(dump).is_file():
        arguments += ["-dump", os.path.abspath(dump)]
    return arguments


def _existing(name: str, value: str) -> str:
    if not os.path.isfile(value):
        raise FileError(f"{name} {value}: the file does not exist; check the path")
    return os.path.abspath(value)


def _extra_flags(arguments: list[str], pixel: Pixel | None) -> list[str]:
    extra = ["-noprogress"]
    if "-seed" not in arguments:
        extra += ["-seed", "1"]
    if pixel is not None:
        slow, fast = map(str, pixel)
        extra += ["-trace_pixel", slow, fast, "-printout_pixel", fast, slow]
    return extra


def _stop(child: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children."""
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
