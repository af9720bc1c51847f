"""The commands as sub-parsers of argparse; the module of a command is imported when it is used."""

import argparse
import difflib
from collections.abc import Sequence
from functools import partial
from importlib import import_module

from ..errors import ConfigError
from .parser import CommandParser

COMMANDS = {
    "init": "write a commented TOML experiment to start from",
    "simulate": "render a TOML experiment into image files",
    "demo": "render a built-in example: a lysozyme-like crystal",
    "convert": "convert an image to another format",
    "plot": "draw an image, its radial average, or a slice of reciprocal space",
    "cost": "terms, time and memory of an image, without rendering it",
    "trace": "trace the computation of one pixel",
    "compare": "run nanobragg and the C program and compare their images",
    "dataset": "make a data set of many shots, as images and tables of the truth",
    "refine": "refine an experiment against a measured image",
    "info": "version, instruction sets, threads",
    "help": "help on a flag or a command",
}  # each is a module of this package with functions add_options(parser) and run(chosen) -> exit code


def run_command(words: Sequence[str]) -> int:
    """Run a command line that starts with a command, and return its exit code."""
    if words[0] not in COMMANDS:
        near = difflib.get_close_matches(words[0], COMMANDS, n=1)
        known = f"commands are {', '.join(COMMANDS)}; C flags start with -"
        raise ConfigError(f"{words[0]}: is not a command; {f'did you mean {near[0]}?' if near else known}")
    parser = argparse.ArgumentParser(prog="nanobragg")
    commands = parser.add_subparsers(parser_class=CommandParser)
    for name, text in COMMANDS.items():
        commands.add_parser(name, help=text, load=partial(import_module, f".{name}", __package__))
    try:
        chosen = parser.parse_args(words)
    except SystemExit as done:  # after --help
        return int(done.code or 0)
    code: int = chosen.run(chosen)
    return code
