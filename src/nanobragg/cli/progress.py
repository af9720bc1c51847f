"""Progress on stderr: a bar on a terminal, otherwise lines of percentages."""

import sys

from ..rendering.progress import Progress

PERCENT_STEP = 5


def progress_reporter(wanted: bool) -> bool | Progress:
    """Return the argument `progress` for `simulate` and `Dataset.run`."""
    if not wanted:
        return False
    return True if sys.stderr.isatty() else _PercentLines()


class _PercentLines:
    def __init__(self) -> None:
        self.next = PERCENT_STEP

    def __call__(self, done: int, total: int) -> None:
        percent = 100 * done // max(total, 1)
        if percent >= self.next:
            print(f"{percent}% done", file=sys.stderr, flush=True)
            self.next = percent - percent % PERCENT_STEP + PERCENT_STEP
