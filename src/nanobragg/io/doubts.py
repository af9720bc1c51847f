"""One warning for everything in a file that is missing, doubtful or left out."""

from collections.abc import Sequence

from ..errors import warn_user
from .atomic import StrPath
from .elements import UNKNOWN

MOST_NAMED = 6


class Doubts:
    """Collects what is to be said about a file."""

    def __init__(self, path: StrPath) -> None:
        self._path = path
        self._told: list[str] = []

    def add(self, count: int, what: str) -> None:
        """Say `what` of a number of entries, unless there are none."""
        if count:
            self.tell(f"{count} {what}")

    def tell(self, text: str) -> None:
        """Add a statement."""
        self._told.append(text)

    def guessed(self, labels: Sequence[tuple[str, str]]) -> None:
        """Say which elements (second) were guessed from labels (first); unknown ones are another matter."""
        labels = [(label, element) for label, element in labels if element != UNKNOWN]
        if labels:
            distinct = sorted({f"{label} as {element}" for label, element in labels})
            more = f" and {len(distinct) - MOST_NAMED} more" if len(distinct) > MOST_NAMED else ""
            self.tell(
                f"the elements of {len(labels)} atoms are guessed from their names: "
                f"{', '.join(distinct[:MOST_NAMED])}{more}; give type symbols"
            )

    def warn(self) -> None:
        """Issue the warning, unless there is nothing to say."""
        if self._told:
            text = "; ".join(self._told)
            warn_user(f"{self._path}: {text}; correct the file if that is wrong")
