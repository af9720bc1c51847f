"""Progress of a rendering, as a bar or to a function."""

import os
import sys
from collections.abc import Callable
from typing import Any

Progress = Callable[[int, int], None]
DEFAULT_COLUMNS = 79


def _columns() -> int | None:
    """Return the width of a progress bar if the terminal does not report its own (as tqdm needs one), else None."""
    try:
        return None if os.get_terminal_size(sys.stderr.fileno()).columns else DEFAULT_COLUMNS
    except (OSError, ValueError, AttributeError):  # not a terminal
        return None


class Reporter:
    """Reports the progress of the kernel as a bar, or to the caller's function."""

    def __init__(self, progress: bool | Progress, total: int, unit: str = "px") -> None:
        self.total = total
        self.call = progress if callable(progress) else None
        self.bar: Any = None
        if progress is True:
            from tqdm import tqdm

            self.bar = tqdm(total=total, unit=unit, unit_scale=unit == "px", leave=False, ncols=_columns())

    def show(self, done: int) -> None:
        if self.bar is not None:
            self.bar.update(done - self.bar.n)
        if self.call is not None:
            self.call(done, self.total)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
