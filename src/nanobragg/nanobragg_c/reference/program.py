"""The original program as an executable."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import FileError
from ...io.atomic import StrPath
from .original_program import OriginalProgram, existing_file


def program(path: StrPath | None = None) -> Program:
    """Return the original program as an executable.

    Parameters
    ----------
    path
        The executable; default: the environment variable NB_C_BIN.

    Returns
    -------
    Program
        Its `run` renders whole images.

    Raises
    ------
    ConfigError
        No path is given.
    FileError
        The file does not exist or is not executable.
    """
    return Program(existing_file(path, "NB_C_BIN", "a nanoBragg executable"))


class Program(OriginalProgram):
    """An executable of the original program; `run` renders whole images."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if not os.access(path, os.X_OK):
            raise FileError(f"{path}: is not executable; make it executable, or open a library with reference.load")

    def command(self) -> list[str]:
        return [str(self.path)]
