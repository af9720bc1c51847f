"""`nanobragg trace still.toml --pixel 512 600`: trace the computation of one pixel."""

import argparse

from ..derivatives.shares import trace_derivatives
from ..errors import ConfigError
from ..nanobragg_c.trace_lines import c_printout, c_trace_lines
from ..rendering.trace.trace import DEFAULT_STRONGEST, Trace, trace
from .experiment import read_experiment, splitter
from .parser import CommandParser

ARGUMENTS = {"--pixel": 2, "--panel": 1, "--strongest": 1, "--derivative": 1}  # number of arguments of an option
USAGE = """\
nanobragg trace (CONFIG.toml | C flags) --pixel SLOW FAST
                       [--panel N] [--strongest N] [--derivative NAME]
                       [--json | --explain | --c]"""
EPILOG = """\
The experiment is CONFIG.toml, or C flags: nanobragg trace -cell 100 100 100 90 90 90 -default_F 1 … --pixel 0 0
Quantities are printed as `name = value`, in the order of computation."""


def add_options(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.description, parser.epilog = "Trace the computation of one pixel.", EPILOG
    parser.usage, parser.split = USAGE, splitter(ARGUMENTS)
    add = parser.add_argument
    add("--pixel", type=int, nargs=2, required=True, metavar=("SLOW", "FAST"), help="counted from 0")
    add("--panel", type=int, default=0, metavar="N", help="number of the panel (default: 0)")
    add("--strongest", type=int, default=DEFAULT_STRONGEST, metavar="N",
        help=f"print the N strongest terms (default: {DEFAULT_STRONGEST})")  # fmt: skip
    add("--derivative", action="append", default=[], metavar="NAME",
        help="show each term's share of the derivative by this parameter, such as rot_x; may be repeated")  # fmt: skip
    forms = parser.add_mutually_exclusive_group()
    for form, text in {
        "json": "as JSON",
        "explain": "as an explanation in ten sentences",
        "c": "as -printout_pixel and debugging traces of the C program",
    }.items():
        forms.add_argument(f"--{form}", dest="form", action="store_const", const=form, help=text)


def run(chosen: argparse.Namespace) -> int:
    """Print the trace of one pixel."""
    if chosen.strongest < 1:
        raise ConfigError(f"--strongest {chosen.strongest}: must be at least 1")
    slow, fast = chosen.pixel
    traced = trace(
        read_experiment(chosen.flags, "trace"), slow=slow, fast=fast, panel=chosen.panel, strongest=chosen.strongest
    )
    if chosen.derivative:
        traced = trace_derivatives(traced, chosen.derivative)
    print(_form(traced, chosen.form), end="")
    return 0


def _form(traced: Trace, form: str | None) -> str:
    if form == "json":
        return traced.to_json() + "\n"
    if form == "explain":
        return traced.explain()
    if form == "c":
        return "\n".join([*c_trace_lines(traced), *c_printout(traced)]) + "\n"
    return traced.to_text()
