"""The commands as sub-parsers of argparse; the module of a command is imported when it is used."""

import argparse
import difflib
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn

from ..errors import ConfigError

COMMANDS = {
    "simulate": "render a TOML experiment into image files",
    "demo": "render a built-in example: a lysozyme-like crystal",
    "convert": "convert an image to another format",
    "plot": "draw an image, its radial average, or a slice of reciprocal space",
    "trace": "trace the computation of one pixel",
    "compare": "run nanobragg and the C program and compare their images",
    "info": "version, instruction sets, threads",
    "help": "help on a flag or a command",
}  # each is a module of this package with functions add_options(parser) and run(chosen) -> exit code


class CommandParser(argparse.ArgumentParser):
    """The parser of one command, with the options that the module of the command adds.

    Attributes
    ----------
    split
        Splits the arguments after the command into options and C flags; the latter become `flags` of the namespace.
    usage_status
        Exit status of invalid options, which raise `ConfigError`; nothing is printed.
    """

    split: Callable[[Sequence[str]], tuple[Sequence[str], list[str]]]
    usage_status = ConfigError.exit_code

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
        # for the help only: main removes it from the command line
        self.add_argument("--verbose", action="store_true", help="log progress to standard error")
        self.split = lambda words: (words, [])

    def parse_known_args(self, words: Sequence[str], namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse the arguments after the name of the command; unknown ones are errors."""
        module = import_module(f".{self.prog.split()[-1]}", __package__)
        module.add_options(self)
        own, flags = self.split(words)
        chosen, unknown = super().parse_known_args(own, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        chosen.run, chosen.flags = module.run, flags
        return chosen, []

    def error(self, message: str) -> NoReturn:
        """Raise `ConfigError`."""
        problem = ConfigError(f"{message}; see {self.prog} --help")
        problem.exit_code = self.usage_status
        raise problem


def run_command(words: Sequence[str]) -> int:
    """Run a command line that starts with a command, and return its exit code."""
    if words[0] not in COMMANDS:
        near = difflib.get_close_matches(words[0], COMMANDS, n=1)
        known = f"commands are {', '.join(COMMANDS)}; C flags start with -"
        raise ConfigError(f"{words[0]}: is not a command; {f'did you mean {near[0]}?' if near else known}")
    parser = argparse.ArgumentParser(prog="nanobragg")
    commands = parser.add_subparsers(parser_class=CommandParser)
    for name, text in COMMANDS.items():
        commands.add_parser(name, help=text)
    try:
        chosen = parser.parse_args(words)
    except SystemExit as done:  # after --help
        return int(done.code or 0)
    code: int = chosen.run(chosen)
    return code
