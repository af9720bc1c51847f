"""`nanobragg demo`: the built-in example."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .options import Options


def run(words: Sequence[str]) -> int:
    """Render the built-in example into demo.img and demo.png."""
    options = Options("demo", "Render a built-in example, a lysozyme-like crystal, into demo.img and demo.png.")
    options.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder (default: this one)")
    options.add_argument("--quiet", action="store_true", help="no progress bar")
    chosen = options.parse_args(words)

    from ..demo import run_demo
    from ..io.atomic import check_writable
    from .progress import progress_reporter

    for name in ("demo.img", "demo.png"):
        check_writable(chosen.out / name)
    run_demo(chosen.out, print, progress=progress_reporter(not chosen.quiet))
    return 0
