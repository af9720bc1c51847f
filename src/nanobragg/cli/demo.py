"""`nanobragg demo`: the built-in example."""

from __future__ import annotations

import argparse
from pathlib import Path

from .commands import CommandParser


def add_options(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.description = "Render a built-in example, a lysozyme-like crystal, into demo.img and demo.png."
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder (default: this one)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(chosen: argparse.Namespace) -> int:
    """Render the built-in example into demo.img and demo.png."""
    from ..demo import run_demo
    from ..io.atomic import check_writable
    from .progress import progress_reporter

    for name in ("demo.img", "demo.png"):
        check_writable(chosen.out / name)
    run_demo(chosen.out, print, progress=progress_reporter(not chosen.quiet))
    return 0
