"""Options of the commands: argparse, with errors in the one voice of the program."""

from __future__ import annotations

import argparse
from typing import NoReturn

from ..errors import ConfigError


class Options(argparse.ArgumentParser):
    """An argument parser that raises `ConfigError` instead of printing its usage and exiting."""

    def __init__(self, command: str, description: str, epilog: str = "") -> None:
        super().__init__(
            prog=f"nanobragg {command}", description=description, epilog=epilog, allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        # taken off the command line by main, wherever it stands; here for the help
        self.add_argument("--verbose", action="store_true", help="tell on standard error what is done")

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; {self.prog} --help tells more")
