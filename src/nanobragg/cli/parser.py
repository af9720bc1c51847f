"""The argument parser of a command, which reports errors as exceptions."""

import argparse
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NoReturn

from ..errors import ConfigError


class CommandParser(argparse.ArgumentParser):
    """The parser of one command, with the options that the module of the command adds.

    Attributes
    ----------
    load
        Imports the module of the command, which has the functions add_options(parser) and run(chosen).
    split
        Splits the arguments after the command into options and C flags; the latter become `flags` of the namespace.
    usage_status
        Exit status of invalid options, which raise `ConfigError`; nothing is printed.
    """

    split: Callable[[Sequence[str]], tuple[Sequence[str], list[str]]]
    usage_status = ConfigError.exit_code

    def __init__(self, load: Callable[[], ModuleType], **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter)
        # for the help only: main removes it from the command line
        self.add_argument("--verbose", action="store_true", help="log progress to standard error")
        self.load = load
        self.split = lambda words: (words, [])

    def parse_known_args(self, words: Sequence[str], namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse the arguments after the name of the command; unknown ones are errors."""
        module = self.load()
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
