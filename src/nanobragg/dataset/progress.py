"""Progress of a data set in shots, as a bar or to a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..rendering.progress import Progress, Reporter


class ShotProgress:
    """Reports the number of shots: True for a bar with the rate and the time left, or a function (made, all)."""

    def __init__(self, progress: bool | Progress) -> None:
        self._progress = progress

    @contextmanager
    def of(self, total: int) -> Iterator[Callable[[int], None]]:
        """Yield a function that is called with the number of shots that were just made."""
        reporter, made = Reporter(self._progress, total, unit="shot"), 0

        def show(more: int) -> None:
            nonlocal made
            made += more
            reporter.show(made)

        try:
            yield show
        finally:
            reporter.close()
